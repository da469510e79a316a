/* Sets: queues of ends with a descriptor to poll. Each test is run with both
 * engines. */
#include "exits.h"

#include <limits.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

/* The set has no event, and its descriptor shows that, once a call has looked. */
static void check_quiet(chld_set set)
{
    CHECK_CALL(chld_set_next(set, NULL), -EAGAIN);
    CHECK(!is_readable(CALL(chld_set_fd(set))));
}

/* The next exit that the set reports is that of `id`. */
static void check_told(chld_set set, chld_id id, int code)
{
    chld_event event = { .index = 99 };
    if (SET_AWAIT(set, &event)) {
        CHECK(event.id == id);
        CHECK_INT((long long) event.index, 0);
        CHECK_EXITED(event.status, code);
    }
}

TEST_EACH_ENGINE(a_set_reports_an_exit)
{
    int mark;
    struct gate gate = gate_make();
    chld_set set = SET_OPEN(flags);
    chld_id id = start_at(__FILE__, __LINE__, &gate, 5, &mark);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    check_quiet(set);
    int pid = CALL(chld_pid(id));
    gate_open(&gate);
    AWAIT(is_readable(CALL(chld_set_fd(set))));
    chld_event event = { .index = 99 };
    CHECK_CALL(chld_set_next(set, &event), 0);
    CHECK(event.id == id && event.user == &mark && event.index == 0);
    CHECK_EXITED(event.status, 5);
    CHECK(!process_is_there(pid));
    check_quiet(set);
    CHECK_EXITED(FINISH(id), 5); /* the status stays */
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(the_descriptor_is_level_triggered)
{
    enum { COUNT = 3 };
    chld_id ids[COUNT];
    struct gate gate = gate_make();
    chld_set set = SET_OPEN(flags);
    int fd = CALL(chld_set_fd(set));
    for (int i = 0; i < COUNT; i++) {
        ids[i] = START_AT(&gate, i);
        CHECK_CALL(chld_set_add(set, ids[i], 0), 0);
    }
    gate_open(&gate);
    for (int i = 0; i < COUNT; i++) {
        await_exit(ids[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        AWAIT(is_readable(fd));
        CHECK(is_readable(fd));
        CHECK(SET_AWAIT(set, NULL));
    }
    check_quiet(set);
    for (int i = 0; i < COUNT; i++) {
        CHECK_EXITED(FINISH(ids[i]), i);
    }
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(an_exit_before_the_adding_is_reported)
{
    chld_set set = SET_OPEN(flags);
    chld_id unseen = START(ACT("exit", "1"), NULL);
    await_exit(unseen);
    CHECK_CALL(chld_set_add(set, unseen, 0), 0);
    CHECK(is_readable(CALL(chld_set_fd(set))));
    check_told(set, unseen, 1);
    chld_id reaped = START(ACT("exit", "2"), NULL);
    CHECK_CALL(chld_wait(reaped, -1, NULL), 0);
    CHECK_CALL(chld_set_add(set, reaped, 0), 0);
    CHECK(is_readable(CALL(chld_set_fd(set))));
    check_told(set, reaped, 2);
    check_quiet(set);
    FINISH(unseen);
    FINISH(reaped);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(an_exit_that_a_wait_has_seen_is_reported)
{
    struct gate gate = gate_make();
    chld_set set = SET_OPEN(flags);
    chld_id id = START_AT(&gate, 5);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    gate_open(&gate);
    CHECK_CALL(chld_wait(id, -1, NULL), 0);
    CHECK(is_readable(CALL(chld_set_fd(set))));
    check_told(set, id, 5);
    check_quiet(set);
    FINISH(id);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(adding_twice_is_refused)
{
    struct gate gate = gate_make();
    chld_set set = SET_OPEN(flags);
    chld_id id = START_AT(&gate, 5);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    CHECK_CALL(chld_set_add(set, id, 0), -EEXIST);
    gate_open(&gate);
    check_told(set, id, 5);
    check_quiet(set);
    FINISH(id);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(adding_again_is_refused_until_the_exit_is_reported)
{
    struct gate gate = gate_make();
    chld_set set = SET_OPEN(flags);
    chld_id id = START_AT(&gate, 5);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    gate_open(&gate);
    CHECK_CALL(chld_wait(id, -1, NULL), 0);
    CHECK_CALL(chld_set_add(set, id, 0), -EEXIST);
    check_told(set, id, 5);
    check_quiet(set); /* reported once */
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    check_told(set, id, 5);
    check_quiet(set);
    FINISH(id);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(closing_a_child_takes_it_out)
{
    struct gate gate = gate_make(), other = gate_make();
    chld_set set = SET_OPEN(flags);
    chld_id closed = START_AT(&gate, 5), kept = START_AT(&other, 6);
    int pid = CALL(chld_pid(closed));
    CHECK_CALL(chld_set_add(set, closed, 0), 0);
    CHECK_CALL(chld_set_add(set, kept, 0), 0);
    CHECK_CALL(chld_close(closed), 0);
    CHECK_CALL(chld_set_add(set, closed, 0), -EBADF);
    gate_open(&gate);
    AWAIT(process_state(pid) == 'Z' || !process_is_there(pid));
    CHECK_CALL(chld_set_next(set, NULL), -EAGAIN);
    gate_open(&other);
    check_told(set, kept, 6);
    check_quiet(set);
    FINISH(kept);
    CHECK_CALL(chld_wait(closed, 0, NULL), -EBADF); /* reaps it, if nobody has */
    CHECK(!process_is_there(pid));
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(closing_a_set_leaves_its_children_alone)
{
    enum { COUNT = 4 };
    chld_id ids[COUNT];
    struct gate gate = gate_make();
    chld_set set = SET_OPEN(flags);
    for (int i = 0; i < COUNT; i++) {
        ids[i] = START_AT(&gate, i);
        CHECK_CALL(chld_set_add(set, ids[i], 0), 0);
    }
    CHECK_CALL(chld_set_close(set), 0);
    for (int i = 0; i < COUNT; i++) {
        CHECK_CALL(chld_wait(ids[i], 0, NULL), -ETIMEDOUT);
    }
    gate_open(&gate);
    for (int i = 0; i < COUNT; i++) {
        CHECK_EXITED(FINISH(ids[i]), i);
    }
}

TEST_EACH_ENGINE(exits_that_nobody_took_go_with_the_set)
{
    chld_set set = SET_OPEN(flags);
    chld_id id = START(ACT("exit", "5"), NULL);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    AWAIT(is_readable(CALL(chld_set_fd(set))));
    CHECK_CALL(chld_set_close(set), 0);
    CHECK_EXITED(FINISH(id), 5);
}

TEST_EACH_ENGINE(a_closed_set_is_no_set)
{
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 5);
    chld_set closed = SET_OPEN(flags);
    CHECK_CALL(chld_set_close(closed), 0);
    chld_set set = SET_OPEN(flags);
    CHECK(set != closed);
    const chld_set none[] = { closed, 0, id, set + 1, UINT64_MAX };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        CHECK_CALL(chld_set_add(none[i], id, 0), -EBADF);
        CHECK_CALL(chld_set_fd(none[i]), -EBADF);
        CHECK_CALL(chld_set_next(none[i], NULL), -EBADF);
        CHECK_CALL(chld_set_close(none[i]), -EBADF);
    }
    CHECK_CALL(chld_set_add(set, set, 0), -EBADF); /* nor is a set a child */
    CHECK_CALL(chld_set_add(set, CHLD_NONE, 0), -EBADF);
    CHECK_CALL(chld_wait(set, 0, NULL), -EBADF);
    CHECK_CALL(chld_set_close(set), 0);
    gate_open(&gate);
    CHECK_EXITED(FINISH(id), 5);
}

TEST(what_does_not_exist_is_refused)
{
    chld_set set = 42;
    CHECK_CALL(chld_set_open(2, &set), -EINVAL);
    CHECK_CALL(chld_set_open(UINT32_MAX, &set), -EINVAL);
    CHECK_CALL(chld_set_open(0, NULL), -EINVAL);
    CHECK_CALL(chld_set_open(CHLD_SET_SIGCHLD, NULL), -EINVAL);
    CHECK(set == 42);
}

TEST_EACH_ENGINE(a_set_can_be_polled_inside_another_epoll)
{
    struct gate gate = gate_make();
    chld_set set = SET_OPEN(flags);
    chld_id id = START_AT(&gate, 5);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    int outer = epoll_create1(EPOLL_CLOEXEC);
    if (outer < 0) {
        SKIP_TEST("epoll_create1: %s", strerror(errno));
    }
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = 77 };
    REQUIRE(outer >= 0 && epoll_ctl(outer, EPOLL_CTL_ADD, CALL(chld_set_fd(set)), &event) == 0);
    CHECK_INT(epoll_wait(outer, &event, 1, 0), 0);
    gate_open(&gate);
    int count;
    do {
        count = epoll_wait(outer, &event, 1, 10000);
    } while (count < 0 && errno == EINTR);
    CHECK_INT(count, 1);
    CHECK_INT((long long) event.data.u64, 77);
    check_told(set, id, 5);
    CHECK_CALL(chld_set_next(set, NULL), -EAGAIN);
    CHECK_INT(epoll_wait(outer, &event, 1, 0), 0);
    close(outer);
    FINISH(id);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(stops_are_not_exits)
{
    struct gate gate = gate_make();
    chld_set set = SET_OPEN(flags);
    chld_id id = START_AT(&gate, 5);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    CHECK_CALL(chld_kill(id, SIGSTOP), 0);
    CHECK_CALL(chld_wait_change(id, CHLD_WATCH_STOPPED, -1, NULL), 0);
    CHECK_CALL(chld_set_next(set, NULL), -EAGAIN);
    CHECK_CALL(chld_kill(id, SIGCONT), 0);
    gate_open(&gate);
    check_told(set, id, 5);
    FINISH(id);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST_EACH_ENGINE(foreign_children_in_front_are_left_alone)
{
    pid_t first = foreign_zombie(8), second = foreign_zombie(9);
    chld_set set = SET_OPEN(flags);
    chld_id id = START(ACT("exit", "5"), NULL);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    check_told(set, id, 5);
    FOREIGN_REAP(first, 8);
    FOREIGN_REAP(second, 9);
    FINISH(id);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST(with_pidfds_a_set_needs_no_handler)
{
    if (CALL(chld_engine()) != CHLD_ENGINE_PIDFD) {
        SKIP_TEST("there are no pidfds here");
    }
    struct sigaction now;
    chld_set set = SET_OPEN(0);
    REQUIRE(sigaction(SIGCHLD, NULL, &now) == 0);
    CHECK(now.sa_handler == SIG_DFL);
    CHECK_CALL(chld_set_close(set), 0);
}

TEST(the_handler_cannot_be_removed_while_a_set_needs_it)
{
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 5);
    chld_set first = SET_OPEN(CHLD_SET_SIGCHLD), second = SET_OPEN(CHLD_SET_SIGCHLD);
    CHECK_CALL(chld_set_add(first, id, 0), 0);
    CHECK_CALL(chld_set_add(second, id, 0), 0);
    CHECK_CALL(chld_set_close(first), 0);
    CHECK_CALL(chld_sigchld_remove(), -ENOENT);
    gate_open(&gate);
    check_told(second, id, 5);
    CHECK_CALL(chld_set_close(second), 0);
    CHECK_CALL(chld_sigchld_remove(), 0);
    struct sigaction now;
    REQUIRE(sigaction(SIGCHLD, NULL, &now) == 0);
    CHECK(now.sa_handler == SIG_DFL);
    FINISH(id);
}
