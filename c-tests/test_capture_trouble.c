/* Captures when a system call fails, or a descriptor takes its time: nothing is
 * dropped in silence, and no child is left behind. */
#include "look.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

/* In the place of libc's own, which the library calls: what fails, how often. */
static struct {
    int reads_of, reads; /* EAGAIN, of this descriptor */
    int polls;           /* ENOMEM */
} failing = { .reads_of = -1 };

ssize_t read(int fd, void *buffer, size_t size)
{
    if (fd == failing.reads_of && failing.reads > 0) {
        failing.reads--;
        errno = EAGAIN;
        return -1;
    }
    return syscall(SYS_read, fd, buffer, size);
}

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *limit, const sigset_t *mask)
{
    if (failing.polls > 0 && count > 0) {
        failing.polls--;
        errno = ENOMEM;
        return -1;
    }
    struct timespec left = limit ? *limit : (struct timespec) { 0 };
    return (int) syscall(SYS_ppoll, fds, count, limit ? &left : NULL, mask, 8);
}

static chld_id start_piped(const char *const *argv)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.out.mode = CHLD_STDIO_PIPE;
    return START(argv, &options);
}

/* The child has exited, and has written "here". */
static chld_capture_result capture_refused(int reads)
{
    chld_id id = start_piped(ACT("say", "here", ""));
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result = { 0 };
    options.out.mode = CHLD_SINK_GROW;
    await_exit(id);
    failing.reads_of = CALL(chld_stdout_fd(id));
    failing.reads = reads;
    CHECK_CALL(chld_capture(id, &options, &result), 0);
    failing.reads_of = -1;
    CHECK_EXITED(result.status, 0);
    CHECK_INT((long long) result.out.total, 4);
    CHECK_EXITED(FINISH(id), 0);
    return result;
}

TEST(a_read_that_is_refused_once_is_made_again)
{
    chld_capture_result result = capture_refused(1);
    CHECK_STR(result.out.data, "here");
    CHECK_INT(result.out.error, 0);
    CHECK_INT(result.out.truncated, 0);
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
}

TEST(bytes_that_cannot_be_read_are_reported)
{
    chld_capture_result result = capture_refused(1000);
    CHECK_STR(result.out.data, "");
    CHECK_INT((long long) result.out.kept, 0);
    CHECK_INT(result.out.error, EAGAIN);
    CHECK_INT(result.out.truncated, 1);
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
}

/* The child writes to its end all the same. */
TEST(what_there_is_no_memory_for_is_counted_and_dropped)
{
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    SKIP_TEST("a sanitizer needs its address space");
#endif
    enum { MIB = 1 << 20, WRITTEN = 64 };
    if (under_valgrind()) {
        SKIP_TEST("valgrind needs its address space");
    }
    struct rlimit before, low;
    chld_id id = start_piped(ARGV("head", "-c", "64M", "/dev/zero"));
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result = { 0 };
    options.out.mode = CHLD_SINK_GROW;
    REQUIRE(getrlimit(RLIMIT_AS, &before) == 0);
    low = (struct rlimit) { (rlim_t) proc_number(getpid(), "VmSize") * 1024 + 16 * MIB,
                            before.rlim_max };
    REQUIRE(setrlimit(RLIMIT_AS, &low) == 0);
    CHECK_CALL(chld_capture(id, &options, &result), 0);
    REQUIRE(setrlimit(RLIMIT_AS, &before) == 0);
    CHECK_EXITED(result.status, 0);
    CHECK_INT(result.out.error, ENOMEM);
    CHECK_INT(result.out.truncated, 1);
    CHECK_INT((long long) result.out.total, (long long) WRITTEN * MIB);
    CHECK(result.out.kept > 0 && result.out.kept < 16 * MIB && result.out.data);
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
    CHECK_EXITED(FINISH(id), 0);
}

/* Each limit is too low for the descriptors that the capture waits for. */
TEST(a_low_limit_on_descriptors_does_not_fail_a_capture)
{
    if (chld_engine() != CHLD_ENGINE_PIDFD) {
        SKIP_TEST("a capture needs two descriptors more here");
    }
    struct rlimit before, low;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    for (rlim_t limit = 0; limit <= 5; limit++) {
        chld_id id = start_piped(ARGV("sh", "-c", "echo here; sleep 0.1; exit 7"));
        chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
        chld_capture_result result = { 0 };
        options.out.mode = CHLD_SINK_GROW;
        options.timeout_ms = 15000;
        low = (struct rlimit) { limit, before.rlim_max };
        REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
        CHECK_CALL(chld_capture(id, &options, &result), 0);
        REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
        CHECK_EXITED(result.status, 7);
        CHECK_STR(result.out.data, "here\n");
        CHECK_INT(result.timed_out, 0);
        CHECK_CALL(chld_buffer_free(result.out.data), 0);
        CHECK_EXITED(FINISH(id), 7);
    }
}

