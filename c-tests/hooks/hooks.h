/* The points at which a library built with the feature `hooks` calls the test: see
 * src/sys/hook.rs. Each thread has a trap of its own. */
#ifndef HOOKS_H
#define HOOKS_H

#include "../every_call.h"

enum { BLOCKED = 1, LOCKED, UNLOCKED, SLEEPING };
#define POINT(name) (1u << (name))
#define ANY_POINT (POINT(BLOCKED) | POINT(LOCKED) | POINT(UNLOCKED) | POINT(SLEEPING))

/** Calls `act` at the thread's point number `left` of these kinds. */
struct trap {
    unsigned points;
    int left;
    void (*act)(void);
};
extern _Thread_local struct trap trap;

/** Makes every call again and again, and acts at its first, second, third ... point, as
 * long as it comes to that number. `after` is called when the call has returned. */
void at_each_point(unsigned points, void (*act)(void), void (*after)(void));

/** The call in which the trap is, and what it works on. */
extern const struct call *trapped_call;
extern struct scene trapped_scene;

#endif
