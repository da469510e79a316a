/* Feeding a child and reading both of its streams at once. */
#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROUNDS = 256, MUCH = ROUNDS * 4096 };

static char *pattern(size_t size)
{
    char *bytes = malloc(size);
    REQUIRE(bytes != NULL);
    for (size_t i = 0; i < size; i++) {
        size_t at = i % 4096, round = i / 4096;
        bytes[i] = (char) (at * 7 + round * 31 + (at >> 8));
    }
    return bytes;
}

static void check_bytes(const chld_stream_result *got, const char *want, size_t size, int inverted)
{
    CHECK_INT((long long) got->total, (long long) size);
    CHECK_INT((long long) got->kept, (long long) size);
    CHECK_INT(got->truncated, 0);
    size_t same = 0;
    char flip = inverted ? (char) 0xff : 0;
    while (same < got->kept && (got->data[same] ^ flip) == want[same]) {
        same++;
    }
    CHECK_INT((long long) same, (long long) size);
}

static chld_capture_options growing(const char *input, size_t size)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.in.mode = CHLD_FEED_BUFFER;
    options.in.data = input;
    options.in.size = size;
    options.out.mode = CHLD_SINK_GROW;
    options.err.mode = CHLD_SINK_GROW;
    options.timeout_ms = 60000;
    return options;
}

static void free_both(chld_capture_result *result)
{
    CHECK_CALL(chld_buffer_free(result->out.data), 0);
    CHECK_CALL(chld_buffer_free(result->err.data), 0);
}

static void check_much(const char *how)
{
    char *input = pattern(MUCH);
    chld_capture_options options = growing(input, MUCH);
    chld_capture_result result;
    const char *const *argv = ARGV(helper("flow"), how, DECIMAL(ROUNDS));
    CHECK_CALL(chld_run(argv, NULL, &options, &result, NULL), 0);
    CHECK_EXITED(result.status, 0);
    check_bytes(&result.out, input, MUCH, 0);
    check_bytes(&result.err, input, MUCH, 1);
    CHECK_INT((long long) result.fed, MUCH);
    CHECK_INT(result.feed_error, 0);
    CHECK_INT(result.timed_out, 0);
    CHECK_INT(result.step, 0);
    free_both(&result);
    free(input);
}

TEST(a_mebibyte_each_way_is_the_same_byte_for_byte)
{
    check_much("echo");
}

TEST(a_child_that_reads_only_when_it_has_written_all_is_no_deadlock)
{
    check_much("late");
}

static void check_reader_gone(void)
{
    char *input = pattern(MUCH);
    chld_capture_options options = growing(input, MUCH);
    chld_capture_result result;
    const char *const *argv = ARGV(helper("flow"), "leave", "10", DECIMAL(ROUNDS));
    CHECK_CALL(chld_run(argv, NULL, &options, &result, NULL), 0);
    CHECK_EXITED(result.status, 4);
    check_bytes(&result.out, input, MUCH, 0);
    check_bytes(&result.err, input, MUCH, 1);
    CHECK_INT(result.feed_error, EPIPE);
    CHECK(result.fed >= 10 && result.fed < MUCH);
    free_both(&result);
    free(input);
}

/* Whether the end or the closed pipe is seen first differs from run to run. */
TEST(an_input_that_the_child_did_not_wait_for_was_cut)
{
    char *input = pattern(MUCH);
    for (int i = 0; i < 100; i++) {
        chld_capture_options options = growing(input, MUCH);
        chld_capture_result result;
        CHECK_CALL(chld_run(ACT("exit", "0"), NULL, &options, &result, NULL), 0);
        CHECK(result.fed < MUCH);
        CHECK_INT(result.feed_error, EPIPE);
        free_both(&result);
    }
    free(input);
}

/* SIGPIPE is at its default here: the first one would end the test. */
TEST(a_reader_that_goes_away_is_an_error_and_no_signal)
{
    check_reader_gone();
    sigset_t pending;
    REQUIRE(sigpending(&pending) == 0);
    CHECK(!sigismember(&pending, SIGPIPE));
}

