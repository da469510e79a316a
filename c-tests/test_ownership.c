/* Whose a stream, a child or a handle is: taking streams, releasing children, finding
 * handles, and children that do not outlive their handle. */
#include "exits.h"
#include "namespace.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static chld_spawn_options with_pipes(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = options.out.mode = CHLD_STDIO_PIPE;
    return options;
}

/* Streams */

TEST(a_stream_that_was_taken_is_the_callers)
{
    chld_spawn_options options = with_pipes();
    chld_id id = START(ACT("cat"), &options);
    int in = CALL(chld_stdin_fd(id)), out = CALL(chld_stdout_fd(id));
    CHECK_CALL(chld_take_fd(id, CHLD_STDIN), in);
    CHECK_CALL(chld_take_fd(id, CHLD_STDOUT), out);
    for (int which = CHLD_STDIN; which <= CHLD_STDERR; which++) {
        CHECK_CALL(chld_take_fd(id, which), -ENOENT);
        CHECK_CALL(chld_close_fd(id, which), -ENOENT);
    }
    CHECK_CALL(chld_stdin_fd(id), -ENOENT);
    CHECK_CALL(chld_stdout_fd(id), -ENOENT);
    CHECK_CALL(chld_close(id), 0);

    char text[16];
    CHECK_INT(fcntl(in, F_GETFD), FD_CLOEXEC);
    CHECK(!(fcntl(out, F_GETFL) & O_NONBLOCK));
    CHECK_INT(write(in, "still", 5), 5);
    close(in);
    CHECK_STR(read_all(out, text, sizeof text), "still");
    close(out);
    reap_closed_children();
}

TEST(what_is_no_stream_cannot_be_taken)
{
    chld_id id = START(ACT("exit", "0"), NULL);
    CHECK_CALL(chld_take_fd(id, CHLD_STDIN), -ENOENT);
    CHECK_CALL(chld_take_fd(id, -1), -EINVAL);
    CHECK_CALL(chld_take_fd(id, 3), -EINVAL);
    FINISH(id);
    CHECK_CALL(chld_take_fd(id, CHLD_STDIN), -EBADF);
    CHECK_CALL(chld_take_fd(CHLD_NONE, CHLD_STDIN), -EBADF);
}

/* Called while the capture has the streams. */
static int try_to_take(void *id, const char *bytes, size_t size)
{
    (void) bytes;
    (void) size;
    CHECK_CALL(chld_take_fd(*(chld_id *) id, CHLD_STDOUT), -EBUSY);
    CHECK_CALL(chld_close_fd(*(chld_id *) id, CHLD_STDOUT), -EBUSY);
    CHECK_CALL(chld_take_fd(*(chld_id *) id, CHLD_STDIN), -ENOENT); /* it was closed */
    CHECK_CALL(chld_take_fd(*(chld_id *) id, CHLD_STDERR), -ENOENT);
    CHECK_CALL(chld_take_fd(*(chld_id *) id, 3), -EINVAL);
    CHECK_CALL(chld_release(*(chld_id *) id, NULL), -EBUSY);
    return 1; /* enough: stop the child */
}

TEST(the_streams_of_a_capture_can_be_neither_taken_nor_closed)
{
    chld_spawn_options spawn = with_pipes();
    chld_id id = START(ARGV("sh", "-c", "echo; exec cat"), &spawn);
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.out.mode = CHLD_SINK_CALLBACK;
    options.out.callback = try_to_take;
    options.out.argument = &id;
    chld_capture_result result;
    CHECK_CALL(chld_capture(id, &options, &result), 0);
    CHECK_INT(result.out.stopped, 1);
    /* After it, what is left can be taken. */
    int out = CALL(chld_take_fd(id, CHLD_STDOUT));
    CHECK(out > 2);
    close(out);
    CHECK_CALL(chld_close(id), 0);
}

TEST_EACH_ENGINE(a_stop_sequence_leaves_the_streams_alone)
{
    chld_set set = SET_OPEN(flags);
    chld_spawn_options options = with_pipes();
    chld_id id = START(ARGV("sh", "-c", "echo early; cat; echo late"), &options);
    CHECK_CALL(chld_set_stop(set, id, 60000, NULL), 0);
    CHECK_CALL(chld_set_next(set, NULL), -EAGAIN);
    CHECK_CALL(chld_close_fd(id, CHLD_STDIN), 0);
    chld_event event;
    SET_AWAIT(set, &event);
    CHECK_INT(event.kind, CHLD_EVENT_EXITED);
    CHECK_EXITED(event.status, 0);
    char text[32];
    CHECK_STR(read_all(CALL(chld_stdout_fd(id)), text, sizeof text), "early\nlate\n");
    CHECK_CALL(chld_close(id), 0);
    CHECK_CALL(chld_set_close(set), 0);
}

/* Releasing */

