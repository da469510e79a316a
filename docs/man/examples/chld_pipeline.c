/*
 * chld_pipeline.c - what chld_pipeline(3) shows. Prints:
 *   2 pear
 *   printf: exited with code 0
 *   sort: exited with code 0
 *   grep: exited with code 1
 *   stage 3 has failed
 *   stage 2: exec sotr: No such file or directory
 */
#include <chld.h>
#include <stdio.h>

static const char *const print[] = {"printf", "pear\\nfig\\npear\\n", NULL};
static const char *const sort[] = {"sort", NULL}, *const sotr[] = {"sotr", NULL};
static const char *const count[] = {"sh", "-c", "uniq -dc | sed 's/^ *//'", NULL};
static const char *const search[] = {"grep", "-q", "plum", NULL};

static void show(const chld_stage *stages, size_t number, const chld_pipeline_result *result)
{
    char text[80];

    for (size_t i = 0; i < number; i++)
        if (chld_status_text(&stages[i].status, text, sizeof text) > 0)
            printf("%s: %s\n", stages[i].argv[0], text);
    if (result->failed)
        printf("stage %d has failed\n", result->failed);
}

int main(void)
{
    chld_stage counting[] = {{.argv = print}, {.argv = sort}, {.argv = count}};
    chld_stage searching[] = {{.argv = print}, {.argv = sort}, {.argv = search}};
    chld_stage wrong[] = {{.argv = print}, {.argv = sotr}};
    chld_capture_options capture = CHLD_CAPTURE_OPTIONS_INIT;
    chld_pipeline_result result;
    chld_error error;
    char text[160];

    capture.timeout_ms = 10000;
    capture.out.mode = CHLD_SINK_GROW;
    if (chld_run_pipeline(counting, 3, &capture, &result, NULL) < 0)
        return 1;
    fputs(result.capture.out.data, stdout);
    chld_buffer_free(result.capture.out.data);
    if (chld_run_pipeline(searching, 3, NULL, &result, NULL) < 0)
        return 1;
    show(searching, 3, &result);
    if (chld_run_pipeline(wrong, 2, NULL, NULL, &error) < 0
        && chld_error_text(&error, text, sizeof text) > 0)
        printf("%s\n", text);
    return 0;
}
