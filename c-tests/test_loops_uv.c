/* libuv in the same process: it has a SIGCHLD handler and children of its own,
 * and everybody gets exactly theirs. Built where libuv is installed. */
#include "loops.h"

#ifdef HAVE_LOOP
#include <stdlib.h>
#include <sys/wait.h>
#include <uv.h>

enum { MOST = 128 };

static uv_loop_t loop;
static uv_poll_t *watcher;
static uv_process_t own[MOST];

/* Without it libuv would set SIGCHLD to SIG_DFL whenever its last child goes,
 * and take its own handler, or ours, out of force. */
static uv_signal_t keeper;

static void ignore(uv_signal_t *handle, int signal)
{
    (void) handle;
    (void) signal;
}

static void begin(void)
{
    REQUIRE(uv_loop_init(&loop) == 0);
    REQUIRE(uv_signal_init(&loop, &keeper) == 0);
    REQUIRE(uv_signal_start(&keeper, ignore, SIGCHLD) == 0);
}

static void end(void)
{
    uv_close((uv_handle_t *) &keeper, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    REQUIRE(uv_loop_close(&loop) == 0);
}

/* A handle lives until its loop has called back. */
static void release(uv_handle_t *handle)
{
    free(handle);
}

static uv_poll_t *poll_for(int fd, int events, uv_poll_cb callback, void *data)
{
    uv_poll_t *handle = malloc(sizeof *handle);
    REQUIRE(handle && uv_poll_init(&loop, handle, fd) == 0);
    handle->data = data;
    REQUIRE(uv_poll_start(handle, events, callback) == 0);
    return handle;
}

static void on_set(uv_poll_t *handle, int status, int events)
{
    (void) handle;
    (void) events;
    CHECK_INT(status, 0);
    crowd_take();
}

static void watch(int fd)
{
    watcher = poll_for(fd, UV_READABLE, on_set, NULL);
}

static void unwatch(void)
{
    uv_close((uv_handle_t *) watcher, release);
}

/* What waits for a capture. The handles go before each step: libuv must forget
 * a descriptor before that is closed, and its number somebody else's. */
struct waits {
    uv_poll_t *fds[CHLD_CAPTURE_FDS];
    uv_timer_t *timer;
};

static void on_ready(uv_poll_t *handle, int status, int events)
{
    (void) status;
    (void) events;
    job_step(handle->data);
}

static void on_time(uv_timer_t *timer)
{
    job_step(timer->data);
}

static void arm(struct job *job)
{
    struct waits *waits = job->glue = calloc(1, sizeof *waits);
    REQUIRE(waits);
    for (uint32_t i = 0; i < job->wait.count; i++) {
        int events = job->wait.fds[i].events == POLLIN ? UV_READABLE : UV_WRITABLE;
        waits->fds[i] = poll_for(job->wait.fds[i].fd, events, on_ready, job);
    }
    waits->timer = malloc(sizeof *waits->timer);
    REQUIRE(waits->timer && uv_timer_init(&loop, waits->timer) == 0);
    waits->timer->data = job;
    if (job->wait.timeout_ms >= 0) {
        uv_update_time(&loop);
        uv_timer_start(waits->timer, on_time, (uint64_t) job->wait.timeout_ms, 0);
    }
}

static void disarm(struct job *job)
{
    struct waits *waits = job->glue;
    for (uint32_t i = 0; i < job->wait.count; i++) {
        uv_close((uv_handle_t *) waits->fds[i], release);
    }
    uv_close((uv_handle_t *) waits->timer, release);
    free(waits);
}

static void on_own_exit(uv_process_t *process, int64_t code, int signal)
{
    uv_close((uv_handle_t *) process, NULL);
    own_ended((int) (process - own), W_EXITCODE((int) code, signal));
}

static void start_own(int number, const char *const *argv)
{
    uv_process_options_t options = {
        .file = argv[0], .args = (char **) (uintptr_t) argv, .exit_cb = on_own_exit,
    };
    REQUIRE(number < MOST && uv_spawn(&loop, &own[number], &options) == 0);
}

static void turn(void)
{
    uv_run(&loop, UV_RUN_ONCE);
}

static const struct loop with_uv = {
    .begin = begin, .end = end, .watch = watch, .unwatch = unwatch, .arm = arm,
    .disarm = disarm, .start_own = start_own, .turn = turn,
};

/* libuv keeps descriptors and handlers to the end of the process, so it runs in
 * a copy, and the audit stays strict. */
static uint32_t engine_flags;
static bool our_handler;

static void part(void)
{
    loop_run(&with_uv, engine_flags, our_handler);
}

TEST_EACH_ENGINE(beside_libuv_everybody_gets_their_own)
{
    engine_flags = flags;
    IN_COPY(part);
}

TEST(beside_libuv_in_reap_mode)
{
    our_handler = true;
    IN_COPY(part);
}

/* What the keeper is for. libuv's handler calls no other; it comes with the
 * first child, and goes with the last to SIG_DFL. */
static bool is_covered(void)
{
    uint32_t surroundings = 0;
    CHECK_CALL(chld_environment(&surroundings), 0);
    return surroundings & CHLD_ENV_HANDLER_OVERWRITTEN;
}

static int exits_seen;

static void on_exit_seen(uv_process_t *process, int64_t code, int signal)
{
    CHECK(code == 3 && signal == 0);
    uv_close((uv_handle_t *) process, NULL);
    exits_seen++;
}

static void cover_and_uncover(void)
{
    const char *const *argv = ACT("exit", "3");
    uv_process_options_t options = {
        .file = argv[0], .args = (char **) (uintptr_t) argv, .exit_cb = on_exit_seen,
    };
    chld_event event = { 0 };
    struct gate gate = gate_make();
    chld_set set = SET_OPEN(CHLD_SET_SIGCHLD);
    chld_id id = START_AT(&gate, 4);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    REQUIRE(uv_loop_init(&loop) == 0);
    CHECK(!is_covered());
    REQUIRE(uv_spawn(&loop, &own[0], &options) == 0);
    CHECK(is_covered());
    gate_open(&gate);
    AWAIT(process_state(CALL(chld_pid(id))) == 'Z');
    CHECK(!is_readable(CALL(chld_set_fd(set)))); /* libuv's handler does not chain */
    CHECK_CALL(chld_set_wait(set, 10000, &event), 0); /* but a wait looks by itself */
    CHECK(event.id == id);
    CHECK_EXITED(event.status, 4);
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK_INT(exits_seen, 1);
    CHECK_CALL(chld_close(id), 0);
    CHECK_CALL(chld_set_close(set), 0);
    REQUIRE(uv_loop_close(&loop) == 0); /* restores SIG_DFL, not our handler */
}

TEST(libuv_covers_our_handler_with_its_first_child_and_takes_it_out_with_its_last)
{
    IN_COPY(cover_and_uncover);
}
#else
TEST(beside_libuv_everybody_gets_their_own)
{
    SKIP_TEST("libuv is not installed");
}
#endif
