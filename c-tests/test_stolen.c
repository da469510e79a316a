/* Surroundings that take statuses away: other waiters, an ignored SIGCHLD. The
 * status is recovered if the kernel still has it, else it is lost; it is
 * never invented. And the other way round: children that are not the library's
 * are left alone. */
#include "exits.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Ends that are easily confused with each other or with a lost one. */
static const struct end {
    const char *how, *with;
    int state, code;
} ends[] = {
    { "exit", "0", CHLD_STATE_EXITED, 0 },
    { "exit", "7", CHLD_STATE_EXITED, 7 },
    { "exit", "255", CHLD_STATE_EXITED, 255 },
    { "die", "9", CHLD_STATE_KILLED, SIGKILL },
    { "die", "15", CHLD_STATE_KILLED, SIGTERM },
};
enum { ENDS = sizeof ends / sizeof *ends };

/* To be asked first while nothing of the library reaps by itself. */
static bool can_be_recovered(void)
{
    static int recoverable = -1;
    if (recoverable < 0) {
        struct sigaction old, action = { .sa_handler = SIG_DFL };
        sigaction(SIGCHLD, &action, &old);
        recoverable = ends_can_be_recovered();
        sigaction(SIGCHLD, &old, NULL);
    }
    return recoverable;
}

/* The status of a child that somebody else has reaped. */
static void check_stolen(chld_status status, const struct end *end)
{
    if (can_be_recovered() || status.state != CHLD_STATE_LOST) {
        CHECK_STATUS(status, end->state, end->code);
    } else {
        CHECK_STATUS(status, CHLD_STATE_LOST, -1);
        CHECK_INT(status.wait_word, -1);
    }
}

static void steal(chld_id id)
{
    int pid = CALL(chld_pid(id));
    REQUIRE(pid > 1 && waitpid(pid, NULL, 0) == pid);
}

TEST(a_status_that_waitpid_took_is_recovered_or_lost)
{
    static const int limits[] = { -1, 0, 60000 };
    for (int i = 0; i < 3 * ENDS; i++) {
        const struct end *end = &ends[i / 3];
        chld_id id = START(ACT(end->how, end->with), NULL);
        steal(id);
        for (int again = 0; again < 2; again++) {
            chld_status status = { -1, -1, -1, -1 };
            CHECK_CALL(chld_wait(id, limits[i % 3], &status), 0);
            check_stolen(status, end);
        }
        CHECK_CALL(chld_usage(id, NULL), -ENODATA);
        CHECK_CALL(chld_kill(id, SIGTERM), -ESRCH);
        CHECK_CALL(chld_close(id), 0);
    }
}

TEST(other_functions_see_a_stolen_exit_too)
{
    for (int i = 0; i < ENDS; i++) {
        chld_id id = START(ACT(ends[i].how, ends[i].with), NULL);
        steal(id);
        CHECK_CALL(chld_kill(id, SIGTERM), -ESRCH);
        chld_status status = { -1, -1, -1, -1 };
        CHECK_CALL(chld_peek(id, &status), 0);
        check_stolen(status, &ends[i]);
        CHECK_CALL(chld_close(id), 0);

        id = START(ACT(ends[i].how, ends[i].with), NULL);
        steal(id);
        chld_event event = { 0 };
        CHECK_CALL(chld_wait_any(&id, 1, -1, &event), 0);
        check_stolen(event.status, &ends[i]);
        CHECK_CALL(chld_close(id), 0);

        id = START(ACT(ends[i].how, ends[i].with), NULL);
        steal(id);
        CHECK_CALL(chld_wait_change(id, 0, -1, &status), 0);
        check_stolen(status, &ends[i]);
        CHECK_CALL(chld_close(id), 0);

        id = START(ACT(ends[i].how, ends[i].with), NULL);
        steal(id);
        CHECK_CALL(chld_close(id), 0);
    }
}

static void look_by_set(chld_id id)
{
    chld_set set;
    CHECK_CALL(chld_set_open(0, &set), 0);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    CHECK_CALL(chld_set_close(set), 0);
}

static void look_by_exit_fd(chld_id id)
{
    struct pollfd fd = { .fd = CALL(chld_exit_fd(id)), .events = POLLIN };
    CHECK_INT(poll(&fd, 1, 10000), 1);
}

static void look_by_kill(chld_id id)
{
    CHECK_CALL(chld_kill(id, SIGTERM), -ESRCH);
}

