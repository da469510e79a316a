/* A stress test: several threads make random calls for the same few dozen children, and
 * compare what they get with the record of each child. */
#ifndef STRESS_H
#define STRESS_H

#include "../exits.h"

#include <stdatomic.h>

/* Random numbers, a sequence of its own for each thread. */

struct dice {
    uint64_t state;
};

/** 0 to `sides` - 1. */
unsigned throw(struct dice *dice, unsigned sides);

/* Children: records.c */

/** The number of different exit codes, and the code of every foreign child. */
enum { CODES = 64, FOREIGN_CODE = 77 };

/** The record of one child. It is never used again, so that a thread may have it
 * although another one has closed the handle. */
struct record {
    chld_id id;
    int pid;
    int code;
    /** It exits when its input ends; else by itself, at once. */
    bool waits;
    /** It leads a group. */
    bool leads;
    /** What was known before the call: its input has ended, or will, and the signals
     * that may have killed it, bit n - 1 for signal n. */
    atomic_bool told;
    atomic_uint sent;
    /** It may be stopped. */
    atomic_bool stops;
    /** A call that closes the handle has begun. */
    atomic_bool is_closed;
    /** The wait status word that a call has returned first. */
    atomic_int word;
};

enum { UNKNOWN_WORD = -2, LOST_WORD = -1 };

/** A child that is open, or was a moment ago; NULL if there is none. */
struct record *some_child(struct dice *dice);

/** Starts a child in a free place. */
void start_child(struct dice *dice);

/** Makes a child whose handle came about in another way known; false if there is no room:
 * the caller has it. */
bool keep_child(chld_id id, int pid, int code);

/** Takes a child out of its place: the caller closes the handle. NULL if there is none. */
struct record *take_child(struct dice *dice);

/** It is going to exit, whatever it is doing. */
void doom(struct record *record);

/** Closes the handle of a child that `take_child` has returned. */
void close_child(struct record *record);

/** Ends and closes all of them. */
void close_all_children(void);

/** A call has returned this status. */
#define CHECK_TRUE(record, status) check_true(__FILE__, __LINE__, (record), (status))
void check_true(const char *file, int line, struct record *record, const chld_status *status);

/** What a call for the child has returned: 0, or one of the others (0 ends the list), or
 * -EBADF if the handle may be closed. True for 0. */
#define CHECK_RESULT(record, result, ...) \
    check_result_of(__FILE__, __LINE__, (record), (result), (const int[]) { __VA_ARGS__, 0 })
bool check_result_of(const char *file, int line, const struct record *record, int result,
                     const int *others);

/** Whether its exit was returned by a call that has returned. */
bool is_known(const struct record *record);

/** Other code may have reaped the child with this pid. */
void note_theft(int pid);
bool may_be_stolen(int pid);

/* What a thread does: calls.c, sets.c, foreign.c */

struct action {
    const char *name;
    unsigned weight;
    void (*act)(struct dice *dice);
};
extern const struct action calls_for_children[], calls_for_sets[], foreign_children[];

/** Closes the sets that are open. */
void close_all_sets(void);

/** Wakes a set, if one is open. Async-signal-safe. */
void wake_some_set(unsigned number);

/** Whether statuses may be stolen here: in a pid namespace only. */
extern bool may_steal;

#endif
