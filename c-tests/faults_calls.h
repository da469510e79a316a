/*
 * Which system calls can fail, and how.
 */
#ifndef FAULTS_CALLS_H
#define FAULTS_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A system call as the supervisor saw it. */
struct call {
    int number;
    bool in_child; /* made between clone and exec */
    uint64_t arguments[6];
};

#define MOST_ERRORS 12

/* The errnos that `call` can fail with, 0 at the end; none for a call that
 * cannot fail with these arguments. */
void call_errors(const struct call *call, int ret_errors[MOST_ERRORS + 1]);

bool call_can_fail_with(const struct call *call, int error);

/* "openat", or "call 999" in memory that the next use overwrites. */
const char *call_name(int number);

/* The calls that nobody looks at; see the table for the reasons. */
extern const int calls_let_through[];
extern const size_t calls_let_through_count;

#endif
