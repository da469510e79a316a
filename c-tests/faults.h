/*
 * The frame of the fault scenarios. A scenario calls the library inside a
 * window (inject.h) in which any system call may fail, and then requires of
 * every call that it either worked, with the right result, or has returned the
 * errno of what failed and left nothing behind. Without a supervisor nothing is
 * made to fail, and everything has to work.
 *
 * PROGRAM --list prints the scenarios, PROGRAM NAME runs one: 0 passed, 77
 * skipped.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include "chld.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct scenario {
    const char *name;
    void (*run)(void);
};

int frame(int argc, char **argv, const struct scenario *scenarios, size_t count);

/* The program that scenarios start (faults_child.c), and where it lies. */
extern char child_program[PATH_MAX];
extern char child_directory[PATH_MAX];

/* Ends the scenario: it has failed. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void skip(const char *why);

/** Skips on a busy machine: to find a tree, several calls are made for every process. */
void need_few_processes(void);

#define require(condition, ...)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fail(__VA_ARGS__);                                                                     \
        }                                                                                          \
    } while (0)

/* Everything of this process that no call of the library may change. */
struct state {
    unsigned long long mask;
    unsigned char dispositions[65][32];
    struct {
        int fd, flags;
        unsigned long long device, inode;
    } fds[256];
    size_t fds_count;
    unsigned long long directory;
    int group, session;
    unsigned umask;
    long dumpable, nice;
    bool children;
};

void state_take(struct state *ret);
/* Fails if anything differs; a child counts only if there was none before. */
void state_require(const struct state *before, const char *when);
/* Ends when no child is left, and fails if the library keeps a zombie. */
void state_require_reaped(void);

/* What the supervisor made fail; error 0: nothing. */
struct seen {
    int error, call;
    bool in_child;
    int arguments[3];
};

void window_open(void);
struct seen window_close(void);

/* Requires that a call that returned `result` worked, or prints what was seen.
 * Returns whether it worked. */
bool judge(const char *what, int result, const struct seen *seen);

/* How a start has to turn out when nothing is made to fail. */
struct want {
    const char *const *argv;
    const chld_spawn_options *options;
    int code; /* the exit code */
    /* Or how it is refused; step 0: it is not. */
    struct {
        int step, index, error;
    } refused;
    void (*talk)(chld_id id); /* called, without faults, while the child runs */
};

/* Starts, waits and closes inside the window, and judges what came of it. */
void check_start(const struct want *want);

/* The same for what comes of one call of chld_spawn. */
bool judge_start(const struct want *want, int result, const chld_error *error,
                 const struct seen *seen);

/* Without faults: starts a child that must start. */
chld_id start(const char *const *argv, const chld_spawn_options *options);
/* A child that exits with code 42 when its stdin is closed. */
chld_id start_gated(void);
void open_gate(chld_id id);
/* Without faults: waits, requires this end, closes. */
void finish(chld_id id, int state, int code);
/* Without faults: whatever became of it, it is ended and closed. */
void get_rid_of(chld_id id);
/* SIGTERM, and soon SIGKILL. */
chld_stop_plan two_steps(uint32_t target);
/* The directory of a cgroup that is gone at the end; else skips. */
int make_cgroup(void);
/* Returns when the child is a zombie, which stays one. */
void await_zombie(int pid);

/* A wait inside the window. Returns whether it worked. */
bool try_wait(chld_id id, int timeout_ms, chld_status *ret);
/* The same for a child that goes on: it must not be reported as exited. */
void try_in_vain(chld_id id, int timeout_ms);
void require_status(const chld_status *status, int state, int code);

#endif
