/*
 * posix_spawn and waitpid, or with -DBY_FORK fork, exec and waitpid.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

extern char **environ;

#ifdef BY_FORK

static void put(struct task *task, char *const argv[], const int streams[3])
{
    pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 3; i++)
            if (streams[i] >= 0 && dup2(streams[i], i) < 0)
                _exit(126);
        execve(argv[0], argv, environ);
        _exit(127);
    }
    task->pid = (pid_t)must(pid, "fork");
}

#else

static void put(struct task *task, char *const argv[], const int streams[3])
{
    posix_spawn_file_actions_t actions;
    int piped = streams[0] >= 0 || streams[1] >= 0 || streams[2] >= 0;
    if (piped) {
        posix_spawn_file_actions_init(&actions);
        for (int i = 0; i < 3; i++)
            if (streams[i] >= 0)
                posix_spawn_file_actions_adddup2(&actions, streams[i], i);
    }
    errno = posix_spawn(&task->pid, argv[0], piped ? &actions : NULL, NULL, argv, environ);
    must(-errno, "posix_spawn");
    if (piped)
        posix_spawn_file_actions_destroy(&actions);
}

#endif

static void spawn(struct task *task, char *const argv[], int pipes)
{
    int theirs[3];
    open_pipes(task, theirs, pipes);
    put(task, argv, theirs);
    close_ends(theirs);
}

static void start(void *loop, struct task *task, char *const argv[])
{
    (void)loop;
    spawn(task, argv, 0);
    reaper_add(task);
}

static void capture_by(void (*read_all)(int, struct capture *), struct capture *capture)
{
    struct task task = {.ends = {-1, -1, -1}};
    int ends[2];
    must(pipe2(ends, O_CLOEXEC), "pipe2");
    put(&task, capture->argv, (int[]){-1, ends[1], -1});
    close(ends[1]);
    read_all(ends[0], capture);
    close(ends[0]);
    reaper_wait(&task);
    capture->code = task.code;
}

static void into(struct capture *capture)
{
    capture_by(read_into, capture);
}

static void growing(struct capture *capture)
{
    capture_by(read_growing, capture);
}

const struct contender contender = {
    .task_size = sizeof(struct task),
    .spawn = spawn,
    .wait = reaper_wait,
    .wait_for = reaper_wait_for,
    .open = reaper_open,
    .start = start,
    .next = reaper_next,
    .close = reaper_close,
    .into = into,
    .growing = growing,
};
