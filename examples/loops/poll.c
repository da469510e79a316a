/*
 * poll.c - a loop with poll() has a timer, the ends of its children, and two captures.
 *
 * A set is one descriptor for any number of children. It stays readable until
 * all events were taken. Each step of a capture returns anew what to
 * wait for.
 */
#define _POSIX_C_SOURCE 200809L
#include "children.h"

#include <poll.h>
#include <stdint.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { TIMER, SET, CAPTURES };

static struct capture captures[2];
static int is_done[2];
static int left = 5;

/* Does what can be done for every capture, and adds what they wait for. */
static nfds_t step_captures(struct pollfd *fds, nfds_t count, int *timeout)
{
    for (int i = 0; i < 2; i++) {
        chld_capture_wait wait;
        if (is_done[i])
            continue;
        int result = chld_capture_step(captures[i].capturing, &wait);
        require(result >= 0, "chld_capture_step");
        if (result == 1) {
            capture_end(&captures[i]);
            is_done[i] = 1;
            left--;
            continue;
        }
        for (unsigned k = 0; k < wait.count; k++)
            fds[count++] = (struct pollfd){wait.fds[k].fd, wait.fds[k].events, 0};
        if (wait.timeout_ms >= 0 && (*timeout < 0 || wait.timeout_ms < *timeout))
            *timeout = wait.timeout_ms;
    }
    return count;
}

static void tick(int timer)
{
    uint64_t expired;
    if (read(timer, &expired, sizeof expired) == sizeof expired)
        printf("tick\n");
}

int main(void)
{
    const struct itimerspec every_tenth = {{0, 100000000}, {0, 100000000}};
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    chld_set set;
    require(timer >= 0 && timerfd_settime(timer, 0, &every_tenth, NULL) == 0, "timerfd");
    require(chld_set_open(0, &set) == 0, "chld_set_open");
    start(set, "sleep 0.35; exit 3");
    start(set, "sleep 0.1");
    start(set, "sleep 0.2; kill -9 $$");
    capture_begin(&captures[0], "sort | tr '\\n' ' '; echo", "pear\nfig\nplum\n", 10000);
    capture_begin(&captures[1], "echo begun; exec sleep 60", "", 1500);

    for (;;) {
        struct pollfd fds[CAPTURES + 2 * CHLD_CAPTURE_FDS] = {
            [TIMER] = {timer, POLLIN, 0},
            [SET] = {chld_set_fd(set), POLLIN, 0},
        };
        int timeout = -1;
        nfds_t count = step_captures(fds, CAPTURES, &timeout);
        if (left == 0)
            break;
        if (poll(fds, count, timeout) < 0) {
            require(errno == EINTR, "poll");
            continue;
        }
        if (fds[SET].revents != 0)
            left -= show_exits(set);
        if (fds[TIMER].revents != 0)
            tick(timer);
    }
    return chld_set_close(set) < 0 || close(timer) < 0;
}
