/* Pipelines that are captured in one call: bytes, statuses, pipefail, timeouts. */
#include "exits.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define STAGE(...) { .argv = ARGV(__VA_ARGS__) }

/* Everything on stdout, and no timeout. */
static chld_capture_options keep_output(void)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.out.mode = CHLD_SINK_GROW;
    return options;
}

static chld_pipeline_result run(chld_stage *stages, size_t count,
                                const chld_capture_options *options)
{
    chld_pipeline_result result;
    CHECK_CALL(chld_run_pipeline(stages, count, options, &result, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        CHECK(stages[i].id == CHLD_NONE);
        CHECK(stages[i].pid > 1);
        CHECK(!process_is_there(stages[i].pid));
    }
    CHECK_INT(result.capture.pid, stages[count - 1].pid);
    CHECK(result.stages == stages && result.count == count);
    return result;
}

static void check_output(chld_pipeline_result *result, const char *want)
{
    CHECK_STR(result->capture.out.data, want);
    CHECK_CALL(chld_buffer_free(result->capture.out.data), 0);
}

/* Bytes */

TEST(input_goes_in_and_output_comes_out)
{
    chld_stage stages[] = { STAGE("grep", "-v", "b"), STAGE("sort"), STAGE("uniq", "-c") };
    chld_capture_options options = keep_output();
    options.in.mode = CHLD_FEED_BUFFER;
    options.in.data = "c\nb\na\nc\n";
    options.in.size = 8;
    chld_pipeline_result result = run(stages, 3, &options);
    check_output(&result, "      1 a\n      2 c\n");
    CHECK_INT((long long) result.capture.fed, 8);
    CHECK_EXITED(result.pipefail, 0);
    CHECK_INT(result.failed, 0);
}

enum { MIB = 1024 * 1024, MIBS = 100 };

/* Streams of 100 MiB, each of them the same. */
struct flow {
    long long count;
    char first[MIB];
};

static int give(void *argument, char *buffer, size_t size)
{
    struct flow *flow = argument;
    long long left = (long long) MIBS * MIB - flow->count;
    size_t at = (size_t) (flow->count % MIB), most = MIB - at < size ? MIB - at : size;
    if (left == 0) {
        return 0;
    }
    memcpy(buffer, flow->first + at, most);
    flow->count += (long long) most;
    return (int) most;
}

static int compare(void *argument, const char *data, size_t size)
{
    struct flow *flow = argument;
    for (size_t done = 0; done < size;) {
        size_t at = (size_t) ((flow->count + (long long) done) % MIB);
        size_t most = MIB - at < size - done ? MIB - at : size - done;
        if (memcmp(data + done, flow->first + at, most) != 0) {
            return 1;
        }
        done += most;
    }
    flow->count += (long long) size;
    return 0;
}

TEST(a_hundred_mebibytes_go_through_three_stages)
{
    static struct flow given, taken;
    for (int i = 0; i < MIB; i++) {
        given.first[i] = taken.first[i] = (char) (i * 31 + (i >> 8) * 7 + (i >> 16));
    }
    chld_stage stages[] = { STAGE("cat"), STAGE("cat"), STAGE("cat") };
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.in.mode = CHLD_FEED_CALLBACK;
    options.in.callback = give;
    options.in.argument = &given;
    options.out.mode = CHLD_SINK_CALLBACK;
    options.out.callback = compare;
    options.out.argument = &taken;
    chld_pipeline_result result = run(stages, 3, &options);
    CHECK_INT(taken.count, (long long) MIBS * MIB);
    CHECK_INT((long long) result.capture.fed, (long long) MIBS * MIB);
    CHECK_INT(result.capture.out.stopped, 0);
    CHECK_EXITED(result.pipefail, 0);
    for (int i = 0; i < 3; i++) {
        CHECK_EXITED(stages[i].status, 0);
    }
}

TEST(one_stage_is_captured_as_by_chld_run)
{
    chld_stage stage = STAGE("cat");
    chld_capture_options options = keep_output();
    options.in.mode = CHLD_FEED_BUFFER;
    options.in.data = "x";
    options.in.size = 1;
    chld_pipeline_result result = run(&stage, 1, &options);
    check_output(&result, "x");
    CHECK_EXITED(stage.status, 0);
    CHECK_EXITED(result.capture.status, 0);
}

TEST(streams_of_the_options_are_the_first_and_the_last_stages)
{
    char text[32];
    const char *in = scratch_file("in", "b\na\n", 0600), *out = scratch("out");
    chld_spawn_options first = CHLD_SPAWN_OPTIONS_INIT, last = CHLD_SPAWN_OPTIONS_INIT;
    first.in.mode = last.out.mode = CHLD_STDIO_PATH;
    first.in.path = in;
    last.out.path = out;
    chld_stage stages[] = {
        { .argv = ARGV("cat"), .options = &first },
        { .argv = ARGV("sort"), .options = &last },
    };
    chld_pipeline_result result = run(stages, 2, NULL);
    CHECK_INT((long long) result.capture.out.total, 0);
    int file = open(out, O_RDONLY | O_CLOEXEC);
    CHECK_STR(read_all(file, text, sizeof text), "a\nb\n");
    close(file);
}

/* stderr */

TEST(all_stages_share_the_stderr_that_is_read)
{
    chld_spawn_options silent = CHLD_SPAWN_OPTIONS_INIT, merged = CHLD_SPAWN_OPTIONS_INIT;
    silent.err.mode = CHLD_STDIO_NULL;
    merged.err.mode = CHLD_STDIO_STDOUT;
    chld_stage stages[] = {
        STAGE("sh", "-c", "echo one >&2"),
        { .argv = ARGV("sh", "-c", "cat; echo two >&2"), .options = &silent },
        { .argv = ARGV("sh", "-c", "cat; echo three >&2"), .options = &merged },
        STAGE("sh", "-c", "cat; echo four >&2"),
    };
    chld_capture_options options = keep_output();
    options.err.mode = CHLD_SINK_GROW;
    chld_pipeline_result result = run(stages, 4, &options);
    check_output(&result, "three\n");
    CHECK_STR(result.capture.err.data, "one\nfour\n");
    CHECK_CALL(chld_buffer_free(result.capture.err.data), 0);
}

TEST(stderr_of_the_last_stage_may_be_its_stdout)
{
    chld_spawn_options merged = CHLD_SPAWN_OPTIONS_INIT;
    merged.err.mode = CHLD_STDIO_STDOUT;
    chld_stage stages[] = {
        STAGE("echo", "one"),
        { .argv = ARGV("sh", "-c", "cat; echo two >&2"), .options = &merged },
    };
    chld_capture_options options = keep_output();
    chld_pipeline_result result = run(stages, 2, &options);
    check_output(&result, "one\ntwo\n");
    options.err.mode = CHLD_SINK_GROW;
    chld_error error = { 0 };
    CHECK_CALL(chld_run_pipeline(stages, 2, &options, NULL, &error), -ENOENT);
    CHECK_INT(error.step, CHLD_STEP_CAPTURE);
    CHECK_INT(error.stage, 0);
}

/* Statuses */

TEST(the_statuses_are_those_of_all_stages)
{
    chld_stage stages[] = { STAGE("sh", "-c", "exit 3"), STAGE("sh", "-c", "kill -USR1 $$"),
                            STAGE("true") };
    chld_pipeline_result result = run(stages, 3, NULL);
    CHECK_EXITED(stages[0].status, 3);
    CHECK_STATUS(stages[1].status, CHLD_STATE_KILLED, SIGUSR1);
    CHECK_EXITED(stages[2].status, 0);
    CHECK_EXITED(result.capture.status, 0);
    CHECK_STATUS(result.pipefail, CHLD_STATE_KILLED, SIGUSR1);
    CHECK_INT(result.failed, 2);
}

/* The same as in bash. */
TEST(pipefail_is_the_rightmost_stage_that_failed)
{
    for (int codes = 0; codes < 8; codes++) {
        char script[128], one[4], two[4], three[4];
        int code[] = { codes & 1 ? 3 : 0, codes & 2 ? 4 : 0, codes & 4 ? 5 : 0 };
        snprintf(script, sizeof script, "set -o pipefail; (exit %d) | (exit %d) | (exit %d)",
                 code[0], code[1], code[2]);
        chld_capture_result bash;
        CHECK_CALL(chld_run(ARGV("bash", "-c", script), NULL, NULL, &bash, NULL), 0);
        snprintf(one, sizeof one, "%d", code[0]);
        snprintf(two, sizeof two, "%d", code[1]);
        snprintf(three, sizeof three, "%d", code[2]);
        chld_stage stages[] = { { .argv = ACT("exit", one) }, { .argv = ACT("exit", two) },
                                { .argv = ACT("exit", three) } };
        chld_pipeline_result result = run(stages, 3, NULL);
        CHECK_EXITED(result.pipefail, bash.status.code);
        CHECK_INT(result.failed, code[2] ? 3 : code[1] ? 2 : code[0] ? 1 : 0);
    }
}

TEST(the_resources_are_those_of_each_stage)
{
    chld_stage stages[] = { { .argv = ACT("burn", "20", "0") }, STAGE("true") };
    chld_pipeline_result result = run(stages, 2, NULL);
    CHECK(stages[0].usage.user_us >= 20000);
    CHECK(stages[1].usage.max_resident_kib > 0);
    CHECK(memcmp(&result.capture.usage, &stages[1].usage, sizeof stages[1].usage) == 0);
}

/* SIGPIPE */

TEST(a_stage_that_is_read_no_more_gets_sigpipe)
{
    chld_stage stages[] = { STAGE("yes"), STAGE("head", "-n", "2") };
    chld_capture_options options = keep_output();
    chld_pipeline_result result = run(stages, 2, &options);
    check_output(&result, "y\ny\n");
    CHECK_STATUS(stages[0].status, CHLD_STATE_KILLED, SIGPIPE);
    CHECK_EXITED(stages[1].status, 0);
    CHECK_STATUS(result.pipefail, CHLD_STATE_KILLED, SIGPIPE);
    CHECK_INT(result.failed, 1);
}

TEST(a_chain_of_stages_exits_from_its_last_stage_on)
{
    chld_stage stages[] = { STAGE("yes"), STAGE("cat"), STAGE("cat"), STAGE("true") };
    chld_pipeline_result result = run(stages, 4, NULL);
    for (int i = 0; i < 3; i++) {
        CHECK_STATUS(stages[i].status, CHLD_STATE_KILLED, SIGPIPE);
    }
    CHECK_INT(result.failed, 3);
}

/* It sees that the last one is gone, and not before. */
TEST(a_first_stage_that_outlives_the_last_is_waited_for)
{
    chld_stage stages[] = {
        STAGE("sh", "-c", "trap '' PIPE; while echo x; do :; done 2>/dev/null; sleep 0.2; exit 3"),
        STAGE("true"),
    };
    chld_pipeline_result result = run(stages, 2, NULL);
    CHECK_EXITED(stages[0].status, 3);
    CHECK_EXITED(result.capture.status, 0);
    CHECK_EXITED(result.pipefail, 3);
    CHECK(result.capture.elapsed_ns >= 200000000);
}

TEST(an_input_that_nobody_reads_is_no_failure)
{
    static char input[4 * MIB]; /* more than any pipe holds */
    chld_stage stages[] = { STAGE("true"), STAGE("cat") };
    chld_capture_options options = keep_output();
    options.in.mode = CHLD_FEED_BUFFER;
    options.in.data = input;
    options.in.size = sizeof input;
    chld_pipeline_result result = run(stages, 2, &options);
    check_output(&result, "");
    CHECK_INT(result.capture.feed_error, EPIPE);
    CHECK_EXITED(result.pipefail, 0);
}

/* Descendants that hold the pipes */

static chld_pipeline_result run_with_holder(uint32_t flags)
{
    chld_stage stages[] = { STAGE("true"), STAGE("sh", "-c", "(sleep 0.3; echo late) & echo here") };
    chld_capture_options options = keep_output();
    options.flags = flags;
    return run(stages, 2, &options);
}

TEST(a_descendant_that_holds_the_output_does_not_prolong_it)
{
    chld_pipeline_result result = run_with_holder(0);
    check_output(&result, "here\n");
    CHECK_INT(result.capture.out.held, 1);
    result = run_with_holder(CHLD_CAPTURE_EOF);
    check_output(&result, "here\nlate\n");
}

/* Timeouts, cancelling, stop sequences */

enum { FAR = 60000 };

static const chld_stop_step long_steps[] = { { SIGTERM, 20000 }, { SIGKILL, 20000 } };
static const chld_stop_step short_steps[] = { { SIGTERM, 200 }, { SIGKILL, 20000 } };

static chld_stop_plan with_steps(uint32_t target, const chld_stop_step *steps)
{
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    plan.target = target;
    plan.steps = steps;
    plan.steps_count = 2;
    return plan;
}

static void check_all_killed(const chld_stage *stages, size_t count, int signal)
{
    for (size_t i = 0; i < count; i++) {
        CHECK_STATUS(stages[i].status, CHLD_STATE_KILLED, signal);
    }
}

TEST(at_the_timeout_all_stages_are_stopped)
{
    chld_stage stages[] = { STAGE("sleep", "60"), STAGE("sleep", "60"), STAGE("sleep", "60") };
    chld_capture_options options = keep_output();
    chld_stop_plan plan = with_steps(CHLD_TARGET_CHILD, long_steps);
    options.timeout_ms = patient(300);
    options.stop = &plan;
    long long begin = now_ms();
    chld_pipeline_result result = run(stages, 3, &options);
    CHECK(now_ms() - begin < 10000);
    check_output(&result, "");
    CHECK_INT(result.capture.timed_out, 1);
    CHECK_INT(result.capture.step, 1);
    CHECK_INT(result.capture.signal, SIGTERM);
    check_all_killed(stages, 3, SIGTERM);
}

/* The timeout is that of all, even if the last stage exits at once. */
TEST(an_earlier_stage_alone_is_stopped_at_the_timeout)
{
    chld_stage stages[] = { STAGE("sleep", "60"), STAGE("true") };
    chld_capture_options options = keep_output();
    options.timeout_ms = patient(300);
    chld_pipeline_result result = run(stages, 2, &options);
    check_output(&result, "");
    CHECK_INT(result.capture.timed_out, 1);
    CHECK_STATUS(stages[0].status, CHLD_STATE_KILLED, SIGTERM);
    CHECK_EXITED(stages[1].status, 0);
    CHECK_STATUS(result.pipefail, CHLD_STATE_KILLED, SIGTERM);
}

TEST(the_stop_sequence_goes_on_for_those_that_are_left)
{
    chld_stage stages[] = {
        STAGE("sleep", "60"),
        STAGE("sh", "-c", "trap '' TERM; echo on; while :; do sleep 0.1; done"),
        STAGE("sh", "-c", "read x; echo $x; exec sleep 60"),
    };
    chld_capture_options options = keep_output();
    chld_stop_plan plan = with_steps(CHLD_TARGET_CHILD, short_steps);
    options.timeout_ms = patient(1000);
    options.stop = &plan;
    chld_pipeline_result result = run(stages, 3, &options);
    check_output(&result, "on\n");
    CHECK_INT(result.capture.step, 2);
    CHECK_INT(result.capture.signal, SIGKILL);
    CHECK_STATUS(stages[0].status, CHLD_STATE_KILLED, SIGTERM);
    CHECK_STATUS(stages[1].status, CHLD_STATE_KILLED, SIGKILL);
    CHECK_STATUS(stages[2].status, CHLD_STATE_KILLED, SIGTERM);
}

TEST(a_cancel_descriptor_stops_all_stages)
{
    int ends[2];
    chld_stage stages[] = { STAGE("sleep", "60"), STAGE("sleep", "60") };
    chld_capture_options options = keep_output();
    chld_stop_plan plan = with_steps(CHLD_TARGET_CHILD, long_steps);
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0 && write(ends[1], "x", 1) == 1);
    options.flags = CHLD_CAPTURE_CANCEL;
    options.cancel_fd = ends[0];
    options.timeout_ms = FAR;
    options.stop = &plan;
    chld_pipeline_result result = run(stages, 2, &options);
    check_output(&result, "");
    CHECK_INT(result.capture.cancelled, 1);
    CHECK_INT(result.capture.timed_out, 0);
    check_all_killed(stages, 2, SIGTERM);
    close(ends[0]);
    close(ends[1]);
}

