/* Looking at a child from outside the library: what /proc shows of it, what a
 * program finds, and what a caller with fewer rights gets. */
#ifndef LOOK_H
#define LOOK_H

#include "support.h"

/** Starts a child that copies its input to its output, and returns when it has
 * become its program: streams that the options leave alone are pipes. */
#define STAY(options) stay(__FILE__, __LINE__, ARGV("/bin/cat"), (options))
chld_id stay(const char *file, int line, const char *const *argv,
             const chld_spawn_options *options);

/** Ends the input of such a child; it must exit with 0. */
#define LEAVE(id) leave(__FILE__, __LINE__, (id))
void leave(const char *file, int line, chld_id id);

/** Whether the kernel reaps detached children by itself (Linux 7.1): then no process is
 * needed in between, and nobody sees their statuses. */
bool kernel_reaps_detached_children(void);

/** Ends the test, neither passed nor failed, where it does. */
void need_statuses_of_detached_children(void);

/** Starts a detached child and waits for its end, as the subreaper of this
 * process can, see above; returns its wait status. */
#define RUN_DETACHED(argv) run_detached(__FILE__, __LINE__, (argv))
int run_detached(const char *file, int line, const char *const *argv);

/** Makes PATH so long that a child searches it for some tenths of a second, with
 * all else behind it; the last entry is `directory`. Options that leave `env` to
 * the caller would pass it on. */
void search_for_long(const char *directory);

/** The first child of the main thread of `caller`. */
int await_child_of(int caller);

/** Whether a child of a copy of this test has executed its program, or is gone. */
bool has_executed(int pid);

/** What a child writes to its stdout; it must exit with 0. */
#define OUTPUT(argv, options, buffer) \
    output(__FILE__, __LINE__, (argv), (options), (buffer), sizeof(buffer))
char *output(const char *file, int line, const char *const *argv,
             const chld_spawn_options *options, char *buffer, size_t size);

/** The text after "KEY:" in /proc/PID/FILE, blanks at both ends cut, or NULL.
 * A few of these strings can be in use at a time. */
const char *proc_text(int pid, const char *file, const char *key);

/** The same of /proc/PID/status, as a decimal number, and as signals. */
long long proc_number(int pid, const char *key);
unsigned long long proc_signals(int pid, const char *key);

/** A number in /proc/PID/stat, counted as proc(5) does. */
enum { STAT_PARENT = 4, STAT_GROUP, STAT_SESSION, STAT_TERMINAL, STAT_FOREGROUND, STAT_NICE = 19 };
long long proc_stat(int pid, int field);

/** Where a link in /proc/PID leads: "cwd", "exe", "fd/0". */
const char *proc_link(int pid, const char *name);

/** Makes what a status shows as bits. */
unsigned long long signal_bit(int signal);

/** Ends the test, neither passed nor failed, unless this process may become
 * any user. */
void need_root(void);

/** Goes on as nobody; for forked copies of the test. Nothing changes for a
 * caller who is not root. A test calls need_nobody() first, which ends it, neither
 * passed nor failed, if this is a root that may not become another user: that of
 * a user namespace may have no other. */
enum { NOBODY = 65534 };
void need_nobody(void);
void become_nobody(void);

/** Whether this process may lower its niceness. The capability does not show it:
 * only that of the first user namespace counts. */
bool may_be_less_nice(void);

/** Whether this is an emulator, in which a child's memory is never its
 * parent's. */
bool is_emulated(void);

/** Ends the test, neither passed nor failed, in an emulator: it has signals,
 * limits and memory of its own. */
void need_real_kernel(void);

#endif
