/* A loop with plain poll(), in a program that watches its own children by a
 * SIGCHLD handler with a pipe. */
#include "loops.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 32 };

static int ends[2], set_fd = -1;
static struct job *armed[MOST];
static struct sigaction before;

static void poke(int signal)
{
    int saved = errno;
    (void) signal;
    if (write(ends[1], "", 1) < 0) {
        /* full: it is awake already */
    }
    errno = saved;
}

static void begin(void)
{
    struct sigaction action = { .sa_handler = poke, .sa_flags = SA_RESTART };
    REQUIRE(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    REQUIRE(sigaction(SIGCHLD, &action, &before) == 0);
}

static void end(void)
{
    REQUIRE(sigaction(SIGCHLD, &before, NULL) == 0);
    close(ends[0]);
    close(ends[1]);
}

static void watch(int fd)
{
    set_fd = fd;
}

static void unwatch(void)
{
    set_fd = -1;
}

static void arm(struct job *job)
{
    int place = 0;
    while (armed[place]) {
        REQUIRE(++place < MOST);
    }
    armed[place] = job;
}

static void disarm(struct job *job)
{
    for (int i = 0; i < MOST; i++) {
        armed[i] = armed[i] == job ? NULL : armed[i];
    }
}

static int fill(struct pollfd *fds, struct job **jobs)
{
    int count = 2;
    fds[0] = (struct pollfd) { ends[0], POLLIN, 0 };
    fds[1] = (struct pollfd) { set_fd, POLLIN, 0 };
    for (int i = 0; i < MOST; i++) {
        for (uint32_t k = 0; armed[i] && k < armed[i]->wait.count; k++) {
            jobs[count] = armed[i];
            fds[count++] = (struct pollfd) { armed[i]->wait.fds[k].fd,
                                             armed[i]->wait.fds[k].events, 0 };
        }
    }
    return count;
}

static void turn(void)
{
    struct pollfd fds[2 + MOST * CHLD_CAPTURE_FDS];
    struct job *jobs[2 + MOST * CHLD_CAPTURE_FDS];
    int count = fill(fds, jobs);
    char bytes[64];
    if (poll(fds, (nfds_t) count, jobs_timeout()) < 0) {
        REQUIRE(errno == EINTR);
        return;
    }
    if (fds[0].revents) {
        while (read(ends[0], bytes, sizeof bytes) > 0) {
        }
        own_look();
    }
    if (fds[1].revents) {
        crowd_take();
    }
    for (int i = 2; i < count; i++) {
        if (fds[i].revents) {
            job_step(jobs[i]);
        }
    }
    jobs_step_due();
}

static const struct loop with_poll = {
    .begin = begin, .end = end, .watch = watch, .unwatch = unwatch, .arm = arm,
    .disarm = disarm, .start_own = own_fork, .turn = turn,
};

TEST_EACH_ENGINE(beside_poll_everybody_gets_their_own)
{
    loop_run(&with_poll, flags, false);
}

TEST(beside_poll_in_reap_mode)
{
    loop_run(&with_poll, 0, true);
}

/* Loops make the descriptors that they are given non-blocking, libuv for one;
 * and waitid() on such a pidfd does not wait. */
TEST(a_wait_waits_though_a_loop_has_made_the_descriptor_non_blocking)
{
    static const int limits[] = { -1, 60000, -1 };
    for (int i = 0; i < 3; i++) {
        struct gate gate = gate_make();
        chld_status status = { -1, -1, -1, -1 };
        chld_id id = START_AT(&gate, 8);
        int fd = CALL(chld_exit_fd(id));
        REQUIRE(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
        struct later later;
        later_kill(&later, id, SIGTERM);
        CHECK_CALL(i < 2 ? chld_wait(id, limits[i], &status)
                         : chld_wait_change(id, 0, limits[i], &status), 0);
        later_join(&later);
        CHECK_STATUS(status, CHLD_STATE_KILLED, SIGTERM);
        CHECK_CALL(chld_close(id), 0);
        gate_open(&gate);
    }
}

/* Others reap by waitpid(-1), libev for one, and signals merge: that one SIGCHLD
 * names one child does not name the other. */
TEST(both_children_that_others_reaped_are_reported_after_one_signal)
{
    struct gate stays = gate_make(), ends_now = gate_make();
    chld_set set = SET_OPEN(CHLD_SET_SIGCHLD);
    chld_id third = START_AT(&stays, 0), ids[2];
    block_signal(SIGCHLD);
    for (int i = 0; i < 2; i++) {
        ids[i] = START_AT(&ends_now, 0);
        CHECK_CALL(chld_set_add(set, ids[i], 0), 0);
    }
    gate_open(&ends_now);
    for (int i = 0; i < 2; i++) {
        int pid = CALL(chld_pid(ids[i]));
        REQUIRE(pid > 1 && waitpid(pid, NULL, 0) == pid);
    }
    unblock_signal(SIGCHLD);
    for (int i = 0; i < 2; i++) {
        chld_event event = { 0 };
        CHECK(SET_AWAIT(set, &event));
        CHECK(event.id == ids[0] || event.id == ids[1]);
    }
    CHECK_CALL(chld_close(ids[0]), 0);
    CHECK_CALL(chld_close(ids[1]), 0);
    CHECK_CALL(chld_set_close(set), 0);
    gate_open(&stays);
    FINISH(third);
}
