/* Pseudo-terminals, controlling terminals, the foreground group. */
#include "look.h"
#include "terminals.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static chld_spawn_options with_pty(bool in, bool out, bool err)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = in ? CHLD_STDIO_PTY : CHLD_STDIO_INHERIT;
    options.out.mode = out ? CHLD_STDIO_PTY : CHLD_STDIO_INHERIT;
    options.err.mode = err ? CHLD_STDIO_PTY : CHLD_STDIO_INHERIT;
    options.rows = 33;
    options.columns = 101;
    return options;
}

/* cat on a terminal: a line comes twice, from the echo and from cat. */
static chld_id start_cat(const chld_spawn_options *options)
{
    chld_id id = START(ARGV("/bin/cat"), options);
    REQUIRE(write(CALL(chld_stdin_fd(id)), "x\n", 2) == 2);
    expect_end(CALL(chld_stdout_fd(id)), "x\r\nx\r\n");
    return id;
}

static void end_cat(chld_id id)
{
    REQUIRE(write(CALL(chld_stdin_fd(id)), "\4", 1) == 1);
    CHECK_EXITED(FINISH(id), 0);
}

TEST(a_pty_is_on_all_streams_and_the_sessions_own)
{
    need_terminals();
    chld_spawn_options options = with_pty(true, true, true);
    chld_id id = start_cat(&options);
    int pid = CALL(chld_pid(id)), masters[3];
    struct stat terminal;
    masters[0] = CALL(chld_stdin_fd(id));
    masters[1] = CALL(chld_stdout_fd(id));
    masters[2] = CALL(chld_stderr_fd(id));
    CHECK(stat(proc_link(pid, "fd/0"), &terminal) == 0 && S_ISCHR(terminal.st_mode));
    CHECK_INT(proc_stat(pid, STAT_TERMINAL), (long long) terminal.st_rdev);
    CHECK_INT(proc_stat(pid, STAT_SESSION), pid);
    CHECK_INT(proc_stat(pid, STAT_GROUP), pid);
    CHECK_INT(proc_stat(pid, STAT_FOREGROUND), pid);
    for (int i = 0; i < 3; i++) {
        char link[8] = { 'f', 'd', '/', (char) ('0' + i) };
        CHECK_STR(proc_link(pid, link), ptsname(masters[i]));
        CHECK_INT(fcntl(masters[i], F_GETFD), FD_CLOEXEC);
        CHECK(!(fcntl(masters[i], F_GETFL) & O_NONBLOCK));
        CHECK(masters[i] > 2 && masters[i] != masters[(i + 1) % 3]);
    }
    end_cat(id);
}

static void expect_window(uint16_t rows, uint16_t columns, const char *want)
{
    chld_spawn_options options = with_pty(true, true, true);
    options.rows = rows;
    options.columns = columns;
    chld_id id = START(ARGV("stty", "size"), &options);
    expect_end(CALL(chld_stdout_fd(id)), want);
    CHECK_EXITED(FINISH(id), 0);
}

TEST(the_window_has_the_size_asked_for)
{
    need_terminals();
    expect_window(33, 101, "33 101\r\n");
    expect_window(1, 65535, "1 65535\r\n");
}

TEST(the_child_finds_its_terminal_by_both_names)
{
    need_terminals();
    chld_spawn_options options = with_pty(true, true, true);
    chld_id id = START(ARGV("/bin/sh", "-c", "tty && echo again >/dev/tty"), &options);
    char want[128];
    snprintf(want, sizeof want, "%s\r\nagain\r\n", ptsname(CALL(chld_stdout_fd(id))));
    expect_end(CALL(chld_stdout_fd(id)), want);
    CHECK_EXITED(FINISH(id), 0);
}

