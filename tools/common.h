/*
 * common.h - what chld-timeout and chld-init share: messages, the values of options,
 * and how they take signals.
 *
 * Each tool is one source file. Both block every signal first of all, and take them
 * one by one from sigtimedwait(): no handler runs, and no signal is missed between
 * two looks.
 */
#ifndef COMMON_H
#define COMMON_H

#include <chld.h>
#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The exit codes that are not the command's, as env(1) has them. */
enum { FAILED = 125, CANNOT_RUN = 126, NOT_FOUND = 127 };

static sigset_t one_signal(int number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    return set;
}

static void discard_pending(int number)
{
    const struct timespec at_once = {0, 0};
    sigset_t set = one_signal(number);
    sigtimedwait(&set, NULL, &at_once);
}

/* Prints a line to stderr in one write. If nobody reads stderr any more, the write
 * raises SIGPIPE. It is discarded, or it would be forwarded to the command. */
__attribute__((format(printf, 1, 2))) static void report(const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (dprintf(STDERR_FILENO, "%s: %s\n", program_invocation_short_name, text) < 0 &&
        errno == EPIPE)
        discard_pending(SIGPIPE);
}

/* For --help and --version. */
_Noreturn static void print_and_exit(const char *text)
{
    if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
        exit(0);
    report("stdout: %s", strerror(errno));
    exit(FAILED);
}

_Noreturn static void print_version(void)
{
    char text[64];
    snprintf(text, sizeof text, "%s (libchld) %s\n", program_invocation_short_name, chld_version());
    print_and_exit(text);
}

/* `wrong` is NULL if getopt_long() has printed what is wrong. */
_Noreturn static void usage_error(const char *wrong)
{
    if (wrong)
        report("%s", wrong);
    report("see %s --help", program_invocation_name);
    exit(FAILED);
}

_Noreturn static void invalid_value(const char *value, const char *option, const char *rule)
{
    report("invalid value '%s' for %s: must be %s", value, option, rule);
    exit(FAILED);
}

/* Prints why the command was not started; returns the exit code for that. */
static int not_started(const chld_error *error)
{
    char text[256];
    if (chld_error_text(error, text, sizeof text) > 0)
        report("%s", text);
    if (error->step != CHLD_STEP_EXEC && error->step != CHLD_STEP_INTERPRETER)
        return FAILED;
    return error->step == CHLD_STEP_EXEC && error->code == ENOENT ? NOT_FOUND : CANNOT_RUN;
}

/* A duration in seconds, from "1.5", "2m", ".1s", "1h", "1d". */
static double duration(const char *text, const char *option)
{
    static const char units[] = "smhd";
    static const double seconds[] = {1, 60, 3600, 86400};
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    const char *unit = *end ? strchr(units, *end) : units;
    if (end == text || !unit || (*end && end[1]) || !(value >= 0) || signbit(value))
        invalid_value(text, option, "a number with an optional unit: s, m, h or d");
    if (value == 0 && errno == ERANGE)
        value = DBL_MIN; /* too little for a double, but not "no timeout" */
    return value * seconds[unit - units];
}

/* The number of a signal, 0 for "0" and "EXIT", or -EINVAL. */
static int signal_or_none(const char *text)
{
    return strcmp(text, "0") == 0 || strcmp(text, "EXIT") == 0 ? 0 : chld_signal_number(text);
}

static int signal_option(const char *text, const char *option)
{
    int number = signal_or_none(text);
    if (number < 0)
        invalid_value(text, option, "a signal's name or number");
    return number;
}

/* "TERM" for SIGTERM, and "EXIT" for 0, as kill(1) has them. */
static const char *signal_name(int number)
{
    const char *name = chld_signal_name(number);
    return number == 0 ? "EXIT" : name ? name + strlen("SIG") : "unknown";
}

static int is_stop(int number)
{
    return number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
}

/* Seconds on the monotonic clock. */
static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* The next signal, or 0 when the time `until` has come. 0 in `until` waits forever. */
static int next_signal(const sigset_t *taken, double until, siginfo_t *info)
{
    for (;;) {
        double left = until - now();
        left = left < 0 ? 0 : left < 1e6 ? left : 1e6;
        struct timespec rest = {(time_t)left, (long)((left - (double)(time_t)left) * 1e9)};
        int number = sigtimedwait(taken, info, until > 0 ? &rest : NULL);
        if (number > 0)
            return number;
        if (until > 0 && now() >= until)
            return 0;
    }
}

/* Standard descriptors that are closed would be taken by the next files that we open.
 * The command finds them closed as before. */
static void occupy_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            open("/dev/null", O_RDWR | O_CLOEXEC);
}

/* Blocks every signal; returns those that were blocked before. SIGCHLD gets its
 * default: if it were ignored, the kernel would keep no exit statuses. */
static sigset_t block_all_signals(void)
{
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    signal(SIGCHLD, SIG_DFL);
    return before;
}

/* The command gets the descriptors, ignored signals and blocked signals that this
 * process was started with. A script without "#!" is run by sh, as execvp() does. */
static void pass_on(chld_spawn_options *options, const sigset_t *blocked)
{
    options->flags |= CHLD_SPAWN_INHERIT_FDS | CHLD_SPAWN_SHELL;
    options->signals_mode = CHLD_SIGNALS_INHERIT;
    options->mask_mode = CHLD_MASK_BLOCKED;
    for (int number = 1; number <= 64; number++)
        if (sigismember(blocked, number) == 1)
            options->blocked |= UINT64_C(1) << (number - 1);
}

#endif