static int want_no_more(void *argument, const char *data, size_t size)
{
    (void) argument, (void) data, (void) size;
    return 7;
}

TEST(a_callback_that_has_enough_stops_all_stages)
{
    chld_stage stages[] = { STAGE("sleep", "60"), STAGE("sh", "-c", "echo x; exec sleep 60") };
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_stop_plan plan = with_steps(CHLD_TARGET_CHILD, long_steps);
    options.out.mode = CHLD_SINK_CALLBACK;
    options.out.callback = want_no_more;
    options.stop = &plan;
    chld_pipeline_result result = run(stages, 2, &options);
    CHECK_INT(result.capture.out.stopped, 7);
    check_all_killed(stages, 2, SIGTERM);
}

/* Of the first stage a descendant is left that ignores SIGTERM and holds descriptor 3. */
TEST(a_stop_by_group_reaches_the_descendants_of_all_stages)
{
    int ends[2];
    char byte;
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    chld_fd_map map = { ends[1], 3 };
    chld_spawn_options first = CHLD_SPAWN_OPTIONS_INIT, second = CHLD_SPAWN_OPTIONS_INIT;
    first.group_mode = CHLD_GROUP_NEW;
    first.fds = second.fds = &map;
    first.fds_count = second.fds_count = 1;
    const char *script = "(trap '' TERM; exec sleep 60) & exec sleep 60";
    chld_stage stages[] = {
        { .argv = ARGV("true"), .options = &first },
        { .argv = ARGV("sh", "-c", script), .options = &second },
        { .argv = ARGV("sh", "-c", script), .options = &second },
    };
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_stop_plan plan = with_steps(CHLD_TARGET_GROUP, long_steps);
    plan.flags = CHLD_STOP_SWEEP;
    options.timeout_ms = patient(500);
    options.stop = &plan;
    run(stages, 3, &options);
    close(ends[1]);
    CHECK_INT(read(ends[0], &byte, 1), 0);
    close(ends[0]);
    check_all_killed(stages + 1, 2, SIGTERM);
}

