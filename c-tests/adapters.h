/* What is asked of each header that puts a set into an event loop: chld-glib.h, chld-uv.h.
 * A loop brings its glue; what comes of it is judged here. */
#ifndef ADAPTERS_H
#define ADAPTERS_H

#include "ends.h"

struct adapter {
    void (*begin)(void);
    void (*end)(void);
    /** Puts a set into the loop, with adapter_told() for its events; below 0 if the set is
     * not valid. `detach` undoes it. */
    int (*attach)(chld_set set);
    void (*detach)(void);
    /** Goes round once. Without `may_wait` it only looks. */
    void (*turn)(bool may_wait);
};

void adapter_told(const chld_event *event);

/** Each kind of event arrives, each once, also of children that are started meanwhile. */
void adapter_tells_each_event(const struct adapter *adapter, uint32_t flags);

/** A set that always has an event leaves the loop its turns. */
void adapter_leaves_turns(const struct adapter *adapter, uint32_t flags);

/** What is called may take the set out of the loop and close it. */
void adapter_may_close(const struct adapter *adapter, uint32_t flags);

/** There is nothing to take out. */
void adapter_refuses_other_sets(const struct adapter *adapter);

#endif
