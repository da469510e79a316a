/*
 * APR: apr_proc_create, apr_proc_wait, apr_proc_wait_all_procs. It has no wait
 * with a limit; looking every millisecond is what its users write.
 */
#include "bench.h"

#include <apr_file_io.h>
#include <apr_general.h>
#include <apr_thread_proc.h>
#include <errno.h>
#include <stdlib.h>

struct apr_task {
    struct task task;
    apr_proc_t proc;
    apr_pool_t *pool;
};

static struct task *by_pid[1 << 22];

static void check(apr_status_t status, const char *what)
{
    errno = status;
    must(status == APR_SUCCESS ? 0 : -1, what);
}

static void setup(void)
{
    check(apr_initialize(), "apr_initialize");
}

static void spawn_as(struct apr_task *own, char *const argv[], int in, int out, int error)
{
    apr_procattr_t *attr;
    check(apr_pool_create(&own->pool, NULL), "apr_pool_create");
    check(apr_procattr_create(&attr, own->pool), "apr_procattr_create");
    check(apr_procattr_cmdtype_set(attr, APR_PROGRAM_ENV), "apr_procattr_cmdtype_set");
    check(apr_procattr_io_set(attr, in, out, error), "apr_procattr_io_set");
    check(apr_proc_create(&own->proc, argv[0], (const char *const *)argv, NULL, attr, own->pool),
          "apr_proc_create");
    own->task.pid = own->proc.pid;
}

static void spawn(struct task *task, char *const argv[], int pipes)
{
    int mode = pipes ? APR_FULL_BLOCK : APR_NO_PIPE;
    spawn_as((struct apr_task *)task, argv, mode, mode, mode);
}

static void end(struct apr_task *own, int code, apr_exit_why_e why)
{
    own->task.code = APR_PROC_CHECK_SIGNALED(why) ? 128 + code : code;
    apr_pool_destroy(own->pool);
}

static apr_status_t look(struct task *task, apr_wait_how_e how)
{
    struct apr_task *own = (struct apr_task *)task;
    int code;
    apr_exit_why_e why;
    apr_status_t status = apr_proc_wait(&own->proc, &code, &why, how);
    if (APR_STATUS_IS_CHILD_DONE(status))
        end(own, code, why);
    return status;
}

static void wait_long(struct task *task)
{
    if (!APR_STATUS_IS_CHILD_DONE(look(task, APR_WAIT)))
        die("apr_proc_wait");
}

static int wait_for(struct task *task, int ms)
{
    int64_t limit = now_ns() + (int64_t)ms * 1000000;
    for (;;) {
        apr_status_t status = look(task, APR_NOWAIT);
        if (APR_STATUS_IS_CHILD_DONE(status))
            return 1;
        if (!APR_STATUS_IS_CHILD_NOTDONE(status))
            die("apr_proc_wait");
        if (now_ns() >= limit)
            return 0;
        apr_sleep(1000);
    }
}

static void *open_loop(void)
{
    apr_pool_t *pool;
    check(apr_pool_create(&pool, NULL), "apr_pool_create");
    return pool;
}

static void start(void *loop, struct task *task, char *const argv[])
{
    (void)loop;
    spawn(task, argv, 0);
    by_pid[task->pid] = task;
}

static struct task *next(void *loop)
{
    apr_proc_t proc;
    int code;
    apr_exit_why_e why;
    if (!APR_STATUS_IS_CHILD_DONE(apr_proc_wait_all_procs(&proc, &code, &why, APR_WAIT, loop)))
        die("apr_proc_wait_all_procs");
    end((struct apr_task *)by_pid[proc.pid], code, why);
    return by_pid[proc.pid];
}

static void close_loop(void *loop)
{
    apr_pool_destroy(loop);
}

/* Reads a piece; 0 is the end. */
static size_t piece(struct apr_task *own, char *to, size_t most)
{
    apr_size_t size = most;
    apr_status_t status = apr_file_read(own->proc.out, to, &size);
    if (APR_STATUS_IS_EOF(status))
        return 0;
    check(status, "apr_file_read");
    return size;
}

static void put_captured(struct apr_task *own, struct capture *capture)
{
    spawn_as(own, capture->argv, APR_NO_PIPE, APR_FULL_BLOCK, APR_NO_PIPE);
}

static void end_captured(struct apr_task *own, struct capture *capture)
{
    wait_long(&own->task);
    capture->code = own->task.code;
}

static void into(struct capture *capture)
{
    struct apr_task own;
    put_captured(&own, capture);
    size_t got, room;
    char past;
    do {
        room = capture->size - capture->got;
        got = piece(&own, room ? capture->buffer + capture->got : &past, room ? room : 1);
        capture->got += got;
    } while (got);
    end_captured(&own, capture);
}

static void growing(struct capture *capture)
{
    struct apr_task own;
    put_captured(&own, capture);
    size_t got, room = 1 << 17;
    char *buffer = malloc(room);
    while ((got = piece(&own, buffer + capture->got, room - capture->got))) {
        capture->got += got;
        if (capture->got == room && !(buffer = realloc(buffer, room *= 2)))
            die("realloc");
    }
    free(buffer);
    end_captured(&own, capture);
}

const struct contender contender = {
    .task_size = sizeof(struct apr_task),
    .setup = setup,
    .spawn = spawn,
    .wait = wait_long,
    .wait_for = wait_for,
    .open = open_loop,
    .start = start,
    .next = next,
    .close = close_loop,
    .into = into,
    .growing = growing,
};
