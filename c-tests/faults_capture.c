/* Captures while system calls fail. */
#define _GNU_SOURCE
#include "faults.h"

#include "faults_errno.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INPUT 100000 /* more than a pipe takes */
#define ARGV(...) ((const char *[]){ child_program, __VA_ARGS__, NULL })
#define BIT(signal) (1ull << ((signal) - 1))

static char input[INPUT];

static chld_capture_options feed_all(void)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    for (int i = 0; i < INPUT; i++) {
        input[i] = (char)('a' + i % 23);
    }
    options.in.mode = CHLD_FEED_BUFFER;
    options.in.data = input;
    options.in.size = INPUT;
    return options;
}

/* A capture that worked has everything, or its result shows which stream has not and why. */
static void require_captured(const chld_capture_result *result, const struct seen *seen,
                             size_t out_kept)
{
    const chld_stream_result *out = &result->out, *err = &result->err;
    size_t head = out->from_head, tail = out->kept - head;
    require(out->data == NULL
                || (memcmp(out->data, input, head) == 0
                    && memcmp(out->data + head, input + out->total - tail, tail) == 0),
            "stdout is not the input");
    require(err->kept == 0 || memcmp(err->data, "err", err->kept) == 0, "stderr is not 'err'");
    if (seen->error == EIO && seen->call == SYS_read) {
        return; /* taken for the end, as of a terminal */
    }
    if (out->error == 0 && err->error == 0 && result->feed_error == 0) {
        require_status(&result->status, CHLD_STATE_EXITED, 42);
        require(result->fed == INPUT && out->total == INPUT && out->kept == out_kept,
                "fed %d, total %d, kept %d", (int)result->fed, (int)out->total, (int)out->kept);
        require(err->total == 3 && err->kept == 2, "stderr has %d of %d", (int)err->kept,
                (int)err->total);
        return;
    }
    /* What the child did about it is its own affair. */
    require(result->status.state != CHLD_STATE_RUNNING, "the child goes on");
    const int errors[3] = { out->error, err->error, result->feed_error };
    for (int i = 0; i < 3; i++) {
        require(errors[i] == 0 || (seen->error != 0 && (errors[i] == seen->error
                                                        || errors[i] == EPIPE)),
                "of stream %d is said %s", i, errno_name(errors[i]));
    }
}

static void check_run(chld_capture_options options, size_t kept)
{
    char err[2];
    chld_capture_result result = { 0 };
    chld_error error = { 0 };
    options.err.mode = CHLD_SINK_HEAD;
    options.err.buffer = err;
    options.err.size = sizeof err;
    struct want want = { .argv = ARGV("copy", "exit=42") };
    chld_spawn_options pipes = CHLD_SPAWN_OPTIONS_INIT; /* what chld_run asks for */
    pipes.in.mode = pipes.out.mode = pipes.err.mode = CHLD_STDIO_PIPE;
    want.options = &pipes;
    window_open();
    int ran = chld_run(want.argv, NULL, &options, &result, &error);
    struct seen seen = window_close();
    require(error.code == (ran < 0 ? -ran : 0), "the error is not the one returned");
    if (ran < 0 && error.step != CHLD_STEP_CAPTURE) {
        judge_start(&want, ran, &error, &seen);
    } else if (judge("chld_run", ran, &seen)) {
        require_captured(&result, &seen, kept);
    }
    if (options.out.mode == CHLD_SINK_GROW) {
        chld_buffer_free(result.out.data);
    }
}

static void run_growing(void)
{
    chld_capture_options options = feed_all();
    options.out.mode = CHLD_SINK_GROW;
    check_run(options, INPUT);
}

static void run_fixed(uint32_t mode)
{
    static char buffer[5000];
    chld_capture_options options = feed_all();
    options.out.mode = mode;
    options.out.buffer = buffer;
    options.out.size = sizeof buffer;
    check_run(options, sizeof buffer);
}

static void run_head(void)
{
    run_fixed(CHLD_SINK_HEAD);
}

static void run_tail(void)
{
    run_fixed(CHLD_SINK_TAIL);
}

