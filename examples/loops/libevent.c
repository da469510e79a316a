/*
 * libevent.c - a libevent base has the ends of its children, and two captures.
 *
 * The set has one persistent event. A capture has an event for each descriptor
 * that it waits for, and a timer.
 */
#define _POSIX_C_SOURCE 200809L
#include "children.h"

#include <event2/event.h>
#include <poll.h>

struct watched {
    struct capture capture;
    struct event *events[CHLD_CAPTURE_FDS];
    struct event *timer;
    unsigned count;
};

static struct event_base *base;
static struct event *ends;
static chld_set set;
static int left = 3;

static void on_exits(evutil_socket_t fd, short what, void *unused)
{
    (void)fd;
    (void)what;
    (void)unused;
    left -= show_exits(set);
    if (left == 0)
        event_del(ends);
}

static void step(evutil_socket_t fd, short what, void *argument)
{
    struct watched *watched = argument;
    chld_capture_wait wait;
    (void)fd;
    (void)what;
    /* Before the step, which may close them. */
    while (watched->count > 0)
        event_free(watched->events[--watched->count]);
    event_del(watched->timer);
    int result = chld_capture_step(watched->capture.capturing, &wait);
    require(result >= 0, "chld_capture_step");
    if (result == 1) {
        capture_end(&watched->capture);
        event_free(watched->timer);
        return;
    }
    for (unsigned i = 0; i < wait.count; i++) {
        short wanted = wait.fds[i].events == POLLIN ? EV_READ : EV_WRITE;
        struct event *event = event_new(base, wait.fds[i].fd, wanted, step, watched);
        require(event && event_add(event, NULL) == 0, "event_add");
        watched->events[watched->count++] = event;
    }
    if (wait.timeout_ms >= 0) {
        struct timeval time = {wait.timeout_ms / 1000, wait.timeout_ms % 1000 * 1000};
        require(event_add(watched->timer, &time) == 0, "event_add");
    }
}

static void watch(struct watched *watched)
{
    watched->timer = evtimer_new(base, step, watched);
    require(watched->timer != NULL, "evtimer_new");
    step(-1, 0, watched);
}

int main(void)
{
    struct watched sorted = {0}, endless = {0};
    base = event_base_new();
    require(base != NULL, "event_base_new");
    require(chld_set_open(0, &set) == 0, "chld_set_open");
    ends = event_new(base, chld_set_fd(set), EV_READ | EV_PERSIST, on_exits, NULL);
    require(ends && event_add(ends, NULL) == 0, "event_add");
    start(set, "sleep 0.3; exit 3");
    start(set, "sleep 0.1");
    start(set, "sleep 0.2; kill -9 $$");
    capture_begin(&sorted.capture, "sort | tr '\\n' ' '; echo", "pear\nfig\nplum\n", 10000);
    capture_begin(&endless.capture, "echo begun; exec sleep 60", "", 1500);
    watch(&sorted);
    watch(&endless);
    require(event_base_dispatch(base) == 1, "event_base_dispatch"); /* no event is left */
    event_free(ends);
    event_base_free(base);
    libevent_global_shutdown();
    return chld_set_close(set) < 0;
}
