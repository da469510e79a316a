/*
 * What contenders share.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

_Noreturn void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

long must(long result, const char *what)
{
    if (result < 0)
        die(what);
    return result;
}

static int64_t read_clock(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int64_t now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t cpu_ns(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

int code_of(int wait_word)
{
    return WIFSIGNALED(wait_word) ? 128 + WTERMSIG(wait_word) : WEXITSTATUS(wait_word);
}

void open_pipes(struct task *task, int theirs[3], int pipes)
{
    for (int i = 0; i < 3; i++) {
        int ends[2] = {-1, -1};
        if (i < pipes)
            must(pipe2(ends, O_CLOEXEC), "pipe2");
        theirs[i] = ends[i == 0 ? 0 : 1];
        task->ends[i] = ends[i == 0 ? 1 : 0];
    }
}

void close_ends(int ends[3])
{
    for (int i = 0; i < 3; i++) {
        if (ends[i] >= 0)
            close(ends[i]);
        ends[i] = -1;
    }
}

void read_into(int fd, struct capture *capture)
{
    for (;;) {
        /* What comes after a full buffer goes to `past`: 0 is the end. */
        char past;
        size_t room = capture->size - capture->got;
        ssize_t got = must(read(fd, room ? capture->buffer + capture->got : &past,
                                room ? room : 1), "read");
        if (got == 0)
            return;
        capture->got += (size_t)got;
    }
}

void read_growing(int fd, struct capture *capture)
{
    size_t room = 1 << 17;
    char *buffer = malloc(room);
    ssize_t got;
    while ((got = must(read(fd, buffer + capture->got, room - capture->got), "read")) > 0) {
        capture->got += (size_t)got;
        if (capture->got == room && !(buffer = realloc(buffer, room *= 2)))
            die("realloc");
    }
    free(buffer);
}

void take(struct capture *capture, const char *data, size_t size)
{
    (void)data;
    capture->got += size;
}
