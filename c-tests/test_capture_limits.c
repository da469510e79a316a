/* A capture ends when its child has, and at its limit. */
#include "support.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FAR = 60000 };

static chld_capture_options growing(int timeout_ms)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.out.mode = CHLD_SINK_GROW;
    options.timeout_ms = timeout_ms;
    return options;
}

/* Sleeps on what the capture waits for, and takes its next step. */
static int step_when_ready(chld_capture_id capturing, chld_capture_wait *wait)
{
    struct pollfd fds[CHLD_CAPTURE_FDS];
    REQUIRE(wait->count > 0 && wait->count <= CHLD_CAPTURE_FDS);
    CHECK(wait->timeout_ms >= 0 && wait->timeout_ms <= FAR);
    if (wait->timeout_ms == 0) { /* more can be done at once */
        return CALL(chld_capture_step(capturing, wait));
    }
    for (uint32_t i = 0; i < wait->count; i++) {
        fds[i] = (struct pollfd) { wait->fds[i].fd, wait->fds[i].events, 0 };
    }
    /* Without pidfds, the child's SIGCHLD may interrupt it. */
    REQUIRE(poll(fds, wait->count, wait->timeout_ms) > 0 || errno == EINTR);
    return CALL(chld_capture_step(capturing, wait));
}

/* A descendant holds stdout until the gate is opened. False, and nothing is checked,
 * if the child had not written by then: on a slow machine it has not even begun when a
 * short timeout is over. */
static bool check_held(const char *how, uint32_t flags, int timeout_ms)
{
    struct gate gate = gate_make();
    chld_fd_map map = { gate.wait_end, 3 };
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.fds = &map;
    spawn.fds_count = 1;
    chld_capture_options options = growing(timeout_ms);
    options.flags = flags;
    chld_capture_result result;
    const char *const *argv = ARGV(helper("flow"), "child", how);
    long long begin = now_ms();
    CHECK_CALL(chld_run(argv, &spawn, &options, &result, NULL), 0);
    CHECK(now_ms() - begin < FAR / 2);
    bool begun = result.status.state == CHLD_STATE_EXITED;
    if (begun) {
        CHECK_EXITED(result.status, 5);
        CHECK_STR(result.out.data, "here\n");
        CHECK_INT(result.out.held, 1);
        CHECK_INT(result.timed_out, flags != 0);
    }
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
    gate_open(&gate);
    return begun;
}

TEST(a_grandchild_on_the_pipe_holds_nobody)
{
    CHECK(check_held("same", 0, FAR));
    CHECK(check_held("session", 0, FAR));
}

TEST(the_end_of_the_pipe_can_be_waited_for)
{
    int timeout_ms = 300;
    while (!check_held("same", CHLD_CAPTURE_EOF, timeout_ms) && !failures()) {
        REQUIRE((timeout_ms *= 2) < 10000);
    }
}

/* A descendant goes on reading when the child has exited. */
TEST(with_eof_the_input_goes_to_any_reader)
{
    static char input[300000];
    memset(input, 'z', sizeof input);
    struct gate gate = gate_make();
    chld_fd_map map = { gate.wait_end, 4 };
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.fds = &map;
    spawn.fds_count = 1;
    spawn.in.mode = spawn.out.mode = CHLD_STDIO_PIPE;
    chld_capture_options options = growing(FAR);
    options.flags = CHLD_CAPTURE_EOF;
    options.in.mode = CHLD_FEED_BUFFER;
    options.in.data = input;
    options.in.size = sizeof input;
    chld_id id = START(ARGV("sh", "-c", "exec 3<&0; { read go <&4; wc -c <&3; } & exit 6"), &spawn);
    chld_capture_id capturing = 0;
    chld_capture_wait wait;
    CHECK_CALL(chld_capture_open(id, &options, &capturing), 0);
    await_exit(id);
    int done = CALL(chld_capture_step(capturing, &wait)); /* it sees the end */
    gate_open(&gate);
    while (done == 0) {
        done = step_when_ready(capturing, &wait);
    }
    CHECK_INT(done, 1);
    chld_capture_result result;
    CHECK_CALL(chld_capture_close(capturing, &result), 0);
    CHECK_EXITED(result.status, 6);
    CHECK_INT((long long) result.fed, (long long) sizeof input);
    CHECK_INT(result.feed_error, 0);
    CHECK_STR(result.out.data, "300000\n");
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
    CHECK_EXITED(FINISH(id), 6);
}

static const chld_stop_step two[] = { { SIGTERM, 200 }, { SIGKILL, 20000 } };

static chld_stop_plan plan_of(const chld_stop_step *steps, size_t count)
{
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    plan.steps = steps;
    plan.steps_count = count;
    return plan;
}

