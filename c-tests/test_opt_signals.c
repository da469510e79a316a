/* What is blocked and ignored in the child, and the signal at its parent's
 * death. */
#include "look.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The kernel never blocks or ignores these. */
static const uint64_t never = 1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1);

/* Children are made in two ways: with the caller's descriptors, and without. */
static void check_signals(chld_spawn_options options, uint64_t blocked, uint64_t ignored)
{
    static const uint64_t ways[] = { 0, CHLD_SPAWN_INHERIT_FDS };
    for (int i = 0; i < 2; i++) {
        options.flags |= ways[i];
        chld_id id = STAY(&options);
        int pid = CALL(chld_pid(id));
        CHECK_INT((long long) proc_signals(pid, "SigBlk"), (long long) blocked);
        CHECK_INT((long long) proc_signals(pid, "SigIgn"), (long long) ignored);
        CHECK_INT((long long) proc_signals(pid, "SigCgt"), 0);
        LEAVE(id);
    }
}

static uint64_t set_mask(uint64_t mask)
{
    uint64_t old = 0;
    REQUIRE(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, &old, 8) == 0);
    return old;
}

/* Some of all kinds, libc's own two (32 and 33) and the last among them. */
static const uint64_t some = 1ull << (SIGINT - 1) | 1ull << (SIGUSR1 - 1) | 1ull << (SIGTSTP - 1)
                           | 1ull << 31 | 1ull << 32 | 1ull << 39 | 1ull << 63;

static chld_spawn_options with_mask(uint32_t mode, uint64_t blocked)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.mask_mode = mode;
    options.blocked = blocked;
    return options;
}

TEST(nothing_or_what_is_asked_for_is_blocked)
{
    static const uint64_t callers[] = { 0, 1ull << (SIGTERM - 1) | 1ull << 50, ~0ull };
    for (int i = 0; i < 3; i++) {
        uint64_t before = set_mask(callers[i]);
        check_signals(with_mask(CHLD_MASK_EMPTY, some), 0, 0);
        check_signals(with_mask(CHLD_MASK_BLOCKED, some), some, 0);
        check_signals(with_mask(CHLD_MASK_BLOCKED, 0), 0, 0);
        check_signals(with_mask(CHLD_MASK_BLOCKED, ~0ull), ~never, 0);
        CHECK_INT((long long) set_mask(before), (long long) (callers[i] & ~never));
    }
}

TEST(what_the_caller_blocks_is_blocked_if_asked_for)
{
    const uint64_t callers[] = { 0, some, ~never };
    for (int i = 0; i < 3; i++) {
        uint64_t before = set_mask(callers[i]);
        check_signals(with_mask(CHLD_MASK_INHERIT, 1), callers[i], 0);
        CHECK_INT((long long) set_mask(before), (long long) callers[i]);
    }
}

/* Dispositions */

static void on_signal(int number)
{
    (void) number;
}

static const int numbers[] = { SIGHUP, SIGPIPE, SIGCHLD, SIGUSR1, 40, SIGWINCH, 64 };
enum { NUMBERS = sizeof numbers / sizeof *numbers };

static struct sigaction found[NUMBERS];

/* These are ignored, except SIGUSR1, which has a handler; returns what is
 * ignored. SIGCHLD is left alone unless asked for. */
static uint64_t set_dispositions(bool sigchld)
{
    uint64_t ignored = 0;
    for (int i = 0; i < NUMBERS; i++) {
        struct sigaction action = { .sa_handler = numbers[i] == SIGUSR1 ? on_signal : SIG_IGN };
        REQUIRE(sigaction(numbers[i], NULL, &found[i]) == 0);
        if (numbers[i] != SIGCHLD || sigchld) {
            REQUIRE(sigaction(numbers[i], &action, NULL) == 0);
            ignored |= action.sa_handler == SIG_IGN ? signal_bit(numbers[i]) : 0;
        }
    }
    return ignored;
}

static void restore_dispositions(void)
{
    for (int i = 0; i < NUMBERS; i++) {
        REQUIRE(sigaction(numbers[i], &found[i], NULL) == 0);
    }
}

static chld_spawn_options with_signals(uint32_t mode, uint64_t ignored)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.signals_mode = mode;
    options.ignored = ignored;
    return options;
}

TEST(what_the_caller_ignores_is_ignored_but_for_two)
{
    need_real_kernel();
    uint64_t ignored = set_dispositions(false);
    check_signals(with_signals(CHLD_SIGNALS_USUAL, some), 0, ignored & ~signal_bit(SIGPIPE));
    restore_dispositions();
}

TEST(all_that_the_caller_ignores_is_ignored_if_asked_for)
{
    need_real_kernel();
    uint64_t ignored = set_dispositions(false);
    CHECK(ignored & signal_bit(SIGPIPE));
    check_signals(with_signals(CHLD_SIGNALS_INHERIT, some), 0, ignored);
    restore_dispositions();
}

