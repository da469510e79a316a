/*
 * runtests.c - runs test programs, eight at a time, and shows the output of those that fail.
 *
 *     runtests PROGRAM...        exits with the number of programs that failed
 */
#include <chld.h>
#include <stdio.h>

enum { AT_ONCE = 8, MOST_MS = 5000 };

static int start(chld_set set, char *program)
{
    char *command[] = {program, NULL}, why[256] = "";
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    chld_capture_options capture = CHLD_CAPTURE_OPTIONS_INIT;
    chld_stop_plan stop = CHLD_STOP_PLAN_INIT;
    chld_error error;

    spawn.in.mode = CHLD_STDIO_NULL;
    spawn.err.mode = CHLD_STDIO_STDOUT;
    spawn.group_mode = CHLD_GROUP_NEW;
    spawn.user = program;
    stop.target = CHLD_TARGET_GROUP;
    capture.out = (chld_sink){.mode = CHLD_SINK_GROW, .size = 1 << 20};
    capture.timeout_ms = MOST_MS;
    capture.stop = &stop;
    if (chld_set_run(set, command, &spawn, &capture, NULL, &error) == 0)
        return 1;
    chld_error_text(&error, why, sizeof why);
    printf("FAIL %s: %s\n", program, why);
    return 0;
}

int main(int argc, char **argv)
{
    int next = 1, running = 0, failed = 0;
    char why[128] = "";
    chld_event event;
    chld_set set;

    if (chld_set_open(0, &set) < 0)
        return 125;
    while (next < argc || running > 0) {
        while (next < argc && running < AT_ONCE)
            start(set, argv[next++]) ? running++ : failed++;
        if (running == 0 || chld_set_wait(set, -1, &event) < 0)
            break;
        running--;
        if (event.status.code != 0) { /* that of an exit with 0 is 0, and of nothing else */
            failed++;
            chld_status_text(&event.status, why, sizeof why);
            printf("FAIL %s: %s after %.1f s\n", (char *)event.user, why,
                   (double)event.capture->elapsed_ns / 1e9);
            fwrite(event.capture->out.data, 1, event.capture->out.kept, stdout);
        }
        chld_close(event.id); /* frees the buffer, too */
    }
    printf("%d of %d programs failed\n", failed, argc - 1);
    return failed < 100 ? failed : 100;
}
