/* The records of the children: see stress.h. */
#include "stress.h"

#include <stdio.h>
#include <stdlib.h>

enum { PLACES = 36, MOST_RECORDS = 1 << 21, MOST_PIDS = 1 << 22 };

static struct record records[MOST_RECORDS];
static atomic_int used;
static _Atomic(struct record *) places[PLACES];

unsigned throw(struct dice *dice, unsigned sides)
{
    dice->state += 0x9e3779b97f4a7c15ull; /* splitmix64 */
    uint64_t mixed = dice->state;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9ull;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebull;
    return (unsigned) ((mixed ^ mixed >> 31) % sides);
}

static struct record *new_record(void)
{
    int index = atomic_fetch_add(&used, 1);
    if (index >= MOST_RECORDS) {
        atomic_store(&used, MOST_RECORDS);
        return NULL;
    }
    atomic_store(&records[index].word, UNKNOWN_WORD);
    return &records[index];
}

struct record *some_child(struct dice *dice)
{
    return atomic_load(&places[throw(dice, PLACES)]);
}

struct record *take_child(struct dice *dice)
{
    return atomic_exchange(&places[throw(dice, PLACES)], NULL);
}

static bool place(struct record *record)
{
    for (int i = 0; i < PLACES; i++) {
        struct record *none = NULL;
        if (atomic_compare_exchange_strong(&places[i], &none, record)) {
            return true;
        }
    }
    return false;
}

static chld_spawn_options some_options(struct dice *dice, struct record *record)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.user = record;
    options.in.mode = record->waits ? CHLD_STDIO_PIPE : CHLD_STDIO_NULL;
    if (throw(dice, 2)) {
        options.out.mode = CHLD_STDIO_PIPE;
    }
    record->leads = throw(dice, 3) == 0;
    options.group_mode = record->leads ? CHLD_GROUP_NEW : CHLD_GROUP_INHERIT;
    if (throw(dice, 8) == 0) {
        options.flags |= CHLD_SPAWN_KILL_ON_CLOSE;
    }
    return options;
}

void start_child(struct dice *dice)
{
    struct record *record;
    if (atomic_load(&places[throw(dice, PLACES)]) || !(record = new_record())) {
        return;
    }
    record->code = (int) throw(dice, CODES);
    record->waits = throw(dice, 3) != 0;
    atomic_store(&record->told, !record->waits);
    chld_spawn_options options = some_options(dice, record);
    const char *what = record->waits ? "block" : "exit";
    if (!CHECK_INT(CALL(chld_spawn(&record->id, ACT(what, DECIMAL(record->code)), &options, NULL)),
                   0)) {
        return;
    }
    record->pid = CALL(chld_pid(record->id));
    if (!place(record)) {
        doom(record);
        close_child(record);
    }
}

bool keep_child(chld_id id, int pid, int code)
{
    struct record *record = new_record();
    if (!record) {
        return false;
    }
    record->id = id;
    record->pid = pid;
    record->code = code;
    atomic_store(&record->told, true);
    return place(record);
}

void doom(struct record *record)
{
    atomic_fetch_or(&record->sent, 1u << (SIGKILL - 1));
    (void) CHECK_RESULT(record, CALL(chld_kill(record->id, SIGKILL)), -ESRCH);
}

void close_child(struct record *record)
{
    /* The end of its input; and CHLD_SPAWN_KILL_ON_CLOSE. A stopped child would stay. */
    atomic_store(&record->told, true);
    atomic_fetch_or(&record->sent, 1u << (SIGKILL - 1));
    if (atomic_load(&record->stops)) {
        doom(record);
    }
    atomic_store(&record->is_closed, true);
    CHECK_CALL(chld_close(record->id), 0);
}

void close_all_children(void)
{
    for (int i = 0; i < PLACES; i++) {
        struct record *record = atomic_exchange(&places[i], NULL);
        chld_status status;
        if (record) {
            doom(record);
            if (CHECK_CALL(chld_wait(record->id, 60000, &status), 0)) {
                CHECK_TRUE(record, &status);
            }
            close_child(record);
        }
    }
}

/* What other code may have reaped */

static _Atomic unsigned char thefts[MOST_PIDS / 8];

void note_theft(int pid)
{
    atomic_fetch_or(&thefts[pid / 8], (unsigned char) (1u << pid % 8));
}

bool may_be_stolen(int pid)
{
    return pid > 0 && atomic_load(&thefts[pid / 8]) >> pid % 8 & 1;
}

/* The truth */

bool is_known(const struct record *record)
{
    return atomic_load(&record->word) != UNKNOWN_WORD;
}

static bool is_possible(const struct record *record, const chld_status *status)
{
    switch (status->state) {
    case CHLD_STATE_EXITED:
        return status->code == record->code && atomic_load(&record->told);
    case CHLD_STATE_KILLED:
        return atomic_load(&record->sent) >> (status->code - 1) & 1;
    case CHLD_STATE_LOST:
        return may_be_stolen(record->pid);
    default:
        return false;
    }
}

void check_true(const char *file, int line, struct record *record, const chld_status *status)
{
    int first = UNKNOWN_WORD;
    if (!is_possible(record, status)) {
        fail(file, line, "pid %d: state %d, code %d; it exits with %d (told: %d, sent: %x)",
             record->pid, status->state, status->code, record->code, atomic_load(&record->told),
             atomic_load(&record->sent));
    }
    if (!atomic_compare_exchange_strong(&record->word, &first, status->wait_word)
        && first != status->wait_word) {
        fail(file, line, "pid %d: word %#x after word %#x", record->pid, status->wait_word, first);
    }
}

bool check_result_of(const char *file, int line, const struct record *record, int result,
                     const int *others)
{
    bool is_fine = result >= 0 || (result == -EBADF && atomic_load(&record->is_closed));
    for (; !is_fine && *others; others++) {
        is_fine = result == *others;
    }
    if (!is_fine) {
        fail(file, line, "pid %d: the call gives %d (%s)", record->pid, result, strerror(-result));
    }
    return result >= 0;
}
