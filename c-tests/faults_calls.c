#define _GNU_SOURCE
#include "faults_calls.h"

#include "faults_seccomp.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>

/*
 * Let through, neither counted nor failed:
 *   exit, exit_group, rt_sigreturn, restart_syscall   cannot be refused
 *   futex, sched_yield, getpid, gettid, …             cannot fail if used rightly
 *   clock_gettime     is not even a system call where there is a vDSO
 *   brk               libc's allocator; the library has none
 *   close             a filter can answer instead of the kernel or let the
 *                     kernel answer, not both: the descriptor would stay open,
 *                     which a failing close on Linux never leaves behind
 *   munmap            gives back whole mappings, which the kernel cannot refuse
 *   fcntl             to mark a descriptor close-on-exec (see faults_process.c)
 *   umask             cannot fail
 *   sendmsg           hands the listener to the supervisor, which cannot answer
 *                     before it has it; the library sends no messages
 */
const int calls_let_through[] = {
    SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_restart_syscall, SYS_sched_yield, SYS_getpid,
    SYS_gettid, SYS_getppid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_brk, SYS_close,
    SYS_munmap, SYS_sendmsg, SYS_umask,
#ifdef SYS_getpgrp
    SYS_getpgrp, /* libc's getpgrp(), which cannot fail */
#endif
#ifdef SYS_futex
    SYS_futex, SYS_clock_gettime,
#endif
#ifdef SYS_futex_time64
    SYS_futex_time64, SYS_clock_gettime64,
#endif
};
const size_t calls_let_through_count = sizeof calls_let_through / sizeof calls_let_through[0];

enum side { ANYWHERE, PARENT, CHILD };

/*
 * A call can fail with the errors of every row that matches it: its number, its
 * side, and (argument & mask) == value.
 */
struct row {
    const char *name;
    int number;
    enum side side;
    int argument;
    unsigned mask, value;
    int errors[MOST_ERRORS];
};

#define ALWAYS 0, 0, 0
#define ARGUMENT(n, is) (n), ~0u, (is)
#define REFUSED ENOSYS, EPERM, EINVAL /* by an old kernel, by a sandbox */

