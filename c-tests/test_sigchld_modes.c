/* What the handler does for the program: reap mode keeps every status and
 * leaves no zombie; notify mode reports, and leaves the rest to the program. */
#include "exits.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <unistd.h>

TEST(without_a_handler_nothing_is_reported)
{
    CHECK_CALL(chld_sigchld_fd(), -ENOENT);
    CHECK_CALL(chld_sigchld_pending(), -ENOENT);
    CHECK_CALL(chld_sigchld_install(2), -EINVAL);
    CHECK_CALL(chld_sigchld_install(UINT32_MAX), -EINVAL);
    CHECK_CALL(chld_sigchld_fd(), -ENOENT);
}

TEST(the_pipe_is_non_blocking_and_close_on_exec)
{
    CHECK_CALL(chld_sigchld_install(0), 0);
    int fd = CALL(chld_sigchld_fd());
    CHECK(fd > 2);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    CHECK_CALL(chld_sigchld_remove(), 0);
}

/* Reap mode */

static chld_status seen_in_handler;
static chld_id asked_in_handler;

static void peek(int number)
{
    (void) number;
    seen_in_handler.state = -1;
    chld_peek(asked_in_handler, &seen_in_handler);
}

static chld_status peek_in_handler(chld_id id)
{
    struct sigaction action = { .sa_handler = peek }, before;
    REQUIRE(sigaction(SIGUSR1, &action, &before) == 0);
    asked_in_handler = id;
    raise(SIGUSR1);
    REQUIRE(sigaction(SIGUSR1, &before, NULL) == 0);
    return seen_in_handler;
}

static void *wait_in_thread(void *id)
{
    static chld_status status;
    CHECK_CALL(chld_wait(*(chld_id *) id, -1, &status), 0);
    return &status;
}

TEST(a_program_that_never_calls_in_has_no_zombie)
{
    enum { COUNT = 40 };
    chld_id ids[COUNT];
    int pids[COUNT];
    struct gate gate = gate_make();
    CHECK_CALL(chld_sigchld_install(0), 0);
    for (int i = 0; i < COUNT; i++) {
        ids[i] = START_AT(&gate, i);
        pids[i] = CALL(chld_pid(ids[i]));
    }
    gate_open(&gate);
    for (int i = 0; i < COUNT; i++) {
        AWAIT(!process_is_there(pids[i]));
    }
    for (int i = 0; i < COUNT; i++) {
        chld_status status;
        CHECK_CALL(chld_peek(ids[i], &status), 0);
        CHECK_EXITED(status, i);
        CHECK_CALL(chld_usage(ids[i], NULL), 0);
        CHECK_CALL(chld_close(ids[i]), 0);
    }
    CHECK_CALL(chld_sigchld_remove(), 0);
}

TEST(the_status_is_there_for_everybody_later)
{
    CHECK_CALL(chld_sigchld_install(0), 0);
    chld_id id = START(ACT("die", "15"), NULL);
    int pid = CALL(chld_pid(id));
    AWAIT(!process_is_there(pid));
    CHECK_STATUS(peek_in_handler(id), CHLD_STATE_KILLED, SIGTERM);
    pthread_t thread;
    void *told;
    REQUIRE(pthread_create(&thread, NULL, wait_in_thread, &id) == 0);
    pthread_join(thread, &told);
    CHECK_STATUS(*(chld_status *) told, CHLD_STATE_KILLED, SIGTERM);
    CHECK_CALL(chld_sigchld_remove(), 0);
    CHECK_STATUS(peek_in_handler(id), CHLD_STATE_KILLED, SIGTERM);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGTERM);
}

TEST(before_the_exit_a_peek_returns_running)
{
    struct gate gate = gate_make();
    CHECK_CALL(chld_sigchld_install(0), 0);
    chld_id id = START_AT(&gate, 4);
    CHECK_INT(peek_in_handler(id).state, CHLD_STATE_RUNNING);
    gate_open(&gate);
    CHECK_EXITED(FINISH(id), 4);
    CHECK_CALL(chld_sigchld_remove(), 0);
}

TEST(what_exited_before_is_reaped_by_installing)
{
    chld_id id = START(ACT("exit", "4"), NULL);
    int pid = CALL(chld_pid(id));
    AWAIT(process_state(pid) == 'Z');
    CHECK_CALL(chld_sigchld_install(0), 0);
    CHECK(!process_is_there(pid));
    chld_status status;
    CHECK_CALL(chld_peek(id, &status), 0);
    CHECK_EXITED(status, 4);
    CHECK_CALL(chld_close(id), 0);
    CHECK_CALL(chld_sigchld_remove(), 0);
}

TEST(a_closed_child_is_reaped_too)
{
    struct gate gate = gate_make();
    CHECK_CALL(chld_sigchld_install(0), 0);
    chld_id id = START_AT(&gate, 4);
    int pid = CALL(chld_pid(id));
    CHECK_CALL(chld_close(id), 0);
    gate_open(&gate);
    AWAIT(!process_is_there(pid));
    CHECK_CALL(chld_sigchld_remove(), 0);
    CHECK_CALL(chld_wait(id, 0, NULL), -EBADF); /* lets go of its descriptor */
}

