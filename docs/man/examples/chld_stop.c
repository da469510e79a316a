/*
 * chld_stop.c - what chld_stop(3) shows. Prints:
 *   killed by SIGKILL
 */
#include <chld.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>

/* A job with all that it has started: a second for TERM, then KILL. */
static int end_job(chld_id job, chld_status *ret)
{
    chld_stop_step steps[] = {{SIGTERM, 1000}, {SIGKILL, 5000}};
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;

    plan.target = CHLD_TARGET_GROUP;
    plan.flags = CHLD_STOP_SWEEP;
    plan.steps = steps;
    plan.steps_count = 2;
    return chld_stop(job, &plan, ret);
}

int main(void)
{
    const char *script = "trap '' TERM; echo; while :; do sleep 10; done";
    const char *argv[] = {"sh", "-c", script, NULL};
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    struct pollfd ready = {-1, POLLIN, 0};
    chld_status status;
    chld_id job;
    char text[80];

    options.group_mode = CHLD_GROUP_NEW;
    options.out.mode = CHLD_STDIO_PIPE;
    if (chld_spawn(&job, argv, &options, NULL) < 0)
        return 1;
    ready.fd = chld_stdout_fd(job);
    if (poll(&ready, 1, -1) != 1) /* it ignores SIGTERM by now */
        return 1;
    if (end_job(job, &status) < 0 || chld_close(job) < 0)
        return 1;
    if (chld_status_text(&status, text, sizeof text) > 0)
        printf("%s\n", text);
    return 0;
}
