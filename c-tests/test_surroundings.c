/* A program that has children of its own, and does things to SIGCHLD: nobody's
 * children are taken, no status is invented, and nothing hangs. */
#include "exits.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AMPLE_MS = 10000, ROUNDS = 200 };

static void set_sigchld(void (*function)(int), int flags)
{
    struct sigaction action = { .sa_handler = function, .sa_flags = flags };
    REQUIRE(sigaction(SIGCHLD, &action, NULL) == 0);
}

static uint32_t environment(void)
{
    uint32_t found = 0;
    CHECK_CALL(chld_environment(&found), 0);
    return found;
}

/* Children of the program's own */

static void check_foreign(uint32_t mode)
{
    pid_t first = foreign_zombie(8);
    CHECK_CALL(chld_sigchld_install(mode), 0);
    pid_t second = foreign_zombie(9);
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 5);
    int pid = CALL(chld_pid(id));
    gate_open(&gate);
    /* In reap mode it is found behind the foreign children by itself. */
    AWAIT(mode == 0 ? !process_is_there(pid) : process_state(pid) == 'Z');
    CHECK_CALL(chld_reap(), mode == 0 ? 0 : 1);
    CHECK(!process_is_there(pid));
    CHECK_EXITED(FINISH(id), 5);
    CHECK_CALL(chld_sigchld_remove(), 0);
    FOREIGN_REAP(first, 8);
    FOREIGN_REAP(second, 9);
}

TEST(foreign_children_in_front_are_not_reaped_in_reap_mode)
{
    check_foreign(0);
}

TEST(foreign_children_in_front_are_not_reaped_in_notify_mode)
{
    check_foreign(CHLD_SIGCHLD_NOTIFY);
}

/* The signal names one child, and the kernel shows the foreign child in front. */
TEST(one_signal_finds_all_that_exited_behind_a_foreign_child)
{
    enum { COUNT = 8 };
    chld_id ids[COUNT];
    struct gate gate = gate_make();
    pid_t foreign = foreign_zombie(8);
    CHECK_CALL(chld_sigchld_install(0), 0);
    block_signal(SIGCHLD);
    for (int i = 0; i < COUNT; i++) {
        ids[i] = START_AT(&gate, i);
    }
    gate_open(&gate);
    for (int i = 0; i < COUNT; i++) {
        AWAIT(process_state(CALL(chld_pid(ids[i]))) == 'Z');
    }
    unblock_signal(SIGCHLD);
    for (int i = 0; i < COUNT; i++) {
        CHECK(!process_is_there(CALL(chld_pid(ids[i]))));
        CHECK_EXITED(FINISH(ids[i]), i);
    }
    CHECK_CALL(chld_sigchld_remove(), 0);
    FOREIGN_REAP(foreign, 8);
}

TEST(system_and_popen_work_in_reap_mode)
{
    CHECK_CALL(chld_sigchld_install(0), 0);
    for (int i = 0; i < 5; i++) {
        chld_id id = START(ACT("exit", "5"), NULL);
        int word = system("exit 3");
        CHECK(WIFEXITED(word) && WEXITSTATUS(word) == 3);
        FILE *stream = popen("echo told; exit 4", "r");
        REQUIRE(stream != NULL);
        char line[16];
        CHECK_STR(fgets(line, sizeof line, stream), "told\n");
        word = pclose(stream);
        CHECK(WIFEXITED(word) && WEXITSTATUS(word) == 4);
        CHECK_EXITED(FINISH(id), 5);
    }
    CHECK_CALL(chld_sigchld_remove(), 0);
}

/* SIGCHLD ignored, or SA_NOCLDWAIT: the kernel reaps by itself */

static void nothing(int signal)
{
    (void) signal;
}

/* A child of the program's own, which nobody waits for, is reaped. In notify
 * mode that is left to chld_reap(), as all reaping. */
static void check_auto_reaped(uint32_t mode)
{
    struct gate gate = gate_make();
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(gate.hold_end);
        _exit(read(gate.wait_end, &byte, 1) == 0 ? 3 : 4);
    }
    gate_open(&gate);
    if (mode == CHLD_SIGCHLD_NOTIFY) {
        AWAIT(process_state(pid) == 'Z');
        CHECK_CALL(chld_reap(), 0); /* it does not count as one of ours */
    }
    AWAIT(!process_is_there(pid));
}

