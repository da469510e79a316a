/* The handler that was there before ours keeps being called, as it asked to be. */
#include "exits.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the handler that was there before has seen. */
static volatile sig_atomic_t calls;
static volatile sig_atomic_t last_signal;
static volatile sig_atomic_t last_pid;
static volatile sig_atomic_t last_code;
static sigset_t mask_inside;

static void plain(int signal)
{
    last_signal = signal;
    pthread_sigmask(SIG_BLOCK, NULL, &mask_inside);
    calls++;
}

static void with_info(int signal, siginfo_t *info, void *context)
{
    last_signal = signal;
    last_pid = info->si_pid;
    last_code = context ? info->si_code : -1;
    calls++;
}

static void spoiling(int signal)
{
    (void) signal;
    errno = EIO;
    calls++;
}

static struct sigaction action_of(void (*function)(int), int flags)
{
    struct sigaction action = { .sa_handler = function, .sa_flags = flags };
    sigemptyset(&action.sa_mask);
    return action;
}

/* As the test has found it: libc's signal() would add SA_RESTART. */
static void restore_default(void)
{
    struct sigaction action = action_of(SIG_DFL, 0);
    REQUIRE(sigaction(SIGCHLD, &action, NULL) == 0);
}

/* Puts ours on top of `previous`. */
static void install_over(const struct sigaction *previous)
{
    calls = 0;
    REQUIRE(sigaction(SIGCHLD, previous, NULL) == 0);
    REQUIRE(CALL(chld_sigchld_install(0)) == 0);
}

/* Takes ours away, and checks that `previous` is back, in every part. */
static void remove_from(const struct sigaction *previous)
{
    struct sigaction now;
    CHECK_CALL(chld_sigchld_remove(), 0);
    REQUIRE(sigaction(SIGCHLD, NULL, &now) == 0);
    CHECK(now.sa_handler == previous->sa_handler);
    const int asked = SA_SIGINFO | SA_NOCLDSTOP | SA_NOCLDWAIT | SA_NODEFER | SA_ONSTACK
                    | SA_RESETHAND | SA_RESTART;
    CHECK_INT(now.sa_flags & asked, previous->sa_flags & asked);
    for (int number = 1; number < SIGRTMAX; number++) {
        CHECK_INT(sigismember(&now.sa_mask, number), sigismember(&previous->sa_mask, number));
    }
    restore_default();
}

TEST(the_handler_keeps_errno)
{
    REQUIRE(CALL(chld_sigchld_install(0)) == 0);
    errno = ERRNO_CANARY;
    raise(SIGCHLD); /* there is no child, which waitid calls ECHILD */
    CHECK_INT(errno, ERRNO_CANARY);
    CHECK_CALL(chld_sigchld_remove(), 0);
}

TEST(it_keeps_errno_though_the_previous_one_does_not)
{
    struct sigaction previous = action_of(spoiling, SA_RESTART);
    install_over(&previous);
    errno = ERRNO_CANARY;
    raise(SIGCHLD);
    CHECK_INT(errno, ERRNO_CANARY);
    CHECK_INT(calls, 1);
    remove_from(&previous);
}

TEST(a_plain_handler_is_called)
{
    struct sigaction previous = action_of(plain, SA_RESTART);
    install_over(&previous);
    CHECK_EXITED(RUN(ACT("exit", "3"), NULL), 3);
    AWAIT(calls == 1);
    CHECK_INT(last_signal, SIGCHLD);
    remove_from(&previous);
}

TEST(a_handler_with_siginfo_gets_the_siginfo)
{
    struct sigaction previous = action_of(NULL, SA_SIGINFO | SA_RESTART);
    previous.sa_sigaction = with_info;
    install_over(&previous);
    chld_id id = START(ACT("exit", "3"), NULL);
    int pid = CALL(chld_pid(id));
    AWAIT(calls == 1);
    CHECK_INT(last_pid, pid);
    CHECK_INT(last_code, CLD_EXITED);
    CHECK_EXITED(FINISH(id), 3);
    remove_from(&previous);
}

TEST(its_mask_is_in_force_while_it_runs)
{
    struct sigaction previous = action_of(plain, SA_RESTART);
    sigaddset(&previous.sa_mask, SIGUSR1);
    sigaddset(&previous.sa_mask, SIGRTMIN + 3);
    install_over(&previous);
    raise(SIGCHLD);
    CHECK_INT(calls, 1);
    CHECK_INT(sigismember(&mask_inside, SIGUSR1), 1);
    CHECK_INT(sigismember(&mask_inside, SIGRTMIN + 3), 1);
    CHECK_INT(sigismember(&mask_inside, SIGCHLD), 1);
    CHECK_INT(sigismember(&mask_inside, SIGUSR2), 0);
    remove_from(&previous);
}

