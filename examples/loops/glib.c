/*
 * glib.c - children and two captures in a GLib main loop.
 *
 * chld-glib.h adds the set to the loop. The set does the capturing, so the loop does not
 * wait for anything else.
 */
#include "children.h"

#include <chld-glib.h>

static chld_set set;

static void on_event(const chld_event *event, gpointer loop)
{
    show_event(event);
    if (chld_set_count(set) == 0)
        g_main_loop_quit(loop);
}

int main(void)
{
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    require(chld_set_open(0, &set) == 0, "chld_set_open");
    guint source = chld_glib_source(set, on_event, loop);
    start(set, "sleep 0.3; exit 3");
    start(set, "sleep 0.1");
    start(set, "sleep 0.2; kill -9 $$");
    start_captured(set, "sort | tr '\\n' ' '; echo", "pear\nfig\nplum\n", 10000);
    start_captured(set, "echo begun; exec sleep 60", "", 1500);
    g_main_loop_run(loop);
    g_source_remove(source);
    g_main_loop_unref(loop);
    return chld_set_close(set) < 0;
}
