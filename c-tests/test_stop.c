/* Stopping children by a sequence of signals, and whole groups. */
#include "support.h"

#include "namespace.h"
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A child that has written "start" to its stdout, which is a pipe. */
static chld_id start_flow(const char *what, uint32_t group_mode)
{
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.out.mode = CHLD_STDIO_PIPE;
    spawn.group_mode = group_mode;
    chld_id id = START(ARGV(helper("flow"), what), &spawn);
    char text[6];
    REQUIRE(read(CALL(chld_stdout_fd(id)), text, sizeof text) == 6);
    return id;
}

static int stop_with(chld_id id, const chld_stop_step *steps, size_t count, uint32_t target,
                     chld_status *status)
{
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    plan.steps = steps;
    plan.steps_count = count;
    plan.target = target;
    return CALL(chld_stop(id, &plan, status));
}

TEST(a_child_that_obeys_is_stopped_by_the_first_step)
{
    chld_status status;
    long long begin = now_ms();
    chld_id id = START(ARGV("sleep", "60"), NULL);
    CHECK_CALL(chld_stop(id, NULL, &status), 0);
    CHECK_STATUS(status, CHLD_STATE_KILLED, SIGTERM);
    CHECK(now_ms() - begin < 1500);
    CHECK_CALL(chld_stop(id, NULL, &status), 0);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGTERM);
}

/* Without pidfds it waits by a self-pipe otherwise. */
TEST(no_descriptor_has_to_be_left)
{
    struct rlimit before, none;
    chld_status status = { -1, -1, -1, -1 };
    chld_id id = start_flow("deaf", CHLD_GROUP_INHERIT);
    static const chld_stop_step steps[] = { { SIGTERM, 50 }, { SIGKILL, 20000 } };
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    none = before;
    none.rlim_cur = 0;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    int result = stop_with(id, steps, 2, CHLD_TARGET_CHILD, &status);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK_INT(result, 0);
    CHECK_STATUS(status, CHLD_STATE_KILLED, SIGKILL);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGKILL);
}

TEST(any_steps_can_be_taken)
{
    static const chld_stop_step steps[] = { { 0, 50 }, { SIGTERM, 0 }, { SIGHUP, 20000 } };
    chld_status status;
    chld_id id = start_flow("deaf", CHLD_GROUP_INHERIT);
    long long begin = now_ms();
    CHECK_INT(stop_with(id, steps, 3, CHLD_TARGET_CHILD, &status), 0);
    CHECK_STATUS(status, CHLD_STATE_KILLED, SIGHUP);
    CHECK(now_ms() - begin >= 50 && now_ms() - begin < 10000);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGHUP);
}

TEST(a_child_that_survives_all_steps_is_reported)
{
    static const chld_stop_step term[] = { { SIGTERM, 100 } };
    chld_status status = { .state = 77 };
    chld_id id = start_flow("deaf", CHLD_GROUP_INHERIT);
    CHECK_INT(stop_with(id, term, 1, CHLD_TARGET_CHILD, &status), -ETIMEDOUT);
    CHECK_INT(status.state, 77);
    CHECK_CALL(chld_kill(id, SIGKILL), 0);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGKILL);
}

static void stop_by_signal(chld_id id)
{
    CHECK_CALL(chld_kill(id, SIGSTOP), 0);
    CHECK_CALL(chld_wait_change(id, CHLD_WATCH_STOPPED, -1, NULL), 0);
}

static void check_stopped_one_acts(uint32_t target)
{
    static const chld_stop_step usr1[] = { { SIGUSR1, 20000 } };
    chld_status status;
    chld_id id = start_flow("usr1", CHLD_GROUP_NEW);
    stop_by_signal(id);
    CHECK_INT(stop_with(id, usr1, 1, target, &status), 0);
    CHECK_EXITED(status, 123);
    CHECK_EXITED(FINISH(id), 123);
}

static void stop_stopped_ones(void)
{
    check_stopped_one_acts(CHLD_TARGET_CHILD);
    check_stopped_one_acts(CHLD_TARGET_GROUP);
    check_stopped_one_acts(CHLD_TARGET_TREE);
}

TEST(a_stopped_child_acts_on_the_signal)
{
    IN_NAMESPACE(stop_stopped_ones);
}

TEST(a_stopped_child_acts_on_the_default_plan)
{
    chld_status status;
    chld_id id = start_flow("term", CHLD_GROUP_INHERIT);
    stop_by_signal(id);
    CHECK_CALL(chld_stop(id, NULL, &status), 0);
    CHECK_EXITED(status, 123);
    CHECK_EXITED(FINISH(id), 123);
}

