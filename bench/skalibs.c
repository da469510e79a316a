/*
 * skalibs: child_spawn, its self-pipe, wait_nohang, slurp.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>
#include <skalibs/iopause.h>
#include <skalibs/selfpipe.h>
#include <skalibs/stralloc.h>
#include <skalibs/tai.h>

#include <signal.h>
#include <unistd.h>

extern char **environ;

static struct task *by_pid[1 << 22];
static int self_pipe = -1;

static void setup(void)
{
    tain_now_set_stopwatch_g();
}

static void spawn(struct task *task, char *const argv[], int pipes)
{
    const char *const *arguments = (const char *const *)argv;
    const char *const *env = (const char *const *)environ;
    task->ends[0] = task->ends[1] = task->ends[2] = -1;
    if (pipes) {
        /* What the child has them as: the first two on stdout and stdin. */
        task->ends[0] = 1;
        task->ends[1] = 0;
        task->pid = child_spawn3(argv[0], arguments, env, task->ends);
    } else {
        task->pid = child_spawn0(argv[0], arguments, env);
    }
    if (!task->pid)
        die("child_spawn");
}

static void wait_long(struct task *task)
{
    int word;
    must(wait_pid(task->pid, &word), "wait_pid");
    task->code = code_of(word);
    close_ends(task->ends);
}

static void *open_loop(void)
{
    if (self_pipe < 0) {
        self_pipe = (int)must(selfpipe_init(), "selfpipe_init");
        must(selfpipe_trap(SIGCHLD) - 1, "selfpipe_trap");
    }
    return &self_pipe;
}

static int await_poke(const tain *limit)
{
    iopause_fd ready = {.fd = self_pipe, .events = IOPAUSE_READ};
    int poked = (int)must(iopause_g(&ready, 1, limit), "iopause");
    while (poked && selfpipe_read() > 0)
        ;
    return poked;
}

static int wait_for(struct task *task, int ms)
{
    open_loop();
    tain limit;
    int word;
    tain_now_g();
    tain_from_millisecs(&limit, ms);
    tain_add_g(&limit, &limit);
    for (;;) {
        if (must(wait_pid_nohang(task->pid, &word), "wait_pid_nohang") > 0) {
            task->code = code_of(word);
            return 1;
        }
        if (!await_poke(&limit))
            return 0;
    }
}

static void start(void *loop, struct task *task, char *const argv[])
{
    (void)loop;
    spawn(task, argv, 0);
    by_pid[task->pid] = task;
}

static struct task *next(void *loop)
{
    (void)loop;
    for (;;) {
        int word;
        pid_t pid = (pid_t)must(wait_nohang(&word), "wait_nohang");
        if (pid > 0) {
            by_pid[pid]->code = code_of(word);
            return by_pid[pid];
        }
        await_poke(&tain_infinite);
    }
}

static void close_loop(void *loop)
{
    (void)loop;
}

static int put_captured(struct task *task, struct capture *capture)
{
    int fd;
    task->pid = child_spawn1_pipe(capture->argv[0], (const char *const *)capture->argv,
                                  (const char *const *)environ, &fd, 1);
    if (!task->pid)
        die("child_spawn1_pipe");
    return fd;
}

static void end_captured(struct task *task, int fd, struct capture *capture)
{
    close(fd);
    wait_long(task);
    capture->code = task->code;
}

static void into(struct capture *capture)
{
    struct task task = {.ends = {-1, -1, -1}};
    char past;
    int fd = put_captured(&task, capture);
    capture->got = allread(fd, capture->buffer, capture->size);
    capture->got += allread(fd, &past, 1);
    end_captured(&task, fd, capture);
}

static void growing(struct capture *capture)
{
    struct task task = {.ends = {-1, -1, -1}};
    stralloc all = STRALLOC_ZERO;
    int fd = put_captured(&task, capture);
    must(slurp(&all, fd) - 1, "slurp");
    capture->got = all.len;
    stralloc_free(&all);
    end_captured(&task, fd, capture);
}

const struct contender contender = {
    .task_size = sizeof(struct task),
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
