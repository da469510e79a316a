/*
 * chld_run.c - what chld_run(3) shows. Prints:
 *   sort exited with code 0
 *   apple
 *   pear
 *   sleep killed by SIGTERM (terminated), after its time was over
 */
#include <chld.h>
#include <stdio.h>
#include <string.h>

static int run(const char *const *argv, const char *input, int timeout_ms)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result;
    chld_error error;
    char text[160];

    options.timeout_ms = timeout_ms;
    options.in.mode = CHLD_FEED_BUFFER;
    options.in.data = input;
    options.in.size = strlen(input);
    options.out.mode = CHLD_SINK_GROW;
    if (chld_run(argv, NULL, &options, &result, &error) < 0) {
        if (chld_error_text(&error, text, sizeof text) > 0)
            fprintf(stderr, "%s\n", text);
        return -1;
    }
    if (chld_status_text(&result.status, text, sizeof text) > 0)
        printf("%s %s%s\n", argv[0], text,
               result.timed_out ? ", after its time was over" : "");
    if (result.out.data)
        fputs(result.out.data, stdout);
    return chld_buffer_free(result.out.data);
}

int main(void)
{
    const char *sort[] = {"sort", NULL};
    const char *sleep[] = {"sleep", "60", NULL};

    return run(sort, "pear\napple\n", 10000) < 0 || run(sleep, "", 100) < 0;
}
