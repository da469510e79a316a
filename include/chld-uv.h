/*
 * chld-uv.h - a set of chld.h in a libuv loop.
 *
 *     static void on_event(chld_uv *watcher, const chld_event *event)
 *     {
 *         ... see chld_event: how the child exited, what was captured ...
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
 * Captures, pipelines, timeouts and stop sequences of the set need nothing else from the
 * loop. Each turn of the loop reports one event, so other handles get their turns. The
 * callback may start and close children, close the watcher and then close the set.
 *
 * Link with -lchld and libuv only.
 */
#ifndef CHLD_UV_H
#define CHLD_UV_H

#include <chld.h>
#include <errno.h>
#include <uv.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The watcher of a set. Its members are set by chld_uv_init(), except `poll.data`. */
typedef struct chld_uv {
    /**
     * An ordinary handle of libuv, whose `data` is yours. For example, the loop can end
     * before the watcher is closed after uv_unref() of this handle.
     */
    uv_poll_t poll;
    /** The set. */
    chld_set set;
    /** The callback for an event. The event is valid until the callback returns. */
    void (*on_event)(struct chld_uv *watcher, const chld_event *event);
} chld_uv;

/* Internal. */
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
 * Reports the events of a set in a loop.
 *
 * `watcher`: must stay valid until libuv has closed it.
 * `set`: close the watcher with chld_uv_close() before you close the set.
 * `on_event`: the callback.
 *
 * Returns 0, or an error of libuv, after which there is nothing to close:
 * UV_EBADF `set` is not valid;
 * UV_EEXIST the set has a watcher in this loop.
 */
static inline int chld_uv_init(chld_uv *watcher, uv_loop_t *loop, chld_set set,
                               void (*on_event)(chld_uv *watcher, const chld_event *event))
{
    int fd = chld_set_fd(set);
    int result = fd < 0 ? fd : uv_poll_init(loop, &watcher->poll, fd);

    watcher->set = set;
    watcher->on_event = on_event;
    /* uv_poll_start() of a new handle does not fail. */
    return result < 0 ? result : uv_poll_start(&watcher->poll, UV_READABLE, chld_uv_ready);
}

/**
 * Closes a watcher: it reports nothing more. You can close the set after this call.
 *
 * `on_closed`: libuv calls this when it no longer uses the watcher, with a pointer to it;
 * may be NULL.
 */
static inline void chld_uv_close(chld_uv *watcher, uv_close_cb on_closed)
{
    uv_close((uv_handle_t *)&watcher->poll, on_closed);
}

#ifdef __cplusplus
}
#endif

#endif
