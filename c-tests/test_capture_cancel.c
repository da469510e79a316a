/* CHLD_CAPTURE_CANCEL: a descriptor that ends a capture, and its result. */
#include "support.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

enum { FAR = 60000 };

static const chld_stop_step steps[] = { { SIGTERM, 20000 }, { SIGKILL, 20000 } };

static const chld_stop_plan plan = { .size = sizeof plan, .steps = steps, .steps_count = 2 };

static chld_capture_options cancelled_by(int fd)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.out.mode = CHLD_SINK_GROW;
    options.timeout_ms = FAR;
    options.flags = CHLD_CAPTURE_CANCEL;
    options.cancel_fd = fd;
    options.stop = &plan;
    return options;
}

static void check_cancelled(chld_capture_result *result, const char *output)
{
    CHECK_STATUS(result->status, CHLD_STATE_KILLED, SIGTERM);
    CHECK_INT(result->cancelled, 1);
    CHECK_INT(result->timed_out, 0);
    CHECK_INT(result->step, 1);
    CHECK_INT(result->signal, SIGTERM);
    CHECK_STR(result->out.data, output);
    CHECK_CALL(chld_buffer_free(result->out.data), 0);
}

static void run_cancelled(int fd, const char *output)
{
    chld_capture_options options = cancelled_by(fd);
    chld_capture_result result = { 0 };
    const char *const *argv = ARGV("sh", "-c", "echo start; exec sleep 60");
    long long begin = now_ms();
    CHECK_CALL(chld_run(argv, NULL, &options, &result, NULL), 0);
    CHECK(now_ms() - begin < FAR / 2);
    if (output) {
        check_cancelled(&result, output);
    } else { /* it may not have come to that */
        check_cancelled(&result, result.out.data);
    }
}

static int interrupted[2];

static void interrupt(int signal)
{
    (void) signal;
    if (write(interrupted[1], "", 1) != 1) {
        abort();
    }
}

/* As Ctrl-C does: the handler pokes a pipe. */
TEST(a_signal_handler_can_cancel_a_run)
{
    struct sigaction action = { .sa_handler = interrupt, .sa_flags = SA_RESTART }, before;
    struct itimerval soon = { .it_value = { 0, 100000 } };
    REQUIRE(pipe2(interrupted, O_CLOEXEC | O_NONBLOCK) == 0);
    REQUIRE(sigaction(SIGALRM, &action, &before) == 0);
    unsigned left = alarm(0);
    REQUIRE(setitimer(ITIMER_REAL, &soon, NULL) == 0);
    run_cancelled(interrupted[0], NULL);
    REQUIRE(sigaction(SIGALRM, &before, NULL) == 0);
    alarm(left);
    close(interrupted[0]);
    close(interrupted[1]);
}

TEST(a_descriptor_that_is_readable_ends_it_at_once)
{
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0 && write(ends[1], "x", 1) == 1);
    run_cancelled(ends[0], NULL);
    char byte = 0;
    CHECK_INT(read(ends[0], &byte, 1), 1); /* it is not read */
    CHECK_INT(byte, 'x');
    close(ends[1]);
    run_cancelled(ends[0], NULL); /* at its end */
    close(ends[0]);
}

