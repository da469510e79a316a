/* Pipelines in a set: one member each, one event each, whatever the number of stages. */
#include "exits.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define STAGE(...) { .argv = ARGV(__VA_ARGS__) }

static chld_capture_options keep_output(void)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.out.mode = CHLD_SINK_GROW;
    return options;
}

static chld_id begin(chld_set set, chld_stage *stages, size_t count,
                     const chld_capture_options *options)
{
    chld_id id = CHLD_NONE;
    CHECK_CALL(chld_set_run_pipeline(set, stages, count, options, &id, NULL), 0);
    REQUIRE(id != CHLD_NONE);
    for (size_t i = 0; i < count; i++) {
        CHECK(stages[i].pid > 1);
        CHECK(stages[i].id == CHLD_NONE);
    }
    CHECK_INT(CALL(chld_pid(id)), stages[count - 1].pid);
    return id;
}

/* The one event of a pipeline. */
static chld_event await_captured(chld_set set, chld_id id)
{
    chld_event event = { 0 };
    CHECK_CALL(chld_set_wait(set, 20000, &event), 0);
    CHECK_INT(event.kind, CHLD_EVENT_CAPTURED);
    CHECK(event.id == id);
    CHECK_INT(event.last, 1);
    REQUIRE(event.pipeline != NULL && event.pipeline->count > 0);
    CHECK(event.capture == &event.pipeline->capture);
    CHECK_INT(event.pipeline->stages[event.pipeline->count - 1].pid, CALL(chld_pid(id)));
    CHECK_CALL(chld_set_wait(set, 0, NULL), -ETIMEDOUT);
    return event;
}