/* cat reads from elsewhere, so that all three streams stay as they were given. */
static void check_stream(int stream)
{
    int (*const ends[])(chld_id) = { chld_stdin_fd, chld_stdout_fd, chld_stderr_fd };
    chld_spawn_options options = with_pty(stream == 0, stream == 1, stream == 2);
    struct gate gate = gate_make();
    options.fds = (const chld_fd_map[]) { { gate.wait_end, 9 } };
    options.fds_count = 1;
    chld_id id = START(ARGV("/bin/cat", "/dev/fd/9"), &options);
    int pid = CALL(chld_pid(id));
    CHECK(proc_stat(pid, STAT_TERMINAL) != 0);
    CHECK_INT(proc_stat(pid, STAT_SESSION), pid);
    for (int other = 0; other < 3; other++) {
        char link[8] = { 'f', 'd', '/', (char) ('0' + other) };
        if (other == stream) {
            CHECK_STR(proc_link(pid, link), ptsname(CALL(ends[stream](id))));
        } else {
            CHECK_CALL(ends[other](id), -ENOENT);
            CHECK_STR(proc_link(pid, link), strchr(own_fd(other), ' ') + 1);
        }
    }
    gate_open(&gate);
    CHECK_EXITED(FINISH(id), 0);
}

TEST(a_pty_may_be_on_one_stream_only)
{
    need_terminals();
    for (int stream = 0; stream < 3; stream++) {
        check_stream(stream);
    }
}

TEST(reading_gives_eio_when_nobody_has_the_other_side)
{
    need_terminals();
    chld_spawn_options options = with_pty(true, true, true);
    chld_id id = START(ARGV("/bin/echo", "bye"), &options);
    int master = CALL(chld_stdout_fd(id));
    expect_end(master, "bye\r\n");
    char byte;
    errno = 0;
    CHECK_INT(read(master, &byte, 1), -1);
    CHECK_INT(errno, EIO);
    CHECK_EXITED(FINISH(id), 0);
}

TEST(keys_typed_at_the_master_are_signals)
{
    need_terminals();
    static const char *const keys[] = { "\3", "\34" };
    static const int signals[] = { SIGINT, SIGQUIT };
    for (int i = 0; i < 2; i++) {
        chld_spawn_options options = with_pty(true, true, true);
        options.limits = (const chld_limit[]) { { RLIMIT_CORE, 0, 0, 0 } };
        options.limits_count = 1;
        chld_id id = start_cat(&options);
        REQUIRE(write(CALL(chld_stdin_fd(id)), keys[i], 1) == 1);
        CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, signals[i]);
    }
}

TEST(closing_all_of_the_callers_ends_hangs_up)
{
    need_terminals();
    chld_spawn_options options = with_pty(true, true, true);
    chld_id id = start_cat(&options);
    CHECK_CALL(chld_close_fd(id, CHLD_STDIN), 0);
    CHECK_CALL(chld_close_fd(id, CHLD_STDOUT), 0);
    CHECK_CALL(chld_wait(id, 0, NULL), -ETIMEDOUT);
    CHECK_CALL(chld_close_fd(id, CHLD_STDERR), 0);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGHUP);
}

TEST(a_start_that_fails_leaves_no_terminal)
{
    need_terminals();
    chld_spawn_options options = with_pty(true, true, true);
    CHECK_FAILS(ARGV("/nonexistent"), &options, ENOENT, CHLD_STEP_EXEC, 0);
    options.group_mode = CHLD_GROUP_JOIN; /* a session is begun for it */
    options.group = getpgrp();
    CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_GROUP, 0);
}

static int most;

static void run_out_of_descriptors(void)
{
    struct rlimit limit = { (rlim_t) most, 1024 };
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    int before = fcntl(0, F_DUPFD, 0), after; /* how many are free */
    close(before);
    chld_spawn_options options = with_pty(false, true, true);
    CHECK_FAILS(ACT("exit", "0"), &options, EMFILE, CHLD_STEP_PTY, most < 5 ? 1 : 2);
    after = fcntl(0, F_DUPFD, 0);
    close(after);
    CHECK_INT(after, before);
}

