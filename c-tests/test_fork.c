/* A forked copy of the program begins with an empty library. */
#include "support.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
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
    await_end(old_ids[1]);
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
