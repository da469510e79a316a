/* A forked copy of the program begins with an empty library. */
#include "support.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COUNT = 40 };
static chld_id old_ids[COUNT];

static void check_old_handles_are_none(void)
{
    for (int i = 0; i < COUNT; i++) {
        CHECK_CALL(chld_pid(old_ids[i]), -EBADF);
        CHECK_CALL(chld_peek(old_ids[i], NULL), -EBADF);
        CHECK_CALL(chld_wait(old_ids[i], 0, NULL), -EBADF);
        CHECK_CALL(chld_wait_any(&old_ids[i], 1, 0, NULL), old_ids[i] ? -EBADF : -ECHILD);
        CHECK_CALL(chld_kill(old_ids[i], SIGKILL), -EBADF);
        CHECK_CALL(chld_close(old_ids[i]), -EBADF);
    }
}

static void use_copy(void)
{
    check_old_handles_are_none();
    for (int i = 0; i < COUNT; i++) { /* in the places of the old ones */
        chld_id id = START(ACT("exit", "7"), NULL);
        CHECK_EXITED(FINISH(id), 7);
    }
    check_old_handles_are_none();
    CHECK_FAILS(ARGV("/nonexistent"), NULL, ENOENT, CHLD_STEP_EXEC, 0);
}

static void copy_of_copy(void)
{
    check_old_handles_are_none();
    CHECK_EXITED(RUN(ACT("exit", "8"), NULL), 8);
    IN_COPY(use_copy);
    CHECK_EXITED(RUN(ACT("exit", "9"), NULL), 9);
}

/* Runs `part` in a copy while the original has children in all states. */
static void with_children(void (*part)(void))
{
    struct gate gate = gate_make();
    for (int i = 0; i < COUNT; i++) {
        old_ids[i] = START_AT(&gate, i);
    }
    CHECK_CALL(chld_kill(old_ids[0], SIGKILL), 0);
    CHECK_CALL(chld_wait(old_ids[0], -1, NULL), 0);
    CHECK_CALL(chld_kill(old_ids[1], SIGKILL), 0);
    await_exit(old_ids[1]);
    CHECK_CALL(chld_close(START_AT(&gate, 0)), 0);
    IN_COPY(part);
    gate_open(&gate);
    CHECK_STATUS(FINISH(old_ids[0]), CHLD_STATE_KILLED, SIGKILL);
    CHECK_STATUS(FINISH(old_ids[1]), CHLD_STATE_KILLED, SIGKILL);
    for (int i = 2; i < COUNT; i++) {
        CHECK_EXITED(FINISH(old_ids[i]), i);
    }
    reap_closed_children();
}

TEST(old_handles_are_none_and_new_children_work)
{
    with_children(use_copy);
}

TEST(a_copy_of_a_copy_works_too)
{
    with_children(copy_of_copy);
}

TEST(a_copy_made_before_the_first_use_works)
{
    IN_COPY(use_copy);
    CHECK_EXITED(RUN(ACT("exit", "3"), NULL), 3);
}

static int channel[2];

static void send_handles(void)
{
    chld_id ids[COUNT];
    for (int i = 0; i < COUNT; i++) {
        ids[i] = START(ACT("exit", "0"), NULL);
        FINISH(ids[i]);
    }
    CHECK_INT(write(channel[1], ids, sizeof ids), sizeof ids);
}

TEST(handles_of_the_copy_are_none_of_the_originals)
{
    enum { BEFORE = COUNT, ALL = 3 * COUNT };
    chld_id theirs[COUNT], ours[ALL];
    REQUIRE(pipe(channel) == 0);
    for (int i = 0; i < BEFORE; i++) {
        ours[i] = START(ACT("exit", "0"), NULL);
        FINISH(ours[i]);
    }
    IN_COPY(send_handles);
    for (int i = BEFORE; i < ALL; i++) { /* goes on from the same place as the copy did */
        ours[i] = START(ACT("exit", "0"), NULL);
        FINISH(ours[i]);
    }
    CHECK_INT(read(channel[0], theirs, sizeof theirs), sizeof theirs);
    int shared = 0;
    for (int i = 0; i < ALL * COUNT; i++) {
        shared += ours[i / COUNT] == theirs[i % COUNT];
    }
    CHECK_INT(shared, 0);
    close(channel[0]);
    close(channel[1]);
}

/* Copies made while other threads start and wait: no lock can be held by a
 * thread that does not exist in the copy. */
static atomic_bool enough;

static void *start_and_wait(void *unused)
{
    while (!atomic_load(&enough)) {
        chld_id id = START(ACT("exit", "4"), NULL);
        CHECK_EXITED(FINISH(id), 4);
    }
    return unused;
}

static void use_copy_once(void)
{
    for (int i = 0; i < 3; i++) {
        CHECK_EXITED(RUN(ACT("exit", "5"), NULL), 5);
    }
}

TEST(copies_made_while_other_threads_are_at_work)
{
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, start_and_wait, NULL) == 0);
    }
    for (int i = 0; i < scaled(30); i++) {
        IN_COPY(use_copy_once);
    }
    atomic_store(&enough, true);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
}

