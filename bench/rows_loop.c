/*
 * Rows about many children: one end among N, all at once, and a stream of short
 * ones.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 4096
static double walls[MOST], cpus[MOST];

/* Until COUNT children have come to their read. Before that a part of their
 * start would be measured: after fork() all of the exec, after vfork() the first
 * page faults. They report that themselves: to look into /proc would make reaping them
 * slower. */
static void await_readers(int said, size_t count)
{
    char byte;
    for (size_t i = 0; i < count; i++)
        if (read(said, &byte, 1) != 1)
            die("no child says that it reads");
}

static struct task *start_all(void *loop, int said, size_t count)
{
    char *argv[] = {(char *)child_path, "h", NULL};
    struct task *tasks = new_tasks(count);
    for (size_t i = 0; i < count; i++)
        contender.start(loop, task_at(tasks, i), argv);
    await_readers(said, count);
    return tasks;
}

/* They wait on stdin: closing the other end ends them all. */
static void end_all(void *loop, int holder, size_t count)
{
    close(holder);
    for (size_t i = 0; i < count; i++)
        expect_code(contender.next(loop), 7);
}

/* Past measuring: some contenders would take minutes for thousands at once. */
static void drop_all(int holder)
{
    close(holder);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        ;
}

/* One exits; until the loop reports it. */
static void end_one(void *loop, struct task *victim, double *wall, double *cpu)
{
    int64_t cpu_before = cpu_ns();
    int64_t before = now_ns();
    end_task(victim);
    struct task *ended = contender.next(loop);
    *wall = (double)(now_ns() - before);
    *cpu = (double)(cpu_ns() - cpu_before);
    if (ended != victim)
        die("another child was told");
    expect_code(ended, 128 + 15);
}

/* COUNT: a tenth of them, but 32 at most, are killed one by one. Then others
 * take their places, which is not measured, but leaves the caches full of what a
 * start touches: of a table of thousands of descriptors, with most contenders.
 * That is why they are not started one by one. */
void row_exit(char **arguments)
{
    char *argv[] = {(char *)child_path, "h", NULL};
    size_t count = (size_t)atoi(arguments[0]);
    size_t batch = count < 320 ? (count + 9) / 10 : 32;
    int holder = hold_stdin(), said = catch_stdout();
    void *loop = contender.open();
    struct task *tasks = start_all(loop, said, count);
    size_t done = 0;
    unsigned random = 1;
    for (int64_t began = now_ns();
         done < 10 || (done + batch <= MOST && now_ns() - began < row_budget_ns);) {
        random = random * 1103515245 + 12345;
        struct task *victims[32];
        for (size_t i = 0; i < batch; i++, done++) {
            victims[i] = task_at(tasks, ((random >> 8) + i * (count / batch)) % count);
            end_one(loop, victims[i], &walls[done], &cpus[done]);
        }
        for (size_t i = 0; i < batch; i++)
            contender.start(loop, victims[i], argv);
        await_readers(said, batch);
    }
    drop_all(holder);
    report("wall", typical(walls, done));
    report("cpu", typical(cpus, done));
}

/* COUNT: all exit at once; until the last one is reported. */
void row_burst(char **arguments)
{
    size_t count = (size_t)atoi(arguments[0]);
    int said = catch_stdout();
    void *loop = contender.open();
    size_t done = 0;
    for (int64_t began = now_ns(); done < 3 || (done < MOST && now_ns() - began < row_budget_ns);
         done++) {
        int holder = hold_stdin();
        struct task *tasks = start_all(loop, said, count);
        int64_t cpu = cpu_ns();
        int64_t wall = now_ns();
        end_all(loop, holder, count);
        walls[done] = (double)(now_ns() - wall);
        cpus[done] = (double)(cpu_ns() - cpu);
        free(tasks);
    }
    contender.close(loop);
    report("wall", typical(walls, done));
    report("cpu", typical(cpus, done));
}

enum { IN_FLIGHT = 64, MOST_WINDOWS = 256, MOST_THREADS = 16 };

struct stream {
    pthread_t thread;
    int windows;
    double walls[MOST_WINDOWS];
};

/* Keeps 64 children in flight, and notes how long each 64 ends take. */
static void *run_stream(void *argument)
{
    struct stream *stream = argument;
    char *argv[] = {(char *)child_path, "x", NULL};
    struct task *tasks = new_tasks(IN_FLIGHT);
    void *loop = contender.open();
    for (size_t i = 0; i < IN_FLIGHT; i++)
        contender.start(loop, task_at(tasks, i), argv);
    for (int window = 0; window < stream->windows; window++) {
        int64_t wall = now_ns();
        for (int i = 0; i < IN_FLIGHT; i++) {
            struct task *task = contender.next(loop);
            expect_code(task, 7);
            contender.start(loop, task, argv);
        }
        stream->walls[window] = (double)(now_ns() - wall);
    }
    for (int i = 0; i < IN_FLIGHT; i++)
        expect_code(contender.next(loop), 7);
    contender.close(loop);
    free(tasks);
    return NULL;
}

/* CHILDREN THREADS */
void row_many(char **arguments)
{
    static struct stream streams[MOST_THREADS];
    int threads = atoi(arguments[1]);
    int windows = atoi(arguments[0]) / IN_FLIGHT / threads;
    if (threads > 1 && !contender.threads)
        return;
    int64_t cpu = cpu_ns();
    for (int i = 0; i < threads && i < MOST_THREADS; i++) {
        streams[i].windows = windows < MOST_WINDOWS ? windows : MOST_WINDOWS;
        if (i > 0 && pthread_create(&streams[i].thread, NULL, run_stream, &streams[i]))
            die("pthread_create");
    }
    /* The first one here: a contender may need SIGCHLD blocked in all threads. */
    run_stream(&streams[0]);
    size_t count = 0;
    for (int i = 0; i < threads && i < MOST_THREADS; i++) {
        if (i > 0)
            pthread_join(streams[i].thread, NULL);
        for (int j = 0; j < streams[i].windows; j++)
            walls[count++] = streams[i].walls[j];
    }
    report("wall", typical(walls, count));
    report("cpu", (double)(cpu_ns() - cpu));
}