/* Each stage has a descendant in a session of its own, which holds descriptor 3. */
TEST(a_stop_by_tree_reaches_the_descendants_of_all_stages)
{
    int ends[2];
    char byte;
    static const chld_stop_step kill[] = { { SIGKILL, 20000 } };
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    chld_fd_map map = { ends[1], 3 };
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.fds = &map;
    options.fds_count = 1;
    const char *script = "setsid sleep 60 & sleep 60";
    chld_stage stages[] = { { .argv = ARGV("sh", "-c", script), .options = &options },
                            { .argv = ARGV("sh", "-c", script), .options = &options } };
    chld_capture_options capture = CHLD_CAPTURE_OPTIONS_INIT;
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    plan.target = CHLD_TARGET_TREE;
    plan.steps = kill;
    plan.steps_count = 1;
    capture.timeout_ms = patient(500);
    capture.stop = &plan;
    run(stages, 2, &capture);
    check_all_killed(stages, 2, SIGKILL);
    close(ends[1]);
    CHECK_INT(read(ends[0], &byte, 1), 0);
    close(ends[0]);
}

TEST(a_stop_by_group_needs_groups_of_the_pipelines_own)
{
    chld_error error = { 0 };
    const char *made = scratch("made");
    chld_spawn_options group = CHLD_SPAWN_OPTIONS_INIT, session = CHLD_SPAWN_OPTIONS_INIT;
    group.group_mode = CHLD_GROUP_NEW;
    session.flags = CHLD_SPAWN_SESSION;
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_stop_plan plan = with_steps(CHLD_TARGET_GROUP, long_steps);
    options.stop = &plan;
    chld_stage stages[] = { STAGE("touch", made), STAGE("true"), STAGE("true") };
    CHECK_CALL(chld_run_pipeline(stages, 3, &options, NULL, &error), -EINVAL);
    CHECK_INT(error.step, CHLD_STEP_CAPTURE);
    stages[1].options = &group; /* the first and the third are in the caller's */
    CHECK_CALL(chld_run_pipeline(stages, 3, &options, NULL, &error), -EINVAL);
    stages[0].options = &session;
    CHECK_CALL(chld_run_pipeline(stages, 3, &options, NULL, &error), -EINVAL);
    CHECK(access(made, F_OK) != 0);
    stages[2].options = &session; /* each leads its own */
    CHECK_CALL(chld_run_pipeline(stages, 3, &options, NULL, &error), 0);
}

