/* The SIGCHLD handler on another thread, and forked copies, at each point of each call:
 * while the lock is held, while all signals are blocked, before a sleep. */
#include "hooks.h"
#include "../exits.h"
#include "../faults_seccomp.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

/* As before Linux 4.14, for the whole test. */
static bool refuses_wipe;

int madvise(void *address, size_t size, int advice)
{
    if (advice == MADV_WIPEONFORK && refuses_wipe) {
        errno = EINVAL;
        return -1;
    }
    return (int) syscall(SYS_madvise, address, size, advice);
}

/* How much later each look at the clock is than the one before: the thread was held up
 * in between. */
static long held_up_ms;

int clock_gettime(clockid_t clock, struct timespec *ret)
{
    static long long late_ms;
    late_ms += held_up_ms;
    int result = (int) syscall(SYS_clock_gettime, clock, ret);
    ret->tv_sec += late_ms / 1000;
    return result;
}

/* The program's own handler, below the library's. */

static atomic_int calls;

static void count_call(int signal)
{
    (void) signal;
    atomic_fetch_add(&calls, 1);
}

static struct sigaction before_test;

static void begin(void)
{
    struct sigaction action = { .sa_handler = count_call, .sa_flags = SA_RESTART };
    REQUIRE(sigaction(SIGCHLD, &action, &before_test) == 0);
    CHECK_CALL(chld_sigchld_install(0), 0);
}

static void end(void)
{
    reap_closed_children();
    (void) CALL(chld_sigchld_remove());
    REQUIRE(sigaction(SIGCHLD, &before_test, NULL) == 0);
}

/* Another thread, which does something while the first one is inside a call. */

enum { IDLE, ASKED, AT_WORK, DONE, OVER };
static atomic_int phase;
static atomic_int helper_thread;
static void (*task)(void);

/* Before it does anything else. */
static void (*prepare_helper)(void);

/* A SIGCHLD of a child's exit would have it wait for the lock before its task. */
static void *help(void *unused)
{
    block_signal(SIGCHLD);
    if (prepare_helper) {
        prepare_helper();
    }
    atomic_store(&helper_thread, own_thread());
    for (;;) {
        AWAIT(atomic_load(&phase) == ASKED || atomic_load(&phase) == OVER);
        if (atomic_load(&phase) != ASKED) {
            return unused;
        }
        atomic_store(&phase, AT_WORK);
        task();
        atomic_store(&phase, DONE);
    }
}

static void with_helper(void (*task_of_helper)(void), unsigned points, void (*act)(void),
                        void (*after)(void))
{
    pthread_t helper;
    task = task_of_helper;
    atomic_store(&phase, IDLE);
    begin();
    REQUIRE(pthread_create(&helper, NULL, help, NULL) == 0);
    at_each_point(points, act, after);
    atomic_store(&phase, OVER);
    pthread_join(helper, NULL);
    end();
}

static void nothing(void)
{
}

/* The handler waits for the lock, and has it as soon as the call lets go. */

static int calls_before;

static void raise_sigchld(void)
{
    unblock_signal(SIGCHLD);
    raise(SIGCHLD);
    block_signal(SIGCHLD);
}

static void let_the_handler_wait(void)
{
    calls_before = atomic_load(&calls);
    atomic_store(&phase, ASKED);
    AWAIT(atomic_load(&phase) == DONE
          || (atomic_load(&phase) == AT_WORK && process_state(helper_thread) == 'S'));
    CHECK_INT(atomic_load(&phase), AT_WORK);
}

static void check_the_handler_has_run(void)
{
    AWAIT(atomic_load(&phase) == DONE);
    CHECK(atomic_load(&calls) > calls_before);
}

TEST(the_handler_on_another_thread_waits_for_the_lock)
{
    with_helper(raise_sigchld, POINT(LOCKED), let_the_handler_wait, check_the_handler_has_run);
}

/* A sandbox may refuse the call by which a thread sleeps until the lock is free. */

static int futex_error;

static void refuse_futex(void)
{
    struct sock_filter filter[] = {
        ALLOW_OTHER_ARCHITECTURES,
        LOAD(nr),
        UNLESS_EQUAL(SYS_futex, 1),
        ANSWER(SECCOMP_RET_ERRNO | (unsigned) futex_error),
        ANSWER(SECCOMP_RET_ALLOW),
    };
    if (FAULTS_ARCH == 0 || seccomp_install(filter, sizeof filter / sizeof *filter, 0) != 0) {
        SKIP_TEST("no seccomp filters here");
    }
    errno = 0;
    REQUIRE(syscall(SYS_futex, NULL, 1, 0, NULL, NULL, 0) == -1);
    CHECK_INT(errno, futex_error);
}

static void let_the_handler_begin(void)
{
    calls_before = atomic_load(&calls);
    atomic_store(&phase, ASKED);
    AWAIT(atomic_load(&phase) != ASKED);
    CHECK_INT(atomic_load(&phase), AT_WORK);
}

static void wait_without_futex(int error, void (*let_wait)(void))
{
    futex_error = error;
    prepare_helper = refuse_futex;
    with_helper(raise_sigchld, POINT(LOCKED), let_wait, check_the_handler_has_run);
}

TEST(the_handler_waits_for_the_lock_where_futex_is_not_known)
{
    wait_without_futex(ENOSYS, let_the_handler_wait);
}

