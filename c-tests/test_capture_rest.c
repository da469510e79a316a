/* What is in the pipes when the child has exited, or the timeout is reached. */
#include "support.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static int unreadable = -1;

/* In the place of libc's own, which the library calls. */
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

/* A pipe that is full, or has its reader. */
static struct full {
    int ends[2];
    long long put, got;
    char last[8];
    pthread_t reader;
} full;

static void fill(void)
{
    static const char page[4096];
    ssize_t count;
    REQUIRE(pipe2(full.ends, O_CLOEXEC) == 0 && fcntl(full.ends[1], F_SETFL, O_NONBLOCK) == 0);
    while ((count = write(full.ends[1], page, sizeof page)) > 0) {
        full.put += count;
    }
    REQUIRE(errno == EAGAIN && fcntl(full.ends[1], F_SETFL, 0) == 0);
}

static void *read_full(void *unused)
{
    char bytes[4096];
    ssize_t count;
    while ((count = read(full.ends[0], bytes, sizeof bytes)) > 0) {
        full.got += count;
        for (ssize_t i = 0; i < count; i++) {
            memmove(full.last, full.last + 1, sizeof full.last - 1);
            full.last[sizeof full.last - 1] = bytes[i];
        }
    }
    return unused;
}

static chld_capture_options into_full(int timeout_ms)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.out.mode = CHLD_SINK_FD;
    options.out.fd = full.ends[1];
    options.timeout_ms = timeout_ms;
    return options;
}

/* The child has exited: all that is left to do is to pass its rest on. */
TEST(a_full_descriptor_gets_the_rest_later)
{
    chld_id id = start_piped(ACT("say", "the rest", ""));
    chld_capture_id capture = 0;
    chld_capture_wait wait = { 0 };
    chld_capture_result result = { 0 };
    await_exit(id);
    fill();
    chld_capture_options options = into_full(60000);
    CHECK_CALL(chld_capture_open(id, &options, &capture), 0);
    CHECK_CALL(chld_capture_step(capture, &wait), 0);
    CHECK(wait.count == 1 && wait.fds[0].fd == full.ends[1] && wait.fds[0].events == POLLOUT);
    REQUIRE(pthread_create(&full.reader, NULL, read_full, NULL) == 0);
    int done = 0;
    while (done == 0) {
        struct pollfd ready = { full.ends[1], POLLOUT, 0 };
        REQUIRE(poll(&ready, 1, 10000) == 1);
        done = CALL(chld_capture_step(capture, &wait));
    }
    CHECK_INT(done, 1);
    CHECK_CALL(chld_capture_close(capture, &result), 0);
    close(full.ends[1]);
    pthread_join(full.reader, NULL);
    CHECK_EXITED(result.status, 0);
    CHECK_INT((long long) result.out.total, 8);
    CHECK_INT((long long) result.out.kept, 8);
    CHECK_INT(result.out.truncated, 0);
    CHECK_INT(result.timed_out, 0);
    CHECK_INT(full.got, full.put + 8);
    CHECK(memcmp(full.last, "the rest", 8) == 0);
    close(full.ends[0]);
    CHECK_EXITED(FINISH(id), 0);
}

TEST(what_a_full_descriptor_has_not_got_at_the_timeout_is_reported)
{
    chld_id id = start_piped(ACT("say", "the rest", ""));
    chld_capture_result result = { 0 };
    await_exit(id);
    fill();
    chld_capture_options options = into_full(100);
    CHECK_CALL(chld_capture(id, &options, &result), 0);
    CHECK_EXITED(result.status, 0);
    CHECK_INT((long long) result.out.total, 8);
    CHECK_INT((long long) result.out.kept, 0);
    CHECK_INT(result.out.truncated, 1);
    CHECK_INT(result.out.error, 0);
    CHECK_INT(result.timed_out, 1);
    close(full.ends[0]);
    close(full.ends[1]);
    CHECK_EXITED(FINISH(id), 0);
}

enum { RICH_KIB = 900, PIPE_KIB = 1024, LIMIT_MS = 20 };

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
    if (fcntl(from, F_SETPIPE_SZ, PIPE_KIB * 1024) < 0) {
        CHECK_CALL(chld_kill(id, SIGKILL), 0);
        FINISH(id);
        close(held);
        SKIP_TEST("no larger pipe may be had here");
    }
    await_exit(id);
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

/* It has much to write, and would wait for its reader forever. */
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
