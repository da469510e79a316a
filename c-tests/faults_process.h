/*
 * The supervisor's processes: starting one behind a filter, looking at it,
 * and clearing away what it leaves.
 */
#ifndef FAULTS_PROCESS_H
#define FAULTS_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

struct started {
    pid_t pid;
    int listener; /* its system calls come here */
    int output;   /* a file with what it writes to stderr */
};

/* Runs `argv` with every call notified, but those let through. 0 or -errno. */
int process_start(char *const argv[], struct started *ret);

/* Closes the file, after copying its text. */
void process_read_output(const struct started *started, char *buffer, size_t size);

/* What /proc/PID/stat contains. */
struct process {
    char state;
    pid_t parent;
    unsigned flags;
};
#define PROCESS_NOT_EXECED 0x40 /* PF_FORKNOEXEC */

int process_read(pid_t pid, struct process *ret);

/* Kills one of our own, not yet reaped, children. */
void process_kill(pid_t pid);

/* Waits for one of our own children; returns its wait status word. */
int process_reap(pid_t pid);

/* Kills and reaps every child that we have; returns how many there were. */
int process_clear_orphans(void);

#endif
