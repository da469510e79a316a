/* What a call may answer when something inside it has failed. */
#define _GNU_SOURCE
#include "faults.h"

#include "faults_errno.h"
#include "faults_seccomp.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

bool judge(const char *what, int result, const struct seen *seen)
{
    if (result >= 0) {
        return true;
    }
    require(result != -EINTR, "%s returned -EINTR", what);
    require(seen->error != 0, "%s returned -%s, and nothing was made to fail", what,
            errno_name(-result));
    require(result == -seen->error, "%s returned -%s instead of -%s", what, errno_name(-result),
            errno_name(seen->error));
    return false;
}

void require_status(const chld_status *status, int state, int code)
{
    require(status->state == state && status->code == code,
            "the status is {%d, %d} instead of {%d, %d}", status->state, status->code, state, code);
}

static uint32_t mode_of(const chld_spawn_options *options, int index)
{
    if (options == NULL || index < 0 || index > 2) {
        return CHLD_STDIO_INHERIT;
    }
    const chld_stdio *streams[3] = { &options->in, &options->out, &options->err };
    return streams[index]->mode;
}

static bool is_fcntl(int call)
{
#ifdef SYS_fcntl64
    if (call == SYS_fcntl64) {
        return true;
    }
#endif
    return call == SYS_fcntl;
}

/* Whether `error` speaks of the entry, or stream, whose descriptor is `fd`. */
static bool is_about(const struct want *want, const chld_error *error, int fd, bool target)
{
    const chld_spawn_options *options = want->options;
    if (error->step == CHLD_STEP_STDIO) {
        return target ? error->index == fd : mode_of(options, error->index) != CHLD_STDIO_INHERIT;
    }
    if (error->step != CHLD_STEP_MAP || options == NULL || error->index < 0
        || (size_t)error->index >= options->fds_count) {
        return false;
    }
    const chld_fd_map *entry = &options->fds[error->index];
    return (target ? entry->target : entry->source) == fd;
}

/* One of the descriptors that an option of its own names. */
static bool is_named(const chld_spawn_options *options, int step, int fd)
{
    return options != NULL
        && ((step == CHLD_STEP_EXEC && options->program_fd == fd)
            || (step == CHLD_STEP_CHDIR && options->cwd_fd == fd)
            || (step == CHLD_STEP_CGROUP && options->cgroup_fd == fd));
}

static bool has_flag(const struct want *want, uint64_t flag)
{
    return want->options != NULL && (want->options->flags & flag) != 0;
}

static int step_of_prctl(int option)
{
    return option == PR_SET_NO_NEW_PRIVS     ? CHLD_STEP_NO_NEW_PRIVS
         : option == PR_SET_PDEATHSIG        ? CHLD_STEP_DEATH_SIGNAL
         : option == PR_SET_CHILD_SUBREAPER  ? CHLD_STEP_SESSION
                                             : CHLD_STEP_NONE;
}

/* The calls of the child that one option alone asks for. */
static int step_of_option(const struct want *want, const struct seen *seen)
{
    switch (seen->call) {
    case SYS_getpgid:
        return CHLD_STEP_FOREGROUND;
    case SYS_clone: /* by the process between us and a detached child */
        return CHLD_STEP_CLONE;
    case SYS_prlimit64:
        return CHLD_STEP_LIMIT;
    case SYS_getpriority:
    case SYS_setpriority:
        return CHLD_STEP_NICE;
    case SYS_sched_setaffinity:
        return CHLD_STEP_AFFINITY;
    case SYS_setgroups:
        return CHLD_STEP_SETGROUPS;
    case SYS_setresgid:
        return CHLD_STEP_SETGID;
    case SYS_setresuid:
        return CHLD_STEP_SETUID;
    case SYS_fchdir:
        return CHLD_STEP_CHDIR;
    case SYS_openat: /* /dev/tty, cgroup.procs */
        return has_flag(want, CHLD_SPAWN_FOREGROUND) ? CHLD_STEP_FOREGROUND : CHLD_STEP_CGROUP;
    case SYS_write:
        return CHLD_STEP_CGROUP;
    case SYS_prctl:
        return step_of_prctl(seen->arguments[0]);
    case SYS_ioctl:
        return seen->arguments[1] == TIOCSCTTY ? CHLD_STEP_TERMINAL : CHLD_STEP_FOREGROUND;
    }
    return CHLD_STEP_NONE;
}

