/* The window and the echo of a child's pseudo-terminal, its end, and the terminal that a
 * shell takes back from its jobs. */
#include "look.h"
#include "terminals.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

static chld_spawn_options with_pty(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = options.out.mode = options.err.mode = CHLD_STDIO_PTY;
    return options;
}

/* Windows */

static void expect_window(uint16_t rows, uint16_t columns, const char *want)
{
    chld_spawn_options options = with_pty();
    options.rows = rows;
    options.columns = columns;
    chld_id id = START(ARGV("stty", "size"), &options);
    expect_end(CALL(chld_stdout_fd(id)), want);
    CHECK_EXITED(FINISH(id), 0);
}

static void set_window(int terminal, uint16_t rows, uint16_t columns)
{
    struct winsize size = { .ws_row = rows, .ws_col = columns };
    REQUIRE(ioctl(terminal, TIOCSWINSZ, &size) == 0);
}

static void no_terminal_on_the_standard_streams(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; fd++) {
        REQUIRE(!isatty(fd) || dup2(null, fd) == fd);
    }
    close(null);
}

static void without_a_terminal(void)
{
    REQUIRE(setsid() == getpid());
    no_terminal_on_the_standard_streams();
    expect_window(0, 0, "24 80\r\n");
    expect_window(50, 0, "50 80\r\n");
    expect_window(0, 132, "24 132\r\n");
}

TEST(a_window_has_24_rows_and_80_columns_where_the_caller_has_no_terminal)
{
    need_terminals();
    IN_COPY(without_a_terminal);
}

static void with_a_terminal(void)
{
    own_a_terminal();
    no_terminal_on_the_standard_streams();
    set_window(ours.slave, 50, 132);
    expect_window(0, 0, "50 132\r\n"); /* the controlling one */
    expect_window(10, 0, "10 132\r\n");
    expect_window(10, 20, "10 20\r\n");
    set_window(ours.slave, 0, 0);
    expect_window(0, 0, "24 80\r\n");
    for (int fd = 0; fd < 3; fd++) { /* that of a standard stream comes first */
        struct pair pair = open_pair();
        int saved = fcntl(fd, F_DUPFD_CLOEXEC, 10);
        set_window(pair.slave, 30, (uint16_t) (40 + fd));
        REQUIRE(dup2(pair.slave, fd) == fd);
        char want[32];
        snprintf(want, sizeof want, "30 %d\r\n", 40 + fd);
        expect_window(0, 0, want);
        REQUIRE(dup2(saved, fd) == fd);
        close(saved);
        close_pair(pair);
    }
}

TEST(a_window_is_as_large_as_that_of_the_callers_terminal)
{
    need_terminals();
    IN_COPY(with_a_terminal);
}

TEST(a_window_can_be_resized_and_the_foreground_gets_sigwinch)
{
    need_terminals();
    chld_spawn_options options = with_pty();
    const char *script = "trap 'stty size; exit 5' WINCH; echo ready; while :; do sleep 0.01; done";
    chld_id id = START(ARGV("sh", "-c", script), &options);
    expect_end(CALL(chld_stdout_fd(id)), "ready\r\n");
    CHECK_CALL(chld_pty_resize(id, 44, 111), 0);
    expect_end(CALL(chld_stdout_fd(id)), "44 111\r\n");
    CHECK_EXITED(FINISH(id), 5);
    CHECK_CALL(chld_pty_resize(id, 44, 111), -EBADF);
}

static void check_size(chld_id id, int stream, uint16_t rows)
{
    int (*const ends[])(chld_id) = { chld_stdin_fd, chld_stdout_fd, chld_stderr_fd };
    struct winsize size;
    CHECK_CALL(chld_pty_resize(id, rows, 7), 0);
    REQUIRE(ioctl(CALL(ends[stream](id)), TIOCGWINSZ, &size) == 0);
    CHECK_INT(size.ws_row, rows);
    CHECK_INT(size.ws_col, 7);
}

TEST(a_window_is_resized_by_whichever_end_the_caller_has)
{
    need_terminals();
    chld_spawn_options options = with_pty();
    options.in.mode = CHLD_STDIO_PIPE;
    chld_id id = START(ARGV("/bin/cat"), &options);
    check_size(id, CHLD_STDOUT, 5);
    CHECK_CALL(chld_close_fd(id, CHLD_STDOUT), 0);
    check_size(id, CHLD_STDERR, 6);
    int end = CALL(chld_take_fd(id, CHLD_STDERR));
    CHECK_CALL(chld_pty_resize(id, 8, 8), -ENOTTY);
    CHECK_CALL(chld_close_fd(id, CHLD_STDIN), 0);
    CHECK_EXITED(FINISH(id), 0);
    close(end);
}

