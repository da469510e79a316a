/*
 * chld-glib.h - a set of chld.h in a GLib main loop.
 *
 *     static void on_event(const chld_event *event, gpointer app)
 *     {
 *         ... as in chld_event: how it exited, and what was captured ...
 *         chld_close(event->id);
 *     }
 *
 *     guint source = chld_glib_source(set, on_event, app);
 *     g_main_loop_run(loop);
 *     g_source_remove(source);
 *     chld_set_close(set);
 *
 * The captures, pipelines, timeouts and stop sequences of the set need nothing else
 * from the loop. One event is told each time the source is dispatched, so the other
 * sources of the loop have their turns. The function may start and close children,
 * remove the source, and close the set once the source is removed.
 *
 * Needs GLib 2.36. All of it is in this header: link with -lchld and with GLib.
 */
#ifndef CHLD_GLIB_H
#define CHLD_GLIB_H

#include <chld.h>
#include <errno.h>
#include <glib.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What is called for each event. The event is valid until it returns. */
typedef void (*chld_glib_function)(const chld_event *event, gpointer data);

/* Not for use from outside. */
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
 * A source that tells the events of a set, for a context, a priority or a destroy
 * notification of your own: g_source_attach(), g_source_set_priority(),
 * g_source_set_callback().
 *
 * Returns the source, or NULL if `set` is not valid.
 * Ownership: it is yours, for g_source_unref(). Destroy it before chld_set_close().
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
 * Tells the events of a set in the default main context.
 *
 * Returns the number of the source, for g_source_remove(), or 0 if `set` is not valid.
 * Remove it before chld_set_close().
 */
static inline guint chld_glib_source(chld_set set, chld_glib_function function, gpointer data)
{
    GSource *source = chld_glib_source_new(set, function, data);
    guint number = 0;

    if (source) {
        number = g_source_attach(source, NULL);
        g_source_unref(source); /* the context has it now */
    }
    return number;
}

#ifdef __cplusplus
}
#endif

#endif
