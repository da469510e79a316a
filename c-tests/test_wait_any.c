/* Waiting for one of several children. */
#include "support.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

TEST(the_one_that_has_exited_is_reported)
{
    struct gate gates[3] = { gate_make(), gate_make(), gate_make() };
    chld_id ids[3];
    int users[3];
    for (int i = 0; i < 3; i++) {
        ids[i] = start_at(__FILE__, __LINE__, &gates[i], 10 + i, &users[i]);
    }
    static const int order[] = { 1, 2, 0 };
    for (int i = 0; i < 3; i++) {
        gate_open(&gates[order[i]]);
        chld_event event = { 0 };
        CHECK_CALL(chld_wait_any(ids, 3, i % 2 ? 60000 : -1, &event), 0);
        CHECK_INT((long long) event.index, order[i]);
        CHECK(event.id == ids[order[i]]);
        CHECK(event.user == &users[order[i]]);
        CHECK_EXITED(event.status, 10 + order[i]);
        CHECK_CALL(chld_close(ids[order[i]]), 0);
        ids[order[i]] = CHLD_NONE;
    }
}

TEST(of_several_the_first_in_the_list_is_reported)
{
    chld_id ids[4];
    for (int i = 0; i < 4; i++) {
        ids[i] = START(ACT("exit", DECIMAL(i)), NULL);
        await_exit(ids[i]);
    }
    for (int i = 0; i < 4; i++) {
        chld_event event;
        for (int again = 0; again < 2; again++) { /* it stays ended */
            CHECK_CALL(chld_wait_any(ids, 4, 0, &event), 0);
            CHECK_INT((long long) event.index, i);
            CHECK_EXITED(event.status, i);
        }
        FINISH(ids[i]);
        ids[i] = CHLD_NONE;
    }
    CHECK_CALL(chld_wait_any(ids, 4, 0, NULL), -ECHILD);
}

TEST(wrong_lists_are_refused)
{
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 0), closed = START(ACT("exit", "0"), NULL);
    FINISH(closed);
    const chld_id none[3] = { CHLD_NONE };
    const chld_id with_closed[] = { id, closed };
    const chld_id made_up[] = { CHLD_NONE, id, 0xdeadbeef };
    chld_event event, untouched;
    memset(&untouched, 0x5a, sizeof untouched);
    event = untouched;
    CHECK_CALL(chld_wait_any(none, 3, -1, &event), -ECHILD);
    CHECK_CALL(chld_wait_any(none, 0, -1, &event), -ECHILD);
    CHECK_CALL(chld_wait_any(NULL, 2, -1, &event), -EINVAL);
    CHECK_CALL(chld_wait_any(with_closed, 2, -1, &event), -EBADF);
    CHECK_CALL(chld_wait_any(made_up, 3, -1, &event), -EBADF);
    CHECK_CALL(chld_wait_any(&id, 1, -2, &event), -EINVAL);
    CHECK_CALL(chld_wait_any(&id, 1, INT_MIN, &event), -EINVAL);
    CHECK_CALL(chld_wait_any(&id, 1, 0, &event), -ETIMEDOUT);
    CHECK_CALL(chld_wait_any(&id, 1, 20, &event), -ETIMEDOUT);
    CHECK(memcmp(&event, &untouched, sizeof event) == 0);
    gate_open(&gate);
    CHECK_CALL(chld_wait_any(&id, 1, -1, NULL), 0);
    FINISH(id);
}

TEST(one_child_may_be_in_the_list_twice)
{
    chld_id id = START(ACT("exit", "5"), NULL);
    const chld_id ids[] = { CHLD_NONE, id, id };
    chld_event event = { 0 };
    CHECK_CALL(chld_wait_any(ids, 3, -1, &event), 0);
    /* The second, if it exited just after the look at the first. */
    CHECK(event.index == 1 || event.index == 2);
    CHECK_EXITED(FINISH(id), 5);
}

TEST(two_hundred_children_are_each_reported_once)
{
    const int count = scaled(200);
    chld_id *ids = calloc((size_t) count, sizeof *ids);
    char *seen = calloc((size_t) count, 1);
    struct gate gate = gate_make();
    for (int i = 0; i < count; i++) {
        ids[i] = start_at(__FILE__, __LINE__, &gate, i % 200, &seen[i]);
    }
    CHECK_CALL(chld_wait_any(ids, (size_t) count, 0, NULL), -ETIMEDOUT);
    gate_open(&gate);
    for (int told = 0; told < count; told++) {
        chld_event event = { 0 };
        CHECK_CALL(chld_wait_any(ids, (size_t) count, -1, &event), 0);
        REQUIRE(event.index < (size_t) count && event.id == ids[event.index]);
        CHECK(event.user == &seen[event.index]);
        CHECK_EXITED(event.status, (int) event.index % 200);
        CHECK_INT(seen[event.index]++, 0);
        CHECK_CALL(chld_close(event.id), 0);
        ids[event.index] = CHLD_NONE;
    }
    CHECK_CALL(chld_wait_any(ids, (size_t) count, -1, NULL), -ECHILD);
    free(ids);
    free(seen);
}

/* Two threads share a list: each child is seen by both. */
static chld_id shared_ids[8];

static void *wait_for_all(void *unused)
{
    chld_id ids[8];
    memcpy(ids, shared_ids, sizeof ids);
    for (int told = 0; told < 8; told++) {
        chld_event event = { 0 };
        CHECK_CALL(chld_wait_any(ids, 8, -1, &event), 0);
        CHECK_EXITED(event.status, (int) event.index);
        ids[event.index] = CHLD_NONE;
    }
    return unused;
}

TEST(several_threads_get_the_same_exits)
{
    struct gate gate = gate_make();
    pthread_t threads[3];
    for (int i = 0; i < 8; i++) {
        shared_ids[i] = START_AT(&gate, i);
    }
    for (int i = 0; i < 3; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, wait_for_all, NULL) == 0);
    }
    gate_open(&gate);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < 8; i++) {
        CHECK_EXITED(FINISH(shared_ids[i]), i);
    }
}
