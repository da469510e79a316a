/* Calls for children: see stress.h. */
#include "stress.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHORT_MS = 5, MOST_WAITED_FOR = 8 };

/* Every status that is known before a call must be what the call returns. */
static void check_status_of(struct record *record, int result, const chld_status *status,
                            bool was_known, int otherwise)
{
    if (CHECK_RESULT(record, result, was_known ? 0 : otherwise)) {
        CHECK_TRUE(record, status);
    }
}

static void act_wait_now(struct dice *dice)
{
    chld_status status;
    struct record *record = some_child(dice);
    if (record) {
        bool was_known = is_known(record);
        int result = CALL(chld_wait(record->id, 0, &status));
        check_status_of(record, result, &status, was_known, -ETIMEDOUT);
    }
}

static void act_wait_shortly(struct dice *dice)
{
    chld_status status;
    struct record *record = some_child(dice);
    if (record) {
        bool was_known = is_known(record);
        int result = CALL(chld_wait(record->id, 1 + (int) throw(dice, SHORT_MS), &status));
        check_status_of(record, result, &status, was_known, -ETIMEDOUT);
    }
}

/* Only for what will exit. */
static void act_wait(struct dice *dice)
{
    chld_status status;
    struct record *record = some_child(dice);
    if (record) {
        doom(record);
        int result = CALL(chld_wait(record->id, -1, &status));
        check_status_of(record, result, &status, true, 0);
    }
}

static void act_wait_change(struct dice *dice)
{
    chld_status status;
    struct record *record = some_child(dice);
    if (!record) {
        return;
    }
    bool was_known = is_known(record);
    int result = CALL(chld_wait_change(record->id, throw(dice, 4), SHORT_MS, &status));
    if (result == 0
        && (status.state == CHLD_STATE_STOPPED || status.state == CHLD_STATE_CONTINUED)) {
        CHECK(atomic_load(&record->stops));
    } else {
        check_status_of(record, result, &status, was_known, -ETIMEDOUT);
    }
}

static void act_wait_any(struct dice *dice)
{
    struct record *listed[MOST_WAITED_FOR];
    chld_id ids[MOST_WAITED_FOR];
    chld_event event = { 0 };
    const size_t count = 1 + throw(dice, MOST_WAITED_FOR);
    bool all_open = true;
    for (size_t i = 0; i < count; i++) {
        listed[i] = some_child(dice);
        ids[i] = listed[i] ? listed[i]->id : CHLD_NONE;
    }
    int result = CALL(chld_wait_any(ids, count, (int) throw(dice, SHORT_MS), &event));
    for (size_t i = 0; i < count; i++) {
        all_open = all_open && (!listed[i] || !atomic_load(&listed[i]->is_closed));
    }
    if (result == 0) {
        CHECK(event.index < count && event.id == ids[event.index]);
        CHECK_TRUE(listed[event.index], &event.status);
    } else {
        if (result != -ETIMEDOUT && result != -ECHILD && (result != -EBADF || all_open)) {
            fail(__FILE__, __LINE__, "chld_wait_any gives %d", result);
        }
    }
}

static void act_peek(struct dice *dice)
{
    chld_status status;
    struct record *record = some_child(dice);
    if (!record) {
        return;
    }
    bool was_known = is_known(record);
    if (CHECK_RESULT(record, CALL(chld_peek(record->id, &status)), 0)) {
        if (status.state != CHLD_STATE_RUNNING) {
            CHECK_TRUE(record, &status);
        } else {
            CHECK(!was_known);
        }
    }
}

static void act_ask(struct dice *dice)
{
    void *user = NULL;
    chld_resources usage;
    struct record *record = some_child(dice);
    if (!record) {
        return;
    }
    int pid = CALL(chld_pid(record->id));
    CHECK(pid == record->pid || (pid == -EBADF && atomic_load(&record->is_closed)));
    if (CHECK_RESULT(record, CALL(chld_user(record->id, &user)), 0)) {
        CHECK(!user || user == record);
    }
    bool was_known = is_known(record);
    (void) CHECK_RESULT(record, CALL(chld_usage(record->id, &usage)), -ENODATA,
                        was_known ? 0 : -EBUSY);
}