/* A caller that ignores SIGCHLD need not get the statuses of its children. */
TEST(sigchld_is_inherited_ignored_if_asked_for)
{
    need_real_kernel();
    static const uint32_t modes[] = { CHLD_SIGNALS_INHERIT, CHLD_SIGNALS_USUAL };
    for (int i = 0; i < 2; i++) {
        uint64_t ignored = set_dispositions(true);
        chld_spawn_options options = with_signals(modes[i], 0);
        chld_id id = STAY(&options);
        restore_dispositions();
        uint64_t want = i == 0 ? ignored : ignored & ~signal_bit(SIGPIPE) & ~signal_bit(SIGCHLD);
        CHECK_INT((long long) proc_signals(CALL(chld_pid(id)), "SigIgn"), (long long) want);
        LEAVE(id);
    }
}

TEST(exactly_what_is_asked_for_is_ignored)
{
    need_real_kernel();
    static const uint64_t sets[] = { 0, ~0ull };
    for (int callers = 0; callers < 2; callers++) {
        if (callers) {
            set_dispositions(false);
        }
        check_signals(with_signals(CHLD_SIGNALS_IGNORING, some), 0, some);
        for (int i = 0; i < 2; i++) {
            check_signals(with_signals(CHLD_SIGNALS_IGNORING, sets[i]), 0, sets[i] & ~never);
        }
        if (callers) {
            restore_dispositions();
        }
    }
}

/* On top of each mode, and nothing else changes. */
TEST(signals_can_be_reset_to_their_default)
{
    need_real_kernel();
    static const uint32_t modes[] = { CHLD_SIGNALS_INHERIT, CHLD_SIGNALS_USUAL,
                                      CHLD_SIGNALS_IGNORING };
    const uint64_t reset = signal_bit(SIGHUP) | signal_bit(64) | signal_bit(SIGUSR1)
                         | signal_bit(SIGURG) | never;
    uint64_t ignored = set_dispositions(false);
    for (int i = 0; i < 3; i++) {
        chld_spawn_options options = with_signals(modes[i], ignored);
        options.reset = reset;
        uint64_t gone = modes[i] == CHLD_SIGNALS_USUAL ? reset | signal_bit(SIGPIPE) : reset;
        check_signals(options, 0, ignored & ~gone);
        options.reset = ~0ull;
        check_signals(options, 0, 0);
    }
    restore_dispositions();
}

/* Sets in both forms */

TEST(a_signal_set_has_two_forms)
{
    sigset_t set, back;
    uint64_t bits = 1;
    sigemptyset(&set);
    CHECK_CALL(chld_sigset_decode(&set, &bits), 0);
    CHECK_INT((long long) bits, 0);
    for (int number = 1; number <= 64; number++) {
        if (sigemptyset(&set) != 0 || sigaddset(&set, number) != 0) {
            continue; /* one of libc's own */
        }
        CHECK_CALL(chld_sigset_decode(&set, &bits), 0);
        CHECK_INT((long long) bits, (long long) signal_bit(number));
        memset(&back, 0xff, sizeof back);
        CHECK_CALL(chld_sigset_encode(bits, &back), 0);
        for (int other = 1; other <= 64; other++) {
            CHECK_INT(sigismember(&back, other) == 1, other == number);
        }
    }
    CHECK_CALL(chld_sigset_encode(~0ull, &back), 0);
    CHECK_CALL(chld_sigset_decode(&back, &bits), 0);
    for (int own = 32; own < SIGRTMIN; own++) {
        bits |= signal_bit(own); /* libc's */
    }
    CHECK_INT((long long) bits, (long long) ~0ull);
    CHECK_CALL(chld_sigset_decode(NULL, &bits), -EINVAL);
    CHECK_CALL(chld_sigset_decode(&back, NULL), -EINVAL);
    CHECK_CALL(chld_sigset_encode(0, NULL), -EINVAL);
}

TEST(a_decoded_set_is_what_the_child_blocks)
{
    sigset_t set;
    uint64_t bits = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR2);
    CHECK_CALL(chld_sigset_decode(&set, &bits), 0);
    check_signals(with_mask(CHLD_MASK_BLOCKED, bits),
                  signal_bit(SIGTERM) | signal_bit(SIGUSR2), 0);
}

TEST(mask_and_dispositions_are_independent)
{
    need_real_kernel();
    chld_spawn_options options = with_signals(CHLD_SIGNALS_IGNORING, some);
    options.mask_mode = CHLD_MASK_BLOCKED;
    options.blocked = ~some;
    check_signals(options, ~some & ~never, some);
}

