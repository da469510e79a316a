/* Captures of a child whose streams are one pseudo-terminal. */
#include "support.h"

#include <stdio.h>

enum { LINES = 500, TEXT = 2392 }; /* "1\r\n" to "500\r\n" */

struct streams {
    uint32_t in, out, err; /* CHLD_STDIO_* */
    uint32_t out_sink, err_sink;
};

static chld_capture_result run_on_terminal(struct streams streams)
{
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result = { 0 };
    spawn.in.mode = streams.in;
    spawn.out.mode = streams.out;
    spawn.err.mode = streams.err;
    options.out.mode = streams.out_sink;
    options.err.mode = streams.err_sink;
    options.timeout_ms = 15000;
    const char *const *argv = ARGV("sh", "-c", "seq 1 250; exec seq 251 500 >&2");
    CHECK_CALL(chld_run(argv, &spawn, &options, &result, NULL), 0);
    CHECK_EXITED(result.status, 0);
    return result;
}

static void check_text(const chld_stream_result *got)
{
    char want[TEXT + 1];
    size_t size = 0;
    for (int i = 1; i <= LINES; i++) {
        size += (size_t) snprintf(want + size, sizeof want - size, "%d\r\n", i);
    }
    CHECK_INT((long long) got->total, TEXT);
    CHECK(strcmp(got->data, want) == 0);
}

static void check_nothing(const chld_stream_result *got)
{
    CHECK_INT((long long) got->total, 0);
    CHECK_INT((long long) got->kept, 0);
    CHECK_INT(got->truncated, 0);
    CHECK_INT(got->held, 0);
}

enum { TTY = CHLD_STDIO_PTY, NO = CHLD_SINK_NONE, GROW = CHLD_SINK_GROW };

static void check_stdout_has_all(struct streams streams)
{
    for (int i = 0; i < scaled(20); i++) {
        chld_capture_result result = run_on_terminal(streams);
        check_text(&result.out);
        check_nothing(&result.err);
        CHECK_CALL(chld_buffer_free(result.out.data), 0);
        CHECK_CALL(chld_buffer_free(result.err.data), 0);
    }
}

TEST(the_one_sink_of_a_terminal_gets_everything)
{
    check_stdout_has_all((struct streams) { 0, TTY, TTY, GROW, NO });
    check_stdout_has_all((struct streams) { TTY, TTY, TTY, GROW, NO });
}

TEST(of_two_sinks_of_a_terminal_that_of_stdout_gets_everything)
{
    check_stdout_has_all((struct streams) { 0, TTY, TTY, GROW, GROW });
    check_stdout_has_all((struct streams) { TTY, TTY, TTY, GROW, GROW });
}

TEST(a_terminal_can_be_captured_as_stderr)
{
    for (int i = 0; i < scaled(20); i++) {
        chld_capture_result result = run_on_terminal((struct streams) { TTY, TTY, TTY, NO, GROW });
        check_nothing(&result.out);
        check_text(&result.err);
        CHECK_CALL(chld_buffer_free(result.err.data), 0);
    }
}

/* A pipe beside the terminal is a stream of its own. */
TEST(a_pipe_beside_a_terminal_is_captured_apart)
{
    chld_capture_result result =
        run_on_terminal((struct streams) { TTY, CHLD_STDIO_PIPE, TTY, GROW, GROW });
    CHECK_INT((long long) result.out.total, 892); /* "1\n" to "250\n" */
    CHECK_INT((long long) result.err.total, 1250); /* "251\r\n" to "500\r\n" */
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
    CHECK_CALL(chld_buffer_free(result.err.data), 0);
}
