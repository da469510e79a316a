/* SIGCHLD blocked in every thread. The calls that depend on the handler look by
 * themselves. They never let the signal in: it stays pending, for the program. */
#include "exits.h"

#include <sys/signalfd.h>
#include <unistd.h>

enum { AMPLE_MS = 10000 };

static bool is_reported(void)
{
    uint32_t found = 0;
    CHECK_CALL(chld_environment(&found), 0);
    return found & CHLD_ENV_SIGCHLD_BLOCKED;
}

/* When the test began. A call that does not look by itself looks again when its
 * timeout is over, and returns the status then: far too late. */
static long long began;

static chld_id start_blocked(struct gate *gate)
{
    began = now_ms();
    block_signal(SIGCHLD);
    CHECK(is_reported());
    *gate = gate_make();
    return START_AT(gate, 5);
}

static void finish_blocked(chld_id id, struct gate *gate)
{
    CHECK(now_ms() - began < AMPLE_MS);
    gate_open(gate);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGKILL);
    unblock_signal(SIGCHLD);
    CHECK(!is_reported());
}

TEST(a_wait_with_a_timeout_returns_at_the_exit)
{
    struct gate gate;
    struct later later;
    chld_id id = start_blocked(&gate);
    later_kill(&later, id, SIGKILL);
    CHECK_CALL(chld_wait(id, AMPLE_MS, NULL), 0);
    later_join(&later);
    finish_blocked(id, &gate);
}

TEST(a_wait_for_any_returns_at_the_exit)
{
    struct gate gate;
    struct later later;
    chld_id id = start_blocked(&gate);
    later_kill(&later, id, SIGKILL);
    CHECK_CALL(chld_wait_any(&id, 1, AMPLE_MS, NULL), 0);
    later_join(&later);
    finish_blocked(id, &gate);
}

TEST(a_wait_for_any_without_timeout_returns_at_the_exit)
{
    struct gate gate;
    struct later later;
    chld_id id = start_blocked(&gate);
    later_kill(&later, id, SIGKILL);
    CHECK_CALL(chld_wait_any(&id, 1, -1, NULL), 0);
    later_join(&later);
    finish_blocked(id, &gate);
}

TEST(a_wait_for_a_change_returns_at_the_stop)
{
    struct gate gate;
    struct later later;
    chld_status status = { -1, -1, -1, -1 };
    chld_id id = start_blocked(&gate);
    later_kill(&later, id, SIGSTOP);
    CHECK_CALL(chld_wait_change(id, CHLD_WATCH_STOPPED, AMPLE_MS, &status), 0);
    CHECK_STATUS(status, CHLD_STATE_STOPPED, SIGSTOP);
    later_join(&later);
    CHECK_CALL(chld_kill(id, SIGKILL), 0);
    finish_blocked(id, &gate);
}

/* Every call that sleeps, for a while in which its child does not exit. */

enum { SHORT_MS = 120 };

static void sleep_in_wait(chld_id id)
{
    CHECK_CALL(chld_wait(id, SHORT_MS, NULL), -ETIMEDOUT);
}

static void sleep_in_wait_any(chld_id id)
{
    CHECK_CALL(chld_wait_any(&id, 1, SHORT_MS, NULL), -ETIMEDOUT);
}

static void sleep_in_wait_change(chld_id id)
{
    CHECK_CALL(chld_wait_change(id, 0, SHORT_MS, NULL), -ETIMEDOUT);
}

static void sleep_in_set(chld_id id, uint32_t flags)
{
    chld_set set = SET_OPEN(flags);
    CHECK_CALL(chld_set_add(set, id, 0), 0);
    CHECK_CALL(chld_set_wait(set, SHORT_MS, NULL), -ETIMEDOUT);
    CHECK_CALL(chld_set_close(set), 0);
}

static void sleep_in_set_wait(chld_id id)
{
    sleep_in_set(id, 0);
}

static void sleep_in_set_wait_sigchld(chld_id id)
{
    sleep_in_set(id, CHLD_SET_SIGCHLD);
}