static void run_ends(void)
{
    run_fixed(CHLD_SINK_HEAD_TAIL);
}

/* How far a callback has come in the input, or in what comes back. */
static int give(void *argument, char *to, size_t size)
{
    size_t *at = argument;
    size_t count = INPUT - *at < size ? INPUT - *at : size;
    memcpy(to, input + *at, count);
    *at += count;
    return (int)count;
}

static int take(void *argument, const char *bytes, size_t size)
{
    size_t *at = argument;
    require(*at + size <= INPUT && memcmp(bytes, input + *at, size) == 0,
            "the callback is given something else");
    *at += size;
    return 0;
}

static void run_callbacks(void)
{
    size_t given = 0, taken = 0;
    chld_capture_options options = feed_all();
    options.in.mode = CHLD_FEED_CALLBACK;
    options.in.callback = give;
    options.in.argument = &given;
    options.out.mode = CHLD_SINK_CALLBACK;
    options.out.callback = take;
    options.out.argument = &taken;
    check_run(options, INPUT);
}

/* The input has a newline here and there, and the last line lacks its own. */
static void mark_lines(void)
{
    for (int i = 100; i < INPUT; i += 100 + i / 50) {
        input[i] = '\n';
    }
    input[INPUT - 1] = 'x';
}

/* The last line may lack its newline: it does so wherever the input was cut. */
static int take_line(void *argument, const char *line, size_t size)
{
    static bool was_last;
    size_t *at = argument;
    const char *newline = memchr(line, '\n', size);
    require(!was_last || *at == 0, "there is a line after the last one");
    was_last = newline == NULL;
    require(*at + size <= INPUT && memcmp(line, input + *at, size) == 0,
            "the callback is given something else");
    require(newline == line + size - 1 || was_last, "the callback is not given a line");
    *at += size;
    return 0;
}

static void run_lines(void)
{
    size_t taken = 0;
    chld_capture_options options = feed_all();
    mark_lines();
    options.out.mode = CHLD_SINK_LINES;
    options.out.callback = take_line;
    options.out.argument = &taken;
    check_run(options, INPUT);
}

/* One that copies its input, and how it is captured. */
static chld_id start_copier(chld_capture_options *options)
{
    static char err[2];
    chld_spawn_options pipes = CHLD_SPAWN_OPTIONS_INIT;
    pipes.in.mode = pipes.out.mode = pipes.err.mode = CHLD_STDIO_PIPE;
    *options = feed_all();
    options->out.mode = CHLD_SINK_GROW;
    options->err.mode = CHLD_SINK_HEAD;
    options->err.buffer = err;
    options->err.size = sizeof err;
    return start(ARGV("copy", "exit=42"), &pipes);
}

static void capture(void)
{
    chld_capture_options options;
    chld_capture_result result = { 0 };
    chld_id id = start_copier(&options);
    window_open();
    int captured = chld_capture(id, &options, &result);
    struct seen seen = window_close();
    if (judge("chld_capture", captured, &seen)) {
        require_captured(&result, &seen, INPUT);
        chld_status status = { 0 };
        require(chld_wait(id, 0, &status) == 0, "it has ended and has not");
        require_status(&status, result.status.state, result.status.code);
    }
    chld_buffer_free(result.out.data);
    get_rid_of(id);
}

/* An event loop. A step that has failed is taken again, a few times. */
static int step_until_done(chld_capture_id capturing, struct seen *fault)
{
    chld_capture_wait wait = { 0 };
    int done = 0, failed = 0;
    while (done != 1 && failed < 5) {
        window_open();
        done = chld_capture_step(capturing, &wait);
        struct seen seen = window_close();
        if (seen.error != 0) {
            *fault = seen;
        }
        if (!judge("chld_capture_step", done, &seen)) {
            failed++;
        } else if (done == 0) {
            struct pollfd fds[CHLD_CAPTURE_FDS];
            for (uint32_t i = 0; i < wait.count; i++) {
                fds[i] = (struct pollfd){ wait.fds[i].fd, wait.fds[i].events, 0 };
            }
            poll(fds, wait.count, wait.timeout_ms);
        }
    }
    return done;
}

