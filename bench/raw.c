/*
 * The limit: the fewest system calls that do the work. vfork, execve, waitid;
 * a pidfd and epoll for many; ppoll for a limit. With -DBY_ALL many are waited
 * for with waitid(P_ALL), which blocks: no other descriptor can be awaited with
 * it, and no other part of the program may have children.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct raw_task {
    struct task task;
    int pidfd;
};

static void put(struct task *task, char *const argv[], const int streams[3])
{
    pid_t pid = vfork();
    if (pid == 0) {
        for (int i = 0; i < 3; i++)
            if (streams[i] >= 0 && dup2(streams[i], i) < 0)
                _exit(126);
        execve(argv[0], argv, environ);
        _exit(127);
    }
    task->pid = (pid_t)must(pid, "vfork");
}

static void raw_spawn(struct task *task, char *const argv[], int pipes)
{
    int theirs[3];
    open_pipes(task, theirs, pipes);
    put(task, argv, theirs);
    close_ends(theirs);
}

static int exit_code(const siginfo_t *info)
{
    return info->si_code == CLD_EXITED ? info->si_status : 128 + info->si_status;
}

static void reap(struct task *task, idtype_t type, id_t id)
{
    siginfo_t info;
    must(waitid(type, id, &info, WEXITED), "waitid");
    task->code = exit_code(&info);
}

static void raw_wait(struct task *task)
{
    reap(task, P_PID, (id_t)task->pid);
    close_ends(task->ends);
}

static int pidfd_of(const struct task *task)
{
    return (int)must(syscall(SYS_pidfd_open, task->pid, 0), "pidfd_open");
}

static int raw_wait_for(struct task *task, int ms)
{
    struct pollfd poll = {.fd = pidfd_of(task), .events = POLLIN};
    struct timespec limit = {ms / 1000, ms % 1000 * 1000000};
    int ended = (int)must(ppoll(&poll, 1, &limit, NULL), "ppoll");
    if (ended)
        reap(task, P_PIDFD, (id_t)poll.fd);
    close(poll.fd);
    return ended;
}

#ifdef BY_ALL

static struct task *by_pid[1 << 22];

static void *raw_open(void)
{
    return by_pid;
}

static void raw_start(void *loop, struct task *task, char *const argv[])
{
    (void)loop;
    raw_spawn(task, argv, 0);
    by_pid[task->pid] = task;
}

static struct task *raw_next(void *loop)
{
    siginfo_t info;
    (void)loop;
    must(waitid(P_ALL, 0, &info, WEXITED), "waitid");
    by_pid[info.si_pid]->code = exit_code(&info);
    return by_pid[info.si_pid];
}

static void raw_close(void *loop)
{
    (void)loop;
}

#else

static void *raw_open(void)
{
    return (void *)must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
}

static void raw_start(void *loop, struct task *task, char *const argv[])
{
    struct raw_task *own = (struct raw_task *)task;
    raw_spawn(task, argv, 0);
    own->pidfd = pidfd_of(task);
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = own};
    must(epoll_ctl((int)(long)loop, EPOLL_CTL_ADD, own->pidfd, &event), "epoll_ctl");
}

static struct task *raw_next(void *loop)
{
    struct epoll_event event;
    must(epoll_wait((int)(long)loop, &event, 1, -1), "epoll_wait");
    struct raw_task *own = event.data.ptr;
    reap(&own->task, P_PIDFD, (id_t)own->pidfd);
    close(own->pidfd);
    return &own->task;
}

static void raw_close(void *loop)
{
    close((int)(long)loop);
}

#endif

/* The child's stdout, once `argv` runs. */
static int put_captured(struct task *task, char *const argv[])
{
    int ends[2];
    must(pipe2(ends, O_CLOEXEC), "pipe2");
    put(task, argv, (int[]){-1, ends[1], -1});
    close(ends[1]);
    return ends[0];
}

static void end_captured(struct task *task, int fd, struct capture *capture)
{
    close(fd);
    reap(task, P_PID, (id_t)task->pid);
    capture->code = task->code;
}

static void raw_into(struct capture *capture)
{
    struct task task;
    int fd = put_captured(&task, capture->argv);
    read_into(fd, capture);
    end_captured(&task, fd, capture);
}

