/* libev in the same process. Its default loop waits for any child at all, by
 * waitpid(-1), and so reaps the library's. Built where libev is installed. */
#include "loops.h"

#ifdef HAVE_LOOP
#include "faults_deny.h"

#include <ev.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 128 };

static struct ev_loop *loop;
static ev_io watcher;
static ev_signal signals;
static ev_child own[MOST];
static struct sigaction before;

static void begin_default(void)
{
    REQUIRE(sigaction(SIGCHLD, NULL, &before) == 0);
    loop = ev_default_loop(0);
    REQUIRE(loop);
}

static void on_signal(struct ev_loop *in, ev_signal *signal, int events)
{
    CHECK(in == loop && signal == &signals && events == EV_SIGNAL);
    own_look();
}

/* A loop that is not the default one has nothing to do with children; the
 * program looks at its own when there is a SIGCHLD. */
static void begin_other(void)
{
    REQUIRE(sigaction(SIGCHLD, NULL, &before) == 0);
    loop = ev_loop_new(0);
    REQUIRE(loop);
    ev_signal_init(&signals, on_signal, SIGCHLD);
    ev_signal_start(loop, &signals);
}

/* The default loop, made to leave children alone. */
static void begin_tamed(void)
{
    begin_default();
    REQUIRE(sigaction(SIGCHLD, &before, NULL) == 0);
}

/* libev leaves SIG_DFL, with a flag that was not there. */
static void end(void)
{
    if (ev_is_active(&signals)) {
        ev_signal_stop(loop, &signals);
    }
    ev_loop_destroy(loop);
    REQUIRE(sigaction(SIGCHLD, &before, NULL) == 0);
}

static void on_set(struct ev_loop *in, ev_io *io, int events)
{
    CHECK(in == loop && io == &watcher && events == EV_READ);
    crowd_take();
}

static void watch(int fd)
{
    ev_io_init(&watcher, on_set, fd, EV_READ);
    ev_io_start(loop, &watcher);
}

static void unwatch(void)
{
    ev_io_stop(loop, &watcher);
}

struct waits {
    ev_io fds[CHLD_CAPTURE_FDS];
    ev_timer timer;
};

static void on_ready(struct ev_loop *in, ev_io *io, int events)
{
    (void) in;
    (void) events;
    job_step(io->data);
}

static void on_time(struct ev_loop *in, ev_timer *timer, int events)
{
    (void) in;
    (void) events;
    job_step(timer->data);
}

static void arm(struct job *job)
{
    struct waits *waits = job->glue = calloc(1, sizeof *waits);
    REQUIRE(waits);
    for (uint32_t i = 0; i < job->wait.count; i++) {
        int events = job->wait.fds[i].events == POLLIN ? EV_READ : EV_WRITE;
        ev_io_init(&waits->fds[i], on_ready, job->wait.fds[i].fd, events);
        waits->fds[i].data = job;
        ev_io_start(loop, &waits->fds[i]);
    }
    ev_timer_init(&waits->timer, on_time, job->wait.timeout_ms / 1e3, 0);
    waits->timer.data = job;
    if (job->wait.timeout_ms >= 0) {
        ev_now_update(loop);
        ev_timer_start(loop, &waits->timer);
    }
}

static void disarm(struct job *job)
{
    struct waits *waits = job->glue;
    for (uint32_t i = 0; i < job->wait.count; i++) {
        ev_io_stop(loop, &waits->fds[i]);
    }
    ev_timer_stop(loop, &waits->timer);
    free(waits);
}

static void on_own_exit(struct ev_loop *in, ev_child *child, int events)
{
    CHECK(in == loop && events & EV_CHILD);
    ev_child_stop(in, child);
    own_ended((int) (child - own), child->rstatus);
}

static void start_own(int number, const char *const *argv)
{
    pid_t pid = fork();
    REQUIRE(number < MOST && pid >= 0);
    if (pid == 0) {
        execv(argv[0], (char *const *) (uintptr_t) argv);
        _exit(127);
    }
    ev_child_init(&own[number], on_own_exit, pid, 0);
    ev_child_start(loop, &own[number]);
}

static void turn(void)
{
    ev_run(loop, EVRUN_ONCE);
}

static const struct loop with_default = {
    .begin = begin_default, .end = end, .watch = watch, .unwatch = unwatch, .arm = arm,
    .disarm = disarm, .start_own = start_own, .turn = turn, .steals = true,
};

static const struct loop with_other = {
    .begin = begin_other, .end = end, .watch = watch, .unwatch = unwatch, .arm = arm,
    .disarm = disarm, .start_own = own_fork, .turn = turn,
};

static const struct loop with_tamed = {
    .begin = begin_tamed, .end = end, .watch = watch, .unwatch = unwatch, .arm = arm,
    .disarm = disarm, .turn = turn,
};

TEST_EACH_ENGINE(beside_libevs_default_loop_nothing_wrong_is_reported)
{
    loop_run(&with_default, flags, false);
}

TEST(beside_libevs_default_loop_in_reap_mode)
{
    loop_run(&with_default, 0, true);
}

TEST_EACH_ENGINE(beside_another_loop_of_libev_everybody_gets_their_own)
{
    loop_run(&with_other, flags, false);
}

TEST(beside_another_loop_of_libev_in_reap_mode)
{
    loop_run(&with_other, 0, true);
}

TEST_EACH_ENGINE(beside_libevs_default_loop_without_its_handler_all_is_well)
{
    loop_run(&with_tamed, flags, false);
}

/* The default loop runs when a child of ours has ended, and nobody has looked.
 * With pidfds it takes the status: what the kernel still has then is reported, and
 * nothing is made up. Without, our handler has been there before it. `state` is
 * what must be reported; 0 where that is not known. */
static void leave_one_to_libev(int state)
{
    chld_event event = { 0 };
    begin_default();
    chld_set set = SET_OPEN(0);
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 7);
    int pid = CALL(chld_pid(id));
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    gate_open(&gate);
    long long until = now_ms() + 10000;
    while (process_is_there(pid) && now_ms() < until) {
        ev_run(loop, EVRUN_NOWAIT);
    }
    CHECK(SET_AWAIT(set, &event) && event.id == id);
    bool first = is_by_signal(0);
    state = first ? CHLD_STATE_EXITED : state ? state : event.status.state;
    CHECK_STATUS(event.status, state, state == CHLD_STATE_LOST ? -1 : 7);
    CHECK_CALL(chld_usage(id, NULL), first ? 0 : -ENODATA);
    CHECK_CALL(chld_close(id), 0);
    CHECK_CALL(chld_set_close(set), 0);
    end();
}

TEST(what_libevs_default_loop_took_is_recovered_if_the_kernel_has_it)
{
    leave_one_to_libev(ends_can_be_recovered() ? CHLD_STATE_EXITED : 0);
}

static void on_an_older_kernel(void)
{
    REQUIRE(deny_install("ioctl:pidfd=ENOTTY") == 0);
    leave_one_to_libev(CHLD_STATE_LOST);
}

static void crowd_on_an_older_kernel(void)
{
    REQUIRE(deny_install("ioctl:pidfd=ENOTTY") == 0);
    loop_run(&with_default, 0, false);
}

TEST(what_libevs_default_loop_took_is_lost_on_older_kernels)
{
    if (under_valgrind()) {
        SKIP_TEST("valgrind has no seccomp filters");
    }
    IN_COPY(on_an_older_kernel);
    IN_COPY(crowd_on_an_older_kernel);
}
#else
TEST(beside_libev_everybody_gets_their_own)
{
    SKIP_TEST("libev is not installed");
}
#endif