static void step(void)
{
    chld_capture_options options;
    chld_capture_result result = { 0 };
    chld_capture_id capturing = 0;
    chld_id id = start_copier(&options);
    window_open();
    int opened = chld_capture_open(id, &options, &capturing);
    struct seen seen = window_close();
    if (!judge("chld_capture_open", opened, &seen)) {
        require(capturing == 0, "a capture that was not opened");
        opened = chld_capture_open(id, &options, &capturing);
        require(opened == 0, "chld_capture_open again returned -%s", errno_name(-opened));
    }
    int done = step_until_done(capturing, &seen);
    window_open();
    int closed = chld_capture_close(capturing, &result);
    window_close();
    require(closed == 0, "chld_capture_close returned -%s", errno_name(-closed));
    require(chld_capture_close(capturing, NULL) == -EBADF, "the capture is still there");
    if (done == 1) {
        require_captured(&result, &seen, INPUT);
    }
    chld_buffer_free(result.out.data);
    get_rid_of(id);
}

/* All that the child has written is in the pipe, and the child has exited. */
static void rest(void)
{
    enum { REST = 40000 };
    static char tail[5000];
    chld_capture_options options = feed_all();
    chld_capture_result result = { 0 };
    chld_spawn_options pipes = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = CHLD_FEED_NONE;
    pipes.in.mode = pipes.out.mode = CHLD_STDIO_PIPE;
    pipes.err.mode = CHLD_STDIO_NULL;
    options.out.mode = CHLD_SINK_TAIL;
    options.out.buffer = tail;
    options.out.size = sizeof tail;
    chld_id id = start(ARGV("copy", "exit=42"), &pipes);
    require(write(chld_stdin_fd(id), input, REST) == REST, "the child's input");
    open_gate(id);
    await_zombie(chld_pid(id));
    window_open();
    int captured = chld_capture(id, &options, &result);
    struct seen seen = window_close();
    if (judge("chld_capture", captured, &seen)
        && !(seen.error == EIO && seen.call == SYS_read)) {
        require(result.out.total == REST && result.out.kept == sizeof tail, "total %d, kept %d",
                (int)result.out.total, (int)result.out.kept);
        require(memcmp(tail, input + REST - sizeof tail, sizeof tail) == 0, "not the tail");
    }
    get_rid_of(id);
}

static int stop_taking(void *argument, const char *bytes, size_t size)
{
    require(++*(int *)argument == 1 && size == 1 && *bytes == 'x', "it was asked to stop");
    return 7;
}

/* The child has written what the callback expects, and waits for more input. */
static void enough(void)
{
    int ends[2], calls = 0;
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result = { 0 };
    chld_spawn_options pipes = CHLD_SPAWN_OPTIONS_INIT;
    chld_stop_plan plan = two_steps(CHLD_TARGET_CHILD);
    require(pipe(ends) == 0 && write(ends[1], "x", 1) == 1, "pipe");
    pipes.in.mode = CHLD_STDIO_FD;
    pipes.in.fd = ends[0];
    pipes.out.mode = CHLD_STDIO_PIPE;
    options.out.mode = CHLD_SINK_CALLBACK;
    options.out.callback = stop_taking;
    options.out.argument = &calls;
    options.stop = &plan;
    chld_id id = start(ARGV("copy"), &pipes);
    window_open();
    int captured = chld_capture(id, &options, &result);
    struct seen seen = window_close();
    if (judge("chld_capture", captured, &seen)
        && !(seen.error == EIO && seen.call == SYS_read)) {
        require(result.out.stopped == 7 && result.timed_out == 0 && result.step > 0,
                "stopped with %d, step %d", result.out.stopped, result.step);
        require(result.status.state == CHLD_STATE_KILLED, "the child goes on");
    }
    close(ends[0]);
    close(ends[1]);
    get_rid_of(id);
}

