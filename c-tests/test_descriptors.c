/* The descriptors that the library keeps for its children, and when it closes them. */
#include "exits.h"

#include <pthread.h>
#include <unistd.h>

enum { COUNT = 100 };

static void start_all(chld_id ids[COUNT], const struct gate *gate)
{
    for (int i = 0; i < COUNT; i++) {
        ids[i] = START_AT(gate, i);
    }
}

static void open_and_await(struct gate *gate, const chld_id ids[COUNT])
{
    int pids[COUNT];
    for (int i = 0; i < COUNT; i++) {
        pids[i] = CALL(chld_pid(ids[i]));
    }
    gate_open(gate);
    for (int i = 0; i < COUNT; i++) {
        AWAIT(has_ended(pids[i]));
    }
}

TEST(a_child_that_was_waited_for_has_none)
{
    int before = open_descriptors();
    chld_id ids[COUNT];
    for (int i = 0; i < COUNT; i++) {
        ids[i] = START(ACT("exit", "3"), NULL);
        CHECK_CALL(chld_wait(ids[i], i % 2 ? -1 : 60000, NULL), 0);
        CHECK_INT(open_descriptors(), before);
    }
    for (int i = 0; i < COUNT; i++) {
        CHECK_CALL(chld_close(ids[i]), 0);
    }
}

TEST(children_that_were_reaped_have_none)
{
    int before = open_descriptors();
    chld_id ids[COUNT];
    struct gate gate = gate_make();
    start_all(ids, &gate);
    open_and_await(&gate, ids);
    CHECK_CALL(chld_reap(), COUNT);
    CHECK_INT(open_descriptors(), before);
    for (int i = 0; i < COUNT; i++) {
        CHECK_EXITED(FINISH(ids[i]), i);
    }
}

/* One call after they have exited finds all of them. */
TEST(children_that_were_closed_while_they_ran_have_none_after_they_are_reaped)
{
    int before = open_descriptors();
    chld_id ids[COUNT];
    int pids[COUNT];
    struct gate gate = gate_make();
    start_all(ids, &gate);
    for (int i = 0; i < COUNT; i++) {
        pids[i] = CALL(chld_pid(ids[i]));
        CHECK_CALL(chld_close(ids[i]), 0);
    }
    gate_open(&gate);
    for (int i = 0; i < COUNT; i++) {
        AWAIT(has_ended(pids[i]));
    }
    CHECK_CALL(chld_reap(), COUNT);
    CHECK_INT(open_descriptors(), before);
}

TEST(in_reap_mode_the_handler_closes_them)
{
    chld_id ids[COUNT];
    struct gate gate = gate_make();
    CHECK_CALL(chld_sigchld_install(0), 0);
    int before = open_descriptors() - 2; /* the gate's */
    start_all(ids, &gate);
    for (int i = 0; i < COUNT / 2; i++) {
        CHECK_CALL(chld_close(ids[i]), 0);
    }
    gate_open(&gate);
    AWAIT(open_descriptors() == before);
    for (int i = COUNT / 2; i < COUNT; i++) {
        CHECK_EXITED(FINISH(ids[i]), i);
    }
    CHECK_CALL(chld_sigchld_remove(), 0);
}

/* Were it closed before, the epoll of a set would forget the child. */
TEST(a_pidfd_stays_until_every_set_has_reported_the_exit)
{
    chld_event event = { 0 };
    struct gate gate = gate_make();
    chld_set sets[2] = { SET_OPEN(0), SET_OPEN(0) };
    int before = open_descriptors() - 2;
    chld_id id = START_AT(&gate, 7);
    CHECK_CALL(chld_set_add(sets[0], id, 0), 0);
    CHECK_CALL(chld_set_add(sets[1], id, 0), 0);
    gate_open(&gate);
    CHECK_CALL(chld_wait(id, -1, NULL), 0);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(open_descriptors() > before, CALL(chld_engine()) == CHLD_ENGINE_PIDFD);
        CHECK(SET_AWAIT(sets[i], &event) && event.id == id);
        CHECK_EXITED(event.status, 7);
    }
    CHECK_INT(open_descriptors(), before);
    CHECK_EXITED(FINISH(id), 7);
    CHECK_CALL(chld_set_close(sets[0]), 0);
    CHECK_CALL(chld_set_close(sets[1]), 0);
}

