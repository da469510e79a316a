/*
 * children.h - the children that the examples of event loops start and show.
 *
 * Nothing in here depends on a loop.
 */
#ifndef CHILDREN_H
#define CHILDREN_H

#include <chld.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void require(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "not as it should be: %s\n", what);
        exit(1);
    }
}

static inline void show(const char *script, const chld_status *status)
{
    char text[64];
    require(chld_status_text(status, text, sizeof text) > 0, "chld_status_text");
    printf("sh -c '%s' %s\n", script, text);
}

/* Puts a child into the set. The script is what its event has as `user`. */
static inline void start(chld_set set, const char *script)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    chld_id child;
    options.user = (void *)script;
    require(chld_spawn(&child, argv, &options, NULL) == 0, "chld_spawn");
    require(chld_set_add(set, child, 0) == 0, "chld_set_add");
}

/* Shows every child that has exited by now; returns the number. */
static inline int show_exits(chld_set set)
{
    chld_event event;
    int count = 0, result;
    while ((result = chld_set_next(set, &event)) == 0) {
        show(event.user, &event.status);
        require(chld_close(event.id) == 0, "chld_close");
        count++;
    }
    require(result == -EAGAIN, "chld_set_next");
    return count;
}

static inline void show_capture(const char *script, const chld_capture_result *result)
{
    show(script, &result->status);
    printf("    %s, and wrote: %s", result->timed_out ? "at its limit" : "in time",
           result->out.total > 0 ? result->out.data : "nothing\n");
}

/* A child that is fed, and whose output is kept: all that comes within the limit. */
static inline chld_capture_options fed_and_kept(const char *input, int timeout_ms)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.in.mode = CHLD_FEED_BUFFER;
    options.in.data = input;
    options.in.size = strlen(input);
    options.out.mode = CHLD_SINK_GROW;
    options.timeout_ms = timeout_ms;
    return options;
}

/* In a set that captures: there is one event for each child. */

static inline void start_captured(chld_set set, const char *script, const char *input,
                                  int timeout_ms)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    chld_capture_options options = fed_and_kept(input, timeout_ms);
    spawn.user = (void *)script;
    require(chld_set_run(set, argv, &spawn, &options, NULL, NULL) == 0, "chld_set_run");
}

static inline void show_event(const chld_event *event)
{
    if (event->capture)
        show_capture(event->user, event->capture);
    else
        show(event->user, &event->status);
    require(chld_close(event->id) == 0, "chld_close");
}

/* In a loop that makes each step of a capture by itself. */

struct capture {
    const char *script;
    chld_id child;
    chld_capture_id capturing;
};

static inline void capture_begin(struct capture *capture, const char *script, const char *input,
                                 int timeout_ms)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    chld_capture_options options = fed_and_kept(input, timeout_ms);
    spawn.in.mode = spawn.out.mode = CHLD_STDIO_PIPE;
    capture->script = script;
    require(chld_spawn(&capture->child, argv, &spawn, NULL) == 0, "chld_spawn");
    require(chld_capture_open(capture->child, &options, &capture->capturing) == 0,
            "chld_capture_open");
}

/* Shows what came, and lets the child go. */
static inline void capture_end(struct capture *capture)
{
    chld_capture_result result;
    require(chld_capture_close(capture->capturing, &result) == 0, "chld_capture_close");
    show_capture(capture->script, &result);
    require(chld_buffer_free(result.out.data) == 0, "chld_buffer_free");
    require(chld_close(capture->child) == 0, "chld_close");
}

#endif