static void check_installed_over(void (*function)(int), int flags, uint32_t mode)
{
    set_sigchld(function, flags);
    CHECK_CALL(chld_sigchld_install(mode), 0);
    for (int i = 0; i < 10; i++) {
        chld_id id = START(ACT("exit", DECIMAL(i)), NULL);
        CHECK_EXITED(FINISH(id), i);
        check_auto_reaped(mode);
    }
    CHECK_CALL(chld_sigchld_remove(), 0);
    check_auto_reaped(0);
    set_sigchld(SIG_DFL, 0);
}

TEST(ignored_then_installed_foreign_children_go_as_before_and_ours_keep_their_statuses)
{
    check_installed_over(SIG_IGN, 0, 0);
}

TEST(ignored_then_installed_in_notify_mode_foreign_children_go_when_the_program_looks)
{
    check_installed_over(SIG_IGN, 0, CHLD_SIGCHLD_NOTIFY);
}

TEST(no_child_wait_then_installed_foreign_children_go_as_before)
{
    check_installed_over(nothing, SA_NOCLDWAIT | SA_RESTART, 0);
}

/* A forked copy of a program that ignores SIGCHLD inherits the handler, and an empty
 * library. */
static void check_copy_has_no_zombies(void)
{
    for (int i = 0; i < 5; i++) {
        check_auto_reaped(0);
    }
    CHECK_EXITED(RUN(ACT("exit", "7"), NULL), 7);
    check_auto_reaped(0);
}

/* Not IN_COPY(): the copy is a foreign child itself, whose status nobody gets. */
static void check_in_ignored_copy(void (*part)(void))
{
    int told[2], result = -1;
    REQUIRE(pipe2(told, O_CLOEXEC) == 0);
    pid_t copy = fork();
    REQUIRE(copy >= 0);
    if (copy == 0) {
        arm_alarm();
        part();
        result = failures();
        _exit(write(told[1], &result, sizeof result) != sizeof result);
    }
    close(told[1]);
    CHECK_INT(read(told[0], &result, sizeof result), sizeof result);
    CHECK_INT(result, 0);
    close(told[0]);
    AWAIT(!process_is_there(copy));
}

TEST(ignored_then_installed_a_forked_copy_has_no_zombies)
{
    set_sigchld(SIG_IGN, 0);
    CHECK_CALL(chld_sigchld_install(0), 0);
    check_in_ignored_copy(check_copy_has_no_zombies);
    CHECK_CALL(chld_sigchld_remove(), 0);
    set_sigchld(SIG_DFL, 0);
}

TEST(ignored_then_a_set_opened_a_forked_copy_has_no_zombies)
{
    set_sigchld(SIG_IGN, 0);
    chld_set set = SET_OPEN(CHLD_SET_SIGCHLD);
    check_in_ignored_copy(check_copy_has_no_zombies);
    CHECK_CALL(chld_set_close(set), 0);
    CHECK_CALL(chld_sigchld_remove(), 0);
    set_sigchld(SIG_DFL, 0);
}

static void use_the_library_as_a_grandchild(void)
{
    check_in_ignored_copy(check_copy_has_no_zombies);
}

TEST(ignored_then_installed_a_copy_of_a_copy_has_no_zombies)
{
    set_sigchld(SIG_IGN, 0);
    CHECK_CALL(chld_sigchld_install(0), 0);
    check_in_ignored_copy(use_the_library_as_a_grandchild);
    CHECK_CALL(chld_sigchld_remove(), 0);
    set_sigchld(SIG_DFL, 0);
}

/* While a start is under way, nobody knows whose child has just exited. Its SIGCHLD is
 * the only one: the child that is started stays until its gate is opened. */
struct start_beside {
    pthread_barrier_t begin, done;
    struct gate gate;
    chld_id id;
};

static void *start_in_thread(void *argument)
{
    struct start_beside *beside = argument;
    for (int i = 0; i < scaled(ROUNDS); i++) {
        pthread_barrier_wait(&beside->begin);
        beside->id = START_AT(&beside->gate, 5);
        pthread_barrier_wait(&beside->done);
    }
    return NULL;
}

