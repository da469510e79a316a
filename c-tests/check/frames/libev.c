#include "set.h"
#include <ev.h>

static chld_set set;

static void on_ready(struct ev_loop *loop, ev_io *watch, int events)
{
    (void)events;
    take_events(set);
    if (chld_set_count(set) == 0)
        ev_io_stop(loop, watch);
}

int main(void)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    ev_io watch;

    set = open_set();
    @
    ev_loop_destroy(loop);
    return chld_set_close(set) < 0;
}
