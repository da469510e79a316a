/* Running what sends signals to many processes where it can reach none but its
 * own: in a pid namespace. Only root can; without, it runs as it is. */
#ifndef NAMESPACE_H
#define NAMESPACE_H

#include "harness.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/** Runs `part` in a copy of the test, in a pid namespace of its own with its own
 * /proc, as a child of that namespace's init. Checks count there too. */
#define IN_NAMESPACE(part) \
    do { \
        int exit_of_part = in_namespace(part); \
        if (exit_of_part == NO_PROC) { \
            SKIP_TEST("/proc cannot be mounted here for a pid namespace"); \
        } \
        if (exit_of_part == NOT_HERE) { \
            SKIP_TEST("what " #part " needs is not allowed here"); \
        } \
        check_int(__FILE__, __LINE__, "the exit of " #part, exit_of_part, 0); \
    } while (0)

/* NOT_HERE: for a part that cannot do what it needs. */
enum { NO_PROC = 78, NOT_HERE, WORKER_KILLED, WORKER_LOST };

static int exit_of(pid_t pid)
{
    int status;
    REQUIRE(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void run_part(void (*part)(void))
{
    int before = failures();
    arm_alarm();
    part();
    _exit(failures() > before);
}

/* The init of the namespace: reaps orphans until the part has ended. When it
 * ends itself, the kernel kills all that are left. */
static void be_init(void (*part)(void))
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* Private, so that nobody else sees it. Not "/", which is no mount in a
     * chroot. */
    if (mount("none", "/proc", "none", MS_PRIVATE, NULL) != 0
        || mount("proc", "/proc", "proc", 0, NULL) != 0) {
        _exit(NO_PROC);
    }
    pid_t worker = fork();
    if (worker == 0) {
        run_part(part);
    }
    int status;
    for (;;) {
        pid_t pid = wait(&status);
        if (pid == worker) {
            _exit(WIFEXITED(status) ? WEXITSTATUS(status) : WORKER_KILLED);
        } else if (pid < 0 && errno == ECHILD) {
            _exit(WORKER_LOST);
        }
    }
}

static int in_namespace(void (*part)(void))
{
    pid_t copy = fork();
    REQUIRE(copy >= 0);
    if (copy > 0) {
        return exit_of(copy);
    }
    arm_alarm();
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0) {
        run_part(part);
    }
    pid_t init = fork();
    REQUIRE(init >= 0);
    if (init == 0) {
        be_init(part);
    }
    _exit(exit_of(init) & 0xff);
}

#endif