TEST(a_step_that_stops_the_child_leaves_it_stopped)
{
    static const chld_stop_step stop[] = { { SIGSTOP, 50 }, { SIGWINCH, 50 } };
    chld_id id = start_flow("deaf", CHLD_GROUP_INHERIT);
    CHECK_INT(stop_with(id, stop, 2, CHLD_TARGET_CHILD, NULL), -ETIMEDOUT);
    CHECK_INT(process_state(CALL(chld_pid(id))), 'T');
    CHECK_CALL(chld_kill(id, SIGKILL), 0);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGKILL);
}

static void hear(int signal)
{
    (void) signal;
}

TEST(a_storm_of_signals_and_a_stopped_child_do_not_prolong_it)
{
    static const chld_stop_step steps[] = { { SIGTERM, 200 }, { SIGKILL, 20000 } };
    struct sigaction action = { .sa_handler = hear }, before;
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGVTALRM };
    struct itimerspec every = { { 0, 500000 }, { 0, 500000 } };
    timer_t timer;
    chld_status status;
    chld_id id = start_flow("deaf", CHLD_GROUP_INHERIT);
    stop_by_signal(id);
    REQUIRE(sigaction(SIGVTALRM, &action, &before) == 0);
    REQUIRE(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    REQUIRE(timer_settime(timer, 0, &every, NULL) == 0);
    long long begin = now_ms();
    CHECK_INT(stop_with(id, steps, 2, CHLD_TARGET_CHILD, &status), 0);
    CHECK(now_ms() - begin >= 200 && now_ms() - begin < 10000);
    CHECK_STATUS(status, CHLD_STATE_KILLED, SIGKILL);
    REQUIRE(timer_delete(timer) == 0);
    REQUIRE(sigaction(SIGVTALRM, &before, NULL) == 0);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGKILL);
}

/* A shell that leads a group of its own and has a sleeping child; its pid. */
static chld_id start_pair(const char *script, int *pid_of_second)
{
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    spawn.out.mode = CHLD_STDIO_PIPE;
    spawn.group_mode = CHLD_GROUP_NEW;
    chld_id id = START(ARGV("sh", "-c", script), &spawn);
    char text[32] = "";
    REQUIRE(read(CALL(chld_stdout_fd(id)), text, sizeof text - 1) > 1);
    *pid_of_second = atoi(text);
    REQUIRE(*pid_of_second > 1);
    return id;
}

static void kill_groups(void)
{
    int second;
    chld_id id = start_pair("sleep 60 & echo $!; wait", &second);
    CHECK_CALL(chld_kill_group(id, SIGKILL), 0);
    AWAIT(has_ended(second));
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGKILL);

    /* The leader has exited, and nobody has looked: its zombie keeps the group. */
    id = start_pair("sleep 60 & echo $!", &second);
    await_exit(id);
    CHECK_CALL(chld_kill_group(id, SIGKILL), 0);
    AWAIT(has_ended(second));
    CHECK_CALL(chld_wait(id, -1, NULL), 0);
    AWAIT(!process_is_there(second) || chld_reap_foreign(NULL, NULL) == 1);
    CHECK_CALL(chld_kill_group(id, SIGKILL), -ESRCH); /* nobody is left in it */
    CHECK_EXITED(FINISH(id), 0);
    CHECK_CALL(chld_kill_group(id, SIGKILL), -EBADF);

    /* Not even a signal that came too late lets go of it. */
    id = start_pair("sleep 60 & echo $!", &second);
    await_exit(id);
    CHECK_CALL(chld_kill(id, SIGTERM), -ESRCH);
    CHECK_CALL(chld_kill_group(id, SIGKILL), 0);
    AWAIT(has_ended(second));
    CHECK_EXITED(FINISH(id), 0);
}

TEST(a_group_is_killed_with_its_leader_or_after_it)
{
    IN_NAMESPACE(kill_groups);
}

/* A signal to a process's own group by its pidfd, which Linux can send since 6.9. */
static bool groups_have_pidfds(void)
{
    int pidfd = (int) syscall(SYS_pidfd_open, getpid(), 0);
    bool can = pidfd >= 0
               && (syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 1 << 2) == 0 || errno == ESRCH);
    close(pidfd);
    return can;
}

