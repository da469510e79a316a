#include "set.h"
#include <event2/event.h>

static struct event_base *base;

static void on_ready(evutil_socket_t fd, short what, void *argument)
{
    chld_set *set = argument;

    (void)fd;
    (void)what;
    take_events(*set);
    if (chld_set_count(*set) == 0)
        event_base_loopexit(base, NULL);
}

int main(void)
{
    chld_set set = open_set();

    base = event_base_new();
    @
    event_free(watch);
    event_base_free(base);
    libevent_global_shutdown();
    return chld_set_close(set) < 0;
}