/* As check_held(): false if the child had not written by then. */
static bool check_killed_after(int timeout_ms, const char *const *argv, int signal, int step,
                               const char *output)
{
    chld_stop_plan plan = plan_of(two, 2);
    chld_capture_options options = growing(timeout_ms);
    options.stop = &plan;
    chld_capture_result result;
    long long begin = now_ms();
    CHECK_CALL(chld_run(argv, NULL, &options, &result, NULL), 0);
    long long took = now_ms() - begin;
    bool begun = result.out.data && strcmp(result.out.data, output) == 0;
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
    if (begun) {
        CHECK(took >= timeout_ms + (step == 1 ? 0 : 200) && took < timeout_ms + 10000);
        CHECK_STATUS(result.status, CHLD_STATE_KILLED, signal);
        CHECK_INT(result.timed_out, 1);
        CHECK_INT(result.step, step);
        CHECK_INT(result.signal, signal);
    }
    return begun;
}

static void check_killed(const char *const *argv, int signal, int step, const char *output)
{
    int timeout_ms = 300;
    while (!check_killed_after(timeout_ms, argv, signal, step, output) && !failures()) {
        REQUIRE((timeout_ms *= 2) < 10000);
    }
}

TEST(a_timeout_stops_the_child_and_keeps_its_output)
{
    check_killed(ARGV("sh", "-c", "echo start; exec sleep 60; echo end"), SIGTERM, 1, "start\n");
}

TEST(a_child_that_ignores_term_is_killed_after_the_grace)
{
    check_killed(ARGV(helper("flow"), "deaf"), SIGKILL, 2, "start\n");
}

TEST(a_stopped_child_acts_on_the_first_signal)
{
    check_killed(ARGV(helper("flow"), "stop"), SIGTERM, 1, "start\n");
}

TEST(a_child_that_hangs_on_a_fifo_is_stopped)
{
    const char *fifo = scratch("fifo");
    REQUIRE(mkfifo(fifo, 0700) == 0);
    check_killed(ARGV("sh", fifo), SIGTERM, 1, "");
}

static void hear(int signal)
{
    (void) signal;
}

/* A signal every half millisecond, whose handler does not restart calls. */
TEST(a_storm_of_signals_does_not_move_the_limit)
{
    struct sigaction action = { .sa_handler = hear }, before;
    REQUIRE(sigaction(SIGVTALRM, &action, &before) == 0);
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGVTALRM };
    timer_t timer;
    REQUIRE(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    struct itimerspec every = { { 0, 500000 }, { 0, 500000 } };
    REQUIRE(timer_settime(timer, 0, &every, NULL) == 0);
    check_killed(ARGV(helper("flow"), "deaf"), SIGKILL, 2, "start\n");
    REQUIRE(timer_delete(timer) == 0);
    REQUIRE(sigaction(SIGVTALRM, &before, NULL) == 0);
}

TEST(a_child_that_survives_every_step_is_reported_and_not_waited_for)
{
    static const chld_stop_step only_term[] = { { SIGTERM, 100 } };
    chld_stop_plan plan = plan_of(only_term, 1);
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.out.mode = CHLD_STDIO_PIPE;
    chld_id id = START(ARGV(helper("flow"), "deaf"), &spawn);
    struct pollfd written = { CALL(chld_stdout_fd(id)), POLLIN, 0 };
    REQUIRE(poll(&written, 1, FAR) == 1); /* from now on it ignores SIGTERM */
    chld_capture_options options = growing(100);
    options.stop = &plan;
    chld_capture_result result = { 0 };
    CHECK_CALL(chld_capture(id, &options, &result), -ETIMEDOUT);
    CHECK_INT(result.status.state, CHLD_STATE_RUNNING);
    CHECK_STR(result.out.data, "start\n");
    CHECK_INT(result.timed_out, 1);
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
    CHECK_CALL(chld_kill(id, SIGKILL), 0);
    CHECK_CALL(chld_capture(id, &options, &result), 0);
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGKILL);
}

/* Returns how much the sink took. */
static uint64_t pour_into_a_full_sink(int timeout_ms)
{
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_stop_plan plan = plan_of(two, 2);
    options.out.mode = CHLD_SINK_FD;
    options.out.fd = ends[1];
    options.timeout_ms = timeout_ms;
    options.stop = &plan;
    chld_capture_result result;
    const char *const *argv = ARGV(helper("flow"), "pour", "1000");
    CHECK_CALL(chld_run(argv, NULL, &options, &result, NULL), 0);
    CHECK_STATUS(result.status, CHLD_STATE_KILLED, SIGTERM);
    CHECK_INT(result.timed_out, 1);
    CHECK(result.out.kept < 1000 * 1024);
    close(ends[0]);
    close(ends[1]);
    return result.out.kept;
}

