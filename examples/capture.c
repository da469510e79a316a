/*
 * capture.c - the output of a child, both streams of it, and its exit code.
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
    const char *argv[] = {"sh", "-c", "sort; echo 'three lines sorted' >&2; exit 7", NULL};
    const char *input = "pear\napple\nfig\n";
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result;
    chld_error error;
    char text[128];

    options.in.mode = CHLD_FEED_BUFFER;
    options.in.data = input;
    options.in.size = strlen(input);
    options.out.mode = CHLD_SINK_GROW;
    options.err.mode = CHLD_SINK_GROW;
    if (chld_run(argv, NULL, &options, &result, &error) < 0) {
        require(chld_error_text(&error, text, sizeof text) > 0, "chld_error_text");
        require(0, text);
    }
    require(chld_status_text(&result.status, text, sizeof text) > 0, "chld_status_text");
    printf("stdout: %s", result.out.data);
    printf("stderr: %s", result.err.data);
    printf("status: %s\n", text);

    require(!strcmp(result.out.data, "apple\nfig\npear\n"), "stdout");
    require(!strcmp(result.err.data, "three lines sorted\n"), "stderr");
    require(result.status.state == CHLD_STATE_EXITED && result.status.code == 7, "the exit code");
    require(result.fed == strlen(input) && !result.timed_out, "the feeding");
    require(chld_buffer_free(result.out.data) == 0, "chld_buffer_free");
    require(chld_buffer_free(result.err.data) == 0, "chld_buffer_free");
    return 0;
}
