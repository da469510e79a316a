/*
 * libuv: uv_spawn, its loop, its pipes. A blocking wait is the loop until the
 * child has exited, as libuv has no other.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <stdlib.h>
#include <uv.h>

struct loop {
    uv_loop_t uv;
    struct task *ended[1 << 14];
    size_t first, last;
};

struct uv_task {
    struct task task;
    uv_process_t process;
    uv_pipe_t pipes[3];
    struct loop *loop;
    int piped;
};

static struct loop *single;

static int check(int result, const char *what)
{
    if (result < 0)
        errno = -result;
    return (int)must(result, what);
}

static void *open_loop(void)
{
    struct loop *loop = calloc(1, sizeof *loop);
    check(uv_loop_init(&loop->uv), "uv_loop_init");
    return loop;
}

static void setup(void)
{
    single = open_loop();
}

/* The struct is the caller's again, and may be used for the next child. */
static void on_closed(uv_handle_t *handle)
{
    struct uv_task *own = handle->data;
    struct loop *loop = own->loop;
    loop->ended[loop->last++ % (1 << 14)] = &own->task;
}

static void on_exit_of(uv_process_t *process, int64_t code, int signal)
{
    struct uv_task *own = process->data;
    own->task.code = signal ? 128 + signal : (int)code;
    for (int i = 0; i < own->piped; i++)
        uv_close((uv_handle_t *)&own->pipes[i], NULL);
    uv_close((uv_handle_t *)process, on_closed);
}

/* The first `piped` streams are pipes, or stdout alone with -1. */
static void spawn_in(struct loop *loop, struct task *task, char *const argv[], int piped)
{
    struct uv_task *own = (struct uv_task *)task;
    uv_stdio_container_t streams[3];
    own->piped = 0;
    for (int i = 0; i < 3; i++) {
        streams[i] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = i};
        if (i >= piped && !(piped < 0 && i == 1))
            continue;
        uv_pipe_t *pipe = &own->pipes[own->piped++];
        check(uv_pipe_init(&loop->uv, pipe, 0), "uv_pipe_init");
        streams[i].flags = UV_CREATE_PIPE | (i == 0 ? UV_READABLE_PIPE : UV_WRITABLE_PIPE);
        streams[i].data.stream = (uv_stream_t *)pipe;
    }
    uv_process_options_t options = {
        .file = argv[0],
        .args = (char **)argv,
        .exit_cb = on_exit_of,
        .stdio = streams,
        .stdio_count = 3,
    };
    own->loop = loop;
    own->process.data = own;
    check(uv_spawn(&loop->uv, &own->process, &options), "uv_spawn");
    task->pid = own->process.pid;
}

static void spawn(struct task *task, char *const argv[], int pipes)
{
    spawn_in(single, task, argv, pipes);
}

static void start(void *loop, struct task *task, char *const argv[])
{
    spawn_in(loop, task, argv, 0);
}

static struct task *next(void *argument)
{
    struct loop *loop = argument;
    while (loop->first == loop->last)
        uv_run(&loop->uv, UV_RUN_ONCE);
    return loop->ended[loop->first++ % (1 << 14)];
}

static void wait_long(struct task *task)
{
    (void)task;
    next(single);
}

static void on_time(uv_timer_t *timer)
{
    *(int *)timer->data = 1;
}

static int wait_for(struct task *task, int ms)
{
    static uv_timer_t timer;
    int passed = 0;
    (void)task;
    if (!timer.loop)
        uv_timer_init(&single->uv, &timer);
    timer.data = &passed;
    uv_update_time(&single->uv);
    uv_timer_start(&timer, on_time, (uint64_t)ms, 0);
    while (single->first == single->last && !passed)
        uv_run(&single->uv, UV_RUN_ONCE);
    uv_timer_stop(&timer);
    if (single->first == single->last)
        return 0;
    single->first++;
    return 1;
}

static void close_loop(void *argument)
{
    struct loop *loop = argument;
    check(uv_loop_close(&loop->uv), "uv_loop_close");
    free(loop);
}

struct reading {
    struct capture *capture;
    /* Room in `buffer`; past it, one byte, to see the end. */
    char *buffer;
    size_t room;
    int grows;
};

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    static char past[1];
    struct reading *reading = handle->data;
    size_t got = reading->capture->got;
    if (reading->grows && reading->room - got < suggested) {
        reading->room = reading->room ? reading->room * 2 : 2 * suggested;
        reading->buffer = realloc(reading->buffer, reading->room);
    }
    size_t left = reading->room - got;
    *ret = left ? uv_buf_init(reading->buffer + got, (unsigned)left) : uv_buf_init(past, 1);
}

static void on_piece_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    static char piece[1 << 16];
    (void)handle;
    (void)suggested;
    *ret = uv_buf_init(piece, sizeof piece);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    struct reading *reading = stream->data;
    if (got > 0)
        take(reading->capture, buffer->base, (size_t)got);
    else if (got == UV_EOF)
        uv_read_stop(stream);
    else
        check((int)got, "uv_read");
}

static void capture_by(uv_alloc_cb on_alloc, struct reading *reading)
{
    static struct uv_task own;
    spawn_in(single, &own.task, reading->capture->argv, -1);
    own.pipes[0].data = reading;
    uv_stream_t *stream = (uv_stream_t *)&own.pipes[0];
    check(uv_read_start(stream, on_alloc, on_read), "uv_read_start");
    /* The pipe is closed with the process: all of it must be read before. */
    own.piped = 0;
    next(single);
    while (uv_is_active((uv_handle_t *)stream))
        uv_run(&single->uv, UV_RUN_ONCE);
    uv_close((uv_handle_t *)stream, NULL);
    uv_run(&single->uv, UV_RUN_NOWAIT);
    reading->capture->code = own.task.code;
}

static void into(struct capture *capture)
{
    capture_by(on_room, &(struct reading){capture, capture->buffer, capture->size, 0});
}

static void growing(struct capture *capture)
{
    struct reading reading = {.capture = capture, .grows = 1};
    capture_by(on_room, &reading);
    free(reading.buffer);
}

static void pieces(struct capture *capture)
{
    capture_by(on_piece_room, &(struct reading){.capture = capture});
}

const struct contender contender = {
    .task_size = sizeof(struct uv_task),
    .setup = setup,
    .spawn = spawn,
    .wait = wait_long,
    .wait_for = wait_for,
    .open = open_loop,
    .start = start,
    .next = next,
    .close = close_loop,
    .threads = 1,
    .into = into,
    .growing = growing,
    .pieces = pieces,
};
