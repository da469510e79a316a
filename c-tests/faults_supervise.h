/*
 * One run of a program under a supervisor that answers its system calls.
 */
#ifndef FAULTS_SUPERVISE_H
#define FAULTS_SUPERVISE_H

#include "faults_calls.h"

/* What must fail. */
struct fault {
    int at;        /* the how manieth call in the window, from 1; 0: none */
    bool in_child; /* of those that children make, or of the program's own: the
                      two may run at once, in any order */
    int number;    /* that call's number: else nothing is done */
    int error;
    bool persist;  /* and every later call of that number as well */
    bool force;    /* with an errno that the table does not have, too */
};

#define MOST_CALLS 8192

/* What happened. */
struct run {
    int count; /* calls in the window, the first MOST_CALLS of them in `calls` */
    struct call calls[MOST_CALLS];
    int failures;      /* how many were made to fail */
    int wait_word;     /* how the program exited */
    bool hung;         /* it had to be killed */
    int left_behind;   /* children that it left */
    char output[4096]; /* what it wrote to stderr */
};

/*
 * Runs `argv`. Returns 0, or -errno if it could not be supervised, with -ENOSYS
 * where the kernel does not offer that.
 */
int supervise(char *const argv[], const struct fault *fault, struct run *ret);

/* Once, before the first run: orphans of a run become our children, and a timer
 * sees to it that the supervisor never sleeps for long. */
void supervise_prepare(void);

#endif
