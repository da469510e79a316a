/* What a set reports in addition to exits, and what it does with its children: stops, wake-ups,
 * stop sequences, captures. */
#include "exits.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

/* Waits, without a timeout of its own that could be too short, for the next event. */
static chld_event next_event(chld_set set)
{
    chld_event event = { 0 };
    CHECK_CALL(chld_set_wait(set, 20000, &event), 0);
    return event;
}

static void check_event(chld_set set, uint32_t kind, chld_id id, int last)
{
    chld_event event = next_event(set);
    CHECK_INT(event.kind, kind);
    CHECK(event.id == id);
    CHECK_INT(event.last, last);
}

TEST_EACH_ENGINE(a_child_that_is_removed_is_not_reported)
{
    struct gate gate = gate_make();
    chld_set set = SET_OPEN(flags);
    chld_id removed = START_AT(&gate, 5), kept = START_AT(&gate, 6);
    CHECK_CALL(chld_set_remove(set, removed), -ENOENT);
    CHECK_CALL(chld_set_add(set, removed, 0), 0);
    CHECK_CALL(chld_set_add(set, kept, 0), 0);
    CHECK_CALL(chld_set_count(set), 2);
    CHECK_CALL(chld_set_remove(set, removed), 0);
    CHECK_CALL(chld_set_count(set), 1);
    CHECK_CALL(chld_set_remove(set, removed), -ENOENT);
    gate_open(&gate);
    check_event(set, CHLD_EVENT_EXITED, kept, 1);
    CHECK_CALL(chld_set_count(set), 0);
    CHECK_CALL(chld_set_wait(set, 0, NULL), -ETIMEDOUT);
    CHECK_CALL(chld_set_add(set, removed, 0), 0);
    check_event(set, CHLD_EVENT_EXITED, removed, 1);
    CHECK_EXITED(FINISH(removed), 5);
    CHECK_EXITED(FINISH(kept), 6);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(what_is_no_set_or_no_child_is_refused)
{
    struct gate gate = gate_make();
    chld_set set = SET_OPEN(flags);
    chld_id id = START_AT(&gate, 5);
    CHECK_CALL(chld_set_add(set, id, 4), -EINVAL);
    CHECK_CALL(chld_set_remove(set, CHLD_NONE), -EBADF);
    CHECK_CALL(chld_set_remove(CHLD_NONE, id), -EBADF);
    CHECK_CALL(chld_set_count(id), -EBADF);
    CHECK_CALL(chld_set_wake(id), -EBADF);
    CHECK_CALL(chld_set_stop(set, id, -1, NULL), -EINVAL);
    CHECK_CALL(chld_set_stop(set, CHLD_NONE, 0, NULL), -EBADF);
    CHECK_CALL(chld_set_capture(set, CHLD_NONE, NULL), -EBADF);
    CHECK_CALL(chld_capture_take(id, NULL), -EINVAL);
    chld_capture_result result;
    CHECK_CALL(chld_capture_take(id, &result), -ENODATA);
    CHECK_CALL(chld_set_count(set), 0);
    gate_open(&gate);
    CHECK_EXITED(FINISH(id), 5);
    CHECK_CALL(chld_set_close(set), 0);
    CHECK_CALL(chld_set_count(set), -EBADF);
}

/* Stops */

TEST_EACH_ENGINE(stops_and_continuations_are_reported_on_request)
{
    struct gate gate = gate_make();
    chld_set set = SET_OPEN(flags);
    chld_id watched = START_AT(&gate, 5), plain = START_AT(&gate, 6);
    CHECK_CALL(chld_set_add(set, watched, CHLD_WATCH_STOPPED | CHLD_WATCH_CONTINUED), 0);
    CHECK_CALL(chld_set_add(set, plain, 0), 0);
    CHECK_CALL(chld_kill(plain, SIGSTOP), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_CALL(chld_kill(watched, SIGSTOP), 0);
        chld_event event = next_event(set);
        CHECK_INT(event.kind, CHLD_EVENT_STOPPED);
        CHECK(event.id == watched && event.last == 0);
        CHECK_STATUS(event.status, CHLD_STATE_STOPPED, SIGSTOP);
        CHECK_CALL(chld_kill(watched, SIGCONT), 0);
        check_event(set, CHLD_EVENT_CONTINUED, watched, 0);
    }
    CHECK_CALL(chld_kill(plain, SIGCONT), 0);
    gate_open(&gate);
    next_event(set);
    next_event(set);
    CHECK_CALL(chld_set_count(set), 0);
    CHECK_EXITED(FINISH(watched), 5);
    CHECK_EXITED(FINISH(plain), 6);
    CHECK_CALL(chld_set_close(set), 0);
}

/* SIGCHLD is blocked in every thread: the set looks by itself. */
TEST_EACH_ENGINE(stops_are_reported_although_sigchld_is_blocked)
{
    sigset_t blocked, before;
    struct gate gate = gate_make();
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    REQUIRE(pthread_sigmask(SIG_BLOCK, &blocked, &before) == 0);
    chld_set set = SET_OPEN(flags);
    chld_id id = START_AT(&gate, 5);
    CHECK_CALL(chld_set_add(set, id, CHLD_WATCH_STOPPED), 0);
    CHECK_CALL(chld_kill(id, SIGSTOP), 0);
    AWAIT(is_readable(CALL(chld_set_fd(set)))); /* a foreign loop is woken, too */
    check_event(set, CHLD_EVENT_STOPPED, id, 0);
    CHECK_CALL(chld_kill(id, SIGCONT), 0);
    gate_open(&gate);
    check_event(set, CHLD_EVENT_EXITED, id, 1);
    CHECK_EXITED(FINISH(id), 5);
    CHECK_CALL(chld_set_close(set), 0);
    sigset_t pending;
    REQUIRE(sigpending(&pending) == 0);
    CHECK(sigismember(&pending, SIGCHLD) == 1); /* never let in */
    int taken;
    REQUIRE(sigwait(&blocked, &taken) == 0);
    REQUIRE(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
}

/* The looks for stops do not keep the set from looking for exits. */
TEST_EACH_ENGINE(an_exit_is_reported_although_sigchld_is_blocked)
{
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    REQUIRE(pthread_sigmask(SIG_BLOCK, &blocked, &before) == 0);
    chld_set set = SET_OPEN(flags);
    chld_id id = START(ARGV("sh", "-c", "sleep 0.3; exit 5"), NULL);
    CHECK_CALL(chld_set_add(set, id, CHLD_WATCH_STOPPED), 0);
    check_event(set, CHLD_EVENT_EXITED, id, 1);
    CHECK_EXITED(FINISH(id), 5);
    CHECK_CALL(chld_set_close(set), 0);
    int taken;
    REQUIRE(sigwait(&blocked, &taken) == 0);
    REQUIRE(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
}

/* Wake-ups */

TEST_EACH_ENGINE(a_wake_up_is_kept_and_reported_once)
{
    chld_set set = SET_OPEN(flags);
    CHECK_CALL(chld_set_wait(set, 0, NULL), -ETIMEDOUT);
    CHECK_CALL(chld_set_wake(set), 0);
    CHECK_CALL(chld_set_wake(set), 0);
    CHECK(is_readable(CALL(chld_set_fd(set))));
    check_event(set, CHLD_EVENT_WOKEN, CHLD_NONE, 0);
    CHECK(!is_readable(CALL(chld_set_fd(set))));
    CHECK_CALL(chld_set_wait(set, 0, NULL), -ETIMEDOUT);
    CHECK_CALL(chld_set_close(set), 0);
}

static void wake_from_handler(int signal)
{
    (void) signal;
    extern chld_set woken_set;
    chld_set_wake(woken_set);
}

chld_set woken_set;

static void *wake_twice(void *unused)
{
    CHECK_CALL(chld_set_wake(woken_set), 0);
    return unused;
}

TEST_EACH_ENGINE(threads_and_handlers_wake_a_waiter)
{
    pthread_t thread;
    struct sigaction before, action = { .sa_handler = wake_from_handler };
    woken_set = SET_OPEN(flags);
    REQUIRE(pthread_create(&thread, NULL, wake_twice, NULL) == 0);
    check_event(woken_set, CHLD_EVENT_WOKEN, CHLD_NONE, 0);
    pthread_join(thread, NULL);
    REQUIRE(sigaction(SIGUSR1, &action, &before) == 0);
    raise(SIGUSR1);
    check_event(woken_set, CHLD_EVENT_WOKEN, CHLD_NONE, 0);
    REQUIRE(sigaction(SIGUSR1, &before, NULL) == 0);
    CHECK_CALL(chld_set_close(woken_set), 0);
}

static void *wait_forever(void *result)
{
    *(int *) result = CALL(chld_set_wait(woken_set, -1, NULL));
    return NULL;
}

TEST_EACH_ENGINE(closing_a_set_ends_the_waits_on_it)
{
    enum { WAITERS = 3 };
    pthread_t threads[WAITERS];
    int results[WAITERS] = { 0 };
    struct gate gate = gate_make();
    woken_set = SET_OPEN(flags);
    chld_id id = START_AT(&gate, 5);
    CHECK_CALL(chld_set_add(woken_set, id, 0), 0);
    for (int i = 0; i < WAITERS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, wait_forever, &results[i]) == 0);
    }
    CHECK_CALL(chld_set_close(woken_set), 0);
    for (int i = 0; i < WAITERS; i++) {
        pthread_join(threads[i], NULL);
        CHECK_INT(results[i], -EBADF);
    }
    gate_open(&gate);
    CHECK_EXITED(FINISH(id), 5);
}

/* Stop sequences */

/* A shell that ignores SIGTERM and waits for its end on the gate. */
static chld_id start_stubborn(const struct gate *gate)
{
    char byte;
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    chld_fd_map map = { gate->wait_end, 9 };
    options.out.mode = CHLD_STDIO_PIPE;
    options.group_mode = CHLD_GROUP_NEW;
    options.fds = &map;
    options.fds_count = 1;
    chld_id id = START(ARGV("/bin/sh", "-c", "trap '' TERM; echo; read line <&9; exit 4"), &options);
    REQUIRE(read(CALL(chld_stdout_fd(id)), &byte, 1) == 1);
    return id;
}

static const chld_stop_step term_then_kill[] = { { SIGTERM, 200 }, { SIGKILL, 10000 } };
static const chld_stop_step term_only[] = { { SIGTERM, 10 } };

static chld_stop_plan plan_of(const chld_stop_step *steps, size_t count)
{
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    plan.steps = steps;
    plan.steps_count = count;
    return plan;
}

/* Ten of them take one grace of 200 ms, not ten. */
TEST_EACH_ENGINE(many_stubborn_children_stop_in_the_time_of_one)
{
    enum { COUNT = 50 };
    chld_id ids[COUNT];
    struct gate gate = gate_make();
    chld_set set = SET_OPEN(flags);
    chld_stop_plan plan = plan_of(term_then_kill, 2);
    int count = scaled(COUNT);
    for (int i = 0; i < count; i++) {
        ids[i] = start_stubborn(&gate);
    }
    long long began = now_ms();
    for (int i = 0; i < count; i++) {
        CHECK_CALL(chld_set_stop(set, ids[i], 0, &plan), 0);
    }
    CHECK_CALL(chld_set_count(set), count);
    for (int i = 0; i < count; i++) {
        chld_event event = next_event(set);
        CHECK_INT(event.kind, CHLD_EVENT_EXITED);
        CHECK_INT(event.last, 1);
        CHECK(event.capture == NULL);
        CHECK_STATUS(event.status, CHLD_STATE_KILLED, SIGKILL);
    }
    CHECK(now_ms() - began < 200 * (count / 2 + 5)); /* one after the other: 200 * count */
    CHECK_CALL(chld_set_count(set), 0);
    for (int i = 0; i < count; i++) {
        CHECK_CALL(chld_close(ids[i]), 0);
    }
    gate_open(&gate);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(a_child_that_survives_stays_in_the_set)
{
    struct gate gate = gate_make();
    chld_set set = SET_OPEN(flags);
    chld_id id = start_stubborn(&gate);
    chld_stop_plan plan = plan_of(term_only, 1);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    CHECK_CALL(chld_set_stop(set, id, 0, &plan), 0);
    check_event(set, CHLD_EVENT_SURVIVED, id, 0);
    CHECK_CALL(chld_set_count(set), 1);
    CHECK_CALL(chld_set_wait(set, 0, NULL), -ETIMEDOUT);
    gate_open(&gate);
    check_event(set, CHLD_EVENT_EXITED, id, 1);
    CHECK_EXITED(FINISH(id), 4);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(a_stop_after_a_time_does_nothing_to_a_child_that_exits_before)
{
    struct gate gate = gate_make();
    chld_set set = SET_OPEN(flags);
    chld_id id = START_AT(&gate, 5);
    CHECK_CALL(chld_set_stop(set, id, 60000, NULL), 0);
    CHECK_CALL(chld_set_wait(set, 0, NULL), -ETIMEDOUT);
    gate_open(&gate);
    check_event(set, CHLD_EVENT_EXITED, id, 1);
    CHECK_EXITED(FINISH(id), 5);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(a_later_stop_replaces_the_earlier_one)
{
    struct gate gate = gate_make();
    chld_set set = SET_OPEN(flags);
    chld_id id = start_stubborn(&gate);
    chld_stop_plan kill = plan_of(&term_then_kill[1], 1);
    CHECK_CALL(chld_set_stop(set, id, 60000, NULL), 0);
    CHECK_CALL(chld_set_stop(set, id, 0, &kill), 0);
    chld_event event = next_event(set);
    CHECK_STATUS(event.status, CHLD_STATE_KILLED, SIGKILL);
    gate_open(&gate);
    CHECK_CALL(chld_close(id), 0);
    CHECK_CALL(chld_set_close(set), 0);
}

/* Other calls peek: the zombie stays until the set has reported it. */
TEST_EACH_ENGINE(a_child_that_a_set_stops_is_reaped_by_that_set)
{
    struct gate gate = gate_make();
    chld_set set = SET_OPEN(flags);
    chld_id id = START_AT(&gate, 5);
    int pid = CALL(chld_pid(id));
    CHECK_CALL(chld_set_stop(set, id, 60000, NULL), 0);
    gate_open(&gate);
    chld_status status;
    CHECK_CALL(chld_wait(id, -1, &status), 0);
    CHECK_EXITED(status, 5);
    CHECK_INT(process_state(pid), 'Z');
    check_event(set, CHLD_EVENT_EXITED, id, 1);
    CHECK(!process_is_there(pid));
    CHECK_EXITED(FINISH(id), 5);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(closing_the_set_or_the_child_ends_the_sequence)
{
    struct gate gate = gate_make();
    chld_set set = SET_OPEN(flags);
    chld_id first = start_stubborn(&gate), second = start_stubborn(&gate);
    int pid = CALL(chld_pid(first));
    CHECK_CALL(chld_set_stop(set, first, 60000, NULL), 0);
    CHECK_CALL(chld_set_stop(set, second, 60000, NULL), 0);
    CHECK_CALL(chld_close(first), 0);
    CHECK_CALL(chld_set_count(set), 1);
    CHECK_CALL(chld_set_close(set), 0);
    CHECK_CALL(chld_stop(second, &(chld_stop_plan) { .size = sizeof(chld_stop_plan),
                                                     .steps = &term_then_kill[1],
                                                     .steps_count = 1 }, NULL), 0);
    CHECK_CALL(chld_close(second), 0);
    gate_open(&gate);
    AWAIT(!process_is_there(pid) || (chld_reap(), false));
}

/* Captures */

static chld_capture_options growing(void)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.out.mode = options.err.mode = CHLD_SINK_GROW;
    return options;
}

TEST_EACH_ENGINE(a_set_captures_many_children_at_once)
{
    enum { COUNT = 40 };
    chld_set set = SET_OPEN(flags);
    int count = scaled(COUNT);
    for (int i = 0; i < count; i++) {
        chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
        chld_capture_options options = growing();
        chld_error error;
        chld_id id = CHLD_NONE;
        char script[100];
        snprintf(script, sizeof script, "echo out %d; echo err >&2; exit %d", i, i);
        spawn.user = (void *) (intptr_t) i;
        CHECK_CALL(chld_set_run(set, ARGV("/bin/sh", "-c", script), &spawn, &options, &id, &error), 0);
        CHECK(id != CHLD_NONE);
    }
    CHECK_CALL(chld_set_count(set), count);
    for (int i = 0; i < count; i++) {
        char expected[100];
        chld_event event = next_event(set);
        int number = (int) (intptr_t) event.user;
        REQUIRE(event.kind == CHLD_EVENT_CAPTURED && event.capture != NULL);
        CHECK_INT(event.last, 1);
        CHECK_EXITED(event.status, number);
        CHECK_EXITED(event.capture->status, number);
        snprintf(expected, sizeof expected, "out %d\n", number);
        CHECK_STR(event.capture->out.data, expected);
        CHECK_STR(event.capture->err.data, "err\n");
        CHECK_CALL(chld_close(event.id), 0);
    }
    CHECK_CALL(chld_set_count(set), 0);
    CHECK_CALL(chld_set_wait(set, 0, NULL), -ETIMEDOUT);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(the_result_of_a_capture_can_be_taken)
{
    chld_set set = SET_OPEN(flags);
    chld_capture_options options = growing();
    chld_capture_result result = { 0 };
    chld_id id;
    CHECK_CALL(chld_set_run(set, ARGV("/bin/echo", "kept"), NULL, &options, &id, NULL), 0);
    CHECK_CALL(chld_capture_take(id, &result), -ENODATA);
    check_event(set, CHLD_EVENT_CAPTURED, id, 1);
    CHECK_CALL(chld_capture_take(id, &result), 0);
    CHECK_CALL(chld_capture_take(id, &result), -ENODATA);
    CHECK_CALL(chld_close(id), 0);
    CHECK_STR(result.out.data, "kept\n");
    chld_buffer_free(result.out.data);
    chld_buffer_free(result.err.data);
    CHECK_CALL(chld_set_close(set), 0);
}

/* Whether anything came: on a slow machine the child has not even begun when a short
 * timeout is over. */
static bool time_out_after(int timeout_ms, uint64_t flags)
{
    chld_set set = SET_OPEN(flags);
    chld_capture_options options = growing();
    chld_stop_plan plan = plan_of(&term_then_kill[1], 1);
    chld_id id;
    options.timeout_ms = timeout_ms;
    options.stop = &plan;
    CHECK_CALL(chld_set_run(set, ARGV("/bin/sh", "-c", "echo begin; exec sleep 1000"), NULL, &options,
                            &id, NULL), 0);
    chld_event event = next_event(set);
    REQUIRE(event.kind == CHLD_EVENT_CAPTURED && event.capture != NULL);
    CHECK_STATUS(event.status, CHLD_STATE_KILLED, SIGKILL);
    CHECK_INT(event.capture->timed_out, 1);
    bool begun = event.capture->out.kept > 0;
    if (begun) {
        CHECK_STR(event.capture->out.data, "begin\n");
    }
    CHECK_CALL(chld_close(id), 0);
    CHECK_CALL(chld_set_close(set), 0);
    return begun;
}

TEST_EACH_ENGINE(a_timeout_of_a_capture_in_a_set_keeps_what_came)
{
    int timeout_ms = 100;
    while (!time_out_after(timeout_ms, flags) && !failures()) {
        REQUIRE((timeout_ms *= 2) < 10000);
    }
}

TEST_EACH_ENGINE(a_captured_child_is_busy_for_others)
{
    struct gate gate = gate_make();
    chld_set set = SET_OPEN(flags), other = SET_OPEN(flags);
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    chld_capture_options options = growing();
    spawn.out.mode = spawn.err.mode = CHLD_STDIO_PIPE;
    chld_id id = START(ACT("exit", "3"), &spawn);
    CHECK_CALL(chld_set_capture(set, id, &options), 0);
    CHECK_CALL(chld_set_capture(set, id, &options), -EBUSY);
    CHECK_CALL(chld_set_capture(other, id, &options), -EBUSY);
    CHECK_CALL(chld_set_count(other), 0);
    CHECK_CALL(chld_capture(id, &options, NULL), -EBUSY);
    CHECK_CALL(chld_set_add(set, id, 0), -EEXIST);
    check_event(set, CHLD_EVENT_CAPTURED, id, 1);
    CHECK_EXITED(FINISH(id), 3);
    gate_open(&gate);
    CHECK_CALL(chld_set_close(set), 0);
    CHECK_CALL(chld_set_close(other), 0);
}

TEST_EACH_ENGINE(a_capture_that_cannot_begin_leaves_nothing)
{
    struct gate gate = gate_make();
    chld_set set = SET_OPEN(flags);
    chld_capture_options options = growing();
    chld_id id = START_AT(&gate, 5);
    CHECK_CALL(chld_set_capture(set, id, &options), -ENOENT); /* it has no pipes */
    CHECK_CALL(chld_set_count(set), 0);
    gate_open(&gate);
    CHECK_EXITED(FINISH(id), 5);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(a_child_that_cannot_be_captured_is_not_left)
{
    chld_set set = SET_OPEN(flags);
    chld_capture_options options = growing();
    chld_error error;
    chld_id none = CHLD_NONE;
    siginfo_t info;
    CHECK_CALL(chld_set_run(CHLD_NONE, ARGV("sleep", "100"), NULL, &options, &none, &error), -EBADF);
    CHECK_INT(error.step, CHLD_STEP_CAPTURE);
    CHECK(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == -1 && errno == ECHILD);
    CHECK_CALL(chld_set_run(set, ARGV("/no/such"), NULL, &options, &none, &error), -ENOENT);
    CHECK_INT(error.step, CHLD_STEP_EXEC);
    CHECK(none == CHLD_NONE);
    CHECK_CALL(chld_set_count(set), 0);
    CHECK_CALL(chld_set_close(set), 0);
}

static chld_set own_set;
static chld_id own_id;
static int called;

static int act_in_callback(void *what, const char *data, size_t size)
{
    (void) data;
    (void) size;
    called++;
    CHECK_CALL(chld_set_next(own_set, NULL), -EDEADLK);
    CHECK_CALL(chld_set_wait(own_set, -1, NULL), -EDEADLK);
    if (*(char *) what == 'c') {
        CHECK_CALL(chld_close(own_id), 0);
    }
    if (*(char *) what == 's') {
        CHECK_CALL(chld_set_close(own_set), 0);
    }
    return 0;
}

static void run_with_callback(uint32_t flags, const char *what)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    called = 0;
    options.out.mode = CHLD_SINK_CALLBACK;
    options.out.callback = act_in_callback;
    options.out.argument = (void *) (uintptr_t) what;
    own_set = SET_OPEN(flags);
    CHECK_CALL(chld_set_run(own_set, ARGV("/bin/echo", "x"), NULL, &options, &own_id, NULL), 0);
}

TEST_EACH_ENGINE(a_callback_must_not_wait_for_its_own_set)
{
    run_with_callback(flags, "");
    check_event(own_set, CHLD_EVENT_CAPTURED, own_id, 1);
    CHECK_INT(called, 1);
    CHECK_CALL(chld_close(own_id), 0);
    CHECK_CALL(chld_set_close(own_set), 0);
}

TEST_EACH_ENGINE(a_callback_may_close_its_child)
{
    run_with_callback(flags, "c");
    int pid = CALL(chld_pid(own_id));
    AWAIT(chld_set_next(own_set, NULL) == -EAGAIN && called == 1);
    CHECK_CALL(chld_set_count(own_set), 0);
    CHECK_CALL(chld_close(own_id), -EBADF);
    CHECK_CALL(chld_set_close(own_set), 0);
    AWAIT(!process_is_there(pid) || (chld_reap(), false));
}

TEST_EACH_ENGINE(a_callback_may_close_its_set)
{
    run_with_callback(flags, "s");
    CHECK_CALL(chld_set_wait(own_set, -1, NULL), -EBADF);
    CHECK_INT(called, 1);
    FINISH(own_id);
}

/* An edge-triggered loop asks until -EAGAIN, and sleeps until the next edge. */
TEST_EACH_ENGINE(an_edge_triggered_loop_gets_all)
{
    enum { COUNT = 8, EACH = 300000 };
    int count = scaled(COUNT), done = 0;
    chld_set set = SET_OPEN(flags);
    struct epoll_event edge = { .events = EPOLLIN | EPOLLET };
    int loop = epoll_create1(EPOLL_CLOEXEC);
    REQUIRE(loop >= 0 && epoll_ctl(loop, EPOLL_CTL_ADD, CALL(chld_set_fd(set)), &edge) == 0);
    for (int i = 0; i < count; i++) {
        chld_capture_options options = growing();
        CHECK_CALL(chld_set_run(set, ARGV("/bin/sh", "-c", "head -c 300000 /dev/zero"), NULL, &options,
                                NULL, NULL), 0);
    }
    while (done < count && !failures()) {
        REQUIRE(epoll_wait(loop, &edge, 1, -1) == 1 || errno == EINTR);
        chld_event event;
        int code;
        while ((code = chld_set_next(set, &event)) == 0) {
            CHECK_INT(event.kind, CHLD_EVENT_CAPTURED);
            CHECK_INT(event.capture->out.kept, EACH);
            CHECK_CALL(chld_close(event.id), 0);
            done++;
        }
        CHECK_INT(code, -EAGAIN);
    }
    close(loop);
    CHECK_CALL(chld_set_close(set), 0);
}
