/* Several threads at once. */
#include "exits.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS = 4, EACH = 100, WITH_PIPES = 500 };

static void *start_with_pipes(void *argument)
{
    const int base = *(int *) argument;
    for (int i = 0; i < scaled(WITH_PIPES); i++) {
        chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
        options.in.mode = options.out.mode = options.err.mode = CHLD_STDIO_PIPE;
        int code = (base + i) % 256;
        chld_id id = START(ACT("fds", DECIMAL(code)), &options);
        char text[64];
        CHECK_STR(read_all(CALL(chld_stdout_fd(id)), text, sizeof text), "0 1 2 ");
        CHECK_STR(read_all(CALL(chld_stderr_fd(id)), text, sizeof text), "");
        CHECK_EXITED(FINISH(id), code);
    }
    return NULL;
}

static void run_threads(void *(*part)(void *))
{
    pthread_t threads[THREADS];
    int bases[THREADS];
    for (int i = 0; i < THREADS; i++) {
        bases[i] = i * 61;
        REQUIRE(pthread_create(&threads[i], NULL, part, &bases[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

TEST(children_of_several_threads_do_not_see_each_others_pipes)
{
    run_threads(start_with_pipes);
}

static void *fail_and_start(void *argument)
{
    (void) argument;
    for (int i = 0; i < scaled(EACH); i++) {
        CHECK_FAILS(ARGV("/nonexistent"), NULL, ENOENT, CHLD_STEP_EXEC, 0);
        CHECK_EXITED(RUN(ACT("exit", "6"), NULL), 6);
    }
    return NULL;
}

TEST(failures_of_several_threads_are_kept_apart)
{
    run_threads(fail_and_start);
}

/* Another thread opens and closes descriptors that are not close-on-exec. */
static atomic_bool enough;

static void *open_and_close(void *unused)
{
    while (!atomic_load(&enough)) {
        int ends[2];
        if (pipe(ends) == 0) {
            int high = fcntl(ends[0], F_DUPFD, 300);
            close(ends[0]);
            close(ends[1]);
            close(high);
        }
    }
    return unused;
}

TEST(descriptors_that_other_threads_open_are_not_inherited)
{
    pthread_t thread;
    int base = 0;
    REQUIRE(pthread_create(&thread, NULL, open_and_close, NULL) == 0);
    start_with_pipes(&base);
    atomic_store(&enough, true);
    pthread_join(thread, NULL);
}

/* One thread starts, another waits, a third lets go. */
struct relay {
    chld_id ids[EACH];
    atomic_int started, waited;
};

static void *relay_wait(void *argument)
{
    struct relay *relay = argument;
    for (int i = 0; i < scaled(EACH); i++) {
        while (atomic_load(&relay->started) <= i) {
            sched_yield();
        }
        chld_status status = { -1, -1, -1, -1 };
        CHECK_CALL(chld_wait(relay->ids[i], -1, &status), 0);
        CHECK_EXITED(status, i);
        atomic_store(&relay->waited, i + 1);
    }
    return NULL;
}

static void *relay_close(void *argument)
{
    struct relay *relay = argument;
    for (int i = 0; i < scaled(EACH); i++) {
        while (atomic_load(&relay->waited) <= i) {
            sched_yield();
        }
        CHECK_CALL(chld_close(relay->ids[i]), 0);
    }
    return NULL;
}

TEST(a_handle_can_be_given_to_another_thread)
{
    static struct relay relay;
    pthread_t waiting, closing;
    REQUIRE(pthread_create(&waiting, NULL, relay_wait, &relay) == 0);
    REQUIRE(pthread_create(&closing, NULL, relay_close, &relay) == 0);
    for (int i = 0; i < scaled(EACH); i++) {
        relay.ids[i] = START(ACT("exit", DECIMAL(i)), NULL);
        atomic_store(&relay.started, i + 1);
    }
    pthread_join(waiting, NULL);
    pthread_join(closing, NULL);
}

/* Computes, and reaches no cancellation point before it has seen the handler. */
static atomic_int computing, handled;

static void *compute(void *unused)
{
    (void) unused;
    unblock_signal(SIGCHLD);
    atomic_store(&computing, 1);
    while (!atomic_load(&handled)) {
    }
    atomic_store(&computing, 2);
    pthread_testcancel();
    return NULL;
}

/* The handler may run in a thread with a pending cancellation, anywhere in it. */
static void check_handler(uint32_t flags, bool with_set)
{
    struct gate gate = gate_make();
    chld_set set = CHLD_NONE;
    chld_event event;
    pthread_t thread;
    atomic_store(&computing, 0);
    atomic_store(&handled, 0);
    block_signal(SIGCHLD);
    REQUIRE(pthread_create(&thread, NULL, compute, NULL) == 0);
    CHECK_CALL(chld_sigchld_install(flags), 0);
    chld_id id = START_AT(&gate, 21);
    if (with_set) {
        CHECK_CALL(chld_set_open(CHLD_SET_SIGCHLD, &set), 0);
        CHECK_CALL(chld_set_add(set, id, 0), 0);
    }
    AWAIT(atomic_load(&computing) == 1);
    REQUIRE(pthread_cancel(thread) == 0);
    gate_open(&gate);
    AWAIT(CALL(chld_sigchld_pending()) == 1);
    if (with_set) {
        CHECK_CALL(chld_set_wait(set, 60000, &event), 0);
        CHECK_CALL(chld_set_close(set), 0);
    }
    atomic_store(&handled, 1);
    pthread_join(thread, NULL);
    CHECK_INT(atomic_load(&computing), 2);
    CHECK_CALL(chld_stop(id, NULL, NULL), 0);
    CHECK_EXITED(FINISH(id), 21);
    CHECK_CALL(chld_sigchld_remove(), 0);
    unblock_signal(SIGCHLD);
}

TEST(the_handler_is_no_cancellation_point)
{
    for (int i = 0; i < scaled(20); i++) {
        check_handler(0, false);
        check_handler(0, true);
        check_handler(CHLD_SIGCHLD_NOTIFY, false);
    }
}

/* A cancelled thread finishes the call that it is in. */
struct cancelled {
    chld_id id;
    atomic_int thread;
    atomic_bool returned;
    chld_status status;
};

static void *wait_and_be_cancelled(void *argument)
{
    struct cancelled *cancelled = argument;
    atomic_store(&cancelled->thread, own_thread());
    if (chld_wait(cancelled->id, -1, &cancelled->status) == 0) {
        atomic_store(&cancelled->returned, true);
    }
    pthread_testcancel();
    return NULL;
}

static void *wait_for_any_and_be_cancelled(void *argument)
{
    struct cancelled *cancelled = argument;
    chld_event event;
    atomic_store(&cancelled->thread, own_thread());
    if (chld_wait_any(&cancelled->id, 1, 60000, &event) == 0) {
        cancelled->status = event.status;
        atomic_store(&cancelled->returned, true);
    }
    pthread_testcancel();
    return NULL;
}

TEST(waiting_is_no_cancellation_point)
{
    void *(*const parts[])(void *) = { wait_and_be_cancelled, wait_for_any_and_be_cancelled };
    for (int i = 0; i < 2; i++) {
        struct gate gate = gate_make();
        struct cancelled cancelled = { .id = START_AT(&gate, 17) };
        pthread_t thread;
        void *result;
        REQUIRE(pthread_create(&thread, NULL, parts[i], &cancelled) == 0);
        while (!atomic_load(&cancelled.thread)) {
            sched_yield();
        }
        AWAIT(process_state(cancelled.thread) == 'S');
        REQUIRE(pthread_cancel(thread) == 0);
        gate_open(&gate);
        REQUIRE(pthread_join(thread, &result) == 0);
        CHECK(result == PTHREAD_CANCELED);
        CHECK(atomic_load(&cancelled.returned));
        CHECK_EXITED(cancelled.status, 17);
        CHECK_EXITED(FINISH(cancelled.id), 17);
    }
}

/* Several threads see the exit descriptor become readable. Each has the status at once,
 * although another thread is reaping the child at that moment. */
struct crowd {
    chld_id id;
    int code;
    int (*ask)(chld_id id, chld_status *status);
    pthread_barrier_t start, done;
};

static int ask_by_wait(chld_id id, chld_status *status)
{
    return CALL(chld_wait(id, 0, status));
}

static int ask_by_wait_any(chld_id id, chld_status *status)
{
    chld_event event = { 0 };
    int result = CALL(chld_wait_any(&id, 1, 0, &event));
    *status = event.status;
    return result;
}

static int ask_by_reap_and_peek(chld_id id, chld_status *status)
{
    CHECK(CALL(chld_reap()) >= 0);
    return CALL(chld_peek(id, status));
}

static void ask_once_readable(const struct crowd *crowd)
{
    chld_status status = { -1, -1, -1, -1 };
    struct pollfd exit_fd = { .fd = CALL(chld_exit_fd(crowd->id)), .events = POLLIN };
    AWAIT(poll(&exit_fd, 1, 10000) == 1);
    CHECK_INT(crowd->ask(crowd->id, &status), 0);
    CHECK_EXITED(status, crowd->code);
}

static void *ask_in_crowd(void *argument)
{
    struct crowd *crowd = argument;
    for (;;) {
        pthread_barrier_wait(&crowd->start);
        if (crowd->id == CHLD_NONE) {
            return NULL;
        }
        ask_once_readable(crowd);
        pthread_barrier_wait(&crowd->done);
    }
}

static void check_crowd(int (*ask)(chld_id id, chld_status *status))
{
    struct crowd crowd = { .ask = ask };
    pthread_t threads[THREADS - 1];
    pthread_barrier_init(&crowd.start, NULL, THREADS);
    pthread_barrier_init(&crowd.done, NULL, THREADS);
    for (int i = 0; i < THREADS - 1; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, ask_in_crowd, &crowd) == 0);
    }
    for (int i = 0; i < scaled(1000) && !failures(); i++) {
        crowd.code = i % 200;
        crowd.id = START(ACT("exit", DECIMAL(crowd.code)), NULL);
        pthread_barrier_wait(&crowd.start);
        ask_once_readable(&crowd);
        pthread_barrier_wait(&crowd.done);
        CHECK_CALL(chld_close(crowd.id), 0);
    }
    crowd.id = CHLD_NONE;
    pthread_barrier_wait(&crowd.start);
    for (int i = 0; i < THREADS - 1; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_barrier_destroy(&crowd.start);
    pthread_barrier_destroy(&crowd.done);
}

TEST(a_wait_of_0_has_the_status_once_the_exit_descriptor_is_readable)
{
    check_crowd(ask_by_wait);
}

TEST(a_wait_for_any_of_0_has_the_status_once_the_exit_descriptor_is_readable)
{
    check_crowd(ask_by_wait_any);
}

TEST(a_peek_after_a_reap_has_the_status_once_the_exit_descriptor_is_readable)
{
    check_crowd(ask_by_reap_and_peek);
}

/* setuid() has every thread of the process run a handler, and waits for all of them. */

static struct gate gate_of_sleepers;
static atomic_int asleep;

static chld_id start_for_sleeper(void)
{
    atomic_fetch_add(&asleep, 1);
    return START_AT(&gate_of_sleepers, 6);
}

static void *sleep_in_wait(void *unused)
{
    CHECK_EXITED(FINISH(start_for_sleeper()), 6);
    return unused;
}

static void *sleep_in_wait_change(void *unused)
{
    chld_id id = start_for_sleeper();
    CHECK_CALL(chld_wait_change(id, 0, 60000, NULL), 0);
    CHECK_EXITED(FINISH(id), 6);
    return unused;
}

static void *sleep_in_set(void *unused)
{
    chld_set set = SET_OPEN(CHLD_SET_SIGCHLD);
    chld_id id = start_for_sleeper();
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    CHECK_CALL(chld_set_wait(set, -1, NULL), 0);
    CHECK_EXITED(FINISH(id), 6);
    CHECK_CALL(chld_set_close(set), 0);
    return unused;
}

static void *sleep_in_capture(void *unused)
{
    chld_id id = start_for_sleeper();
    CHECK_CALL(chld_capture(id, NULL, NULL), 0);
    CHECK_EXITED(FINISH(id), 6);
    return unused;
}

static void *start_until_enough(void *unused)
{
    while (!atomic_load(&enough)) {
        CHECK_EXITED(RUN(ACT("exit", "6"), NULL), 6);
    }
    return unused;
}

TEST(setuid_in_another_thread_waits_for_no_child)
{
    enum { TOO_LONG_MS = 5000 };
    void *(*const parts[])(void *) = { sleep_in_wait, sleep_in_wait_change, sleep_in_set,
                                       sleep_in_capture, start_until_enough, start_until_enough };
    pthread_t threads[6];
    gate_of_sleepers = gate_make();
    for (int i = 0; i < 6; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, parts[i], NULL) == 0);
    }
    AWAIT(atomic_load(&asleep) == 4);
    for (int i = 0; i < scaled(300) && !failures(); i++) {
        long long before = now_ms();
        CHECK_INT(setuid(geteuid()), 0);
        CHECK(now_ms() - before < TOO_LONG_MS);
    }
    atomic_store(&enough, true);
    gate_open(&gate_of_sleepers);
    for (int i = 0; i < 6; i++) {
        pthread_join(threads[i], NULL);
    }
    (void) CALL(chld_sigchld_remove());
}
