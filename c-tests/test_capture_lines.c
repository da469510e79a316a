/* CHLD_SINK_LINES: a callback gets whole lines. */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Every line between '<' and '>'. */
struct lines {
    char text[512];
    int count, stop_at;
};

static int take_line(void *argument, const char *line, size_t size)
{
    struct lines *lines = argument;
    size_t used = strlen(lines->text);
    CHECK(size > 0 && used + size + 3 < sizeof lines->text);
    snprintf(lines->text + used, sizeof lines->text - used, "<%.*s>", (int) size, line);
    return ++lines->count == lines->stop_at ? 7 : 0;
}

static chld_sink lines_into(struct lines *lines, size_t most)
{
    return (chld_sink) { .mode = CHLD_SINK_LINES, .size = most, .callback = take_line,
                         .argument = lines };
}

static chld_capture_result run(const char *const *argv, chld_sink out, uint32_t flags)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result = { 0 };
    options.out = out;
    options.flags = flags;
    options.timeout_ms = 15000;
    CHECK_CALL(chld_run(argv, NULL, &options, &result, NULL), 0);
    return result;
}

static void check_lines(const char *text, size_t most, const char *want)
{
    struct lines lines = { .count = 0 };
    chld_capture_result result = run(ACT("say", text, ""), lines_into(&lines, most), 0);
    CHECK_EXITED(result.status, 0);
    CHECK_STR(lines.text, want);
    CHECK_INT((long long) result.out.total, (long long) strlen(text));
    CHECK_INT((long long) result.out.kept, (long long) strlen(text));
    CHECK_INT(result.out.truncated, 0);
    CHECK(result.out.data == NULL);
}

TEST(a_callback_gets_whole_lines)
{
    check_lines("", 0, "");
    check_lines("one\n", 0, "<one\n>");
    check_lines("one\n\ntwo\n", 0, "<one\n><\n><two\n>");
    check_lines("\n", 1, "<\n>");
}

TEST(the_last_line_may_lack_its_newline)
{
    check_lines("one\ntwo", 0, "<one\n><two>");
    check_lines("two", 0, "<two>");
}

TEST(a_longer_line_comes_in_pieces)
{
    check_lines("abc\n", 4, "<abc\n>");
    check_lines("abcd\n", 4, "<abcd><\n>");
    check_lines("abcdefghi\nj\n", 4, "<abcd><efgh><i\n><j\n>");
    check_lines("abcdefgh", 4, "<abcd><efgh>");
    check_lines("ab\n", 1, "<a><b><\n>");
}

/* NULs, carriage returns and what is no character pass as they are. */
struct bytes {
    unsigned char all[64];
    size_t used, ends[8];
    int count;
};

static int take_bytes(void *argument, const char *line, size_t size)
{
    struct bytes *bytes = argument;
    REQUIRE(bytes->used + size <= sizeof bytes->all && bytes->count < 8);
    memcpy(bytes->all + bytes->used, line, size);
    bytes->used += size;
    bytes->ends[bytes->count++] = bytes->used;
    return 0;
}

TEST(a_line_may_have_any_bytes)
{
    static const char want[] = "a\0b\r\n\377\n\0\0\n";
    struct bytes bytes = { .used = 0 };
    chld_sink sink = { .mode = CHLD_SINK_LINES, .callback = take_bytes, .argument = &bytes };
    const char *const *argv = ARGV("printf", "a\\0b\\r\\n\\377\\n\\0\\0\\n");
    CHECK_EXITED(run(argv, sink, 0).status, 0);
    CHECK_INT((long long) bytes.used, sizeof want - 1);
    CHECK(memcmp(bytes.all, want, sizeof want - 1) == 0);
    CHECK_INT(bytes.count, 3);
    CHECK(bytes.ends[0] == 5 && bytes.ends[1] == 7 && bytes.ends[2] == 10);
}

