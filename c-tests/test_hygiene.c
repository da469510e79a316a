/* What a child gets of its parent, and what it does not. */
#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static void check_standard_three_only(const chld_spawn_options *options)
{
    struct probe seen = PROBE(options, "x");
    CHECK_INT(probe_count(&seen, "fd"), 3);
    for (int fd = 0; fd < 3; fd++) {
        CHECK_STR(probe_fd(&seen, fd), own_fd(fd));
    }
    probe_free(&seen);
}

/* Inheritable copies of stdin, so as to fill the table. */
static void open_some(int from, int to)
{
    for (int fd = from; fd <= to; fd++) {
        REQUIRE(fcntl(fd, F_GETFD) == -1 && dup2(0, fd) == fd);
    }
}

static void close_some(int from, int to)
{
    for (int fd = from; fd <= to; fd++) {
        close(fd);
    }
}

TEST(five_hundred_inheritable_descriptors_stay_here)
{
    open_some(200, 699);
    check_standard_three_only(NULL);
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.fds = (const chld_fd_map[]) { { 650, 650 }, { 0, 9 } };
    options.fds_count = 2;
    struct probe seen = PROBE(&options, "x");
    CHECK_INT(probe_count(&seen, "fd"), 5);
    CHECK(probe_fd(&seen, 650) != NULL && probe_fd(&seen, 9) != NULL);
    probe_free(&seen);
    close_some(200, 699);
}

TEST(descriptors_near_the_limit_stay_here)
{
    struct rlimit limit;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    int high = (int) limit.rlim_cur - 1;
    open_some(high - 3, high);
    check_standard_three_only(NULL);
    close_some(high - 3, high);
}

TEST(descriptors_above_a_lowered_limit_stay_here)
{
    struct rlimit before, low;
    open_some(500, 503);
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    low = before;
    low.rlim_cur = 150;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
    check_standard_three_only(NULL);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    close_some(500, 503);
}

TEST(inherit_fds_keeps_what_is_not_close_on_exec)
{
    open_some(200, 209);
    for (int fd = 205; fd <= 209; fd++) {
        REQUIRE(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0);
    }
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_INHERIT_FDS;
    struct probe seen = PROBE(&options, "x");
    CHECK_INT(probe_count(&seen, "fd"), 3 + 5);
    for (int fd = 200; fd <= 209; fd++) {
        CHECK((probe_fd(&seen, fd) != NULL) == (fd < 205));
    }
    probe_free(&seen);

    options.fds = (const chld_fd_map[]) { { 206, 206 }, { 207, 50 }, { 200, 201 }, { 201, 200 } };
    options.fds_count = 4;
    seen = PROBE(&options, "x");
    CHECK_INT(probe_count(&seen, "fd"), 3 + 7);
    CHECK(probe_fd(&seen, 206) && probe_fd(&seen, 50) && !probe_fd(&seen, 207));
    probe_free(&seen);
    close_some(200, 209);
}

TEST(inherit_fds_does_not_give_away_the_librarys_own)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_INHERIT_FDS;
    options.in.mode = options.out.mode = options.err.mode = CHLD_STDIO_PIPE;
    chld_id other = START(ACT("cat"), &options);
    struct probe seen = PROBE(&options, "x");
    const char *entry;
    for (int i = 0; (entry = probe_nth(&seen, "fd", i)); i++) {
        CHECK(atoi(entry) < 3 || (!strstr(entry, "pipe:") && !strstr(entry, "pidfd")));
    }
    probe_free(&seen);
    CHECK_CALL(chld_close_fd(other, CHLD_STDIN), 0);
    FINISH(other);
}

/* Signals */

static const uint64_t ways[] = { 0, CHLD_SPAWN_INHERIT_FDS };

static uint64_t bit(int signal)
{
    return 1ull << (signal - 1);
}

