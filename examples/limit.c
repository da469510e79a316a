/*
 * limit.c - a child is killed at its time limit, a second; what it wrote is kept.
 */
#include <chld.h>
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

int main(void)
{
    const char *argv[] = {"sh", "-c", "echo start; sleep 60; echo end", NULL};
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    chld_stop_plan stop = CHLD_STOP_PLAN_INIT;
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result;
    char output[4096], text[128];

    spawn.group_mode = CHLD_GROUP_NEW; /* the shell's sleep shall not outlive it */
    stop.target = CHLD_TARGET_GROUP;
    options.out.mode = CHLD_SINK_HEAD;
    options.out.buffer = output;
    options.out.size = sizeof output;
    options.timeout_ms = 1000;
    options.stop = &stop;
    require(chld_run(argv, &spawn, &options, &result, NULL) == 0, "chld_run");
    require(chld_status_text(&result.status, text, sizeof text) > 0, "chld_status_text");
    printf("output: %.*s", (int)result.out.kept, result.out.data);
    printf("status: %s, %s\n", text, result.timed_out ? "at the time limit" : "by itself");

    require(result.out.kept == 6 && !memcmp(output, "start\n", 6), "start, and no end");
    require(result.timed_out && result.step == 1, "the limit");
    require(result.status.state == CHLD_STATE_KILLED, "the state");
    require(result.status.code == chld_signal_number("TERM"), "the signal");
    return 0;
}
