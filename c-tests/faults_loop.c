/* What a set does with its children while system calls fail: stop sequences, captures,
 * stops that it watches, wake-ups. A call that fails leaves the child out of the set; an
 * event comes once, whatever has failed before it. */
#define _GNU_SOURCE
#include "faults.h"

#include "faults_errno.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ARGV(...) ((const char *[]){ child_program, __VA_ARGS__, NULL })
#define BIT(signal) (1ull << ((signal) - 1))

/* Of the calls that take the event, the last fault. */
static struct seen seen_last;

static chld_set open_set(uint32_t flags)
{
    chld_set set = 0;
    if (chld_set_open(flags, &set) != 0) {
        skip("without epoll there are no sets");
    }
    seen_last = (struct seen){ 0 };
    return set;
}

static void close_set(chld_set set)
{
    window_open();
    int closed = chld_set_close(set);
    window_close();
    require(closed == 0, "chld_set_close returned -%s", errno_name(-closed));
}

static void remember(struct seen seen)
{
    seen_last = seen.error != 0 ? seen : seen_last;
}

/* By a poll and a look, or by one call that waits. */
static chld_event next_event(chld_set set, bool by_waiting)
{
    chld_event event = { 0 };
    for (int tries = 0; tries < 1000; tries++) {
        struct pollfd one = { .fd = chld_set_fd(set), .events = POLLIN };
        if (!by_waiting) {
            require(poll(&one, 1, 10000) != 0, "the descriptor does not become readable");
        }
        window_open();
        int taken = by_waiting ? chld_set_wait(set, 10000, &event) : chld_set_next(set, &event);
        struct seen seen = window_close();
        remember(seen);
        if (taken == 0) {
            return event;
        }
        if (by_waiting || taken != -EAGAIN) {
            judge(by_waiting ? "chld_set_wait" : "chld_set_next", taken, &seen);
        }
    }
    fail("the set is readable and has nothing to tell");
}

/* Returns the child once it is what the set works on; at last without a fault. */
static void retry(chld_set set, const char *what, int (*call)(chld_set, chld_id *), chld_id *id)
{
    window_open();
    int result = call(set, id);
    struct seen seen = window_close();
    remember(seen);
    if (!judge(what, result, &seen)) {
        require(chld_set_count(set) == 0, "%s failed, and the child is in the set", what);
        result = call(set, id);
        require(result == 0, "%s again returned -%s", what, errno_name(-result));
    }
    require(chld_set_count(set) == 1, "the child is not in the set");
}

/* Stop sequences */

static int stop_by_steps(chld_set set, chld_id *id)
{
    chld_stop_plan plan = two_steps(CHLD_TARGET_CHILD);
    return chld_set_stop(set, *id, 0, &plan);
}

static void check_stop(uint32_t flags, bool by_waiting)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = CHLD_STDIO_PIPE;
    options.signals_mode = CHLD_SIGNALS_IGNORING;
    options.ignored = BIT(SIGTERM);
    chld_set set = open_set(flags);
    chld_id id = start(ARGV("gate"), &options);
    retry(set, "chld_set_stop", stop_by_steps, &id);
    chld_event event = next_event(set, by_waiting);
    require(event.id == id, "another child");
    if (event.kind == CHLD_EVENT_SURVIVED) { /* a signal could not be sent */
        require(seen_last.error != 0 && event.last == 0, "it survives, and nothing has failed");
        require(chld_kill(id, SIGKILL) == 0, "chld_kill without a fault");
        event = next_event(set, by_waiting);
    }
    require(event.kind == CHLD_EVENT_EXITED && event.last == 1, "event %d", event.kind);
    require_status(&event.status, CHLD_STATE_KILLED, SIGKILL);
    require(chld_set_count(set) == 0, "it is still in the set");
    close_set(set);
    finish(id, CHLD_STATE_KILLED, SIGKILL);
}

static void stop(void)
{
    check_stop(0, false);
}

static void stop_waiting(void)
{
    check_stop(0, true);
}

static void stop_sigchld(void)
{
    check_stop(CHLD_SET_SIGCHLD, true);
}

/* Captures */

enum { INPUT = 5000 };

static char input[INPUT], kept[INPUT];

static chld_capture_options copied(void)
{
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    memset(input, 'i', sizeof input);
    memset(kept, 0, sizeof kept);
    options.in = (chld_feed){ .mode = CHLD_FEED_BUFFER, .data = input, .size = INPUT };
    options.out = (chld_sink){ .mode = CHLD_SINK_HEAD, .buffer = kept, .size = INPUT };
    return options;
}

static int run_copy(chld_set set, chld_id *ret)
{
    chld_capture_options capture = copied();
    chld_error error = { 0 };
    *ret = CHLD_NONE;
    int result = chld_set_run(set, ARGV("copy", "exit=42"), NULL, &capture, ret, &error);
    require(result == 0 || *ret == CHLD_NONE, "a failed chld_set_run has written a handle");
    require(result == -error.code, "returned -%s, but the error says %s", errno_name(-result),
            errno_name(error.code));
    return result;
}

