/* What becomes of a captured stream. */
#include "support.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static chld_capture_result run_with(const char *const *argv, chld_sink sink)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result = { 0 };
    options.out = sink;
    options.timeout_ms = 120000;
    CHECK_CALL(chld_run(argv, NULL, &options, &result, NULL), 0);
    return result;
}

static void check_text(const chld_stream_result *got, const char *want, int from_head, int total)
{
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int) got->kept, got->data);
    CHECK_STR(text, want);
    CHECK_INT((long long) got->total, total);
    CHECK_INT((long long) got->from_head, from_head);
    CHECK_INT(got->truncated, (int) strlen(want) < total);
}

/* The input in all sizes around those of the buffer. */
TEST(a_buffer_keeps_the_head_the_tail_or_both)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    for (int size = 0; size <= 9; size++) {
        for (int length = 0; length <= 26; length += length < 21 ? 1 : 5) {
            char text[32], want[32], buffer[16];
            snprintf(text, sizeof text, "%.*s", length, letters);
            int kept = length < size ? length : size, half = (size + 1) / 2;
            int head = kept < half ? kept : half;
            const char *const *argv = ACT("say", text, "");
            chld_sink sink = { .mode = CHLD_SINK_HEAD, .buffer = buffer, .size = (size_t) size };
            chld_capture_result result = run_with(argv, sink);
            snprintf(want, sizeof want, "%.*s", kept, text);
            check_text(&result.out, want, kept, length);
            sink.mode = CHLD_SINK_TAIL;
            result = run_with(argv, sink);
            check_text(&result.out, text + length - kept, 0, length);
            sink.mode = CHLD_SINK_HEAD_TAIL;
            result = run_with(argv, sink);
            snprintf(want, sizeof want, "%.*s%s", head, text, text + length - (kept - head));
            check_text(&result.out, want, head, length);
        }
    }
}

TEST(a_gibibyte_in_a_small_tail_takes_no_memory)
{
    enum { TAIL = 65536 };
    long long total = (long long) scaled(1024) * 1024 * 1024;
    static char buffer[TAIL];
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    chld_sink sink = { .mode = CHLD_SINK_TAIL, .buffer = buffer, .size = TAIL };
    const char *const *argv = ARGV(helper("flow"), "pour", DECIMAL((int) (total / 1024)));
    chld_capture_result result = run_with(argv, sink);
    getrusage(RUSAGE_SELF, &after);
    CHECK_EXITED(result.status, 0);
    CHECK_INT((long long) result.out.total, total);
    CHECK_INT((long long) result.out.kept, TAIL);
    CHECK_INT(result.out.truncated, 1);
    int right = 0;
    for (int i = 0; i < TAIL; i++) {
        right += (unsigned char) result.out.data[i] == pattern_at(total - TAIL + i);
    }
    CHECK_INT(right, TAIL);
    CHECK(after.ru_maxrss - before.ru_maxrss < 1024 || under_valgrind());
}

TEST(a_growing_buffer_may_have_a_limit)
{
    chld_sink sink = { .mode = CHLD_SINK_GROW, .size = 3 };
    chld_capture_result result = run_with(ACT("say", "abcdef", ""), sink);
    check_text(&result.out, "abc", 3, 6);
    CHECK_INT(result.out.data[3], 0);
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
    result = run_with(ACT("say", "", ""), sink);
    CHECK_STR(result.out.data, "");
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
    sink.size = 17000; /* reached in the second read */
    result = run_with(ARGV(helper("flow"), "pour", "40"), sink);
    CHECK_INT((long long) result.out.kept, 17000);
    CHECK_INT((long long) result.out.total, 40 * 1024);
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
}

struct taken {
    long long bytes, wrong, limit;
};

static int take(void *argument, const char *data, size_t size)
{
    struct taken *taken = argument;
    for (size_t i = 0; i < size; i++) {
        taken->wrong += (unsigned char) data[i] != pattern_at(taken->bytes++);
    }
    return taken->limit && taken->bytes >= taken->limit ? 42 : 0;
}

TEST(a_callback_gets_every_byte)
{
    struct taken taken = { 0 };
    chld_sink sink = { .mode = CHLD_SINK_CALLBACK, .callback = take, .argument = &taken };
    chld_capture_result result = run_with(ARGV(helper("flow"), "pour", "3000"), sink);
    CHECK_EXITED(result.status, 0);
    CHECK_INT(taken.bytes, 3000 * 1024);
    CHECK_INT(taken.wrong, 0);
    CHECK_INT((long long) result.out.kept, 3000 * 1024);
}

