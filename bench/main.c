/*
 * One contender, one row, one round: `contender ROW ARGUMENTS...` measures for
 * BENCH_MS milliseconds and prints one figure a line. bench.py calls it.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

int64_t row_budget_ns;
const char *child_path;

/* Rows take stdin and stdout for their children. */
static FILE *results;

void report(const char *name, double value)
{
    fprintf(results, "%s %.1f\n", name, value);
}

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

double typical(double *values, size_t count)
{
    double sum = 0;
    if (getenv("BENCH_CPU")) {
        qsort(values, count, sizeof *values, ascending);
        return values[count / 4];
    }
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return sum / (double)count;
}

struct task *new_tasks(size_t count)
{
    struct task *tasks = calloc(count, contender.task_size);
    if (!tasks)
        die("calloc");
    return tasks;
}

struct task *task_at(struct task *tasks, size_t index)
{
    return (struct task *)((char *)tasks + index * contender.task_size);
}

void expect_code(const struct task *task, int code)
{
    if (task->code == code)
        return;
    fprintf(stderr, "a child ended with %d, not with %d\n", task->code, code);
    exit(1);
}

void end_task(struct task *task)
{
    if (contender.pid)
        task->pid = contender.pid(task);
    if (task->pid <= 1) {
        errno = ESRCH;
        die("no pid to end");
    }
    must(kill(task->pid, SIGTERM), "kill");
}

int hold_stdin(void)
{
    int ends[2];
    must(pipe2(ends, O_CLOEXEC), "pipe2");
    must(dup2(ends[0], 0), "dup2");
    close(ends[0]);
    return ends[1];
}

int catch_stdout(void)
{
    int ends[2];
    must(pipe2(ends, O_CLOEXEC), "pipe2");
    must(dup2(ends[1], 1), "dup2");
    close(ends[1]);
    return ends[0];
}

static const struct {
    const char *name;
    row_function *run;
    int arguments;
} rows[] = {
    {"spawn", row_spawn, 3},   {"exit", row_exit, 1},
    {"burst", row_burst, 1},   {"many", row_many, 2},
    {"wake", row_wake, 1},     {"limit", row_limit, 0},
    {"overshoot", row_overshoot, 0}, {"capture", row_capture, 3},
    {"stop", row_stop, 1},     {"runner", row_runner, 2},
    {"pipeline", row_pipeline, 1}, {"cycles", row_cycles, 1},
};

static void pin(void)
{
    const char *cpu = getenv("BENCH_CPU");
    if (!cpu)
        return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(atoi(cpu), &set);
    must(sched_setaffinity(0, sizeof set, &set), "sched_setaffinity");
}

int main(int argc, char **argv)
{
    const char *budget = getenv("BENCH_MS");
    row_budget_ns = (budget ? atoi(budget) : 30) * (int64_t)1000000;
    child_path = getenv("BENCH_CHILD");
    if (argc < 2 || !child_path) {
        fprintf(stderr, "bench.py calls this\n");
        return 2;
    }
    pin();
    struct rlimit limit;
    must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    must(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
    results = fdopen((int)must(fcntl(1, F_DUPFD_CLOEXEC, 3), "fcntl"), "w");
    deny(getenv("BENCH_DENY"));
    if (contender.setup)
        contender.setup();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(argv[1], rows[i].name) == 0 && argc == 2 + rows[i].arguments) {
            rows[i].run(argv + 2);
            return fflush(results) ? 1 : 0;
        }
    }
    fprintf(stderr, "%s: no such row\n", argv[1]);
    return 2;
}
