/*
 * parallel - runs a command for every line of its input, several at a time.
 *
 * All captures, the input and the program's own signals are waited for by one
 * poll().
 */
#define _GNU_SOURCE
#include "parallel.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { MOST_COUNTED = 101, FIRST_CAPTURE = 2 };

static struct text input;
static int input_ended, ended_by, progress;
static sigset_t taken;

static void read_some(void)
{
    input.data = got(realloc(input.data, input.length + 4096));
    ssize_t count = read(STDIN_FILENO, input.data + input.length, 4096);
    if (count > 0)
        input.length += (size_t)count;
    else if (count == 0)
        input_ended = 1;
    else if (errno != EINTR && errno != EAGAIN)
        tool_give_up("stdin: %s", strerror(errno));
}

/* The first item of what was read; NULL if its end is not there yet. */
static char *next_line(void)
{
    if (input.length == 0)
        return NULL;
    char *end = memchr(input.data, wanted.separator, input.length);
    if (!end && !input_ended)
        return NULL;
    size_t length = end ? (size_t)(end - input.data) : input.length;
    char *item = got(strndup(input.data, length));
    input.length -= length + (end != NULL);
    memmove(input.data, input.data + length + (end != NULL), input.length);
    return item;
}

static char *next_item(void)
{
    if (!wanted.items)
        return next_line();
    return *wanted.items ? got(strdup(*wanted.items++)) : NULL;
}

static int has_items(void)
{
    return wanted.items ? *wanted.items != NULL : !input_ended || input.length > 0;
}

static int is_room(void)
{
    return !no_more && sum.running < wanted.at_once;
}

static int wants_input(void)
{
    return is_room() && !wanted.items && !input_ended;
}

/* A job in a session of its own has no shell that would continue it: it takes no
 * SIGTSTP, but SIGSTOP. */
static void pause_all(void)
{
    signal_all(SIGSTOP);
    tool_stop_self(SIGTSTP);
    signal_all(SIGCONT);
}

static void take_signal(void)
{
    siginfo_t info;
    int signal = tool_next_signal(&taken, tool_now(), &info);
    if (signal == SIGTSTP) {
        pause_all();
    } else if (signal > 0 && signal != SIGCONT) {
        ended_by = signal;
        stop_all();
    }
}

static void show_progress(void)
{
    if (progress)
        fprintf(stderr, "\r\033[K%d running, %d good, %d bad", sum.running, sum.good, sum.bad);
}

static void clear_progress(void)
{
    if (progress)
        fputs("\r\033[K", stderr);
}

/* Lets every capture do what it can; says what they wait for, and how long. */
static nfds_t step_all(struct pollfd *fds, int *timeout)
{
    nfds_t count = FIRST_CAPTURE;
    for (struct job *job = jobs; job; job = job->next) {
        chld_capture_wait wait;
        while (job->child != CHLD_NONE && chld_capture_step(job->capturing, &wait) != 0)
            finish(job); /* and then it may run again */
        if (job->child == CHLD_NONE)
            continue;
        for (unsigned i = 0; i < wait.count; i++)
            fds[count++] = (struct pollfd){wait.fds[i].fd, wait.fds[i].events, 0};
        if (wait.timeout_ms >= 0 && (*timeout < 0 || wait.timeout_ms < *timeout))
            *timeout = wait.timeout_ms;
    }
    return count;
}

/* Until no job runs and none is to come. */
static void serve(int signals)
{
    struct pollfd *fds = got(calloc(
        FIRST_CAPTURE + (size_t)wanted.at_once * CHLD_CAPTURE_FDS, sizeof *fds));
    for (;;) {
        char *item;
        while (is_room() && (item = next_item()) != NULL)
            add_job(item);
        int timeout = -1, stops = stopping, running = sum.running;
        nfds_t count = step_all(fds, &timeout);
        clear_progress();
        print_ended();
        if (sum.running == 0 && (no_more || !has_items()))
            break;
        show_progress();
        /* What has changed meanwhile is looked at before sleeping. */
        if (stopping != stops || sum.running != running)
            timeout = 0;
        fds[0] = (struct pollfd){signals, POLLIN, 0};
        fds[1] = (struct pollfd){wants_input() ? STDIN_FILENO : -1, POLLIN, 0};
        if (poll(fds, count, timeout) <= 0)
            continue;
        if (fds[1].revents)
            read_some();
        if (fds[0].revents)
            take_signal();
    }
    free(fds);
    free(input.data);
}

static int exit_code(void)
{
    if (broken)
        tool_give_up("stdout: %s", strerror(broken));
    if (ended_by) {
        chld_status status = {.state = CHLD_STATE_KILLED, .code = ended_by};
        chld_status_raise(&status);
    }
    return sum.bad < MOST_COUNTED ? sum.bad : MOST_COUNTED;
}

int main(int argc, char **argv)
{
    static const int taken_here[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGCONT};
    read_options(argc, argv);
    double begun = tool_now();
    taken = tool_take_signals(taken_here, sizeof taken_here / sizeof *taken_here);
    signal(SIGPIPE, SIG_IGN); /* who writes learns it, and stops the jobs first */
    int signals = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0)
        tool_give_up("signalfd: %s", strerror(errno));
    progress = isatty(STDERR_FILENO);
    serve(signals);
    close(signals);
    if (wanted.verbose) {
        print_endings();
        tool_say("%.1f s in %.1f s, %.1f s of CPU time", sum.time, tool_now() - begun, sum.cpu);
    }
    return exit_code();
}
