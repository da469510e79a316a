/*
 * uv.c - a libuv loop has the ends of its children, and two captures.
 *
 * A uv_poll_t for the set stays as long as there are children in it. Those of a
 * capture are made anew after each step.
 */
#define _POSIX_C_SOURCE 200809L
#include "children.h"

#include <poll.h>
#include <uv.h>

/* A capture in the loop. Handles that were closed are the loop's until it calls
 * back, so each descriptor's is allocated. */
struct watched {
    struct capture capture;
    uv_timer_t timer;
    uv_poll_t *polls[CHLD_CAPTURE_FDS];
    unsigned count;
};

static uv_loop_t *loop;
static uv_poll_t ends;
static chld_set set;
static int left = 3;

static void step(struct watched *watched);

static void on_ends(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    left -= show_ends(set);
    if (left == 0)
        uv_close((uv_handle_t *)poll, NULL);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    step(poll->data);
}

static void on_time(uv_timer_t *timer)
{
    step(timer->data);
}

static void release(uv_handle_t *handle)
{
    free(handle);
}

static void wait_for(struct watched *watched, const chld_poll *what)
{
    uv_poll_t *poll = malloc(sizeof *poll);
    require(poll && uv_poll_init(loop, poll, what->fd) == 0, "uv_poll_init");
    poll->data = watched;
    uv_poll_start(poll, what->events == POLLIN ? UV_READABLE : UV_WRITABLE, on_ready);
    watched->polls[watched->count++] = poll;
}

/* libuv forgets the descriptors before the step, which may close them: their
 * numbers could be somebody else's afterwards. */
static void step(struct watched *watched)
{
    chld_capture_wait wait;
    while (watched->count > 0)
        uv_close((uv_handle_t *)watched->polls[--watched->count], release);
    uv_timer_stop(&watched->timer);
    int result = chld_capture_step(watched->capture.capturing, &wait);
    require(result >= 0, "chld_capture_step");
    if (result == 1) {
        capture_end(&watched->capture);
        uv_close((uv_handle_t *)&watched->timer, NULL);
        return;
    }
    for (unsigned i = 0; i < wait.count; i++)
        wait_for(watched, &wait.fds[i]);
    if (wait.timeout_ms >= 0)
        uv_timer_start(&watched->timer, on_time, (uint64_t)wait.timeout_ms, 0);
}

static void watch(struct watched *watched)
{
    uv_timer_init(loop, &watched->timer);
    watched->timer.data = watched;
    step(watched);
}

int main(void)
{
    static struct watched sorted, endless;
    loop = uv_default_loop();
    require(chld_set_open(0, &set) == 0, "chld_set_open");
    require(uv_poll_init(loop, &ends, chld_set_fd(set)) == 0, "uv_poll_init");
    uv_poll_start(&ends, UV_READABLE, on_ends);
    start(set, "sleep 0.3; exit 3");
    start(set, "sleep 0.1");
    start(set, "sleep 0.2; kill -9 $$");
    capture_begin(&sorted.capture, "sort | tr '\\n' ' '; echo", "pear\nfig\nplum\n", 10000);
    capture_begin(&endless.capture, "echo begun; exec sleep 60", "", 1500);
    watch(&sorted);
    watch(&endless);
    uv_run(loop, UV_RUN_DEFAULT); /* until no handle is left */
    return uv_loop_close(loop) != 0 || chld_set_close(set) < 0;
}