static const struct row rows[] = {
    { "clone3", SYS_clone3, ANYWHERE, ALWAYS, { EAGAIN, ENOMEM, REFUSED } },
    { "clone", SYS_clone, ANYWHERE, ALWAYS, { EAGAIN, ENOMEM, EPERM } },
    { "clone", SYS_clone, ANYWHERE, 0, CLONE_VM, CLONE_VM, { EINVAL } },
    { "execve", SYS_execve, ANYWHERE, ALWAYS, { ENOENT, EACCES, ENOMEM, E2BIG, ENOEXEC, EPERM } },
#ifdef SYS_mmap
    { "mmap", SYS_mmap, ANYWHERE, ALWAYS, { ENOMEM } },
#endif
#ifdef SYS_mmap2
    { "mmap2", SYS_mmap2, ANYWHERE, ALWAYS, { ENOMEM } },
#endif
    { "madvise", SYS_madvise, ANYWHERE, ALWAYS, { EINVAL, ENOMEM } },
    { "openat", SYS_openat, ANYWHERE, ALWAYS, { EMFILE, ENFILE, EACCES, ENOMEM, EINTR } },
    { "pipe2", SYS_pipe2, ANYWHERE, ALWAYS, { EMFILE, ENFILE } },
#ifdef SYS_fcntl
    { "fcntl", SYS_fcntl, ANYWHERE, ARGUMENT(1, F_GETFD), { EBADF } },
    { "fcntl", SYS_fcntl, ANYWHERE, ARGUMENT(1, F_SETFD), { EBADF } },
    { "fcntl", SYS_fcntl, ANYWHERE, ARGUMENT(1, F_DUPFD_CLOEXEC), { EMFILE, EINVAL } },
    { "fcntl", SYS_fcntl, ANYWHERE, ARGUMENT(1, F_SETPIPE_SZ), { EPERM, EBUSY, ENOMEM } },
    { "fcntl", SYS_fcntl, ANYWHERE, ARGUMENT(1, F_GETPIPE_SZ), { EBADF } },
#endif
#ifdef SYS_fcntl64
    { "fcntl64", SYS_fcntl64, ANYWHERE, ARGUMENT(1, F_GETFD), { EBADF } },
    { "fcntl64", SYS_fcntl64, ANYWHERE, ARGUMENT(1, F_SETFD), { EBADF } },
    { "fcntl64", SYS_fcntl64, ANYWHERE, ARGUMENT(1, F_DUPFD_CLOEXEC), { EMFILE, EINVAL } },
    { "fcntl64", SYS_fcntl64, ANYWHERE, ARGUMENT(1, F_SETPIPE_SZ), { EPERM, EBUSY, ENOMEM } },
    { "fcntl64", SYS_fcntl64, ANYWHERE, ARGUMENT(1, F_GETPIPE_SZ), { EBADF } },
#endif
    { "dup3", SYS_dup3, ANYWHERE, ALWAYS, { EBADF, EBUSY, EMFILE } },
    { "close_range", SYS_close_range, ANYWHERE, ALWAYS, { REFUSED, EMFILE, ENOMEM } },
    { "unshare", SYS_unshare, ANYWHERE, ALWAYS, { EPERM, ENOMEM } },
    { "getdents64", SYS_getdents64, ANYWHERE, ALWAYS, { ENOENT, EIO, ENOMEM, EINTR } },
    { "faccessat", SYS_faccessat, ANYWHERE, ALWAYS, { ENOENT, EACCES } },
    { "setsid", SYS_setsid, ANYWHERE, ALWAYS, { EPERM } },
    { "setpgid", SYS_setpgid, ANYWHERE, ALWAYS, { EPERM, EACCES, ESRCH } },
    { "getpgid", SYS_getpgid, ANYWHERE, ALWAYS, { EPERM, ENOSYS } },
    { "chdir", SYS_chdir, ANYWHERE, ALWAYS, { ENOENT, EACCES, ENOMEM } },
    /* In the parent these two fail only where they change something: installing
     * a handler, blocking everything. What undoes that repeats what the kernel
     * took before, and nothing could be done without it. */
    { "rt_sigaction", SYS_rt_sigaction, PARENT, ARGUMENT(1, 1), { EINVAL } },
    { "rt_sigaction", SYS_rt_sigaction, CHILD, ALWAYS, { EINVAL } },
    { "rt_sigprocmask", SYS_rt_sigprocmask, PARENT, ARGUMENT(1, ~0u), { EINVAL, EPERM } },
    { "rt_sigprocmask", SYS_rt_sigprocmask, CHILD, ALWAYS, { EINVAL, EPERM } },
    /* No EIO with a large buffer, which is for what a child writes: a pipe never
     * returns that, and for a terminal it is the end. */
    { "read", SYS_read, ANYWHERE, ALWAYS, { EINTR } },
    { "read", SYS_read, ANYWHERE, 2, ~0xfffu, 0, { EIO } },
    { "write", SYS_write, ANYWHERE, ALWAYS, { EINTR, ENOMEM } },
#ifdef SYS_ppoll
    { "ppoll", SYS_ppoll, ANYWHERE, ALWAYS, { EINTR, ENOMEM } },
#endif
#ifdef SYS_ppoll_time64
    { "ppoll_time64", SYS_ppoll_time64, ANYWHERE, ALWAYS, { EINTR, ENOMEM } },
#endif
    /* No ECHILD: it is a statement about the child, which the library must
     * believe. By pid and without blocking, the call cannot fail otherwise. */
    { "waitid", SYS_waitid, ANYWHERE, ARGUMENT(0, 3 /* P_PIDFD */), { REFUSED } },
    { "waitid", SYS_waitid, ANYWHERE, 3, WNOHANG, 0, { EINTR } },
    { "wait4", SYS_wait4, ANYWHERE, 2, WNOHANG, 0, { EINTR } },
#ifdef SYS_nanosleep
    { "nanosleep", SYS_nanosleep, ANYWHERE, ALWAYS, { EINTR } },
#endif
    { "timerfd_create", SYS_timerfd_create, ANYWHERE, ALWAYS, { EMFILE, ENFILE, ENOMEM } },
    /* Cannot fail with a timer of one's own, and a time that is one. */
    { "timerfd_settime", SYS_timerfd_settime, ANYWHERE, ALWAYS, { 0 } },
    { "pidfd_open", SYS_pidfd_open, ANYWHERE, ALWAYS, { REFUSED, EMFILE, ENFILE, ENOMEM } },
    { "pidfd_send_signal", SYS_pidfd_send_signal, ANYWHERE, ALWAYS, { REFUSED } },
    { "kill", SYS_kill, ANYWHERE, ALWAYS, { EPERM } },
    { "ioctl", SYS_ioctl, ANYWHERE, ALWAYS, { ENOTTY, EINVAL, EIO } },
    { "epoll_create1", SYS_epoll_create1, ANYWHERE, ALWAYS, { EMFILE, ENOMEM, ENOSYS } },
    /* To change or to remove what is there takes no memory. */
    { "epoll_ctl", SYS_epoll_ctl, ANYWHERE, ARGUMENT(1, EPOLL_CTL_ADD), { ENOMEM, ENOSPC } },
    { "epoll_pwait", SYS_epoll_pwait, ANYWHERE, ALWAYS, { EINTR } },
#ifdef SYS_epoll_wait
    { "epoll_wait", SYS_epoll_wait, ANYWHERE, ALWAYS, { EINTR } },
#endif
    { "eventfd2", SYS_eventfd2, ANYWHERE, ALWAYS, { EMFILE, ENFILE, ENOMEM } },
    { "socketpair", SYS_socketpair, ANYWHERE, ALWAYS, { EMFILE, ENFILE } },
    { "signalfd4", SYS_signalfd4, ANYWHERE, ALWAYS, { EMFILE, ENOMEM } },
    { "prlimit64", SYS_prlimit64, PARENT, ALWAYS, { EPERM } },
    { "prlimit64", SYS_prlimit64, CHILD, ALWAYS, { EPERM, EINVAL } },
    { "getpriority", SYS_getpriority, ANYWHERE, ALWAYS, { ESRCH, EPERM } },
    { "setpriority", SYS_setpriority, ANYWHERE, ALWAYS, { EACCES, EPERM } },
    { "sched_setaffinity", SYS_sched_setaffinity, ANYWHERE, ALWAYS, { EINVAL, EPERM } },
    { "setgroups", SYS_setgroups, ANYWHERE, ALWAYS, { EPERM, EINVAL, ENOMEM } },
    { "setresgid", SYS_setresgid, ANYWHERE, ALWAYS, { EPERM, EINVAL } },
    { "setresuid", SYS_setresuid, ANYWHERE, ALWAYS, { EPERM, EAGAIN, EINVAL } },
    { "fchdir", SYS_fchdir, ANYWHERE, ALWAYS, { EACCES, EBADF } },
    { "execveat", SYS_execveat, ANYWHERE, ALWAYS, { ENOENT, EACCES, ENOMEM, ENOSYS } },
    /* In the parent prctl only asks for what has been there since 2.6, and puts
     * back what the kernel took before. */
    { "prctl", SYS_prctl, CHILD, ALWAYS, { EINVAL, EPERM } },
#ifdef SYS_pselect6
    { "pselect6", SYS_pselect6, ANYWHERE, ALWAYS, { EINTR, ENOMEM } },
#endif
    { "pwritev2", SYS_pwritev2, ANYWHERE, ALWAYS, { EOPNOTSUPP, REFUSED, EINTR } },
    { "pread64", SYS_pread64, ANYWHERE, ALWAYS, { EINTR, EIO } },
    { "fstat", SYS_fstat, ANYWHERE, ALWAYS, { ENOMEM } },
};

