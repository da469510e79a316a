/*
 * chld_capture_open.c - what chld_capture_open(3) shows. Prints:
 *   exited with code 3, after 6 bytes
 */
#include <chld.h>
#include <poll.h>
#include <stdio.h>

/* An event loop with nothing else to do: real ones poll more than this. */
static int until_done(chld_capture_id capturing)
{
    chld_capture_wait wait;
    struct pollfd polled[CHLD_CAPTURE_FDS];
    int result;

    while ((result = chld_capture_step(capturing, &wait)) == 0) {
        for (uint32_t i = 0; i < wait.count; i++) {
            polled[i].fd = wait.fds[i].fd;
            polled[i].events = wait.fds[i].events;
        }
        poll(polled, wait.count, wait.timeout_ms);
    }
    return result;
}

int main(void)
{
    const char *argv[] = {"sh", "-c", "echo hello; exit 3", NULL};
    chld_spawn_options start = CHLD_SPAWN_OPTIONS_INIT;
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result;
    chld_capture_id capturing;
    chld_id child;
    char buffer[64], text[80];
    int done;

    start.out.mode = CHLD_STDIO_PIPE;
    options.out.mode = CHLD_SINK_HEAD;
    options.out.buffer = buffer;
    options.out.size = sizeof buffer;
    if (chld_spawn(&child, argv, &start, NULL) < 0)
        return 1;
    if (chld_capture_open(child, &options, &capturing) < 0)
        return 1;
    done = until_done(capturing);
    if (chld_capture_close(capturing, &result) < 0 || chld_close(child) < 0)
        return 1;
    if (chld_status_text(&result.status, text, sizeof text) > 0)
        printf("%s, after %d bytes\n", text, (int)result.out.total);
    return done != 1;
}