/* A stage that the plan does not stop is left to the library. */
TEST(a_stage_that_survives_is_left_to_the_library)
{
    struct gate gate = gate_make();
    static const chld_stop_step gentle[] = { { SIGTERM, 0 }, { SIGTERM, 100 } };
    chld_fd_map map = { gate.wait_end, 3 };
    chld_spawn_options first = CHLD_SPAWN_OPTIONS_INIT;
    first.fds = &map;
    first.fds_count = 1;
    chld_stage stages[] = {
        { .argv = ARGV("sh", "-c", "trap '' TERM; echo on; cat <&3; exit 3"), .options = &first },
        STAGE("cat"),
    };
    chld_capture_options options = keep_output();
    chld_stop_plan plan = with_steps(CHLD_TARGET_CHILD, gentle);
    options.timeout_ms = patient(500);
    options.stop = &plan;
    chld_pipeline_result result;
    chld_error error = { 0 };
    CHECK_CALL(chld_run_pipeline(stages, 2, &options, &result, &error), -ETIMEDOUT);
    CHECK_INT(error.step, CHLD_STEP_CAPTURE);
    CHECK_STATUS(stages[0].status, CHLD_STATE_RUNNING, -1);
    CHECK_STATUS(stages[1].status, CHLD_STATE_KILLED, SIGTERM);
    check_output(&result, "on\n");
    CHECK(!has_ended(stages[0].pid));
    gate_open(&gate);
    reap_closed_children();
    CHECK(!process_is_there(stages[0].pid));
}

