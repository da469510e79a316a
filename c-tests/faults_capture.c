/* Captures, and ends by degrees, while system calls fail. */
#define _GNU_SOURCE
#include "faults.h"

#include "faults_errno.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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

/* A capture that worked has everything, or says which stream has not and why. */
static void require_captured(const chld_capture_result *result, const struct seen *seen,
                             size_t out_kept)
{
    const chld_captured *out = &result->out, *err = &result->err;
    require(out->kept == 0 || memcmp(out->data, input, out->kept) == 0, "stdout is not the input");
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

static void check_run(uint32_t mode, char *buffer, size_t size, size_t kept)
{
    char err[2];
    chld_capture_options options = feed_all();
    chld_capture_result result = { 0 };
    chld_error error = { 0 };
    options.out.mode = mode;
    options.out.buffer = buffer;
    options.out.size = size;
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
    if (error.step != CHLD_STEP_NONE) {
        require(ran < 0, "an error of a start that worked");
        judge_start(&want, ran, &error, &seen);
    } else if (judge("chld_run", ran, &seen)) {
        require_captured(&result, &seen, kept);
    }
    if (mode == CHLD_SINK_GROW) {
        chld_buffer_free(result.out.data);
    }
}

static void run_growing(void)
{
    check_run(CHLD_SINK_GROW, NULL, 0, INPUT);
}

static void run_fixed(void)
{
    static char buffer[5000];
    check_run(CHLD_SINK_HEAD, buffer, sizeof buffer, sizeof buffer);
}

/* In any case without a fault: whatever became of it, it is ended and closed. */
static void get_rid_of(chld_id id)
{
    int killed = chld_kill(id, SIGKILL);
    require(killed == 0 || killed == -ESRCH, "chld_kill returned -%s", errno_name(-killed));
    require(chld_wait(id, -1, NULL) == 0 && chld_close(id) == 0, "it cannot be waited for");
}

static void capture(void)
{
    char err[2];
    chld_capture_options options = feed_all();
    chld_capture_result result = { 0 };
    chld_spawn_options pipes = CHLD_SPAWN_OPTIONS_INIT;
    pipes.in.mode = pipes.out.mode = pipes.err.mode = CHLD_STDIO_PIPE;
    options.out.mode = CHLD_SINK_GROW;
    options.err.mode = CHLD_SINK_HEAD;
    options.err.buffer = err;
    options.err.size = sizeof err;
    chld_id id = start(ARGV("copy", "exit=42"), &pipes);
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

/* Everything goes on into another pipe, inside the kernel if that can. */
static void splice_on(void)
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

static const chld_rung rungs[] = { { SIGTERM, 20 }, { SIGKILL, 5000 } };

static chld_stop_plan two_rungs(uint32_t target)
{
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    plan.target = target;
    plan.rungs = rungs;
    plan.rungs_count = 2;
    return plan;
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
    chld_stop_plan plan = two_rungs(CHLD_TARGET_CHILD);
    require(pipe(ends) == 0, "pipe");
    stubborn.in.mode = CHLD_STDIO_FD;
    stubborn.in.fd = ends[0];
    stubborn.out.mode = CHLD_STDIO_PIPE;
    stubborn.signals_mode = CHLD_SIGNALS_IGNORING;
    stubborn.ignored = BIT(SIGTERM);
    options.out.mode = CHLD_SINK_GROW;
    options.limit_ms = 20;
    options.stop = &plan;
    struct want want = { .argv = ARGV("gate"), .options = &stubborn };
    window_open();
    int ran = chld_run(want.argv, &stubborn, &options, &result, &error);
    struct seen seen = window_close();
    close(ends[0]);
    close(ends[1]);
    if (error.step != CHLD_STEP_NONE) {
        judge_start(&want, ran, &error, &seen);
    } else if (judge("chld_run", ran, &seen) && result.out.error == 0) {
        require_status(&result.status, CHLD_STATE_KILLED, SIGKILL);
        require(result.timed_out == 1 && result.rung == 2 && result.signal == SIGKILL,
                "step %d, signal %d", result.rung, result.signal);
    }
    chld_buffer_free(result.out.data);
}

static chld_id start_stubborn(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = options.out.mode = CHLD_STDIO_PIPE;
    options.group_mode = CHLD_GROUP_NEW;
    options.signals_mode = CHLD_SIGNALS_IGNORING;
    options.ignored = BIT(SIGTERM);
    chld_id id = start(ARGV("spawn", "gate"), &options);
    char byte;
    require(read(chld_stdout_fd(id), &byte, 1) == 1, "the child says nothing");
    return id;
}

/* The child's own child becomes this process's, and is ended by its group. */
static void end_descendants(int group)
{
    kill(-group, SIGKILL);
    while (waitpid(-group, NULL, 0) > 0) {
    }
}

static void check_stop(uint32_t target)
{
    chld_status status = { 0 };
    chld_stop_plan plan = two_rungs(target);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    chld_id id = start_stubborn();
    int group = chld_pid(id);
    require(group > 1, "chld_pid");
    window_open();
    int stopped = chld_stop(id, &plan, &status);
    struct seen seen = window_close();
    if (judge("chld_stop", stopped, &seen)) {
        require_status(&status, CHLD_STATE_KILLED, SIGKILL);
    }
    get_rid_of(id);
    end_descendants(group);
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

static void stop(void)
{
    check_stop(CHLD_TARGET_CHILD);
}

static void stop_group(void)
{
    check_stop(CHLD_TARGET_GROUP);
}

/* To find a tree, several calls are made for every process of the machine. */
static void need_few_processes(void)
{
    int count = 0;
    DIR *directory = opendir("/proc");
    require(directory != NULL, "/proc");
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        count += entry->d_name[0] >= '1' && entry->d_name[0] <= '9';
    }
    closedir(directory);
    if (count > 40) {
        skip("too many processes: this needs a pid namespace of its own");
    }
}

static void stop_tree(void)
{
    need_few_processes();
    check_stop(CHLD_TARGET_TREE);
}

static void kill_group(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    chld_id id = start_stubborn();
    int group = chld_pid(id);
    require(group > 1, "chld_pid");
    window_open();
    int killed = chld_kill_group(id, SIGKILL);
    struct seen seen = window_close();
    if (!judge("chld_kill_group", killed, &seen)) {
        require(chld_kill_group(id, SIGKILL) == 0, "chld_kill_group without a fault");
    }
    finish(id, CHLD_STATE_KILLED, SIGKILL);
    while (waitpid(-group, NULL, 0) > 0) {
    }
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

/* If it says that nobody is left, nobody is. */
static void kill_tree(void)
{
    uint32_t survivors = 99;
    need_few_processes();
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    chld_id id = start_stubborn();
    int group = chld_pid(id), word = 0;
    require(group > 1, "chld_pid");
    window_open();
    int killed = chld_kill_tree(id, SIGKILL, &survivors);
    struct seen seen = window_close();
    bool worked = killed != -ENOSYS && judge("chld_kill_tree", killed, &seen);
    require(killed != -ENOSYS || seen.error != 0, "/proc is there");
    require(worked || survivors == 99, "survivors of what did not work");
    require(!worked || survivors == 0 || seen.error != 0, "%u survive", survivors);
    get_rid_of(id);
    pid_t left = worked && survivors == 0 ? waitpid(-group, &word, WNOHANG) : -1;
    require(left != 0, "one goes on, and none should");
    end_descendants(group);
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

static const struct scenario scenarios[] = {
    { "run_growing", run_growing },
    { "run_fixed", run_fixed },
    { "capture", capture },
    { "splice", splice_on },
    { "limit", limit },
    { "stop", stop },
    { "stop_group", stop_group },
    { "stop_tree", stop_tree },
    { "kill_group", kill_group },
    { "kill_tree", kill_tree },
};

int main(int argc, char **argv)
{
    return frame(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}