/* Notify mode */

TEST(a_zombie_stays_until_the_program_looks)
{
    struct gate gate = gate_make();
    CHECK_CALL(chld_sigchld_install(CHLD_SIGCHLD_NOTIFY), 0);
    chld_id id = START_AT(&gate, 4);
    int pid = CALL(chld_pid(id)), fd = CALL(chld_sigchld_fd());
    chld_status status;
    CHECK(!is_readable(fd));
    CHECK_CALL(chld_sigchld_pending(), 0);
    gate_open(&gate);
    AWAIT(is_readable(fd));
    CHECK_CALL(chld_sigchld_pending(), 1);
    CHECK_CALL(chld_sigchld_pending(), 0);
    CHECK(!is_readable(fd));
    CHECK_INT(process_state(pid), 'Z');
    CHECK_CALL(chld_peek(id, &status), 0);
    CHECK_INT(status.state, CHLD_STATE_RUNNING);
    CHECK_CALL(chld_reap(), 1);
    CHECK_CALL(chld_reap(), 0);
    CHECK(!process_is_there(pid));
    CHECK_CALL(chld_peek(id, &status), 0);
    CHECK_EXITED(status, 4);
    CHECK_CALL(chld_close(id), 0);
    CHECK_CALL(chld_sigchld_remove(), 0);
}

TEST(the_mode_can_be_changed)
{
    struct gate gate = gate_make();
    CHECK_CALL(chld_sigchld_install(CHLD_SIGCHLD_NOTIFY), 0);
    chld_id id = START_AT(&gate, 4);
    int pid = CALL(chld_pid(id)), fd = CALL(chld_sigchld_fd());
    gate_open(&gate);
    AWAIT(is_readable(fd));
    AWAIT(process_state(pid) == 'Z');
    CHECK_CALL(chld_sigchld_install(0), 0);
    CHECK(!process_is_there(pid));
    CHECK_INT(CALL(chld_sigchld_fd()), fd);
    CHECK_EXITED(FINISH(id), 4);
    CHECK_CALL(chld_sigchld_remove(), 0);
}

TEST(one_look_finds_all_that_one_signal_stood_for)
{
    enum { COUNT = 10 };
    chld_id ids[COUNT];
    struct gate gate = gate_make();
    CHECK_CALL(chld_sigchld_install(CHLD_SIGCHLD_NOTIFY), 0);
    block_signal(SIGCHLD);
    for (int i = 0; i < COUNT; i++) {
        ids[i] = START_AT(&gate, i);
    }
    gate_open(&gate);
    for (int i = 0; i < COUNT; i++) {
        AWAIT(process_state(CALL(chld_pid(ids[i]))) == 'Z');
    }
    unblock_signal(SIGCHLD);
    CHECK_CALL(chld_sigchld_pending(), 1);
    CHECK_CALL(chld_reap(), COUNT);
    CHECK_CALL(chld_sigchld_pending(), 0);
    for (int i = 0; i < COUNT; i++) {
        CHECK_EXITED(FINISH(ids[i]), i);
    }
    CHECK_CALL(chld_sigchld_remove(), 0);
}

/* Either mode */

static void check_full_pipe(uint32_t flags)
{
    CHECK_CALL(chld_sigchld_install(flags), 0);
    int fd = CALL(chld_sigchld_fd());
    int count = scaled(70000); /* a pipe holds 65,536 bytes */
    for (int i = 0; i < count; i++) {
        raise(SIGCHLD);
    }
    CHECK(is_readable(fd));
    CHECK_EXITED(RUN(ACT("exit", "4"), NULL), 4);
    CHECK_CALL(chld_sigchld_pending(), 1);
    AWAIT(CALL(chld_sigchld_pending()) == 0); /* the last one may have been late */
    CHECK(!is_readable(fd));
    raise(SIGCHLD);
    CHECK(is_readable(fd));
    CHECK_CALL(chld_sigchld_remove(), 0);
}

TEST(a_full_pipe_is_no_harm_in_reap_mode)
{
    check_full_pipe(0);
}

TEST(a_full_pipe_is_no_harm_in_notify_mode)
{
    check_full_pipe(CHLD_SIGCHLD_NOTIFY);
}

TEST(every_signal_is_reported_even_of_a_stop)
{
    struct gate gate = gate_make();
    CHECK_CALL(chld_sigchld_install(0), 0);
    chld_id id = START_AT(&gate, 4);
    CHECK_CALL(chld_kill(id, SIGSTOP), 0);
    AWAIT(is_readable(CALL(chld_sigchld_fd())));
    CHECK_CALL(chld_sigchld_pending(), 1);
    CHECK_CALL(chld_wait(id, 0, NULL), -ETIMEDOUT);
    CHECK_CALL(chld_kill(id, SIGKILL), 0);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGKILL);
    gate_open(&gate);
    CHECK_CALL(chld_sigchld_remove(), 0);
}
