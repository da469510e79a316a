/*
 * What the system's own headers and C library contain, as functions for the unit
 * tests in src/oracle.rs. Nothing here depends on what the library returns; the tests
 * compare the two.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#if __has_include(<linux/sched.h>)
#include <linux/sched.h>
#endif
#if __has_include(<linux/close_range.h>)
#include <linux/close_range.h>
#endif

/* The answers of the W* macros; those that do not apply are 0. */
struct oracle_word {
    int exited, exit_status;
    int signaled, term_signal, core;
    int stopped, stop_signal;
    int continued;
};

void oracle_word(int word, struct oracle_word *ret)
{
    struct oracle_word answer = { 0 };

    answer.exited = WIFEXITED(word) ? 1 : 0;
    answer.signaled = WIFSIGNALED(word) ? 1 : 0;
    answer.stopped = WIFSTOPPED(word) ? 1 : 0;
    answer.continued = WIFCONTINUED(word) ? 1 : 0;
    if (answer.exited)
        answer.exit_status = WEXITSTATUS(word);
    if (answer.signaled) {
        answer.term_signal = WTERMSIG(word);
        answer.core = WCOREDUMP(word) ? 1 : 0;
    }
    if (answer.stopped)
        answer.stop_signal = WSTOPSIG(word);
    *ret = answer;
}

struct constant {
    const char *name;
    int known;
    long long value;
};

#define C(name) { #name, 1, (long long)(name) }
#define ADDRESS(name) { #name, 1, (long long)(intptr_t)(name) }
#define LACKING(name) { #name, 0, 0 }

static const struct constant constants[] = {
    C(E2BIG), C(EAGAIN), C(EACCES), C(EBADF), C(EBUSY), C(ECHILD), C(EINTR), C(EINVAL), C(EIO),
    C(EMFILE), C(ENAMETOOLONG), C(ENODATA), C(ENODEV), C(ENOENT), C(ENOEXEC), C(ENOMEM),
    C(ENOSYS), C(ENOTDIR), C(EPERM), C(EPIPE), C(ERANGE), C(ESRCH), C(ESTALE), C(ETIMEDOUT),

    C(CLD_EXITED), C(CLD_KILLED), C(CLD_DUMPED), C(CLD_STOPPED), C(CLD_CONTINUED),
    C(WEXITED), C(WSTOPPED), C(WCONTINUED), C(WNOHANG), C(WNOWAIT), C(P_PID), C(P_ALL),
#ifdef P_PIDFD
    C(P_PIDFD),
#else
    LACKING(P_PIDFD),
#endif

    ADDRESS(SIG_DFL), ADDRESS(SIG_IGN), C(SIG_SETMASK), C(SIG_BLOCK), C(SIG_UNBLOCK),
    C(SA_NOCLDSTOP), C(SA_NOCLDWAIT), C(SA_NODEFER), C(SA_ONSTACK), C(SA_RESTART), C(SA_SIGINFO),
    { "SA_RESETHAND", 1, (int)SA_RESETHAND }, /* the sign bit of sa_flags */
    { "SIGSET_BYTES", 1, (_NSIG - 1) / 8 },
    C(PTHREAD_CANCEL_DISABLE),

    C(AT_FDCWD), C(FD_CLOEXEC), C(F_DUPFD_CLOEXEC), C(F_GETFD), C(F_SETFD), C(F_OK),
    C(O_CLOEXEC), C(O_DIRECTORY), C(O_RDONLY), C(O_WRONLY), C(O_NONBLOCK), C(PATH_MAX), C(POLLIN),
    C(EPOLLIN), C(EPOLLONESHOT), C(EPOLL_CLOEXEC), C(EPOLL_CTL_ADD), C(EPOLL_CTL_MOD),
    C(PROT_READ), C(PROT_WRITE), C(MAP_PRIVATE), C(MAP_ANONYMOUS), ADDRESS(MAP_FAILED),
#ifdef MADV_WIPEONFORK
    C(MADV_WIPEONFORK),
#else
    LACKING(MADV_WIPEONFORK),
#endif
    C(CLOCK_MONOTONIC), C(RLIMIT_CORE), C(PR_SET_CHILD_SUBREAPER),

    C(CLONE_VM), C(CLONE_VFORK), C(CLONE_FILES),
#ifdef CLONE_PIDFD
    C(CLONE_PIDFD),
#else
    LACKING(CLONE_PIDFD),
#endif
#ifdef CLONE_CLEAR_SIGHAND
    C(CLONE_CLEAR_SIGHAND),
#else
    LACKING(CLONE_CLEAR_SIGHAND),
#endif
#ifdef CLONE_INTO_CGROUP
    C(CLONE_INTO_CGROUP),
#else
    LACKING(CLONE_INTO_CGROUP),
#endif
#ifdef CLOSE_RANGE_UNSHARE
    C(CLOSE_RANGE_UNSHARE),
#else
    LACKING(CLOSE_RANGE_UNSHARE),
#endif
#ifdef CLOSE_RANGE_CLOEXEC
    C(CLOSE_RANGE_CLOEXEC),
#else
    LACKING(CLOSE_RANGE_CLOEXEC),
#endif

    C(SYS_chdir), C(SYS_clone), C(SYS_close), C(SYS_dup3), C(SYS_execve), C(SYS_exit_group),
    C(SYS_faccessat), C(SYS_getdents64), C(SYS_openat), C(SYS_rt_sigaction),
    C(SYS_rt_sigprocmask), C(SYS_setpgid), C(SYS_setsid), C(SYS_unshare), C(SYS_waitid),
    C(SYS_write),
#ifdef SYS_clone3
    C(SYS_clone3),
#else
    LACKING(SYS_clone3),
#endif
#ifdef SYS_close_range
    C(SYS_close_range),
#else
    LACKING(SYS_close_range),
#endif
#ifdef SYS_pidfd_open
    C(SYS_pidfd_open),
#else
    LACKING(SYS_pidfd_open),
#endif
#ifdef SYS_pidfd_send_signal
    C(SYS_pidfd_send_signal),
#else
    LACKING(SYS_pidfd_send_signal),
#endif
};

