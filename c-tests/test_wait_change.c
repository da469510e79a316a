/* Stops and continuations. */
#include "support.h"

#include <limits.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* In a group of its own, which its parent's session keeps from being orphaned:
 * members of an orphaned group are not stopped from the terminal. */
static chld_id start_own_group(struct gate *gate)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.group_mode = CHLD_GROUP_NEW;
    options.in.mode = CHLD_STDIO_FD;
    options.in.fd = gate->wait_end;
    return START(ACT("block", "6"), &options);
}

static void check_change(chld_id id, uint32_t changes, int state, int code)
{
    chld_status status = { -1, -1, -1, -1 };
    CHECK_CALL(chld_wait_change(id, changes, -1, &status), 0);
    CHECK_STATUS(status, state, code);
}

TEST(stops_continuations_and_the_exit_are_reported)
{
    static const int stops[] = { SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU };
    struct gate gate = gate_make();
    chld_id id = start_own_group(&gate);
    for (int i = 0; i < 4; i++) {
        CHECK_CALL(chld_kill(id, stops[i]), 0);
        check_change(id, 0, CHLD_STATE_STOPPED, stops[i]);
        CHECK_CALL(chld_kill(id, SIGCONT), 0);
        check_change(id, 0, CHLD_STATE_CONTINUED, SIGCONT);
    }
    gate_open(&gate);
    check_change(id, 0, CHLD_STATE_EXITED, 6);
    check_change(id, CHLD_WATCH_STOPPED, CHLD_STATE_EXITED, 6); /* as often as asked */
    CHECK_EXITED(FINISH(id), 6);
}

TEST(the_words_are_those_of_the_macros)
{
    struct gate gate = gate_make();
    chld_id id = start_own_group(&gate);
    chld_status status;
    CHECK_CALL(chld_kill(id, SIGSTOP), 0);
    CHECK_CALL(chld_wait_change(id, CHLD_WATCH_STOPPED, -1, &status), 0);
    CHECK(WIFSTOPPED(status.wait_word) && WSTOPSIG(status.wait_word) == SIGSTOP);
    CHECK_CALL(chld_kill(id, SIGCONT), 0);
    CHECK_CALL(chld_wait_change(id, CHLD_WATCH_CONTINUED, -1, &status), 0);
    CHECK(WIFCONTINUED(status.wait_word));
    gate_open(&gate);
    FINISH(id);
}

TEST(each_change_is_reported_once)
{
    struct gate gate = gate_make();
    chld_id id = start_own_group(&gate);
    CHECK_CALL(chld_wait_change(id, 0, 0, NULL), -ETIMEDOUT);
    CHECK_CALL(chld_kill(id, SIGSTOP), 0);
    check_change(id, 0, CHLD_STATE_STOPPED, SIGSTOP);
    CHECK_CALL(chld_wait_change(id, 0, 0, NULL), -ETIMEDOUT);
    CHECK_CALL(chld_kill(id, SIGCONT), 0);
    CHECK_CALL(chld_wait_change(id, 0, -1, NULL), 0); /* reported, though to nobody */
    CHECK_CALL(chld_wait_change(id, 0, 0, NULL), -ETIMEDOUT);
    gate_open(&gate);
    FINISH(id);
}

/* Waits until the kernel shows the change, and leaves it there. */
static void await_change(chld_id id, int options)
{
    siginfo_t info;
    REQUIRE(waitid(P_PID, (id_t) CALL(chld_pid(id)), &info, options | WNOWAIT) == 0);
}