TEST(a_pty_that_cannot_be_made_is_reported_with_its_stream)
{
    need_real_kernel();
    need_terminals();
    for (most = 3; most <= 5; most++) {
        IN_COPY(run_out_of_descriptors);
    }
}

/* A terminal of the caller's */

static chld_spawn_options on_terminal(int fd, uint64_t flags)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = flags;
    options.in.mode = options.out.mode = CHLD_STDIO_FD;
    options.in.fd = options.out.fd = fd;
    return options;
}

TEST(a_terminal_on_stdin_becomes_the_sessions_own)
{
    struct pair pair = open_pair();
    chld_spawn_options options =
        on_terminal(pair.slave, CHLD_SPAWN_SESSION | CHLD_SPAWN_TERMINAL);
    chld_id id = START(ARGV("/bin/cat"), &options);
    REQUIRE(write(pair.master, "x\n", 2) == 2);
    expect_end(pair.master, "x\r\nx\r\n");
    struct stat terminal;
    int pid = CALL(chld_pid(id));
    REQUIRE(fstat(pair.slave, &terminal) == 0);
    CHECK_INT(proc_stat(pid, STAT_TERMINAL), (long long) terminal.st_rdev);
    CHECK_INT(proc_stat(pid, STAT_FOREGROUND), pid);
    CHECK_CALL(chld_stdin_fd(id), -ENOENT);
    REQUIRE(write(pair.master, "\3", 1) == 1);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGINT);
    close_pair(pair);
}

TEST(without_being_asked_the_session_has_no_terminal)
{
    struct pair pair = open_pair();
    chld_spawn_options options = on_terminal(pair.slave, CHLD_SPAWN_SESSION);
    chld_id id = START(ARGV("/bin/cat"), &options);
    REQUIRE(write(pair.master, "x\n", 2) == 2);
    expect_end(pair.master, "x\r\nx\r\n");
    CHECK_INT(proc_stat(CALL(chld_pid(id)), STAT_TERMINAL), 0);
    REQUIRE(write(pair.master, "\4", 1) == 1);
    CHECK_EXITED(FINISH(id), 0);
    close_pair(pair);
}

TEST(a_terminal_needs_a_session_and_has_to_be_one)
{
    struct pair pair = open_pair();
    chld_spawn_options options = on_terminal(pair.slave, CHLD_SPAWN_TERMINAL);
    CHECK_FAILS(ACT("exit", "0"), &options, EINVAL, CHLD_STEP_TERMINAL, 0);
    close_pair(pair);
    options = (chld_spawn_options) CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_SESSION | CHLD_SPAWN_TERMINAL;
    options.in.mode = CHLD_STDIO_PIPE;
    CHECK_FAILS(ACT("exit", "0"), &options, ENOTTY, CHLD_STEP_TERMINAL, 0);
    options.in.mode = CHLD_STDIO_CLOSED;
    CHECK_FAILS(ACT("exit", "0"), &options, EBADF, CHLD_STEP_TERMINAL, 0);
}

/* Sessions with jobs: in a copy, which can begin one. */

static void give_away_our_terminal(void)
{
    const uint64_t flags = CHLD_SPAWN_SESSION | CHLD_SPAWN_TERMINAL;
    own_a_terminal();
    chld_spawn_options options = on_terminal(ours.slave, flags);
    CHECK_FAILS(ACT("exit", "0"), &options, EPERM, CHLD_STEP_TERMINAL, 0);
}

TEST(the_terminal_of_another_session_is_not_taken_away)
{
    need_terminals();
    IN_COPY(give_away_our_terminal);
}

static chld_spawn_options in_the_foreground(uint32_t group)
{
    chld_spawn_options options = on_terminal(ours.slave, CHLD_SPAWN_FOREGROUND);
    options.group_mode = group;
    return options;
}

