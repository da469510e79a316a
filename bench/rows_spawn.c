/*
 * Rows about one child at a time: start it, wait for it, how soon a wait reports
 * of its end, and what a limit costs.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define MOST 4096
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
static double samples[MOST], switches[MOST];

/* Whether to measure once more: two at least, then as long as there is time. */
static int once_more(size_t done, int64_t began)
{
    return done < 2 || (done < MOST && now_ns() - began < row_budget_ns);
}

/* Memory that a copy of the page tables has to go through: 4 KiB pages. */
static void touch(size_t megabytes)
{
    size_t size = megabytes << 20;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        die("mmap");
    madvise(memory, size, MADV_NOHUGEPAGE);
    /* Since Linux 5.14, and faster. */
    if (madvise(memory, size, MADV_POPULATE_WRITE) == 0)
        return;
    for (size_t i = 0; i < size; i += 4096)
        memory[i] = 1;
}

static void open_many(int count)
{
    int first = (int)must(open("/dev/null", O_RDONLY | O_CLOEXEC), "open");
    for (int i = 1; i < count; i++)
        must(fcntl(first, F_DUPFD_CLOEXEC, 3), "F_DUPFD_CLOEXEC");
}

static void cycle(struct task *task, char *const argv[], int pipes)
{
    contender.spawn(task, argv, pipes);
    contender.wait(task);
    expect_code(task, 7);
}

/* MEGABYTES DESCRIPTORS PIPES */
void row_spawn(char **arguments)
{
    touch((size_t)atoi(arguments[0]));
    if (atoi(arguments[1]))
        open_many(atoi(arguments[1]));
    int pipes = atoi(arguments[2]);
    char *argv[] = {(char *)child_path, "x", NULL};
    struct task *task = new_tasks(1);
    for (int warm = 0; warm < 2; warm++)
        cycle(task, argv, pipes);
    size_t done = 0;
    for (int64_t began = now_ns(); once_more(done, began); done++) {
        int64_t start = now_ns();
        cycle(task, argv, pipes);
        samples[done] = (double)(now_ns() - start);
    }
    report("wall", typical(samples, done));
}

static double faults(int who)
{
    struct rusage usage;
    must(getrusage(who, &usage), "getrusage");
    return (double)usage.ru_minflt;
}

/* COUNT: for strace, and for counts of heap calls and page faults. */
void row_cycles(char **arguments)
{
    extern unsigned long heap_calls(void) __attribute__((weak));
    char *argv[] = {(char *)child_path, "x", NULL};
    struct task *task = new_tasks(1);
    cycle(task, argv, 0);
    unsigned long before = heap_calls ? heap_calls() : 0;
    double own = faults(RUSAGE_SELF), theirs = faults(RUSAGE_CHILDREN);
    int count = atoi(arguments[0]);
    for (int i = 0; i < count; i++)
        cycle(task, argv, 0);
    report("faults", (faults(RUSAGE_SELF) - own) / count);
    report("child_faults", (faults(RUSAGE_CHILDREN) - theirs) / count);
    if (heap_calls)
        report("heap", (double)(heap_calls() - before) / count);
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, "Threads:", 8) == 0)
            report("threads", atoi(line + 8) - 1);
}

static int64_t since_stamp(int64_t now, int stamps)
{
    struct timespec time;
    if (read(stamps, &time, sizeof time) != sizeof time)
        die("no stamp");
    return now - ((int64_t)time.tv_sec * 1000000000 + time.tv_nsec);
}

static long given_up(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

/* "blocking" or "loop": from the last act of a child to the return. */
void row_wake(char **arguments)
{
    int in_loop = strcmp(arguments[0], "loop") == 0;
    char *argv[] = {(char *)child_path, "t", "1", NULL};
    struct task *task = new_tasks(1);
    void *loop = in_loop ? contender.open() : NULL;
    int stamps = catch_stdout();
    size_t done = 0;
    for (int64_t began = now_ns(); done < 8 || once_more(done, began); done++) {
        if (in_loop) {
            contender.start(loop, task, argv);
            contender.next(loop);
        } else {
            contender.spawn(task, argv, 0);
            contender.wait(task);
        }
        samples[done] = (double)since_stamp(now_ns(), stamps);
        expect_code(task, 7);
    }
    report("wall", typical(samples, done));
}

/* A child that exits after 10 ms, with a timeout of 10 s. */
void row_limit(char **arguments)
{
    (void)arguments;
    char *argv[] = {(char *)child_path, "t", "10", NULL};
    struct task *task = new_tasks(1);
    int stamps = catch_stdout();
    size_t done = 0;
    for (int64_t began = now_ns(); done < 5 || once_more(done, began); done++) {
        contender.spawn(task, argv, 0);
        long before = given_up();
        if (!contender.wait_for(task, 10000))
            die("a limit of 10 s passed");
        samples[done] = (double)since_stamp(now_ns(), stamps);
        switches[done] = (double)(given_up() - before);
        expect_code(task, 7);
    }
    report("wall", typical(samples, done));
    report("wakeups", typical(switches, done));
}

/* A limit of 20 ms that passes: by how much, and how often it woke. */
void row_overshoot(char **arguments)
{
    (void)arguments;
    enum { LIMIT = 20 };
    char *argv[] = {(char *)child_path, "r", NULL};
    struct task *task = new_tasks(1);
    hold_stdin();
    contender.spawn(task, argv, 0);
    size_t done = 0;
    for (int64_t began = now_ns(); done < 3 || once_more(done, began); done++) {
        long before = given_up();
        int64_t start = now_ns();
        if (contender.wait_for(task, LIMIT))
            die("the child has ended");
        samples[done] = (double)(now_ns() - start) - LIMIT * 1e6;
        switches[done] = (double)(given_up() - before);
        if (samples[done] < 0)
            die("woke early");
    }
    end_task(task);
    contender.wait(task);
    expect_code(task, 128 + 15);
    report("wall", typical(samples, done));
    report("wakeups", typical(switches, done));
}
