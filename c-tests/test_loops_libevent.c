/* libevent in the same process. It watches no children, but signals: a program
 * with children of its own has an event for SIGCHLD, and looks at each. Built
 * where libevent is installed. */
#include "loops.h"

#ifdef HAVE_LOOP
#include <event2/event.h>
#include <stdlib.h>

static struct event_base *base;
static struct event *watcher, *signals;

static void on_signal(evutil_socket_t signal, short what, void *unused)
{
    CHECK(signal == SIGCHLD && what == EV_SIGNAL && unused == NULL);
    own_look();
}

/* Before ours: libevent puts a handler into force that calls no other, and puts
 * back what it found when the event goes. */
static void begin(void)
{
    base = event_base_new();
    REQUIRE(base);
    signals = evsignal_new(base, SIGCHLD, on_signal, NULL);
    REQUIRE(signals && event_add(signals, NULL) == 0);
}

static void end(void)
{
    event_free(signals);
    event_base_free(base);
    libevent_global_shutdown();
}

static void on_set(evutil_socket_t fd, short what, void *unused)
{
    CHECK(fd >= 0 && what == EV_READ && unused == NULL);
    crowd_take();
}

static void watch(int fd)
{
    watcher = event_new(base, fd, EV_READ | EV_PERSIST, on_set, NULL);
    REQUIRE(watcher && event_add(watcher, NULL) == 0);
}

static void unwatch(void)
{
    event_free(watcher);
}

struct waits {
    struct event *fds[CHLD_CAPTURE_FDS];
    struct event *timer;
};

static void on_ready(evutil_socket_t fd, short what, void *job)
{
    (void) fd;
    (void) what;
    job_step(job);
}

static void arm(struct job *job)
{
    struct waits *waits = job->glue = calloc(1, sizeof *waits);
    REQUIRE(waits);
    for (uint32_t i = 0; i < job->wait.count; i++) {
        short what = job->wait.fds[i].events == POLLIN ? EV_READ : EV_WRITE;
        waits->fds[i] = event_new(base, job->wait.fds[i].fd, what, on_ready, job);
        REQUIRE(waits->fds[i] && event_add(waits->fds[i], NULL) == 0);
    }
    waits->timer = evtimer_new(base, on_ready, job);
    REQUIRE(waits->timer);
    if (job->wait.timeout_ms >= 0) {
        struct timeval time = { job->wait.timeout_ms / 1000, job->wait.timeout_ms % 1000 * 1000 };
        REQUIRE(event_add(waits->timer, &time) == 0);
    }
}

static void disarm(struct job *job)
{
    struct waits *waits = job->glue;
    for (uint32_t i = 0; i < job->wait.count; i++) {
        event_free(waits->fds[i]);
    }
    event_free(waits->timer);
    free(waits);
}

static void turn(void)
{
    REQUIRE(event_base_loop(base, EVLOOP_ONCE) >= 0);
}

static const struct loop with_libevent = {
    .begin = begin, .end = end, .watch = watch, .unwatch = unwatch, .arm = arm,
    .disarm = disarm, .start_own = own_fork, .turn = turn,
};

TEST_EACH_ENGINE(beside_libevent_everybody_gets_their_own)
{
    loop_run(&with_libevent, flags, false);
}

TEST(beside_libevent_in_reap_mode)
{
    loop_run(&with_libevent, 0, true);
}

/* An event for SIGCHLD that comes after ours covers it, and uncovers it when it
 * goes. */
TEST(libevents_event_for_sigchld_covers_our_handler)
{
    uint32_t around = 0;
    chld_set set = SET_OPEN(CHLD_SET_SIGCHLD);
    CHECK_CALL(chld_environment(&around), 0);
    CHECK(!(around & CHLD_ENV_HANDLER_OVERWRITTEN));
    begin();
    CHECK_CALL(chld_environment(&around), 0);
    CHECK(around & CHLD_ENV_HANDLER_OVERWRITTEN);
    end();
    CHECK_CALL(chld_environment(&around), 0);
    CHECK(!(around & CHLD_ENV_HANDLER_OVERWRITTEN));
    CHECK_CALL(chld_set_close(set), 0);
}
#else
TEST(beside_libevent_everybody_gets_their_own)
{
    SKIP_TEST("libevent is not installed");
}
#endif
