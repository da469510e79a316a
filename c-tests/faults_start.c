/* Starting children with and without faults, and seeing them end. */
#define _GNU_SOURCE
#include "faults.h"

#include "faults_errno.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

/* Without faults. Returns whether there is a child. */
static bool start_plainly(const struct want *want, chld_id *id)
{
    static const struct seen nothing = { 0 };
    chld_error error = { 0 };
    int result = chld_spawn(id, want->argv, want->options, &error);
    return judge_start(want, result, &error, &nothing);
}

static void end(const struct want *want, chld_id id)
{
    if (want->talk != NULL) {
        want->talk(id);
    }
    finish(id, CHLD_STATE_EXITED, want->code);
}

void check_start(const struct want *want)
{
    static struct state before;
    chld_id id = CHLD_NONE;
    chld_error error = { 0 };
    state_take(&before);
    window_open();
    int result = chld_spawn(&id, want->argv, want->options, &error);
    struct seen seen = window_close();
    if (!judge_start(want, result, &error, &seen)) {
        require(id == CHLD_NONE, "a failed start has written a handle");
        state_require(&before, "after a failed start");
        if (start_plainly(want, &id)) {
            end(want, id);
        }
        return;
    }
    if (want->talk != NULL) {
        want->talk(id);
    }
    chld_status status = { 0 };
    window_open();
    int waited = chld_wait(id, -1, &status);
    int closed = waited == 0 ? chld_close(id) : 0;
    seen = window_close();
    require(closed == 0, "chld_close returned -%s", errno_name(-closed));
    if (!judge("chld_wait", waited, &seen)) {
        finish(id, CHLD_STATE_EXITED, want->code);
        return;
    }
    require_status(&status, CHLD_STATE_EXITED, want->code);
}

chld_id start(const char *const *argv, const chld_spawn_options *options)
{
    struct want want = { .argv = argv, .options = options };
    chld_id id = CHLD_NONE;
    start_plainly(&want, &id);
    return id;
}

chld_id start_gated(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = CHLD_STDIO_PIPE;
    return start((const char *[]){ child_program, "gate", "exit=42", NULL }, &options);
}

void open_gate(chld_id id)
{
    int result = chld_close_fd(id, CHLD_STDIN);
    require(result == 0, "chld_close_fd returned -%s", errno_name(-result));
}

void finish(chld_id id, int state, int code)
{
    chld_status status = { 0 };
    int waited = chld_wait(id, -1, &status);
    require(waited == 0, "chld_wait returned -%s without a fault", errno_name(-waited));
    require_status(&status, state, code);
    int closed = chld_close(id);
    require(closed == 0, "chld_close returned -%s", errno_name(-closed));
}

void await_zombie(int pid)
{
    siginfo_t info;
    require(pid > 1 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0, "waitid");
}

bool try_wait(chld_id id, int timeout_ms, chld_status *ret)
{
    window_open();
    int waited = chld_wait(id, timeout_ms, ret);
    struct seen seen = window_close();
    return judge("chld_wait", waited, &seen);
}

void try_in_vain(chld_id id, int timeout_ms)
{
    window_open();
    int waited = chld_wait(id, timeout_ms, NULL);
    struct seen seen = window_close();
    require(waited == -ETIMEDOUT || !judge("chld_wait", waited, &seen),
            "a wait ended before its child");
}

void get_rid_of(chld_id id)
{
    int killed = chld_kill(id, SIGKILL);
    require(killed == 0 || killed == -ESRCH, "chld_kill returned -%s", errno_name(-killed));
    require(chld_wait(id, -1, NULL) == 0 && chld_close(id) == 0, "it cannot be waited for");
}

static const chld_stop_step steps[] = { { SIGTERM, 20 }, { SIGKILL, 5000 } };

chld_stop_plan two_steps(uint32_t target)
{
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    plan.target = target;
    plan.steps = steps;
    plan.steps_count = 2;
    return plan;
}
