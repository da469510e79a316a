/*
 * init.c - an init for containers reaps orphans, forwards signals, and ends as its command does.
 *
 * All that it reacts to is blocked and taken by sigwaitinfo(), so no handler
 * runs, and nothing is missed between two looks. Blocked signals reach pid 1
 * although the kernel drops those that it neither handles nor blocks.
 */
#define _GNU_SOURCE
#include <chld.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NO_INIT = 125, NOT_EXECUTABLE = 126, NOT_FOUND = 127 }; /* as timeout(1) has them */

static const int taken[] = {SIGCHLD, SIGTERM, SIGINT,  SIGHUP,  SIGQUIT,
                            SIGUSR1, SIGUSR2, SIGCONT, SIGTSTP, SIGWINCH};

static const char help[] =
    "usage: init [--subreaper] [--verbose] [--] command [argument ...]\n"
    "Runs the command, forwards signals to it, reaps orphans meanwhile, and exits\n"
    "with its exit code, or with 128 + n if signal n ended it.\n"
    "  --subreaper   adopt orphans though this is not pid 1\n"
    "  --verbose     say on stderr which orphans were reaped\n"
    "  --help        this text\n"
    "Exit codes of its own: 125 usage and internal errors, 126 the command cannot\n"
    "be executed, 127 it is not found.\n";

static int failed(const char *what, int code)
{
    fprintf(stderr, "init: %s\n", what);
    return code;
}

static int start(chld_id *child, char **argv)
{
    chld_error error;
    char text[256];
    if (chld_spawn(child, (const char *const *)argv, NULL, &error) == 0)
        return 0;
    if (chld_error_text(&error, text, sizeof text) < 0)
        return failed("chld_error_text", NO_INIT);
    if (error.step != CHLD_STEP_EXEC && error.step != CHLD_STEP_INTERPRETER)
        return failed(text, NO_INIT);
    int missing = error.step == CHLD_STEP_EXEC && error.code == ENOENT;
    return failed(text, missing ? NOT_FOUND : NOT_EXECUTABLE);
}

static void say_reaped(int pid, const chld_status *status, void *verbose)
{
    char text[128];
    if (*(int *)verbose && chld_status_text(status, text, sizeof text) > 0)
        fprintf(stderr, "init: orphan %d %s\n", pid, text);
}

/* The terminal has sent its keys' signals to the whole group, the command included. */
static int came_from_terminal(const siginfo_t *info)
{
    return info->si_code == SI_KERNEL && info->si_signo != SIGHUP && info->si_signo != SIGCONT;
}

/* A stopped job is stopped as a whole: a shell waits for init, not for the command. */
static void forward(chld_id child, const siginfo_t *info)
{
    if (!came_from_terminal(info)) {
        int result = chld_kill(child, info->si_signo);
        if (result < 0 && result != -ESRCH)
            failed(strerror(-result), 0);
    }
    if (info->si_signo == SIGTSTP)
        raise(SIGSTOP); /* the kernel ignores this in pid 1 */
}

static int serve(chld_id child, const sigset_t *signals, int verbose)
{
    siginfo_t info;
    chld_status status;
    int result = -ETIMEDOUT;
    while (result == -ETIMEDOUT) {
        int signal = sigwaitinfo(signals, &info);
        if (signal == SIGCHLD) {
            chld_reap_strangers(say_reaped, &verbose);
            result = chld_wait(child, 0, &status);
        } else if (signal > 0) {
            forward(child, &info);
        }
    }
    int code = result < 0 ? result : chld_status_shell_code(&status);
    return code < 0 ? failed(strerror(-code), NO_INIT) : code;
}

int main(int argc, char **argv)
{
    int subreaper = 0, verbose = 0, i = 1;
    for (; i < argc && argv[i][0] == '-' && strcmp(argv[i], "--"); i++) {
        if (!strcmp(argv[i], "--help"))
            return fputs(help, stdout) < 0 || fflush(stdout) != 0 ? NO_INIT : 0;
        int *flag = !strcmp(argv[i], "--subreaper") ? &subreaper
                    : !strcmp(argv[i], "--verbose") ? &verbose : NULL;
        if (!flag)
            return failed("unknown option; see --help", NO_INIT);
        *flag = 1;
    }
    i += i < argc && !strcmp(argv[i], "--");
    if (i == argc)
        return failed("no command; see --help", NO_INIT);
    if (subreaper && chld_subreaper(1) < 0)
        return failed("the system has no subreapers", NO_INIT);
    if (getpid() != 1 && !subreaper)
        failed("neither pid 1 nor --subreaper: orphans will go elsewhere", 0);

    sigset_t signals;
    sigemptyset(&signals);
    for (size_t n = 0; n < sizeof taken / sizeof *taken; n++)
        sigaddset(&signals, taken[n]);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) != 0)
        return failed("sigprocmask", NO_INIT);
    signal(SIGCHLD, SIG_DFL); /* ignored, it would leave nobody to reap */
    chld_id child;
    int code = start(&child, &argv[i]);
    return code != 0 ? code : serve(child, &signals, verbose);
}
