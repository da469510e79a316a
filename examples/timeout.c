/*
 * timeout.c - runs a command with a time limit, as timeout(1) of GNU does.
 *
 * The command is started in a group of its own, so that a signal reaches it with
 * its descendants and nobody else: not this process, nor the other end of a pipe.
 * Its end, the limit and the signals that are passed on are awaited by one
 * sigtimedwait(). The manual is examples/man/chld-timeout.1.
 */
#define _GNU_SOURCE
#include "tool.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TIMED_OUT = 124, KILLED = 137 };

/* How often is looked whether descendants are left. */
static const double LOOK_AGAIN = 0.05;

static struct {
    int signal, preserve, foreground, verbose;
    double limit, kill_after;
    const char **command;
} wanted = {.signal = SIGTERM};

static struct tool_job job = {.terminal = -1};
static int signalled, timed_out;
static double until; /* the next step is due; 0: there is none */

static const char help[] =
    "Usage: chld-timeout [OPTION]... DURATION COMMAND [ARGUMENT]...\n"
    "Runs COMMAND, and ends it if it still runs after DURATION.\n\n"
    "  -f, --foreground           leave the command in this process group, and signal\n"
    "                             it alone\n"
    "  -k, --kill-after=DURATION  send KILL to what is left so long after the signal\n"
    "  -p, --preserve-status      end as the command does, also at the limit\n"
    "  -s, --signal=SIGNAL        the signal to send at the limit; TERM by default\n"
    "  -v, --verbose              say which signal is sent\n"
    "      --help                 show this text\n"
    "      --version              show the version\n\n"
    "DURATION is a number, with a fraction if need be, and a unit: s, m, h or d; s by\n"
    "default. 0 is no limit.\n\n"
    "Exits with 124 at the limit, 125 if it fails itself, 126 if COMMAND cannot be\n"
    "run, 127 if it is not found, 137 if KILL ended it; else as COMMAND does.\n";

static void read_options(int argc, char **argv)
{
    static const struct option options[] = {
        {"foreground", no_argument, NULL, 'f'},
        {"kill-after", required_argument, NULL, 'k'},
        {"preserve-status", no_argument, NULL, 'p'},
        {"signal", required_argument, NULL, 's'},
        {"verbose", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "+fk:ps:v", options, NULL)) != -1) {
        switch (option) {
        case 'f': wanted.foreground = 1; break;
        case 'k': wanted.kill_after = tool_limit(optarg); break;
        case 'p': wanted.preserve = 1; break;
        case 's': wanted.signal = tool_signal(optarg); break;
        case 'v': wanted.verbose = 1; break;
        case 'h': tool_help(help);
        case 'V': tool_version();
        default: tool_usage();
        }
    }
    if (argc - optind < 2)
        tool_give_up("a duration and a command are needed; see --help");
    wanted.limit = tool_limit(argv[optind]);
    wanted.command = (const char **)argv + optind + 1;
}

static void start(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    chld_error error;
    options.group_mode = wanted.foreground ? CHLD_GROUP_INHERIT : CHLD_GROUP_NEW;
    options.death_signal = wanted.signal; /* if this process is killed */
    /* For the command it shall be as if nobody stood between. */
    options.flags = CHLD_SPAWN_INHERIT_FDS;
    options.signals_mode = CHLD_SIGNALS_INHERIT;
    if (chld_spawn(&job.child, wanted.command, &options, &error) < 0)
        exit(tool_not_started(&error));
}

static void send(int signal)
{
    if (wanted.verbose)
        tool_say("sending signal %s to command '%s'", tool_signal_name(signal), wanted.command[0]);
    int (*to)(chld_id, int) = wanted.foreground ? chld_kill : chld_kill_group;
    to(job.child, signal);
    if (signal != SIGKILL && signal != SIGCONT)
        to(job.child, SIGCONT); /* a stopped command shall act on it */
}

/* From now on there is so much time until SIGKILL. */
static void signal_and_wait(int signal)
{
    send(signal);
    signalled = 1;
    until = wanted.kill_after > 0 ? tool_now() + wanted.kill_after : 0;
}

/* Whether the terminal sent it to the whole group at the stroke of a key. */
static int is_from_keys(const siginfo_t *info)
{
    return info->si_code == SI_KERNEL && info->si_signo != SIGHUP && info->si_signo != SIGCONT;
}

static void forward(const siginfo_t *info)
{
    int signal = info->si_signo;
    if (wanted.foreground && is_from_keys(info))
        return; /* the command has had it as well */
    if (signal == SIGCONT) {
        tool_job_continue(&job);
    } else if (signal == SIGTSTP) {
        job.stop_asked = 1;
        chld_kill_group(job.child, SIGTSTP);
    } else if (signal == SIGUSR1 || signal == SIGUSR2 || signal == SIGWINCH || signalled) {
        send(signal);
    } else {
        signal_and_wait(signal);
    }
}

/* SIGCONT does nothing to those who run, and the call says how many there are. */
static int has_descendants(void)
{
    uint32_t left;
    return chld_kill_tree(job.child, SIGCONT, &left) == 0 && left > 0;
}

/* Whether all is over: the command has ended, and with --kill-after also what it
 * left behind in its group. */
static int is_over(chld_status *status)
{
    if (signalled && until > 0 && !wanted.foreground)
        return tool_has_ended(job.child) && !has_descendants() && chld_wait(job.child, 0, status) == 0;
    if (chld_wait_change(job.child, CHLD_WATCH_STOPPED, 0, status) < 0)
        return 0;
    if (status->state != CHLD_STATE_STOPPED)
        return 1;
    if (!wanted.foreground)
        tool_job_stopped(&job, status->code);
    return 0;
}

static void take_step(void)
{
    if (signalled) {
        send(SIGKILL);
        until = 0;
    } else {
        timed_out = 1;
        signal_and_wait(wanted.signal);
    }
}

static void serve(const sigset_t *taken, chld_status *status)
{
    siginfo_t info;
    until = wanted.limit > 0 ? tool_now() + wanted.limit : 0;
    while (!is_over(status)) {
        double wake = until;
        if (signalled && until > tool_now() + LOOK_AGAIN && tool_has_ended(job.child))
            wake = tool_now() + LOOK_AGAIN;
        int signal = tool_next_signal(taken, wake, &info);
        if (signal > 0 && signal != SIGCHLD)
            forward(&info);
        else if (until > 0 && tool_ms_left(until) == 0)
            take_step();
    }
}

int main(int argc, char **argv)
{
    static const int taken_here[] = {SIGCHLD, SIGHUP,  SIGINT,  SIGQUIT,  SIGTERM,
                                     SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH, SIGTSTP};
    chld_status status;
    read_options(argc, argv);
    /* In the group of the command, the terminal stops us when it does the command. */
    size_t count = sizeof taken_here / sizeof *taken_here - (wanted.foreground ? 1 : 0);
    sigset_t taken = tool_take_signals(taken_here, count);
    signal(SIGTTIN, SIG_DFL); /* the command's, which would get EIO instead */
    signal(SIGTTOU, SIG_DFL);
    start();
    serve(&taken, &status);
    tool_job_ended(&job, signalled ? NULL : &status);
    if (timed_out && !wanted.preserve) {
        int killed = status.state == CHLD_STATE_KILLED && status.code == SIGKILL;
        return killed ? KILLED : TIMED_OUT;
    }
    if (status.state == CHLD_STATE_EXITED)
        return status.code;
    chld_status_raise(&status);
    tool_give_up("nobody can tell how the command ended");
}
