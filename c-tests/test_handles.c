/* Handles: wrong ones, stale ones, many of them, and letting go. */
#include "support.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Every function returns EBADF. (The signal is one that does no harm.) */
static void check_is_none(chld_id id)
{
    CHECK_CALL(chld_wait(id, -1, NULL), -EBADF);
    CHECK_CALL(chld_wait(id, 0, NULL), -EBADF);
    CHECK_CALL(chld_wait_change(id, 0, -1, NULL), -EBADF);
    if (id != CHLD_NONE) {
        CHECK_CALL(chld_wait_any(&id, 1, -1, NULL), -EBADF);
    }
    CHECK_CALL(chld_peek(id, NULL), -EBADF);
    CHECK_CALL(chld_usage(id, NULL), -EBADF);
    CHECK_CALL(chld_kill(id, SIGURG), -EBADF);
    CHECK_CALL(chld_pid(id), -EBADF);
    CHECK_CALL(chld_exit_fd(id), -EBADF);
    CHECK_CALL(chld_stdin_fd(id), -EBADF);
    CHECK_CALL(chld_stdout_fd(id), -EBADF);
    CHECK_CALL(chld_stderr_fd(id), -EBADF);
    CHECK_CALL(chld_close_fd(id, CHLD_STDIN), -EBADF);
    CHECK_CALL(chld_user(id, NULL), -EBADF);
    CHECK_CALL(chld_close(id), -EBADF);
}

static void check_made_up_ones(void)
{
    static const chld_id made_up[] = { CHLD_NONE, 1, 2, 0xffff, 1ull << 22, (1ull << 22) + 1,
                                       1ull << 32, 1ull << 63, UINT64_MAX, UINT64_MAX - 1 };
    for (size_t i = 0; i < sizeof made_up / sizeof *made_up; i++) {
        check_is_none(made_up[i]);
    }
}

TEST(made_up_handles_are_none)
{
    check_made_up_ones(); /* before the library was ever used */
    RUN(ACT("exit", "0"), NULL);
    check_made_up_ones();
}

TEST(random_handles_are_none)
{
    struct gate gate = gate_make();
    chld_id ids[40];
    for (int i = 0; i < 40; i++) {
        ids[i] = START_AT(&gate, i);
    }
    uint64_t number = 88172645463325252ull; /* xorshift */
    for (int i = 0; i < scaled(100000); i++) {
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
        chld_id shapes[] = { number, number >> 32, number & 63,
                             ids[i % 40] + (number & 0xff) + 40 };
        for (int j = 0; j < 4; j++) {
            CHECK_CALL(chld_pid(shapes[j]), -EBADF);
            CHECK_CALL(chld_peek(shapes[j], NULL), -EBADF);
            CHECK_CALL(chld_kill(shapes[j], SIGURG), -EBADF);
        }
    }
    gate_open(&gate);
    for (int i = 0; i < 40; i++) {
        CHECK_EXITED(FINISH(ids[i]), i);
    }
}

TEST(a_handle_with_one_bit_changed_is_none)
{
    struct gate gate = gate_make();
    chld_id ids[3] = { START_AT(&gate, 0), START_AT(&gate, 1), START_AT(&gate, 2) };
    for (int bit = 0; bit < 64; bit++) {
        check_is_none(ids[1] ^ 1ull << bit);
    }
    gate_open(&gate);
    for (int i = 0; i < 3; i++) {
        CHECK_EXITED(FINISH(ids[i]), i);
    }
}

TEST(a_closed_handle_is_none)
{
    chld_id id = START(ACT("exit", "0"), NULL);
    FINISH(id);
    check_is_none(id); /* among others, it cannot be closed twice */
}

TEST(a_closed_handle_stays_none_when_its_place_is_used_again)
{
    enum { COUNT = 300 };
    static chld_id ids[COUNT];
    for (int i = 0; i < scaled(COUNT); i++) {
        ids[i] = START(ACT("exit", "0"), NULL);
        for (int j = 0; j < i; j++) {
            CHECK(ids[j] != ids[i]);
            CHECK_CALL(chld_pid(ids[j]), -EBADF);
        }
        FINISH(ids[i]);
    }
}

