/* SIGCHLD blocked in every thread: a call that needs it lets it in. */
#include "ends.h"

enum { AMPLE_MS = 10000 };

static bool is_reported(void)
{
    uint32_t found = 0;
    CHECK_CALL(chld_environment(&found), 0);
    return found & CHLD_ENV_SIGCHLD_BLOCKED;
}

/* When the test began. A call that does not let SIGCHLD in looks again when its
 * limit is over, and tells the truth then: far too late. */
static long long began;

static chld_id start_blocked(struct gate *gate)
{
    began = now_ms();
    block_signal(SIGCHLD);
    CHECK(is_reported());
    *gate = gate_make();
    return START_AT(gate, 5);
}

static void finish_blocked(chld_id id, struct gate *gate)
{
    CHECK(now_ms() - began < AMPLE_MS);
    gate_open(gate);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGKILL);
    unblock_signal(SIGCHLD);
    CHECK(!is_reported());
}

TEST(a_wait_with_a_limit_returns_at_the_end)
{
    struct gate gate;
    struct later later;
    chld_id id = start_blocked(&gate);
    later_kill(&later, id, SIGKILL);
    CHECK_CALL(chld_wait(id, AMPLE_MS, NULL), 0);
    later_join(&later);
    finish_blocked(id, &gate);
}

TEST(a_wait_for_any_returns_at_the_end)
{
    struct gate gate;
    struct later later;
    chld_id id = start_blocked(&gate);
    later_kill(&later, id, SIGKILL);
    CHECK_CALL(chld_wait_any(&id, 1, AMPLE_MS, NULL), 0);
    later_join(&later);
    finish_blocked(id, &gate);
}

TEST(a_wait_for_any_without_limit_returns_at_the_end)
{
    struct gate gate;
    struct later later;
    chld_id id = start_blocked(&gate);
    later_kill(&later, id, SIGKILL);
    CHECK_CALL(chld_wait_any(&id, 1, -1, NULL), 0);
    later_join(&later);
    finish_blocked(id, &gate);
}

TEST(a_wait_for_a_change_returns_at_the_stop)
{
    struct gate gate;
    struct later later;
    chld_status status = { -1, -1, -1, -1 };
    chld_id id = start_blocked(&gate);
    later_kill(&later, id, SIGSTOP);
    CHECK_CALL(chld_wait_change(id, CHLD_WATCH_STOPPED, AMPLE_MS, &status), 0);
    CHECK_STATUS(status, CHLD_STATE_STOPPED, SIGSTOP);
    later_join(&later);
    CHECK_CALL(chld_kill(id, SIGKILL), 0);
    finish_blocked(id, &gate);
}
