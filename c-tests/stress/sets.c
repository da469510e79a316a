/* Calls for sets: see stress.h. Every set may be closed by another thread at any time. */
#include "stress.h"

enum { SETS = 4, SHORT_MS = 5 };
static _Atomic chld_set sets[SETS];

static chld_set some_set(struct dice *dice)
{
    return atomic_load(&sets[throw(dice, SETS)]);
}

/* What a call for a set has returned: there are no other records of sets. */
static bool check_set_result(int line, int result, const int *others)
{
    bool is_fine = result >= 0 || result == -EBADF;
    for (; !is_fine && *others; others++) {
        is_fine = result == *others;
    }
    if (!is_fine) {
        fail(__FILE__, line, "the call gives %d (%s)", result, strerror(-result));
    }
    return result >= 0;
}

#define CHECK_SET(result, ...) \
    check_set_result(__LINE__, (result), (const int[]) { __VA_ARGS__, 0 })

static void act_open(struct dice *dice)
{
    chld_set set, none = 0;
    CHECK_CALL(chld_set_open(throw(dice, 3) ? 0 : CHLD_SET_SIGCHLD, &set), 0);
    if (!atomic_compare_exchange_strong(&sets[throw(dice, SETS)], &none, set)) {
        CHECK_CALL(chld_set_close(set), 0);
    }
}

static void close_set(int place)
{
    chld_set set = atomic_exchange(&sets[place], 0);
    if (set) {
        CHECK_CALL(chld_set_close(set), 0);
    }
}

static void act_close(struct dice *dice)
{
    close_set((int) throw(dice, SETS));
}

void close_all_sets(void)
{
    for (int i = 0; i < SETS; i++) {
        close_set(i);
    }
}

static void act_add(struct dice *dice)
{
    chld_set set = some_set(dice);
    struct record *record = some_child(dice);
    if (set && record) {
        (void) CHECK_SET(CALL(chld_set_add(set, record->id, throw(dice, 8) % 4)), -EEXIST);
    }
}

static void act_remove(struct dice *dice)
{
    chld_set set = some_set(dice);
    struct record *record = some_child(dice);
    if (set && record) {
        (void) CHECK_SET(CALL(chld_set_remove(set, record->id)), -ENOENT);
    }
}

static void check_event(const chld_event *event)
{
    struct record *record = event->user;
    switch (event->kind) {
    case CHLD_EVENT_WOKEN:
        CHECK(event->id == CHLD_NONE && !event->last);
        return;
    case CHLD_EVENT_EXITED:
    case CHLD_EVENT_CAPTURED:
        CHECK(event->last);
        /* A stop sequence may give up before the exit; adopted children have no user. */
        if (record && event->status.state != CHLD_STATE_RUNNING) {
            CHECK_TRUE(record, &event->status);
        }
        break;
    case CHLD_EVENT_STOPPED:
    case CHLD_EVENT_CONTINUED:
        CHECK(!record || atomic_load(&record->stops));
        break;
    default:
        CHECK_INT(event->kind, CHLD_EVENT_SURVIVED);
    }
    CHECK(!record || record->id == event->id);
}

static void act_next(struct dice *dice)
{
    chld_event event = { 0 };
    chld_set set = some_set(dice);
    if (set && CHECK_SET(CALL(chld_set_next(set, &event)), -EAGAIN)) {
        check_event(&event);
    }
}

static void act_wait(struct dice *dice)
{
    chld_event event = { 0 };
    chld_set set = some_set(dice);
    if (set && CHECK_SET(CALL(chld_set_wait(set, (int) throw(dice, SHORT_MS), &event)), -ETIMEDOUT)) {
        check_event(&event);
    }
}

static void act_ask(struct dice *dice)
{
    chld_set set = some_set(dice);
    if (set) {
        (void) CHECK_SET(CALL(chld_set_count(set)), 0);
        (void) CHECK_SET(CALL(chld_set_fd(set)), 0);
    }
}

void wake_some_set(unsigned number)
{
    chld_set set = atomic_load(&sets[number % SETS]);
    if (set) {
        chld_set_wake(set);
    }
}

static void act_wake(struct dice *dice)
{
    wake_some_set(throw(dice, SETS));
}

static void act_stop(struct dice *dice)
{
    const chld_stop_step steps[] = { { SIGTERM, 10 }, { SIGKILL, 60000 } };
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    chld_set set = some_set(dice);
    struct record *record = some_child(dice);
    if (!set || !record) {
        return;
    }
    plan.steps = steps;
    plan.steps_count = 2;
    atomic_fetch_or(&record->sent, 1u << (SIGTERM - 1) | 1u << (SIGKILL - 1));
    atomic_store(&record->stops, true);
    (void) CHECK_SET(CALL(chld_set_stop(set, record->id, (int) throw(dice, 30), &plan)), -EBUSY);
}

static void act_capture(struct dice *dice)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_set set = some_set(dice);
    struct record *record = some_child(dice);
    if (!set || !record) {
        return;
    }
    options.timeout_ms = 1 + (int) throw(dice, 20);
    if (throw(dice, 2)) {
        options.out = (chld_sink) { .mode = CHLD_SINK_GROW, .size = 1000 };
    }
    atomic_store(&record->told, true);
    atomic_fetch_or(&record->sent, 1u << (SIGTERM - 1) | 1u << (SIGKILL - 1));
    atomic_store(&record->stops, true);
    (void) CHECK_SET(CALL(chld_set_capture(set, record->id, &options)), -EBUSY, -ENOENT);
}

static void act_take_result(struct dice *dice)
{
    chld_capture_result result;
    struct record *record = some_child(dice);
    if (record && CHECK_RESULT(record, CALL(chld_capture_take(record->id, &result)), -ENODATA)) {
        CHECK_CALL(chld_buffer_free(result.out.data), 0);
    }
}

const struct action calls_for_sets[] = {
    { "chld_set_open", 4, act_open },
    { "chld_set_close", 2, act_close },
    { "chld_set_add", 15, act_add },
    { "chld_set_remove", 4, act_remove },
    { "chld_set_next", 15, act_next },
    { "chld_set_wait", 12, act_wait },
    { "asking a set", 4, act_ask },
    { "chld_set_wake", 4, act_wake },
    { "chld_set_stop", 3, act_stop },
    { "chld_set_capture", 3, act_capture },
    { "chld_capture_take", 3, act_take_result },
    { NULL, 0, NULL },
};