static void sleep_in_stop(chld_id id)
{
    const chld_stop_step only_wait = { 0, SHORT_MS };
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    plan.steps = &only_wait;
    plan.steps_count = 1;
    CHECK_CALL(chld_stop(id, &plan, NULL), -ETIMEDOUT);
}

static void sleep_in_capture(chld_id id)
{
    const chld_stop_step nothing = { 0, 0 };
    chld_stop_plan plan = CHLD_STOP_PLAN_INIT;
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    plan.steps = &nothing;
    plan.steps_count = 1;
    options.stop = &plan;
    options.timeout_ms = SHORT_MS;
    CHECK_CALL(chld_capture(id, &options, NULL), -ETIMEDOUT);
}

static const struct sleeper {
    const char *name;
    void (*sleep)(chld_id id);
} sleepers[] = {
    { "chld_wait", sleep_in_wait },
    { "chld_wait_any", sleep_in_wait_any },
    { "chld_wait_change", sleep_in_wait_change },
    { "chld_set_wait", sleep_in_set_wait },
    { "chld_set_wait of the SIGCHLD engine", sleep_in_set_wait_sigchld },
    { "chld_stop", sleep_in_stop },
    { "chld_capture", sleep_in_capture },
};
enum { SLEEPERS = sizeof sleepers / sizeof *sleepers };

/* A SIGCHLD is pending before the call sleeps, and another one comes meanwhile. */
static void sleep_beside_sigchld(const struct sleeper *sleeper, void (*check)(void))
{
    struct gate gate = gate_make();
    int before = failures();
    chld_id id = START_AT(&gate, 5);
    pid_t first = foreign_zombie(7), second = fork();
    if (second == 0) {
        poll(NULL, 0, SHORT_MS / 2);
        _exit(8);
    }
    sleeper->sleep(id);
    check();
    FOREIGN_REAP(first, 7);
    FOREIGN_REAP(second, 8);
    gate_open(&gate);
    CHECK_EXITED(FINISH(id), 5);
    if (failures() > before) {
        fail(__FILE__, __LINE__, "in %s", sleeper->name);
    }
}

static volatile sig_atomic_t calls;

static void count_call(int signal)
{
    (void) signal;
    calls++;
}

static void check_not_called(void)
{
    CHECK_INT(calls, 0);
}

TEST(the_programs_handler_does_not_run_where_it_is_blocked)
{
    struct sigaction action = { .sa_handler = count_call, .sa_flags = SA_RESTART }, before;
    REQUIRE(sigaction(SIGCHLD, &action, &before) == 0);
    for (int i = 0; i < SLEEPERS; i++) {
        calls = 0;
        block_signal(SIGCHLD);
        sleep_beside_sigchld(&sleepers[i], check_not_called);
        unblock_signal(SIGCHLD);
        CHECK_INT(calls, 1);
        (void) CALL(chld_sigchld_remove());
    }
    REQUIRE(sigaction(SIGCHLD, &before, NULL) == 0);
}

static int signals = -1; /* a signalfd */

static void check_told_once(void)
{
    struct signalfd_siginfo info;
    CHECK_INT(read(signals, &info, sizeof info), sizeof info);
    CHECK_INT(info.ssi_signo, SIGCHLD);
}

static void check_signalfd(void)
{
    sigset_t only;
    struct signalfd_siginfo info;
    block_signal(SIGCHLD);
    sigemptyset(&only);
    sigaddset(&only, SIGCHLD);
    signals = signalfd(-1, &only, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signals < 0) {
        SKIP_TEST("signalfd: %s", strerror(errno));
    }
    for (int i = 0; i < SLEEPERS; i++) {
        sleep_beside_sigchld(&sleepers[i], check_told_once);
        while (read(signals, &info, sizeof info) > 0) {
        }
        (void) CALL(chld_sigchld_remove());
    }
    close(signals);
    unblock_signal(SIGCHLD);
}

TEST(the_programs_signalfd_keeps_its_signal)
{
    check_signalfd();
}

TEST(the_programs_signalfd_keeps_its_signal_in_reap_mode)
{
    CHECK_CALL(chld_sigchld_install(0), 0);
    check_signalfd();
}