/* Runs the probe in the two ways in which children are made. */
static void check_signals(uint64_t mask, uint64_t ignored)
{
    for (size_t i = 0; i < 2; i++) {
        chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
        options.flags = ways[i];
        struct probe seen = PROBE(&options, "x");
        CHECK_INT((long long) strtoull(PROBED(&seen, "mask"), NULL, 16), (long long) mask);
        CHECK_INT((long long) strtoull(PROBED(&seen, "ignored"), NULL, 16), (long long) ignored);
        CHECK_STR(PROBED(&seen, "handled"), "0000000000000000");
        probe_free(&seen);
    }
}

static uint64_t set_mask(uint64_t mask)
{
    uint64_t old = 0;
    REQUIRE(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, &old, 8) == 0);
    return old;
}

TEST(the_child_has_an_empty_mask_though_all_is_blocked_here)
{
    uint64_t before = set_mask(~0ull);
    uint64_t blocked = set_mask(~0ull);
    check_signals(0, 0);
    CHECK_INT((long long) set_mask(before), (long long) blocked);
}

TEST(the_child_has_an_empty_mask_though_libcs_signals_are_blocked)
{
    uint64_t before = set_mask(bit(32) | bit(33) | bit(SIGUSR1));
    check_signals(0, 0);
    set_mask(before);
}

static void on_signal(int signal)
{
    (void) signal;
}

TEST(handlers_are_not_inherited)
{
    static const int numbers[] = { SIGHUP, SIGINT, SIGUSR1, SIGCHLD, SIGPIPE, SIGTERM, SIGXFSZ };
    struct sigaction old[7], action = { .sa_handler = on_signal };
    for (int i = 0; i < 7; i++) {
        REQUIRE(sigaction(numbers[i], &action, &old[i]) == 0);
    }
    check_signals(0, 0);
    for (int i = 0; i < 7; i++) {
        struct sigaction now;
        REQUIRE(sigaction(numbers[i], &old[i], &now) == 0);
        CHECK(now.sa_handler == on_signal);
    }
}

TEST(what_is_ignored_stays_ignored_but_for_two)
{
    struct sigaction old[65], action = { .sa_handler = SIG_IGN };
    uint64_t ignored = 0;
    for (int number = 1; number < 64; number++) { /* valgrind keeps 64 for itself */
        bool can_be = number != SIGKILL && number != SIGSTOP;
        if (can_be && sigaction(number, &action, &old[number]) == 0) {
            ignored |= bit(number);
        }
    }
    CHECK(ignored & bit(SIGHUP) && ignored & bit(SIGPIPE) && ignored & bit(SIGCHLD));
    signal(SIGCHLD, SIG_DFL); /* the statuses of the probes are wanted here */
    check_signals(0, ignored & ~bit(SIGPIPE) & ~bit(SIGCHLD));
    for (int number = 1; number < 64; number++) {
        if (ignored & bit(number)) {
            sigaction(number, &old[number], NULL);
        }
    }
}

TEST(sigpipe_and_sigchld_are_default_in_the_child)
{
    struct sigaction old_pipe, old_chld, action = { .sa_handler = SIG_IGN };
    for (size_t i = 0; i < 2; i++) {
        sigaction(SIGPIPE, &action, &old_pipe);
        sigaction(SIGCHLD, &action, &old_chld);
        chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
        options.flags = ways[i];
        options.out.mode = CHLD_STDIO_PIPE;
        /* Not through a shell, which sets SIGCHLD itself. */
        chld_id id = START(ARGV("grep", "SigIgn:", "/proc/self/status"), &options);
        char text[64];
        read_all(CALL(chld_stdout_fd(id)), text, sizeof text);
        CHECK_INT((long long) strtoull(text + strcspn(text, "\t"), NULL, 16), 0);
        CHECK_CALL(chld_wait(id, -1, NULL), 0);
        CHECK_CALL(chld_close(id), 0);
        sigaction(SIGPIPE, &old_pipe, NULL);
        sigaction(SIGCHLD, &old_chld, NULL);
    }
}
