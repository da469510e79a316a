/* What every event loop is given to do in its tests, all at once: a crowd of
 * children in a set, captures by steps, and children of the loop's own. A loop
 * brings its glue; what comes of it is judged here. */
#ifndef LOOPS_H
#define LOOPS_H

#include "exits.h"

/** A capture that the loop drives. */
struct job {
    chld_id child;
    chld_capture_id capturing;
    const struct task *task;
    chld_capture_wait wait; /* what the loop is to wait for */
    long long due;          /* when its time is over, as now_ms(); -1: never */
    bool is_armed;
    bool is_done;
    void *glue; /* the loop's own */
};

/** The glue between a loop and this library. */
struct loop {
    void (*begin)(void);
    void (*end)(void);
    /** Calls crowd_take() whenever the descriptor is readable; `unwatch` undoes it. */
    void (*watch)(int fd);
    void (*unwatch)(void);
    /** Calls job_step() when one of the job's descriptors is ready or its time is
     * over; `disarm` undoes it. */
    void (*arm)(struct job *job);
    void (*disarm)(struct job *job);
    /** Starts `argv` as a child of the loop's own, and calls own_ended() when the
     * loop reports its exit. NULL: the loop has no such thing. */
    void (*start_own)(int number, const char *const *argv);
    /** Goes round once; it may wait. */
    void (*turn)(void);
    /** It waits for any child at all, so statuses may be lost where the kernel
     * does not report them twice. */
    bool steals;
    /** It blocks SIGCHLD, and calls chld_reap() when one is pending. */
    bool blocks_sigchld;
};

/** Runs the whole of it. `flags` is for chld_set_open(); in `reap_mode` the
 * program has asked for the SIGCHLD handler as well. */
void loop_run(const struct loop *loop, uint32_t flags, bool reap_mode);

/** Takes all events of the set. */
void crowd_take(void);

/** Does what can be done for a capture, and arms it anew. */
void job_step(struct job *job);

/** How the loop's own child exited, as waitpid() would have stored it. */
void own_ended(int number, int wait_word);

/** For loops without timers of their own: how long they may sleep, as for
 * poll(), and stepping the captures whose time is over. */
int jobs_timeout(void);
void jobs_step_due(void);

/** The same for loops that report SIGCHLD, not children: starts a child by
 * fork, and looks at each child so started that has not ended yet. */
void own_fork(int number, const char *const *argv);
void own_look(void);

/** Whether waits and such a set detect exits by SIGCHLD here. */
bool is_by_signal(uint32_t flags);

#endif
