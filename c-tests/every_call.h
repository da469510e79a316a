/* Every function of the library that has to do with children, once or more, for tests
 * that do something at each point of each call. `make check` finds what is missing. */
#ifndef EVERY_CALL_H
#define EVERY_CALL_H

#include "support.h"

/** What the calls work on. */
struct scene {
    /** It runs until its input ends, and copies that to its output. It leads a group,
     * and has pipes for all three streams. */
    chld_id running;
    /** It has exited. No call has seen that, but the handler may have. */
    chld_id exited;
    /** Sets of either engine: each has both children. */
    chld_set set, sigchld_set;
};

struct scene scene_make(void);
void scene_end(const struct scene *scene);

/** Each returns what its last call returned. None leaves anything open. */
struct call {
    const char *name;
    int (*run)(const struct scene *scene);
};

extern const struct call every_call[];
extern const int every_call_count;

#endif