/* It is not given away before it is whole. */
TEST(a_line_that_comes_in_parts_is_given_as_one)
{
    struct gate gate = gate_make();
    chld_fd_map map = { gate.wait_end, 3 };
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.fds = &map;
    spawn.fds_count = 1;
    spawn.out.mode = CHLD_STDIO_PIPE;
    const char *script = "printf 'one\\ntw'; read go <&3; printf 'o\\nthree'";
    chld_id id = START(ARGV("sh", "-c", script), &spawn);
    struct lines lines = { .count = 0 };
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.out = lines_into(&lines, 0);
    chld_capture_id capture = 0;
    chld_capture_result result = { 0 };
    CHECK_CALL(chld_capture_open(id, &options, &capture), 0);
    while (CALL(chld_capture_step(capture, NULL)) == 0 && lines.count == 0) {
        struct pollfd out = { CALL(chld_stdout_fd(id)), POLLIN, 0 };
        REQUIRE(poll(&out, 1, 10000) == 1);
    }
    CHECK_STR(lines.text, "<one\n>");
    gate_open(&gate);
    await_exit(id);
    CHECK_CALL(chld_capture_step(capture, NULL), 1);
    CHECK_STR(lines.text, "<one\n><two\n><three>");
    CHECK_CALL(chld_capture_close(capture, &result), 0);
    CHECK_INT((long long) result.out.kept, 13);
    CHECK_EXITED(FINISH(id), 0);
}

/* A close before the end loses the rest of the line, and the result shows that. */
TEST(a_line_that_was_not_given_is_truncated)
{
    struct lines lines = { .count = 0 };
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.out.mode = CHLD_STDIO_PIPE;
    chld_id id = START(ARGV("sh", "-c", "printf 'one\\ntw'; exec sleep 60"), &spawn);
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.out = lines_into(&lines, 0);
    chld_capture_id capture = 0;
    chld_capture_result result = { 0 };
    CHECK_CALL(chld_capture_open(id, &options, &capture), 0);
    while (CALL(chld_capture_step(capture, NULL)) == 0 && lines.count == 0) {
        poll(NULL, 0, 1);
    }
    CHECK_CALL(chld_capture_close(capture, &result), 0);
    CHECK_STR(lines.text, "<one\n>");
    CHECK_INT((long long) result.out.total, 6);
    CHECK_INT((long long) result.out.kept, 4);
    CHECK_INT(result.out.truncated, 1);
    CHECK_CALL(chld_kill(id, SIGKILL), 0);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGKILL);
}

struct much {
    long long bytes, wrong, pieces;
    size_t most;
    bool has_ended;
};

static int take_much(void *argument, const char *line, size_t size)
{
    struct much *much = argument;
    CHECK(!much->has_ended && size <= much->most);
    for (size_t i = 0; i < size; i++) {
        much->wrong += (unsigned char) line[i] != pattern_at(much->bytes++);
        much->wrong += i + 1 < size && line[i] == '\n';
    }
    much->has_ended = line[size - 1] != '\n' && size < much->most; /* only the last */
    much->pieces += line[size - 1] != '\n';
    return 0;
}

TEST(much_comes_complete_and_in_lines)
{
    static const size_t sizes[] = { 1000, 30, 0 };
    for (int i = 0; i < 3; i++) {
        struct much much = { .most = sizes[i] ? sizes[i] : 65536 };
        chld_sink sink = { .mode = CHLD_SINK_LINES, .size = sizes[i], .callback = take_much,
                           .argument = &much };
        const char *const *argv = ARGV(helper("flow"), "pour", "3000");
        CHECK_EXITED(run(argv, sink, 0).status, 0);
        CHECK_INT(much.bytes, 3000 * 1024);
        CHECK_INT(much.wrong, 0);
        CHECK((much.pieces > 1) == (sizes[i] == 30));
    }
}

static int take_x(void *argument, const char *line, size_t size)
{
    struct much *much = argument;
    CHECK(size == much->most || size == 100000 - much->most);
    CHECK_INT(line[0], 'x');
    much->bytes += (long long) size;
    return 0;
}