TEST(ignored_then_installed_a_foreign_child_that_exits_during_a_start_leaves_no_zombie)
{
    struct start_beside beside;
    pthread_t thread;
    set_sigchld(SIG_IGN, 0);
    CHECK_CALL(chld_sigchld_install(0), 0);
    pthread_barrier_init(&beside.begin, NULL, 2);
    pthread_barrier_init(&beside.done, NULL, 2);
    REQUIRE(pthread_create(&thread, NULL, start_in_thread, &beside) == 0);
    for (int i = 0; i < scaled(ROUNDS); i++) {
        beside.gate = gate_make();
        pthread_barrier_wait(&beside.begin);
        pid_t foreign = fork();
        if (foreign == 0) {
            _exit(0);
        }
        pthread_barrier_wait(&beside.done);
        AWAIT(!process_is_there(foreign));
        gate_open(&beside.gate);
        CHECK_EXITED(FINISH(beside.id), 5);
    }
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&beside.begin);
    pthread_barrier_destroy(&beside.done);
    CHECK_CALL(chld_sigchld_remove(), 0);
    set_sigchld(SIG_DFL, 0);
}

/* Without a handler the kernel is asked for the status, if it has one. */
static void check_end_without_handler(int (*wait)(chld_id, chld_status *))
{
    struct gate gate = gate_make();
    chld_status status = { -1, -1, -1, -1 };
    chld_id id = START_AT(&gate, 5);
    gate_open(&gate);
    CHECK_INT(wait(id, &status), 0);
    if (status.state != CHLD_STATE_LOST) {
        CHECK_EXITED(status, 5);
    } else {
        CHECK_INT(status.code, -1);
        CHECK_INT(status.wait_word, -1);
    }
    CHECK_CALL(chld_kill(id, SIGTERM), -ESRCH);
    CHECK_CALL(chld_close(id), 0);
}

static int without_limit(chld_id id, chld_status *ret)
{
    return CALL(chld_wait(id, -1, ret));
}

static int with_limit(chld_id id, chld_status *ret)
{
    return CALL(chld_wait(id, AMPLE_MS, ret));
}

static int by_change(chld_id id, chld_status *ret)
{
    return CALL(chld_wait_change(id, 0, -1, ret));
}

static int by_change_with_limit(chld_id id, chld_status *ret)
{
    return CALL(chld_wait_change(id, 0, AMPLE_MS, ret));
}

static int by_any(chld_id id, chld_status *ret)
{
    chld_event event = { 0 };
    int result = CALL(chld_wait_any(&id, 1, AMPLE_MS, &event));
    *ret = event.status;
    return result;
}

static int by_set_of(uint32_t flags, chld_id id, chld_status *ret)
{
    chld_event event = { 0 };
    chld_set set = SET_OPEN(flags);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    CHECK(SET_AWAIT(set, &event));
    CHECK_CALL(chld_set_close(set), 0);
    *ret = event.status;
    return 0;
}

static int by_set(chld_id id, chld_status *ret)
{
    return by_set_of(0, id, ret);
}

static int by_sigchld_set(chld_id id, chld_status *ret)
{
    return by_set_of(CHLD_SET_SIGCHLD, id, ret);
}

static int (*const ways[])(chld_id, chld_status *) = {
    without_limit, with_limit, by_change, by_change_with_limit, by_any, by_set, by_sigchld_set,
};
enum { WAYS = sizeof ways / sizeof *ways };

TEST(ignored_every_wait_returns_and_none_reports_exit_0)
{
    set_sigchld(SIG_IGN, 0);
    CHECK_INT(environment() & CHLD_ENV_SIGCHLD_IGNORED, CHLD_ENV_SIGCHLD_IGNORED);
    for (int i = 0; i < WAYS; i++) {
        check_end_without_handler(ways[i]);
    }
    set_sigchld(SIG_DFL, 0);
    CHECK_INT(environment() & CHLD_ENV_SIGCHLD_IGNORED, 0);
}

TEST(no_child_wait_every_wait_returns_and_none_reports_exit_0)
{
    set_sigchld(SIG_DFL, SA_NOCLDWAIT);
    CHECK_INT(environment() & CHLD_ENV_NOCLDWAIT, CHLD_ENV_NOCLDWAIT);
    for (int i = 0; i < WAYS; i++) {
        check_end_without_handler(ways[i]);
    }
    set_sigchld(SIG_DFL, 0);
    CHECK_INT(environment() & CHLD_ENV_NOCLDWAIT, 0);
}

/* A foreign handler that reaps all it can get, as the classic one does */

static void steal(int signal)
{
    int saved = errno;
    (void) signal;
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
    errno = saved;
}