/* Nobody has its handle: a child that went on running would be unknown. */
TEST(a_run_that_fails_in_the_middle_kills_its_child)
{
    struct gate held = gate_make(); /* the child has one end of it */
    chld_fd_map map = { held.hold_end, 3 };
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result;
    chld_error error = { 0 };
    spawn.fds = &map;
    spawn.fds_count = 1;
    options.out.mode = CHLD_SINK_GROW;
    failing.polls = 1;
    CHECK_CALL(chld_run(ARGV("sleep", "60"), &spawn, &options, &result, &error), -ENOMEM);
    CHECK_INT(failing.polls, 0);
    CHECK_INT(error.step, CHLD_STEP_CAPTURE);
    CHECK_STR(result.out.data, "");
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
    close(held.hold_end);
    struct pollfd gone = { held.wait_end, 0, 0 };
    CHECK_INT(poll(&gone, 1, 10000), 1);
    CHECK_INT(gone.revents, POLLHUP);
    close(held.wait_end);
    reap_closed_children();
}

/* A destination that is read slowly. */
struct slow {
    int from, to;
    long long got, wrong;
};

enum { POURED = 300 * 1024 };

static void *read_slowly(void *argument)
{
    struct slow *slow = argument;
    unsigned char bytes[3000];
    while (slow->got < POURED) {
        ssize_t count = syscall(SYS_read, slow->from, bytes, sizeof bytes);
        REQUIRE(count > 0);
        for (ssize_t i = 0; i < count; i++) {
            slow->wrong += bytes[i] != pattern_at(slow->got++);
        }
        sched_yield();
    }
    return NULL;
}

static void check_slow(int from, int to)
{
    pthread_t reader;
    struct slow slow = { .from = from, .to = to };
    REQUIRE(pthread_create(&reader, NULL, read_slowly, &slow) == 0);
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result = { 0 };
    options.out.mode = CHLD_SINK_FD;
    options.out.fd = to;
    options.timeout_ms = 60000;
    const char *const *argv = ARGV(helper("flow"), "pour", DECIMAL(POURED / 1024));
    CHECK_CALL(chld_run(argv, NULL, &options, &result, NULL), 0);
    CHECK_EXITED(result.status, 0);
    CHECK_INT(result.out.error, 0);
    CHECK_INT(result.out.truncated, 0);
    CHECK_INT((long long) result.out.kept, POURED);
    pthread_join(reader, NULL);
    CHECK_INT(slow.got, POURED);
    CHECK_INT(slow.wrong, 0);
    close(from);
    close(to);
}

static void check_slow_pipe(int flags)
{
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0 && fcntl(ends[1], F_SETFL, flags) == 0);
    check_slow(ends[0], ends[1]);
}

/* It may have room for a byte and no more. */
static void check_slow_terminal(int flags)
{
    struct termios raw;
    int master, slave;
    REQUIRE(openpty(&master, &slave, NULL, NULL, NULL) == 0 && tcgetattr(slave, &raw) == 0);
    cfmakeraw(&raw);
    REQUIRE(tcsetattr(slave, TCSANOW, &raw) == 0);
    REQUIRE(fcntl(slave, F_SETFL, O_RDWR | flags) == 0);
    REQUIRE(fcntl(master, F_SETFD, FD_CLOEXEC) == 0 && fcntl(slave, F_SETFD, FD_CLOEXEC) == 0);
    check_slow(master, slave);
}

TEST(a_descriptor_that_does_not_block_gets_every_byte)
{
    check_slow_pipe(O_NONBLOCK);
    check_slow_terminal(O_NONBLOCK);
}

TEST(a_descriptor_that_would_block_gets_every_byte)
{
    check_slow_pipe(0);
    check_slow_terminal(0);
}

/* It has room for a page: a write of more would never return. */
TEST(a_pipe_with_little_room_holds_nobody_up)
{
    static char filling[4096];
    int ends[2], size;
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0 && (size = fcntl(ends[1], F_GETPIPE_SZ)) > 0);
    for (int room = size; room > 4096; room -= 4096) {
        REQUIRE(write(ends[1], filling, sizeof filling) == (ssize_t) sizeof filling);
    }
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result = { 0 };
    options.out.mode = CHLD_SINK_FD;
    options.out.fd = ends[1];
    options.timeout_ms = patient(200);
    const char *const *argv = ARGV(helper("flow"), "pour", "60");
    CHECK_CALL(chld_run(argv, NULL, &options, &result, NULL), 0);
    CHECK_INT(result.timed_out, 1);
    CHECK_INT((long long) result.out.kept, 4096);
    CHECK_INT((long long) result.out.total, 60 * 1024);
    CHECK_INT(result.out.truncated, 1);
    CHECK_INT(result.out.error, 0);
    close(ends[0]);
    close(ends[1]);
}
