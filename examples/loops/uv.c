/*
 * uv.c - children and two captures in a libuv loop.
 *
 * chld-uv.h adds the set to the loop. The set does the capturing, so the loop does not
 * wait for anything else.
 */
#define _POSIX_C_SOURCE 200809L
#include "children.h"

#include <chld-uv.h>

static void on_event(chld_uv *watcher, const chld_event *event)
{
    show_event(event);
    if (chld_set_count(watcher->set) == 0)
        chld_uv_close(watcher, NULL);
}

int main(void)
{
    uv_loop_t *loop = uv_default_loop();
    chld_uv watcher;
    chld_set set;
    require(chld_set_open(0, &set) == 0, "chld_set_open");
    require(chld_uv_init(&watcher, loop, set, on_event) == 0, "chld_uv_init");
    start(set, "sleep 0.3; exit 3");
    start(set, "sleep 0.1");
    start(set, "sleep 0.2; kill -9 $$");
    start_captured(set, "sort | tr '\\n' ' '; echo", "pear\nfig\nplum\n", 10000);
    start_captured(set, "echo begun; exec sleep 60", "", 1500);
    uv_run(loop, UV_RUN_DEFAULT); /* until no handle is left */
    return uv_loop_close(loop) != 0 || chld_set_close(set) < 0;
}
