/*
 * This library, with the engine it chooses, or with SIGCHLD if compiled with
 * -DSIGCHLD_ENGINE.
 */
#include "bench.h"

#include <chld.h>
#include <errno.h>
#include <stdlib.h>

#ifdef SIGCHLD_ENGINE
enum { SET_FLAGS = CHLD_SET_SIGCHLD };
#else
enum { SET_FLAGS = 0 };
#endif

struct chld_task {
    struct task task;
    chld_id id;
};

static int check(int result, const char *what)
{
    if (result < 0)
        errno = -result;
    return (int)must(result, what);
}

static void chld_setup(void)
{
#ifdef SIGCHLD_ENGINE
    check(chld_sigchld_install(0), "chld_sigchld_install");
#endif
}

static void start_with(struct task *task, char *const argv[], const chld_spawn_options *options)
{
    struct chld_task *own = (struct chld_task *)task;
    check(chld_spawn(&own->id, (const char *const *)argv, options, NULL), "chld_spawn");
}

static void spawn(struct task *task, char *const argv[], int pipes)
{
    if (!pipes) {
        start_with(task, argv, NULL);
        return;
    }
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = options.out.mode = options.err.mode = CHLD_STDIO_PIPE;
    start_with(task, argv, &options);
}

static pid_t pid_of(const struct task *task)
{
    return check(chld_pid(((const struct chld_task *)task)->id), "chld_pid");
}

static void give_up(struct task *task, const chld_status *status)
{
    task->code = chld_status_shell_code(status);
    check(chld_close(((struct chld_task *)task)->id), "chld_close");
}

static int wait_for(struct task *task, int ms)
{
    chld_status status;
    int result = chld_wait(((struct chld_task *)task)->id, ms, &status);
    if (result == -ETIMEDOUT)
        return 0;
    check(result, "chld_wait");
    give_up(task, &status);
    return 1;
}

static void wait_long(struct task *task)
{
    wait_for(task, -1);
}

static void *open_set(void)
{
    chld_set *set = malloc(sizeof *set);
    check(chld_set_open(SET_FLAGS, set), "chld_set_open");
    return set;
}

static void start(void *loop, struct task *task, char *const argv[])
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.user = task;
    start_with(task, argv, &options);
    check(chld_set_add(*(chld_set *)loop, ((struct chld_task *)task)->id, 0), "chld_set_add");
}

static struct task *next(void *loop)
{
    chld_event event;
    check(chld_set_wait(*(chld_set *)loop, -1, &event), "chld_set_wait");
    give_up(event.user, &event.status);
    return event.user;
}

static void close_set(void *loop)
{
    check(chld_set_close(*(chld_set *)loop), "chld_set_close");
    free(loop);
}

static chld_stream_result run(struct capture *capture, const chld_sink *out)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result;
    options.out = *out;
    check(chld_run((const char *const *)capture->argv, NULL, &options, &result, NULL), "chld_run");
    capture->code = chld_status_shell_code(&result.status);
    if (result.out.error || result.out.truncated || result.out.held)
        die("not all was kept");
    capture->got = result.out.kept;
    return result.out;
}

static void into(struct capture *capture)
{
    chld_sink out = {.mode = CHLD_SINK_HEAD, .buffer = capture->buffer, .size = capture->size};
    run(capture, &out);
}

static void growing(struct capture *capture)
{
    chld_sink out = {.mode = CHLD_SINK_GROW};
    chld_buffer_free(run(capture, &out).data);
}

static int take_piece(void *argument, const char *data, size_t size)
{
    take(argument, data, size);
    return 0;
}

static void pieces(struct capture *capture)
{
    chld_sink out = {.mode = CHLD_SINK_CALLBACK, .callback = take_piece, .argument = capture};
    run(capture, &out);
}

static void splice(struct capture *capture)
{
    chld_sink out = {.mode = CHLD_SINK_FD, .fd = capture->fd};
    run(capture, &out);
}

/* All get SIGTERM, and the rest of the stop sequence if they do not exit. */
static void stop(void *loop, struct task *task)
{
    check(chld_set_stop(*(chld_set *)loop, ((struct chld_task *)task)->id, 0, NULL),
          "chld_set_stop");
}

static chld_capture_options into_buffer_of(const struct capture *capture)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.out.mode = CHLD_SINK_HEAD;
    options.out.buffer = capture->buffer;
    options.out.size = capture->size;
    return options;
}

static void run_one(chld_set set, struct capture *capture)
{
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    chld_capture_options options = into_buffer_of(capture);
    spawn.user = capture;
    check(chld_set_run(set, (const char *const *)capture->argv, &spawn, &options, NULL, NULL),
          "chld_set_run");
}

static void run_all(struct capture *captures, size_t count, size_t at_once)
{
    chld_set set;
    chld_event event;
    size_t begun = 0;
    check(chld_set_open(SET_FLAGS, &set), "chld_set_open");
    while (begun < at_once)
        run_one(set, &captures[begun++]);
    for (size_t done = 0; done < count; done++) {
        check(chld_set_wait(set, -1, &event), "chld_set_wait");
        struct capture *capture = event.user;
        capture->got = event.capture->out.kept;
        capture->code = chld_status_shell_code(&event.status);
        check(chld_close(event.id), "chld_close");
        if (begun < count)
            run_one(set, &captures[begun++]);
    }
    check(chld_set_close(set), "chld_set_close");
}

static void pipeline(struct capture *capture, char *const *const stages[3])
{
    chld_stage all[3] = {{.argv = (const char *const *)stages[0]},
                         {.argv = (const char *const *)stages[1]},
                         {.argv = (const char *const *)stages[2]}};
    chld_capture_options options = into_buffer_of(capture);
    chld_pipeline_result result;
    check(chld_run_pipeline(all, 3, &options, &result, NULL), "chld_run_pipeline");
    capture->got = result.capture.out.kept;
    capture->code = chld_status_shell_code(&result.pipefail);
}

const struct contender contender = {
    .task_size = sizeof(struct chld_task),
    .setup = chld_setup,
    .spawn = spawn,
    .wait = wait_long,
    .wait_for = wait_for,
    .pid = pid_of,
    .open = open_set,
    .start = start,
    .next = next,
    .close = close_set,
    .threads = 1,
    .into = into,
    .growing = growing,
    .pieces = pieces,
    .splice = splice,
    .stop = stop,
    .run_all = run_all,
    .pipeline = pipeline,
};