static void act_find(struct dice *dice)
{
    chld_id found = CHLD_NONE;
    struct record *record = some_child(dice);
    if (record && CALL(chld_find(record->pid, &found)) == 0) {
        CHECK(found != CHLD_NONE);
    }
}

/* An exit descriptor that is readable promises the status. */
static void act_exit_fd(struct dice *dice)
{
    chld_status status;
    struct record *record = some_child(dice);
    if (!record) {
        return;
    }
    int fd = CALL(chld_exit_fd(record->id));
    if (CHECK_RESULT(record, fd, 0) && !atomic_load(&record->is_closed) && is_readable(fd)) {
        bool is_open = !atomic_load(&record->is_closed);
        int result = CALL(chld_wait(record->id, 0, &status));
        check_status_of(record, result, &status, is_open, -ETIMEDOUT);
    }
}

static void act_kill(struct dice *dice)
{
    static const int signals[] = { SIGTERM, SIGKILL, SIGSTOP, SIGCONT, SIGURG, SIGCONT, 0 };
    const int signal = signals[throw(dice, 7)];
    struct record *record = some_child(dice);
    if (!record) {
        return;
    }
    if (signal == SIGTERM || signal == SIGKILL) {
        atomic_fetch_or(&record->sent, 1u << (signal - 1));
    } else if (signal == SIGSTOP || signal == SIGCONT) {
        atomic_store(&record->stops, true);
    }
    bool was_known = is_known(record);
    int result = throw(dice, 3) || !record->leads || signal == 0
                   ? CALL(chld_kill(record->id, signal))
                   : CALL(chld_kill_group(record->id, signal));
    if (CHECK_RESULT(record, result, -ESRCH)) {
        CHECK(!was_known || record->leads);
    }
}

static void act_kill_tree(struct dice *dice)
{
    struct record *record = some_child(dice);
    if (record) {
        atomic_fetch_or(&record->sent, 1u << (SIGKILL - 1));
        atomic_store(&record->stops, true);
        (void) CHECK_RESULT(record, CALL(chld_kill_tree(record->id, SIGKILL, NULL)),
                            -ESRCH, -ETIMEDOUT);
    }
}

static void act_stop(struct dice *dice)
{
    const chld_stop_step steps[] = { { SIGTERM, 20 }, { SIGKILL, 60000 } };
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    chld_status status;
    struct record *record = some_child(dice);
    if (!record) {
        return;
    }
    plan.steps = steps;
    plan.steps_count = 2;
    atomic_fetch_or(&record->sent, 1u << (SIGTERM - 1) | 1u << (SIGKILL - 1));
    atomic_store(&record->stops, true);
    if (CHECK_RESULT(record, CALL(chld_stop(record->id, &plan, &status)), 0)) {
        CHECK_TRUE(record, &status);
    }
}

static void act_end_input(struct dice *dice)
{
    struct record *record = some_child(dice);
    if (record && record->waits) {
        atomic_store(&record->told, true);
        (void) CHECK_RESULT(record, CALL(chld_close_fd(record->id, CHLD_STDIN)), -ENOENT, -EBUSY);
    }
}

static void act_take_output(struct dice *dice)
{
    struct record *record = some_child(dice);
    if (record) {
        int fd = CALL(chld_take_fd(record->id, CHLD_STDOUT));
        if (CHECK_RESULT(record, fd, -ENOENT, -EBUSY)) {
            close(fd);
        }
    }
}

