/* Children that are private to their handle, and children that die with the program:
 * Linux 7.1. Elsewhere they are refused. */
#include "exits.h"
#include "look.h"
#include "namespace.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DYING = CHLD_SPAWN_KILL_ON_DEATH | CHLD_SPAWN_NO_NEW_PRIVS };

static void need(uint64_t flags)
{
    int result = CALL(chld_supports(flags));
    if (result != 0) {
        SKIP_TEST("not on this system: %s (Linux 7.1)", strerror(-result));
    }
}

static chld_spawn_options with(uint64_t flags)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = flags;
    return options;
}

/* One that lives until the gate is opened. */
static chld_id start_private(const struct gate *gate, uint64_t flags, int code)
{
    chld_spawn_options options = with(flags);
    options.in = (chld_stdio) { .mode = CHLD_STDIO_FD, .fd = gate->wait_end };
    return START(ACT("block", DECIMAL(code)), &options);
}

static void check_no_child(void)
{
    errno = 0;
    CHECK_INT(waitpid(-1, NULL, WNOHANG | __WALL), -1);
    CHECK_INT(errno, ECHILD);
}

/* Refusals */

TEST(where_it_is_not_to_be_had_the_start_fails)
{
    static const uint64_t flags[] = { CHLD_SPAWN_PRIVATE, DYING };
    for (int i = 0; i < 2; i++) {
        chld_spawn_options options = with(flags[i]);
        if (CALL(chld_supports(flags[i])) == 0) {
            CHECK_EXITED(RUN(ACT("exit", "3"), &options), 3);
            continue;
        }
        CHECK_CALL(chld_supports(flags[i]), -ENOSYS);
        for (int round = 0; round < 2; round++) {
            CHECK_FAILS(ACT("exit", "0"), &options, ENOSYS, CHLD_STEP_CLONE, 0);
        }
    }
    check_no_child();
    CHECK_EXITED(RUN(ACT("exit", "4"), NULL), 4); /* others start as before */
}

TEST(what_every_kernel_has_is_supported)
{
    CHECK_CALL(chld_supports(0), 0);
    CHECK_CALL(chld_supports(CHLD_SPAWN_KILL_ON_CLOSE | CHLD_SPAWN_DETACHED), 0);
    CHECK_CALL(chld_supports(1ull << 63), -EINVAL);
}

TEST(contradictions_are_refused)
{
    static const uint64_t flags[] = { CHLD_SPAWN_PRIVATE, CHLD_SPAWN_KILL_ON_DEATH };
    for (int i = 0; i < 2; i++) {
        chld_spawn_options options = with(CHLD_SPAWN_DETACHED | flags[i]);
        CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_OPTIONS, 0);
    }
}

static void want_more_than_allowed(void)
{
    become_nobody();
    CHECK_CALL(chld_supports(CHLD_SPAWN_KILL_ON_DEATH), -EPERM);
    CHECK_CALL(chld_supports(DYING), 0);
    chld_spawn_options options = with(CHLD_SPAWN_KILL_ON_DEATH);
    CHECK_FAILS(ARGV("true"), &options, EPERM, CHLD_STEP_CLONE, 0);
    options.flags = CHLD_SPAWN_KILL_ON_CLOSE; /* asks for no more than it gets */
    CHECK_EXITED(RUN(ARGV("true"), &options), 0);
    options.flags = DYING;
    CHECK_EXITED(RUN(ARGV("true"), &options), 0);
}

TEST(to_kill_what_may_gain_privileges_needs_a_capability)
{
    need(DYING);
    need_nobody();
    IN_COPY(want_more_than_allowed);
}

/* As any child */