/* A failure in the child's half is reported exactly: this step, this item. */
static bool fits_child(const struct want *want, const chld_error *error, const struct seen *seen)
{
    int step = error->step;
    if (step == step_of_option(want, seen)) {
        return step != CHLD_STEP_NONE;
    }
    switch (seen->call) {
    case SYS_setsid:
        return step == CHLD_STEP_SESSION;
    case SYS_setpgid:
        return step == CHLD_STEP_GROUP;
    case SYS_chdir:
        return step == CHLD_STEP_CHDIR;
    case SYS_rt_sigaction:
    case SYS_rt_sigprocmask:
        return step == CHLD_STEP_SIGNALS
            || (step == CHLD_STEP_FOREGROUND && has_flag(want, CHLD_SPAWN_FOREGROUND));
    case SYS_close_range:
    case SYS_unshare:
        return step == CHLD_STEP_DESCRIPTORS;
    case SYS_execveat:
    case SYS_execve: /* the kernel returns ENOENT for an interpreter, too */
        return step == CHLD_STEP_EXEC
            || (step == CHLD_STEP_INTERPRETER && seen->error == ENOENT);
    case SYS_faccessat: /* a candidate is passed over; or the fault cannot be located */
        return step == CHLD_STEP_EXEC
            && (error->code == seen->error || error->code == want->refused.error);
    case SYS_read: /* of a program's beginning; if none works, the report's neither */
        return step == CHLD_STEP_CLONE;
    case SYS_dup3:
        return is_about(want, error, seen->arguments[1], true);
    }
    bool copies = seen->arguments[1] == F_DUPFD_CLOEXEC;
    if (copies && step == CHLD_STEP_DESCRIPTORS) { /* one of the library's own, out of the way */
        return is_fcntl(seen->call);
    }
    return is_fcntl(seen->call) && is_about(want, error, seen->arguments[0], !copies);
}

static bool fits_parent(const struct want *want, const chld_error *error, const struct seen *seen)
{
    int step = error->step;
    uint32_t mode = mode_of(want->options, error->index);
    switch (seen->call) {
#ifdef SYS_mmap
    case SYS_mmap:
#endif
#ifdef SYS_mmap2
    case SYS_mmap2:
#endif
    case SYS_madvise:
        return step == CHLD_STEP_MEMORY;
    case SYS_openat:
        return (step == CHLD_STEP_OPEN && (mode == CHLD_STDIO_NULL || mode == CHLD_STDIO_PATH))
            || (step == CHLD_STEP_PTY && mode == CHLD_STDIO_PTY);
    case SYS_ioctl: /* where it fails from there on, the child's does, too */
        return (step == CHLD_STEP_PTY && mode == CHLD_STDIO_PTY) || step == CHLD_STEP_TERMINAL;
    case SYS_pipe2: /* the pipe that reports failures belongs to the clone */
        return step == CHLD_STEP_CLONE || (step == CHLD_STEP_PIPE && mode == CHLD_STDIO_PIPE);
    case SYS_clone:
        return step == CHLD_STEP_CLONE;
    case SYS_clone3:
        return step == CHLD_STEP_CLONE
            || (step == CHLD_STEP_CGROUP && has_flag(want, CHLD_SPAWN_CGROUP));
    case SYS_rt_sigprocmask:
        return step == CHLD_STEP_CLONE;
    }
    if (is_fcntl(seen->call)) {
        bool moves_up = seen->arguments[1] == F_DUPFD_CLOEXEC && mode != CHLD_STDIO_INHERIT;
        return moves_up || step == CHLD_STEP_CLONE
            || is_named(want->options, step, seen->arguments[0])
            || is_about(want, error, seen->arguments[0], false);
    }
    return step != CHLD_STEP_NONE;
}

/* What the scenario asked for cannot be done anyway. */
static bool fits_refusal(const struct want *want, const chld_error *error)
{
    return want->refused.step != 0 && error->step == want->refused.step
        && error->index == want->refused.index && error->code == want->refused.error;
}

bool judge_start(const struct want *want, int result, const chld_error *error,
                 const struct seen *seen)
{
    const char *step = chld_step_name(error->step);
    if (result >= 0) {
        require(want->refused.step == 0, "what cannot start has started");
        return true;
    }
    require(result == -error->code, "returned -%s, but the error says %s", errno_name(-result),
            errno_name(error->code));
    if (fits_refusal(want, error)) {
        return false;
    }
    require(seen->error != 0, "{%s, %d, %s}, and nothing was made to fail", step, error->index,
            errno_name(error->code));
    bool fits = seen->in_child ? fits_child(want, error, seen) : fits_parent(want, error, seen);
    fits = fits && (error->code == seen->error || seen->call == SYS_faccessat);
    require(fits, "the error is {%s, %d, %s}", step, error->index,
            errno_name(error->code));
    return false;
}