TEST(sa_nodefer_is_kept)
{
    struct sigaction previous = action_of(plain, SA_RESTART | SA_NODEFER);
    install_over(&previous);
    raise(SIGCHLD);
    CHECK_INT(calls, 1);
    CHECK_INT(sigismember(&mask_inside, SIGCHLD), 0);
    remove_from(&previous);
}

/* Stops a child and lets it go on, and sees the kernel's signal for each. */
static void stop_and_continue(chld_id id)
{
    CHECK_CALL(chld_kill(id, SIGSTOP), 0);
    CHECK_CALL(chld_wait_change(id, CHLD_WATCH_STOPPED, -1, NULL), 0);
    AWAIT(CALL(chld_sigchld_pending()) == 1);
    CHECK_CALL(chld_kill(id, SIGCONT), 0);
    CHECK_CALL(chld_wait_change(id, CHLD_WATCH_CONTINUED, -1, NULL), 0);
    AWAIT(CALL(chld_sigchld_pending()) == 1);
}

TEST(stops_are_not_reported_to_a_handler_that_wants_none)
{
    struct sigaction previous = action_of(plain, SA_RESTART | SA_NOCLDSTOP);
    struct gate gate = gate_make();
    install_over(&previous);
    chld_id id = START_AT(&gate, 5);
    stop_and_continue(id);
    CHECK_INT(calls, 0);
    gate_open(&gate);
    AWAIT(calls == 1);
    CHECK_EXITED(FINISH(id), 5);
    remove_from(&previous);
}

TEST(stops_are_reported_to_a_handler_that_wants_them)
{
    struct sigaction previous = action_of(plain, SA_RESTART);
    struct gate gate = gate_make();
    install_over(&previous);
    chld_id id = START_AT(&gate, 5);
    stop_and_continue(id);
    CHECK_INT(calls, 2);
    gate_open(&gate);
    AWAIT(calls == 3);
    CHECK_EXITED(FINISH(id), 5);
    remove_from(&previous);
}

/* The kernel keeps one pending SIGCHLD: that of the stop, though the child has
 * exited by then. Without ours it would have sent the handler one for the exit. */
TEST(an_exit_that_a_stop_has_swallowed_is_reported)
{
    struct sigaction previous = action_of(plain, SA_RESTART | SA_NOCLDSTOP);
    install_over(&previous);
    pid_t pid = fork();
    if (pid == 0) {
        raise(SIGSTOP);
        _exit(6);
    }
    block_signal(SIGCHLD);
    siginfo_t info;
    REQUIRE(waitid(P_PID, (id_t) pid, &info, WSTOPPED) == 0);
    REQUIRE(kill(pid, SIGCONT) == 0);
    REQUIRE(waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT) == 0);
    unblock_signal(SIGCHLD);
    CHECK(calls >= 1);
    FOREIGN_REAP(pid, 6);
    remove_from(&previous);
}

TEST(sa_resethand_is_once)
{
    struct sigaction previous = action_of(plain, SA_RESTART | (int) SA_RESETHAND);
    install_over(&previous);
    raise(SIGCHLD);
    CHECK_INT(calls, 1);
    raise(SIGCHLD);
    CHECK_INT(calls, 1);
    CHECK_EXITED(RUN(ACT("exit", "3"), NULL), 3); /* ours is still at work */
    CHECK_INT(calls, 1);
    previous.sa_handler = SIG_DFL;
    remove_from(&previous);
}

TEST(sa_resethand_is_still_due_if_nothing_came)
{
    struct sigaction previous = action_of(plain, SA_RESTART | (int) SA_RESETHAND);
    install_over(&previous);
    CHECK_CALL(chld_sigchld_remove(), 0);
    raise(SIGCHLD);
    raise(SIGCHLD);
    CHECK_INT(calls, 1);
    restore_default();
}

TEST(an_ignored_sigchld_is_ignored_again)
{
    struct sigaction previous = action_of(SIG_IGN, 0);
    install_over(&previous);
    CHECK_EXITED(RUN(ACT("exit", "3"), NULL), 3);
    remove_from(&previous);
}