static void reap(int pid, int code)
{
    int word = 0;
    CHECK_INT(waitpid(pid, &word, 0), pid);
    CHECK(WIFEXITED(word) && WEXITSTATUS(word) == code);
}

TEST(a_released_child_is_the_programs_to_reap)
{
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 7);
    int pid = -1;
    CHECK(CALL(chld_exit_fd(id)) > 2);
    CHECK_CALL(chld_release(id, &pid), 0);
    CHECK(pid > 1);
    CHECK_CALL(chld_pid(id), -EBADF);
    CHECK_CALL(chld_release(id, NULL), -EBADF);
    CHECK_CALL(chld_find(pid, NULL), -ECHILD);
    gate_open(&gate);
    AWAIT(process_state(pid) == 'Z');
    CHECK_CALL(chld_reap(), 0);
    CHECK_EXITED(RUN(ACT("exit", "1"), NULL), 1); /* reaps closed children */
    reap(pid, 7);
}

TEST(a_child_that_nobody_has_seen_exit_is_released_with_its_status)
{
    chld_id id = START(ACT("exit", "8"), NULL);
    int pid = CALL(chld_pid(id));
    await_exit(id);
    CHECK_CALL(chld_release(id, NULL), 0);
    reap(pid, 8);
}

TEST(what_has_been_reaped_cannot_be_released)
{
    int pid = 0;
    chld_id id = START(ACT("exit", "9"), NULL);
    CHECK_CALL(chld_wait(id, -1, NULL), 0);
    CHECK_CALL(chld_release(id, &pid), -ESRCH);
    CHECK_EXITED(FINISH(id), 9);

    id = START(ACT("exit", "9"), NULL);
    REQUIRE(waitpid(CALL(chld_pid(id)), NULL, 0) > 1); /* by other code */
    CHECK_CALL(chld_release(id, &pid), -ESRCH);
    chld_status status;
    CHECK_CALL(chld_wait(id, -1, &status), 0);
    if (ends_can_be_recovered() || status.state != CHLD_STATE_LOST) {
        CHECK_EXITED(status, 9);
    }
    CHECK_CALL(chld_close(id), 0);
    CHECK_INT(pid, 0);
}

TEST_EACH_ENGINE(a_released_child_leaves_its_sets_and_closes_its_streams)
{
    chld_set set = SET_OPEN(flags);
    chld_spawn_options options = with_pipes();
    chld_id id = START(ACT("cat"), &options);
    int out = CALL(chld_take_fd(id, CHLD_STDOUT)), pid = 0;
    CHECK_CALL(chld_set_add(set, id, CHLD_WATCH_STOPPED), 0);
    CHECK_CALL(chld_release(id, &pid), 0);
    CHECK_CALL(chld_set_count(set), 0);
    char text[8];
    CHECK_STR(read_all(out, text, sizeof text), ""); /* its stdin was closed */
    close(out);
    reap(pid, 0);
    CHECK_CALL(chld_set_next(set, NULL), -EAGAIN);
    CHECK_CALL(chld_set_close(set), 0);
}

struct waiter {
    chld_id id;
    atomic_int thread;
};

static void *wait_for_it(void *argument)
{
    struct waiter *waiter = argument;
    chld_status status;
    atomic_store(&waiter->thread, own_thread());
    CHECK_CALL(chld_wait(waiter->id, -1, &status), 0);
    CHECK_EXITED(status, 5);
    return NULL;
}

TEST(a_child_that_a_call_waits_for_is_not_released)
{
    struct gate gate = gate_make();
    struct waiter waiter = { .id = START_AT(&gate, 5) };
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, wait_for_it, &waiter) == 0);
    AWAIT(atomic_load(&waiter.thread) != 0 && process_state(waiter.thread) == 'S');
    CHECK_CALL(chld_release(waiter.id, NULL), -EBUSY);
    gate_open(&gate);
    pthread_join(thread, NULL);
    CHECK_CALL(chld_close(waiter.id), 0);
}

TEST(a_released_child_can_be_adopted_again)
{
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 6), again;
    int pid;
    CHECK_CALL(chld_release(id, &pid), 0);
    CHECK_CALL(chld_adopt(&again, pid), 0);
    CHECK(again != id);
    gate_open(&gate);
    CHECK_EXITED(FINISH(again), 6);
}

/* Finding */

TEST(a_child_is_found_by_its_pid_as_long_as_that_is_its_own)
{
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 3), other = START_AT(&gate, 4), found = CHLD_NONE;
    int pid = CALL(chld_pid(id));
    CHECK_CALL(chld_find(pid, &found), 0);
    CHECK(found == id);
    CHECK_CALL(chld_find(CALL(chld_pid(other)), &found), 0);
    CHECK(found == other);
    CHECK_CALL(chld_find(pid, NULL), 0);
    gate_open(&gate);
    await_exit(id);
    CHECK_CALL(chld_find(pid, &found), 0); /* its zombie has the number */
    CHECK_CALL(chld_wait(id, -1, NULL), 0);
    found = CHLD_NONE;
    CHECK_CALL(chld_find(pid, &found), -ECHILD);
    CHECK(found == CHLD_NONE);
    FINISH(id);
    FINISH(other);
}