TEST(a_callback_that_has_enough_stops_the_child)
{
    struct taken taken = { .limit = 100000 };
    chld_sink sink = { .mode = CHLD_SINK_CALLBACK, .callback = take, .argument = &taken };
    chld_capture_result result = run_with(ARGV(helper("flow"), "pour", "2000000"), sink);
    CHECK_STATUS(result.status, CHLD_STATE_KILLED, SIGTERM);
    CHECK_INT(result.out.stopped, 42);
    CHECK_INT(result.timed_out, 0);
    CHECK_INT(result.step, 1);
    CHECK(taken.bytes >= 100000 && taken.bytes < 100000 + 256 * 1024);
}

static long long size_of(int fd)
{
    struct stat about;
    REQUIRE(fstat(fd, &about) == 0);
    return about.st_size;
}

static void check_file(int flags)
{
    int fd = open(scratch("out"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | flags, 0600);
    REQUIRE(fd >= 0);
    chld_sink sink = { .mode = CHLD_SINK_FD, .fd = fd };
    chld_capture_result result = run_with(ARGV(helper("flow"), "pour", "1000"), sink);
    CHECK_EXITED(result.status, 0);
    CHECK_INT((long long) result.out.total, 1000 * 1024);
    CHECK_INT((long long) result.out.kept, 1000 * 1024);
    CHECK_INT(size_of(fd), 1000 * 1024);
    static unsigned char bytes[1000 * 1024];
    REQUIRE(pread(fd, bytes, sizeof bytes, 0) == (ssize_t) sizeof bytes);
    int right = 0;
    for (int i = 0; i < (int) sizeof bytes; i++) {
        right += bytes[i] == pattern_at(i);
    }
    CHECK_INT(right, (int) sizeof bytes);
    close(fd);
}

TEST(a_descriptor_gets_every_byte)
{
    check_file(0);
    check_file(O_APPEND);
}

/* Through a second child: its stdin is a pipe that is often full. */
TEST(a_slow_pipe_gets_every_byte)
{
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.in.mode = spawn.out.mode = CHLD_STDIO_PIPE;
    chld_id reader = START(ACT("cat"), &spawn);
    struct taken taken = { 0 };
    chld_capture_options reading = CHLD_CAPTURE_OPTIONS_INIT;
    reading.out.mode = CHLD_SINK_CALLBACK;
    reading.out.callback = take;
    reading.out.argument = &taken;
    int input = fcntl(CALL(chld_stdin_fd(reader)), F_DUPFD_CLOEXEC, 0);
    pid_t writer = fork();
    REQUIRE(writer >= 0);
    if (writer == 0) {
        chld_sink sink = { .mode = CHLD_SINK_FD, .fd = input };
        chld_capture_result result = run_with(ARGV(helper("flow"), "pour", "1000"), sink);
        CHECK_INT((long long) result.out.kept, 1000 * 1024);
        _exit(failures() > 0);
    }
    close(input);
    REQUIRE(CALL(chld_capture(reader, &reading, NULL)) == 0);
    CHECK_INT(taken.bytes, 1000 * 1024);
    CHECK_INT(taken.wrong, 0);
    CHECK_EXITED(FINISH(reader), 0);
    int status;
    REQUIRE(waitpid(writer, &status, 0) == writer);
    CHECK_INT(status, 0);
}

TEST(a_descriptor_that_fails_does_not_hold_the_child_up)
{
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    close(ends[0]);
    chld_sink sink = { .mode = CHLD_SINK_FD, .fd = ends[1] };
    chld_capture_result result = run_with(ARGV(helper("flow"), "pour", "1000"), sink);
    CHECK_EXITED(result.status, 0);
    CHECK_INT(result.out.error, EPIPE);
    CHECK_INT((long long) result.out.total, 1000 * 1024);
    CHECK_INT((long long) result.out.kept, 0);
    CHECK_INT(result.out.truncated, 1);
    close(ends[1]);
}

struct given {
    int calls, left;
};

static int give(void *argument, char *buffer, size_t size)
{
    struct given *given = argument;
    int count = given->left < (int) size ? given->left : (int) size;
    given->calls++;
    if (given->left < 0) {
        return -ENODATA;
    }
    memset(buffer, 'x', (size_t) count);
    given->left -= count;
    return count;
}

TEST(a_callback_can_be_the_input)
{
    struct given given = { 0, 300000 };
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result;
    options.in.mode = CHLD_FEED_CALLBACK;
    options.in.callback = give;
    options.in.argument = &given;
    options.out.mode = CHLD_SINK_GROW;
    CHECK_CALL(chld_run(ACT("cat"), NULL, &options, &result, NULL), 0);
    CHECK_INT((long long) result.fed, 300000);
    CHECK_INT((long long) result.out.total, 300000);
    CHECK_INT((long long) strspn(result.out.data, "x"), 300000);
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
    given.left = -1;
    CHECK_CALL(chld_run(ACT("cat"), NULL, &options, &result, NULL), 0);
    CHECK_INT(result.feed_error, ENODATA);
    CHECK_EXITED(result.status, 0);
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
}

static int say(void *argument, char *buffer, size_t size)
{
    CHECK(buffer != NULL && size > 0);
    return *(const int *) argument;
}

TEST(what_no_callback_may_return_is_an_error_of_the_input)
{
    static const struct {
        int says, error;
    } cases[] = { { -EAGAIN, EIO }, { -EINTR, EIO }, { -5000, EIO }, { INT_MIN, EIO },
                  { INT_MAX, EINVAL }, { -EPERM, EPERM } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int says = cases[i].says;
        chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
        chld_capture_result result;
        options.in.mode = CHLD_FEED_CALLBACK;
        options.in.callback = say;
        options.in.argument = &says;
        CHECK_CALL(chld_run(ACT("cat"), NULL, &options, &result, NULL), 0);
        CHECK_INT(result.feed_error, cases[i].error);
        CHECK_INT((long long) result.fed, 0);
    }
}

/* Its three ends are one file, and the first of them is closed after the input. */
TEST(a_terminal_keeps_its_mode)
{
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.in.mode = spawn.out.mode = spawn.err.mode = CHLD_STDIO_PTY;
    chld_id id = START(ACT("exit", "0"), &spawn);
    int fd = CALL(chld_stdout_fd(id));
    int before = fcntl(fd, F_GETFL);
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.in.mode = CHLD_FEED_BUFFER;
    CHECK_CALL(chld_capture(id, &options, NULL), 0);
    CHECK_INT(before & O_NONBLOCK, 0);
    CHECK_INT(fcntl(fd, F_GETFL), before);
    CHECK_EXITED(FINISH(id), 0);
}

/* Closing one of its ends is no signal; the character is. */
TEST(a_terminal_ends_the_input_by_a_character)
{
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.in.mode = spawn.out.mode = CHLD_STDIO_PTY;
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result;
    options.in.mode = CHLD_FEED_BUFFER;
    options.in.data = "line\n\4";
    options.in.size = 6;
    options.out.mode = CHLD_SINK_GROW;
    options.timeout_ms = 15000;
    CHECK_CALL(chld_run(ARGV("cat"), &spawn, &options, &result, NULL), 0);
    CHECK_EXITED(result.status, 0);
    CHECK_INT(result.timed_out, 0);
    CHECK_INT((long long) result.fed, 6);
    CHECK_STR(result.out.data, "line\r\nline\r\n"); /* echoed, and written */
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
}

/* What a terminal has taken arrives at the other end a little later. */
TEST(nothing_is_lost_on_a_terminal)
{
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.out.mode = CHLD_STDIO_PTY;
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.out.mode = CHLD_SINK_GROW;
    for (int i = 0; i < scaled(30); i++) {
        static const int sizes[] = { 1, 2000 };
        chld_capture_result result;
        const char *const *argv = ARGV("seq", "1001", DECIMAL(1000 + sizes[i % 2]));
        CHECK_CALL(chld_run(argv, &spawn, &options, &result, NULL), 0);
        CHECK_EXITED(result.status, 0);
        CHECK_INT((long long) result.out.total, 6 * sizes[i % 2]); /* "1001\r\n" */
        CHECK_CALL(chld_buffer_free(result.out.data), 0);
    }
}

/* Little more than a start needs, whatever becomes of the output. */
enum { SMALL_STACK = 20 * 1024 };

static int ignore(void *argument, const char *data, size_t size)
{
    (void) argument;
    (void) data;
    return size == 0;
}

static void *run_each_sink(void *argument)
{
    static const uint32_t modes[] = { CHLD_SINK_NONE, CHLD_SINK_TAIL, CHLD_SINK_GROW,
                                      CHLD_SINK_CALLBACK, CHLD_SINK_FD, CHLD_SINK_LINES };
    static chld_capture_result result;
    static char buffer[100];
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        chld_sink sink = { .mode = modes[i], .buffer = buffer, .callback = ignore,
                           .size = sizeof buffer, .fd = *(const int *) argument };
        chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
        options.out = sink;
        CHECK_CALL(chld_run(ARGV(helper("flow"), "pour", "200"), NULL, &options, &result, NULL), 0);
        CHECK_CALL(chld_buffer_free(modes[i] == CHLD_SINK_GROW ? result.out.data : NULL), 0);
    }
    return argument;
}

TEST(a_capture_needs_little_stack)
{
#if defined __SANITIZE_ADDRESS__
    SKIP_TEST("sanitizers need a larger stack");
#endif
    pthread_t thread;
    pthread_attr_t attributes;
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    REQUIRE(null >= 0 && pthread_attr_init(&attributes) == 0);
    if (under_valgrind() || pthread_attr_setstacksize(&attributes, SMALL_STACK) != 0) {
        SKIP_TEST("a stack cannot be that small here");
    }
    REQUIRE(pthread_create(&thread, &attributes, run_each_sink, &null) == 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    close(null);
}