TEST(the_default_is_the_default_again)
{
    struct sigaction previous = action_of(SIG_DFL, 0);
    install_over(&previous);
    CHECK_EXITED(RUN(ACT("exit", "3"), NULL), 3);
    remove_from(&previous);
}

/* The alternate stack of the main thread. */
static char other_stack[65536];
static volatile sig_atomic_t on_other_stack;

static void where_am_i(int signal)
{
    char here;
    (void) signal;
    on_other_stack = (uintptr_t) &here - (uintptr_t) other_stack < sizeof other_stack;
    calls++;
}

/* Where a handler that was installed with these flags runs below ours. */
static void check_stack(int flags, bool is_other)
{
    stack_t stack = { .ss_sp = other_stack, .ss_size = sizeof other_stack };
    stack_t none = { .ss_flags = SS_DISABLE };
    struct sigaction previous = action_of(where_am_i, SA_RESTART | flags);
    REQUIRE(sigaltstack(&stack, NULL) == 0);
    install_over(&previous);
    raise(SIGCHLD);
    CHECK_INT(calls, 1);
    CHECK_INT(on_other_stack, is_other);
    remove_from(&previous);
    REQUIRE(sigaltstack(&none, NULL) == 0);
}

TEST(sa_onstack_is_kept)
{
    check_stack(SA_ONSTACK, true);
}

/* Its alternate stack may be a small one, made for SIGSEGV alone. */
TEST(a_handler_without_the_alternate_stack_is_not_moved_there)
{
    check_stack(0, false);
}

/* Go, for one, demands it of every handler. */
TEST(alone_ours_runs_on_the_alternate_stack)
{
    struct sigaction previous = action_of(SIG_DFL, 0), now;
    install_over(&previous);
    REQUIRE(sigaction(SIGCHLD, NULL, &now) == 0);
    CHECK(now.sa_flags & SA_ONSTACK);
    remove_from(&previous);
}

/* A read is interrupted by SIGCHLD where the handler that was there before had
 * it so, and goes on where not. */

struct reading {
    int ends[2];
    atomic_int tid;
    atomic_int done;
    pthread_t reader;
};

/* Until the reader sleeps in its read, sends it SIGCHLD, and when that was
 * handled, the byte that it waits for. */
static void *interrupt_then_write(void *argument)
{
    struct reading *reading = argument;
    block_signal(SIGCHLD);
    AWAIT(atomic_load(&reading->tid) && process_state(reading->tid) == 'S');
    pthread_kill(reading->reader, SIGCHLD);
    AWAIT(calls > 0 || CALL(chld_sigchld_pending()) == 1);
    AWAIT(atomic_load(&reading->done) || process_state(reading->tid) == 'S');
    CHECK_INT(write(reading->ends[1], "x", 1), 1);
    return NULL;
}

static ssize_t read_under_sigchld(int *error)
{
    struct reading reading = { .reader = pthread_self() };
    pthread_t thread;
    char byte;
    REQUIRE(pipe(reading.ends) == 0);
    REQUIRE(pthread_create(&thread, NULL, interrupt_then_write, &reading) == 0);
    atomic_store(&reading.tid, (int) syscall(SYS_gettid));
    errno = 0;
    ssize_t got = read(reading.ends[0], &byte, 1);
    *error = errno;
    atomic_store(&reading.done, 1);
    pthread_join(thread, NULL);
    close(reading.ends[0]);
    close(reading.ends[1]);
    return got;
}

TEST(calls_are_restarted_unless_an_earlier_handler_forbids_it)
{
    struct sigaction previous = action_of(SIG_DFL, 0);
    int error;
    install_over(&previous);
    CHECK_INT(read_under_sigchld(&error), 1);
    remove_from(&previous);
}

TEST(calls_are_restarted_as_the_previous_handler_had_it)
{
    struct sigaction previous = action_of(plain, SA_RESTART);
    int error;
    install_over(&previous);
    CHECK_INT(read_under_sigchld(&error), 1);
    CHECK_INT(calls, 1);
    remove_from(&previous);
}

TEST(calls_are_interrupted_as_the_previous_handler_had_it)
{
    struct sigaction previous = action_of(plain, 0);
    int error;
    install_over(&previous);
    CHECK_INT(read_under_sigchld(&error), -1);
    CHECK_INT(error, EINTR);
    CHECK_INT(calls, 1);
    remove_from(&previous);
}