TEST(modes_that_do_not_exist_are_refused)
{
    static const uint32_t none[] = { 3, 0x80000000 };
    for (int i = 0; i < 2; i++) {
        chld_spawn_options options = with_mask(none[i], 0);
        CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_SIGNALS, 0);
        options = with_signals(none[i], 0);
        CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_SIGNALS, 0);
    }
}

/* One that is pending for the caller does not reach the child. */
TEST(a_pending_signal_of_the_caller_is_not_the_childs)
{
    uint64_t before = set_mask(signal_bit(SIGTERM));
    REQUIRE(raise(SIGTERM) == 0);
    CHECK_EXITED(RUN(ACT("exit", "5"), NULL), 5);
    struct sigaction old, ignore = { .sa_handler = SIG_IGN };
    REQUIRE(sigaction(SIGTERM, &ignore, &old) == 0); /* forgets it */
    REQUIRE(sigaction(SIGTERM, &old, NULL) == 0);
    set_mask(before);
}

/* The parent's death */

static chld_spawn_options dying_with_parent(int number)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.death_signal = number;
    return options;
}

struct mother {
    chld_spawn_options options;
    struct gate gate;
    atomic_bool may_die;
    chld_id child;
};

static void *start_and_die(void *argument)
{
    struct mother *mother = argument;
    mother->options.in.mode = CHLD_STDIO_FD;
    mother->options.in.fd = mother->gate.wait_end;
    mother->child = START(ARGV("/bin/cat"), &mother->options);
    while (!atomic_load(&mother->may_die)) {
        sched_yield();
    }
    return NULL;
}

static void check_death(chld_spawn_options options, int number)
{
    struct mother mother = { .options = options, .gate = gate_make() };
    pthread_t thread;
    atomic_store(&mother.may_die, !number);
    REQUIRE(pthread_create(&thread, NULL, start_and_die, &mother) == 0);
    atomic_store(&mother.may_die, true);
    REQUIRE(pthread_join(thread, NULL) == 0);
    if (number) {
        CHECK_STATUS(FINISH(mother.child), CHLD_STATE_KILLED, number);
        gate_open(&mother.gate);
    } else {
        CHECK_CALL(chld_wait(mother.child, 20, NULL), -ETIMEDOUT);
        gate_open(&mother.gate);
        CHECK_EXITED(FINISH(mother.child), 0);
    }
}

TEST(the_child_is_signalled_when_the_thread_that_started_it_dies)
{
    check_death(dying_with_parent(SIGUSR1), SIGUSR1);
    check_death(dying_with_parent(SIGKILL), SIGKILL);
    check_death(dying_with_parent(64), 64);
    check_death(dying_with_parent(0), 0);
}

/* A change of ids clears the signal, so it comes after. */
TEST(another_user_is_signalled_too)
{
    need_root();
    chld_spawn_options options = dying_with_parent(SIGTERM);
    options.flags = CHLD_SPAWN_UID | CHLD_SPAWN_GID | CHLD_SPAWN_NO_NEW_PRIVS;
    options.uid = options.gid = NOBODY;
    check_death(options, SIGTERM);
}

/* The one inherits the orphans of the other. */
TEST(the_child_is_signalled_when_the_process_that_started_it_dies)
{
    REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
    struct gate gate = gate_make();
    pid_t mother = fork();
    REQUIRE(mother >= 0);
    if (mother == 0) {
        chld_spawn_options options = dying_with_parent(SIGTERM);
        options.in.mode = CHLD_STDIO_FD;
        options.in.fd = gate.wait_end;
        START(ARGV("/bin/cat"), &options);
        _exit(0);
    }
    int status = -1;
    REQUIRE(waitpid(mother, &status, 0) == mother);
    CHECK_INT(status, 0);
    REQUIRE(waitpid(-1, &status, 0) > 1);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    gate_open(&gate);
    REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) == 0);
}

TEST(what_is_no_signal_is_refused)
{
    static const int none[] = { -1, 65, 0x7fffffff, -0x7fffffff - 1 };
    for (int i = 0; i < 4; i++) {
        chld_spawn_options options = dying_with_parent(none[i]);
        CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_DEATH_SIGNAL, 0);
    }
}

/* The first child is pid 1 there, and sees no parent. */

static void enter_pid_namespace(void)
{
    if (unshare(CLONE_NEWPID) != 0) {
        _exit(1);
    }
}

static void start_in_a_new_pid_namespace(void)
{
    enter_pid_namespace();
    chld_spawn_options options = dying_with_parent(SIGTERM);
    CHECK_EXITED(RUN(ARGV("/bin/true"), &options), 0);
}

TEST(the_parent_may_be_in_another_pid_namespace)
{
    if (in_copy(enter_pid_namespace) != 0) {
        SKIP_TEST("there are no new pid namespaces here");
    }
    IN_COPY(start_in_a_new_pid_namespace);
}
