/*
 * raw with one part of what the library does added at a time: BENCH_PARTS names
 * them, letter by letter. What each costs: parts.py.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif

extern char **environ;

static char parts[32];
static int pidfd = -1;

static int has(char part)
{
    return strchr(parts, part) != NULL;
}

static void setup(void)
{
    const char *wanted = getenv("BENCH_PARTS");
    if (wanted)
        strncpy(parts, wanted, sizeof parts - 1);
}

static int become(void *argument)
{
    char **argv = argument;
    unsigned long none[4] = {0};
    enum { UNSHARE = 2 };
    if (has('r'))
        syscall(SYS_close_range, 3, ~0u, has('f') ? UNSHARE : 0);
    if (has('a')) {
        syscall(SYS_rt_sigaction, SIGPIPE, none, NULL, 8);
        syscall(SYS_rt_sigaction, SIGCHLD, none, NULL, 8);
    }
    if (has('m'))
        syscall(SYS_rt_sigprocmask, SIG_SETMASK, none, NULL, 8);
    execve(argv[0], argv, environ);
    _exit(127);
}

/* p: a pidfd; f: the descriptor table is shared until close_range. */
static void spawn(struct task *task, char *const argv[], int pipes)
{
    static char stack[16384] __attribute__((aligned(16)));
    int flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
    (void)pipes;
    if (has('p'))
        flags |= CLONE_PIDFD;
    if (has('f'))
        flags |= CLONE_FILES;
    task->pid = (pid_t)must(clone(become, stack + sizeof stack, flags, (void *)argv, &pidfd),
                            "clone");
}

/* l: a look before the reap. */
static void wait_for(struct task *task)
{
    siginfo_t info;
    idtype_t type = has('p') ? P_PIDFD : P_PID;
    id_t id = has('p') ? (id_t)pidfd : (id_t)task->pid;
    if (has('l'))
        must(waitid(type, id, &info, WEXITED | WNOWAIT), "waitid");
    must(waitid(type, id, &info, WEXITED), "waitid");
    if (has('p'))
        close(pidfd);
    task->code = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

const struct contender contender = {
    .task_size = sizeof(struct task),
    .setup = setup,
    .spawn = spawn,
    .wait = wait_for,
};