TEST(a_sigpipe_that_was_pending_stays_so)
{
    sigset_t pipe_only, before, pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    REQUIRE(sigprocmask(SIG_BLOCK, &pipe_only, &before) == 0);
    check_reader_gone();
    REQUIRE(sigpending(&pending) == 0);
    CHECK(!sigismember(&pending, SIGPIPE));
    raise(SIGPIPE);
    check_reader_gone();
    REQUIRE(sigpending(&pending) == 0);
    CHECK(sigismember(&pending, SIGPIPE));
    REQUIRE(sigtimedwait(&pipe_only, NULL, &(struct timespec) { 0, 0 }) == SIGPIPE);
    REQUIRE(sigprocmask(SIG_SETMASK, &before, NULL) == 0);
}

TEST(a_captured_child_stays_its_callers)
{
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.in.mode = spawn.out.mode = spawn.err.mode = CHLD_STDIO_PIPE;
    chld_id id = START(ACT("say", "one", "two"), &spawn);
    chld_capture_options options = growing("", 0);
    chld_capture_result result;
    CHECK_CALL(chld_capture(id, &options, &result), 0);
    CHECK_STR(result.out.data, "one");
    CHECK_STR(result.err.data, "two");
    CHECK_INT(result.out.held, 0);
    free_both(&result);
    CHECK_CALL(chld_stdin_fd(id), -ENOENT);
    CHECK((fcntl(CALL(chld_stdout_fd(id)), F_GETFL) & O_NONBLOCK) == 0);
    CHECK_CALL(chld_capture(id, NULL, &result), 0);
    CHECK_EXITED(result.status, 0);
    CHECK_INT((long long) result.out.total, 0);
    CHECK_EXITED(FINISH(id), 0);
}

static void check_nothing(const chld_capture_result *result)
{
    static const chld_stream_result none;
    CHECK_INT(result->status.state, CHLD_STATE_RUNNING);
    CHECK_INT(result->status.code, -1);
    CHECK(memcmp(&result->out, &none, sizeof none) == 0);
    CHECK(memcmp(&result->err, &none, sizeof none) == 0);
    CHECK(result->fed == 0 && result->timed_out == 0 && result->step == 0);
}

TEST(a_child_that_cannot_start_is_an_error)
{
    chld_capture_options options = growing("", 0);
    chld_capture_result result;
    memset(&result, 0x5a, sizeof result);
    chld_error error;
    const char *const *argv = ARGV("/nowhere/nothing");
    CHECK_CALL(chld_run(argv, NULL, &options, &result, &error), -ENOENT);
    CHECK_STR(chld_step_name(error.step), "exec");
    check_nothing(&result);
}

/* The start is not to blame: the error shows that, and there is one all the same. */
static void check_refused(const chld_spawn_options *spawn, const chld_capture_options *options,
                          int errnum)
{
    const char *made = scratch("made");
    chld_capture_result result;
    chld_error error;
    char text[160];
    memset(&result, 0x5a, sizeof result);
    memset(&error, 0x5a, sizeof error);
    CHECK_CALL(chld_run(ARGV("mkdir", made), spawn, options, &result, &error), -errnum);
    check_nothing(&result);
    CHECK_INT(error.code, errnum);
    CHECK_INT(error.step, CHLD_STEP_CAPTURE);
    CHECK(CALL(chld_error_text(&error, text, sizeof text)) > 0);
    CHECK_INT(access(made, F_OK), -1); /* it was not even started */
}

TEST(what_cannot_be_captured_is_not_started)
{
    chld_stop_step wrong = { 999, 0 }, early = { SIGTERM, -2 };
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.stop = &plan;
    plan.target = CHLD_TARGET_GROUP;
    check_refused(NULL, &options, EINVAL);
    plan.target = CHLD_TARGET_CHILD;
    plan.steps_count = 1;
    plan.steps = &wrong;
    check_refused(NULL, &options, EINVAL);
    plan.steps = &early;
    check_refused(NULL, &options, EINVAL);
    plan.steps = NULL;
    check_refused(NULL, &options, EINVAL);
    options.stop = NULL;
    options.out.mode = CHLD_SINK_GROW;
    spawn.out.mode = CHLD_STDIO_NULL;
    check_refused(&spawn, &options, ENOENT);
}

