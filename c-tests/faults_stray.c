/* Children whose end the library does not see in the usual way: let go of while
 * they run, reaped by somebody else, or started before a fork. */
#define _GNU_SOURCE
#include "faults.h"

#include "faults_errno.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* A running child is let go; the frame sees to it that nothing of it stays. */
static void close_running(void)
{
    int ends[2];
    require(pipe(ends) == 0, "pipe");
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = CHLD_STDIO_FD;
    options.in.fd = ends[0];
    options.out.mode = CHLD_STDIO_PIPE;
    chld_id id = start((const char *[]){ child_program, "gate", NULL }, &options);
    int out = chld_stdout_fd(id);
    window_open();
    int closed = chld_close(id);
    window_close();
    require(closed == 0, "chld_close returned -%s", errno_name(-closed));
    require(chld_stdout_fd(id) == -EBADF && chld_close(id) == -EBADF, "the handle is still good");
    require(close(out) != 0, "its pipe is still open");
    close(ends[0]);
    close(ends[1]);
}

/* Children that were let go while they ran have ended, and a later call reaps
 * them under faults. */
static void sweep(void)
{
    int ends[2];
    require(pipe(ends) == 0, "pipe");
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    options.in.mode = CHLD_STDIO_FD;
    options.in.fd = ends[0];
    pid_t pids[3];
    for (int i = 0; i < 3; i++) {
        chld_id id = start((const char *[]){ child_program, "gate", NULL }, &options);
        pids[i] = chld_pid(id);
        require(chld_close(id) == 0, "chld_close");
    }
    chld_id id = start_gated();
    close(ends[0]);
    close(ends[1]);
    for (int i = 0; i < 3; i++) {
        await_zombie(pids[i]);
    }
    try_in_vain(id, 0);
    try_in_vain(id, 0);
    open_gate(id);
    finish(id, CHLD_STATE_EXITED, 42);
}

static void require_true_or_lost(chld_id id, const chld_status *status)
{
    if (status->state != CHLD_STATE_LOST) {
        require_status(status, CHLD_STATE_EXITED, 42);
    }
    int killed = chld_kill(id, SIGTERM);
    require(killed == -ESRCH, "chld_kill returned -%s", errno_name(-killed));
    require(chld_close(id) == 0, "chld_close");
}

/* A start that fails and one that does not, where others may reap the child. */
static void start_among_thieves(void)
{
    chld_status status = { 0 };
    chld_error error = { 0 };
    chld_id id = CHLD_NONE;
    struct want missing = { .argv = (const char *[]){ "/nonexistent/program", NULL } };
    missing.refused.step = CHLD_STEP_EXEC;
    missing.refused.error = ENOENT;
    struct want want = { .argv = (const char *[]){ child_program, "exit=42", NULL } };
    window_open();
    int result = chld_spawn(&id, missing.argv, NULL, &error);
    struct seen seen = window_close();
    judge_start(&missing, result, &error, &seen);
    window_open();
    result = chld_spawn(&id, want.argv, NULL, &error);
    seen = window_close();
    if (!judge_start(&want, result, &error, &seen)) {
        id = start(want.argv, NULL);
    }
    if (!try_wait(id, -1, &status)) {
        require(chld_wait(id, -1, &status) == 0, "chld_wait without a fault");
    }
    require_true_or_lost(id, &status);
}

/* Somebody else reaps the child: the true status or none, never another. */
static void stolen(void)
{
    chld_status status = { 0 };
    chld_id id = start((const char *[]){ child_program, "exit=42", NULL }, NULL);
    pid_t pid = chld_pid(id);
    require(pid > 1 && waitpid(pid, NULL, 0) == pid, "waitpid");
    if (!try_wait(id, -1, &status)) {
        require(chld_wait(id, -1, &status) == 0, "chld_wait without a fault");
    }
    require_true_or_lost(id, &status);
}

/* The program ignores SIGCHLD, so the kernel itself reaps. */
static void ignored(void)
{
    signal(SIGCHLD, SIG_IGN);
    start_among_thieves();
    signal(SIGCHLD, SIG_DFL);
}

static void reap_everything(int number)
{
    int kept = errno;
    (void)number;
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
    errno = kept;
}

/* The program has a handler that reaps whatever there is. */
static void reaped_by_handler(void)
{
    struct sigaction action = { .sa_handler = reap_everything, .sa_flags = SA_RESTART };
    sigaction(SIGCHLD, &action, NULL);
    start_among_thieves();
    signal(SIGCHLD, SIG_DFL);
}

/* In a forked copy the handles are stale, whatever the kernel did not do. */
static void forked(void)
{
    chld_id id = CHLD_NONE;
    const char *const argv[] = { child_program, "exit=42", NULL };
    chld_error error = { 0 };
    window_open();
    int result = chld_spawn(&id, argv, NULL, &error);
    struct seen seen = window_close();
    struct want want = { .argv = argv, .code = 42 };
    if (!judge_start(&want, result, &error, &seen)) {
        id = start(argv, NULL);
    }
    pid_t copy = fork();
    if (copy == 0) {
        _exit(chld_pid(id) == -EBADF && chld_close(id) == -EBADF ? 0 : 1);
    }
    int word = 0;
    require(copy > 0 && waitpid(copy, &word, 0) == copy, "fork");
    require(word == 0, "the handle is good in a forked copy");
    finish(id, CHLD_STATE_EXITED, 42);
}

static const struct scenario scenarios[] = {
    { "close_running", close_running },
    { "sweep", sweep },
    { "stolen", stolen },
    { "ignored", ignored },
    { "reaped_by_handler", reaped_by_handler },
    { "forked", forked },
};

int main(int argc, char **argv)
{
    return frame(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}