static bool matches(const struct row *row, const struct call *call)
{
    if (row->side != ANYWHERE && call->in_child != (row->side == CHILD)) {
        return false;
    }
    return ((unsigned)call->arguments[row->argument] & row->mask) == row->value;
}

void call_errors(const struct call *call, int ret_errors[MOST_ERRORS + 1])
{
    size_t count = 0;
    bool known = false;
    for (const struct row *row = rows; row < rows + sizeof rows / sizeof rows[0]; row++) {
        if (row->number != call->number) {
            continue;
        }
        known = true;
        if (matches(row, call)) {
            for (int i = 0; i < MOST_ERRORS && row->errors[i] != 0 && count < MOST_ERRORS; i++) {
                ret_errors[count++] = row->errors[i];
            }
        }
    }
    if (!known) {
        /* A call that this table does not have: a sandbox does not, either. */
        ret_errors[count++] = ENOSYS;
        ret_errors[count++] = EPERM;
    }
    ret_errors[count] = 0;
}

bool call_can_fail_with(const struct call *call, int error)
{
    int errors[MOST_ERRORS + 1];
    call_errors(call, errors);
    for (int i = 0; errors[i] != 0; i++) {
        if (errors[i] == error) {
            return true;
        }
    }
    return false;
}

const char *call_name(int number)
{
    static char unknown[32];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].number == number) {
            return rows[i].name;
        }
    }
    snprintf(unknown, sizeof unknown, "call %d", number);
    return unknown;
}
