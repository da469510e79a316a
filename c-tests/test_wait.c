/* Waiting for the end of one child, and what it has used up. */
#include "look.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

TEST(without_limit)
{
    chld_id id = START(ACT("exit", "42"), NULL);
    chld_status status;
    CHECK_CALL(chld_wait(id, -1, &status), 0);
    CHECK_EXITED(status, 42);
    CHECK_CALL(chld_close(id), 0);
}

TEST(a_look_does_not_wait)
{
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 3);
    CHECK_CALL(chld_wait(id, 0, NULL), -ETIMEDOUT);
    gate_open(&gate);
    await_exit(id);
    chld_status status;
    CHECK_CALL(chld_wait(id, 0, &status), 0);
    CHECK_EXITED(status, 3);
    CHECK_CALL(chld_close(id), 0);
}

TEST(a_limit_is_kept)
{
    static const int limits[] = { 1, 20, 200 };
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 3);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        long long before = now_ms();
        CHECK_CALL(chld_wait(id, limits[i], NULL), -ETIMEDOUT);
        long long after = now_ms();
        CHECK(after - before >= limits[i] - 1); /* the two readings are rounded */
        CHECK(after - before < limits[i] + 10000);
    }
    gate_open(&gate);
    CHECK_EXITED(FINISH(id), 3);
}

TEST(an_exit_before_the_timeout_is_reported_at_once)
{
    chld_id id = START(ACT("exit", "7"), NULL);
    chld_status status;
    CHECK_CALL(chld_wait(id, INT_MAX, &status), 0);
    CHECK_EXITED(status, 7);
    CHECK_CALL(chld_close(id), 0);
}

TEST(a_negative_limit_is_refused)
{
    chld_id id = START(ACT("exit", "7"), NULL);
    CHECK_CALL(chld_wait(id, -2, NULL), -EINVAL);
    CHECK_CALL(chld_wait(id, INT_MIN, NULL), -EINVAL);
    CHECK_EXITED(FINISH(id), 7);
    CHECK_CALL(chld_wait(id, -1, NULL), -EBADF);
}

TEST(the_status_is_written_on_success_only)
{
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 3);
    chld_status status, untouched;
    memset(&untouched, 0x5a, sizeof untouched);
    status = untouched;
    CHECK_CALL(chld_wait(id, 0, &status), -ETIMEDOUT);
    CHECK_CALL(chld_wait(id, -5, &status), -EINVAL);
    CHECK_CALL(chld_wait(CHLD_NONE, 0, &status), -EBADF);
    CHECK(memcmp(&status, &untouched, sizeof status) == 0);
    gate_open(&gate);
    CHECK_CALL(chld_wait(id, -1, NULL), 0);
    CHECK_EXITED(FINISH(id), 3);
}

TEST(it_can_be_asked_again)
{
    chld_id id = START(ACT("exit", "9"), NULL);
    for (int i = 0; i < 5; i++) {
        chld_status status;
        CHECK_CALL(chld_wait(id, i % 2 ? -1 : 10000, &status), 0);
        CHECK_EXITED(status, 9);
        CHECK(!process_is_there(CALL(chld_pid(id)))); /* no zombie either */
    }
    CHECK_CALL(chld_close(id), 0);
}

static long long cpu_ms(void)
{
    struct rusage usage;
    REQUIRE(getrusage(RUSAGE_SELF, &usage) == 0);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000ll
         + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

/* A debugger keeps a child that has exited until it lets go. */
TEST(a_debuggers_child_is_waited_for_without_haste)
{
    struct gate gate = gate_make(), release = gate_make();
    chld_id id = START_AT(&gate, 5);
    pid_t pid = CALL(chld_pid(id)), tracer = fork();
    REQUIRE(pid > 1 && tracer >= 0);
    if (tracer == 0) {
        char byte;
        close(gate.hold_end);
        close(release.hold_end);
        bool traces = ptrace(PTRACE_SEIZE, pid, 0, 0) == 0;
        _exit(traces && read(release.wait_end, &byte, 1) == 0 ? 0 : 77);
    }
    AWAIT(proc_number(pid, "TracerPid") == tracer || has_ended(tracer));
    gate_open(&gate);
    AWAIT(has_ended(pid));
    long long before = cpu_ms();
    int result = CALL(chld_wait(id, 300, NULL));
    long long used = cpu_ms() - before;
    gate_open(&release);
    int word;
    REQUIRE(waitpid(tracer, &word, 0) == tracer);
    CHECK_EXITED(FINISH(id), 5);
    if (word != 0) {
        SKIP_TEST("no process may be traced here");
    }
    CHECK_INT(result, -ETIMEDOUT);
    CHECK(used < 150); /* of 300 */
}

TEST(a_termination_by_a_signal_is_reported)
{
    chld_id id = START(ACT("die", "15"), NULL);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGTERM);
}

/* Eight threads wait for one child; each gets the answer. */
struct waiter {
    chld_id id;
    int limit;
    int result;
    chld_status status;
};

static void *wait_for_it(void *argument)
{
    struct waiter *waiter = argument;
    waiter->result = CALL(chld_wait(waiter->id, waiter->limit, &waiter->status));
    return NULL;
}

TEST(eight_threads_get_the_same_answer)
{
    enum { THREADS = 8 };
    for (int round = 0; round < scaled(20); round++) {
        struct gate gate = gate_make();
        chld_id id = START_AT(&gate, round + 1);
        pthread_t threads[THREADS];
        struct waiter waiters[THREADS];
        for (int i = 0; i < THREADS; i++) {
            waiters[i] = (struct waiter) { .id = id, .limit = i % 2 ? -1 : 60000 };
            REQUIRE(pthread_create(&threads[i], NULL, wait_for_it, &waiters[i]) == 0);
        }
        gate_open(&gate);
        for (int i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
            CHECK_INT(waiters[i].result, 0);
            CHECK_EXITED(waiters[i].status, round + 1);
        }
        CHECK(!process_is_there(CALL(chld_pid(id))));
        CHECK_CALL(chld_close(id), 0);
    }
}

