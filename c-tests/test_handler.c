/* The functions that may be called in a signal handler, called in one while
 * the interrupted code is in the library. */
#include "support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static volatile chld_id current; /* the child that is being waited for */
static volatile sig_atomic_t code_of_current;
static volatile sig_atomic_t looks, seen_ends, mistakes;

static void expect(bool holds)
{
    mistakes += !holds;
}

static void look_at_text(const chld_status *status)
{
    char text[64];
    expect(chld_status_text(status, text, sizeof text) > 0);
    chld_status again;
    expect(chld_status_decode(chld_status_encode(status), &again) == 0);
    expect(again.state == status->state && again.code == status->code);
    expect(strcmp(chld_signal_name(9), "SIGKILL") == 0);
    expect(chld_signal_number("SIGTERM") == 15);
}

static timer_t ticks;

/* One tick, and the next one when that was dealt with: where the handler takes longer
 * than that, as under an emulator, the program would never go on. */
static void arm_ticks(void)
{
    const struct itimerspec soon = { .it_value.tv_nsec = 50000 };
    timer_settime(ticks, 0, &soon, NULL);
}

/* What is there to see must agree with itself, at any time. */
static void on_tick(int signal)
{
    (void) signal;
    int saved = errno;
    errno = ERRNO_CANARY;
    chld_id id = current;
    chld_status status;
    chld_resources usage;
    looks++;
    int peeked = chld_peek(id, &status);
    int used = chld_usage(id, &usage);
    if (peeked == 0 && status.state != CHLD_STATE_RUNNING) {
        seen_ends++;
        expect(status.state == CHLD_STATE_EXITED && status.code == code_of_current);
        expect(used == 0 && usage.minor_faults > 0);
        expect(chld_kill(id, SIGURG) == -ESRCH);
        look_at_text(&status);
    } else if (peeked == 0) {
        expect(used == 0 || used == -EBUSY);
        int killed = chld_kill(id, SIGURG);
        expect(killed == 0 || killed == -ESRCH);
    } else {
        expect(peeked == -EBADF && used == -EBADF);
    }
    expect(chld_pid(id) == (peeked == 0 ? chld_pid(id) : -EBADF));
    expect(chld_stdin_fd(id) == (peeked == 0 ? -ENOENT : -EBADF));
    expect(errno == ERRNO_CANARY);
    arm_ticks();
    errno = saved;
}

TEST(a_handler_sees_what_is_true)
{
    struct sigaction old, action = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
    REQUIRE(sigaction(SIGUSR1, &action, &old) == 0);
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
    REQUIRE(timer_create(CLOCK_MONOTONIC, &event, &ticks) == 0);
    arm_ticks();
    for (int i = 0; i < scaled(300) || ((!seen_ends || !looks) && i < 20000); i++) {
        code_of_current = i % 256;
        chld_id id = START(ACT("exit", DECIMAL(i % 256)), NULL);
        current = id;
        chld_status status = { -1, -1, -1, -1 };
        CHECK_CALL(chld_wait(id, i % 2 ? -1 : 60000, &status), 0);
        CHECK_EXITED(status, i % 256);
        CHECK_CALL(chld_close(id), 0);
    }
    sigaction(SIGUSR1, &(struct sigaction) { .sa_handler = SIG_IGN }, NULL);
    timer_delete(ticks);
    sigaction(SIGUSR1, &old, NULL);
    CHECK(looks > 0);
    CHECK(seen_ends > 0);
    CHECK_INT(mistakes, 0);
}

/* A handler for SIGCHLD sees its own child's end by asking for it. */
static volatile sig_atomic_t sigchld_kill;

static void on_sigchld(int signal)
{
    (void) signal;
    int saved = errno;
    sigchld_kill = chld_kill(current, SIGURG);
    errno = saved;
}

TEST(kill_in_a_sigchld_handler_returns_that_it_has_exited)
{
    struct sigaction old, action = { .sa_handler = on_sigchld, .sa_flags = SA_RESTART };
    struct gate gate = gate_make();
    chld_id id = START_AT(&gate, 21);
    current = id;
    sigchld_kill = 1;
    REQUIRE(sigaction(SIGCHLD, &action, &old) == 0);
    gate_open(&gate);
    chld_status status = { -1, -1, -1, -1 };
    CHECK_CALL(chld_wait(id, -1, &status), 0);
    CHECK_EXITED(status, 21);
    CHECK_INT(sigchld_kill, -ESRCH);
    sigaction(SIGCHLD, &old, NULL);
    CHECK_CALL(chld_close(id), 0);
}