/* Everything goes on into another pipe. */
static void pass_on(void)
{
    int ends[2];
    char got[16] = "";
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result = { 0 };
    chld_spawn_options pipes = CHLD_SPAWN_OPTIONS_INIT;
    require(pipe(ends) == 0, "pipe");
    pipes.in.mode = pipes.out.mode = CHLD_STDIO_PIPE;
    options.in.mode = CHLD_FEED_BUFFER;
    options.in.data = "hello";
    options.in.size = 5;
    options.out.mode = CHLD_SINK_FD;
    options.out.fd = ends[1];
    pipes.err.mode = CHLD_STDIO_NULL;
    chld_id id = start(ARGV("copy", "exit=42"), &pipes);
    window_open();
    int captured = chld_capture(id, &options, &result);
    struct seen seen = window_close();
    close(ends[1]);
    ssize_t length = read(ends[0], got, sizeof got);
    close(ends[0]);
    if (judge("chld_capture", captured, &seen) && result.out.error == 0
        && result.feed_error == 0) {
        require_status(&result.status, CHLD_STATE_EXITED, 42);
        require(length == 5 && memcmp(got, "hello", 5) == 0 && result.out.kept == 5,
                "%d bytes went on", (int)length);
    } else {
        require(seen.error != 0, "stdout says %s", errno_name(result.out.error));
    }
    get_rid_of(id);
}

/* Everything is kept, and goes on into a file. */
static void tee(void)
{
    char name[] = "/tmp/chld-faults-XXXXXX";
    static char passed[INPUT + 1];
    chld_capture_options options;
    chld_capture_result result = { 0 };
    chld_id id = start_copier(&options);
    int file = mkstemp(name);
    require(file >= 0 && unlink(name) == 0, "mkstemp");
    options.out.flags = CHLD_SINK_TEE;
    options.out.fd = file;
    window_open();
    int captured = chld_capture(id, &options, &result);
    struct seen seen = window_close();
    if (judge("chld_capture", captured, &seen)) {
        const chld_stream_result *out = &result.out;
        require_captured(&result, &seen, INPUT);
        ssize_t size = pread(file, passed, sizeof passed, 0);
        require(size == (ssize_t)out->passed && memcmp(passed, input, out->passed) == 0,
                "%d bytes went on, of which the file has %d", (int)out->passed, (int)size);
        require(out->passed == out->total || (out->pass_error == seen.error && out->truncated),
                "%d of %d bytes went on, and %s is said", (int)out->passed, (int)out->total,
                errno_name(out->pass_error));
    }
    close(file);
    chld_buffer_free(result.out.data);
    get_rid_of(id);
}

/* The child reads a pipe that nobody writes to. */
static void cancel(void)
{
    int ends[2], cancels[2];
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result = { 0 };
    chld_spawn_options pipes = CHLD_SPAWN_OPTIONS_INIT;
    chld_stop_plan plan = two_steps(CHLD_TARGET_CHILD);
    require(pipe(ends) == 0 && pipe(cancels) == 0 && write(cancels[1], "x", 1) == 1, "pipe");
    pipes.in.mode = CHLD_STDIO_FD;
    pipes.in.fd = ends[0];
    pipes.out.mode = CHLD_STDIO_PIPE;
    options.out.mode = CHLD_SINK_GROW;
    options.flags = CHLD_CAPTURE_CANCEL;
    options.cancel_fd = cancels[0];
    options.stop = &plan;
    chld_id id = start(ARGV("copy"), &pipes);
    window_open();
    int captured = chld_capture(id, &options, &result);
    struct seen seen = window_close();
    if (judge("chld_capture", captured, &seen) && !(seen.error == EIO && seen.call == SYS_read)) {
        require(result.cancelled == 1 && result.timed_out == 0 && result.step > 0,
                "cancelled %d, step %d", result.cancelled, result.step);
        require(result.status.state == CHLD_STATE_KILLED, "the child goes on");
    }
    chld_buffer_free(result.out.data);
    close(ends[0]);
    close(ends[1]);
    close(cancels[0]);
    close(cancels[1]);
    get_rid_of(id);
}