/* Raises the limit on descriptors; returns how many children that allows. */
static int room_for(int count)
{
    struct rlimit limit;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    int most = limit.rlim_cur > 100000 ? 100000 : (int) limit.rlim_cur - 200;
    return most < count ? most : count;
}

TEST(three_thousand_children_at_once)
{
    const int count = room_for(scaled(3000));
    struct gate gate = gate_make();
    chld_id *ids = calloc((size_t) count, sizeof *ids);
    int *users = calloc((size_t) count, sizeof *users);
    for (int i = 0; i < count; i++) {
        ids[i] = start_at(__FILE__, __LINE__, &gate, i % 251, &users[i]);
    }
    for (int i = 0; i < count; i++) {
        CHECK_CALL(chld_wait(ids[i], 0, NULL), -ETIMEDOUT);
        users[i] = CALL(chld_pid(ids[i]));
        CHECK(users[i] > 1);
    }
    gate_open(&gate);
    for (int i = 0; i < count; i++) {
        void *user = NULL;
        CHECK_CALL(chld_user(ids[i], &user), 0);
        CHECK(user == &users[i]);
        CHECK_INT(CALL(chld_pid(ids[i])), users[i]);
        CHECK_EXITED(FINISH(ids[i]), i % 251);
    }
    free(ids);
    free(users);
}

/* Letting go of children that run */

static void await_zombie(int pid)
{
    siginfo_t info;
    REQUIRE(pid > 1 && waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT) == 0);
}

TEST(a_closed_child_goes_on)
{
    int ends[2];
    struct gate gate = gate_make();
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in = (chld_stdio) { .mode = CHLD_STDIO_FD, .fd = gate.wait_end };
    options.out = (chld_stdio) { .mode = CHLD_STDIO_FD, .fd = ends[1] };
    chld_id id = START(ARGV("/bin/sh", "-c", "read line; echo still here"), &options);
    int pid = CALL(chld_pid(id));
    close(ends[1]);
    CHECK_CALL(chld_close(id), 0);
    check_is_none(id);
    gate_open(&gate);
    char text[64];
    CHECK_STR(read_all(ends[0], text, sizeof text), "still here\n");
    close(ends[0]);
    await_zombie(pid);
    CHECK_EXITED(RUN(ACT("exit", "1"), NULL), 1);
    CHECK(!process_is_there(pid));
}

/* Each of the calls that start, await or close a child reaps a detached one. */
static chld_id other;

static void by_starting(void)
{
    chld_id id;
    CHECK_CALL(chld_spawn(&id, ARGV("/nonexistent"), NULL, NULL), -ENOENT);
}

static void by_waiting(void)
{
    CHECK_CALL(chld_wait(other, 0, NULL), -ETIMEDOUT);
}

static void by_waiting_for_any(void)
{
    CHECK_CALL(chld_wait_any(&other, 1, 0, NULL), -ETIMEDOUT);
}

static void by_waiting_for_a_change(void)
{
    CHECK_CALL(chld_wait_change(other, 0, 0, NULL), -ETIMEDOUT);
}

static void by_closing(void)
{
    CHECK_CALL(chld_close(other), 0);
}

static void by_adopting(void)
{
    chld_id none;
    CHECK_CALL(chld_adopt(&none, getpid()), -ECHILD);
}

static void by_a_set(void)
{
    chld_set set;
    chld_event event;
    CHECK_CALL(chld_set_open(0, &set), 0);
    CHECK_CALL(chld_set_next(set, &event), -EAGAIN);
    CHECK_CALL(chld_set_close(set), 0);
}

static void by_capture_id(void)
{
    chld_capture_id capturing;
    CHECK_CALL(chld_capture_open(other, NULL, &capturing), 0);
    CHECK_CALL(chld_capture_close(capturing, NULL), 0);
}

