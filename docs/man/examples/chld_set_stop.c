/*
 * chld_set_stop.c - what chld_set_stop(3) shows. Prints:
 *   killed by SIGTERM (terminated)
 *   killed by SIGTERM (terminated)
 *   killed by SIGTERM (terminated)
 */
#include <chld.h>
#include <stdio.h>

int main(void)
{
    const char *argv[] = {"sleep", "60", NULL};
    chld_set set;

    if (chld_set_open(0, &set) < 0)
        return 1;
    for (int i = 0; i < 3; i++) {
        chld_id child;

        /* Each is stopped after 50 ms, without blocking. */
        if (chld_spawn(&child, argv, NULL, NULL) < 0 ||
            chld_set_stop(set, child, 50, NULL) < 0)
            return 1;
    }
    while (chld_set_count(set) > 0) {
        chld_event event;
        char text[80];

        if (chld_set_wait(set, -1, &event) < 0)
            return 1;
        if (chld_status_text(&event.status, text, sizeof text) > 0)
            printf("%s\n", text);
        if (event.last)
            chld_close(event.id);
    }
    return chld_set_close(set) < 0;
}