TEST(a_regular_file_is_always_readable)
{
    int fd = open(scratch_file("file", "", 0600), O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    run_cancelled(fd, NULL);
    close(fd);
}

struct late {
    int fd;
    const char *path;
};

/* When the child has made a file. */
static void *poke_later(void *argument)
{
    const struct late *late = argument;
    while (access(late->path, F_OK) != 0) {
        poll(NULL, 0, 1);
    }
    CHECK_INT(write(late->fd, "x", 1), 1);
    return NULL;
}

TEST(a_run_can_be_cancelled_in_the_middle)
{
    int ends[2];
    pthread_t thread;
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    struct late late = { ends[1], scratch("made") };
    chld_capture_options options = cancelled_by(ends[0]);
    chld_capture_result result = { 0 };
    REQUIRE(pthread_create(&thread, NULL, poke_later, &late) == 0);
    const char *const *argv = ARGV("sh", "-c", "echo start; >\"$0\"; exec sleep 60", late.path);
    CHECK_CALL(chld_run(argv, NULL, &options, &result, NULL), 0);
    pthread_join(thread, NULL);
    check_cancelled(&result, "start\n");
    close(ends[0]);
    close(ends[1]);
}

static int discard(void *argument, const char *data, size_t size)
{
    long long *taken = argument;
    (void) data;
    *taken += (long long) size;
    return 0;
}

/* There is never a time when nothing comes. */
TEST(a_run_can_be_cancelled_while_much_comes)
{
    int ends[2];
    pthread_t thread;
    long long taken = 0;
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    struct late late = { ends[1], scratch("made") };
    chld_capture_options options = cancelled_by(ends[0]);
    chld_capture_result result = { 0 };
    options.out = (chld_sink) { .mode = CHLD_SINK_CALLBACK, .callback = discard,
                                .argument = &taken };
    REQUIRE(pthread_create(&thread, NULL, poke_later, &late) == 0);
    const char *const *argv = ARGV("sh", "-c", ">\"$0\"; exec cat /dev/zero", late.path);
    CHECK_CALL(chld_run(argv, NULL, &options, &result, NULL), 0);
    pthread_join(thread, NULL);
    check_cancelled(&result, NULL);
    CHECK_INT((long long) result.out.total, taken);
    close(ends[0]);
    close(ends[1]);
}

/* A child that is done is not cancelled. */
TEST(a_capture_that_is_complete_is_not_cancelled)
{
    int ends[2];
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.out.mode = CHLD_STDIO_PIPE;
    chld_id id = START(ACT("say", "all", ""), &spawn);
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0 && write(ends[1], "x", 1) == 1);
    chld_capture_options options = cancelled_by(ends[0]);
    chld_capture_result result = { 0 };
    await_exit(id);
    CHECK_CALL(chld_capture(id, &options, &result), 0);
    CHECK_EXITED(result.status, 0);
    CHECK_INT(result.cancelled, 0);
    CHECK_INT(result.step, 0);
    CHECK_STR(result.out.data, "all");
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
    CHECK_EXITED(FINISH(id), 0);
    close(ends[0]);
    close(ends[1]);
}

/* The stop sequence that the timeout began goes on as it was. */
TEST(a_timeout_that_comes_first_is_a_timeout)
{
    static const chld_stop_step slow[] = { { 0, 300 }, { SIGTERM, 20000 } };
    const chld_stop_plan waits = { .size = sizeof waits, .steps = slow, .steps_count = 2 };
    int ends[2];
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.out.mode = CHLD_STDIO_PIPE;
    chld_id id = START(ARGV("sleep", "60"), &spawn);
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    chld_capture_options options = cancelled_by(ends[0]);
    chld_capture_result result = { 0 };
    chld_capture_id capture = 0;
    chld_capture_wait wait;
    options.timeout_ms = 1;
    options.stop = &waits;
    CHECK_CALL(chld_capture_open(id, &options, &capture), 0);
    poll(NULL, 0, 10);
    CHECK_CALL(chld_capture_step(capture, &wait), 0); /* the first step, which only waits */
    REQUIRE(write(ends[1], "x", 1) == 1);
    int done;
    while ((done = CALL(chld_capture_step(capture, &wait))) == 0) {
        poll(NULL, 0, 5);
    }
    CHECK_INT(done, 1);
    CHECK_CALL(chld_capture_close(capture, &result), 0);
    CHECK_STATUS(result.status, CHLD_STATE_KILLED, SIGTERM);
    CHECK_INT(result.timed_out, 1);
    CHECK_INT(result.cancelled, 0);
    CHECK_INT(result.step, 2);
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGTERM);
    close(ends[0]);
    close(ends[1]);
}

