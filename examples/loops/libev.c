/*
 * libev.c - a libev loop has the ends of its children, and two captures.
 *
 * It is not libev's default loop: that one waits for any child of the process,
 * and takes the statuses of others. This one leaves children alone.
 */
#define _POSIX_C_SOURCE 200809L
#include "children.h"

#include <ev.h>
#include <poll.h>

struct watched {
    struct capture capture;
    ev_io ios[CHLD_CAPTURE_FDS];
    ev_timer timer;
    unsigned count;
};

static chld_set set;
static int left = 3;

static void step(struct ev_loop *loop, struct watched *watched);

static void on_exits(struct ev_loop *loop, ev_io *io, int events)
{
    (void)events;
    left -= show_exits(set);
    if (left == 0)
        ev_io_stop(loop, io);
}

static void on_ready(struct ev_loop *loop, ev_io *io, int events)
{
    (void)events;
    step(loop, io->data);
}

static void on_time(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)events;
    step(loop, timer->data);
}

static void step(struct ev_loop *loop, struct watched *watched)
{
    chld_capture_wait wait;
    /* Before the step, which may close what they watch. */
    while (watched->count > 0)
        ev_io_stop(loop, &watched->ios[--watched->count]);
    ev_timer_stop(loop, &watched->timer);
    int result = chld_capture_step(watched->capture.capturing, &wait);
    require(result >= 0, "chld_capture_step");
    if (result == 1) {
        capture_end(&watched->capture);
        return;
    }
    for (unsigned i = 0; i < wait.count; i++) {
        ev_io *io = &watched->ios[watched->count++];
        ev_io_init(io, on_ready, wait.fds[i].fd, wait.fds[i].events == POLLIN ? EV_READ : EV_WRITE);
        io->data = watched;
        ev_io_start(loop, io);
    }
    if (wait.timeout_ms >= 0) {
        ev_timer_init(&watched->timer, on_time, wait.timeout_ms / 1e3, 0);
        watched->timer.data = watched;
        ev_timer_start(loop, &watched->timer);
    }
}

int main(void)
{
    static struct watched sorted, endless;
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    ev_io ends;
    require(loop != NULL, "ev_loop_new");
    require(chld_set_open(0, &set) == 0, "chld_set_open");
    ev_io_init(&ends, on_exits, chld_set_fd(set), EV_READ);
    ev_io_start(loop, &ends);
    start(set, "sleep 0.3; exit 3");
    start(set, "sleep 0.1");
    start(set, "sleep 0.2; kill -9 $$");
    capture_begin(&sorted.capture, "sort | tr '\\n' ' '; echo", "pear\nfig\nplum\n", 10000);
    capture_begin(&endless.capture, "echo begun; exec sleep 60", "", 1500);
    step(loop, &sorted);
    step(loop, &endless);
    ev_run(loop, 0); /* until no watcher is active */
    ev_loop_destroy(loop);
    return chld_set_close(set) < 0;
}