static void look_by_reap(chld_id id)
{
    (void) id;
    CHECK_CALL(chld_reap(), 1);
}

/* A look of other calls than a wait finds it gone; nobody asks how it exited. */
TEST(a_stolen_child_that_nobody_asks_about_can_be_closed)
{
    void (*const looks[])(chld_id) = { look_by_set, look_by_exit_fd, look_by_kill, look_by_reap };
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
        chld_id id = START(ACT("exit", "7"), NULL);
        steal(id);
        looks[i](id);
        CHECK_CALL(chld_close(id), 0); /* the audit finds its descriptors */
    }
}

TEST(a_detached_child_may_be_stolen)
{
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 0);
    int pid = CALL(chld_pid(id));
    CHECK_CALL(chld_close(id), 0);
    gate_open(&gate);
    REQUIRE(pid > 1 && waitpid(pid, NULL, 0) == pid);
    CHECK_EXITED(RUN(ACT("exit", "3"), NULL), 3); /* lets go of its pidfd: the audit */
}

/* One thread waits by the library while another reaps behind its back: each
 * may win, and in both cases the answer is the truth, or that it is lost. */
static void *wait_in_thread(void *argument)
{
    chld_id id = *(chld_id *) argument;
    chld_status *status = malloc(sizeof *status);
    CHECK_CALL(chld_wait(id, -1, status), 0);
    return status;
}

TEST(a_race_for_the_status_is_never_lost_to_a_lie)
{
    for (int round = 0; round < scaled(100); round++) {
        struct gate gate = gate_make();
        chld_id id = START_AT(&gate, 77);
        int pid = CALL(chld_pid(id));
        pthread_t thread;
        void *result;
        REQUIRE(pthread_create(&thread, NULL, wait_in_thread, &id) == 0);
        gate_open(&gate);
        pid_t stolen = waitpid(pid, NULL, 0);
        pthread_join(thread, &result);
        chld_status *status = result;
        if (stolen == pid && status->state == CHLD_STATE_LOST) {
            check_stolen(*status, &(struct end) { "", "", CHLD_STATE_EXITED, 77 });
        } else {
            CHECK_EXITED(*status, 77);
        }
        free(status);
        CHECK_CALL(chld_close(id), 0);
    }
}

/* SIGCHLD */

static void reap_everything(int signal)
{
    (void) signal;
    int saved = errno;
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
    errno = saved;
}

static void do_nothing(int signal)
{
    (void) signal;
}

/* No zombie is made under any of these. */
static const struct surroundings {
    const char *what;
    void (*handler)(int);
    int flags;
} all_surroundings[] = {
    { "ignored", SIG_IGN, 0 },
    { "SA_NOCLDWAIT", SIG_DFL, SA_NOCLDWAIT },
    { "a handler with SA_NOCLDWAIT", do_nothing, SA_NOCLDWAIT | SA_RESTART },
    { "a handler that reaps everything", reap_everything, SA_RESTART | SA_NOCLDSTOP },
};

static void for_all_surroundings(void (*part)(void))
{
    for (size_t i = 0; i < sizeof all_surroundings / sizeof *all_surroundings; i++) {
        const struct surroundings *one = &all_surroundings[i];
        struct sigaction old, action = { .sa_handler = one->handler, .sa_flags = one->flags };
        int before = failures();
        REQUIRE(sigaction(SIGCHLD, &action, &old) == 0);
        part();
        REQUIRE(sigaction(SIGCHLD, &old, NULL) == 0);
        if (failures() > before) {
            fail(__FILE__, __LINE__, "with SIGCHLD: %s", one->what);
        }
    }
}

static void wait_without_zombies(void)
{
    for (int i = 0; i < ENDS; i++) {
        chld_status status = { -1, -1, -1, -1 };
        chld_id id = START(ACT(ends[i].how, ends[i].with), NULL);
        CHECK_CALL(chld_wait(id, i % 2 ? -1 : 60000, &status), 0);
        check_stolen(status, &ends[i]);
        CHECK_CALL(chld_close(id), 0);

        chld_event event = { 0 };
        id = START(ACT(ends[i].how, ends[i].with), NULL);
        CHECK_CALL(chld_wait_any(&id, 1, i % 2 ? 60000 : -1, &event), 0);
        check_stolen(event.status, &ends[i]);
        CHECK_CALL(chld_close(id), 0);

        id = START(ACT(ends[i].how, ends[i].with), NULL);
        CHECK_CALL(chld_wait_change(id, 0, -1, &status), 0);
        check_stolen(status, &ends[i]);
        CHECK_CALL(chld_close(id), 0);
    }
}