static int capture_copy(chld_set set, chld_id *id)
{
    chld_capture_options capture = copied();
    return chld_set_capture(set, *id, &capture);
}

static void require_captured(const chld_event *event, chld_id id)
{
    const chld_capture_result *result = event->capture;
    require(event->kind == CHLD_EVENT_CAPTURED && event->id == id && event->last == 1,
            "event %d", event->kind);
    require(result != NULL && result->timed_out == 0, "no result");
    require_status(&event->status, CHLD_STATE_EXITED, 42);
    if (seen_last.error == EIO && seen_last.call == SYS_read) {
        return; /* taken for the end, as of a terminal */
    }
    if (result->out.error != 0 || result->feed_error != 0) {
        require(seen_last.error != 0, "the streams say %s and %s", errno_name(result->out.error),
                errno_name(result->feed_error));
        return;
    }
    require(result->out.total == INPUT && memcmp(kept, input, INPUT) == 0,
            "%d bytes of %d have come", (int)result->out.total, INPUT);
}

static void check_run(uint32_t flags, bool by_waiting)
{
    chld_set set = open_set(flags);
    chld_id id = CHLD_NONE;
    retry(set, "chld_set_run", run_copy, &id);
    chld_event event = next_event(set, by_waiting);
    require_captured(&event, id);
    close_set(set);
    finish(id, CHLD_STATE_EXITED, 42);
}

static void run(void)
{
    check_run(0, false);
}

static void run_sigchld(void)
{
    check_run(CHLD_SET_SIGCHLD, true);
}

static void capture(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    chld_set set = open_set(0);
    options.in.mode = options.out.mode = CHLD_STDIO_PIPE;
    chld_id id = start(ARGV("copy", "exit=42"), &options);
    retry(set, "chld_set_capture", capture_copy, &id);
    chld_event event = next_event(set, true);
    require_captured(&event, id);
    close_set(set);
    finish(id, CHLD_STATE_EXITED, 42);
}

/* Stops */

static int watch(chld_set set, chld_id *id)
{
    return chld_set_add(set, *id, CHLD_WATCH_STOPPED | CHLD_WATCH_CONTINUED);
}

static void check_watch(uint32_t flags, bool by_waiting)
{
    static const struct {
        int signal;
        uint32_t kind;
    } steps[] = { { SIGSTOP, CHLD_EVENT_STOPPED }, { SIGCONT, CHLD_EVENT_CONTINUED },
                  { SIGKILL, CHLD_EVENT_EXITED } };
    chld_set set = open_set(flags);
    chld_id id = start_gated();
    retry(set, "chld_set_add", watch, &id);
    for (int i = 0; i < 3; i++) {
        require(chld_kill(id, steps[i].signal) == 0, "chld_kill without a fault");
        chld_event event = next_event(set, by_waiting);
        require(event.kind == steps[i].kind && event.id == id, "event %d", event.kind);
        require(event.last == (i == 2), "the last event");
    }
    close_set(set);
    finish(id, CHLD_STATE_KILLED, SIGKILL);
}

static void watch_stops(void)
{
    check_watch(0, true);
}

static void watch_stops_sigchld(void)
{
    check_watch(CHLD_SET_SIGCHLD, false);
}

/* A wake-up cannot fail for want of anything. */
static void wake(void)
{
    chld_set set = open_set(0);
    window_open();
    int woken = chld_set_wake(set);
    struct seen seen = window_close();
    if (!judge("chld_set_wake", woken, &seen)) {
        require(chld_set_wake(set) == 0, "chld_set_wake without a fault");
    }
    chld_event event = next_event(set, true);
    require(event.kind == CHLD_EVENT_WOKEN, "event %d", event.kind);
    require(chld_set_next(set, NULL) == -EAGAIN, "woken twice");
    close_set(set);
}

/* What is taken out is reported no more, and its capture ends. */
static void take_out(void)
{
    chld_set set = open_set(0);
    chld_id id = start_gated();
    require(chld_set_stop(set, id, 60000, NULL) == 0, "chld_set_stop without a fault");
    window_open();
    int removed = chld_set_remove(set, id);
    struct seen seen = window_close();
    if (!judge("chld_set_remove", removed, &seen)) {
        require(chld_set_remove(set, id) == 0, "chld_set_remove without a fault");
    }
    require(chld_set_count(set) == 0, "it is still in the set");
    open_gate(id);
    finish(id, CHLD_STATE_EXITED, 42);
    close_set(set);
}

static const struct scenario scenarios[] = {
    { "set_stop", stop },
    { "set_stop_waiting", stop_waiting },
    { "set_stop_sigchld", stop_sigchld },
    { "set_run", run },
    { "set_run_sigchld", run_sigchld },
    { "set_capture", capture },
    { "set_watch", watch_stops },
    { "set_watch_sigchld", watch_stops_sigchld },
    { "set_wake", wake },
    { "set_remove", take_out },
};

int main(int argc, char **argv)
{
    return frame(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}
