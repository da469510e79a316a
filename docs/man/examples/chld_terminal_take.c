/*
 * chld_terminal_take.c - what chld_terminal_take(3) shows. Prints:
 *   50 132
 */
#include <chld.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    const char *argv[] = {"sh", "-c", "read line; stty size", NULL};
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    chld_capture_options capture = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result;
    chld_id child;

    options.in.mode = options.out.mode = CHLD_STDIO_PTY;
    options.flags = CHLD_SPAWN_PTY_NO_ECHO;
    if (chld_spawn(&child, argv, &options, NULL) < 0 || chld_pty_resize(child, 50, 132) < 0)
        return 1;
    capture.in.mode = CHLD_FEED_BUFFER;
    capture.in.data = "\n";
    capture.in.size = 1;
    capture.out.mode = CHLD_SINK_GROW;
    if (chld_capture(child, &capture, &result) < 0 || chld_close(child) < 0)
        return 1;
    fputs(result.out.data, stdout);
    chld_buffer_free(result.out.data);
    /* Only if the child was in the foreground of this program's own terminal. */
    if (isatty(0))
        chld_terminal_take(0, NULL);
    return 0;
}
