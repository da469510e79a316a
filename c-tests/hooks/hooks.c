/* See hooks.h. */
#include "hooks.h"

_Thread_local struct trap trap;
const struct call *trapped_call;
struct scene trapped_scene;

/* The library calls this. It may be in a signal handler. */
void chld_test_hook(int point);
void chld_test_hook(int point)
{
    if (trap.left > 0 && trap.points & POINT(point) && --trap.left == 0) {
        trap.act();
    }
}

/* What a call returns, as far as that does not depend on pids and descriptors. */
static int make_call(const struct call *call)
{
    int result = call->run(&trapped_scene);
    return result < 0 ? result : 0;
}

static int make_call_freely(const struct call *call)
{
    trapped_scene = scene_make();
    int result = make_call(call);
    scene_end(&trapped_scene);
    return result;
}

/* Whether the call has come to this number of points. */
static bool make_trapped_call(const struct call *call, int number, const struct trap *set,
                              void (*after)(void))
{
    int expected = make_call_freely(call);
    trapped_call = call;
    trapped_scene = scene_make();
    trap = *set;
    trap.left = number;
    int result = make_call(call);
    bool has_acted = trap.left == 0;
    trap.left = 0;
    if (has_acted) {
        after();
    }
    CHECK_INT(result, expected);
    scene_end(&trapped_scene);
    return has_acted;
}

/* More than any call has: a call that sleeps in slices has one point per slice. */
enum { MOST_POINTS = 150 };

void at_each_point(unsigned points, void (*act)(void), void (*after)(void))
{
    const struct trap set = { .points = points, .act = act };
    const int step = 100 / scaled(100);
    for (int i = 0; i < every_call_count; i++) {
        int number = 1, before = failures();
        bool has_acted = true;
        while (has_acted && failures() == before && number <= MOST_POINTS) {
            has_acted = make_trapped_call(&every_call[i], number, &set, after);
            number += step;
        }
        if (failures() > before) {
            fail(__FILE__, __LINE__, "in %s, at its point %d", every_call[i].name, number - step);
        }
    }
}