/* A descendant has the pipe, and the end of that is waited for. */
TEST(waiting_for_the_end_of_a_pipe_can_be_cancelled)
{
    int ends[2];
    struct gate gate = gate_make();
    chld_fd_map map = { gate.wait_end, 3 };
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.fds = &map;
    spawn.fds_count = 1;
    spawn.out.mode = CHLD_STDIO_PIPE;
    chld_id id = START(ARGV(helper("flow"), "child", "same"), &spawn);
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0 && write(ends[1], "x", 1) == 1);
    await_exit(id);
    chld_capture_options options = cancelled_by(ends[0]);
    chld_capture_result result = { 0 };
    options.flags |= CHLD_CAPTURE_EOF;
    CHECK_CALL(chld_capture(id, &options, &result), 0);
    CHECK_EXITED(result.status, 5);
    CHECK_INT(result.cancelled, 1);
    CHECK_INT(result.timed_out, 0);
    CHECK_INT(result.out.held, 1);
    CHECK_STR(result.out.data, "here\n");
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
    CHECK_EXITED(FINISH(id), 5);
    gate_open(&gate);
    close(ends[0]);
    close(ends[1]);
}

enum { MANY = 8 };

/* In steps: each of them names the descriptor, and one poke ends all. */
TEST(one_descriptor_can_cancel_many_captures)
{
    int ends[2], left = MANY;
    chld_id ids[MANY];
    chld_capture_id captures[MANY];
    chld_capture_wait wait;
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.out.mode = CHLD_STDIO_PIPE;
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    chld_capture_options options = cancelled_by(ends[0]);
    for (int i = 0; i < MANY; i++) {
        ids[i] = START(ARGV("sleep", "60"), &spawn);
        CHECK_CALL(chld_capture_open(ids[i], &options, &captures[i]), 0);
        CHECK_CALL(chld_capture_step(captures[i], &wait), 0);
        int named = 0;
        for (uint32_t k = 0; k < wait.count; k++) {
            named += wait.fds[k].fd == ends[0] && wait.fds[k].events == POLLIN;
        }
        CHECK_INT(named, 1);
    }
    REQUIRE(write(ends[1], "x", 1) == 1);
    for (long long until = now_ms() + FAR / 4; left > 0 && now_ms() < until;) {
        for (int i = 0; i < MANY; i++) {
            chld_capture_result result = { 0 };
            if (captures[i] == 0 || CALL(chld_capture_step(captures[i], NULL)) == 0) {
                continue;
            }
            CHECK_CALL(chld_capture_close(captures[i], &result), 0);
            check_cancelled(&result, "");
            CHECK_STATUS(FINISH(ids[i]), CHLD_STATE_KILLED, SIGTERM);
            captures[i] = 0;
            left--;
        }
        poll(NULL, 0, 1);
    }
    CHECK_INT(left, 0);
    close(ends[0]);
    close(ends[1]);
}

/* Another way to end a capture, for another thread. */
static void *stop_later(void *argument)
{
    chld_status status = { 0 };
    CHECK_CALL(chld_stop(*(const chld_id *) argument, NULL, &status), 0);
    CHECK_STATUS(status, CHLD_STATE_KILLED, SIGTERM);
    return NULL;
}

TEST(another_thread_can_stop_a_child_that_is_captured)
{
    pthread_t thread;
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.out.mode = CHLD_STDIO_PIPE;
    chld_id id = START(ARGV("sleep", "60"), &spawn);
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result = { 0 };
    options.timeout_ms = FAR;
    REQUIRE(pthread_create(&thread, NULL, stop_later, &id) == 0);
    CHECK_CALL(chld_capture(id, &options, &result), 0);
    pthread_join(thread, NULL);
    CHECK_STATUS(result.status, CHLD_STATE_KILLED, SIGTERM);
    CHECK(result.timed_out == 0 && result.cancelled == 0 && result.step == 0);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGTERM);
}

TEST(a_cancel_descriptor_must_be_open)
{
    chld_capture_options options = cancelled_by(987);
    options.out.mode = CHLD_SINK_NONE;
    CHECK_CALL(chld_run(ACT("exit", "3"), NULL, &options, NULL, NULL), -EBADF);
    options.cancel_fd = -1;
    CHECK_CALL(chld_run(ACT("exit", "3"), NULL, &options, NULL, NULL), -EBADF);
    options.flags = 0; /* then it is not looked at */
    CHECK_CALL(chld_run(ACT("exit", "3"), NULL, &options, NULL, NULL), 0);
}
