/*
 * set.h - what the blocks about event loops in docs/guide.md stand in: a set with one child.
 */
#ifndef SET_H
#define SET_H

#include <chld.h>
#include <stdio.h>

static void take_events(chld_set set)
{
    chld_event event;

    while (chld_set_next(set, &event) == 0) {
        printf("exit code %d\n", event.status.code);
        chld_close(event.id);
    }
}

static inline chld_set open_set(void)
{
    const char *argv[] = {"sh", "-c", "exit 3", NULL};
    chld_set set;

    if (chld_set_open(0, &set) < 0 || chld_set_run(set, argv, NULL, NULL, NULL, NULL) < 0)
        return 0;
    return set;
}

#endif
