/*
 * timeout.c - runs a command with a time limit, as timeout(1) of GNU does.
 *
 * timeout [-s SIGNAL] [-k DURATION] [--preserve-status] [--foreground] [-v]
 *         DURATION COMMAND [ARGUMENT]...
 *
 * Exits with the command's own code; with 124 if the limit was reached, 125 if
 * timeout itself failed, 126 and 127 if the command could not be run or found,
 * and 137 if SIGKILL had to be sent. Without --foreground the command runs in a
 * group of its own, with this process, and the whole group gets the signals.
 */
#define _GNU_SOURCE
#include <chld.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TIMED_OUT = 124, FAILED = 125, CANNOT_RUN = 126, NOT_FOUND = 127, KILLED = 137 };

static struct {
    int signal, preserve, foreground, verbose;
    double limit, kill_after;
    const char **command;
} wanted = {.signal = SIGTERM};

static volatile sig_atomic_t received;
static int wake[2];

static void on_signal(int signal)
{
    int before = errno;
    received = signal;
    if (write(wake[1], "", 1) < 0) { /* a full pipe is awake already */
    }
    errno = before;
}

static void give_up(const char *what, const char *item)
{
    fprintf(stderr, "timeout: %s%s%s\n", what, item ? ": " : "", item ? item : "");
    exit(FAILED);
}

static void help(void)
{
    puts("Usage: timeout [OPTION] DURATION COMMAND [ARG]...\n"
         "Start COMMAND, and end it if it still runs after DURATION.\n\n"
         "  -f, --foreground        do not make a group of its own for the command\n"
         "  -k, --kill-after=DURATION\n"
         "                          send KILL if it still runs so long after the signal\n"
         "  -p, --preserve-status   exit with the command's status also at the limit\n"
         "  -s, --signal=SIGNAL     the signal to send at the limit; TERM by default\n"
         "  -v, --verbose           say so when a signal is sent\n"
         "      --help, --version\n\n"
         "DURATION is a number with an optional fraction and unit: s, m, h or d. 0 is\n"
         "no limit.");
    exit(0);
}

/* "1.5", "2m", ".1s"; in seconds. */
static double duration(const char *text)
{
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    const char *units = "smhd", *unit = *end ? strchr(units, *end) : units;
    static const double seconds[] = {1, 60, 3600, 86400};
    if (end == text || errno == EINVAL || !unit || (*end && end[1]) || !(value >= 0))
        give_up("invalid time interval", text);
    return value * seconds[unit - units];
}

static void read_options(int argc, char **argv)
{
    static const struct option options[] = {{"foreground", 0, 0, 'f'},
                                            {"kill-after", 1, 0, 'k'},
                                            {"preserve-status", 0, 0, 'p'},
                                            {"signal", 1, 0, 's'},
                                            {"verbose", 0, 0, 'v'},
                                            {"help", 0, 0, 'h'},
                                            {"version", 0, 0, 'V'},
                                            {0, 0, 0, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "+fk:ps:v", options, NULL)) != -1) {
        switch (option) {
        case 'f': wanted.foreground = 1; break;
        case 'k': wanted.kill_after = duration(optarg); break;
        case 'p': wanted.preserve = 1; break;
        case 'v': wanted.verbose = 1; break;
        case 's':
            wanted.signal = chld_signal_number(optarg);
            if (wanted.signal < 0)
                give_up("invalid signal", optarg);
            break;
        case 'h': help(); break;
        case 'V': printf("timeout (libchld) %s\n", chld_version()); exit(0);
        default: exit(FAILED);
        }
    }
    if (argc - optind < 2)
        give_up("a duration and a command are needed; see --help", NULL);
    wanted.limit = duration(argv[optind]);
    wanted.command = (const char **)argv + optind + 1;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static chld_id start(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    chld_id child;
    chld_error error;
    char text[256];
    if (chld_spawn(&child, wanted.command, &options, &error) < 0) {
        chld_error_text(&error, text, sizeof text);
        fprintf(stderr, "timeout: %s\n", text);
        exit(error.code == ENOENT ? NOT_FOUND : CANNOT_RUN);
    }
    return child;
}

static void send(chld_id child, int signal)
{
    if (wanted.verbose) {
        const char *name = chld_signal_name(signal);
        fprintf(stderr, "timeout: sending signal %s to command '%s'\n", name ? name + 3 : "?",
                wanted.command[0]);
    }
    chld_kill(child, signal);
    if (wanted.foreground || getpgrp() != getpid())
        return;
    /* The group is our own: we led it before the command was there. SIGKILL is
     * the end of this process too, which then looks like 137. */
    struct sigaction before, ignore = {.sa_handler = SIG_IGN};
    sigaction(signal, &ignore, &before);
    kill(0, signal);
    sigaction(signal, &before, NULL);
    if (signal != SIGCONT)
        kill(0, SIGCONT); /* a stopped command shall act on it */
}

/* Until the command ends, a signal comes, or so many seconds are over (0: no
 * limit); returns whether the command has ended. */
static int wait_for(chld_id child, double until, chld_status *status)
{
    for (;;) {
        if (chld_wait(child, 0, status) == 0)
            return 1;
        double left = until - now();
        if (received || (until > 0 && left <= 0))
            return 0;
        struct pollfd fds[] = {{chld_exit_fd(child), POLLIN, 0}, {wake[0], POLLIN, 0}};
        poll(fds, 2, until <= 0 ? -1 : left > 1e6 ? 1000000000 : (int)(left * 1e3) + 1);
    }
}

static void listen_for(int signal)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(signal, &action, NULL);
}

int main(int argc, char **argv)
{
    chld_status status;
    int timed_out = 0, killed = 0;
    read_options(argc, argv);
    if (!wanted.foreground)
        setpgid(0, 0);
    if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) < 0)
        give_up("pipe", strerror(errno));
    signal(SIGTTIN, SIG_DFL);
    signal(SIGTTOU, SIG_DFL);
    chld_id child = start();
    int heard[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, wanted.signal};
    for (size_t i = 0; i < sizeof heard / sizeof *heard; i++)
        if (heard[i] && heard[i] != SIGKILL && heard[i] != SIGSTOP)
            listen_for(heard[i]);

    double until = wanted.limit > 0 ? now() + wanted.limit : 0;
    int ended = wait_for(child, until, &status);
    if (!ended) {
        int signal = received && received != SIGALRM ? received : wanted.signal;
        timed_out = signal == wanted.signal && (!received || received == SIGALRM);
        received = 0;
        if (signal)
            send(child, signal);
        killed = signal == SIGKILL;
        ended = wait_for(child, wanted.kill_after > 0 ? now() + wanted.kill_after : 0, &status);
    }
    while (!ended) {
        int signal = received ? received : SIGKILL;
        received = 0;
        send(child, signal);
        killed = signal == SIGKILL;
        ended = wait_for(child, 0, &status);
    }
    if (timed_out && !wanted.preserve)
        return killed ? KILLED : TIMED_OUT;
    if (status.state == CHLD_STATE_EXITED)
        return status.code;
    chld_status_raise(&status); /* ends as the command has */
    return FAILED;
}
