/*
 * supervise.h - the parts of supervise: its log, the list, and the programs.
 */
#ifndef SUPERVISE_H
#define SUPERVISE_H

#include "tool.h"

/* Opens the log anew at `path`; NULL is stderr. Returns -errno, and keeps the old
 * one, if it cannot. */
int log_open(const char *path);
/* A line with the time, about a program or "supervise". */
void log_line(const char *about, const char *format, ...) __attribute__((format(printf, 2, 3)));

enum restart { ALWAYS, ON_FAILURE, NEVER };
enum state { WAITING, RUNNING, STOPPING, FINISHED };

struct program {
    struct program *next;

    /* From the list. */
    char *line; /* all of it: it has changed if this has */
    char *name, *directory;
    char **command;
    enum restart restart;
    int stop_signal;
    double delay, most, reset, grace;

    enum state state;
    chld_id child;
    double since;   /* it runs, or waits, since then */
    double due;     /* when to start it, or to kill it; 0: never */
    double backoff; /* how long it waits next time */
    int starts, killed, leaving;
};

/* Reads a list. Returns 0, or -1 after it has said what is wrong with which line. */
int list_read(const char *path, struct program **ret);
void program_free(struct program *program);

/* Sends the stop signal, or no longer waits to start it. */
void program_stop(struct program *program);
/* Looks whether it has ended, without waiting. */
void program_look(struct program *program);
/* What is due by now: a start, or SIGKILL. Returns -1 if not even that ended it. */
int program_step(struct program *program);
/* What it does, to the log. */
void program_tell(const struct program *program);

#endif
