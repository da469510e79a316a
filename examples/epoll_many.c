/*
 * epoll_many.c - two hundred children in an epoll loop, with either engine.
 *
 * The set's descriptor lies in the program's own epoll. Each child is told
 * once, with the status that is its own, however many of them end together.
 */
#include <chld.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define CHILDREN 200
#define CODES 4

static void require(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "not as it should be: %s\n", what);
        exit(1);
    }
}

/* `expected` is the exit code, and is what the event has as its `user`. */
static void start(chld_set set, int *expected)
{
    char script[32];
    snprintf(script, sizeof script, "sleep 0.%d; exit %d", *expected, *expected);
    const char *argv[] = {"sh", "-c", script, NULL};
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.user = expected;
    chld_id child;
    require(chld_spawn(&child, argv, &options, NULL) == 0, "chld_spawn");
    require(chld_set_add(set, child) == 0, "chld_set_add");
}

/* Takes all that there is to tell now. A child told twice has no code left. */
static int take(chld_set set, int *counts)
{
    chld_event event;
    int taken = 0, result;
    while ((result = chld_set_next(set, &event)) == 0) {
        int *expected = event.user;
        require(*expected >= 0 && event.status.code == *expected, "one status each, its own");
        counts[*expected]++;
        *expected = -1;
        require(chld_close(event.id) == 0, "chld_close");
        taken++;
    }
    require(result == -EAGAIN, "chld_set_next");
    return taken;
}

static void run(const char *engine, unsigned flags)
{
    int codes[CHILDREN], counts[CODES] = {0}, rounds = 0, loop = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event readable = {.events = EPOLLIN};
    chld_set set;
    require(chld_set_open(flags, &set) == 0, "chld_set_open");
    require(epoll_ctl(loop, EPOLL_CTL_ADD, chld_set_fd(set), &readable) == 0, "epoll_ctl");
    for (int i = 0; i < CHILDREN; i++) {
        codes[i] = i % CODES;
        start(set, &codes[i]);
    }
    for (int left = CHILDREN; left > 0; rounds++) {
        int ready = epoll_wait(loop, &readable, 1, 10000);
        require(ready == 1 || (ready < 0 && errno == EINTR), "epoll_wait");
        left -= take(set, counts);
    }
    printf("%s: %d children told in %d rounds;", engine, CHILDREN, rounds);
    for (int code = 0; code < CODES; code++) {
        printf(" exit %d: %d", code, counts[code]);
        require(counts[code] == CHILDREN / CODES, "the statuses");
    }
    printf("\n");
    require(close(loop) == 0 && chld_set_close(set) == 0, "close");
}

int main(void)
{
    run(chld_engine() == CHLD_ENGINE_PIDFD ? "pidfd  " : "SIGCHLD", 0);
    run("SIGCHLD", CHLD_SET_SIGCHLD);
    return 0;
}