/* Failures */

TEST(if_a_stage_cannot_start_the_error_names_it)
{
    chld_pipeline_result result;
    chld_error error = { 0 };
    chld_stage stages[] = { STAGE("sleep", "60"), STAGE("/no/such/program"), STAGE("sleep", "60") };
    chld_capture_options options = keep_output();
    options.in.mode = CHLD_FEED_BUFFER;
    options.err.mode = CHLD_SINK_GROW;
    int before = open_descriptors();
    memset(&result, 0xff, sizeof result);
    CHECK_CALL(chld_run_pipeline(stages, 3, &options, &result, &error), -ENOENT);
    CHECK_INT(error.step, CHLD_STEP_EXEC);
    CHECK_INT(error.stage, 2);
    CHECK_INT(open_descriptors(), before);
    CHECK_STATUS(result.capture.status, CHLD_STATE_RUNNING, -1);
    CHECK_STATUS(result.pipefail, CHLD_STATE_RUNNING, -1);
    CHECK(result.stages == NULL && result.count == 0);
    CHECK(result.capture.out.data == NULL);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(stages[i].pid, 0);
        CHECK_STATUS(stages[i].status, CHLD_STATE_RUNNING, -1);
    }
}

TEST(what_nobody_would_read_is_refused)
{
    chld_error error = { 0 };
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    chld_stage stages[] = { { .argv = ARGV("true"), .options = &options }, STAGE("true") };
    options.err.mode = CHLD_STDIO_PIPE;
    CHECK_CALL(chld_run_pipeline(stages, 2, NULL, NULL, &error), -EINVAL);
    CHECK_INT(error.step, CHLD_STEP_STDIO);
    CHECK_INT(error.stage, 1);
    CHECK_INT(error.index, 2);
    CHECK_CALL(chld_run_pipeline(NULL, 2, NULL, NULL, &error), -EINVAL);
    CHECK_INT(error.step, CHLD_STEP_ARGUMENTS);
    chld_capture_options unknown = CHLD_CAPTURE_OPTIONS_INIT;
    unknown.flags = 1u << 31;
    CHECK_CALL(chld_run_pipeline(stages + 1, 1, &unknown, NULL, &error), -EINVAL);
    CHECK_INT(error.step, CHLD_STEP_CAPTURE);
}

