/* Waiting for the next end of a set. Each test is run with both engines. */
#include "exits.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

TEST_EACH_ENGINE(what_has_exited_is_reported_without_waiting)
{
    chld_set set = SET_OPEN(flags);
    chld_id id = START(ACT("exit", "3"), NULL);
    await_exit(id);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    for (int limit = -1; limit <= 0; limit++) {
        chld_event event = { .index = 99 };
        CHECK_CALL(chld_set_wait(set, limit, &event), limit < 0 ? 0 : -ETIMEDOUT);
        if (limit < 0) {
            CHECK(event.id == id && event.index == 0);
            CHECK_EXITED(event.status, 3);
        } else {
            CHECK(event.index == 99); /* written on success only */
        }
    }
    FINISH(id);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(a_limit_is_kept_and_never_early)
{
    struct gate gate = gate_make();
    chld_set set = SET_OPEN(flags);
    chld_id id = START_AT(&gate, 0);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    long long before = now_ms();
    CHECK_CALL(chld_set_wait(set, 30, NULL), -ETIMEDOUT);
    CHECK(now_ms() - before >= 30);
    gate_open(&gate);
    CHECK_CALL(chld_set_wait(set, 10000, NULL), 0);
    FINISH(id);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(what_does_not_exist_is_refused)
{
    chld_set set = SET_OPEN(flags);
    CHECK_CALL(chld_set_wait(set, -2, NULL), -EINVAL);
    CHECK_CALL(chld_set_wait(CHLD_NONE, 0, NULL), -EBADF);
    CHECK_CALL(chld_set_close(set), 0);
    CHECK_CALL(chld_set_wait(set, 0, NULL), -EBADF);
}

struct waiter {
    chld_set set;
    atomic_int thread;
    chld_event event;
};

static void *wait_once(void *argument)
{
    struct waiter *waiter = argument;
    atomic_store(&waiter->thread, own_thread());
    CHECK_CALL(chld_set_wait(waiter->set, -1, &waiter->event), 0);
    return NULL;
}

TEST_EACH_ENGINE(a_child_that_is_added_meanwhile_wakes_the_waiter)
{
    struct gate gate = gate_make();
    struct waiter waiter = { .set = SET_OPEN(flags) };
    chld_id id = START_AT(&gate, 7);
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, wait_once, &waiter), 0);
    AWAIT(atomic_load(&waiter.thread) != 0);
    AWAIT(process_state(atomic_load(&waiter.thread)) == 'S');
    CHECK_CALL(chld_set_add(waiter.set, id, 0), 0);
    gate_open(&gate);
    CHECK_INT(pthread_join(thread, NULL), 0);
    CHECK(waiter.event.id == id);
    CHECK_EXITED(waiter.event.status, 7);
    FINISH(id);
    CHECK_CALL(chld_set_close(waiter.set), 0);
}

enum { CHILDREN = 60, THREADS = 3 };

struct crew {
    chld_set set;
    chld_id ids[CHILDREN];
    atomic_int told[CHILDREN];
    atomic_int left;
};

static void *take_all(void *argument)
{
    struct crew *crew = argument;
    while (atomic_fetch_sub(&crew->left, 1) > 0) {
        chld_event event;
        if (!CHECK_CALL(chld_set_wait(crew->set, 10000, &event), 0)) {
            break;
        }
        int child = (int) (intptr_t) event.user;
        CHECK_EXITED(event.status, child);
        atomic_fetch_add(&crew->told[child], 1);
    }
    return NULL;
}

