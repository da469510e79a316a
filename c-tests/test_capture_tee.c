/* CHLD_SINK_TEE: a sink that also passes the bytes on to a descriptor. */
#include "support.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { POURED = 1000 * 1024 };

static chld_capture_result run(chld_sink out, int timeout_ms)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result = { 0 };
    options.out = out;
    options.timeout_ms = timeout_ms;
    const char *const *argv = ARGV(helper("flow"), "pour", DECIMAL(POURED / 1024));
    CHECK_CALL(chld_run(argv, NULL, &options, &result, NULL), 0);
    return result;
}

static int open_file(void)
{
    int fd = open(scratch("out"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    return fd;
}

static void check_file(int fd)
{
    static unsigned char bytes[POURED + 1];
    CHECK_INT(pread(fd, bytes, sizeof bytes, 0), POURED);
    int right = 0;
    for (int i = 0; i < POURED; i++) {
        right += bytes[i] == pattern_at(i);
    }
    CHECK_INT(right, POURED);
    close(fd);
}

static void check_passed(const chld_capture_result *result, long long kept)
{
    CHECK_EXITED(result->status, 0);
    CHECK_INT((long long) result->out.total, POURED);
    CHECK_INT((long long) result->out.kept, kept);
    CHECK_INT((long long) result->out.passed, POURED);
    CHECK_INT(result->out.truncated, kept < POURED);
    CHECK_INT(result->out.error, 0);
    CHECK_INT(result->out.pass_error, 0);
}

static struct taken {
    long long bytes, wrong;
} taken;

static int take(void *argument, const char *data, size_t size)
{
    CHECK(argument == &taken);
    for (size_t i = 0; i < size; i++) {
        taken.wrong += (unsigned char) data[i] != pattern_at(taken.bytes++);
    }
    return 0;
}

TEST(every_sink_can_pass_the_bytes_on)
{
    static const struct {
        uint32_t mode;
        size_t size;
        long long kept, from_head;
    } cases[] = { { CHLD_SINK_GROW, 0, POURED, POURED },
                  { CHLD_SINK_GROW, 70000, 70000, 70000 },
                  { CHLD_SINK_HEAD, 70000, 70000, 70000 },
                  { CHLD_SINK_TAIL, 70000, 70000, 0 },
                  { CHLD_SINK_HEAD_TAIL, 70000, 70000, 35000 },
                  { CHLD_SINK_CALLBACK, 0, POURED, POURED },
                  { CHLD_SINK_LINES, 0, POURED, POURED } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static char buffer[70000];
        int fd = open_file();
        taken = (struct taken) { 0, 0 };
        chld_sink sink = { .mode = cases[i].mode, .flags = CHLD_SINK_TEE, .fd = fd,
                           .buffer = buffer, .size = cases[i].size, .callback = take,
                           .argument = &taken };
        chld_capture_result result = run(sink, 60000);
        check_passed(&result, cases[i].kept);
        CHECK_INT((long long) result.out.from_head, cases[i].from_head);
        check_file(fd);
        long long wrong = taken.wrong, tail = cases[i].kept - cases[i].from_head;
        for (long long at = 0; result.out.data && at < cases[i].kept; at++) {
            long long from = at < cases[i].from_head ? at : POURED - tail + at - cases[i].from_head;
            wrong += (unsigned char) result.out.data[at] != pattern_at(from);
        }
        CHECK_INT(wrong, 0);
        if (cases[i].mode == CHLD_SINK_GROW) {
            CHECK_CALL(chld_buffer_free(result.out.data), 0);
        }
    }
}

TEST(a_sink_that_keeps_nothing_can_pass_the_bytes_on)
{
    int fd = open_file();
    chld_sink sink = { .mode = CHLD_SINK_NONE, .flags = CHLD_SINK_TEE, .fd = fd };
    chld_capture_result result = run(sink, 60000);
    check_passed(&result, POURED);
    check_file(fd);
}

static void *read_all_of(void *argument)
{
    const int *from = argument;
    unsigned char bytes[5000];
    long long at = 0, wrong = 0;
    ssize_t count;
    while ((count = read(*from, bytes, sizeof bytes)) > 0) {
        for (ssize_t i = 0; i < count; i++) {
            wrong += bytes[i] != pattern_at(at++);
        }
        poll(NULL, 0, at % 3 ? 0 : 1);
    }
    CHECK_INT(at, POURED);
    CHECK_INT(wrong, 0);
    return NULL;
}

static void check_slow(int flags)
{
    int ends[2];
    pthread_t reader;
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0 && fcntl(ends[1], F_SETFL, flags) == 0);
    REQUIRE(pthread_create(&reader, NULL, read_all_of, &ends[0]) == 0);
    chld_sink sink = { .mode = CHLD_SINK_GROW, .flags = CHLD_SINK_TEE, .fd = ends[1] };
    chld_capture_result result = run(sink, 60000);
    check_passed(&result, POURED);
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
    close(ends[1]);
    pthread_join(reader, NULL);
    close(ends[0]);
}

TEST(a_slow_descriptor_loses_nothing)
{
    check_slow(0);
    check_slow(O_NONBLOCK);
}

/* Nobody reads it: the child waits, and is stopped at the timeout. */
TEST(a_descriptor_that_takes_nothing_holds_nobody_beyond_the_timeout)
{
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    int room = fcntl(ends[1], F_GETPIPE_SZ);
    chld_sink sink = { .mode = CHLD_SINK_GROW, .flags = CHLD_SINK_TEE, .fd = ends[1] };
    long long begin = now_ms();
    chld_capture_result result = run(sink, patient(300));
    CHECK(now_ms() - begin < 10000);
    CHECK_STATUS(result.status, CHLD_STATE_KILLED, SIGTERM);
    CHECK_INT(result.timed_out, 1);
    CHECK_INT((long long) result.out.passed, room);
    CHECK((long long) result.out.kept >= room && result.out.kept <= result.out.total);
    CHECK(result.out.total < POURED);
    CHECK_INT(result.out.truncated, 1);
    CHECK_INT(result.out.pass_error, 0);
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
    close(ends[0]);
    close(ends[1]);
}

TEST(a_descriptor_that_fails_leaves_the_sink_alone)
{
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    close(ends[0]);
    chld_sink sink = { .mode = CHLD_SINK_GROW, .flags = CHLD_SINK_TEE, .fd = ends[1] };
    chld_capture_result result = run(sink, 60000);
    CHECK_EXITED(result.status, 0);
    CHECK_INT((long long) result.out.total, POURED);
    CHECK_INT((long long) result.out.kept, POURED);
    CHECK_INT(result.out.error, 0);
    CHECK_INT((long long) result.out.passed, 0);
    CHECK_INT(result.out.pass_error, EPIPE);
    CHECK_INT(result.out.truncated, 1);
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
    close(ends[1]);
}

static int refuse(void *argument, const char *data, size_t size)
{
    (void) data;
    *(size_t *) argument += size;
    return 9;
}

/* It goes on getting what is read until the child has exited. */
TEST(a_callback_that_has_enough_leaves_the_descriptor_alone)
{
    int fd = open_file();
    size_t seen = 0;
    chld_sink sink = { .mode = CHLD_SINK_CALLBACK, .flags = CHLD_SINK_TEE, .fd = fd,
                       .callback = refuse, .argument = &seen };
    chld_capture_result result = run(sink, 60000);
    CHECK_INT(result.out.stopped, 9);
    CHECK(seen > 0 && (long long) result.out.kept == 0);
    CHECK_INT((long long) result.out.passed, (long long) result.out.total);
    CHECK_INT(lseek(fd, 0, SEEK_END), (long long) result.out.total);
    close(fd);
}

TEST(both_streams_can_go_to_one_descriptor)
{
    int fd = open_file();
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result = { 0 };
    options.out.mode = options.err.mode = CHLD_SINK_GROW;
    options.out.flags = options.err.flags = CHLD_SINK_TEE;
    options.out.fd = options.err.fd = fd;
    CHECK_CALL(chld_run(ACT("say", "one", "two!"), NULL, &options, &result, NULL), 0);
    CHECK_STR(result.out.data, "one");
    CHECK_STR(result.err.data, "two!");
    CHECK_INT((long long) result.out.passed, 3);
    CHECK_INT((long long) result.err.passed, 4);
    CHECK_INT(lseek(fd, 0, SEEK_END), 7);
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
    CHECK_CALL(chld_buffer_free(result.err.data), 0);
    close(fd);
}

TEST(what_cannot_be_passed_on_to_is_refused)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.out.mode = CHLD_SINK_GROW;
    options.out.flags = CHLD_SINK_TEE;
    options.out.fd = 987;
    CHECK_CALL(chld_run(ACT("exit", "0"), NULL, &options, NULL, NULL), -EBADF);
    options.out.fd = 1;
    options.out.flags = CHLD_SINK_TEE << 1;
    CHECK_CALL(chld_run(ACT("exit", "0"), NULL, &options, NULL, NULL), -EINVAL);
    options.out.flags = CHLD_SINK_TEE;
    options.out.mode = CHLD_SINK_FD;
    CHECK_CALL(chld_run(ACT("exit", "0"), NULL, &options, NULL, NULL), -EINVAL);
    options.out.flags = 0;
    options.out.reserved[4] = 1;
    CHECK_CALL(chld_run(ACT("exit", "0"), NULL, &options, NULL, NULL), -EINVAL);
    options.out.reserved[4] = 0;
    options.in.flags = 1;
    CHECK_CALL(chld_run(ACT("exit", "0"), NULL, &options, NULL, NULL), -EINVAL);
    options.in.flags = 0;
    options.in.reserved[0] = 1;
    CHECK_CALL(chld_run(ACT("exit", "0"), NULL, &options, NULL, NULL), -EINVAL);
    options.in.reserved[0] = 0;
    options.reserved = 1;
    CHECK_CALL(chld_run(ACT("exit", "0"), NULL, &options, NULL, NULL), -EINVAL);
}
