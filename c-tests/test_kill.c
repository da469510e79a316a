/* Signals to a child, and to nobody else. */
#include "support.h"
#include "look.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static bool ends_a_process(int signal)
{
    switch (signal) {
    case SIGSTOP: case SIGTSTP: case SIGTTIN: case SIGTTOU: case SIGCONT:
    case SIGCHLD: case SIGURG: case SIGWINCH:
        return false;
    default:
        return true;
    }
}

TEST(every_signal_that_kills_is_decoded)
{
    struct rlimit before, none = { 0, 0 };
    REQUIRE(getrlimit(RLIMIT_CORE, &before) == 0);
    none.rlim_max = before.rlim_max;
    REQUIRE(setrlimit(RLIMIT_CORE, &none) == 0);
    struct gate gate = gate_make();
    for (int signal = 1; signal <= SIGRTMAX; signal++) {
        if (!ends_a_process(signal) || (signal == SIGRTMAX && under_valgrind())) {
            continue;
        }
        chld_id id = START_AT(&gate, 0);
        CHECK_CALL(chld_kill(id, signal), 0);
        chld_status status = FINISH(id);
        CHECK_STATUS(status, CHLD_STATE_KILLED, signal);
        CHECK_INT(status.core, 0);
        CHECK(WIFSIGNALED(status.wait_word) && WTERMSIG(status.wait_word) == signal);
    }
    gate_open(&gate);
    REQUIRE(setrlimit(RLIMIT_CORE, &before) == 0);
}

TEST(a_signal_that_does_not_kill_leaves_it_running)
{
    static const int harmless[] = { SIGCHLD, SIGURG, SIGWINCH, SIGCONT };
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 8);
    for (int i = 0; i < 4; i++) {
        CHECK_CALL(chld_kill(id, harmless[i]), 0);
    }
    gate_open(&gate);
    CHECK_EXITED(FINISH(id), 8);
}

TEST(a_stopped_child_can_be_killed)
{
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 8);
    CHECK_CALL(chld_kill(id, SIGSTOP), 0);
    CHECK_CALL(chld_kill(id, SIGKILL), 0);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGKILL);
    gate_open(&gate);
}

TEST(after_the_exit_there_is_nobody_to_kill)
{
    chld_id id = START(ACT("exit", "5"), NULL);
    await_exit(id);
    CHECK_CALL(chld_kill(id, SIGKILL), -ESRCH); /* nobody has waited yet */
    CHECK_CALL(chld_kill(id, SIGURG), -ESRCH);
    CHECK_CALL(chld_wait(id, -1, NULL), 0);
    CHECK_CALL(chld_kill(id, SIGKILL), -ESRCH);
    CHECK_EXITED(FINISH(id), 5);
    CHECK_CALL(chld_kill(id, SIGKILL), -EBADF);
}

TEST(what_is_no_signal_is_refused)
{
    static const int numbers[] = { -1, -9, -15, 9999, 65, 128, INT_MAX, INT_MIN };
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 5);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        CHECK_CALL(chld_kill(id, numbers[i]), -EINVAL);
    }
    gate_open(&gate);
    CHECK_EXITED(FINISH(id), 5);
}

TEST(signal_0_asks_whether_the_child_runs)
{
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 5);
    CHECK_CALL(chld_kill(id, 0), 0);
    gate_open(&gate);
    await_exit(id);
    CHECK_CALL(chld_kill(id, 0), -ESRCH); /* a zombie */
    CHECK_CALL(chld_kill_group(id, 0), -EINVAL);
    CHECK_CALL(chld_wait(id, -1, NULL), 0);
    CHECK_CALL(chld_kill(id, 0), -ESRCH);
    CHECK_EXITED(FINISH(id), 5);
}

TEST(a_stale_handle_kills_nobody)
{
    struct gate gate = gate_make();
    chld_id stale = START_AT(&gate, 1);
    CHECK_CALL(chld_kill(stale, SIGKILL), 0);
    FINISH(stale);
    chld_id id = START_AT(&gate, 6); /* in the same slot, most likely */
    CHECK_CALL(chld_kill(stale, SIGKILL), -EBADF);
    CHECK_CALL(chld_kill(CHLD_NONE, SIGKILL), -EBADF);
    CHECK_CALL(chld_wait(id, 0, NULL), -ETIMEDOUT);
    gate_open(&gate);
    CHECK_EXITED(FINISH(id), 6);
}

static void *wait_for_it(void *argument)
{
    chld_status status = { -1, -1, -1, -1 };
    CHECK_CALL(chld_wait(*(chld_id *) argument, -1, &status), 0);
    CHECK_STATUS(status, CHLD_STATE_KILLED, SIGTERM);
    return NULL;
}

TEST(one_thread_kills_while_another_waits)
{
    for (int round = 0; round < scaled(50); round++) {
        struct gate gate = gate_make();
        chld_id id = START_AT(&gate, 6);
        pthread_t thread;
        REQUIRE(pthread_create(&thread, NULL, wait_for_it, &id) == 0);
        CHECK_CALL(chld_kill(id, SIGTERM), 0);
        pthread_join(thread, NULL);
        CHECK_CALL(chld_kill(id, SIGTERM), -ESRCH);
        CHECK_CALL(chld_close(id), 0);
        gate_open(&gate);
    }
}

/* Four threads kill one child until there is nobody left to kill. */
static void *kill_until_gone(void *argument)
{
    int result, count = 0;
    while ((result = CALL(chld_kill(*(chld_id *) argument, SIGTERM))) == 0 && count < 10000000) {
        count++;
    }
    CHECK_INT(result, -ESRCH);
    return NULL;
}

TEST(killing_from_several_threads_ends_with_esrch)
{
    for (int round = 0; round < scaled(20); round++) {
        struct gate gate = gate_make();
        chld_id id = START_AT(&gate, 6);
        pthread_t threads[4];
        for (int i = 0; i < 4; i++) {
            REQUIRE(pthread_create(&threads[i], NULL, kill_until_gone, &id) == 0);
        }
        CHECK_CALL(chld_wait(id, -1, NULL), 0);
        for (int i = 0; i < 4; i++) {
            pthread_join(threads[i], NULL);
        }
        CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGTERM);
        gate_open(&gate);
    }
}

static void kill_somebody_elses(void)
{
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 6);
    become_nobody();
    CHECK_CALL(chld_kill(id, SIGTERM), -EPERM);
    gate_open(&gate);
    CHECK_EXITED(FINISH(id), 6);
}

TEST(a_child_of_another_user_cannot_be_killed)
{
    need_root();
    IN_COPY(kill_somebody_elses);
}
