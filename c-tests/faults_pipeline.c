/* Pipelines while system calls fail: what was started before is gone, and the error
 * names the stage. */
#define _GNU_SOURCE
#include "faults.h"

#include "faults_errno.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STAGES = 3, INPUT = 100000 };

static char input[INPUT];

static const char *const copies[] = { "faults_child", "copy", "exit=42", NULL };

/* Stages that copy what comes, in a group of the pipeline's own. */
static void fill(chld_stage stages[STAGES], chld_spawn_options options[STAGES])
{
    for (int i = 0; i < STAGES; i++) {
        options[i] = (chld_spawn_options)CHLD_SPAWN_OPTIONS_INIT;
        options[i].program = child_program;
        stages[i] = (chld_stage){ .argv = copies, .options = &options[i] };
    }
    options[0].group_mode = CHLD_GROUP_NEW;
}

/* A failed call has named the stage, and the step as chld_spawn would. */
static void require_blame(int result, const chld_error *error, const struct seen *seen,
                          const struct want *refused)
{
    chld_spawn_options pipes = CHLD_SPAWN_OPTIONS_INIT; /* as the stages have them */
    struct want want = refused != NULL ? *refused : (struct want){ .argv = copies };
    pipes.in.mode = pipes.out.mode = pipes.err.mode = CHLD_STDIO_PIPE;
    want.options = &pipes;
    if (error->step == CHLD_STEP_CAPTURE) {
        require(error->code == -result && error->stage == 0, "the error is of stage %d",
                error->stage);
        judge("the capture", result, seen);
        return;
    }
    judge_start(&want, result, error, seen);
    require(error->stage >= (error->step == CHLD_STEP_MEMORY ? 0 : 1) && error->stage <= STAGES,
            "the error is of stage %d", error->stage);
}

static void require_nothing(const chld_stage *stages, const struct state *before)
{
    chld_sigchld_remove(); /* without pidfds it was installed for the stop, and stays */
    state_require(before, "after a pipeline that could not be started");
    for (int i = 0; i < STAGES; i++) {
        require(stages[i].id == CHLD_NONE && stages[i].pid == 0, "stage %d has a handle", i);
    }
}

static void pipeline(void)
{
    static struct state before;
    chld_stage stages[STAGES];
    chld_spawn_options options[STAGES];
    chld_error error = { 0 };
    char byte = 0;
    fill(stages, options);
    options[0].in.mode = options[STAGES - 1].out.mode = CHLD_STDIO_PIPE;
    state_take(&before);
    window_open();
    int started = chld_pipeline(stages, STAGES, &error);
    struct seen seen = window_close();
    if (started < 0) {
        require_blame(started, &error, &seen, NULL);
        require_nothing(stages, &before);
        require(chld_pipeline(stages, STAGES, NULL) == 0, "chld_pipeline without a fault");
    }
    require(write(chld_stdin_fd(stages[0].id), "x", 1) == 1, "the input");
    open_gate(stages[0].id);
    require(read(chld_stdout_fd(stages[STAGES - 1].id), &byte, 1) == 1 && byte == 'x',
            "the output");
    for (int i = 0; i < STAGES; i++) {
        finish(stages[i].id, CHLD_STATE_EXITED, 42);
    }
}

static void pipeline_refused(void)
{
    static struct state before;
    chld_stage stages[STAGES];
    chld_spawn_options options[STAGES];
    chld_error error = { 0 };
    struct want missing = { .argv = copies,
                            .refused = { CHLD_STEP_EXEC, 0, ENOENT } };
    fill(stages, options);
    options[1].program = "/nowhere/at/all";
    options[0].in.mode = options[STAGES - 1].out.mode = CHLD_STDIO_PIPE;
    state_take(&before);
    window_open();
    int started = chld_pipeline(stages, STAGES, &error);
    struct seen seen = window_close();
    require(started < 0, "a stage that is not there has been started");
    require_blame(started, &error, &seen, &missing);
    require(seen.error != 0 || error.stage == 2, "the error is of stage %d", error.stage);
    require_nothing(stages, &before);
}

static chld_capture_options keep_all(char **buffer, size_t size)
{
    chld_capture_options capture = CHLD_CAPTURE_OPTIONS_INIT;
    for (int i = 0; i < INPUT; i++) {
        input[i] = (char)('a' + i % 23);
    }
    capture.in.mode = CHLD_FEED_BUFFER;
    capture.in.data = input;
    capture.in.size = INPUT;
    capture.out.mode = capture.err.mode = CHLD_SINK_HEAD;
    capture.out.buffer = buffer[0];
    capture.err.buffer = buffer[1];
    capture.out.size = capture.err.size = size;
    return capture;
}