TEST(without_zombies_the_status_is_recovered_or_lost)
{
    for_all_surroundings(wait_without_zombies);
}

/* The task that exits may need the only CPU before the kernel has the status ready. */
TEST(without_zombies_on_one_cpu_no_status_is_lost)
{
    struct sigaction old, action = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT };
    if (!can_be_recovered()) {
        SKIP_TEST("the kernel does not tell how a process exited that was reaped");
    }
    stay_on_one_cpu();
    REQUIRE(sigaction(SIGCHLD, &action, &old) == 0);
    for (int i = 0; i < scaled(300) && !failures(); i++) {
        CHECK_EXITED(RUN(ACT("exit", DECIMAL(i % 200)), NULL), i % 200);
    }
    REQUIRE(sigaction(SIGCHLD, &old, NULL) == 0);
}

static void time_out_without_zombies(void)
{
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 4);
    CHECK_CALL(chld_wait(id, 0, NULL), -ETIMEDOUT);
    CHECK_CALL(chld_wait(id, 20, NULL), -ETIMEDOUT);
    CHECK_CALL(chld_wait_change(id, 0, 0, NULL), -ETIMEDOUT);
    CHECK_CALL(chld_kill(id, SIGURG), 0);
    gate_open(&gate);
    CHECK_CALL(chld_wait(id, -1, NULL), 0);
    CHECK_CALL(chld_kill(id, SIGURG), -ESRCH);
    CHECK_CALL(chld_close(id), 0);
}

TEST(without_zombies_a_running_child_is_not_taken_for_lost)
{
    for_all_surroundings(time_out_without_zombies);
}

static void fail_without_zombies(void)
{
    for (int i = 0; i < 10; i++) {
        CHECK_FAILS(ARGV("/nonexistent"), NULL, ENOENT, CHLD_STEP_EXEC, 0);
    }
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.cwd = "/nowhere";
    CHECK_FAILS(ACT("exit", "0"), &options, ENOENT, CHLD_STEP_CHDIR, 0);
}

TEST(without_zombies_failures_are_reported)
{
    for_all_surroundings(fail_without_zombies);
}

static void detach_without_zombies(void)
{
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 4);
    CHECK_CALL(chld_close(id), 0);
    id = START_AT(&gate, 5);
    gate_open(&gate);
    CHECK_CALL(chld_wait(id, -1, NULL), 0);
    CHECK_CALL(chld_close(id), 0);
    siginfo_t info;
    while (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) == 0) {
    }
    id = START(ACT("exit", "0"), NULL); /* closes the pidfd: the audit */
    CHECK_CALL(chld_wait(id, -1, NULL), 0);
    CHECK_CALL(chld_close(id), 0);
}

TEST(without_zombies_detached_children_are_let_go)
{
    for_all_surroundings(detach_without_zombies);
}

/* One SIGCHLD stands for two exits, and one of the two is stolen before the handler runs,
 * so that nothing shows it to the handler. */
struct pair {
    chld_id ids[2];
    int exit_fds[2];
    chld_set set;
};

static void start_pair(struct pair *pair, const struct gate *gate)
{
    pair->set = SET_OPEN(CHLD_SET_SIGCHLD);
    for (int i = 0; i < 2; i++) {
        pair->ids[i] = START_AT(gate, 7);
        pair->exit_fds[i] = CALL(chld_exit_fd(pair->ids[i]));
        CHECK_CALL(chld_set_add(pair->set, pair->ids[i], 0), 0);
    }
}

static void steal_one_of_pair(int which, void (*check)(const struct pair *))
{
    struct pair pair;
    (void) can_be_recovered();
    struct gate gate = gate_make();
    start_pair(&pair, &gate);
    block_signal(SIGCHLD);
    gate_open(&gate);
    await_exit(pair.ids[!which]);
    steal(pair.ids[which]);
    unblock_signal(SIGCHLD); /* the handler runs */
    check(&pair);
    for (int i = 0; i < 2; i++) {
        check_stolen(FINISH(pair.ids[i]), &ends[1]);
    }
    CHECK_CALL(chld_set_close(pair.set), 0);
    CHECK_CALL(chld_sigchld_remove(), 0);
}

static void check_set_is_told(const struct pair *pair)
{
    chld_event events[2] = { 0 };
    for (int i = 0; i < 2; i++) {
        CHECK(SET_AWAIT(pair->set, &events[i]));
        check_stolen(events[i].status, &ends[1]);
    }
    CHECK(events[0].id != events[1].id);
}

