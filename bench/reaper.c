/*
 * Detection of exits as most programs write it by hand: a SIGCHLD handler, a
 * self-pipe, waitpid(-1) until nothing is left, and a table by pid.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* PID_MAX_LIMIT of Linux. Only pages that are used exist. */
static struct task *by_pid[1 << 22];
static int self_pipe[2] = {-1, -1};

static void poke(int signal)
{
    (void)signal;
    int error = errno;
    (void)!write(self_pipe[1], "", 1);
    errno = error;
}

void *reaper_open(void)
{
    if (self_pipe[0] < 0) {
        must(pipe2(self_pipe, O_CLOEXEC | O_NONBLOCK), "pipe2");
        struct sigaction action = {.sa_handler = poke, .sa_flags = SA_RESTART | SA_NOCLDSTOP};
        must(sigaction(SIGCHLD, &action, NULL), "sigaction");
    }
    return self_pipe;
}

void reaper_add(struct task *task)
{
    by_pid[task->pid] = task;
}

static void await_poke(int timeout)
{
    struct pollfd ready = {.fd = self_pipe[0], .events = POLLIN};
    char bytes[64];
    (void)poll(&ready, 1, timeout);
    while (read(self_pipe[0], bytes, sizeof bytes) > 0)
        ;
}

struct task *reaper_next(void *loop)
{
    (void)loop;
    for (;;) {
        int word;
        pid_t pid = (pid_t)must(waitpid(-1, &word, WNOHANG), "waitpid");
        if (pid > 0) {
            by_pid[pid]->code = code_of(word);
            return by_pid[pid];
        }
        await_poke(-1);
    }
}

void reaper_close(void *loop)
{
    (void)loop;
}

void reaper_wait(struct task *task)
{
    int word;
    long pid;
    while ((pid = waitpid(task->pid, &word, 0)) < 0 && errno == EINTR)
        ;
    must(pid, "waitpid");
    task->code = code_of(word);
    close_ends(task->ends);
}

int reaper_wait_for(struct task *task, int ms)
{
    reaper_open();
    int64_t end = now_ns() + (int64_t)ms * 1000000;
    for (;;) {
        int word;
        if (must(waitpid(task->pid, &word, WNOHANG), "waitpid") > 0) {
            task->code = code_of(word);
            return 1;
        }
        int64_t left = end - now_ns();
        if (left <= 0)
            return 0;
        await_poke((int)((left + 999999) / 1000000));
    }
}
