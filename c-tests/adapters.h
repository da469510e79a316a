/* The tests of the headers that add a set to an event loop: chld-glib.h, chld-uv.h. Each
 * loop has glue of its own. */
#ifndef ADAPTERS_H
#define ADAPTERS_H

#include "exits.h"

struct adapter {
    void (*begin)(void);
    void (*end)(void);
    /** Adds a set to the loop, with a callback that calls adapter_report(). Returns a number
     * below 0 if the set is not valid. */
    int (*attach)(chld_set set);
    void (*detach)(void);
    /** One turn of the loop. It waits for an event only if it may. */
    void (*turn)(bool may_wait);
};

void adapter_report(const chld_event *event);

/** Each event of every kind is reported once, even of children that the callback starts. */
void adapter_reports_each_event(const struct adapter *adapter, uint32_t flags);

/** A set that always has an event does not keep the loop from its other work. */
void adapter_lets_others_run(const struct adapter *adapter, uint32_t flags);

/** The callback may detach and close the set. */
void adapter_may_close(const struct adapter *adapter, uint32_t flags);

/** A set that is not valid is not added. */
void adapter_refuses_other_sets(const struct adapter *adapter);

#endif