static void act_capture(struct dice *dice)
{
    const chld_stop_step step = { SIGKILL, 60000 };
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result = { 0 };
    struct record *record = some_child(dice);
    if (!record) {
        return;
    }
    plan.steps = &step;
    plan.steps_count = 1;
    options.stop = &plan;
    options.timeout_ms = 1 + (int) throw(dice, 20);
    atomic_store(&record->told, true);
    atomic_fetch_or(&record->sent, 1u << (SIGKILL - 1));
    atomic_store(&record->stops, true);
    if (CHECK_RESULT(record, CALL(chld_capture(record->id, &options, &result)), -EBUSY)) {
        CHECK_TRUE(record, &result.status);
    }
}

static void act_run(struct dice *dice)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result = { 0 };
    char text[8] = "", output[8];
    const unsigned size = throw(dice, 7);
    memset(text, 'a' + (int) size, size);
    options.in = (chld_feed) { .mode = CHLD_FEED_BUFFER, .data = text, .size = size };
    options.out = (chld_sink) { .mode = CHLD_SINK_HEAD, .buffer = output, .size = sizeof output };
    if (!CHECK_CALL(chld_run(ACT("cat"), NULL, &options, &result, NULL), 0)) {
        return;
    }
    CHECK(result.out.kept == size && memcmp(output, text, size) == 0);
    if (result.status.state != CHLD_STATE_LOST || !may_be_stolen(result.pid)) {
        CHECK_EXITED(result.status, 0);
    }
}

static void act_close(struct dice *dice)
{
    struct record *record = take_child(dice);
    if (record) {
        close_child(record);
    }
}

/* The program waits for it by itself, unless others were faster. */
static void act_release(struct dice *dice)
{
    int pid = -1, word;
    struct record *record = take_child(dice);
    if (!record) {
        return;
    }
    doom(record);
    note_theft(record->pid);
    int result = CALL(chld_release(record->id, &pid));
    if (result < 0) {
        CHECK(result == -ESRCH || result == -EBUSY);
        close_child(record);
        return;
    }
    atomic_store(&record->is_closed, true);
    CHECK_INT(pid, record->pid);
    if (waitpid(pid, &word, 0) < 0) {
        CHECK_INT(errno, ECHILD);
    }
}

static void act_reap(struct dice *dice)
{
    (void) dice;
    CHECK(CALL(chld_reap()) >= 0);
}

static void act_sigchld(struct dice *dice)
{
    switch (throw(dice, 4)) {
    case 0:
        CHECK_CALL(chld_sigchld_install(throw(dice, 2) ? CHLD_SIGCHLD_NOTIFY : 0), 0);
        return;
    case 1: {
        int result = CALL(chld_sigchld_remove());
        CHECK(result == 0 || result == -ENOENT);
        return;
    }
    case 2: {
        int result = CALL(chld_sigchld_pending());
        CHECK(result == 0 || result == 1 || result == -ENOENT);
        return;
    }
    default: {
        uint32_t found;
        CHECK_CALL(chld_environment(&found), 0);
    }
    }
}

const struct action calls_for_children[] = {
    { "start", 40, start_child },
    { "chld_wait of 0", 8, act_wait_now },
    { "chld_wait with a timeout", 8, act_wait_shortly },
    { "chld_wait", 4, act_wait },
    { "chld_wait_change", 5, act_wait_change },
    { "chld_wait_any", 6, act_wait_any },
    { "chld_peek", 8, act_peek },
    { "asking", 6, act_ask },
    { "chld_find", 4, act_find },
    { "chld_exit_fd", 5, act_exit_fd },
    { "chld_kill", 10, act_kill },
    { "chld_kill_tree", 1, act_kill_tree },
    { "chld_stop", 2, act_stop },
    { "chld_close_fd", 8, act_end_input },
    { "chld_take_fd", 3, act_take_output },
    { "chld_capture", 3, act_capture },
    { "chld_run", 2, act_run },
    { "chld_close", 18, act_close },
    { "chld_release", 3, act_release },
    { "chld_reap", 4, act_reap },
    { "SIGCHLD", 4, act_sigchld },
    { NULL, 0, NULL },
};