TEST_EACH_ENGINE(threads_share_the_exits_of_a_set)
{
    static struct crew crew;
    if (under_valgrind()) {
        SKIP_TEST("valgrind (3.19) spoils the mask of a ppoll that a signal interrupts");
    }
    struct gate gate = gate_make();
    crew.set = SET_OPEN(flags);
    crew.left = CHILDREN;
    for (int i = 0; i < CHILDREN; i++) {
        crew.ids[i] = start_at(__FILE__, __LINE__, &gate, i, (void *) (intptr_t) i);
        CHECK_CALL(chld_set_add(crew.set, crew.ids[i], 0), 0);
    }
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        CHECK_INT(pthread_create(&threads[i], NULL, take_all, &crew), 0);
    }
    gate_open(&gate);
    for (int i = 0; i < THREADS; i++) {
        CHECK_INT(pthread_join(threads[i], NULL), 0);
    }
    for (int i = 0; i < CHILDREN; i++) {
        CHECK_INT(crew.told[i], 1);
        CHECK_EXITED(FINISH(crew.ids[i]), i);
    }
    CHECK_CALL(chld_set_wait(crew.set, 0, NULL), -ETIMEDOUT);
    CHECK_CALL(chld_set_close(crew.set), 0);
}

/* A debugger, as it may be: a process that keeps the zombie of one to itself. */
struct keeper {
    pid_t process;
    int channel;
};

/* To be started before there are gates, whose ends it would hold. */
static struct keeper keeper_start(void)
{
    int channel[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, channel) == 0);
    pid_t process = fork();
    if (process == 0) {
        int pid = 0;
        close(channel[0]);
        bool asked = read(channel[1], &pid, sizeof pid) == sizeof pid && pid > 1;
        char done = asked && ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0;
        bool told = write(channel[1], &done, 1) == 1;
        _exit(!told || read(channel[1], &done, 1) != 0); /* until it is let go */
    }
    close(channel[1]);
    REQUIRE(process > 0);
    return (struct keeper) { process, channel[0] };
}

static bool keeper_seize(const struct keeper *keeper, int pid)
{
    char done = 0;
    REQUIRE(write(keeper->channel, &pid, sizeof pid) == sizeof pid);
    REQUIRE(read(keeper->channel, &done, 1) == 1);
    return done;
}

static void keeper_let_go(const struct keeper *keeper)
{
    int word;
    close(keeper->channel);
    REQUIRE(waitpid(keeper->process, &word, 0) == keeper->process);
    CHECK_INT(word, 0);
}

static long long cpu_ms(void)
{
    struct timespec time;
    REQUIRE(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0);
    return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

TEST_EACH_ENGINE(an_exit_that_a_debugger_keeps_costs_no_time)
{
    if (under_valgrind()) {
        SKIP_TEST("valgrind's own time would be counted");
    }
    struct keeper keeper = keeper_start();
    struct gate gate = gate_make(), other_gate = gate_make();
    chld_set set = SET_OPEN(flags);
    chld_id kept = START_AT(&gate, 5), other = START_AT(&other_gate, 6);
    CHECK_CALL(chld_set_add(set, kept, 0), 0);
    CHECK_CALL(chld_set_add(set, other, 0), 0);
    if (!keeper_seize(&keeper, CALL(chld_pid(kept)))) {
        SKIP_TEST("a process may not be traced here");
    }
    gate_open(&gate);
    AWAIT(process_state(CALL(chld_pid(kept))) == 'Z');
    CHECK_CALL(chld_set_next(set, NULL), -EAGAIN);
    long long used = cpu_ms();
    CHECK_CALL(chld_set_wait(set, 400, NULL), -ETIMEDOUT);
    CHECK(cpu_ms() - used < 200);
    gate_open(&other_gate);
    chld_event event = { 0 };
    CHECK_CALL(chld_set_wait(set, 10000, &event), 0);
    CHECK(event.id == other); /* does not stand behind the one that is kept */
    keeper_let_go(&keeper);
    CHECK_CALL(chld_set_wait(set, 10000, &event), 0);
    CHECK(event.id == kept);
    CHECK_EXITED(event.status, 5);
    FINISH(kept);
    FINISH(other);
    CHECK_CALL(chld_set_close(set), 0);
}
