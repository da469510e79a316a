/* A child that is inside write() on a page that is not there. As long as it waits for the
 * page, the kernel keeps its pipe locked: a thread that closes the pipe waits, too. No other
 * thread may wait for that one. */
#include "exits.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { CODE = 9, LONG_MS = 5000 };

static struct gate gate;
static chld_id stuck;

/* Starts the child, and returns when it is stuck. */
static void start_stuck(void)
{
    char byte;
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    gate = gate_make();
    options.in = (chld_stdio) { .mode = CHLD_STDIO_FD, .fd = gate.wait_end };
    options.out.mode = options.err.mode = CHLD_STDIO_PIPE;
    stuck = START(ARGV(helper("faulter"), DECIMAL(CODE)), &options);
    if (read(CALL(chld_stderr_fd(stuck)), &byte, 1) != 1) {
        CHECK_EXITED(FINISH(stuck), 77);
        SKIP_TEST("no page may be kept back here: userfaultfd()");
    }
}

/* What another thread can do meanwhile, the handler included. */

static volatile sig_atomic_t calls;

static void count_call(int signal)
{
    (void) signal;
    calls++;
}

static void check_others_go_on(void)
{
    long long began = now_ms();
    struct sigaction action = { .sa_handler = count_call, .sa_flags = SA_RESTART }, before;
    REQUIRE(sigaction(SIGCHLD, &action, &before) == 0);
    CHECK_CALL(chld_sigchld_install(0), 0);
    chld_set set = SET_OPEN(CHLD_SET_SIGCHLD);
    chld_id id = START(ACT("exit", "3"), NULL);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    CHECK_CALL(chld_set_wait(set, LONG_MS, NULL), 0);
    calls = 0;
    raise(SIGCHLD);
    CHECK(calls > 0);
    CHECK(CALL(chld_reap()) >= 0);
    CHECK_CALL(chld_reap_foreign(NULL, NULL), 0);
    CHECK_EXITED(FINISH(id), 3);
    CHECK_CALL(chld_set_close(set), 0);
    CHECK_CALL(chld_sigchld_remove(), 0);
    REQUIRE(sigaction(SIGCHLD, &before, NULL) == 0);
    CHECK(now_ms() - began < LONG_MS);
}

/* The thread that waits for the pipe. */

static atomic_int waiter;

static void *close_child(void *unused)
{
    atomic_store(&waiter, own_thread());
    CHECK_CALL(chld_close(stuck), 0);
    return unused;
}

static void *close_pipe(void *unused)
{
    atomic_store(&waiter, own_thread());
    CHECK_CALL(chld_close_fd(stuck, CHLD_STDOUT), 0);
    return unused;
}

/* Its timeout is over while the child is stuck, but a read of the pipe waits, too. */
static void *capture(void *unused)
{
    const chld_stop_step only_wait = { 0, 0 };
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    plan.steps = &only_wait;
    plan.steps_count = 1;
    options.stop = &plan;
    options.timeout_ms = 50;
    options.out = (chld_sink) { .mode = CHLD_SINK_GROW, .size = 10000 };
    atomic_store(&waiter, own_thread());
    int result = CALL(chld_capture(stuck, &options, NULL));
    CHECK(result == 0 || result == -ETIMEDOUT);
    return unused;
}

static void check_beside(void *(*part)(void *))
{
    pthread_t thread;
    start_stuck();
    atomic_store(&waiter, 0);
    REQUIRE(pthread_create(&thread, NULL, part, NULL) == 0);
    AWAIT(atomic_load(&waiter) && process_state(waiter) != 'R');
    for (int i = 0; i < 3; i++) {
        check_others_go_on();
        poll(NULL, 0, 50);
    }
    CHECK(process_state(waiter) != 0); /* it is still in its call */
    gate_open(&gate);
    pthread_join(thread, NULL);
}

/* Other threads cannot go on for another reason. */
static void need_free_threads(void)
{
    if (under_valgrind()) {
        SKIP_TEST("valgrind lets no other thread run while one is inside close()");
    }
}

TEST(a_thread_that_closes_the_child_holds_up_nobody)
{
    need_free_threads();
    check_beside(close_child);
    reap_closed_children();
}

TEST(a_thread_that_closes_the_pipe_holds_up_nobody)
{
    need_free_threads();
    check_beside(close_pipe);
    chld_status status = FINISH(stuck); /* nobody reads what it writes */
    CHECK(status.state == CHLD_STATE_KILLED || status.code == CODE);
}

TEST(a_thread_that_captures_holds_up_nobody)
{
    check_beside(capture);
    CHECK_EXITED(FINISH(stuck), CODE);
}

/* The thread that closes is inside close() and not inside the lock, even if the child has
 * been killed meanwhile and the handler comes. */
TEST(the_exit_of_the_child_is_reported_while_another_thread_closes_its_pipe)
{
    pthread_t thread;
    need_free_threads();
    start_stuck();
    atomic_store(&waiter, 0);
    REQUIRE(pthread_create(&thread, NULL, close_pipe, NULL) == 0);
    AWAIT(atomic_load(&waiter) && process_state(waiter) != 'R');
    CHECK_CALL(chld_wait(stuck, 0, NULL), -ETIMEDOUT);
    CHECK_CALL(chld_wait(stuck, 50, NULL), -ETIMEDOUT);
    CHECK_CALL(chld_kill(stuck, SIGKILL), 0);
    CHECK_CALL(chld_wait(stuck, LONG_MS, NULL), 0);
    pthread_join(thread, NULL);
    gate_open(&gate);
    CHECK_STATUS(FINISH(stuck), CHLD_STATE_KILLED, SIGKILL);
}