/* Its exit was reported, so it is reaped, and its number may be another group's. */
static void kill_group_of_a_reaped_leader(void)
{
    int second;
    chld_id id = start_pair("sleep 60 & echo $!", &second), other;
    CHECK_CALL(chld_wait(id, -1, NULL), 0);
    CHECK(!process_is_there(CALL(chld_pid(id))));
    CHECK_CALL(chld_kill_group(id, SIGURG), 0);
    CHECK(!has_ended(second));
    other = START(ACT("exit", "0"), NULL);
    FINISH(other);
    CHECK_CALL(chld_kill_group(id, SIGKILL), 0);
    AWAIT(has_ended(second));
    AWAIT(CALL(chld_kill_group(id, SIGKILL)) == -ESRCH);
    CHECK_EXITED(FINISH(id), 0);
    CHECK_CALL(chld_kill_group(id, SIGKILL), -EBADF);
}

TEST(a_group_is_killed_after_its_leader_was_reported_where_a_pidfd_can)
{
    if (CALL(chld_engine()) != CHLD_ENGINE_PIDFD || !groups_have_pidfds()) {
        SKIP_TEST("no pidfd here signals a group (Linux 6.9)");
    }
    IN_NAMESPACE(kill_group_of_a_reaped_leader);
}

/* A child in the group of this process: nobody may be hit, least of all we. */
static void spare_own_group(void)
{
    static const chld_stop_step steps[] = { { SIGKILL, 100 } };
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 3);
    CHECK_CALL(chld_kill_group(id, SIGKILL), -EINVAL);
    CHECK_INT(stop_with(id, steps, 1, CHLD_TARGET_GROUP, NULL), -EINVAL);
    gate_open(&gate);
    CHECK_EXITED(FINISH(id), 3);
    CHECK_CALL(chld_kill_group(CHLD_NONE, SIGKILL), -EBADF);
}

TEST(the_callers_own_group_is_never_signalled)
{
    IN_NAMESPACE(spare_own_group);
}

static void sweep(void)
{
    /* The leader obeys, the other one does not. */
    static const char *const script =
        "sh -c 'trap \"\" TERM; echo $$; exec sleep 60' & exec sleep 60";
    int second;
    chld_status status;
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    plan.target = CHLD_TARGET_GROUP;
    chld_id id = start_pair(script, &second);
    CHECK_CALL(chld_stop(id, &plan, &status), 0);
    CHECK_STATUS(status, CHLD_STATE_KILLED, SIGTERM);
    CHECK(process_is_there(second));
    REQUIRE(second > 1 && kill(second, SIGKILL) == 0);
    AWAIT(has_ended(second));
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGTERM);

    plan.flags = CHLD_STOP_SWEEP;
    id = start_pair(script, &second);
    CHECK_CALL(chld_stop(id, &plan, &status), 0);
    CHECK_STATUS(status, CHLD_STATE_KILLED, SIGTERM);
    AWAIT(has_ended(second));
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGTERM);
}

TEST(what_is_left_of_a_group_can_be_swept)
{
    IN_NAMESPACE(sweep);
}

TEST(plans_that_make_no_sense_are_refused)
{
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 0);
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    chld_stop_step step = { 999, 0 };
    plan.steps_count = 1;
    CHECK_CALL(chld_stop(id, &plan, NULL), -EINVAL);
    plan.steps = &step;
    CHECK_CALL(chld_stop(id, &plan, NULL), -EINVAL);
    step = (chld_stop_step) { SIGTERM, -2 };
    CHECK_CALL(chld_stop(id, &plan, NULL), -EINVAL);
    step = (chld_stop_step) { -1, 0 };
    CHECK_CALL(chld_stop(id, &plan, NULL), -EINVAL);
    plan.steps_count = 0;
    plan.target = 3;
    CHECK_CALL(chld_stop(id, &plan, NULL), -EINVAL);
    plan.target = CHLD_TARGET_CHILD;
    plan.flags = 2;
    CHECK_CALL(chld_stop(id, &plan, NULL), -EINVAL);
    plan.flags = 0;
    plan.size = sizeof plan - 1;
    CHECK_CALL(chld_stop(id, &plan, NULL), -EINVAL);
    CHECK_CALL(chld_kill_group(id, 0), -EINVAL);
    CHECK_CALL(chld_kill_tree(id, 0, NULL), -EINVAL);
    gate_open(&gate);
    CHECK_EXITED(FINISH(id), 0);
    CHECK_CALL(chld_stop(id, NULL, NULL), -EBADF);
    CHECK_CALL(chld_stop(CHLD_NONE, NULL, NULL), -EBADF);
}
