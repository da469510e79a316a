/* Timeouts that only SIGCHLD can keep: no descriptor reports a stop. The handler
 * is there while a call waits, and gone afterwards, which the audit checks. */
#include "exits.h"

#include <unistd.h>

enum { AMPLE_MS = 10000, SHORT_MS = 30 };

static void check_change_by_signal(chld_id id, int signal, int state, int code)
{
    struct later later;
    chld_status status = { -1, -1, -1, -1 };
    later_kill(&later, id, signal);
    CHECK_CALL(chld_wait_change(id, 0, AMPLE_MS, &status), 0);
    CHECK_STATUS(status, state, code);
    later_join(&later);
}

TEST(stops_and_continuations_within_the_limit)
{
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 5);
    check_change_by_signal(id, SIGSTOP, CHLD_STATE_STOPPED, SIGSTOP);
    check_change_by_signal(id, SIGCONT, CHLD_STATE_CONTINUED, SIGCONT);
    check_change_by_signal(id, SIGTERM, CHLD_STATE_KILLED, SIGTERM);
    gate_open(&gate);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGTERM);
}

TEST(no_change_within_the_limit)
{
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 5);
    long long before = now_ms();
    CHECK_CALL(chld_wait_change(id, 0, SHORT_MS, NULL), -ETIMEDOUT);
    CHECK(now_ms() - before >= SHORT_MS - 1);
    gate_open(&gate);
    CHECK_EXITED(FINISH(id), 5);
}

TEST(other_signals_do_not_shorten_or_lengthen_the_limit)
{
    storm_begin();
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 5);
    long long before = now_ms();
    CHECK_CALL(chld_wait_change(id, 0, 200, NULL), -ETIMEDOUT);
    long long took = now_ms() - before;
    CHECK(storm_end() > 0);
    CHECK(took >= 199 && took < AMPLE_MS);
    gate_open(&gate);
    CHECK_EXITED(FINISH(id), 5);
}

/* The ends of others poke the waiting call, which goes on waiting. */
TEST(the_exits_of_others_are_not_taken)
{
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 5);
    chld_id other = START(ACT("exit", "6"), NULL);
    pid_t foreign = fork();
    if (foreign == 0) {
        _exit(7);
    }
    CHECK_CALL(chld_wait_change(id, 0, SHORT_MS, NULL), -ETIMEDOUT);
    gate_open(&gate);
    CHECK_EXITED(FINISH(id), 5);
    CHECK_EXITED(FINISH(other), 6);
    FOREIGN_REAP(foreign, 7);
}

/* Two waits with limits, one ends before the other: the handler stays. */
static void *wait_shortly(void *id)
{
    CHECK_CALL(chld_wait_change(*(chld_id *) id, 0, SHORT_MS, NULL), -ETIMEDOUT);
    return NULL;
}

TEST(waits_in_several_threads_share_the_handler)
{
    struct gate gate = gate_make();
    chld_id first = START_AT(&gate, 5), second = START_AT(&gate, 6);
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, wait_shortly, &first) == 0);
    check_change_by_signal(second, SIGSTOP, CHLD_STATE_STOPPED, SIGSTOP);
    pthread_join(thread, NULL);
    CHECK_CALL(chld_kill(second, SIGCONT), 0);
    gate_open(&gate);
    CHECK_EXITED(FINISH(first), 5);
    CHECK_EXITED(FINISH(second), 6);
}

TEST(with_notify_mode_a_limit_works_too)
{
    struct gate gate = gate_make();
    CHECK_CALL(chld_sigchld_install(CHLD_SIGCHLD_NOTIFY), 0);
    chld_id id = START_AT(&gate, 5);
    CHECK_CALL(chld_wait_change(id, 0, SHORT_MS, NULL), -ETIMEDOUT);
    check_change_by_signal(id, SIGSTOP, CHLD_STATE_STOPPED, SIGSTOP);
    CHECK_CALL(chld_sigchld_pending(), 1); /* nobody has taken the program's */
    CHECK_CALL(chld_kill(id, SIGKILL), 0);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGKILL);
    gate_open(&gate);
    CHECK_CALL(chld_sigchld_remove(), 0);
}