TEST(stolen_every_wait_returns_and_none_reports_exit_0)
{
    set_sigchld(steal, SA_RESTART);
    for (int i = 0; i < WAYS; i++) {
        check_end_without_handler(ways[i]);
    }
    set_sigchld(SIG_DFL, 0);
}

TEST(stolen_from_under_our_handler)
{
    CHECK_CALL(chld_sigchld_install(0), 0);
    set_sigchld(steal, SA_RESTART);
    CHECK(environment() & CHLD_ENV_HANDLER_OVERWRITTEN);
    /* All but the sets that need the handler. */
    int count = CALL(chld_engine()) == CHLD_ENGINE_PIDFD ? WAYS - 1 : WAYS - 2;
    for (int i = 0; i < count; i++) {
        check_end_without_handler(ways[i]);
    }
    set_sigchld(SIG_DFL, 0);
    CHECK_CALL(chld_sigchld_install(0), 0); /* back on top */
    CHECK(!(environment() & CHLD_ENV_HANDLER_OVERWRITTEN));
    CHECK_CALL(chld_sigchld_remove(), 0);
}

/* Deaf from the start of the wait, which must at least look when it gives up. */
TEST(overwritten_a_wait_returns_the_truth_after_its_timeout)
{
    struct gate gate = gate_make();
    struct later later;
    chld_status status = { -1, -1, -1, -1 };
    CHECK_CALL(chld_sigchld_install(0), 0);
    set_sigchld(SIG_DFL, 0);
    chld_id id = START_AT(&gate, 5);
    later_kill(&later, id, SIGKILL);
    CHECK_CALL(chld_wait_change(id, 0, 500, &status), 0);
    CHECK_STATUS(status, CHLD_STATE_KILLED, SIGKILL);
    later_join(&later);
    gate_open(&gate);
    FINISH(id);
    CHECK_CALL(chld_sigchld_install(0), 0);
    CHECK_CALL(chld_sigchld_remove(), 0);
}

/* It asks for the handler, so the handler must be put on top. */
TEST(overwritten_a_set_that_is_opened_later_is_not_deaf)
{
    struct gate gate = gate_make();
    chld_event event = { 0 };
    CHECK_CALL(chld_sigchld_install(0), 0);
    set_sigchld(SIG_DFL, 0);
    chld_set set = SET_OPEN(CHLD_SET_SIGCHLD);
    chld_id id = START_AT(&gate, 5);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    gate_open(&gate);
    CHECK(SET_AWAIT(set, &event) && event.id == id);
    CHECK_CALL(chld_set_close(set), 0);
    CHECK_EXITED(FINISH(id), 5);
    CHECK_CALL(chld_sigchld_remove(), 0);
    set_sigchld(SIG_DFL, 0);
}

/* Ours comes first, so there is nothing left to steal. */
TEST(below_our_handler_it_steals_nothing)
{
    set_sigchld(steal, SA_RESTART);
    CHECK_CALL(chld_sigchld_install(0), 0);
    for (int i = 0; i < 20; i++) {
        struct gate gate = gate_make();
        chld_id id = START_AT(&gate, i);
        gate_open(&gate);
        CHECK_EXITED(FINISH(id), i);
    }
    CHECK_CALL(chld_sigchld_remove(), 0);
    set_sigchld(SIG_DFL, 0);
}

/* What chld_environment() reports */

TEST(clean_surroundings_are_reported_as_such)
{
    uint32_t expected = CALL(chld_engine()) == CHLD_ENGINE_PIDFD ? 0 : CHLD_ENV_NO_PIDFD;
    CHECK_INT(environment(), expected);
    CHECK_CALL(chld_environment(NULL), 0);
    CHECK_CALL(chld_sigchld_install(0), 0);
    CHECK_INT(environment(), expected);
    CHECK_CALL(chld_sigchld_remove(), 0);
}

TEST(closed_standard_descriptors_are_reported)
{
    static const uint32_t bits[] = {
        CHLD_ENV_STDIN_CLOSED, CHLD_ENV_STDOUT_CLOSED, CHLD_ENV_STDERR_CLOSED,
    };
    const uint32_t all = bits[0] | bits[1] | bits[2];
    for (int number = 0; number < 3; number++) {
        int copy = dup(number);
        REQUIRE(copy > 2);
        close(number);
        CHECK_INT(environment() & all, bits[number]);
        REQUIRE(dup2(copy, number) == number);
        close(copy);
    }
    CHECK_INT(environment() & all, 0);
}
