/* What no call of the library may change, and the children. */
#define _GNU_SOURCE
#include "faults.h"

#include "inject.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define KERNEL_SIGSET 8L

/* Straight from the kernel: libc hides the signals that it keeps for itself. */
static void take_signals(struct state *ret)
{
    ret->mask = 0;
    INJECT_UNHEARD(SYS_rt_sigprocmask, (long)SIG_BLOCK, NULL, &ret->mask, KERNEL_SIGSET);
    memset(ret->dispositions, 0, sizeof ret->dispositions);
    for (long signal = 1; signal <= 64; signal++) {
        INJECT_UNHEARD(SYS_rt_sigaction, signal, NULL, ret->dispositions[signal], KERNEL_SIGSET);
    }
}

static void add_fd(struct state *ret, int fd)
{
    struct stat file;
    long flags = INJECT_UNHEARD(SYS_fcntl, (long)fd, (long)F_GETFD, 0L, 0L);
    if (fstat(fd, &file) != 0) {
        return;
    }
    require(ret->fds_count < 256, "more than 256 descriptors");
    size_t i = ret->fds_count++;
    ret->fds[i].fd = fd;
    ret->fds[i].flags = (int)flags;
    ret->fds[i].device = file.st_dev;
    ret->fds[i].inode = file.st_ino;
}

/* An entry of getdents64: two words of 8 bytes, its own length, a type, a name. */
static void take_fds(struct state *ret)
{
    char buffer[8192];
    long size;
    long directory = INJECT_UNHEARD(SYS_openat, (long)AT_FDCWD, "/proc/self/fd",
                                    (long)(O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0L);
    require(directory >= 0, "/proc/self/fd cannot be read");
    ret->fds_count = 0;
    while ((size = INJECT_UNHEARD(SYS_getdents64, directory, buffer, sizeof buffer, 0L)) > 0) {
        unsigned short length;
        for (long at = 0; at < size; at += length) {
            const char *name = &buffer[at + 19];
            memcpy(&length, &buffer[at + 16], sizeof length);
            if (name[0] != '.' && atoi(name) != directory) {
                add_fd(ret, atoi(name));
            }
        }
    }
    close((int)directory);
}

static bool has_children(void)
{
    siginfo_t info;
    return INJECT_UNHEARD(SYS_waitid, (long)P_ALL, 0L, &info,
                          (long)(WEXITED | WNOHANG | WNOWAIT | __WALL)) == 0;
}

void state_take(struct state *ret)
{
    struct stat here;
    int kept = errno;
    take_signals(ret);
    take_fds(ret);
    ret->directory = stat(".", &here) == 0 ? here.st_ino : 0;
    ret->group = getpgrp();
    ret->session = getsid(0);
    ret->umask = umask(0);
    umask(ret->umask);
    ret->dumpable = INJECT_UNHEARD(SYS_prctl, (long)PR_GET_DUMPABLE, 0L, 0L, 0L);
    ret->nice = INJECT_UNHEARD(SYS_getpriority, (long)PRIO_PROCESS, 0L, 0L, 0L);
    ret->children = has_children();
    errno = kept;
}

/* Fails, naming it, if `from` has a descriptor that `to` has not. */
static void require_each(const struct state *from, const struct state *to, const char *what,
                         const char *when)
{
    for (size_t i = 0; i < from->fds_count; i++) {
        bool found = false;
        for (size_t j = 0; j < to->fds_count && !found; j++) {
            found = memcmp(&from->fds[i], &to->fds[j], sizeof from->fds[i]) == 0;
        }
        require(found, "%s: descriptor %d %s", when, from->fds[i].fd, what);
    }
}

void state_require(const struct state *before, const char *when)
{
    static struct state now;
    state_take(&now);
    require(now.mask == before->mask, "%s: the signal mask is %llx, was %llx", when, now.mask,
            before->mask);
    for (int signal = 1; signal <= 64; signal++) {
        require(memcmp(now.dispositions[signal], before->dispositions[signal], 32) == 0,
                "%s: signal %d has another disposition", when, signal);
    }
    require_each(before, &now, "is gone, or another", when);
    require_each(&now, before, "is new, or another", when);
    require(now.directory == before->directory, "%s: another working directory", when);
    require(now.group == before->group && now.session == before->session, "%s: another group",
            when);
    require(now.umask == before->umask && now.nice == before->nice, "%s: umask or niceness", when);
    require(now.dumpable == before->dumpable, "%s: dumpable is %ld, was %ld", when, now.dumpable,
            before->dumpable);
    require(before->children || !now.children, "%s: there is a child", when);
}

/*
 * Detached children are reaped by later calls of the library, so those are
 * made, and no more than a bounded number of them.
 */
void state_require_reaped(void)
{
    static const char *const argv[] = { child_program, "exit=7", NULL };
    siginfo_t info = { .si_pid = 0 };
    for (int round = 0; round < 20; round++) {
        if (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | __WALL) != 0) {
            require(errno == ECHILD, "waitid: %s", strerror(errno));
            return;
        }
        finish(start(argv, NULL), CHLD_STATE_EXITED, 7);
    }
    fail("the library has left a zombie, pid %d", (int)info.si_pid);
}