static void require_captured(const chld_pipeline_result *result, const struct seen *seen)
{
    const chld_capture_result *capture = &result->capture;
    if (seen->error == EIO && seen->call == SYS_read) {
        return; /* taken for the end, as of a terminal */
    }
    if (capture->out.error != 0 || capture->err.error != 0 || capture->feed_error != 0) {
        require(seen->error != 0, "the streams say %s, %s and %s", errno_name(capture->out.error),
                errno_name(capture->err.error), errno_name(capture->feed_error));
        return;
    }
    require(capture->fed == INPUT && capture->out.total == INPUT, "fed %d, total %d",
            (int)capture->fed, (int)capture->out.total);
    require(memcmp(capture->out.data, input, INPUT) == 0, "stdout is not the input");
    require(capture->err.total == 3 * STAGES, "stderr has %d", (int)capture->err.total);
    require(result->count == STAGES, "there are %d stages", (int)result->count);
    for (int i = 0; i < STAGES; i++) {
        require_status(&result->stages[i].status, CHLD_STATE_EXITED, 42);
    }
    require_status(&result->pipefail, CHLD_STATE_EXITED, 42);
    require(result->failed == STAGES, "stage %d has failed", result->failed);
}

static char buffers[2][INPUT];

static void run_pipeline(void)
{
    chld_stage stages[STAGES];
    chld_spawn_options options[STAGES];
    chld_error error = { 0 };
    chld_pipeline_result result = { 0 };
    chld_capture_options capture = keep_all((char *[]){ buffers[0], buffers[1] }, INPUT);
    fill(stages, options);
    window_open();
    int ran = chld_run_pipeline(stages, STAGES, &capture, &result, &error);
    struct seen seen = window_close();
    if (ran < 0) {
        require_blame(ran, &error, &seen, NULL);
    } else {
        require_captured(&result, &seen);
    }
}

/* Nothing comes, and nobody exits: all are stopped at the timeout, by their group. */
static void stop_pipeline(void)
{
    chld_stage stages[STAGES];
    chld_spawn_options options[STAGES];
    chld_error error = { 0 };
    chld_pipeline_result result = { 0 };
    chld_capture_options capture = CHLD_CAPTURE_OPTIONS_INIT;
    chld_stop_plan plan = two_steps(CHLD_TARGET_GROUP);
    int ends[2];
    require(pipe(ends) == 0, "pipe");
    fill(stages, options);
    options[0].in.mode = CHLD_STDIO_FD;
    options[0].in.fd = ends[0];
    capture.timeout_ms = 20;
    capture.stop = &plan;
    window_open();
    int ran = chld_run_pipeline(stages, STAGES, &capture, &result, &error);
    struct seen seen = window_close();
    close(ends[0]);
    close(ends[1]);
    if (ran < 0) {
        require_blame(ran, &error, &seen, NULL);
        return;
    }
    require(result.capture.timed_out == 1 && result.capture.step > 0, "it was not stopped");
    for (int i = 0; i < STAGES; i++) {
        require(stages[i].status.state == CHLD_STATE_KILLED
                    || stages[i].status.state == CHLD_STATE_LOST, "stage %d goes on", i);
    }
}

static void await_readable(int fd)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };
    int ready;
    do {
        ready = poll(&one, 1, 10000);
    } while (ready < 0 && errno == EINTR);
    require(ready == 1, "the descriptor does not become readable");
}

/* In a set; the event comes whatever has failed before. */
static void check_in_set(uint32_t flags)
{
    chld_stage stages[STAGES];
    chld_spawn_options options[STAGES];
    chld_set set = 0;
    chld_id id = CHLD_NONE;
    chld_error error = { 0 };
    chld_capture_options capture = keep_all((char *[]){ buffers[0], buffers[1] }, INPUT);
    fill(stages, options);
    if (chld_set_open(flags, &set) != 0) {
        skip("without epoll there are no sets");
    }
    window_open();
    int started = chld_set_run_pipeline(set, stages, STAGES, &capture, &id, &error);
    struct seen seen = window_close();
    if (started < 0) {
        require_blame(started, &error, &seen, NULL);
        require(id == CHLD_NONE && chld_set_count(set) == 0, "it is in the set");
        capture = keep_all((char *[]){ buffers[0], buffers[1] }, INPUT);
        require(chld_set_run_pipeline(set, stages, STAGES, &capture, &id, NULL) == 0,
                "chld_set_run_pipeline without a fault");
    }
    chld_event event = { 0 };
    int taken = -EAGAIN;
    while (taken != 0) {
        await_readable(chld_set_fd(set));
        window_open();
        taken = chld_set_next(set, &event);
        struct seen now = window_close();
        if (taken != -EAGAIN) {
            judge("chld_set_next", taken, &now);
        }
        seen = now.error != 0 ? now : seen;
    }
    require(event.kind == CHLD_EVENT_CAPTURED && event.id == id, "another event");
    require(event.pipeline != NULL, "the event has no result");
    require_captured(event.pipeline, &seen);
    require(chld_set_close(set) == 0 && chld_close(id) == 0, "closing");
}

static void pipeline_in_set(void)
{
    check_in_set(0);
}

static void pipeline_in_set_sigchld(void)
{
    check_in_set(CHLD_SET_SIGCHLD);
}

static const struct scenario scenarios[] = {
    { "pipeline", pipeline },
    { "pipeline_refused", pipeline_refused },
    { "run_pipeline", run_pipeline },
    { "stop_pipeline", stop_pipeline },
    { "pipeline_in_set", pipeline_in_set },
    { "pipeline_in_set_sigchld", pipeline_in_set_sigchld },
};

int main(int argc, char **argv)
{
    return frame(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}
