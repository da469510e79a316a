/*
 * poll_loop.c - an event loop with poll() has a timer and the ends of its children.
 *
 * A set is one descriptor for any number of children. It stays readable until
 * all that it has to tell was taken, so the loop may take one event a round.
 */
#define _POSIX_C_SOURCE 200809L
#include <chld.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define CHILDREN 3

static void require(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "not as it should be: %s\n", what);
        exit(1);
    }
}

/* The script is also what the child's event will have as its `user`. */
static void start(chld_set set, const char *script)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.user = (void *)script;
    chld_id child;
    require(chld_spawn(&child, argv, &options, NULL) == 0, "chld_spawn");
    require(chld_set_add(set, child) == 0, "chld_set_add");
}

/* How many children were told: 1, or 0 if the set was readable for nothing. */
static int show_end(chld_set set)
{
    chld_event event;
    char text[64];
    int result = chld_set_next(set, &event);
    if (result == -EAGAIN)
        return 0;
    require(result == 0, "chld_set_next");
    require(chld_status_text(&event.status, text, sizeof text) > 0, "chld_status_text");
    printf("        sh -c '%s' %s\n", (const char *)event.user, text);
    require(chld_close(event.id) == 0, "chld_close");
    return 1;
}

int main(void)
{
    const char *scripts[CHILDREN] = {"sleep 0.35; exit 3", "sleep 0.1", "sleep 0.2; kill -9 $$"};
    const struct itimerspec every_tenth = {{0, 100000000}, {0, 100000000}};
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    require(timer >= 0 && timerfd_settime(timer, 0, &every_tenth, NULL) == 0, "timerfd");
    chld_set set;
    require(chld_set_open(0, &set) == 0, "chld_set_open");
    for (int i = 0; i < CHILDREN; i++)
        start(set, scripts[i]);

    struct pollfd polled[] = {{timer, POLLIN, 0}, {chld_set_fd(set), POLLIN, 0}};
    int left = CHILDREN;
    uint64_t ticks = 0;
    while (left > 0 && ticks < 100) {
        int ready = poll(polled, 2, 10000);
        if (ready < 0 && errno == EINTR)
            continue;
        require(ready > 0, "poll");
        if (polled[1].revents != 0)
            left -= show_end(set);
        if (polled[0].revents != 0) {
            uint64_t expired;
            require(read(timer, &expired, sizeof expired) == sizeof expired, "read");
            ticks += expired;
            printf("tick %d\n", (int)ticks);
        }
    }
    require(left == 0 && ticks > 0, "all children told between the ticks");
    return chld_set_close(set) < 0 || close(timer) < 0;
}