/* 1 and its value, 0 if these headers lack it, -1 if the name is not here. */
int oracle_constant(const char *name, long long *ret)
{
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++) {
        if (strcmp(constants[i].name, name) == 0) {
            *ret = constants[i].value;
            return constants[i].known;
        }
    }
    return -1;
}

struct layout {
    const char *name;
    size_t offset, size;
};

#define WHOLE(type) { #type, 0, sizeof(type) }
#define MEMBER(type, member) \
    { #type "." #member, offsetof(type, member), sizeof(((type *)0)->member) }

#define NOWHERE(type, member) { #type "." #member, SIZE_MAX, 0 } /* not in these headers */

static const struct layout layouts[] = {
    WHOLE(struct pollfd),
    MEMBER(struct pollfd, fd),
    MEMBER(struct pollfd, events),
    MEMBER(struct pollfd, revents),
    WHOLE(struct timespec),
    MEMBER(struct timespec, tv_sec),
    MEMBER(struct timespec, tv_nsec),
    WHOLE(struct rlimit),
    MEMBER(struct rlimit, rlim_cur),
    MEMBER(struct rlimit, rlim_max),
    WHOLE(sigset_t),
    WHOLE(nfds_t),
    WHOLE(siginfo_t),
    MEMBER(siginfo_t, si_signo),
    MEMBER(siginfo_t, si_code),
#ifdef CLONE_ARGS_SIZE_VER0
    MEMBER(struct clone_args, flags),
    MEMBER(struct clone_args, pidfd),
    MEMBER(struct clone_args, child_tid),
    MEMBER(struct clone_args, parent_tid),
    MEMBER(struct clone_args, exit_signal),
    MEMBER(struct clone_args, stack),
    MEMBER(struct clone_args, stack_size),
    MEMBER(struct clone_args, tls),
#else
    NOWHERE(struct clone_args, flags),
    NOWHERE(struct clone_args, pidfd),
    NOWHERE(struct clone_args, child_tid),
    NOWHERE(struct clone_args, parent_tid),
    NOWHERE(struct clone_args, exit_signal),
    NOWHERE(struct clone_args, stack),
    NOWHERE(struct clone_args, stack_size),
    NOWHERE(struct clone_args, tls),
#endif
#ifdef CLONE_ARGS_SIZE_VER2
    MEMBER(struct clone_args, set_tid),
    MEMBER(struct clone_args, cgroup),
#else
    NOWHERE(struct clone_args, set_tid),
    NOWHERE(struct clone_args, cgroup),
#endif
};

/* 1 and where it is, or 0 if the name is not here. */
int oracle_layout(const char *name, size_t *ret_offset, size_t *ret_size)
{
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        if (strcmp(layouts[i].name, name) == 0) {
            *ret_offset = layouts[i].offset;
            *ret_size = layouts[i].size;
            return 1;
        }
    }
    return 0;
}

