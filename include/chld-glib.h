/*
 * chld-glib.h - a set of chld.h in a GLib main loop.
 *
 *     static void on_event(const chld_event *event, gpointer app)
 *     {
 *         ... see chld_event: how the child exited, what was captured ...
 *         chld_close(event->id);
 *     }
 *
 *     guint source = chld_glib_source(set, on_event, app);
 *     g_main_loop_run(loop);
 *     g_source_remove(source);
 *     chld_set_close(set);
 *
 * Captures, pipelines, timeouts and stop sequences of the set need nothing else from the
 * loop. Each time the source is dispatched it reports one event, so other sources get
 * their turns. The callback may start and close children, remove the source and then close
 * the set.
 *
 * Requires GLib 2.36. Link with -lchld and GLib only.
 */
#ifndef CHLD_GLIB_H
#define CHLD_GLIB_H

#include <chld.h>
#include <errno.h>
#include <glib.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The callback for an event. The event is valid until the callback returns. */
typedef void (*chld_glib_function)(const chld_event *event, gpointer data);

/* The next two are internal. */
struct chld_glib_set {
    GSource source;
    chld_set set;
};

static inline gboolean chld_glib_dispatch(GSource *source, GSourceFunc function, gpointer data)
{
    chld_event event;
    int result = chld_set_next(((struct chld_glib_set *)source)->set, &event);

    if (result == 0)
        ((chld_glib_function)(void (*)(void))function)(&event, data);
    return result == -EBADF ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

/**
 * Creates a source that reports the events of a set. Use this instead of
 * chld_glib_source() for another context (g_source_attach()), another priority
 * (g_source_set_priority()) or a destroy notification (g_source_set_callback()).
 *
 * `set`: remove the source with g_source_destroy() before you close the set.
 * `function`, `data`: the callback and its second argument.
 *
 * Returns the source, or NULL if `set` is not valid.
 * Ownership: the source is yours until g_source_unref().
 */
static inline GSource *chld_glib_source_new(chld_set set, chld_glib_function function,
                                            gpointer data)
{
    static GSourceFuncs functions = {NULL, NULL, chld_glib_dispatch, NULL, NULL, NULL};
    int fd = chld_set_fd(set);
    GSource *source;

    if (fd < 0)
        return NULL;
    source = g_source_new(&functions, sizeof(struct chld_glib_set));
    ((struct chld_glib_set *)source)->set = set;
    g_source_set_callback(source, (GSourceFunc)(void (*)(void))function, data, NULL);
    g_source_add_unix_fd(source, fd, G_IO_IN);
    return source;
}

/**
 * Reports the events of a set in the default main context.
 *
 * `set`: remove the source with g_source_remove() before you close the set.
 * `function`, `data`: the callback and its second argument.
 *
 * Returns the number of the source, or 0 if `set` is not valid.
 */
static inline guint chld_glib_source(chld_set set, chld_glib_function function, gpointer data)
{
    GSource *source = chld_glib_source_new(set, function, data);
    guint number = 0;

    if (source) {
        number = g_source_attach(source, NULL);
        g_source_unref(source); /* the context keeps it */
    }
    return number;
}

#ifdef __cplusplus
}
#endif

#endif