/* Its child is a group's leader, as its session's. */
TEST(a_plan_for_a_group_goes_with_a_session)
{
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    chld_capture_options options = growing("", 0);
    chld_capture_result result;
    options.stop = &plan;
    plan.target = CHLD_TARGET_GROUP;
    spawn.flags = CHLD_SPAWN_SESSION;
    CHECK_CALL(chld_run(ACT("exit", "3"), &spawn, &options, &result, NULL), 0);
    CHECK_EXITED(result.status, 3);
    free_both(&result);
    spawn.flags = 0;
    spawn.group_mode = CHLD_GROUP_NEW;
    CHECK_CALL(chld_run(ACT("exit", "3"), &spawn, &options, &result, NULL), 0);
    CHECK_EXITED(result.status, 3);
    free_both(&result);
}

TEST(a_growing_buffer_that_got_nothing_is_an_empty_string)
{
    chld_capture_options options = growing("", 0);
    chld_capture_result result;
    CHECK_CALL(chld_run(ACT("exit", "0"), NULL, &options, &result, NULL), 0);
    CHECK_STR(result.out.data, "");
    CHECK_STR(result.err.data, "");
    free_both(&result);
}

TEST(a_buffer_of_no_size_has_no_data)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result;
    options.out.mode = CHLD_SINK_HEAD;
    options.err.mode = CHLD_SINK_TAIL;
    CHECK_CALL(chld_run(ACT("say", "one", "two"), NULL, &options, &result, NULL), 0);
    CHECK(result.out.data == NULL && result.err.data == NULL);
    CHECK_INT((long long) result.out.total, 3);
    CHECK_INT(result.out.truncated, 1);
}

TEST(what_makes_no_sense_is_refused)
{
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 0);
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.out.mode = CHLD_SINK_GROW;
    CHECK_CALL(chld_capture(id, &options, NULL), -ENOENT);
    options.out.mode = 77;
    CHECK_CALL(chld_capture(id, &options, NULL), -EINVAL);
    options.out.mode = CHLD_SINK_HEAD;
    options.out.size = 1;
    CHECK_CALL(chld_capture(id, &options, NULL), -EINVAL);
    options.out.mode = CHLD_SINK_CALLBACK;
    CHECK_CALL(chld_capture(id, &options, NULL), -EINVAL);
    options.out.mode = CHLD_SINK_FD;
    options.out.fd = 987;
    CHECK_CALL(chld_capture(id, &options, NULL), -EBADF);
    options.out.mode = CHLD_SINK_NONE;
    options.in.mode = 5;
    CHECK_CALL(chld_capture(id, &options, NULL), -EINVAL);
    options.in.mode = CHLD_FEED_NONE;
    options.flags = 4;
    CHECK_CALL(chld_capture(id, &options, NULL), -EINVAL);
    options.flags = 0;
    options.timeout_ms = -2;
    CHECK_CALL(chld_capture(id, &options, NULL), -EINVAL);
    options.timeout_ms = 0;
    options.size -= 1;
    CHECK_CALL(chld_capture(id, &options, NULL), -EINVAL);
    CHECK_CALL(chld_capture(CHLD_NONE, NULL, NULL), -EBADF);
    gate_open(&gate);
    CHECK_EXITED(FINISH(id), 0);
    CHECK_CALL(chld_capture(id, NULL, NULL), -EBADF);
}

TEST(without_a_place_for_it_a_growing_buffer_is_freed)
{
    chld_capture_options options = growing("x", 1);
    CHECK_CALL(chld_run(ACT("cat"), NULL, &options, NULL, NULL), 0);
}
