/*
 * chld-uv.h - a set of chld.h in a libuv loop.
 *
 *     static void on_event(chld_uv *watcher, const chld_event *event)
 *     {
 *         ... as in chld_event: how it exited, and what was captured ...
 *         chld_close(event->id);
 *         if (chld_set_count(watcher->set) == 0)
 *             chld_uv_close(watcher, NULL);
 *     }
 *
 *     chld_uv watcher;
 *     chld_uv_init(&watcher, loop, set, on_event);
 *     uv_run(loop, UV_RUN_DEFAULT);
 *     chld_set_close(set);
 *
 * The captures, pipelines, timeouts and stop sequences of the set need nothing else
 * from the loop. One event is told in each turn of the loop, so its other handles have
 * their turns. The function may start and close children, close the watcher, and close
 * the set once the watcher is closed.
 *
 * All of it is in this header: link with -lchld and with libuv.
 */
#ifndef CHLD_UV_H
#define CHLD_UV_H

#include <chld.h>
#include <errno.h>
#include <uv.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * What watches a set. `poll` is a handle as any: uv_unref() lets the loop end while
 * there is a watcher, uv_is_active() and uv_is_closing() ask.
 */
typedef struct chld_uv {
    /** `poll.data` is yours. */
    uv_poll_t poll;
    /** The set. */
    chld_set set;
    /** What is called for each event. The event is valid until it returns. */
    void (*on_event)(struct chld_uv *watcher, const chld_event *event);
} chld_uv;

/* Not for use from outside. */
static inline void chld_uv_ready(uv_poll_t *poll, int status, int events)
{
    chld_uv *watcher = (chld_uv *)poll;
    chld_event event;
    int result = chld_set_next(watcher->set, &event);

    (void)status;
    (void)events;
    if (result == 0)
        watcher->on_event(watcher, &event);
    else if (result == -EBADF)
        uv_poll_stop(poll);
}

/**
 * Tells the events of a set in a loop.
 *
 * `watcher`: memory of yours, until it is closed; `poll.data` is left as it is.
 *
 * Returns 0, or an error of libuv; then there is nothing to close:
 * UV_EBADF `set` is not valid;
 * UV_EEXIST the loop has the set already.
 */
static inline int chld_uv_init(chld_uv *watcher, uv_loop_t *loop, chld_set set,
                               void (*on_event)(chld_uv *watcher, const chld_event *event))
{
    int fd = chld_set_fd(set);
    int result = fd < 0 ? fd : uv_poll_init(loop, &watcher->poll, fd);

    watcher->set = set;
    watcher->on_event = on_event;
    /* This cannot fail. */
    return result < 0 ? result : uv_poll_start(&watcher->poll, UV_READABLE, chld_uv_ready);
}

/**
 * Tells no more. Then the set may be closed.
 *
 * `on_closed`: called by the loop when it no longer has the memory of the watcher, which
 * is what the handle points to; NULL for nothing.
 */
static inline void chld_uv_close(chld_uv *watcher, uv_close_cb on_closed)
{
    uv_close((uv_handle_t *)&watcher->poll, on_closed);
}

#ifdef __cplusplus
}
#endif

#endif