/* A copy that is made inside a call, in a callback, and returns from that call: what the
 * call has of its child is the original's. */

static pid_t copy_of_capture;

static int fork_at_first(void *gate, const char *data, size_t size)
{
    (void) data;
    (void) size;
    if (copy_of_capture == 0) {
        copy_of_capture = fork();
        REQUIRE(copy_of_capture >= 0);
        gate_open(gate);
    }
    if (copy_of_capture == 0) {
        copy_of_capture = -1;
        arm_alarm();
    }
    return 0;
}

/* The copy shares the epoll of the original's set. It must not take events out there. */

static struct gate gate_of_handler;
static atomic_int copy_of_handler = -1;

static void fork_in_handler(int signal)
{
    (void) signal;
    copy_of_handler = fork();
    if (copy_of_handler == 0) {
        arm_alarm();
        close(gate_of_handler.hold_end);
    }
}

struct sleeper {
    int number;
    pthread_t thread;
};

static void *interrupt_when_asleep(void *argument)
{
    const struct sleeper *sleeper = argument;
    AWAIT(process_state(sleeper->number) == 'S');
    pthread_kill(sleeper->thread, SIGUSR1);
    AWAIT(copy_of_handler > 0 && has_ended(copy_of_handler));
    gate_open(&gate_of_handler);
    return NULL;
}

static void wait_in_handlers_copy(uint32_t flags)
{
    struct sigaction action = { .sa_handler = fork_in_handler, .sa_flags = SA_RESTART }, before;
    struct sleeper sleeper = { own_thread(), pthread_self() };
    int failed_before = failures(), word = -1;
    chld_event event = { 0 };
    chld_set set;
    pthread_t thread;
    gate_of_handler = gate_make();
    chld_id id = START_AT(&gate_of_handler, 6);
    CHECK_CALL(chld_set_open(flags, &set), 0);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    REQUIRE(sigaction(SIGUSR1, &action, &before) == 0);
    REQUIRE(pthread_create(&thread, NULL, interrupt_when_asleep, &sleeper) == 0);
    int result = CALL(chld_set_wait(set, -1, &event));
    if (copy_of_handler == 0) {
        CHECK_INT(result, -EBADF);
        _exit(failures() > failed_before);
    }
    CHECK_INT(result, 0);
    CHECK(event.id == id);
    pthread_join(thread, NULL);
    CHECK_INT(waitpid(copy_of_handler, &word, 0), copy_of_handler);
    CHECK_INT(word, 0);
    CHECK_EXITED(FINISH(id), 6);
    CHECK_CALL(chld_set_close(set), 0);
    REQUIRE(sigaction(SIGUSR1, &before, NULL) == 0);
}

TEST(a_copy_made_by_a_handler_in_a_set_wait_returns)
{
    wait_in_handlers_copy(0);
}

TEST(a_copy_made_by_a_handler_in_a_set_wait_of_the_sigchld_engine_returns)
{
    wait_in_handlers_copy(CHLD_SET_SIGCHLD);
    CHECK_CALL(chld_sigchld_remove(), 0);
}

TEST(a_copy_that_returns_from_a_capture_leaves_descriptor_0_alone)
{
    int before = failures(), input[2], saved = dup(0), unread = 0;
    struct gate gate = gate_make();
    REQUIRE(pipe2(input, O_CLOEXEC) == 0 && write(input[1], "x", 1) == 1 && saved > 2);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in = (chld_stdio) { .mode = CHLD_STDIO_FD, .fd = gate.wait_end };
    options.out.mode = options.err.mode = CHLD_STDIO_PIPE;
    chld_id id = START(ARGV("/bin/sh", "-c", "echo one; read line; echo two"), &options);
    REQUIRE(dup2(input[0], 0) == 0);

    chld_capture_options capture = CHLD_CAPTURE_OPTIONS_INIT;
    capture.out = (chld_sink) { .mode = CHLD_SINK_CALLBACK, .callback = fork_at_first };
    capture.out.argument = &gate;
    capture.err = (chld_sink) { .mode = CHLD_SINK_GROW, .size = 1 };
    int result = CALL(chld_capture(id, &capture, NULL));
    bool is_intact = fcntl(0, F_GETFD) >= 0 && ioctl(0, FIONREAD, &unread) == 0 && unread == 1;
    CHECK(is_intact);
    if (copy_of_capture < 0) {
        CHECK_INT(result, -EBADF);
        CHECK_CALL(chld_peek(id, NULL), -EBADF);
        _exit(failures() > before);
    }
    int word = -1;
    CHECK_INT(result, 0);
    CHECK_INT(waitpid(copy_of_capture, &word, 0), copy_of_capture);
    CHECK_INT(word, 0);
    CHECK_EXITED(FINISH(id), 0);
    REQUIRE(dup2(saved, 0) == 0);
    close(saved);
    close(input[0]);
    close(input[1]);
}