TEST(its_status_comes_as_that_of_any_child)
{
    need(CHLD_SPAWN_PRIVATE);
    struct gate gate = gate_make();
    chld_id id = start_private(&gate, CHLD_SPAWN_PRIVATE, 7);
    chld_status status;
    chld_resources usage;
    int pid = CALL(chld_pid(id));
    CHECK_CALL(chld_wait(id, 0, NULL), -ETIMEDOUT);
    CHECK_CALL(chld_wait(id, 20, NULL), -ETIMEDOUT);
    CHECK_CALL(chld_kill(id, 0), 0);
    CHECK_CALL(chld_find(pid, NULL), -ECHILD);
    CHECK_CALL(chld_release(id, NULL), -EINVAL);
    CHECK(!is_readable(CALL(chld_exit_fd(id))));
    gate_open(&gate);
    CHECK_CALL(chld_wait(id, -1, &status), 0);
    CHECK_EXITED(status, 7);
    check_no_child();
    AWAIT(!process_is_there(pid));
    CHECK(is_readable(CALL(chld_exit_fd(id))));
    CHECK_CALL(chld_usage(id, &usage), -ENODATA);
    CHECK_CALL(chld_kill(id, SIGKILL), -ESRCH);
    CHECK_CALL(chld_kill(id, 0), -ESRCH);
    CHECK_CALL(chld_wait(id, 0, &status), 0);
    CHECK_CALL(chld_close(id), 0);

    chld_spawn_options options = with(CHLD_SPAWN_PRIVATE);
    CHECK_STATUS(RUN(ACT("die", DECIMAL(SIGTERM)), &options), CHLD_STATE_KILLED, SIGTERM);
}

TEST(any_of_several_is_waited_for)
{
    need(CHLD_SPAWN_PRIVATE);
    struct gate gate = gate_make(), other = gate_make();
    chld_id ids[] = { START_AT(&other, 1), start_private(&gate, CHLD_SPAWN_PRIVATE, 2) };
    chld_event event;
    CHECK_CALL(chld_wait_any(ids, 2, 10, &event), -ETIMEDOUT);
    gate_open(&gate);
    CHECK_CALL(chld_wait_any(ids, 2, -1, &event), 0);
    CHECK(event.id == ids[1]);
    CHECK_EXITED(event.status, 2);
    gate_open(&other);
    FINISH(ids[0]);
    FINISH(ids[1]);
}

TEST(stops_and_continuations_are_seen)
{
    need(CHLD_SPAWN_PRIVATE);
    static const int timeouts[] = { -1, 10000 };
    for (int i = 0; i < 2; i++) {
        chld_spawn_options options = with(CHLD_SPAWN_PRIVATE);
        chld_id id = START(ACT("stop", DECIMAL(SIGSTOP), "5"), &options);
        chld_status status;
        const uint32_t both = CHLD_WATCH_STOPPED | CHLD_WATCH_CONTINUED;
        CHECK_CALL(chld_wait_change(id, both, timeouts[i], &status), 0);
        CHECK_STATUS(status, CHLD_STATE_STOPPED, SIGSTOP);
        CHECK_CALL(chld_wait_change(id, both, 0, &status), -ETIMEDOUT);
        CHECK_CALL(chld_kill(id, SIGCONT), 0);
        int result;
        while ((result = CALL(chld_wait_change(id, both, timeouts[i], &status))) == 0
               && status.state == CHLD_STATE_CONTINUED) {
        }
        CHECK_INT(result, 0);
        CHECK_EXITED(status, 5);
        CHECK_CALL(chld_close(id), 0);
    }
}

