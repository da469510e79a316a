/*
 * init.c - an init for containers reaps orphans, forwards signals, and ends as its command does.
 *
 * All that it reacts to is blocked and taken by sigtimedwait(), so no handler
 * runs, and nothing is missed between two looks. Blocked signals reach pid 1
 * although the kernel drops those that it neither handles nor blocks. The manual
 * is examples/man/chld-init.1.
 */
#define _GNU_SOURCE
#include "tool.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    int group, subreaper, verbose;
} wanted;

static struct tool_job job = {.terminal = -1};

static const char help[] =
    "Usage: chld-init [OPTION]... COMMAND [ARGUMENT]...\n"
    "Runs COMMAND, forwards signals to it, reaps orphans meanwhile, and exits with its\n"
    "exit code, or with 128 + n if signal n ended it.\n\n"
    "  -g, --group      forward signals to the command's group\n"
    "  -s, --subreaper  adopt orphans though this is not pid 1\n"
    "  -v, --verbose    say on stderr who was reaped, and how it had ended\n"
    "      --help       show this text\n"
    "      --version    show the version\n\n"
    "Exits with 125 if it fails itself, 126 if COMMAND cannot be run, 127 if it is not\n"
    "found.\n";

static void read_options(int argc, char **argv)
{
    static const struct option options[] = {{"group", no_argument, NULL, 'g'},
                                            {"subreaper", no_argument, NULL, 's'},
                                            {"verbose", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'V'},
                                            {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "+gsv", options, NULL)) != -1) {
        switch (option) {
        case 'g': wanted.group = 1; break;
        case 's': wanted.subreaper = 1; break;
        case 'v': wanted.verbose = 1; break;
        case 'h': tool_help(help);
        case 'V': tool_version();
        default: tool_usage();
        }
    }
    if (optind == argc)
        tool_give_up("a command is needed; see --help");
}

/* The terminal is the command's from the start: there is nobody here but it to use it. */
static void start(char **argv)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    chld_error error;
    job.terminal = tool_our_terminal();
    job.borrows = job.has_it = job.terminal >= 0;
    options.flags = CHLD_SPAWN_INHERIT_FDS | (job.has_it ? CHLD_SPAWN_FOREGROUND : 0);
    options.group_mode = CHLD_GROUP_NEW;
    options.signals_mode = CHLD_SIGNALS_INHERIT;
    if (chld_spawn(&job.child, (const char *const *)argv, &options, &error) == 0)
        return;
    int code = tool_not_started(&error);
    tool_job_ended(&job, NULL);
    exit(code);
}

static void say_reaped(int pid, const chld_status *status, void *unused)
{
    char text[128];
    (void)unused;
    if (wanted.verbose && chld_status_text(status, text, sizeof text) > 0)
        tool_say("orphan %d %s", pid, text);
}

static void forward(int signal)
{
    if (signal == SIGCONT) {
        tool_job_continue(&job);
        return;
    }
    job.stop_asked |= signal == SIGTSTP;
    int result = (wanted.group ? chld_kill_group : chld_kill)(job.child, signal);
    if (result < 0 && result != -ESRCH)
        tool_say("cannot forward SIG%s: %s", tool_signal_name(signal), strerror(-result));
}

static void serve(const sigset_t *taken, chld_status *status)
{
    siginfo_t info;
    for (;;) {
        int signal = tool_next_signal(taken, 0, &info);
        if (signal != SIGCHLD) {
            forward(signal);
            continue;
        }
        chld_reap_foreign(say_reaped, NULL);
        if (chld_wait_change(job.child, CHLD_WATCH_STOPPED, 0, status) < 0)
            continue;
        if (status->state != CHLD_STATE_STOPPED)
            return;
        tool_job_stopped(&job, status->code);
    }
}

int main(int argc, char **argv)
{
    static const int taken_here[] = {SIGCHLD, SIGTERM, SIGINT,  SIGHUP,  SIGQUIT,
                                     SIGUSR1, SIGUSR2, SIGCONT, SIGTSTP, SIGWINCH};
    chld_status status;
    char text[128];
    read_options(argc, argv);
    if (wanted.subreaper && chld_subreaper(1) < 0)
        tool_give_up("the system has no subreapers");
    if (getpid() != 1 && !wanted.subreaper)
        tool_say("neither pid 1 nor --subreaper: orphans will go elsewhere");
    sigset_t taken = tool_take_signals(taken_here, sizeof taken_here / sizeof *taken_here);
    start(argv + optind);
    serve(&taken, &status);
    tool_job_ended(&job, &status);
    if (wanted.verbose && chld_status_text(&status, text, sizeof text) > 0)
        tool_say("command %s", text);
    int code = chld_status_shell_code(&status);
    return code < 0 ? TOOL_FAILED : code;
}
