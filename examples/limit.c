/*
 * limit.c - a child is killed at the timeout, or stopped gently; what it wrote is kept.
 */
#include <chld.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "not as it should be: %s\n", what);
        exit(1);
    }
}

/* Runs a script that would take a minute, for half a second, then takes these steps. */
static chld_status run(const char *script, const chld_stop_step *steps, size_t count,
                       const char *wanted)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    chld_stop_plan stop = CHLD_STOP_PLAN_INIT;
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result;
    char output[4096], text[128];

    spawn.group_mode = CHLD_GROUP_NEW; /* so that the shell's sleep does not outlive it */
    spawn.err.mode = CHLD_STDIO_NULL; /* a shell reports there that its sleep was killed */
    stop.target = CHLD_TARGET_GROUP;
    stop.steps = steps;
    stop.steps_count = count;
    options.out.mode = CHLD_SINK_HEAD;
    options.out.buffer = output;
    options.out.size = sizeof output;
    options.timeout_ms = 500;
    options.stop = &stop;
    require(chld_run(argv, &spawn, &options, &result, NULL) == 0, "chld_run");
    require(chld_status_text(&result.status, text, sizeof text) > 0, "chld_status_text");
    printf("sh -c '%s' wrote '%.*s'; %s at step %d\n", script, (int)result.out.kept,
           result.out.data, text, result.step);
    require(result.timed_out && result.step == (int)count, "the time limit");
    require(result.out.kept == strlen(wanted) && !memcmp(output, wanted, result.out.kept), wanted);
    return result.status;
}

int main(void)
{
    const chld_stop_step at_once[] = {{SIGKILL, 2000}};
    const chld_stop_step gentle[] = {{SIGTERM, 2000}};
    const chld_stop_step both[] = {{SIGTERM, 200}, {SIGKILL, 2000}};
    const char *plain = "printf start; sleep 60; printf end";

    chld_status status = run(plain, at_once, 1, "start");
    require(status.state == CHLD_STATE_KILLED && status.code == SIGKILL, "SIGKILL");

    /* SIGTERM lets a program clean up, and end by itself. */
    status = run("trap \"printf bye; exit 3\" TERM; printf start,; sleep 60", gentle, 1,
                 "start,bye");
    require(status.state == CHLD_STATE_EXITED && status.code == 3, "its own exit");

    /* One that ignores SIGTERM gets SIGKILL a moment later. */
    status = run("trap \"\" TERM; printf start; while :; do sleep 60; done", both, 2, "start");
    require(status.state == CHLD_STATE_KILLED && status.code == SIGKILL, "SIGKILL in the end");
    return 0;
}