TEST_EACH_ENGINE(a_set_reports_it)
{
    need(CHLD_SPAWN_PRIVATE);
    chld_set set = SET_OPEN(flags);
    struct gate gate = gate_make();
    chld_id id = start_private(&gate, CHLD_SPAWN_PRIVATE, 9);
    CHECK_CALL(chld_set_add(set, id, CHLD_WATCH_STOPPED), 0);
    CHECK_CALL(chld_set_next(set, NULL), -EAGAIN);
    gate_open(&gate);
    chld_event event;
    SET_AWAIT(set, &event);
    CHECK_INT(event.kind, CHLD_EVENT_EXITED);
    CHECK_EXITED(event.status, 9);
    CHECK_CALL(chld_set_count(set), 0);
    CHECK_CALL(chld_set_add(set, id, 0), 0); /* reported at once */
    SET_AWAIT(set, &event);
    CHECK_EXITED(event.status, 9);
    CHECK_CALL(chld_close(id), 0);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(a_set_captures_and_stops_it)
{
    need(CHLD_SPAWN_PRIVATE);
    chld_set set = SET_OPEN(flags);
    chld_spawn_options spawn = with(CHLD_SPAWN_PRIVATE);
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.out.mode = CHLD_SINK_GROW;
    CHECK_CALL(chld_set_run(set, ARGV("echo", "hello"), &spawn, &options, NULL, NULL), 0);
    chld_event event;
    SET_AWAIT(set, &event);
    CHECK_INT(event.kind, CHLD_EVENT_CAPTURED);
    CHECK_EXITED(event.status, 0);
    CHECK_INT((long long) event.capture->out.kept, 6);
    CHECK_CALL(chld_close(event.id), 0);

    struct gate gate = gate_make();
    chld_id id = start_private(&gate, CHLD_SPAWN_PRIVATE, 0);
    CHECK_CALL(chld_set_stop(set, id, 0, NULL), 0);
    SET_AWAIT(set, &event);
    CHECK_STATUS(event.status, CHLD_STATE_KILLED, SIGTERM);
    CHECK_CALL(chld_close(id), 0);
    gate_open(&gate);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST(it_is_captured_and_stopped)
{
    need(CHLD_SPAWN_PRIVATE);
    chld_spawn_options spawn = with(CHLD_SPAWN_PRIVATE);
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    chld_capture_result result;
    options.out.mode = CHLD_SINK_GROW;
    options.timeout_ms = 20000;
    CHECK_CALL(chld_run(ARGV("seq", "1000"), &spawn, &options, &result, NULL), 0);
    CHECK_EXITED(result.status, 0);
    CHECK_INT((long long) result.out.kept, 3893);
    CHECK_CALL(chld_buffer_free(result.out.data), 0);

    struct gate gate = gate_make();
    chld_id id = start_private(&gate, CHLD_SPAWN_PRIVATE, 0);
    chld_status status;
    CHECK_CALL(chld_stop(id, NULL, &status), 0);
    CHECK_STATUS(status, CHLD_STATE_KILLED, SIGTERM);
    CHECK_CALL(chld_close(id), 0);
    gate_open(&gate);
}

static void kill_its_family(void)
{
    chld_spawn_options options = with(CHLD_SPAWN_PRIVATE);
    options.group_mode = CHLD_GROUP_NEW;
    options.out.mode = CHLD_STDIO_PIPE;
    uint32_t left = 9;
    for (int by_tree = 0; by_tree < 2; by_tree++) {
        char text[32] = "";
        chld_id id = START(ARGV("sh", "-c", "sleep 60 & echo $!; wait"), &options);
        REQUIRE(read(CALL(chld_stdout_fd(id)), text, sizeof text - 1) > 1);
        if (by_tree) {
            CHECK_CALL(chld_kill_tree(id, SIGKILL, &left), 0);
            CHECK_INT(left, 0);
        } else {
            CHECK_CALL(chld_kill_group(id, SIGKILL), 0);
        }
        AWAIT(has_ended(atoi(text)));
        CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGKILL);
    }
}

TEST(its_group_and_its_tree_are_killed)
{
    need(CHLD_SPAWN_PRIVATE);
    IN_NAMESPACE(kill_its_family);
}

TEST(a_start_that_fails_leaves_nothing)
{
    need(DYING);
    static const uint64_t flags[] = { CHLD_SPAWN_PRIVATE, DYING, CHLD_SPAWN_DETACHED };
    for (int i = 0; i < 3; i++) {
        chld_spawn_options options = with(flags[i]);
        for (int round = 0; round < scaled(50); round++) {
            CHECK_FAILS(ARGV("/nonexistent"), &options, ENOENT, CHLD_STEP_EXEC, 0);
            check_no_child();
        }
    }
}

TEST(a_closed_one_goes_on_and_leaves_nothing)
{
    need(CHLD_SPAWN_PRIVATE);
    struct gate gate = gate_make();
    int before = open_descriptors();
    chld_id id = start_private(&gate, CHLD_SPAWN_PRIVATE, 0);
    int pid = CALL(chld_pid(id));
    CHECK_CALL(chld_close(id), 0);
    CHECK_INT(open_descriptors(), before);
    CHECK(process_is_there(pid));
    gate_open(&gate);
    AWAIT(!process_is_there(pid));
    check_no_child();
}

TEST(it_has_no_new_privileges_if_asked)
{
    chld_spawn_options options = with(CHLD_SPAWN_NO_NEW_PRIVS);
    chld_id id = STAY(&options);
    CHECK_INT(proc_number(CALL(chld_pid(id)), "NoNewPrivs"), 1);
    LEAVE(id);
}

/* Nobody can steal it. */

static atomic_bool enough;
static atomic_int stolen;

static void *reap_everything(void *unused)
{
    while (!atomic_load(&enough)) {
        if (waitpid(-1, NULL, WNOHANG | __WALL) > 0) {
            atomic_fetch_add(&stolen, 1);
        }
    }
    return unused;
}

TEST(a_thousand_statuses_are_true_beside_a_thread_that_reaps_everything)
{
    need(CHLD_SPAWN_PRIVATE);
    pthread_t thread;
    struct sigaction before, ignore = { .sa_handler = SIG_IGN };
    REQUIRE(sigaction(SIGCHLD, &ignore, &before) == 0);
    REQUIRE(pthread_create(&thread, NULL, reap_everything, NULL) == 0);
    chld_spawn_options options = with(CHLD_SPAWN_PRIVATE);
    for (int i = 0; i < scaled(1000) && !failures(); i++) {
        CHECK_EXITED(RUN(ACT("exit", DECIMAL(i % 256)), &options), i % 256);
    }
    atomic_store(&enough, true);
    pthread_join(thread, NULL);
    REQUIRE(sigaction(SIGCHLD, &before, NULL) == 0);
    CHECK_INT(atomic_load(&stolen), 0);
}

/* They die with the program. */

enum { COUNT = 10 };
static int channel[2];

static void start_ten_and_wait(void)
{
    struct gate gate = gate_make();
    int pids[COUNT];
    for (int i = 0; i < COUNT; i++) {
        pids[i] = CALL(chld_pid(start_private(&gate, DYING, 0)));
    }
    REQUIRE(write(channel[1], pids, sizeof pids) == sizeof pids);
    pause();
}

static bool any_is_there(const int *pids)
{
    for (int i = 0; i < COUNT; i++) {
        if (process_is_there(pids[i])) {
            return true;
        }
    }
    return false;
}

TEST(a_program_that_is_killed_takes_its_children_along)
{
    need(DYING);
    int pids[COUNT];
    REQUIRE(pipe2(channel, O_CLOEXEC) == 0);
    pid_t program = fork();
    REQUIRE(program >= 0);
    if (program == 0) {
        start_ten_and_wait();
        _exit(99);
    }
    REQUIRE(read(channel[0], pids, sizeof pids) == sizeof pids);
    CHECK(any_is_there(pids));
    kill(program, SIGKILL);
    REQUIRE(waitpid(program, NULL, 0) == program);
    long long killed = now_ms();
    AWAIT(!any_is_there(pids));
    CHECK(now_ms() - killed < 2000); /* 100 ms where nothing else runs */
    close(channel[0]);
    close(channel[1]);
}

TEST(closing_kills_it)
{
    need(DYING);
    struct gate gate = gate_make();
    chld_id id = start_private(&gate, DYING, 0);
    int pid = CALL(chld_pid(id));
    CHECK_CALL(chld_close(id), 0);
    AWAIT(!process_is_there(pid));
    check_no_child();
    gate_open(&gate);
}

static pid_t fork_copy(bool gives_up)
{
    int ready[2];
    char byte;
    REQUIRE(pipe2(ready, O_CLOEXEC) == 0);
    pid_t copy = fork();
    REQUIRE(copy >= 0);
    if (copy == 0) {
        if ((!gives_up || chld_after_fork() == 0) && write(ready[1], "!", 1) == 1) {
            pause();
        }
        _exit(99);
    }
    REQUIRE(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    close(ready[1]);
    return copy;
}

/* A program of its own, as this one must not die. */
static bool copy_gives_up;

static void start_and_fork(void)
{
    struct gate gate = gate_make();
    int pids[2];
    pids[0] = CALL(chld_pid(start_private(&gate, DYING, 0)));
    pids[1] = fork_copy(copy_gives_up);
    REQUIRE(write(channel[1], pids, sizeof pids) == sizeof pids);
    _exit(0);
}

TEST(a_copy_keeps_it_alive_until_it_gives_up_what_it_inherited)
{
    need(DYING);
    int pids[2];
    REQUIRE(pipe2(channel, O_CLOEXEC) == 0);
    for (int gives_up = 0; gives_up < 2; gives_up++) {
        copy_gives_up = gives_up;
        IN_COPY(start_and_fork);
        REQUIRE(read(channel[0], pids, sizeof pids) == sizeof pids);
        if (gives_up) {
            AWAIT(!process_is_there(pids[0]));
        } else {
            poll(NULL, 0, 100);
            CHECK(process_is_there(pids[0]));
        }
        kill(pids[1], SIGKILL);
        AWAIT(!process_is_there(pids[0]));
    }
    close(channel[0]);
    close(channel[1]);
}
