/*
 * chld_set_open.c - what chld_set_open(3) shows. Prints:
 *   true exited with code 0
 *   false exited with code 1
 */
#include <chld.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>

/* What a child is called is its `user` pointer. */
static int start(chld_set set, const char *name)
{
    const char *argv[] = {"sh", "-c", name, NULL};
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    chld_id child;

    options.user = (void *)name;
    if (chld_spawn(&child, argv, &options, NULL) < 0)
        return -1;
    return chld_set_add(set, child, 0);
}

/* One round of an event loop: takes all pending events. */
static int tell(chld_set set)
{
    chld_event event;
    char text[80];
    int result, told = 0;

    while ((result = chld_set_next(set, &event)) == 0) {
        if (chld_status_text(&event.status, text, sizeof text) > 0)
            printf("%s %s\n", (const char *)event.user, text);
        chld_close(event.id); /* takes it out of the set, too */
        told++;
    }
    return result == -EAGAIN ? told : -1;
}

static int loop(chld_set set, int left)
{
    struct pollfd polled = {chld_set_fd(set), POLLIN, 0};

    while (left > 0) {
        int told;

        if (poll(&polled, 1, -1) < 0 && errno != EINTR)
            return -1;
        told = tell(set);
        if (told < 0)
            return -1;
        left -= told;
    }
    return 0;
}

int main(void)
{
    chld_set set;
    int failed;

    if (chld_set_open(0, &set) < 0)
        return 1;
    failed = start(set, "true") < 0 || loop(set, 1) < 0 ||
             start(set, "false") < 0 || loop(set, 1) < 0;
    return chld_set_close(set) < 0 || failed;
}
