/*
 * chld_set_capture.c - what chld_set_capture(3) shows. Prints:
 *   Hello
 *   exited with code 0
 */
#include <chld.h>
#include <stdio.h>

int main(void)
{
    const char *argv[] = {"echo", "Hello", NULL};
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_event event;
    chld_set set;
    char text[80];

    options.out.mode = CHLD_SINK_GROW;
    options.timeout_ms = 10000;
    if (chld_set_open(0, &set) < 0 ||
        chld_set_run(set, argv, NULL, &options, NULL, NULL) < 0)
        return 1;
    if (chld_set_wait(set, -1, &event) < 0 || event.kind != CHLD_EVENT_CAPTURED)
        return 1;
    fputs(event.capture->out.data, stdout);
    if (chld_status_text(&event.status, text, sizeof text) > 0)
        printf("%s\n", text);
    /* This also frees the captured output. */
    return chld_close(event.id) < 0 || chld_set_close(set) < 0;
}