static void start_a_job(void)
{
    chld_spawn_options options = in_the_foreground(CHLD_GROUP_NEW);
    chld_id id = START(ARGV("/bin/cat"), &options);
    int pid = CALL(chld_pid(id));
    CHECK_INT(proc_stat(pid, STAT_FOREGROUND), pid);
    CHECK_INT(proc_stat(pid, STAT_GROUP), pid);
    CHECK_INT(proc_stat(getpid(), STAT_FOREGROUND), pid);
    CHECK_INT((long long) proc_signals(pid, "SigBlk"), 0);
    REQUIRE(write(ours.master, "\3", 1) == 1);
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGINT);
}

static void start_a_job_from_the_foreground(void)
{
    own_a_terminal();
    start_a_job();
}

TEST(a_job_is_put_into_the_foreground)
{
    need_terminals();
    IN_COPY(start_a_job_from_the_foreground);
}

/* In the session of a terminal's owner, in a group that does not have it. */
static void in_the_background(void (*part)(void))
{
    own_a_terminal();
    pid_t background = fork();
    REQUIRE(background >= 0);
    if (background == 0) {
        arm_alarm();
        REQUIRE(setpgid(0, 0) == 0);
        CHECK(tcgetpgrp(ours.slave) != getpgrp());
        part();
        _exit(failures() != 0);
    }
    int status;
    REQUIRE(waitpid(background, &status, 0) == background);
    CHECK_INT(status, 0);
}

static void start_two_jobs(void)
{
    start_a_job();
    chld_spawn_options options = in_the_foreground(CHLD_GROUP_INHERIT);
    options.in.mode = options.out.mode = CHLD_STDIO_NULL;
    CHECK_EXITED(RUN(ACT("exit", "5"), &options), 5);
    CHECK_INT(proc_stat(getpid(), STAT_FOREGROUND), getpgrp());
}

/* Were the child in the background when it asks, SIGTTOU would stop it. */
static void start_a_job_from_the_background(void)
{
    in_the_background(start_two_jobs);
}

TEST(a_job_is_put_into_the_foreground_from_the_background)
{
    need_terminals();
    IN_COPY(start_a_job_from_the_background);
}

/* Who had the terminal has it again after a start that fails, at whichever step. */

static void fail_in_the_foreground(uint32_t group)
{
    pid_t before = tcgetpgrp(ours.slave);
    chld_spawn_options options = in_the_foreground(group);
    CHECK_FAILS(ARGV("/no/such/program"), &options, ENOENT, CHLD_STEP_EXEC, 0);
    CHECK_INT(tcgetpgrp(ours.slave), before);
    /* Even if no descriptor can be opened then. valgrind keeps some for itself. */
    options.cwd = "/nowhere";
    options.limits = (const chld_limit[]) { { RLIMIT_NOFILE, 0, 0, 0 } };
    options.limits_count = under_valgrind() ? 0 : 1;
    CHECK_FAILS(ACT("exit", "0"), &options, ENOENT, CHLD_STEP_CHDIR, 0);
    CHECK_INT(tcgetpgrp(ours.slave), before);
}

static void fail_in_both_groups(void)
{
    fail_in_the_foreground(CHLD_GROUP_NEW);
    fail_in_the_foreground(CHLD_GROUP_INHERIT);
}

static void fail_from_the_foreground(void)
{
    own_a_terminal();
    fail_in_both_groups();
    CHECK_INT(tcgetpgrp(ours.slave), getpgrp());
}

static void fail_from_the_background(void)
{
    in_the_background(fail_in_both_groups);
    CHECK_INT(tcgetpgrp(ours.slave), getpgrp());
}

TEST(a_start_that_fails_gives_the_terminal_back)
{
    need_terminals();
    IN_COPY(fail_from_the_foreground);
    IN_COPY(fail_from_the_background);
}

static void ask_without_a_terminal(void)
{
    REQUIRE(setsid() == getpid());
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_FOREGROUND;
    CHECK_FAILS(ACT("exit", "0"), &options, ENXIO, CHLD_STEP_FOREGROUND, 0);
}

TEST(without_a_terminal_there_is_no_foreground)
{
    IN_COPY(ask_without_a_terminal);
}
