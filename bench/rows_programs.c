/*
 * Rows about what programs do: stop many children, run many with their output captured,
 * run a pipeline.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST = 64, PIECE = 4096 };
static double walls[MOST];

static int again(size_t done, int64_t began)
{
    return done < 2 || (done < MOST && now_ns() - began < row_budget_ns);
}

static void expect(const struct capture *capture)
{
    if (capture->got != capture->size || capture->code != 7) {
        fprintf(stderr, "%zu bytes and code %d\n", capture->got, capture->code);
        exit(1);
    }
}

/* COUNT: from the first signal to the last exit. All children exit at SIGTERM. */
void row_stop(char **arguments)
{
    char *argv[] = {(char *)child_path, "h", NULL};
    size_t count = (size_t)atoi(arguments[0]), done = 0;
    int holder = hold_stdin(), said = catch_stdout();
    void *loop = contender.open();
    struct task *tasks = new_tasks(count);
    for (int64_t began = now_ns(); again(done, began); done++) {
        char byte;
        for (size_t i = 0; i < count; i++)
            contender.start(loop, task_at(tasks, i), argv);
        for (size_t i = 0; i < count; i++)
            must(read(said, &byte, 1) == 1 ? 0 : -1, "read");
        int64_t start = now_ns();
        for (size_t i = 0; i < count; i++) {
            if (contender.stop)
                contender.stop(loop, task_at(tasks, i));
            else
                end_task(task_at(tasks, i));
        }
        for (size_t i = 0; i < count; i++)
            expect_code(contender.next(loop), 128 + 15);
        walls[done] = (double)(now_ns() - start);
    }
    contender.close(loop);
    close(holder);
    free(tasks);
    report("wall", typical(walls, done));
}

/* COUNT AT_ONCE: a test runner. Each child writes 4 KiB, which are kept. */
void row_runner(char **arguments)
{
    char *argv[] = {(char *)child_path, "k", NULL};
    size_t count = (size_t)atoi(arguments[0]), at_once = (size_t)atoi(arguments[1]), done = 0;
    struct capture *captures = calloc(count, sizeof *captures);
    char *buffers = malloc(count * PIECE);
    if (!captures || !buffers)
        die("malloc");
    for (int64_t began = now_ns(); again(done, began); done++) {
        for (size_t i = 0; i < count; i++)
            captures[i] = (struct capture){
                .argv = argv, .size = PIECE, .buffer = buffers + i * PIECE, .fd = -1};
        int64_t start = now_ns();
        contender.run_all(captures, count, at_once < count ? at_once : count);
        walls[done] = (double)(now_ns() - start);
        for (size_t i = 0; i < count; i++)
            expect(&captures[i]);
    }
    free(captures);
    free(buffers);
    report("wall", typical(walls, done));
}

/* MIB: one program writes them, two pass them on. */
void row_pipeline(char **arguments)
{
    char *writes[] = {(char *)child_path, "w", arguments[0], "64", NULL};
    char *passes[] = {(char *)child_path, "p", NULL};
    char *const *const stages[3] = {writes, passes, passes};
    size_t size = (size_t)atoi(arguments[0]) << 20, done = 0;
    struct capture capture = {.size = size, .buffer = malloc(size), .fd = -1};
    if (!capture.buffer)
        die("malloc");
    for (size_t at = 0; at < size; at += PIECE)
        capture.buffer[at] = 1; /* it is in memory already */
    for (int64_t began = now_ns(); again(done, began); done++) {
        int64_t start = now_ns();
        capture.got = 0;
        contender.pipeline(&capture, stages);
        walls[done] = (double)(now_ns() - start);
        expect(&capture);
    }
    free(capture.buffer);
    report("wall", typical(walls, done));
}