TEST(a_set_that_is_closed_needs_no_pidfd_any_more)
{
    struct gate gate = gate_make();
    int before = open_descriptors() - 2;
    chld_set set = SET_OPEN(0);
    chld_id id = START_AT(&gate, 7);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    gate_open(&gate);
    CHECK_CALL(chld_wait(id, -1, NULL), 0);
    CHECK_CALL(chld_set_close(set), 0);
    CHECK_INT(open_descriptors(), before);
    CHECK_EXITED(FINISH(id), 7);
}

TEST(an_exit_descriptor_that_was_asked_for_stays_until_the_handle_is_closed)
{
    struct gate gate = gate_make();
    int before = open_descriptors() - 2;
    chld_id id = START_AT(&gate, 7);
    int fd = CALL(chld_exit_fd(id));
    CHECK(fd > 2 && !is_readable(fd));
    gate_open(&gate);
    AWAIT(is_readable(fd));
    CHECK_CALL(chld_wait(id, -1, NULL), 0);
    CHECK(is_readable(fd));
    CHECK_CALL(chld_exit_fd(id), fd);
    CHECK_EXITED(FINISH(id), 7);
    CHECK_INT(open_descriptors(), before);
}

TEST(an_exit_descriptor_that_is_asked_for_after_the_reaping_is_readable)
{
    int before = open_descriptors();
    chld_id id = START(ACT("exit", "7"), NULL);
    CHECK_CALL(chld_wait(id, -1, NULL), 0);
    int fd = CALL(chld_exit_fd(id));
    CHECK(fd > 2 && is_readable(fd));
    CHECK_CALL(chld_exit_fd(id), fd);
    CHECK_EXITED(FINISH(id), 7);
    CHECK_INT(open_descriptors(), before);
}

/* What is left of its group is signalled by the pidfd, if the kernel can. */
TEST(the_pidfd_of_a_group_leader_goes_with_its_handle)
{
    int before = open_descriptors();
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.group_mode = CHLD_GROUP_NEW;
    for (int i = 0; i < 10; i++) {
        CHECK_EXITED(RUN(ACT("exit", "7"), &options), 7);
        CHECK_INT(open_descriptors(), before);
    }
}

/* A thread at work on the child keeps its descriptors, and closes them. */

static void *wait_in_thread(void *id)
{
    int result = CALL(chld_wait_any(id, 1, 60000, NULL));
    CHECK(result == 0 || result == -EBADF); /* it came too late */
    return NULL;
}

TEST(the_last_call_at_work_closes_them)
{
    for (int i = 0; i < scaled(50); i++) {
        pthread_t thread;
        struct gate gate = gate_make();
        int before = open_descriptors() - 2;
        chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
        options.in = (chld_stdio) { .mode = CHLD_STDIO_FD, .fd = gate.wait_end };
        options.out.mode = options.err.mode = CHLD_STDIO_PIPE;
        chld_id id = START(ACT("block", "7"), &options), closed = id;
        REQUIRE(pthread_create(&thread, NULL, wait_in_thread, &closed) == 0);
        gate_open(&gate);
        CHECK_CALL(chld_wait(id, -1, NULL), 0);
        CHECK_CALL(chld_close(id), 0);
        pthread_join(thread, NULL);
        CHECK_INT(open_descriptors(), before);
    }
}

TEST(closing_a_running_child_closes_its_pipes)
{
    char byte;
    int before = open_descriptors();
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = options.out.mode = options.err.mode = CHLD_STDIO_PIPE;
    chld_id id = START(ACT("cat"), &options);
    int pid = CALL(chld_pid(id)), out = dup(CALL(chld_stdout_fd(id)));
    CHECK_CALL(chld_close(id), 0);
    CHECK_INT(read(out, &byte, 1), 0); /* its input has ended, so it has exited */
    close(out);
    AWAIT(has_ended(pid));
    (void) CALL(chld_reap());
    CHECK_INT(open_descriptors(), before);
}