TEST(without_a_result_the_statuses_are_there)
{
    chld_stage stages[] = { STAGE("yes"), STAGE("false") };
    chld_capture_options options = keep_output();
    CHECK_CALL(chld_run_pipeline(stages, 2, &options, NULL, NULL), 0);
    CHECK_STATUS(stages[0].status, CHLD_STATE_KILLED, SIGPIPE);
    CHECK_EXITED(stages[1].status, 1);
}

/* Little more than a capture needs. */
enum { SMALL_STACK = 24 * 1024 };

static void *run_on_a_small_stack(void *unused)
{
    static chld_pipeline_result result;
    chld_stage stages[] = { STAGE("yes"), STAGE("head", "-n", "2"), STAGE("cat") };
    chld_stage missing[] = { STAGE("sleep", "60"), STAGE("no-such-program") };
    chld_capture_options options = keep_output();
    options.err.mode = CHLD_SINK_GROW;
    CHECK_CALL(chld_run_pipeline(stages, 3, &options, &result, NULL), 0);
    CHECK_STR(result.capture.out.data, "y\ny\n");
    CHECK_CALL(chld_buffer_free(result.capture.out.data), 0);
    CHECK_CALL(chld_buffer_free(result.capture.err.data), 0);
    CHECK_CALL(chld_run_pipeline(missing, 2, &options, &result, NULL), -ENOENT);
    return unused;
}

TEST(a_pipeline_needs_little_stack)
{
#if defined __SANITIZE_ADDRESS__
    SKIP_TEST("sanitizers need a larger stack");
#endif
    pthread_t thread;
    pthread_attr_t attributes;
    REQUIRE(pthread_attr_init(&attributes) == 0);
    if (under_valgrind() || pthread_attr_setstacksize(&attributes, SMALL_STACK) != 0) {
        SKIP_TEST("a stack cannot be that small here");
    }
    REQUIRE(pthread_create(&thread, &attributes, run_on_a_small_stack, NULL) == 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
}

TEST(stdout_of_the_last_stage_can_be_a_terminal)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0) {
        SKIP_TEST("there are no pseudo-terminals here: %s", strerror(errno));
    }
    close(master);
    chld_spawn_options last = CHLD_SPAWN_OPTIONS_INIT;
    last.out.mode = CHLD_STDIO_PTY;
    chld_stage stages[] = {
        STAGE("echo", "x"),
        { .argv = ARGV("sh", "-c", "test -t 1 && cat"), .options = &last },
    };
    chld_capture_options options = keep_output();
    chld_pipeline_result result = run(stages, 2, &options);
    check_output(&result, "x\r\n");
}
