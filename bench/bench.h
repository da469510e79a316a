/*
 * What the rows ask of a contender. Each contender is one file that fills
 * `contender`; with main.c and the rows it makes a program of its own.
 *
 * A contender ends the program when anything fails (die, must): a benchmark of
 * failures would be fast.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** One child. A contender's own struct begins with this one. */
struct task {
    pid_t pid;
    /** How it exited: the exit code, or 128 + the signal. */
    int code;
    /** The caller's ends of its pipes, or -1. */
    int ends[3];
};

/** All that a child writes to its stdout, which is `size` bytes. */
struct capture {
    char *const *argv;
    size_t size;
    /** For `into`: `size` bytes that are in memory already. */
    char *buffer;
    /** For `splice`: where it goes. */
    int fd;
    /** What came. */
    size_t got;
    int code;
};

/** NULL where a contender has no such thing. rust.rs has the same struct. */
struct contender {
    size_t task_size;
    void (*setup)(void);

    /** Starts argv[0], a path; `pipes` is 0, or 3 for one on each stream. */
    void (*spawn)(struct task *task, char *const argv[], int pipes);
    /** Waits, closes the pipes and gives up the task. */
    void (*wait)(struct task *task);
    /** The same with a limit: 1, or 0 if it still runs. */
    int (*wait_for)(struct task *task, int ms);

    /** Where a start does not return the pid: asked before one is killed by it. */
    pid_t (*pid)(const struct task *task);

    /** Many children, reported one by one. */
    void *(*open)(void);
    void (*start)(void *loop, struct task *task, char *const argv[]);
    struct task *(*next)(void *loop);
    void (*close)(void *loop);
    /** Several threads may have a loop each. */
    int threads;

    /** Into capture->buffer. */
    void (*into)(struct capture *capture);
    /** Into memory of the contender's own, which is given back. */
    void (*growing)(struct capture *capture);
    /** Piece by piece to take(). */
    void (*pieces)(struct capture *capture);
    /** On to capture->fd, without passing through the program. */
    void (*splice)(struct capture *capture);

    /** Begins to stop a child of a loop. NULL: SIGTERM is sent. */
    void (*stop)(void *loop, struct task *task);
    /** Captures `count` children into their buffers, `at_once` at a time. */
    void (*run_all)(struct capture *captures, size_t count, size_t at_once);
    /** Three programs, a | b | c: what the last one writes, into capture->buffer. */
    void (*pipeline)(struct capture *capture, char *const *const stages[3]);
};

extern const struct contender contender;

/* common.c */
_Noreturn void die(const char *what);
/** Ends the program if `result` is negative. */
long must(long result, const char *what);
int64_t now_ns(void);
int64_t cpu_ns(void);
/** The exit code, or 128 + the signal, of a wait status word. */
int code_of(int wait_word);
/** Pipes for stdin, stdout, stderr, close-on-exec. The caller's ends go to
 * task->ends, the child's to `theirs`; without pipes all are -1. */
void open_pipes(struct task *task, int theirs[3], int pipes);
void close_ends(int ends[3]);
/** Reads to the end, into the buffer. */
void read_into(int fd, struct capture *capture);
/** The same into memory that grows by doubling, and is given back. */
void read_growing(int fd, struct capture *capture);
/** Takes a piece: counts it. */
void take(struct capture *capture, const char *data, size_t size);

/* reaper.c: SIGCHLD, a self-pipe and waitpid(-1), as written by hand. */
void *reaper_open(void);
void reaper_add(struct task *task);
struct task *reaper_next(void *loop);
void reaper_close(void *loop);
void reaper_wait(struct task *task);
int reaper_wait_for(struct task *task, int ms);

/* The rows. */
typedef void row_function(char **arguments);
row_function row_spawn, row_exit, row_burst, row_many, row_wake, row_limit, row_overshoot,
    row_capture, row_stop, row_runner, row_pipeline, row_cycles;

/* deny.c */
/** Makes the kernel an older one: "clone3", "close_range", "pidfd". */
void deny(const char *what);

/* main.c */
/** How long a row measures. */
extern int64_t row_budget_ns;
extern const char *child_path;
/** Reports one figure to the driver. */
void report(const char *name, double value);
/** Of a pinned row the first quartile; sorts. Half the values are too high on a machine
 * that does other things as well: something ran in between. Of another row the mean: where
 * the scheduler places both sides is part of what a program pays, and is luck. */
double typical(double *values, size_t count);
/** Tasks of the contender's own size. */
struct task *new_tasks(size_t count);
struct task *task_at(struct task *tasks, size_t index);
void expect_code(const struct task *task, int code);
/** Sends SIGTERM to a child that has not been waited for. */
void end_task(struct task *task);
/** Makes stdin a pipe, on which children wait; returns its other end. */
int hold_stdin(void);
/** Makes stdout a pipe, to which children write; returns its other end. */
int catch_stdout(void);

#endif
