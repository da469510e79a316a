/*
 * tool.h - what parallel and supervise share: messages, durations and their own signals.
 */
#ifndef TOOL_H
#define TOOL_H

#include <chld.h>
#include <signal.h>
#include <stddef.h>

/* The exit codes that are not the command's, as env(1) and timeout(1) have them. */
enum { TOOL_FAILED = 125, TOOL_CANNOT_RUN = 126, TOOL_NOT_FOUND = 127 };

/* A line on stderr, in one write, after the program's name. */
void tool_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, and exits with 125. */
_Noreturn void tool_give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* For --help and --version: to stdout, exits with 0, or with 125 if that cannot be written. */
_Noreturn void tool_help(const char *text);
_Noreturn void tool_version(void);
/* After getopt has said what is wrong with an option. */
_Noreturn void tool_usage(void);
/* Says why a command could not be started; returns 125, 126 or 127. */
int tool_not_started(const chld_error *error);

/* Seconds on the monotonic clock. Where a time is a limit, 0 is none. */
double tool_now(void);
/* "1.5", "2m", ".1s", "1h", "1d", in seconds; -1 if it is none. */
double tool_duration(const char *text);
/* The same of an option's argument; gives up if it is none. */
double tool_limit(const char *text);
/* What is left until then in milliseconds, for poll(): -1 if `until` is 0. */
int tool_ms_left(double until);
/* "TERM" for SIGTERM. */
const char *tool_signal_name(int signal);

/* Blocks `signals`, to be taken by tool_next_signal(); but those that were ignored
 * from the start, by nohup for one, stay so. SIGCHLD is never ignored after it. */
sigset_t tool_take_signals(const int *signals, size_t count);
/* The next of them, or 0 when it is `until`. */
int tool_next_signal(const sigset_t *taken, double until, siginfo_t *info);
/* A look that tells nobody of the end: until the library has told it, what the child
 * has left in its group can be signalled. */
int tool_has_ended(chld_id child);
/* Stops this process as `signal` (SIGTSTP, SIGTTIN or SIGTTOU) does. Returns 1 after
 * SIGCONT, which is still to be taken; 0 if the kernel does not stop it: pid 1, and
 * groups that no shell could continue. */
int tool_stop_self(int signal);

#endif
