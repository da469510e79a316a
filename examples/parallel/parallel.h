/*
 * parallel.h - the parts of parallel: its options, and its jobs.
 */
#ifndef PARALLEL_H
#define PARALLEL_H

#include "tool.h"

struct wanted {
    int at_once, keep_order, retries, halt_soon, halt_now, tag, separator, verbose;
    double limit, grace;
    char **command, **items; /* items: NULL if they come from stdin */
};
extern struct wanted wanted;

void read_options(int argc, char **argv);

struct text {
    char *data;
    size_t length;
};

struct job {
    struct job *next;
    char *item;
    chld_id child; /* CHLD_NONE: it does not run */
    chld_capture_id capturing;
    struct text out, err;
    double begun;
    int tries;
};
extern struct job *jobs; /* those whose output was not printed yet, in the items' order */

struct sum {
    int running, good, bad;
    double time, cpu;
};
extern struct sum sum;
extern int no_more;  /* no further item is begun */
extern int stopping; /* how often those that run were told to stop */
extern int broken;   /* the errno of stdout */

/* `memory`, or the end if there is none. */
void *got(void *memory);
void add_job(char *item);
/* Stops all that run by degrees; when called again, at once. */
void stop_all(void);
/* To every job, with all it has started. */
void signal_all(int signal);
/* The job's capture is done. */
void finish(struct job *job);
/* Prints what has ended; with --keep-order, what is before all that has not. */
void print_ended(void);
/* How often did jobs end in which way? */
void print_endings(void);

#endif
