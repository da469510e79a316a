/* What is in the pipes when the child has ended, or the limit is reached. */
#include "support.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A destination that fills up right before it is spliced to. */
static struct filling {
    int ends[2]; /* a pipe */
    long long put, got;
    char last[8];
    bool is_armed, has_reader;
    pthread_t reader;
} filling;

static void fill(void)
{
    static const char page[4096];
    int to = filling.ends[1];
    ssize_t count;
    REQUIRE(fcntl(to, F_SETFL, O_NONBLOCK) == 0);
    while ((count = write(to, page, sizeof page)) > 0) {
        filling.put += count;
    }
    REQUIRE(errno == EAGAIN && fcntl(to, F_SETFL, 0) == 0);
}

static void *read_filling(void *unused)
{
    char bytes[4096];
    ssize_t count;
    while ((count = read(filling.ends[0], bytes, sizeof bytes)) > 0) {
        filling.got += count;
        for (ssize_t i = 0; i < count; i++) {
            memmove(filling.last, filling.last + 1, sizeof filling.last - 1);
            filling.last[sizeof filling.last - 1] = bytes[i];
        }
    }
    return unused;
}

/* In the place of libc's own, which the library would call. */
ssize_t splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t size, unsigned flags)
{
    bool first = filling.is_armed;
    filling.is_armed = false;
    if (first) {
        fill();
    }
    long moved = syscall(SYS_splice, from, from_at, to, to_at, size, flags);
    int error = errno;
    if (first && filling.has_reader) {
        REQUIRE(pthread_create(&filling.reader, NULL, read_filling, NULL) == 0);
    }
    errno = error;
    return moved;
}

static int unreadable = -1;

/* The same. */
ssize_t read(int fd, void *buffer, size_t size)
{
    if (fd == unreadable) {
        errno = EIO;
        return -1;
    }
    return syscall(SYS_read, fd, buffer, size);
}

static chld_id start_piped(const char *const *argv)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.out.mode = CHLD_STDIO_PIPE;
    return START(argv, &options);
}

/* The child has ended: all that is left to do is to pass its rest on. */
static chld_capture_result capture_into_filling(chld_id id, bool has_reader, int timeout_ms)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result = { 0 };
    REQUIRE(pipe2(filling.ends, O_CLOEXEC) == 0);
    filling.has_reader = has_reader;
    filling.is_armed = true;
    await_end(id);
    options.out.mode = CHLD_SINK_FD;
    options.out.fd = filling.ends[1];
    options.timeout_ms = timeout_ms;
    CHECK_CALL(chld_capture(id, &options, &result), 0);
    CHECK(!filling.is_armed);
    CHECK_EXITED(result.status, 0);
    close(filling.ends[1]);
    return result;
}

TEST(a_descriptor_that_fills_up_gets_the_rest_later)
{
    chld_id id = start_piped(ACT("say", "the rest", ""));
    chld_capture_result result = capture_into_filling(id, true, 60000);
    pthread_join(filling.reader, NULL);
    CHECK_INT((long long) result.out.total, 8);
    CHECK_INT((long long) result.out.kept, 8);
    CHECK_INT(result.out.truncated, 0);
    CHECK_INT(result.timed_out, 0);
    CHECK_INT(filling.got, filling.put + 8);
    CHECK(memcmp(filling.last, "the rest", 8) == 0);
    close(filling.ends[0]);
    CHECK_EXITED(FINISH(id), 0);
}

TEST(what_a_full_descriptor_has_not_got_at_the_limit_is_told)
{
    chld_id id = start_piped(ACT("say", "the rest", ""));
    chld_capture_result result = capture_into_filling(id, false, 100);
    CHECK_INT((long long) result.out.total, 8);
    CHECK_INT((long long) result.out.kept, 0);
    CHECK_INT(result.out.truncated, 1);
    CHECK_INT(result.out.error, 0);
    CHECK_INT(result.timed_out, 1);
    char text[16];
    CHECK_STR(read_all(CALL(chld_stdout_fd(id)), text, sizeof text), "the rest");
    close(filling.ends[0]);
    CHECK_EXITED(FINISH(id), 0);
}

enum { RICH_KIB = 512, LIMIT_MS = 20 };

struct taken {
    long long bytes, until;
};

/* Takes its time, once: until the limit has been reached. */
static int take_late(void *argument, const char *data, size_t size)
{
    struct taken *taken = argument;
    (void) data;
    taken->bytes += (long long) size;
    while (now_ms() <= taken->until) {
    }
    return 0;
}

/* The pipe has more in it than one usually takes. */
static void check_rich_pipe(uint32_t flags)
{
    chld_id id = start_piped(ARGV(helper("flow"), "pour", DECIMAL(RICH_KIB)));
    int from = CALL(chld_stdout_fd(id));
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", from);
    int held = open(path, O_WRONLY | O_CLOEXEC);
    REQUIRE(held >= 0);
    if (fcntl(from, F_SETPIPE_SZ, 2 * RICH_KIB * 1024) < 0) {
        CHECK_CALL(chld_kill(id, SIGKILL), 0);
        FINISH(id);
        close(held);
        SKIP_TEST("no larger pipe may be had here");
    }
    await_end(id);
    struct taken taken = { .until = now_ms() + 2 * LIMIT_MS };
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result;
    options.flags = flags;
    options.out.mode = CHLD_SINK_CALLBACK;
    options.out.callback = take_late;
    options.out.argument = &taken;
    options.timeout_ms = LIMIT_MS;
    CHECK_CALL(chld_capture(id, &options, &result), 0);
    CHECK_INT(result.timed_out, 1);
    CHECK_INT(result.out.held, 1);
    CHECK_INT(taken.bytes, RICH_KIB * 1024);
    CHECK_INT((long long) result.out.total, RICH_KIB * 1024);
    CHECK_INT(result.out.truncated, 0);
    close(held);
    CHECK_EXITED(FINISH(id), 0);
}

TEST(what_a_large_pipe_holds_at_the_limit_is_read)
{
    check_rich_pipe(0);
    check_rich_pipe(CHLD_CAPTURE_EOF);
}

/* It has much to write, and would wait for its reader for ever. */
TEST(a_pipe_that_cannot_be_read_keeps_nobody_waiting)
{
    chld_id id = start_piped(ARGV(helper("flow"), "pour", "1024"));
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result = { 0 };
    options.out.mode = CHLD_SINK_GROW;
    unreadable = CALL(chld_stdout_fd(id));
    CHECK_CALL(chld_capture(id, &options, &result), 0);
    unreadable = -1;
    CHECK_INT(result.out.error, EIO);
    CHECK_INT((long long) result.out.kept, 0);
    CHECK_STATUS(result.status, CHLD_STATE_KILLED, SIGPIPE);
    CHECK_CALL(chld_stdout_fd(id), -ENOENT);
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
    CHECK_CALL(chld_close(id), 0);
}