TEST(a_line_may_be_long)
{
    const char *const *argv = ARGV("sh", "-c", "yes x | tr -d '\\n' | head -c 99999; echo");
    struct much whole = { .most = 100000 }, halves = { .most = 65536 };
    chld_sink sink = { .mode = CHLD_SINK_LINES, .size = 100000, .callback = take_x,
                       .argument = &whole };
    CHECK_EXITED(run(argv, sink, 0).status, 0);
    CHECK_INT(whole.bytes, 100000);
    sink.size = 0; /* 64 KiB */
    sink.argument = &halves;
    CHECK_EXITED(run(argv, sink, 0).status, 0);
    CHECK_INT(halves.bytes, 100000);
}

TEST(a_callback_that_has_seen_its_line_stops_the_child)
{
    struct lines lines = { .stop_at = 2 };
    const char *const *argv = ARGV("sh", "-c", "printf '1\\n2\\n3\\n'; exec sleep 60");
    chld_capture_result result = run(argv, lines_into(&lines, 0), 0);
    CHECK_STATUS(result.status, CHLD_STATE_KILLED, SIGTERM);
    CHECK_STR(lines.text, "<1\n><2\n>");
    CHECK_INT(result.out.stopped, 7);
    CHECK_INT(result.timed_out, 0);
    CHECK_INT(result.step, 1);
}

/* A grandchild writes when the child has exited. */
TEST(late_lines_come_if_the_end_is_waited_for)
{
    struct lines lines = { .count = 0 };
    const char *const *argv =
        ARGV("sh", "-c", "printf 'ear'; { sleep 0.2; printf 'ly\\nlate\\n'; } & exit 3");
    chld_capture_result result = run(argv, lines_into(&lines, 0), CHLD_CAPTURE_EOF);
    CHECK_EXITED(result.status, 3);
    CHECK_STR(lines.text, "<early\n><late\n>");
}

/* Which stream a line is of: one letter each time the other was before. */
struct turns {
    char last;
    int changes, lines;
};

static struct turns turns;

static int take_turn(void *argument, const char *line, size_t size)
{
    char which = *(const char *) argument;
    CHECK(size == 4096 && line[0] == which);
    turns.changes += turns.last != which;
    turns.last = which;
    turns.lines++;
    return 0;
}

TEST(two_streams_are_read_in_turn)
{
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.out.mode = spawn.err.mode = CHLD_STDIO_PIPE;
    spawn.in.mode = CHLD_STDIO_PIPE;
    const char *script = "lines() { i=0; while [ $i -lt 200 ]; do"
                         " printf '%s%04094d\\n' $1 0; i=$((i + 1)); done; };"
                         " read go; lines o; lines e >&2";
    chld_id id = START(ARGV("sh", "-c", script), &spawn);
    REQUIRE(fcntl(CALL(chld_stdout_fd(id)), F_SETPIPE_SZ, 1 << 20) > 0);
    REQUIRE(fcntl(CALL(chld_stderr_fd(id)), F_SETPIPE_SZ, 1 << 20) > 0);
    CHECK_CALL(chld_close_fd(id, CHLD_STDIN), 0);
    await_exit(id);
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.out.mode = options.err.mode = CHLD_SINK_LINES;
    options.out.callback = options.err.callback = take_turn;
    options.out.argument = (void *) "o";
    options.err.argument = (void *) "e";
    CHECK_CALL(chld_capture(id, &options, NULL), 0);
    CHECK_INT(turns.lines, 400);
    CHECK(turns.changes >= 4); /* 800 KiB each, of which a read takes a part */
    CHECK_EXITED(FINISH(id), 0);
}

TEST(a_line_sink_needs_a_callback)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.out.mode = CHLD_SINK_LINES;
    CHECK_CALL(chld_run(ACT("exit", "0"), NULL, &options, NULL, NULL), -EINVAL);
    options.out.callback = take_line;
    options.out.size = SIZE_MAX;
    CHECK_CALL(chld_run(ACT("exit", "0"), NULL, &options, NULL, NULL), -EINVAL);
}