TEST(only_the_watched_changes_are_reported)
{
    struct gate gate = gate_make();
    chld_id id = start_own_group(&gate);
    CHECK_CALL(chld_kill(id, SIGSTOP), 0);
    await_change(id, WSTOPPED);
    CHECK_CALL(chld_wait_change(id, CHLD_WATCH_CONTINUED, 0, NULL), -ETIMEDOUT);
    check_change(id, CHLD_WATCH_STOPPED, CHLD_STATE_STOPPED, SIGSTOP);
    CHECK_CALL(chld_kill(id, SIGCONT), 0);
    await_change(id, WCONTINUED);
    CHECK_CALL(chld_wait_change(id, CHLD_WATCH_STOPPED, 0, NULL), -ETIMEDOUT);
    check_change(id, CHLD_WATCH_CONTINUED, CHLD_STATE_CONTINUED, SIGCONT);
    gate_open(&gate);
    check_change(id, CHLD_WATCH_CONTINUED, CHLD_STATE_EXITED, 6);
    FINISH(id);
}

TEST(a_look_sees_a_change_that_is_there)
{
    struct gate gate = gate_make();
    chld_id id = start_own_group(&gate);
    chld_status status;
    CHECK_CALL(chld_kill(id, SIGSTOP), 0);
    await_change(id, WSTOPPED);
    CHECK_CALL(chld_wait_change(id, 0, 0, &status), 0);
    CHECK_STATUS(status, CHLD_STATE_STOPPED, SIGSTOP);
    gate_open(&gate);
    CHECK_CALL(chld_kill(id, SIGKILL), 0);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGKILL);
}

TEST(a_stop_is_not_an_exit)
{
    struct gate gate = gate_make();
    chld_id id = start_own_group(&gate);
    chld_status status;
    CHECK_CALL(chld_kill(id, SIGSTOP), 0);
    await_change(id, WSTOPPED);
    CHECK_CALL(chld_wait(id, 0, NULL), -ETIMEDOUT);
    CHECK_CALL(chld_wait(id, 20, NULL), -ETIMEDOUT);
    CHECK_CALL(chld_wait_any(&id, 1, 20, NULL), -ETIMEDOUT);
    CHECK_CALL(chld_peek(id, &status), 0);
    CHECK_STATUS(status, CHLD_STATE_RUNNING, -1);
    check_change(id, 0, CHLD_STATE_STOPPED, SIGSTOP); /* nobody has taken it */
    CHECK_CALL(chld_kill(id, SIGCONT), 0);
    gate_open(&gate);
    CHECK_EXITED(FINISH(id), 6);
}

TEST(a_child_can_stop_itself)
{
    chld_id id = START(ACT("stop", "19", "4"), NULL);
    check_change(id, CHLD_WATCH_STOPPED, CHLD_STATE_STOPPED, SIGSTOP);
    CHECK_CALL(chld_kill(id, SIGCONT), 0);
    CHECK_EXITED(FINISH(id), 4);
}

TEST(an_exit_that_was_reported_is_reported_again)
{
    chld_id id = START(ACT("die", "9"), NULL);
    check_change(id, 0, CHLD_STATE_KILLED, SIGKILL);
    CHECK_CALL(chld_wait_change(id, 0, 0, NULL), 0);
    CHECK_CALL(chld_usage(id, NULL), 0);
    CHECK_CALL(chld_close(id), 0);
    CHECK_CALL(chld_wait_change(id, 0, 0, NULL), -EBADF);
}

TEST(what_does_not_exist_is_refused)
{
    struct gate gate = gate_make();
    chld_id id = start_own_group(&gate);
    chld_status status, untouched;
    memset(&untouched, 0x5a, sizeof untouched);
    status = untouched;
    for (int number = 2; number < 32; number++) {
        CHECK_CALL(chld_wait_change(id, 1u << number, -1, &status), -EINVAL);
    }
    CHECK_CALL(chld_wait_change(id, 0, -2, &status), -EINVAL);
    CHECK_CALL(chld_wait_change(id, 0, INT_MIN, &status), -EINVAL);
    CHECK_CALL(chld_wait_change(CHLD_NONE, 0, -1, &status), -EBADF);
    CHECK_CALL(chld_wait_change(id, 0, 0, &status), -ETIMEDOUT);
    CHECK(memcmp(&status, &untouched, sizeof status) == 0);
    gate_open(&gate);
    FINISH(id);
}
