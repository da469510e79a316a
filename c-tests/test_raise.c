/* Terminating in the way in which a child terminated. */
#include "look.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a copy of the test does before it raises. */
static void nothing(void)
{
}

static void allow_cores(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_CORE, &limit);
    if (chdir(scratch("")) != 0) {
        _exit(99);
    }
}

static void on_signal(int signal)
{
    (void) signal;
}

static void block_ignore_and_handle(void)
{
    uint64_t all = ~0ull;
    signal(SIGTERM, SIG_IGN);
    signal(SIGSEGV, on_signal);
    signal(SIGUSR1, on_signal);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
}

static void exit_98(void)
{
    _exit(98);
}

static void register_atexit(void)
{
    atexit(exit_98);
}

enum { RETURNED = 97 };

/* How a copy terminates that prepares, then raises `status`: a wait status word. */
static int raise_in_copy(void (*prepare)(void), chld_status status)
{
    scratch(""); /* made here, so that it is removed here */
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        arm_alarm();
        prepare();
        chld_status_raise(&status);
        _exit(RETURNED);
    }
    int word;
    REQUIRE(waitpid(pid, &word, 0) == pid);
    return word;
}

static chld_status status_of(int state, int code)
{
    return (chld_status) { .state = state, .code = code };
}

static void check_raise(void (*prepare)(void), int state, int code)
{
    chld_status got;
    int word = raise_in_copy(prepare, status_of(state, code));
    CHECK_CALL(chld_status_decode(word, &got), 0);
    CHECK_STATUS(got, state, code);
}

TEST(exit_codes)
{
    static const int codes[] = { 0, 1, 42, 127, 255 };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        check_raise(nothing, CHLD_STATE_EXITED, codes[i]);
    }
}

TEST(signals_without_a_core)
{
    const int signals[] = { SIGHUP,  SIGINT,  SIGKILL, SIGTERM, SIGSEGV,
                            SIGABRT, SIGQUIT, SIGPIPE, SIGRTMAX - 1 };
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        check_raise(nothing, CHLD_STATE_KILLED, signals[i]);
        check_raise(allow_cores, CHLD_STATE_KILLED, signals[i]);
    }
}

TEST(signals_that_are_blocked_ignored_or_handled)
{
    static const int signals[] = { SIGTERM, SIGSEGV, SIGUSR1, SIGKILL };
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        check_raise(block_ignore_and_handle, CHLD_STATE_KILLED, signals[i]);
    }
}

static void segv(void)
{
    allow_cores();
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
}

TEST(signals_with_a_core)
{
    int word = raise_in_copy(segv, status_of(CHLD_STATE_EXITED, 0));
    if (!WIFSIGNALED(word) || !WCOREDUMP(word)) {
        SKIP_TEST("no core files are written here");
    }
    check_raise(allow_cores, CHLD_STATE_DUMPED, SIGSEGV);
    check_raise(allow_cores, CHLD_STATE_DUMPED, SIGABRT);
}

TEST(a_core_that_the_limit_forbids_is_not_written)
{
    struct rlimit before, none;
    REQUIRE(getrlimit(RLIMIT_CORE, &before) == 0);
    none = (struct rlimit) { 0, before.rlim_max };
    REQUIRE(setrlimit(RLIMIT_CORE, &none) == 0);
    int word = raise_in_copy(nothing, status_of(CHLD_STATE_DUMPED, SIGSEGV));
    REQUIRE(setrlimit(RLIMIT_CORE, &before) == 0);
    CHECK(WIFSIGNALED(word) && WTERMSIG(word) == SIGSEGV && !WCOREDUMP(word));
}

/* As somebody who is not root, and stops at each signal for the test to look. */
static void be_traced(void)
{
    if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) {
        _exit(99);
    }
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0 || ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
        _exit(99);
    }
}

/* Whether a copy that raises `state` with SIGSEGV would leave a core to those who
 * asks for one: /proc gives what belongs to other processes to root. */
static bool is_dumpable_when_it_raises(int state)
{
    char path[64];
    struct stat found;
    int word;
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        chld_status status = status_of(state, SIGSEGV);
        arm_alarm();
        be_traced();
        chld_status_raise(&status);
        _exit(RETURNED);
    }
    REQUIRE(waitpid(pid, &word, 0) == pid);
    if (!WIFSTOPPED(word)) {
        SKIP_TEST("a process cannot be traced here");
    }
    CHECK_INT(WSTOPSIG(word), SIGSEGV);
    snprintf(path, sizeof path, "/proc/%d/status", (int) pid);
    REQUIRE(stat(path, &found) == 0);
    REQUIRE(ptrace(PTRACE_KILL, pid, NULL, NULL) == 0 && waitpid(pid, &word, 0) == pid);
    return found.st_uid != 0;
}

/* The limit is nothing to a core_pattern that is a pipe. */
TEST(without_a_core_no_collector_is_asked_to_take_one)
{
    if (!is_dumpable_when_it_raises(CHLD_STATE_DUMPED)) {
        SKIP_TEST("/proc does not tell what may be dumped here");
    }
    CHECK(!is_dumpable_when_it_raises(CHLD_STATE_KILLED));
}

TEST(no_atexit_function_runs)
{
    check_raise(register_atexit, CHLD_STATE_EXITED, 5);
}

TEST(what_is_not_an_exit_returns)
{
    static const int states[] = { CHLD_STATE_RUNNING, CHLD_STATE_STOPPED, CHLD_STATE_CONTINUED,
                                  CHLD_STATE_LOST };
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        chld_status status = status_of(states[i], SIGCONT);
        /* In a copy first: a test that is ended with 0 would have passed. */
        int word = raise_in_copy(nothing, status);
        REQUIRE(WIFEXITED(word) && WEXITSTATUS(word) == RETURNED);
        CHECK_CALL(chld_status_raise(&status), -EINVAL);
    }
}

TEST(a_signal_that_terminates_nobody_returns)
{
    static const int signals[] = { SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGCHLD, SIGURG,
                                   SIGWINCH };
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        int word = raise_in_copy(nothing, status_of(CHLD_STATE_KILLED, signals[i]));
        CHECK(WIFEXITED(word) && WEXITSTATUS(word) == RETURNED);
    }
}

/* The use that it is made for: a program that stands in for its child. */
static const char *how, *with;

static void stand_in(void)
{
    chld_id id = START(ACT(how, with), NULL);
    chld_status status = FINISH(id);
    chld_status_raise(&status);
    _exit(96);
}

TEST(a_program_can_stand_in_for_its_child)
{
    how = "exit";
    with = "33";
    check_raise(stand_in, CHLD_STATE_EXITED, 33);
    how = "die";
    with = "15";
    check_raise(stand_in, CHLD_STATE_KILLED, SIGTERM);
}