TEST(the_next_call_reaps_a_closed_child_that_has_exited)
{
    void (*const calls[])(void) = { by_starting, by_adopting, by_waiting, by_waiting_for_any,
                                    by_waiting_for_a_change, by_a_set, by_capture_id, by_closing };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct gate gate = gate_make(), other_gate = gate_make();
        chld_id id = START_AT(&gate, 0);
        other = START_AT(&other_gate, 0);
        int pid = CALL(chld_pid(id));
        CHECK_CALL(chld_close(id), 0);
        gate_open(&gate);
        await_zombie(pid);
        CHECK(process_is_there(pid));
        calls[i]();
        if (!CHECK(!process_is_there(pid))) {
            fail(__FILE__, __LINE__, "call number %d", (int) i);
        }
        CALL(chld_close(other));
        gate_open(&other_gate);
        reap_closed_children();
    }
}

TEST(many_closed_children_are_reaped_in_time)
{
    const int count = scaled(100);
    struct gate gate = gate_make();
    for (int i = 0; i < count; i++) {
        CHECK_CALL(chld_close(START_AT(&gate, 0)), 0);
    }
    gate_open(&gate);
    reap_closed_children();
}

TEST(a_zombie_is_reaped_by_close)
{
    chld_id id = START(ACT("exit", "0"), NULL);
    int pid = CALL(chld_pid(id));
    await_exit(id);
    CHECK(process_is_there(pid));
    CHECK_CALL(chld_close(id), 0);
    CHECK(!process_is_there(pid));
}

/* A thread waits for a child whose handle is closed meanwhile. */
struct waiting {
    chld_id id;
    atomic_int thread;
    int result;
    chld_status status;
};

static void *wait_in_thread(void *argument)
{
    struct waiting *waiting = argument;
    atomic_store(&waiting->thread, own_thread());
    waiting->result = CALL(chld_wait(waiting->id, -1, &waiting->status));
    return NULL;
}

TEST(a_call_at_work_goes_on_when_the_handle_is_closed)
{
    int told = 0;
    for (int round = 0; round < scaled(50); round++) {
        struct gate gate = gate_make();
        struct waiting waiting = { .id = START_AT(&gate, 12) };
        pthread_t thread;
        REQUIRE(pthread_create(&thread, NULL, wait_in_thread, &waiting) == 0);
        while (!atomic_load(&waiting.thread)) {
            sched_yield();
        }
        if (round % 4) {
            AWAIT(process_state(waiting.thread) == 'S');
        }
        CHECK_CALL(chld_close(waiting.id), 0);
        CHECK_CALL(chld_pid(waiting.id), -EBADF);
        gate_open(&gate);
        pthread_join(thread, NULL);
        if (waiting.result == 0) {
            CHECK_EXITED(waiting.status, 12);
            told++;
        } else {
            CHECK_INT(waiting.result, -EBADF); /* it came too late */
        }
    }
    CHECK(told > 0);
    reap_closed_children();
}

/* Two threads close one handle, as nearly at once as spinning makes it. */
static atomic_int arrived;

static void meet(int meeting)
{
    atomic_fetch_add(&arrived, 1);
    for (int spins = 0; atomic_load(&arrived) < 2 * meeting; spins++) {
        if (spins > 10000) {
            sched_yield();
        }
    }
}

/* Meets once before each close, and once after it. */
static void *close_in_thread(void *argument)
{
    struct waiting *waiting = argument;
    for (int round = 0; round < scaled(500); round++) {
        meet(2 * round + 1);
        waiting->result = CALL(chld_close(waiting->id));
        meet(2 * round + 2);
    }
    return NULL;
}

TEST(only_one_of_two_threads_can_close)
{
    struct waiting waiting = { 0 };
    pthread_t thread;
    atomic_store(&arrived, 0);
    REQUIRE(pthread_create(&thread, NULL, close_in_thread, &waiting) == 0);
    for (int round = 0; round < scaled(500); round++) {
        waiting.id = START(ACT("exit", "12"), NULL);
        await_exit(waiting.id);
        meet(2 * round + 1);
        int result = CALL(chld_close(waiting.id));
        meet(2 * round + 2);
        CHECK_INT(result == 0 ? waiting.result : result, -EBADF);
        CHECK(result == 0 || waiting.result == 0);
    }
    pthread_join(thread, NULL);
}
