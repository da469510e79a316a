/* Whose a stream, a child or a terminal is, while system calls fail. */
#define _GNU_SOURCE
#include "faults.h"

#include "faults_errno.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define ARGV(...) ((const char *[]){ child_program, __VA_ARGS__, NULL })

static void take_fd(void)
{
    chld_id id = start_gated();
    window_open();
    int fd = chld_take_fd(id, CHLD_STDIN);
    struct seen seen = window_close();
    if (judge("chld_take_fd", fd, &seen)) {
        require(close(fd) == 0, "the descriptor is not the caller's");
    } else {
        open_gate(id);
    }
    finish(id, CHLD_STATE_EXITED, 42);
}

static void find(void)
{
    chld_id id = start_gated(), found = CHLD_NONE;
    int pid = chld_pid(id);
    window_open();
    int result = chld_find(pid, &found);
    struct seen seen = window_close();
    bool worked = judge("chld_find", result, &seen);
    require(found == (worked ? id : CHLD_NONE), "another handle was found");
    open_gate(id);
    finish(id, CHLD_STATE_EXITED, 42);
}

static void release_child(void)
{
    chld_id id = start_gated();
    int pid = 0, word = 0;
    window_open();
    int result = chld_release(id, &pid);
    struct seen seen = window_close();
    if (judge("chld_release", result, &seen)) { /* its stdin is closed */
        require(pid > 1 && waitpid(pid, &word, 0) == pid, "it is not there to be reaped");
        require(WIFEXITED(word) && WEXITSTATUS(word) == 42, "another status");
        require(chld_close(id) == -EBADF, "its handle is valid");
        return;
    }
    require(pid == 0, "a pid of what was not released");
    open_gate(id);
    finish(id, CHLD_STATE_EXITED, 42);
}

/* It stays by itself: closing its stdin would end it. */
static void kill_on_close(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.flags = CHLD_SPAWN_KILL_ON_CLOSE;
    options.in.mode = CHLD_STDIO_PIPE;
    chld_id id = start(ARGV("gate", "exit=42"), &options);
    int pid = chld_pid(id), held = chld_take_fd(id, CHLD_STDIN);
    siginfo_t info;
    require(pid > 1 && held > 2, "chld_take_fd");
    window_open();
    int closed = chld_close(id);
    struct seen seen = window_close();
    if (!judge("chld_close", closed, &seen)) {
        require(chld_close(id) == 0, "chld_close without a fault");
    } else if (seen.error != 0) {
        kill(pid, SIGKILL); /* it may be the signal that has failed */
    }
    /* With the end of its stdin it would exit with 42. */
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
    }
    require(errno == ECHILD || info.si_code == CLD_KILLED, "it was not killed");
    close(held);
    state_require_reaped();
}

static void need_terminals(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || unlockpt(master) != 0) {
        skip("there are no pseudo-terminals here");
    }
    close(master);
}

static void resize(void)
{
    need_terminals();
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = CHLD_STDIO_PIPE;
    options.out.mode = CHLD_STDIO_PTY;
    chld_id id = start(ARGV("gate", "exit=42"), &options);
    window_open();
    int result = chld_pty_resize(id, 33, 44);
    struct seen seen = window_close();
    struct winsize size;
    require(ioctl(chld_stdout_fd(id), TIOCGWINSZ, &size) == 0, "TIOCGWINSZ");
    bool worked = judge("chld_pty_resize", result, &seen);
    require((size.ws_row == 33 && size.ws_col == 44) == worked, "the window's size");
    open_gate(id);
    finish(id, CHLD_STATE_EXITED, 42);
}

/* In a session of its own, after which nothing is as it was. */
static void take_terminal(void)
{
    need_terminals();
    if (setsid() < 0) {
        skip("this process leads a group");
    }
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    require(master > 2 && unlockpt(master) == 0, "posix_openpt");
    int terminal = open(ptsname(master), O_RDWR | O_CLOEXEC); /* becomes the session's */
    struct termios modes, now;
    require(terminal > 2 && tcgetattr(terminal, &modes) == 0, "a terminal of our own");
    now = modes;
    now.c_lflag ^= ECHO;
    require(tcsetattr(terminal, TCSANOW, &now) == 0, "tcsetattr");
    window_open();
    int result = chld_terminal_take(terminal, &modes);
    struct seen seen = window_close();
    bool worked = judge("chld_terminal_take", result, &seen);
    require(tcgetattr(terminal, &now) == 0, "tcgetattr");
    require((now.c_lflag == modes.c_lflag) == worked, "the modes");
    _exit(0);
}

/* Whatever fails in a start, a copy of this process closes what is open of it, and
 * nothing else. */
static void after_fork(void)
{
    static struct state before;
    static const char *const argv[] = { child_program, "gate", "exit=42", NULL };
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = options.out.mode = CHLD_STDIO_PIPE;
    struct want want = { .argv = argv, .options = &options, .code = 42 };
    chld_error error = { 0 };
    chld_id id = CHLD_NONE;
    int word = -1;
    state_take(&before);
    window_open();
    int result = chld_spawn(&id, argv, &options, &error);
    struct seen seen = window_close();
    bool worked = judge_start(&want, result, &error, &seen);
    pid_t copy = fork();
    if (copy == 0) {
        require(chld_after_fork() == 0, "chld_after_fork");
        state_require(&before, "in the copy");
        _exit(0);
    }
    require(copy > 0 && waitpid(copy, &word, 0) == copy, "fork");
    require(word == 0, "the copy has failed");
    if (worked) {
        open_gate(id);
        finish(id, CHLD_STATE_EXITED, 42);
    }
}

/* Where it cannot be had, it is refused, whatever fails. */
static void private_child(void)
{
    static const char *const argv[] = { child_program, "exit=42", NULL };
    static const uint64_t flags[] = { CHLD_SPAWN_PRIVATE,
                                      CHLD_SPAWN_KILL_ON_DEATH | CHLD_SPAWN_NO_NEW_PRIVS };
    for (int i = 0; i < 2; i++) {
        chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
        options.flags = flags[i];
        struct want want = { .argv = argv, .options = &options, .code = 42 };
        if (chld_supports(flags[i]) != 0) {
            want.refused.step = CHLD_STEP_CLONE;
            want.refused.error = ENOSYS;
        }
        check_start(&want);
    }
}

static const struct scenario scenarios[] = {
    { "take_fd", take_fd },
    { "find", find },
    { "release", release_child },
    { "kill_on_close", kill_on_close },
    { "private", private_child },
    { "resize", resize },
    { "take_terminal", take_terminal },
    { "after_fork", after_fork },
};

int main(int argc, char **argv)
{
    return frame(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}