/* Fresh memory of the right size: to know that beforehand is the limit. */
static void raw_growing(struct capture *capture)
{
    struct task task;
    int fd = put_captured(&task, capture->argv);
    capture->buffer = mmap(NULL, capture->size, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (capture->buffer == MAP_FAILED)
        die("mmap");
    read_into(fd, capture);
    end_captured(&task, fd, capture);
    munmap(capture->buffer, capture->size);
}

/* 64 KiB is what a pipe holds. */
static void raw_pieces(struct capture *capture)
{
    static char piece[1 << 16];
    struct task task;
    int fd = put_captured(&task, capture->argv);
    ssize_t got;
    while ((got = must(read(fd, piece, sizeof piece), "read")) > 0)
        take(capture, piece, (size_t)got);
    end_captured(&task, fd, capture);
}

static void raw_splice(struct capture *capture)
{
    struct task task;
    int fd = put_captured(&task, capture->argv);
    ssize_t got;
    while ((got = must(splice(fd, NULL, capture->fd, NULL, 1 << 20, 0), "splice")) > 0)
        capture->got += (size_t)got;
    end_captured(&task, fd, capture);
}

/* What runs of `run_all`, with what its epoll reports. */
struct run {
    struct task task;
    int fd;
    struct capture *capture;
};

static void begin_run(int epoll, struct run *run, struct capture *capture)
{
    run->capture = capture;
    run->fd = put_captured(&run->task, capture->argv);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = run};
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, run->fd, &event), "epoll_ctl");
}

/* One read. 1 at the end, when the child has been waited for. A child that is just in its
 * exec may still have a copy of the pipe, so it is taken out of the epoll by hand. */
static int go_on(int epoll, struct run *run)
{
    static char more[1 << 16];
    struct capture *capture = run->capture;
    size_t room = capture->size - capture->got;
    ssize_t got = must(read(run->fd, room ? capture->buffer + capture->got : more,
                            room ? room : sizeof more), "read");
    capture->got += (size_t)got;
    if (got > 0)
        return 0;
    must(epoll_ctl(epoll, EPOLL_CTL_DEL, run->fd, NULL), "epoll_ctl");
    end_captured(&run->task, run->fd, capture);
    return 1;
}

static void raw_run_all(struct capture *captures, size_t count, size_t at_once)
{
    int epoll = (int)must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    struct run *runs = calloc(at_once, sizeof *runs);
    size_t begun = 0;
    for (; begun < at_once; begun++)
        begin_run(epoll, &runs[begun], &captures[begun]);
    for (size_t done = 0; done < count;) {
        struct epoll_event event;
        must(epoll_wait(epoll, &event, 1, -1), "epoll_wait");
        if (!go_on(epoll, event.data.ptr))
            continue;
        done++;
        if (begun < count)
            begin_run(epoll, event.data.ptr, &captures[begun++]);
    }
    free(runs);
    close(epoll);
}

static void raw_pipeline(struct capture *capture, char *const *const stages[3])
{
    struct task tasks[3];
    int from = -1, ends[2];
    for (int i = 0; i < 3; i++) {
        must(pipe2(ends, O_CLOEXEC), "pipe2");
        put(&tasks[i], stages[i], (int[]){from, ends[1], -1});
        close(ends[1]);
        if (from >= 0)
            close(from);
        from = ends[0];
    }
    read_into(from, capture);
    close(from);
    for (int i = 0; i < 3; i++)
        reap(&tasks[i], P_PID, (id_t)tasks[i].pid);
    capture->code = tasks[2].code;
}

const struct contender contender = {
    .task_size = sizeof(struct raw_task),
    .spawn = raw_spawn,
    .wait = raw_wait,
    .wait_for = raw_wait_for,
    .open = raw_open,
    .start = raw_start,
    .next = raw_next,
    .close = raw_close,
#ifndef BY_ALL
    .threads = 1,
#endif
    .into = raw_into,
    .growing = raw_growing,
    .pieces = raw_pieces,
    .splice = raw_splice,
    .run_all = raw_run_all,
    .pipeline = raw_pipeline,
};