TEST(what_has_no_terminal_is_not_resized)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = options.out.mode = CHLD_STDIO_PIPE;
    chld_id id = START(ACT("exit", "0"), &options);
    CHECK_CALL(chld_pty_resize(id, 24, 80), -ENOTTY);
    FINISH(id);
    CHECK_CALL(chld_pty_resize(CHLD_NONE, 24, 80), -EBADF);
}

/* Echo */

static void expect_all(uint64_t flags, const char *want)
{
    chld_spawn_options options = with_pty();
    options.flags = flags;
    chld_id id = START(ARGV("/bin/cat"), &options);
    char text[64] = "";
    size_t used = 0;
    ssize_t size;
    REQUIRE(write(CALL(chld_stdin_fd(id)), "secret\n\4", 8) == 8);
    while ((size = read(CALL(chld_stdout_fd(id)), text + used, sizeof text - 1 - used)) > 0) {
        used += (size_t) size;
    }
    CHECK(size < 0 && errno == EIO);
    CHECK_STR(text, want);
    CHECK_EXITED(FINISH(id), 0);
}

TEST(what_is_typed_is_echoed_unless_that_is_turned_off)
{
    need_terminals();
    expect_all(0, "secret\r\nsecret\r\n");
    expect_all(CHLD_SPAWN_PTY_NO_ECHO, "secret\r\n");
}

TEST(without_a_terminal_no_echo_is_needed)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_PTY_NO_ECHO;
    CHECK_EXITED(RUN(ACT("exit", "3"), &options), 3);
}

/* The end */

static int on_line(void *lines, const char *bytes, size_t size)
{
    int *count = lines;
    CHECK(*count == 0 ? size == 5 && memcmp(bytes, "one\r\n", 5) == 0
                      : size == 3 && memcmp(bytes, "two", 3) == 0);
    ++*count;
    return 0;
}

static void check_end(uint32_t flags)
{
    int lines = 0;
    chld_spawn_options spawn = with_pty();
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.flags = flags;
    options.out.mode = CHLD_SINK_LINES;
    options.out.callback = on_line;
    options.out.argument = &lines;
    options.timeout_ms = 15000;
    chld_capture_result result;
    CHECK_CALL(chld_run(ARGV("printf", "one\\ntwo"), &spawn, &options, &result, NULL), 0);
    CHECK_EXITED(result.status, 0);
    CHECK_INT(lines, 2);
    CHECK_INT((long long) result.out.kept, 8);
    CHECK_INT(result.out.error, 0);
    CHECK_INT(result.out.truncated, 0);
    CHECK_INT(result.timed_out, 0);
}

TEST(eio_is_the_end_of_a_stream_and_no_error)
{
    need_terminals();
    check_end(0);
    check_end(CHLD_CAPTURE_EOF);
}

TEST(a_set_takes_eio_for_the_end)
{
    need_terminals();
    chld_set set;
    chld_event event;
    chld_spawn_options spawn = with_pty();
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    options.flags = CHLD_CAPTURE_EOF;
    options.out.mode = CHLD_SINK_GROW;
    options.timeout_ms = 15000;
    CHECK_CALL(chld_set_open(0, &set), 0);
    CHECK_CALL(chld_set_run(set, ARGV("echo", "bye"), &spawn, &options, NULL, NULL), 0);
    CHECK_CALL(chld_set_wait(set, -1, &event), 0);
    CHECK_INT(event.kind, CHLD_EVENT_CAPTURED);
    CHECK_INT((long long) event.capture->out.kept, 5);
    CHECK_INT(event.capture->out.error, 0);
    CHECK_INT(event.capture->timed_out, 0);
    CHECK_CALL(chld_close(event.id), 0);
    CHECK_CALL(chld_set_close(set), 0);
}

static int give_forever(void *unused, char *buffer, size_t size)
{
    (void) unused;
    memset(buffer, '\n', size);
    return (int) size;
}

