/*
 * epoll.c - two hundred children and a capture in an epoll loop, with either engine.
 *
 * The set's descriptor lies in the program's own epoll. Each child is reported
 * once, with the status that is its own, however many of them end together. A
 * capture has its descriptors there, and a timerfd.
 */
#define _POSIX_C_SOURCE 200809L
#include "children.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { CHILDREN = 200, CODES = 4 };

static struct capture capture;
static chld_capture_wait wait;
static int loop, timer, counts[CODES], left;

/* `of` is what the event is about: the set, or the capture. */
static void add(int fd, uint32_t events, void *of)
{
    struct epoll_event event = {.events = events, .data.ptr = of};
    require(epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

static void arm(void)
{
    struct itimerspec time = {{0, 0}, {0, 0}}; /* off */
    if (wait.timeout_ms >= 0)
        time.it_value = (struct timespec){wait.timeout_ms / 1000,
                                          wait.timeout_ms % 1000 * 1000000 + 1};
    require(timerfd_settime(timer, 0, &time, NULL) == 0, "timerfd_settime");
    for (unsigned i = 0; i < wait.count; i++)
        add(wait.fds[i].fd, wait.fds[i].events == POLLIN ? EPOLLIN : EPOLLOUT, &capture);
}

/* What was waited for goes before the step, which may close it. */
static void step(void)
{
    for (unsigned i = 0; i < wait.count; i++)
        require(epoll_ctl(loop, EPOLL_CTL_DEL, wait.fds[i].fd, NULL) == 0, "epoll_ctl");
    wait.count = 0;
    int result = chld_capture_step(capture.capturing, &wait);
    require(result >= 0, "chld_capture_step");
    if (result == 0) {
        arm();
    } else {
        wait.count = 0;
        require(epoll_ctl(loop, EPOLL_CTL_DEL, timer, NULL) == 0, "epoll_ctl");
        capture_end(&capture);
        left--;
    }
}

/* `expected` is the exit code, and is what the event has as its `user`. */
static void start_one_of_many(chld_set set, int *expected)
{
    char script[32];
    snprintf(script, sizeof script, "sleep 0.%d; exit %d", *expected, *expected);
    const char *argv[] = {"sh", "-c", script, NULL};
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.user = expected;
    chld_id child;
    require(chld_spawn(&child, argv, &options, NULL) == 0, "chld_spawn");
    require(chld_set_add(set, child, 0) == 0, "chld_set_add");
}

/* Takes all events. A child that is reported twice has no code left. */
static void take(chld_set set)
{
    chld_event event;
    int result;
    while ((result = chld_set_next(set, &event)) == 0) {
        int *expected = event.user;
        require(*expected >= 0 && event.status.code == *expected, "one status each, its own");
        counts[*expected]++;
        *expected = -1;
        require(chld_close(event.id) == 0, "chld_close");
        left--;
    }
    require(result == -EAGAIN, "chld_set_next");
}

static void go_round(chld_set set)
{
    struct epoll_event ready[8];
    int count = epoll_wait(loop, ready, 8, 10000), is_due = 0;
    require(count > 0 || (count < 0 && errno == EINTR), "epoll_wait");
    for (int i = 0; i < count; i++) {
        if (ready[i].data.ptr == &capture)
            is_due = 1; /* once, however much of it is ready */
        else
            take(set);
    }
    if (is_due)
        step();
}

static void run(const char *engine, unsigned flags)
{
    int codes[CHILDREN], rounds = 0;
    chld_set set;
    loop = epoll_create1(EPOLL_CLOEXEC);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    require(loop >= 0 && timer >= 0, "epoll and timerfd");
    require(chld_set_open(flags, &set) == 0, "chld_set_open");
    add(chld_set_fd(set), EPOLLIN, &left);
    add(timer, EPOLLIN, &capture);
    memset(counts, 0, sizeof counts);
    left = CHILDREN + 1;
    for (int i = 0; i < CHILDREN; i++) {
        codes[i] = i % CODES;
        start_one_of_many(set, &codes[i]);
    }
    capture_begin(&capture, "tr a-z A-Z; echo begun; exec sleep 60", "fed, ", 1500);
    step();
    for (; left > 0; rounds++)
        go_round(set);
    printf("%s: %d children told in %d rounds;", engine, CHILDREN, rounds);
    for (int code = 0; code < CODES; code++) {
        printf(" exit %d: %d", code, counts[code]);
        require(counts[code] == CHILDREN / CODES, "the statuses");
    }
    printf("\n");
    require(close(timer) == 0 && close(loop) == 0 && chld_set_close(set) == 0, "close");
}

int main(void)
{
    run(chld_engine() == CHLD_ENGINE_PIDFD ? "pidfd  " : "SIGCHLD", 0);
    run("SIGCHLD", CHLD_SET_SIGCHLD);
    return 0;
}