TEST_EACH_ENGINE(a_pipeline_is_one_member_and_has_one_event)
{
    int user;
    chld_spawn_options last = CHLD_SPAWN_OPTIONS_INIT;
    last.user = &user;
    chld_set set = SET_OPEN(flags);
    chld_stage stages[] = { STAGE("sh", "-c", "cat; exit 3"), STAGE("sort"),
                            { .argv = ARGV("sh", "-c", "cat; exit 4"), .options = &last } };
    chld_capture_options options = keep_output();
    options.in.mode = CHLD_FEED_BUFFER;
    options.in.data = "b\na\n";
    options.in.size = 4;
    chld_id id = begin(set, stages, 3, &options);
    CHECK_CALL(chld_set_count(set), 1);
    chld_event event = await_captured(set, id);
    CHECK_CALL(chld_set_count(set), 0);
    CHECK(event.user == &user);
    CHECK_EXITED(event.status, 4);
    const chld_stage *ended = event.pipeline->stages;
    CHECK_EXITED(ended[0].status, 3);
    CHECK_EXITED(ended[1].status, 0);
    CHECK_EXITED(ended[2].status, 4);
    for (int i = 0; i < 3; i++) {
        CHECK_STATUS(stages[i].status, CHLD_STATE_RUNNING, -1);
        CHECK_INT(ended[i].pid, stages[i].pid);
        CHECK(ended[i].argv == stages[i].argv && ended[i].options == stages[i].options);
        CHECK(ended[i].usage.max_resident_kib > 0);
    }
    CHECK_EXITED(event.pipeline->pipefail, 4);
    CHECK_INT(event.pipeline->failed, 3);
    CHECK_STR(event.capture->out.data, "a\nb\n");
    CHECK(!process_is_there(stages[0].pid) && !process_is_there(stages[1].pid));
    CHECK_CALL(chld_close(id), 0);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(nothing_of_the_stages_is_used_after_the_call)
{
    chld_set set = SET_OPEN(flags);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    char program[] = "sh", first[] = "sleep 0.1; exit 3", last[] = "cat; exit 4";
    const char *argv[2][4] = { { program, "-c", first }, { program, "-c", last } };
    chld_stage stages[] = { { .argv = argv[0], .options = &options },
                            { .argv = argv[1], .options = &options } };
    chld_id id = begin(set, stages, 2, NULL);
    chld_stage spoilt[2];
    memset(stages, 0x5a, sizeof stages);
    memset(argv, 0x5a, sizeof argv);
    memset(&options, 0x5a, sizeof options);
    memcpy(spoilt, stages, sizeof stages);
    chld_event event = await_captured(set, id);
    CHECK(memcmp(spoilt, stages, sizeof stages) == 0);
    CHECK_EXITED(event.pipeline->stages[0].status, 3);
    CHECK_EXITED(event.pipeline->stages[1].status, 4);
    CHECK_CALL(chld_close(id), 0);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(the_buffers_of_a_pipeline_can_be_taken)
{
    chld_set set = SET_OPEN(flags);
    chld_stage stages[] = { STAGE("echo", "x"), STAGE("cat") };
    chld_capture_options options = keep_output();
    chld_id id = begin(set, stages, 2, &options);
    await_captured(set, id);
    chld_capture_result result;
    CHECK_CALL(chld_capture_take(id, &result), 0);
    CHECK_CALL(chld_close(id), 0);
    CHECK_STR(result.out.data, "x\n");
    CHECK_CALL(chld_buffer_free(result.out.data), 0);
    CHECK_CALL(chld_set_close(set), 0);
}

/* A capture of one child has no pipeline. */
TEST_EACH_ENGINE(other_events_have_no_pipeline)
{
    chld_event event = { .pipeline = (const chld_pipeline_result *) &event };
    chld_set set = SET_OPEN(flags);
    chld_id id = CHLD_NONE;
    CHECK_CALL(chld_set_run(set, ACT("exit", "0"), NULL, NULL, &id, NULL), 0);
    CHECK_CALL(chld_set_wait(set, 20000, &event), 0);
    CHECK(event.pipeline == NULL && event.capture != NULL);
    CHECK_CALL(chld_close(id), 0);
    id = START(ACT("exit", "0"), NULL);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    CHECK_CALL(chld_set_wait(set, 20000, &event), 0);
    CHECK(event.pipeline == NULL && event.capture == NULL);
    CHECK_CALL(chld_close(id), 0);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(many_pipelines_run_in_one_set)
{
    enum { MANY = 20 };
    static chld_stage stages[MANY][3];
    char numbers[MANY][12];
    const char *echo[MANY][3];
    chld_set set = SET_OPEN(flags);
    chld_capture_options options = keep_output();
    const char *const *copies = ARGV("cat");
    for (int i = 0; i < MANY; i++) {
        echo[i][0] = "echo";
        echo[i][1] = decimal(numbers[i], i);
        echo[i][2] = NULL;
        stages[i][0] = (chld_stage) { .argv = echo[i] };
        stages[i][1] = stages[i][2] = (chld_stage) { .argv = copies };
        begin(set, stages[i], 3, &options);
    }
    CHECK_CALL(chld_set_count(set), MANY);
    int sum = 0;
    for (int i = 0; i < MANY; i++) {
        chld_event event = { 0 };
        CHECK_CALL(chld_set_wait(set, 20000, &event), 0);
        REQUIRE(event.pipeline != NULL);
        CHECK_EXITED(event.pipeline->pipefail, 0);
        sum += atoi(event.capture->out.data);
        CHECK_CALL(chld_close(event.id), 0);
    }
    CHECK_INT(sum, MANY * (MANY - 1) / 2);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(a_first_stage_that_outlives_the_last_is_waited_for)
{
    struct gate gate = gate_make();
    chld_fd_map map = { gate.wait_end, 3 };
    chld_spawn_options first = CHLD_SPAWN_OPTIONS_INIT;
    first.fds = &map;
    first.fds_count = 1;
    chld_set set = SET_OPEN(flags);
    chld_stage stages[] = { { .argv = ARGV("sh", "-c", "cat <&3 >&2; exit 3"), .options = &first },
                            STAGE("true") };
    chld_id id = begin(set, stages, 2, NULL);
    AWAIT(has_ended(stages[1].pid));
    CHECK_CALL(chld_set_wait(set, 100, NULL), -ETIMEDOUT);
    gate_open(&gate);
    chld_event event = await_captured(set, id);
    CHECK_EXITED(event.status, 0);
    CHECK_EXITED(event.pipeline->pipefail, 3);
    CHECK_CALL(chld_close(id), 0);
    CHECK_CALL(chld_set_close(set), 0);
}

/* Stopping */

/* All stages from this one on, counted from 0. */
static void check_killed(const chld_pipeline_result *result, size_t first, int signal)
{
    REQUIRE(result != NULL && result->count > first);
    for (size_t i = first; i < result->count; i++) {
        CHECK_STATUS(result->stages[i].status, CHLD_STATE_KILLED, signal);
    }
}

TEST_EACH_ENGINE(the_timeout_of_a_pipeline_stops_all_stages)
{
    chld_set set = SET_OPEN(flags);
    chld_stage stages[] = { STAGE("sleep", "60"), STAGE("sleep", "60"), STAGE("sleep", "60") };
    chld_capture_options options = keep_output();
    options.timeout_ms = 100;
    chld_id id = begin(set, stages, 3, &options);
    chld_event event = await_captured(set, id);
    CHECK_INT(event.capture->timed_out, 1);
    check_killed(event.pipeline, 0, SIGTERM);
    CHECK_CALL(chld_close(id), 0);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(a_cancel_descriptor_stops_all_stages)
{
    int ends[2];
    chld_set set = SET_OPEN(flags);
    chld_stage stages[2][2] = { { STAGE("sleep", "60"), STAGE("sleep", "60") },
                                { STAGE("sleep", "60"), STAGE("sleep", "60") } };
    chld_capture_options options = keep_output();
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    options.flags = CHLD_CAPTURE_CANCEL;
    options.cancel_fd = ends[0];
    for (int i = 0; i < 2; i++) {
        begin(set, stages[i], 2, &options);
    }
    CHECK_CALL(chld_set_wait(set, 0, NULL), -ETIMEDOUT);
    CHECK_INT(write(ends[1], "x", 1), 1);
    for (int i = 0; i < 2; i++) {
        chld_event event = { 0 };
        CHECK_CALL(chld_set_wait(set, 20000, &event), 0);
        REQUIRE(event.capture != NULL);
        CHECK_INT(event.capture->cancelled, 1);
        check_killed(event.pipeline, 0, SIGTERM);
        CHECK_CALL(chld_close(event.id), 0);
    }
    CHECK_CALL(chld_set_close(set), 0);
    close(ends[0]);
    close(ends[1]);
}

TEST_EACH_ENGINE(a_stop_of_the_pipeline_stops_all_stages)
{
    static const chld_stop_step steps[] = { { SIGUSR1, 100 }, { SIGKILL, 20000 } };
    chld_set set = SET_OPEN(flags);
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    plan.steps = steps;
    plan.steps_count = 2;
    chld_stage stages[] = { STAGE("sh", "-c", "trap '' USR1; echo on; exec sleep 60"),
                            STAGE("sh", "-c", "read x; echo $x; exec sleep 60") };
    chld_capture_options options = keep_output();
    chld_id id = begin(set, stages, 2, &options);
    char on[8] = "";
    CHECK_CALL(chld_set_wait(set, 500, NULL), -ETIMEDOUT); /* they have begun */
    CHECK_CALL(chld_set_stop(set, id, 0, &plan), 0);
    chld_event event = await_captured(set, id);
    CHECK_STATUS(event.pipeline->stages[0].status, CHLD_STATE_KILLED, SIGKILL);
    CHECK_STATUS(event.pipeline->stages[1].status, CHLD_STATE_KILLED, SIGUSR1);
    CHECK_INT(event.capture->step, 2);
    snprintf(on, sizeof on, "%s", event.capture->out.data);
    CHECK_STR(on, "on\n");
    CHECK_CALL(chld_close(id), 0);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(a_stop_by_group_is_one_for_pipelines_that_have_one)
{
    chld_set set = SET_OPEN(flags);
    chld_spawn_options first = CHLD_SPAWN_OPTIONS_INIT;
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    plan.target = CHLD_TARGET_GROUP;
    chld_stage stages[] = { { .argv = ARGV("true"), .options = &first }, STAGE("sleep", "60"),
                            STAGE("sleep", "60") };
    chld_id id = begin(set, stages, 3, NULL);
    CHECK_CALL(chld_set_stop(set, id, 0, &plan), -EINVAL);
    CHECK_CALL(chld_set_stop(set, id, 0, NULL), 0);
    await_captured(set, id);
    CHECK_CALL(chld_close(id), 0);
    first.group_mode = CHLD_GROUP_NEW;
    id = begin(set, stages, 3, NULL);
    AWAIT(has_ended(stages[0].pid));
    CHECK_CALL(chld_set_stop(set, id, 0, &plan), 0);
    chld_event event = await_captured(set, id);
    check_killed(event.pipeline, 1, SIGTERM);
    CHECK_CALL(chld_close(id), 0);
    CHECK_CALL(chld_set_close(set), 0);
}

/* Leaving */

/* Stages that go on until the gate is opened. */
static void fill(chld_stage stages[3], chld_spawn_options *first, const struct gate *gate)
{
    static const char *const cat[] = { "cat", NULL };
    *first = (chld_spawn_options) CHLD_SPAWN_OPTIONS_INIT;
    first->in.mode = CHLD_STDIO_FD;
    first->in.fd = gate->wait_end;
    for (int i = 0; i < 3; i++) {
        stages[i] = (chld_stage) { .argv = cat };
    }
    stages[0].options = first;
}

static void check_all_gone(const chld_stage *stages, size_t count)
{
    reap_closed_children();
    for (size_t i = 0; i < count; i++) {
        CHECK(!process_is_there(stages[i].pid));
    }
}

TEST_EACH_ENGINE(closing_the_handle_or_the_set_leaves_the_stages_running)
{
    for (int how = 0; how < 3; how++) {
        chld_stage stages[3];
        chld_spawn_options first;
        struct gate gate = gate_make();
        chld_set set = SET_OPEN(flags);
        fill(stages, &first, &gate);
        chld_id id = begin(set, stages, 3, NULL);
        CHECK_CALL(chld_set_wait(set, 0, NULL), -ETIMEDOUT);
        if (how == 0) {
            CHECK_CALL(chld_close(id), 0);
            CHECK_CALL(chld_set_count(set), 0);
        } else if (how == 1) {
            CHECK_CALL(chld_set_remove(set, id), 0);
            CHECK_CALL(chld_close(id), 0);
        }
        CHECK_CALL(chld_set_close(set), 0);
        if (how == 2) {
            CHECK_CALL(chld_close(id), 0);
        }
        for (int i = 0; i < 3; i++) {
            CHECK(!has_ended(stages[i].pid));
        }
        gate_open(&gate);
        check_all_gone(stages, 3);
    }
}

TEST_EACH_ENGINE(stages_that_are_to_be_killed_on_close_are_killed)
{
    chld_stage stages[3];
    chld_spawn_options first, others = CHLD_SPAWN_OPTIONS_INIT;
    struct gate gate = gate_make();
    chld_set set = SET_OPEN(flags);
    fill(stages, &first, &gate);
    first.flags = others.flags = CHLD_SPAWN_KILL_ON_CLOSE;
    stages[1].options = stages[2].options = &others;
    chld_id id = begin(set, stages, 3, NULL);
    CHECK_CALL(chld_close(id), 0);
    check_all_gone(stages, 3);
    CHECK_CALL(chld_set_close(set), 0);
    gate_open(&gate);
}

TEST_EACH_ENGINE(a_pipeline_that_cannot_be_started_leaves_nothing)
{
    chld_error error = { 0 };
    chld_id id = CHLD_NONE;
    chld_set set = SET_OPEN(flags);
    chld_stage missing[] = { STAGE("sleep", "60"), STAGE("/no/such/program") };
    CHECK_CALL(chld_set_run_pipeline(set, missing, 2, NULL, &id, &error), -ENOENT);
    CHECK_INT(error.stage, 2);
    CHECK(id == CHLD_NONE);
    CHECK_CALL(chld_set_count(set), 0);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(a_loop_that_polls_the_descriptor_gets_all_of_a_pipeline)
{
    enum { KIB = 4096 };
    chld_set set = SET_OPEN(flags);
    chld_stage stages[] = { { .argv = ARGV(helper("flow"), "pour", DECIMAL(KIB)) }, STAGE("cat") };
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.out.mode = CHLD_SINK_NONE;
    options.out.flags = CHLD_SINK_TEE;
    options.out.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    chld_id id = begin(set, stages, 2, &options);
    int next;
    chld_event event = { 0 };
    while ((next = CALL(chld_set_next(set, &event))) == -EAGAIN) {
        AWAIT(is_readable(CALL(chld_set_fd(set))));
    }
    CHECK_INT(next, 0);
    REQUIRE(event.capture != NULL);
    CHECK_INT((long long) event.capture->out.passed, KIB * 1024);
    CHECK_EXITED(event.pipeline->pipefail, 0);
    CHECK_CALL(chld_close(id), 0);
    CHECK_CALL(chld_set_close(set), 0);
    close(options.out.fd);
}
