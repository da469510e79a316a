/*
 * glib.c - a GLib main loop has the ends of its children, and two captures.
 *
 * The set is a descriptor for g_unix_fd_add(). A capture is a source of its
 * own: it has descriptors and a time, which are new after each step.
 */
#include "children.h"

#include <glib-unix.h>
#include <poll.h>

typedef struct {
    GSource source;
    struct capture capture;
    gpointer tags[CHLD_CAPTURE_FDS];
    unsigned count;
} CaptureSource;

static GMainLoop *loop;
static chld_set set;
static int left = 5;

static void done(int count)
{
    left -= count;
    if (left == 0)
        g_main_loop_quit(loop);
}

static gboolean on_ends(gint fd, GIOCondition condition, gpointer data)
{
    (void)fd;
    (void)condition;
    (void)data;
    done(show_ends(set));
    return G_SOURCE_CONTINUE;
}

static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    CaptureSource *self = (CaptureSource *)source;
    chld_capture_wait wait;
    (void)callback;
    (void)data;
    /* Before the step, which may close them. */
    while (self->count > 0)
        g_source_remove_unix_fd(source, self->tags[--self->count]);
    g_source_set_ready_time(source, -1);
    int result = chld_capture_step(self->capture.capturing, &wait);
    require(result >= 0, "chld_capture_step");
    if (result == 1) {
        capture_end(&self->capture);
        done(1);
        return G_SOURCE_REMOVE;
    }
    for (unsigned i = 0; i < wait.count; i++)
        self->tags[self->count++] = g_source_add_unix_fd(
            source, wait.fds[i].fd, wait.fds[i].events == POLLIN ? G_IO_IN : G_IO_OUT);
    if (wait.timeout_ms >= 0)
        g_source_set_ready_time(source, g_get_monotonic_time() + wait.timeout_ms * 1000LL);
    return G_SOURCE_CONTINUE;
}

static void watch(const char *script, const char *input, int timeout_ms)
{
    static GSourceFuncs functions = {.dispatch = dispatch};
    GSource *source = g_source_new(&functions, sizeof(CaptureSource));
    capture_begin(&((CaptureSource *)source)->capture, script, input, timeout_ms);
    g_source_set_ready_time(source, 0); /* the first step, as soon as the loop runs */
    g_source_attach(source, NULL);
    g_source_unref(source);
}

int main(void)
{
    loop = g_main_loop_new(NULL, FALSE);
    require(chld_set_open(0, &set) == 0, "chld_set_open");
    guint ends = g_unix_fd_add(chld_set_fd(set), G_IO_IN, on_ends, NULL);
    start(set, "sleep 0.3; exit 3");
    start(set, "sleep 0.1");
    start(set, "sleep 0.2; kill -9 $$");
    watch("sort | tr '\\n' ' '; echo", "pear\nfig\nplum\n", 10000);
    watch("echo begun; exec sleep 60", "", 1500);
    g_main_loop_run(loop);
    g_source_remove(ends);
    g_main_loop_unref(loop);
    return chld_set_close(set) < 0;
}