TEST(the_handler_waits_for_the_lock_where_futex_is_forbidden)
{
    wait_without_futex(EPERM, let_the_handler_wait);
}

/* It does not sleep then. */
TEST(the_handler_waits_for_the_lock_where_a_signal_ends_each_sleep)
{
    wait_without_futex(EINTR, let_the_handler_begin);
}

/* At every other point it waits for nobody. */

static void let_the_handler_run(void)
{
    calls_before = atomic_load(&calls);
    atomic_store(&phase, ASKED);
    check_the_handler_has_run();
}

TEST(the_handler_on_another_thread_runs_at_once_unless_the_lock_is_held)
{
    with_helper(raise_sigchld, POINT(UNLOCKED) | POINT(SLEEPING), let_the_handler_run, nothing);
}

/* Another thread forks. The copy has none of the original's children, and works. */

static void check_copy(void)
{
    CHECK_CALL(chld_peek(trapped_scene.running, NULL), -EBADF);
    CHECK_CALL(chld_set_next(trapped_scene.set, NULL), -EBADF);
    int before = atomic_load(&calls);
    unblock_signal(SIGCHLD);
    raise(SIGCHLD);
    CHECK(atomic_load(&calls) > before);
    CHECK_EXITED(RUN(ACT("exit", "5"), NULL), 5);
    CHECK_CALL(chld_peek(trapped_scene.exited, NULL), -EBADF);
}

static void make_copy(void)
{
    IN_COPY(check_copy);
}

static void let_the_helper_work(void)
{
    atomic_store(&phase, ASKED);
    AWAIT(atomic_load(&phase) == DONE);
}

/* Without SIGCHLD, which would have this thread wait for the helper inside a handler that
 * has interrupted a fork() of its own. */
static void copy_at_each_point(void)
{
    block_signal(SIGCHLD);
    with_helper(make_copy, ANY_POINT, let_the_helper_work, nothing);
    unblock_signal(SIGCHLD);
}

TEST(a_copy_made_at_any_point_works)
{
    copy_at_each_point();
}

TEST(a_copy_made_at_any_point_works_where_memory_is_kept)
{
    refuses_wipe = true;
    copy_at_each_point();
}

/* A child of vfork() shares the memory, and the lock that another thread holds. */

static void raise_in_vfork_child(void)
{
    pid_t pid = vfork();
    if (pid == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        kill(getpid(), SIGCHLD);
        _exit(0);
    }
    int word;
    while (waitpid(pid, &word, 0) < 0 && errno == EINTR) {
    }
}

TEST(a_handler_in_a_child_of_vfork_does_not_wait_for_the_lock)
{
    with_helper(raise_in_vfork_child, POINT(LOCKED), let_the_helper_work, nothing);
}

/* A signal handler forks while a call is about to sleep, and the copy returns from the
 * call, which has no child there. */

static pid_t copy;
static bool is_copy;

/* Not in sets: the copy shares the epoll, and what it takes out there is gone for the
 * original. (A signal handler interrupts epoll_wait() itself: see test_fork.c.) */
static void fork_here(void)
{
    copy = -1;
    if (strncmp(trapped_call->name, "set_", 4) == 0) {
        return;
    }
    copy = fork();
    if (copy == 0) {
        arm_alarm();
        is_copy = true;
    }
}

static void finish_copy(void)
{
    if (is_copy) {
        check_copy();
        _exit(failures() > 0);
    }
    int word = -1;
    pid_t reaped = -1;
    while (copy > 0 && (reaped = waitpid(copy, &word, 0)) < 0 && errno == EINTR) {
    }
    CHECK_INT(reaped, copy);
    CHECK(copy < 0 || word == 0);
}

TEST(a_copy_made_by_a_signal_handler_before_a_sleep_returns_and_works)
{
    begin();
    at_each_point(POINT(SLEEPING), fork_here, finish_copy);
    end();
}

/* What each thread finds at these points */

static void check_all_blocked(void)
{
    uint64_t mask = 0;
    REQUIRE(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, sizeof mask) == 0);
    uint64_t never = 1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1);
    CHECK(mask == ~never);
}

TEST(every_signal_is_blocked_while_the_lock_is_held)
{
    begin();
    at_each_point(POINT(BLOCKED) | POINT(LOCKED), check_all_blocked, nothing);
    end();
}

/* A start that fails waits with all signals blocked until its child, which is past its
 * last step, has exited. */
static void check_none_blocked(void)
{
    uint64_t mask = 1;
    REQUIRE(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, sizeof mask) == 0);
    CHECK(mask == 0 || strcmp(trapped_call->name, "spawn_in_vain") == 0);
}

TEST(the_mask_is_the_programs_own_before_every_sleep)
{
    begin();
    at_each_point(POINT(SLEEPING), check_none_blocked, nothing);
    end();
}

/* A wait is not over because the thread was held up before it could begin to sleep. */
TEST(a_wait_without_timeout_survives_a_thread_that_is_held_up)
{
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 3);
    chld_status status = { -1, -1, -1, -1 };
    held_up_ms = 1000;
    gate_open(&gate);
    int result = CALL(chld_wait(id, -1, &status));
    held_up_ms = 0;
    CHECK_INT(result, 0);
    CHECK_STATUS(status, CHLD_STATE_EXITED, 3);
    CHECK_EXITED(FINISH(id), 3);
}