TEST(a_sink_that_takes_nothing_is_given_up_at_the_timeout)
{
    /* On a slow machine the child has not begun when a short timeout is over. */
    int timeout_ms = 200;
    while (pour_into_a_full_sink(timeout_ms) == 0 && !failures()) {
        REQUIRE((timeout_ms *= 2) < 10000);
    }
}

/* In pieces, in a loop of the test's own. */
TEST(an_event_loop_can_capture_step_by_step)
{
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.in.mode = spawn.out.mode = CHLD_STDIO_PIPE;
    chld_id id = START(ACT("cat"), &spawn);
    static char input[3000000]; /* more than a turn moves */
    memset(input, 'y', sizeof input - 1);
    chld_capture_options options = growing(FAR);
    options.in.mode = CHLD_FEED_BUFFER;
    options.in.data = input;
    options.in.size = sizeof input;
    chld_capture_id capturing = 0;
    CHECK_CALL(chld_capture_open(id, &options, &capturing), 0);
    CHECK_CALL(chld_capture(id, NULL, NULL), -EBUSY);
    chld_capture_wait wait;
    int sleeps = 0, done = CALL(chld_capture_step(capturing, &wait));
    for (; done == 0; sleeps++) {
        done = step_when_ready(capturing, &wait);
    }
    CHECK_INT(done, 1);
    CHECK(sleeps > 1);
    CHECK_CALL(chld_capture_step(capturing, &wait), 1);
    chld_capture_result result;
    CHECK_CALL(chld_capture_close(capturing, &result), 0);
    CHECK_EXITED(result.status, 0);
    CHECK_INT((long long) result.out.total, (long long) sizeof input);
    CHECK(result.out.kept == sizeof input && memcmp(result.out.data, input, sizeof input) == 0);
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
    CHECK_CALL(chld_capture_step(capturing, &wait), -EBADF);
    CHECK_CALL(chld_capture_close(capturing, NULL), -EBADF);
    CHECK_EXITED(FINISH(id), 0);
}

static int meddle(void *argument, const char *data, size_t size)
{
    chld_capture_id *capturing = argument;
    CHECK(data != NULL && size > 0);
    CHECK_CALL(chld_capture_step(*capturing, NULL), -EBUSY);
    CHECK_CALL(chld_capture_close(*capturing, NULL), -EBUSY);
    return 0;
}

TEST(a_capture_that_is_being_stepped_is_busy)
{
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.out.mode = CHLD_STDIO_PIPE;
    chld_id id = START(ACT("say", "one", "two"), &spawn);
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_id capturing = 0;
    options.out.mode = CHLD_SINK_CALLBACK;
    options.out.callback = meddle;
    options.out.argument = &capturing;
    CHECK_CALL(chld_capture_open(id, &options, &capturing), 0);
    await_exit(id);
    CHECK_CALL(chld_capture_step(capturing, NULL), 1);
    chld_capture_result result;
    CHECK_CALL(chld_capture_close(capturing, &result), 0);
    CHECK_INT((long long) result.out.kept, 3);
    CHECK_EXITED(FINISH(id), 0);
}

/* A loop may have each descriptor once only. */
TEST(what_two_streams_wait_for_is_named_once)
{
    int ends[2];
    static char filling[65536];
    REQUIRE(pipe(ends) == 0);
    REQUIRE(write(ends[1], filling, sizeof filling) == (ssize_t) sizeof filling);
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.out.mode = spawn.err.mode = CHLD_STDIO_PIPE;
    chld_id id = START(ACT("say", "one", "two"), &spawn);
    await_exit(id);
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.out.mode = options.err.mode = CHLD_SINK_FD;
    options.out.fd = options.err.fd = ends[1];
    chld_capture_id capturing = 0;
    chld_capture_wait wait;
    CHECK_CALL(chld_capture_open(id, &options, &capturing), 0);
    CHECK_CALL(chld_capture_step(capturing, &wait), 0);
    CHECK_INT(wait.count, 1);
    CHECK_INT(wait.fds[0].fd, ends[1]);
    CHECK_INT(wait.fds[0].events, POLLOUT);
    REQUIRE(read(ends[0], filling, sizeof filling) == (ssize_t) sizeof filling);
    CHECK_CALL(chld_capture_step(capturing, &wait), 1);
    CHECK_CALL(chld_capture_close(capturing, NULL), 0);
    CHECK_EXITED(FINISH(id), 0);
    close(ends[0]);
    close(ends[1]);
}