/* As for a pipe: nobody reads any more. */
TEST(a_terminal_that_the_child_has_closed_takes_no_input)
{
    need_terminals();
    chld_spawn_options spawn = CHLD_SPAWN_OPTIONS_INIT;
    chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT;
    spawn.in.mode = CHLD_STDIO_PTY;
    spawn.flags = CHLD_SPAWN_PTY_NO_ECHO;
    options.in.mode = CHLD_FEED_CALLBACK;
    options.in.callback = give_forever;
    options.timeout_ms = 15000;
    chld_capture_result result;
    const char *const *argv = ARGV("sh", "-c", "exec </dev/null; sleep 0.3; exit 4");
    CHECK_CALL(chld_run(argv, &spawn, &options, &result, NULL), 0);
    CHECK_EXITED(result.status, 4);
    CHECK_INT(result.feed_error, EPIPE);
}

/* Jobs: in a copy, which can begin a session. */

static struct termios modes;

/* A job of a group of its own that has the terminal, and has changed its modes. */
static chld_id start_job(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_FOREGROUND;
    options.group_mode = CHLD_GROUP_NEW;
    options.in = (chld_stdio) { .mode = CHLD_STDIO_FD, .fd = ours.slave };
    options.out = options.in;
    options.err = options.in;
    chld_id id = START(ARGV("sh", "-c", "stty -echo min 5; echo ready; exec cat"), &options);
    expect_end(ours.master, "ready\r\n");
    CHECK_INT(tcgetpgrp(ours.slave), CALL(chld_pid(id)));
    return id;
}

static struct termios modes_now(void)
{
    struct termios now;
    REQUIRE(tcgetattr(ours.slave, &now) == 0);
    return now;
}

static bool are_shells(struct termios now)
{
    return now.c_lflag == modes.c_lflag && now.c_cc[VMIN] == modes.c_cc[VMIN];
}

/* SIGTTOU would stop this process: nothing of it is blocked or ignored. */
static void control_a_job(void)
{
    chld_status status;
    own_a_terminal();
    REQUIRE(tcgetattr(ours.slave, &modes) == 0);
    chld_id id = start_job();
    REQUIRE(write(ours.master, "\32", 1) == 1); /* ^Z */
    CHECK_CALL(chld_wait_change(id, CHLD_WATCH_STOPPED, -1, &status), 0);
    CHECK_STATUS(status, CHLD_STATE_STOPPED, SIGTSTP);
    struct termios of_job = modes_now();
    CHECK(!are_shells(of_job));

    CHECK_CALL(chld_terminal_take(ours.slave, NULL), 0); /* not yet the modes */
    CHECK_INT(tcgetpgrp(ours.slave), getpgrp());
    CHECK(!are_shells(modes_now()));
    CHECK_CALL(chld_terminal_take(ours.slave, &modes), 0);
    CHECK_INT(tcgetpgrp(ours.slave), getpgrp());
    CHECK(are_shells(modes_now()));
    CHECK_INT((long long) proc_signals(getpid(), "SigBlk"), 0);

    /* As fg does it. */
    REQUIRE(tcsetattr(ours.slave, TCSANOW, &of_job) == 0);
    REQUIRE(tcsetpgrp(ours.slave, CALL(chld_pid(id))) == 0);
    CHECK_CALL(chld_kill_group(id, SIGCONT), 0);
    CHECK_CALL(chld_wait_change(id, CHLD_WATCH_CONTINUED, -1, &status), 0);
    REQUIRE(write(ours.master, "\3", 1) == 1); /* ^C */
    CHECK_STATUS(FINISH(id), CHLD_STATE_KILLED, SIGINT);
    CHECK(tcgetpgrp(ours.slave) != getpgrp());
    CHECK_CALL(chld_terminal_take(ours.slave, &modes), 0);
    CHECK_INT(tcgetpgrp(ours.slave), getpgrp());
    CHECK(are_shells(modes_now()));
}

TEST(the_terminal_is_taken_back_from_a_job_that_stops_or_exits)
{
    need_terminals();
    IN_COPY(control_a_job);
}

static void take_in_vain(void)
{
    int pipe_ends[2];
    struct pair other = open_pair();
    own_a_terminal();
    REQUIRE(pipe(pipe_ends) == 0 && tcgetattr(ours.slave, &modes) == 0);
    CHECK_CALL(chld_terminal_take(-1, &modes), -EBADF);
    CHECK_CALL(chld_terminal_take(9999, &modes), -EBADF);
    CHECK_CALL(chld_terminal_take(pipe_ends[0], &modes), -ENOTTY);
    CHECK_CALL(chld_terminal_take(other.slave, &modes), -ENOTTY);
    CHECK_CALL(chld_terminal_take(ours.slave, &modes), 0);
}

TEST(only_the_callers_own_terminal_is_taken)
{
    need_terminals();
    IN_COPY(take_in_vain);
}