static void check_set_wait_returns(const struct pair *pair)
{
    for (int i = 0; i < 2; i++) {
        CHECK_CALL(chld_set_wait(pair->set, -1, NULL), 0);
    }
}

static void check_exit_fds(const struct pair *pair)
{
    AWAIT(is_readable(pair->exit_fds[0]));
    AWAIT(is_readable(pair->exit_fds[1]));
}

TEST(a_child_stolen_behind_another_is_reported_by_its_set)
{
    steal_one_of_pair(0, check_set_is_told);
    steal_one_of_pair(1, check_set_is_told);
}

TEST(a_child_stolen_behind_another_completes_the_wait_of_its_set)
{
    steal_one_of_pair(0, check_set_wait_returns);
    steal_one_of_pair(1, check_set_wait_returns);
}

TEST(a_child_stolen_behind_another_makes_its_exit_descriptor_readable)
{
    steal_one_of_pair(0, check_exit_fds);
    steal_one_of_pair(1, check_exit_fds);
}

/* The handler looks at a few children per signal; a call that sleeps looks at the rest. */
TEST(one_of_many_children_that_was_stolen_is_reported_by_its_set)
{
    enum { MANY = 100 };
    chld_id ids[MANY];
    chld_event event = { 0 };
    struct gate gate = gate_make();
    chld_set set = SET_OPEN(CHLD_SET_SIGCHLD);
    const int many = scaled(MANY);
    for (int i = 0; i < many; i++) {
        ids[i] = START_AT(&gate, 1);
        CHECK_CALL(chld_set_add(set, ids[i], 0), 0);
    }
    block_signal(SIGCHLD);
    CHECK_CALL(chld_kill(ids[many / 2], SIGKILL), 0);
    steal(ids[many / 2]);
    unblock_signal(SIGCHLD);
    CHECK_CALL(chld_set_wait(set, -1, &event), 0);
    CHECK(event.id == ids[many / 2]);
    gate_open(&gate);
    for (int i = 0; i < many; i++) {
        FINISH(ids[i]);
    }
    CHECK_CALL(chld_set_close(set), 0);
    CHECK_CALL(chld_sigchld_remove(), 0);
}

/* Other people's children */

static pid_t foreign_child(int code)
{
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        _exit(code);
    }
    siginfo_t info; /* until it is a zombie */
    REQUIRE(waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT) == 0);
    return pid;
}

TEST(children_that_are_not_the_librarys_are_left_alone)
{
    pid_t foreign_children[10];
    for (int i = 0; i < 10; i++) {
        foreign_children[i] = foreign_child(i);
    }
    for (int i = 0; i < 20; i++) {
        chld_id ids[] = { START(ACT("exit", "1"), NULL), START(ACT("die", "9"), NULL) };
        struct gate gate = gate_make();
        CHECK_CALL(chld_close(START_AT(&gate, 0)), 0);
        CHECK_CALL(chld_wait_any(ids, 2, -1, NULL), 0);
        CHECK_CALL(chld_wait_change(ids[0], 0, -1, NULL), 0);
        FINISH(ids[0]);
        FINISH(ids[1]);
        CHECK_FAILS(ARGV("/nonexistent"), NULL, ENOENT, CHLD_STEP_EXEC, 0);
        gate_open(&gate);
    }
    for (int i = 0; i < 10; i++) {
        int status = -1;
        CHECK_INT(waitpid(foreign_children[i], &status, 0), foreign_children[i]);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == i);
    }
    reap_closed_children();
}

static volatile sig_atomic_t chld_signals;

static void count_signals(int signal)
{
    (void) signal;
    chld_signals++;
}

TEST(a_handler_for_sigchld_goes_on_working)
{
    struct sigaction old, now, action = { .sa_handler = count_signals, .sa_flags = SA_RESTART };
    sigaddset(&action.sa_mask, SIGUSR2);
    REQUIRE(sigaction(SIGCHLD, &action, &old) == 0);
    for (int i = 0; i < 10; i++) {
        int before = chld_signals;
        CHECK_EXITED(RUN(ACT("exit", "2"), NULL), 2);
        CHECK(chld_signals > before);
    }
    REQUIRE(sigaction(SIGCHLD, &old, &now) == 0);
    CHECK(now.sa_handler == count_signals && sigismember(&now.sa_mask, SIGUSR2));
}