/* With fewer descriptors allowed than poll is asked about. */
static void few(void)
{
    struct rlimit before, low;
    chld_capture_options options;
    chld_capture_result result = { 0 };
    if (chld_engine() != CHLD_ENGINE_PIDFD) {
        skip("this needs two descriptors more here");
    }
    chld_id id = start_copier(&options);
    require(getrlimit(RLIMIT_NOFILE, &before) == 0, "getrlimit");
    low = (struct rlimit){ 2, before.rlim_max };
    require(setrlimit(RLIMIT_NOFILE, &low) == 0, "setrlimit");
    window_open();
    int captured = chld_capture(id, &options, &result);
    struct seen seen = window_close();
    require(setrlimit(RLIMIT_NOFILE, &before) == 0, "setrlimit");
    if (judge("chld_capture", captured, &seen)) {
        require_captured(&result, &seen, INPUT);
    }
    chld_buffer_free(result.out.data);
    get_rid_of(id);
}

/* Both streams are one terminal, of which each byte is read once. */
static void terminal(void)
{
    static const char want[] = "out\r\nerr";
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result = { 0 };
    chld_spawn_options both = CHLD_SPAWN_OPTIONS_INIT;
    both.in.mode = CHLD_STDIO_PIPE;
    both.out.mode = both.err.mode = CHLD_STDIO_PTY;
    options.out.mode = options.err.mode = CHLD_SINK_GROW;
    chld_id id = start(ARGV("copy"), &both);
    require(write(chld_stdin_fd(id), "out\n", 4) == 4, "the child's input");
    window_open();
    int captured = chld_capture(id, &options, &result);
    struct seen seen = window_close();
    if (judge("chld_capture", captured, &seen) && !(seen.error == EIO && seen.call == SYS_read)) {
        require(result.out.total == sizeof want - 1 && result.err.total == 0, "total %d and %d",
                (int)result.out.total, (int)result.err.total);
        require(result.out.error != 0 || strcmp(result.out.data, want) == 0, "it is '%s'",
                result.out.data);
    }
    chld_buffer_free(result.out.data);
    chld_buffer_free(result.err.data);
    get_rid_of(id);
}

/* A child that ignores SIGTERM, and ends when the pipe is closed: a run that
 * cannot end it leaves it behind, as chld_close() does. */
static void limit(void)
{
    int ends[2];
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_spawn_options stubborn = CHLD_SPAWN_OPTIONS_INIT;
    chld_capture_result result = { 0 };
    chld_error error = { 0 };
    chld_stop_plan plan = two_steps(CHLD_TARGET_CHILD);
    require(pipe(ends) == 0, "pipe");
    stubborn.in.mode = CHLD_STDIO_FD;
    stubborn.in.fd = ends[0];
    stubborn.out.mode = CHLD_STDIO_PIPE;
    stubborn.signals_mode = CHLD_SIGNALS_IGNORING;
    stubborn.ignored = BIT(SIGTERM);
    options.out.mode = CHLD_SINK_GROW;
    options.timeout_ms = 20;
    options.stop = &plan;
    struct want want = { .argv = ARGV("gate"), .options = &stubborn };
    window_open();
    int ran = chld_run(want.argv, &stubborn, &options, &result, &error);
    struct seen seen = window_close();
    close(ends[0]);
    close(ends[1]);
    if (ran < 0 && error.step != CHLD_STEP_CAPTURE) {
        judge_start(&want, ran, &error, &seen);
    } else if (judge("chld_run", ran, &seen) && result.out.error == 0) {
        require_status(&result.status, CHLD_STATE_KILLED, SIGKILL);
        require(result.timed_out == 1 && result.step == 2 && result.signal == SIGKILL,
                "step %d, signal %d", result.step, result.signal);
    }
    chld_buffer_free(result.out.data);
}

static const struct scenario scenarios[] = {
    { "run_growing", run_growing },
    { "run_head", run_head },
    { "run_tail", run_tail },
    { "run_ends", run_ends },
    { "run_callbacks", run_callbacks },
    { "run_lines", run_lines },
    { "capture", capture },
    { "step", step },
    { "rest", rest },
    { "enough", enough },
    { "pass_on", pass_on },
    { "tee", tee },
    { "cancel", cancel },
    { "few", few },
    { "terminal", terminal },
    { "limit", limit },
};

int main(int argc, char **argv)
{
    return frame(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}
