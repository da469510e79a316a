/* A loop with epoll, in a program that watches its own children by a signalfd.
 * That asks for SIGCHLD to be blocked in every thread, so no handler ever runs:
 * a set on SIGCHLD is awake only if the program passes the news on. */
#include "loops.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { MOST = 32 };

static int epoll, signals, watched = -1;
static bool is_deaf;

/* What an event is of: a job, or one of these. */
static char of_signals, of_set;

static void add(int fd, uint32_t events, void *of)
{
    struct epoll_event event = { .events = events, .data.ptr = of };
    REQUIRE(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
}

static void begin(void)
{
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, SIGCHLD);
    block_signal(SIGCHLD);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) {
        SKIP_TEST("there is no epoll here");
    }
    signals = signalfd(-1, &only, SFD_CLOEXEC | SFD_NONBLOCK);
    REQUIRE(signals >= 0);
    add(signals, EPOLLIN, &of_signals);
}

static void end(void)
{
    close(signals);
    close(epoll);
    unblock_signal(SIGCHLD);
}

static void watch(int fd)
{
    watched = fd;
    add(fd, EPOLLIN, &of_set);
}

static void unwatch(void)
{
    REQUIRE(epoll_ctl(epoll, EPOLL_CTL_DEL, watched, NULL) == 0);
}

static void arm(struct job *job)
{
    for (uint32_t i = 0; i < job->wait.count; i++) {
        add(job->wait.fds[i].fd, job->wait.fds[i].events == POLLIN ? EPOLLIN : EPOLLOUT, job);
    }
}

static void disarm(struct job *job)
{
    for (uint32_t i = 0; i < job->wait.count; i++) {
        REQUIRE(epoll_ctl(epoll, EPOLL_CTL_DEL, job->wait.fds[i].fd, NULL) == 0);
    }
}

static void hear(void)
{
    struct signalfd_siginfo info[16];
    while (read(signals, info, sizeof info) > 0) {
    }
    if (is_deaf) {
        CALL(chld_reap());
    }
    own_look();
}

static void turn(void)
{
    struct epoll_event events[MOST];
    int count = epoll_wait(epoll, events, MOST, jobs_timeout());
    REQUIRE(count >= 0 || errno == EINTR);
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == &of_signals) {
            hear();
        } else if (events[i].data.ptr == &of_set) {
            crowd_take();
        } else {
            job_step(events[i].data.ptr);
        }
    }
    jobs_step_due();
}

static const struct loop with_epoll = {
    .begin = begin, .end = end, .watch = watch, .unwatch = unwatch, .arm = arm,
    .disarm = disarm, .start_own = own_fork, .turn = turn, .blocks_sigchld = true,
};

TEST_EACH_ENGINE(beside_epoll_everybody_gets_their_own)
{
    is_deaf = is_by_signal(flags);
    loop_run(&with_epoll, flags, false);
}

/* Why chld_reap() is needed there, and what shows that. */
TEST(beside_a_signalfd_the_sigchld_engine_is_deaf_and_reports_that)
{
    uint32_t surroundings = 0;
    chld_event event = { 0 };
    begin();
    chld_set set = SET_OPEN(CHLD_SET_SIGCHLD);
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 6);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    gate_open(&gate);
    CHECK_CALL(chld_environment(&surroundings), 0);
    CHECK(surroundings & CHLD_ENV_SIGCHLD_BLOCKED);
    AWAIT(is_readable(signals));
    CHECK(!is_readable(CALL(chld_set_fd(set))));
    CHECK_CALL(chld_reap(), 1);
    CHECK(is_readable(CALL(chld_set_fd(set))));
    CHECK_CALL(chld_set_next(set, &event), 0);
    CHECK(event.id == id);
    CHECK_EXITED(event.status, 6);
    CHECK_CALL(chld_close(id), 0);
    CHECK_CALL(chld_set_close(set), 0);
    end();
}