/* Signals that come meanwhile */

static atomic_int ticks;
static struct gate tick_gate;

static void on_tick(int signal)
{
    (void) signal;
    int saved = errno;
    if (atomic_fetch_add(&ticks, 1) == 10) {
        gate_open(&tick_gate);
    }
    errno = saved;
}

/* SIGUSR1 every 5 ms, to a handler without SA_RESTART. (Not setitimer: that
 * timer is the alarm's.) */
static timer_t start_ticking(struct sigaction *old)
{
    struct sigaction action = { .sa_handler = on_tick };
    REQUIRE(sigaction(SIGUSR1, &action, old) == 0);
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
    struct itimerspec often = { { 0, 5000000 }, { 0, 5000000 } };
    timer_t timer;
    REQUIRE(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    REQUIRE(timer_settime(timer, 0, &often, NULL) == 0);
    return timer;
}

static void stop_ticking(timer_t timer, const struct sigaction *old)
{
    timer_delete(timer);
    sigaction(SIGUSR1, old, NULL);
}

TEST(signals_do_not_end_the_waiting)
{
    static const int limits[] = { -1, 60000 };
    for (int i = 0; i < 2; i++) {
        struct sigaction old;
        atomic_store(&ticks, 0);
        tick_gate = gate_make();
        chld_id id = START_AT(&tick_gate, 3);
        timer_t timer = start_ticking(&old); /* the tenth lets the child go */
        chld_status status = { 0 };
        CHECK_CALL(chld_wait(id, limits[i], &status), 0);
        stop_ticking(timer, &old);
        CHECK_EXITED(status, 3);
        CHECK(atomic_load(&ticks) >= 10);
        CHECK_CALL(chld_close(id), 0);
    }
}

TEST(signals_do_not_prolong_the_waiting)
{
    struct sigaction old;
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 3);
    atomic_store(&ticks, 1000); /* nobody is let go */
    timer_t timer = start_ticking(&old);
    long long before = now_ms();
    CHECK_CALL(chld_wait(id, 100, NULL), -ETIMEDOUT);
    CHECK_CALL(chld_wait_any(&id, 1, 100, NULL), -ETIMEDOUT);
    CHECK(now_ms() - before < 10000);
    stop_ticking(timer, &old);
    CHECK(atomic_load(&ticks) > 1000);
    gate_open(&gate);
    CHECK_EXITED(FINISH(id), 3);
}

/* What is known, and what was used */

TEST(peek_knows_what_a_call_has_seen)
{
    chld_id id = START(ACT("exit", "11"), NULL);
    chld_status status;
    await_exit(id);
    CHECK_CALL(chld_peek(id, &status), 0);
    CHECK_STATUS(status, CHLD_STATE_RUNNING, -1);
    CHECK_INT(status.wait_word, -1);
    CHECK_CALL(chld_wait(id, 0, NULL), 0);
    CHECK_CALL(chld_peek(id, &status), 0);
    CHECK_EXITED(status, 11);
    CHECK_CALL(chld_peek(id, NULL), 0);
    CHECK_CALL(chld_close(id), 0);
    CHECK_CALL(chld_peek(id, &status), -EBADF);
}

TEST(usage_is_known_after_the_exit)
{
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 0);
    chld_resources usage, untouched;
    memset(&untouched, 0x5a, sizeof untouched);
    usage = untouched;
    CHECK_CALL(chld_usage(id, &usage), -EBUSY);
    gate_open(&gate);
    await_exit(id);
    CHECK_CALL(chld_usage(id, &usage), -EBUSY); /* nobody has looked */
    CHECK(memcmp(&usage, &untouched, sizeof usage) == 0);
    CHECK_CALL(chld_wait(id, 0, NULL), 0);
    CHECK_CALL(chld_usage(id, &usage), 0);
    CHECK_CALL(chld_usage(id, NULL), 0);
    CHECK(usage.minor_faults > 0 && usage.minor_faults < 1000000);
    CHECK(usage.max_resident_kib > 100 && usage.max_resident_kib < 100ull << 20);
    CHECK_CALL(chld_close(id), 0);
    CHECK_CALL(chld_usage(id, &usage), -EBADF);
}

TEST(usage_has_the_cpu_time)
{
    chld_resources busy, idle;
    chld_id id = START(ACT("burn", "60"), NULL);
    CHECK_CALL(chld_wait(id, -1, NULL), 0);
    CHECK_CALL(chld_usage(id, &busy), 0);
    CHECK_CALL(chld_close(id), 0);
    CHECK(busy.user_us >= 60000 && busy.user_us < 20000000);

    id = START(ACT("exit", "0"), NULL);
    CHECK_CALL(chld_wait(id, -1, NULL), 0);
    CHECK_CALL(chld_usage(id, &idle), 0);
    CHECK_CALL(chld_close(id), 0);
    CHECK(idle.user_us < busy.user_us);
}

TEST(usage_has_what_the_childs_own_children_used)
{
    chld_id id = START(ARGV("/bin/sh", "-c", "\"$0\" burn 60; exit 4", helper("act")), NULL);
    chld_resources usage = { 0 };
    CHECK_CALL(chld_wait(id, -1, NULL), 0);
    CHECK_CALL(chld_usage(id, &usage), 0);
    CHECK(usage.user_us >= 60000);
    CHECK_EXITED(FINISH(id), 4);
}