TEST(what_is_no_child_of_the_library_is_not_found)
{
    static const int pids[] = { 0, -1, 1, INT32_MAX, INT32_MIN };
    for (int use = 0; use < 2; use++) {
        for (int i = 0; i < 5; i++) {
            CHECK_CALL(chld_find(pids[i], NULL), -ECHILD);
        }
        CHECK_CALL(chld_find(getpid(), NULL), -ECHILD);
        RUN(ACT("exit", "0"), NULL);
    }
    pid_t pid = foreign_zombie(3);
    CHECK_CALL(chld_find(pid, NULL), -ECHILD);
    FOREIGN_REAP(pid, 3);

    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 0); /* closed: it has no handle */
    pid = CALL(chld_pid(id));
    CHECK_CALL(chld_close(id), 0);
    CHECK_CALL(chld_find(pid, NULL), -ECHILD);
    gate_open(&gate);
    reap_closed_children();

    id = START(ACT("exit", "0"), NULL); /* reaped by other code */
    pid = CALL(chld_pid(id));
    REQUIRE(waitpid(pid, NULL, 0) == pid);
    CHECK_CALL(chld_find(pid, NULL), -ECHILD);
    CHECK_CALL(chld_close(id), 0);
}

/* Children that die with their handle */

/* A shell with a child of its own in its group, which both stay. */
static chld_id start_two(chld_spawn_options options, const char *script, int *ret_second)
{
    options.out.mode = CHLD_STDIO_PIPE;
    options.flags |= CHLD_SPAWN_KILL_ON_CLOSE;
    chld_id id = START(ARGV("sh", "-c", script), &options);
    char text[32] = "";
    REQUIRE(read(CALL(chld_stdout_fd(id)), text, sizeof text - 1) > 1);
    *ret_second = atoi(text);
    REQUIRE(*ret_second > 1);
    return id;
}

static void close_and_look(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    int second, first;
    chld_id id = start_two(options, "sleep 60 & echo $!; wait", &second);
    first = CALL(chld_pid(id));
    CHECK_CALL(chld_close(id), 0);
    AWAIT(has_ended(first));
    CHECK(!has_ended(second)); /* it leads no group */
    kill(second, SIGKILL);

    options.group_mode = CHLD_GROUP_NEW;
    id = start_two(options, "sleep 60 & echo $!; wait", &second);
    first = CALL(chld_pid(id));
    CHECK_CALL(chld_close(id), 0);
    AWAIT(has_ended(first) && has_ended(second));

    /* The leader has exited, and nobody has looked. */
    id = start_two(options, "sleep 60 & echo $!", &second);
    await_exit(id);
    CHECK_CALL(chld_close(id), 0);
    AWAIT(has_ended(second));
    reap_closed_children();
}

TEST(closing_kills_the_group_or_the_child_alone)
{
    IN_NAMESPACE(close_and_look);
}

TEST(closing_kills_even_a_stopped_child_that_ignores_signals)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_KILL_ON_CLOSE;
    options.signals_mode = CHLD_SIGNALS_IGNORING;
    options.ignored = ~0ull;
    chld_id id = START(ACT("stop", DECIMAL(SIGSTOP), "0"), &options);
    int pid = CALL(chld_pid(id));
    AWAIT(process_state(pid) == 'T');
    CHECK_CALL(chld_close(id), 0);
    AWAIT(has_ended(pid));
    reap_closed_children();
}

TEST(a_child_that_is_killed_on_close_is_otherwise_like_any)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_KILL_ON_CLOSE;
    CHECK_EXITED(RUN(ACT("exit", "4"), &options), 4);

    struct gate gate = gate_make(); /* released: it lives on */
    options.in = (chld_stdio) { .mode = CHLD_STDIO_FD, .fd = gate.wait_end };
    chld_id id = START(ACT("block", "5"), &options);
    int pid;
    if (CALL(chld_supports(CHLD_SPAWN_KILL_ON_DEATH)) == 0) { /* then it is private */
        CHECK_CALL(chld_release(id, &pid), -EINVAL);
        gate_open(&gate);
        CHECK_EXITED(FINISH(id), 5);
        return;
    }
    CHECK_CALL(chld_release(id, &pid), 0);
    gate_open(&gate);
    reap(pid, 5);
}

TEST(nobody_is_left_to_kill_of_a_detached_child)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_KILL_ON_CLOSE | CHLD_SPAWN_DETACHED;
    CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_OPTIONS, 0);
}
