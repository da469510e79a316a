/* Taking over children that were started by other means. */
#include "ends.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

static int exit_with(void *code)
{
    _exit(*(int *) code);
}

/* A child that raises `signal` when it exits, or none. */
static pid_t clone_one(int signal, int code)
{
    static char stack[65536] __attribute__((aligned(16)));
    static int given;
    given = code;
    pid_t pid = clone(exit_with, stack + sizeof stack, signal, &given);
    REQUIRE(pid > 1);
    return pid;
}

static void await_zombie(pid_t pid)
{
    AWAIT(process_state(pid) == 'Z');
}

TEST(a_child_that_raises_another_signal_or_none_is_adopted)
{
    static const int signals[] = { 0, SIGURG, SIGCHLD };
    for (int i = 0; i < 3; i++) {
        chld_id id;
        pid_t pid = clone_one(signals[i], 7);
        CHECK_CALL(chld_adopt(&id, pid), 0);
        CHECK_CALL(chld_adopt(&id, pid), -EEXIST);
        CHECK_EXITED(FINISH(id), 7);
    }
}

static int reaped_pid, reaped_code;

static void note(int pid, const chld_status *status, void *unused)
{
    (void) unused;
    reaped_pid = pid;
    reaped_code = status->code;
}

TEST(foreign_children_are_reaped_whatever_signal_they_raise)
{
    static const int signals[] = { 0, SIGURG };
    for (int i = 0; i < 2; i++) {
        pid_t pid = clone_one(signals[i], 8);
        await_zombie(pid);
        CHECK_CALL(chld_reap_foreign(note, NULL), 1);
        CHECK_INT(reaped_pid, pid);
        CHECK_INT(reaped_code, 8);
        CHECK(waitpid(pid, NULL, __WALL) < 0 && errno == ECHILD);
    }
}

TEST(what_is_no_child_is_not_adopted)
{
    static const int pids[] = { 0, -1, 1, INT32_MAX, INT32_MIN };
    chld_id id;
    for (int i = 0; i < 5; i++) {
        CHECK_CALL(chld_adopt(&id, pids[i]), -ECHILD);
    }
    CHECK_CALL(chld_adopt(&id, getpid()), -ECHILD);
    pid_t pid = foreign_zombie(9);
    CHECK_CALL(chld_adopt(&id, pid), 0); /* a zombie is one, too */
    CHECK_EXITED(FINISH(id), 9);
    CHECK_CALL(chld_adopt(&id, pid), -ECHILD);
}
