/*
 * tool.c - what parallel and supervise share.
 */
#define _GNU_SOURCE
#include "tool.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void say(const char *format, va_list arguments)
{
    char text[1024];
    vsnprintf(text, sizeof text, format, arguments);
    dprintf(STDERR_FILENO, "%s: %s\n", program_invocation_short_name, text);
}

void tool_say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
}

void tool_give_up(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    exit(TOOL_FAILED);
}

void tool_help(const char *text)
{
    if (fputs(text, stdout) < 0 || fflush(stdout) != 0)
        tool_give_up("stdout: %s", strerror(errno));
    exit(0);
}

void tool_version(void)
{
    char text[64];
    snprintf(text, sizeof text, "%s (libchld) %s\n", program_invocation_short_name, chld_version());
    tool_help(text);
}

void tool_usage(void)
{
    tool_give_up("see %s --help", program_invocation_name);
}

int tool_not_started(const chld_error *error)
{
    char text[256];
    if (chld_error_text(error, text, sizeof text) < 0)
        return TOOL_FAILED;
    tool_say("%s", text);
    if (error->step != CHLD_STEP_EXEC && error->step != CHLD_STEP_INTERPRETER)
        return TOOL_FAILED;
    int missing = error->step == CHLD_STEP_EXEC && error->code == ENOENT;
    return missing ? TOOL_NOT_FOUND : TOOL_CANNOT_RUN;
}

double tool_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

double tool_duration(const char *text)
{
    static const double seconds[] = {1, 60, 3600, 86400};
    char *end;
    double value = strtod(text, &end);
    const char *units = "smhd", *unit = *end ? strchr(units, *end) : units;
    if (end == text || !unit || (*end && end[1]) || !(value >= 0))
        return -1;
    return value * seconds[unit - units];
}

double tool_limit(const char *text)
{
    double value = tool_duration(text);
    if (value < 0)
        tool_give_up("invalid time interval '%s'", text);
    return value;
}

int tool_ms_left(double until)
{
    if (until <= 0)
        return -1;
    double left = (until - tool_now()) * 1e3;
    /* The millisecond begun counts: poll() shall not return just before the time. */
    return left <= 0 ? 0 : left > 1e9 ? 1000000000 : (int)left + 1;
}

const char *tool_signal_name(int signal)
{
    const char *name = chld_signal_name(signal);
    return name ? name + 3 : "unknown";
}

sigset_t tool_take_signals(const int *signals, size_t count)
{
    struct sigaction now;
    sigset_t taken;
    signal(SIGCHLD, SIG_DFL); /* ignored, it would leave no statuses */
    sigemptyset(&taken);
    for (size_t i = 0; i < count; i++)
        if (sigaction(signals[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            sigaddset(&taken, signals[i]);
    sigprocmask(SIG_BLOCK, &taken, NULL);
    return taken;
}

int tool_next_signal(const sigset_t *taken, double until, siginfo_t *info)
{
    for (;;) {
        int left = tool_ms_left(until);
        struct timespec limit = {left / 1000, left % 1000 * 1000000};
        int signal = sigtimedwait(taken, info, left < 0 ? NULL : &limit);
        if (signal > 0)
            return signal;
        if (errno == EAGAIN && tool_ms_left(until) == 0)
            return 0;
    }
}

int tool_has_ended(chld_id child)
{
    siginfo_t info = {.si_pid = 0};
    int looked = waitid(P_PID, (id_t)chld_pid(child), &info, WEXITED | WNOHANG | WNOWAIT);
    return looked < 0 || info.si_pid != 0;
}

int tool_stop_self(int number)
{
    sigset_t set, before, pending;
    sigemptyset(&set);
    sigaddset(&set, number);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &set, &before);
    /* Here the process is stopped. */
    sigprocmask(SIG_SETMASK, &before, NULL);
    return sigpending(&pending) == 0 && sigismember(&pending, SIGCONT);
}