/* wait4 of one child: its word, and its figures in the order of
   chld_resources. Returns the pid or a negative errno. */
int oracle_wait4(int pid, int options, int *ret_word, long long ret_figures[9])
{
    struct rusage u;
    int got = wait4(pid, ret_word, options, &u);

    if (got < 0)
        return -errno;
    ret_figures[0] = u.ru_utime.tv_sec * 1000000LL + u.ru_utime.tv_usec;
    ret_figures[1] = u.ru_stime.tv_sec * 1000000LL + u.ru_stime.tv_usec;
    ret_figures[2] = u.ru_maxrss;
    ret_figures[3] = u.ru_minflt;
    ret_figures[4] = u.ru_majflt;
    ret_figures[5] = u.ru_inblock;
    ret_figures[6] = u.ru_oublock;
    ret_figures[7] = u.ru_nvcsw;
    ret_figures[8] = u.ru_nivcsw;
    return got;
}

static const struct constant signals[] = {
    C(SIGHUP), C(SIGINT), C(SIGQUIT), C(SIGILL), C(SIGTRAP), C(SIGABRT), C(SIGBUS), C(SIGFPE),
    C(SIGKILL), C(SIGUSR1), C(SIGSEGV), C(SIGUSR2), C(SIGPIPE), C(SIGALRM), C(SIGTERM),
    C(SIGCHLD), C(SIGCONT), C(SIGSTOP), C(SIGTSTP), C(SIGTTIN), C(SIGTTOU), C(SIGURG),
    C(SIGXCPU), C(SIGXFSZ), C(SIGVTALRM), C(SIGPROF), C(SIGWINCH), C(SIGSYS),
#ifdef SIGIO
    C(SIGIO),
#endif
#ifdef SIGPOLL
    C(SIGPOLL),
#endif
#ifdef SIGIOT
    C(SIGIOT),
#endif
#ifdef SIGCLD
    C(SIGCLD),
#endif
#ifdef SIGPWR
    C(SIGPWR),
#endif
#ifdef SIGSTKFLT
    C(SIGSTKFLT),
#endif
};

/* The name of the i-th signal macro and its number; NULL after the last. */
const char *oracle_signal(size_t i, int *ret)
{
    if (i >= sizeof signals / sizeof *signals)
        return NULL;
    *ret = (int)signals[i].value;
    return signals[i].name;
}

void oracle_realtime(int *ret_lowest, int *ret_highest)
{
    *ret_lowest = SIGRTMIN;
    *ret_highest = SIGRTMAX;
}

/* The name without its "SIG" as the C library knows it, for signals that are
   not real-time; NULL for others, or where it has no such function. */
const char *oracle_signal_name(int number)
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 32)
    return sigabbrev_np(number);
#else
    (void)number;
    return NULL;
#endif
}

/* Whether the C library has words of its own for this number. */
int oracle_signal_known(int number)
{
    const char *words = strsignal(number);

    return words && strncmp(words, "Unknown signal", 14) != 0;
}

const char *oracle_errno_text(int number)
{
    return strerror(number);
}

static void ignore_it(int number)
{
    (void)number;
}

/* Gives a signal a disposition: 0 default, 1 ignored, 2 a handler. */
int oracle_set_disposition(int number, int kind)
{
    void (*handlers[])(int) = { SIG_DFL, SIG_IGN, ignore_it };
    struct sigaction action = { .sa_handler = handlers[kind] };

    return sigaction(number, &action, NULL);
}

int oracle_disposition(int number)
{
    struct sigaction action;

    if (sigaction(number, NULL, &action) != 0)
        return -1;
    return action.sa_handler == SIG_DFL ? 0 : action.sa_handler == SIG_IGN ? 1 : 2;
}

/* The calling thread's mask, signal 1 lowest. */
uint64_t oracle_mask(void)
{
    sigset_t now;
    uint64_t bits = 0;

    pthread_sigmask(SIG_BLOCK, NULL, &now);
    for (int number = 1; number <= 64; number++) {
        if (sigismember(&now, number) == 1)
            bits |= UINT64_C(1) << (number - 1);
    }
    return bits;
}
