/*
 * chld.h - child processes: start them, wait for them, get their statuses.
 *
 * Conventions for all functions:
 *   - A function that returns an int returns 0 or more on success, and a negative
 *     errno on failure. It leaves errno itself, the signal mask and the descriptors
 *     of the program as they were, even on failure.
 *   - Outputs are called ret or reterr. They are written on success only (reterr on
 *     failure only). They may be NULL if the comment allows it.
 *   - Zero is the default in every member of every struct.
 *   - A handle (chld_id) is a number. A wrong or closed one is -EBADF, or -EINVAL if
 *     another argument is wrong as well. It never reaches another child.
 *   - After fork() without exec, the library of the copy is empty: handles of the
 *     original are -EBADF there.
 *   - "Stack" is the most that a call needs of the stack on x86-64. A signal handler
 *     that interrupts the call comes on top.
 *
 * Generated from src/ffi by `make header`; do not edit.
 */
#ifndef CHLD_H
#define CHLD_H

#include <stddef.h>
#include <stdint.h>

/** The version of this header. chld_version() returns that of the library. */
#define CHLD_VERSION_MAJOR 0
#define CHLD_VERSION_MINOR 1
#define CHLD_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The arguments of a program, NULL at the end: char *argv[], as main() has it, or
 * const char *argv[]. In C++ both convert to one pointer. In C they do not, but gcc
 * and clang pass either of them as it is. Tools that call C functions from another
 * language need the pointer in C as well: define CHLD_PLAIN_ARGV before you include
 * this header.
 */
#if defined(__GNUC__) && !defined(__cplusplus) && !defined(CHLD_PLAIN_ARGV)
/* gcc's -Wpedantic objects to each such call, except to functions from here on. */
#pragma GCC system_header
typedef union {
    const char *const *constant;
    char *const *variable;
} chld_argv __attribute__((__transparent_union__));
#else
typedef const char *const *chld_argv;
#endif

/*
 * Statuses and signals
 */

/**
 * The child has not exited.
 */
#define CHLD_STATE_RUNNING 0

/**
 * The child has exited by itself. `code` is its exit code, 0 to 255. (CLD_EXITED)
 */
#define CHLD_STATE_EXITED 1

/**
 * A signal has terminated the child. `code` is the signal. (CLD_KILLED)
 */
#define CHLD_STATE_KILLED 2

/**
 * A signal has terminated the child, and a core file was written. `code` is the signal.
 * (CLD_DUMPED)
 */
#define CHLD_STATE_DUMPED 3

/**
 * A signal has stopped the child. `code` is the signal. (CLD_STOPPED)
 */
#define CHLD_STATE_STOPPED 5

/**
 * The child was continued. `code` is SIGCONT. (CLD_CONTINUED)
 */
#define CHLD_STATE_CONTINUED 6

/**
 * The child has exited, but other code reaped it and the kernel no longer has its
 * status. This is never reported as an exit code.
 */
#define CHLD_STATE_LOST 15

/**
 * The state of a child, and how it exited.
 */
typedef struct chld_status {
    /**
     * One of CHLD_STATE_*.
     */
    int32_t state;
    /**
     * The exit code or the signal, depending on `state`; else -1. So `code == 0` is true
     * only of an exit with code 0.
     */
    int32_t code;
    /**
     * 1 if a core file was written, else 0.
     */
    int32_t core;
    /**
     * The status word that waitpid() stores, for the W* macros of <sys/wait.h>. -1 if
     * there is none (running, lost).
     */
    int32_t wait_word;
} chld_status;

/**
 * Reads a wait status word, as waitpid() stores it.
 *
 * `wait_word`: any int.
 * `ret`: where the status goes; may be NULL.
 *
 * Returns 0, or
 * -EINVAL: none of the W* macros of <sys/wait.h> recognizes the word.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
 * Since 0.1.
 */
int chld_status_decode(int wait_word,
                       struct chld_status *ret);

/**
 * Makes a wait status word from a status.
 *
 * `status`: only `state` and `code` are read.
 *
 * Returns the word, 0 to 0xffff, or
 * -EINVAL: `status` is NULL, the child is running or lost, or `code` is out of range.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
 * Since 0.1.
 */
int chld_status_encode(const struct chld_status *status);

/**
 * Returns what a shell has in `$?` for a status: the exit code, or 128 + n for signal n.
 *
 * `status`: the status of a child that has exited or stopped.
 *
 * Returns the number, 0 to 255, or
 * -EINVAL: `status` is NULL, the child has neither exited nor stopped, or `code` is out
 *   of range.
 * -ENODATA: the state is CHLD_STATE_LOST.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
 * Since 0.1.
 */
int chld_status_shell_code(const struct chld_status *status);

/**
 * Writes a status in words, as in "exited with code 42", "killed by SIGKILL" or "killed
 * by SIGSEGV (segmentation fault), core dumped".
 *
 * `status`: any status.
 * `buffer`, `size`: the memory for the text. A longer text is cut, and always ends with
 * a NUL. NULL with 0 returns the length alone.
 *
 * The text is English and does not depend on the locale. For CHLD_STATE_LOST it is
 * "exited, status unknown (reaped by other code)".
 *
 * Returns the length of the whole text without its NUL, as snprintf() does, or
 * -EINVAL: `status` is NULL, the state does not exist, or `code` is out of range.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
 * Since 0.1.
 */
int chld_status_text(const struct chld_status *status,
                     char *buffer,
                     size_t size);

/**
 * Terminates the calling process in the same way as a child: with the same exit code, or
 * by the same signal.
 *
 * `status`: the status of a child that has exited.
 *
 * Use this in a program that stands in for its child, so that its own parent gets the
 * true status. A core file is written only if the child wrote one. No atexit() function
 * runs.
 *
 * Returns only on failure:
 * -EINVAL: `status` is NULL, it is not that of an exit, `code` is out of range, or the
 *   default action of the signal does not terminate (SIGSTOP, SIGCHLD).
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
 * Since 0.1.
 */
int chld_status_raise(const struct chld_status *status);

/**
 * Returns the name of a signal: "SIGKILL" for 9, "SIGRTMIN+3", "SIGRTMAX".
 *
 * `signal`: any int.
 *
 * Returns a constant string, or NULL if `signal` is not a signal, or one that the C
 * library keeps for itself.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
 * Since 0.1.
 */
const char *chld_signal_name(int signal);

/**
 * Returns a signal in words: "segmentation fault" for SIGSEGV.
 *
 * `signal`: any int.
 *
 * The words are English and do not depend on the locale.
 *
 * Returns a constant string, or NULL as chld_signal_name() does.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
 * Since 0.1.
 */
const char *chld_signal_text(int signal);

/**
 * Returns the number of a signal that is given by name: "KILL", "SIGKILL", "sigkill",
 * "9", "RTMIN+3", "SIGRTMAX-1".
 *
 * `name`: the name.
 *
 * Returns the number, 1 or more, or
 * -EINVAL: `name` is NULL or does not name a signal.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
 * Since 0.1.
 */
int chld_signal_number(const char *name);

/**
 * Converts a sigset_t to a number, as chld_spawn_options has it: bit n - 1 is signal n.
 *
 * `set`: a sigset_t. Must not be NULL.
 * `ret`: where the number goes. Must not be NULL.
 *
 * Returns 0, or
 * -EINVAL: an argument is NULL.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
 * Since 0.1.
 */
int chld_sigset_decode(const void *set,
                       uint64_t *ret);

/**
 * Converts a number to a sigset_t.
 *
 * `signals`: bit n - 1 is signal n.
 * `ret`: a sigset_t, which need not be initialized. Must not be NULL.
 *
 * Signals that the C library keeps for itself are left out.
 *
 * Returns 0, or
 * -EINVAL: `ret` is NULL.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
 * Since 0.1.
 */
int chld_sigset_encode(uint64_t signals,
                       void *ret);

/*
 * Starting a child
 */

/**
 * The caller's stream.
 */
#define CHLD_STDIO_INHERIT 0

/**
 * /dev/null.
 */
#define CHLD_STDIO_NULL 1

/**
 * A new pipe. chld_stdin_fd(), chld_stdout_fd() and chld_stderr_fd() return the
 * caller's ends.
 */
#define CHLD_STDIO_PIPE 2

/**
 * A copy of the caller's descriptor `fd`. You still have to close `fd`.
 */
#define CHLD_STDIO_FD 3

/**
 * The file at `path`. The calling process opens it with `open_flags` and
 * `open_mode`; a relative path begins at the caller's working directory.
 */
#define CHLD_STDIO_PATH 4

/**
 * The child's stdout. For `err` only.
 */
#define CHLD_STDIO_STDOUT 5

/**
 * Closed in the child.
 */
#define CHLD_STDIO_CLOSED 6

/**
 * The child's side of a new pseudo-terminal, the same for all streams that ask for one,
 * with a window of `rows` and `columns`. The child begins a session, and this is its
 * controlling terminal. chld_stdin_fd(), chld_stdout_fd() and chld_stderr_fd() return
 * the caller's end, one descriptor per stream.
 *
 * At the end of the output, read() returns EIO: no process has the other side open any
 * more. Captures treat that as the end.
 */
#define CHLD_STDIO_PTY 7

/**
 * The child's stderr. For `out` only.
 */
#define CHLD_STDIO_STDERR 8

/**
 * The caller's process group.
 */
#define CHLD_GROUP_INHERIT 0

/**
 * A new group. The child is its leader.
 */
#define CHLD_GROUP_NEW 1

/**
 * The existing group `group` in the caller's session.
 */
#define CHLD_GROUP_JOIN 2

/**
 * Search the PATH of the calling process.
 */
#define CHLD_SEARCH_PARENT 0

/**
 * Search the PATH in the child's environment.
 */
#define CHLD_SEARCH_CHILD 1

/**
 * Do not search: the name is a path.
 */
#define CHLD_SEARCH_NONE 2

/**
 * The child begins a new session, as its leader and without a terminal.
 */
#define CHLD_SPAWN_SESSION 1

/**
 * The terminal on the child's stdin becomes the controlling terminal of its
 * session. Needs CHLD_SPAWN_SESSION.
 */
#define CHLD_SPAWN_TERMINAL 2

/**
 * The child's group becomes the foreground group of its terminal. If the start
 * fails, the group before has the terminal again.
 */
#define CHLD_SPAWN_FOREGROUND 4

/**
 * The child keeps every descriptor that is not close-on-exec. Without this flag
 * it has 0, 1, 2 and those in `fds`.
 */
#define CHLD_SPAWN_INHERIT_FDS 8

/**
 * The program is the file that is open at `program_fd`.
 */
#define CHLD_SPAWN_PROGRAM_FD 16

/**
 * /bin/sh runs a file that is executable but not a program (ENOEXEC), as with
 * execvp().
 */
#define CHLD_SPAWN_SHELL 32

/**
 * The working directory is the directory that is open at `cwd_fd`.
 */
#define CHLD_SPAWN_CWD_FD 64

/**
 * The child is in the cgroup (v2) whose directory is open at `cgroup_fd`. It is
 * created there if the kernel supports that (5.7).
 */
#define CHLD_SPAWN_CGROUP 128

/**
 * The child's supplementary groups are `groups` and no others.
 */
#define CHLD_SPAWN_GROUPS 256

/**
 * The child's real, effective and saved group is `gid`.
 */
#define CHLD_SPAWN_GID 512

/**
 * The child's real, effective and saved user is `uid`.
 */
#define CHLD_SPAWN_UID 1024

/**
 * The child's umask is `umask`.
 */
#define CHLD_SPAWN_UMASK 2048

/**
 * No program that the child executes gains privileges: set-user-id bits and file
 * capabilities are ignored.
 */
#define CHLD_SPAWN_NO_NEW_PRIVS 4096

/**
 * The program does not wait for the child. There is no handle: `ret` receives CHLD_NONE
 * and may be NULL. Excludes pipes, pseudo-terminals and a death signal.
 *
 * The parent of the child is init, or the nearest subreaper, which reaps it. Since Linux
 * 7.1 its parent is the caller until that exits, and the kernel reaps it: it leaves no
 * zombie and raises no SIGCHLD. Only there can it be the first process of a PID
 * namespace, after unshare(CLONE_NEWPID).
 */
#define CHLD_SPAWN_DETACHED 8192

/**
 * Orphaned descendants of the child become its own children instead of init's.
 * chld_kill_tree() then finds all of them while the child lives. A program that
 * does not wait for children it did not start has zombies until it exits. Linux
 * only; elsewhere -ENOSYS.
 */
#define CHLD_SPAWN_SUBREAPER 16384

/**
 * As CHLD_SPAWN_CGROUP, and only the child and its descendants are ever in that
 * cgroup. chld_kill_tree() with SIGKILL then kills all processes in it, and
 * none escapes.
 */
#define CHLD_SPAWN_CGROUP_OWN 32768

/**
 * chld_close() kills the child: it sends SIGKILL to the group if the child leads one
 * (CHLD_GROUP_NEW, CHLD_SPAWN_SESSION, CHLD_STDIO_PTY), else to the child alone, and
 * does not wait. If the child has exited, the rest of its group is killed, if the kernel
 * can signal a group by pidfd (since Linux 6.9).
 *
 * If the system supports CHLD_SPAWN_KILL_ON_DEATH, this flag has the same effect: the
 * child is also killed when the program dies, and is private. Otherwise a program that
 * exits without chld_close() leaves the child running. Excludes CHLD_SPAWN_DETACHED.
 */
#define CHLD_SPAWN_KILL_ON_CLOSE 65536

/**
 * The new pseudo-terminal does not echo: the caller does not read back what it writes.
 * The child can turn that on again.
 */
#define CHLD_SPAWN_PTY_NO_ECHO 131072

/**
 * The child is private to its handle. It never becomes a zombie and raises no SIGCHLD
 * when it exits, so no other code of the program can reap it, lose its status, or be
 * woken by it. Waits, sets, captures and signals work as for any child, with every
 * engine and whatever is done with SIGCHLD.
 *
 * What differs:
 * - chld_usage() returns -ENODATA.
 * - chld_find() does not find it, chld_release() returns -EINVAL.
 * - After its exit, its group can still be signalled, but chld_kill_tree() no longer
 *   finds its descendants.
 * - Stops and continuations still raise SIGCHLD.
 *
 * Needs Linux 7.1. Otherwise the start fails with -ENOSYS at step "clone":
 * chld_supports() returns that before. Excludes CHLD_SPAWN_DETACHED.
 */
#define CHLD_SPAWN_PRIVATE 262144

/**
 * The kernel kills the child, by SIGKILL, when the program dies: even when it crashes or
 * is killed by SIGKILL itself. Implies CHLD_SPAWN_KILL_ON_CLOSE and CHLD_SPAWN_PRIVATE.
 *
 * The child lives as long as any process has its pidfd open. A forked copy of the
 * program has it, until the copy execs, exits, or calls chld_after_fork(). Only the
 * child itself is killed, not its group.
 *
 * Needs Linux 7.1, else the start fails with -ENOSYS at step "clone"; and
 * CHLD_SPAWN_NO_NEW_PRIVS or the capability CAP_SYS_ADMIN, else with -EPERM. See
 * chld_supports().
 */
#define CHLD_SPAWN_KILL_ON_DEATH 524288

/**
 * The child ignores what the caller ignores, but not SIGPIPE and SIGCHLD.
 */
#define CHLD_SIGNALS_USUAL 0

/**
 * The child ignores what the caller ignores.
 */
#define CHLD_SIGNALS_INHERIT 1

/**
 * The child ignores the signals in `ignored` and no others.
 */
#define CHLD_SIGNALS_IGNORING 2

/**
 * The child blocks no signal.
 */
#define CHLD_MASK_EMPTY 0

/**
 * The child blocks what the calling thread blocks.
 */
#define CHLD_MASK_INHERIT 1

/**
 * The child blocks the signals in `blocked`.
 */
#define CHLD_MASK_BLOCKED 2

/**
 * No child. Never a valid handle.
 */
#define CHLD_NONE 0

/**
 * Nothing failed.
 */
#define CHLD_STEP_NONE 0

/**
 * `ret` or `argv`: NULL or empty.
 */
#define CHLD_STEP_ARGUMENTS 1

/**
 * chld_spawn_options: `size`, unknown flags or modes, or a contradiction.
 */
#define CHLD_STEP_OPTIONS 2

/**
 * `env_set` or `env_unset`. `index` is the entry, `item` its text.
 */
#define CHLD_STEP_ENVIRONMENT 3

/**
 * No memory, or no room in the table of children.
 */
#define CHLD_STEP_MEMORY 4

/**
 * A descriptor or mode for stdin, stdout or stderr (`index` 0, 1, 2).
 */
#define CHLD_STEP_STDIO 5

/**
 * Opening a path for stdin, stdout or stderr (`index` 0, 1, 2).
 */
#define CHLD_STEP_OPEN 6

/**
 * Making a pipe for stdin, stdout or stderr (`index` 0, 1, 2).
 */
#define CHLD_STEP_PIPE 7

/**
 * Making a pseudo-terminal for stdin, stdout or stderr (`index` 0, 1, 2).
 */
#define CHLD_STEP_PTY 8

/**
 * Placing the child into its cgroup.
 */
#define CHLD_STEP_CGROUP 9

/**
 * Making the process.
 */
#define CHLD_STEP_CLONE 10

/**
 * Giving the child a descriptor table of its own.
 */
#define CHLD_STEP_DESCRIPTORS 11

/**
 * An entry of `fds`. `index` is the entry.
 */
#define CHLD_STEP_MAP 12

/**
 * setsid(), or becoming a subreaper.
 */
#define CHLD_STEP_SESSION 13

/**
 * Making the terminal on the child's stdin its controlling terminal.
 */
#define CHLD_STEP_TERMINAL 14

/**
 * setpgid().
 */
#define CHLD_STEP_GROUP 15

/**
 * Putting the child's group into the foreground of its terminal.
 */
#define CHLD_STEP_FOREGROUND 16

/**
 * An entry of `limits`. `index` is the entry.
 */
#define CHLD_STEP_LIMIT 17

/**
 * setpriority().
 */
#define CHLD_STEP_NICE 18

/**
 * sched_setaffinity().
 */
#define CHLD_STEP_AFFINITY 19

/**
 * prctl(PR_SET_NO_NEW_PRIVS).
 */
#define CHLD_STEP_NO_NEW_PRIVS 20

/**
 * setgroups().
 */
#define CHLD_STEP_SETGROUPS 21

/**
 * setresgid().
 */
#define CHLD_STEP_SETGID 22

/**
 * setresuid().
 */
#define CHLD_STEP_SETUID 23

/**
 * Changing to the working directory.
 */
#define CHLD_STEP_CHDIR 24

/**
 * prctl(PR_SET_PDEATHSIG). ESRCH if the parent has exited meanwhile.
 */
#define CHLD_STEP_DEATH_SIGNAL 25

/**
 * Signal dispositions and mask.
 */
#define CHLD_STEP_SIGNALS 26

/**
 * execve(): the program is missing, is not executable, or is not a program.
 */
#define CHLD_STEP_EXEC 27

/**
 * The program is there, but its interpreter keeps it from running: the one in the
 * first line of a script, or the dynamic linker. `item` is the interpreter if its
 * name could be read. Also for a script given by descriptor.
 */
#define CHLD_STEP_INTERPRETER 28

/**
 * The capture, or its options. If the options are wrong, nothing was started, and `item`
 * is the part of them: a stream ("stdout", with `index` 0, 1 or 2), "stop", or a step of
 * the stop plan ("stop.steps[1]", with its `index`). It is empty for the other members.
 */
#define CHLD_STEP_CAPTURE 29

/**
 * The size of the member `item` of chld_error.
 */
#define CHLD_ERROR_ITEM 112

/**
 * The handle of a child: a number that you can copy, store and pass to other
 * threads. After chld_close() it is -EBADF forever.
 */
typedef uint64_t chld_id;

/**
 * One of the child's three standard streams.
 */
typedef struct chld_stdio {
    /**
     * One of CHLD_STDIO_*.
     */
    uint32_t mode;
    /**
     * For CHLD_STDIO_FD.
     */
    int32_t fd;
    /**
     * For CHLD_STDIO_PATH.
     */
    const char *path;
    /**
     * For CHLD_STDIO_PATH: the flags of open(). 0 means O_RDONLY for `in` and
     * O_WRONLY | O_CREAT | O_TRUNC for `out` and `err`, as in a shell.
     */
    int32_t open_flags;
    /**
     * For CHLD_STDIO_PATH: the permissions of a new file, less the umask. 0 means
     * 0666.
     */
    uint32_t open_mode;
} chld_stdio;

/**
 * A descriptor for the child: the caller's descriptor `source` becomes the child's
 * `target`.
 */
typedef struct chld_fd_map {
    /**
     * A descriptor of the caller. It stays open there.
     */
    int32_t source;
    /**
     * Its number in the child.
     */
    int32_t target;
} chld_fd_map;

/**
 * A resource limit for the child.
 */
typedef struct chld_limit {
    /**
     * RLIMIT_*.
     */
    int32_t resource;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * The soft limit, ~0 for none. Not above `hard`.
     */
    uint64_t soft;
    /**
     * The hard limit, ~0 for none.
     */
    uint64_t hard;
} chld_limit;

/**
 * Options of a start. Begin with CHLD_SPAWN_OPTIONS_INIT, then set what you need:
 * 0 is the default of every member. What the members point to must last for the
 * call only.
 */
typedef struct chld_spawn_options {
    /**
     * sizeof(chld_spawn_options), set by CHLD_SPAWN_OPTIONS_INIT. The library
     * accepts a smaller struct from an older header, and a larger one up to 4096
     * bytes if the members that it does not have are 0.
     */
    size_t size;
    /**
     * CHLD_SPAWN_* bits.
     */
    uint64_t flags;
    /**
     * The program to run, if it differs from argv[0]. Relative paths, including those in
     * PATH, are resolved in the child after it has changed to `cwd`.
     */
    const char *program;
    /**
     * For CHLD_SPAWN_PROGRAM_FD. A script cannot be run in this way, because its
     * interpreter finds the descriptor closed.
     */
    int32_t program_fd;
    /**
     * One of CHLD_SEARCH_*: which PATH finds a program without a slash in its
     * name. Without a PATH the library searches /bin and /usr/bin.
     */
    uint32_t search;
    /**
     * The whole environment: "NAME=value" entries, NULL at the end. NULL inherits
     * the caller's environment.
     */
    const char *const *env;
    /**
     * "NAME=value" entries to add or to replace. They win over `env_unset`; of
     * two entries with the same name the last one counts.
     */
    const char *const *env_set;
    /**
     * Names to remove.
     */
    const char *const *env_unset;
    /**
     * The working directory; NULL inherits the caller's. It may lead to a descriptor of
     * the caller, as /proc/self/fd/9 does; so may `program`.
     */
    const char *cwd;
    /**
     * For CHLD_SPAWN_CWD_FD.
     */
    int32_t cwd_fd;
    /**
     * For CHLD_SPAWN_UMASK: the permissions that new files do not get.
     */
    uint32_t umask;
    /**
     * The child's stdin.
     */
    struct chld_stdio in;
    /**
     * The child's stdout.
     */
    struct chld_stdio out;
    /**
     * The child's stderr.
     */
    struct chld_stdio err;
    /**
     * More descriptors for the child. All entries take effect at once: 3 to 4 and
     * 4 to 3 swaps the two.
     */
    const struct chld_fd_map *fds;
    /**
     * The number of entries of `fds`.
     */
    size_t fds_count;
    /**
     * For CHLD_STDIO_PTY: the height of the window, in characters. 0: that of the
     * caller's terminal (of stdin, stdout or stderr, else the controlling one), or 24 if
     * there is none. See chld_pty_resize().
     */
    uint16_t rows;
    /**
     * For CHLD_STDIO_PTY: the width of the window, in characters. 0: that of the
     * caller's terminal, or 80.
     */
    uint16_t columns;
    /**
     * One of CHLD_GROUP_*.
     */
    uint32_t group_mode;
    /**
     * For CHLD_GROUP_JOIN.
     */
    int32_t group;
    /**
     * For CHLD_SPAWN_CGROUP and CHLD_SPAWN_CGROUP_OWN.
     */
    int32_t cgroup_fd;
    /**
     * Resource limits. They are set while the child still has the caller's
     * privileges.
     */
    const struct chld_limit *limits;
    /**
     * The number of entries of `limits`.
     */
    size_t limits_count;
    /**
     * The CPUs on which the child may run, as for sched_setaffinity(). NULL
     * changes nothing.
     */
    const void *cpus;
    /**
     * The number of bytes of `cpus`.
     */
    size_t cpus_size;
    /**
     * For CHLD_SPAWN_GROUPS. NULL for no supplementary groups.
     */
    const uint32_t *groups;
    /**
     * The number of entries of `groups`.
     */
    size_t groups_count;
    /**
     * For CHLD_SPAWN_GID. The child sets groups, gid and uid in this order.
     */
    uint32_t gid;
    /**
     * For CHLD_SPAWN_UID.
     */
    uint32_t uid;
    /**
     * Added to the niceness: a higher value is less urgent.
     */
    int32_t nice;
    /**
     * The signal that the child gets when the thread that started it exits; 0 for
     * none. It does not survive the exec of a program with set-user-id bits.
     */
    int32_t death_signal;
    /**
     * One of CHLD_SIGNALS_*: the signals that the child ignores. Handlers never
     * outlive exec.
     */
    uint32_t signals_mode;
    /**
     * One of CHLD_MASK_*: the signals that the child blocks.
     */
    uint32_t mask_mode;
    /**
     * For CHLD_SIGNALS_IGNORING: bit n - 1 is signal n. chld_sigset_decode() converts a
     * sigset_t to such a number.
     */
    uint64_t ignored;
    /**
     * For CHLD_MASK_BLOCKED: bit n - 1 is signal n.
     */
    uint64_t blocked;
    /**
     * Signals that have their default disposition in the child, in every
     * `signals_mode`: bit n - 1 is signal n.
     */
    uint64_t reset;
    /**
     * For chld_user() and for events. The library never follows it.
     */
    void *user;
} chld_spawn_options;

/**
 * Why a start failed.
 */
typedef struct chld_error {
    /**
     * The errno value, positive.
     */
    int32_t code;
    /**
     * One of CHLD_STEP_*.
     */
    int32_t step;
    /**
     * The position of the item at which the step failed, else 0.
     */
    int32_t index;
    /**
     * The path, directory, program, interpreter, entry or part of the options at which
     * the step failed; empty if there is none. It ends with a NUL and is cut if it is
     * longer.
     */
    char item[CHLD_ERROR_ITEM];
    /**
     * The rule that the call has broken, for chld_error_text(); 0 for none. The
     * numbers belong to the library and change between versions.
     */
    int32_t reason;
    /**
     * The stage of a pipeline that failed, counted from 1; 0 if it was none of them.
     */
    int32_t stage;
} chld_error;

/**
 * Starts a child.
 *
 * `ret`: where the handle of the child goes. Must not be NULL unless CHLD_SPAWN_DETACHED
 * is set.
 * `argv`: the arguments, NULL at the end. argv[0] is the program unless the options name
 * another one.
 * `options`: NULL for the defaults. The child then has the caller's environment, working
 * directory, standard streams, group, session and limits, and no other descriptors. It
 * starts with an empty signal mask and no handlers. SIGPIPE and SIGCHLD are reset to
 * their defaults; other signals that the caller ignores stay ignored.
 * `reterr`: where the step that failed goes; may be NULL. Written on failure only.
 *
 * The call returns when the child has executed its program, or when that has failed. A
 * program that cannot be run is an error of this call, not an exit code later. On
 * failure nothing is left: no child, no zombie, no descriptor, no handle.
 *
 * A program without a slash in its name is searched along PATH by execvp()'s rules. If a
 * directory may not be searched and no other directory has the program, the error is
 * -EACCES. Otherwise the error of the last directory counts.
 *
 * If a signal kills the child before its exec, or the kernel does (out of memory, a CPU
 * limit, cgroup.kill), the start succeeds and the status has the signal.
 *
 * All signals are blocked in the calling thread during a start, and in the child until
 * its exec. A stop signal that comes meanwhile (^Z) stops the program right after its
 * exec if the child is in the caller's group or has the terminal. Otherwise it is
 * discarded. These can still hold a child before its exec, and with it the calling
 * thread, until SIGCONT or SIGKILL comes: SIGSTOP, a freezer, a debugger.
 *
 * A child that changes its user or groups does not share the caller's memory, so that
 * the new user gets no access to it. Such a start costs what fork() costs, which is more
 * if the caller is large. The new user can delay the start by SIGSTOP, or by a file
 * system of their own in `cwd` or PATH.
 *
 * Libraries in LD_PRELOAD that intercept exec functions do not see a start, because the
 * child makes system calls only. A program that needs them uses posix_spawn() and
 * chld_adopt().
 *
 * Under valgrind and qemu-user a start also waits for copies of the process that other
 * threads fork() meanwhile, until these exec or exit.
 *
 * The quoted words below are the steps in `reterr`. The section STEPS of the manual
 * page, and docs/options.md, list every option with its step, errors and kernel version.
 *
 * Returns 0, or
 * -EINVAL: `ret` or `argv` is NULL, or `argv` is empty ("arguments"). Or an option has a
 *   wrong value or contradicts another one; chld_error_text() names the member.
 * -E2BIG: options of a later version are set ("options"), or the arguments are too long
 *   for the kernel ("exec").
 * -EBADF: a descriptor in the options is not open ("stdio", "map", "chdir", "exec",
 *   "cgroup").
 * -ENOENT: there is no such program ("exec"), interpreter ("interpreter"), file ("open")
 *   or directory ("chdir").
 * -EACCES: the program or its interpreter may not be executed ("exec", "interpreter"),
 *   or a path may not be opened ("open", "chdir").
 * -ENOEXEC: the file is not a program ("exec").
 * -ENOTDIR, -ELOOP: a path leads nowhere ("exec", "interpreter", "open", "chdir").
 * -ENOMEM: no memory left ("memory", "clone").
 * -EAGAIN: no process or no place in the table of children left ("clone", "memory").
 * -EMFILE, -ENFILE: no descriptor left ("pipe", "pty", "open", "clone").
 * -EPERM: the caller may not do what the step is named for.
 * -ENOSYS: the kernel does not have what a flag needs ("clone", "session"): see
 *   chld_supports().
 * The errors of the system call that the step is named for.
 *
 * Thread-safe, but it reads the environment, so do not call setenv() meanwhile. Not
 * async-signal-safe. Blocks until the exec, and while it opens a path, as open() does.
 * Not a cancellation point. Stack: 15 KB.
 * Ownership: the handle is yours until chld_close(). The caller's ends of pipes and
 * pseudo-terminals belong to the library: chld_close_fd() or chld_close() closes them.
 * Descriptors that you pass stay yours. The library keeps nothing else that you pass.
 * Since 0.1.
 */
int chld_spawn(chld_id *ret,
               chld_argv argv,
               const struct chld_spawn_options *options,
               struct chld_error *reterr);

/**
 * Takes over a child that the calling process has started by other means, for example by
 * fork().
 *
 * `ret`: where the handle of the child goes. Must not be NULL.
 * `pid`: the child. Nobody may have reaped it.
 *
 * From then on only the library may wait for the child. Its chld_user() is NULL, and it
 * has no pipes. The library does not know whether it leads a group, so chld_kill_group()
 * and CHLD_TARGET_GROUP treat it as if it led none.
 *
 * Returns 0, or
 * -ECHILD: `pid` is not a child of this process.
 * -EEXIST: the library has this child already. This includes a child whose handle was
 *   closed while it ran.
 * -EINVAL: `ret` is NULL.
 * -ENOMEM: no memory left.
 * -EAGAIN: no place in the table of children left.
 *
 * Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
 * Stack: 3 KB.
 * Ownership: the handle is yours until chld_close().
 * Since 0.1.
 */
int chld_adopt(chld_id *ret,
               int pid);

/**
 * Returns the name of a step: "exec", "chdir", ...
 *
 * `step`: one of CHLD_STEP_*.
 *
 * The names do not change.
 *
 * Returns a constant string, or NULL if there is no such step.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
 * Since 0.1.
 */
const char *chld_step_name(int step);

/**
 * Writes in words what failed, as in "chdir /nowhere: No such file or directory", "stage
 * 2: exec sotr: No such file or directory" or "options: size is 0; initialize with
 * CHLD_SPAWN_OPTIONS_INIT".
 *
 * `error`: as a function has written it.
 * `buffer`, `size`: as for chld_status_text().
 *
 * Control characters in `item` are written as ^M. An example is the carriage return in
 * the first line of a script with Windows line ends.
 *
 * Returns the length of the whole text without its NUL, or
 * -EINVAL: `error` is NULL, or its step does not exist.
 *
 * Thread-safe. Not async-signal-safe: the words of an errno come from strerror_r(), in
 * the caller's locale. Never blocks. Not a cancellation point. Stack: 6 KB.
 * Since 0.1.
 */
int chld_error_text(const struct chld_error *error,
                    char *buffer,
                    size_t size);

/*
 * Waiting
 */

/**
 * The child has exited.
 */
#define CHLD_EVENT_EXITED 1

/**
 * The child has stopped.
 */
#define CHLD_EVENT_STOPPED 2

/**
 * The child was continued.
 */
#define CHLD_EVENT_CONTINUED 3

/**
 * The capture of the child is complete. `status` and `capture` have its result.
 */
#define CHLD_EVENT_CAPTURED 4

/**
 * chld_set_wake() was called. `id` is CHLD_NONE.
 */
#define CHLD_EVENT_WOKEN 5

/**
 * The child still runs after the last step of chld_set_stop().
 */
#define CHLD_EVENT_SURVIVED 6

/**
 * Report the stops of a child.
 */
#define CHLD_WATCH_STOPPED 1

/**
 * Report the continuations of a child.
 */
#define CHLD_WATCH_CONTINUED 2

/**
 * An event of one of several children.
 */
typedef struct chld_event {
    /**
     * One of CHLD_EVENT_*.
     */
    uint32_t kind;
    /**
     * 1 if the child has left the set with this event, else 0. chld_wait_any()
     * sets it to 0.
     */
    int32_t last;
    /**
     * The child.
     */
    chld_id id;
    /**
     * The `user` pointer that the child was started with.
     */
    void *user;
    /**
     * The position in the list of chld_wait_any(); 0 for a set.
     */
    size_t index;
    /**
     * How the child exited, or which signal stopped or continued it.
     */
    chld_status status;
    /**
     * The result of the capture, with CHLD_EVENT_CAPTURED; else NULL. It belongs to
     * the handle of the child: chld_close() frees it, with the buffers in it. See
     * chld_capture_take().
     */
    const struct chld_capture_result *capture;
    /**
     * The result of the capture of a pipeline; else NULL. It belongs to the handle as
     * `capture` does. See chld_set_run_pipeline().
     */
    const struct chld_pipeline_result *pipeline;
    /**
     * Always 0.
     */
    uint64_t reserved[4];
} chld_event;

/**
 * The resources that a child has used, as wait4() returns them: those of the child
 * itself, and of its own children that it has waited for.
 */
typedef struct chld_resources {
    /**
     * CPU time in user mode, in microseconds.
     */
    uint64_t user_us;
    /**
     * CPU time in the kernel, in microseconds.
     */
    uint64_t system_us;
    /**
     * The largest resident set, in KiB. It is at least the parent's own size at the
     * start, because the process shares its parent's memory until exec.
     */
    uint64_t max_resident_kib;
    /**
     * The number of page faults that needed no reading.
     */
    uint64_t minor_faults;
    /**
     * The number of page faults that needed reading.
     */
    uint64_t major_faults;
    /**
     * The number of blocks read, of 512 bytes.
     */
    uint64_t blocks_in;
    /**
     * The number of blocks written, of 512 bytes.
     */
    uint64_t blocks_out;
    /**
     * How often the child gave up the CPU to wait.
     */
    uint64_t voluntary_switches;
    /**
     * How often the CPU was taken from the child.
     */
    uint64_t involuntary_switches;
} chld_resources;

/**
 * Waits until a child has exited, and returns its status.
 *
 * `id`: the child.
 * `timeout_ms`: the most milliseconds to wait, on the monotonic clock. Use -1 to wait
 * forever and 0 to check without waiting.
 * `ret`: where the status goes; may be NULL. Written on success only.
 *
 * You can call it again, and from several threads at once: each call returns the same
 * status until chld_close(). The zombie is gone when the call returns, unless another
 * call needs it.
 *
 * Signal handlers run during the wait, and the call goes on after them. There is no
 * -EINTR. A signal that the calling thread has blocked stays blocked. Without pidfds, a
 * thread that has SIGCHLD blocked looks at the child every 10 to 50 milliseconds.
 *
 * Returns 0, or
 * -ETIMEDOUT: the child has not exited before the timeout.
 * -EBADF: `id` is not a valid handle.
 * -EINVAL: `timeout_ms` is below -1.
 * -EMFILE, -ENFILE, -ENOMEM: no descriptor or memory left for the self-pipe. Only with a
 *   timeout and without pidfds.
 *
 * Thread-safe. Not async-signal-safe: see chld_peek(). Blocks, no longer than the
 * timeout. Not a cancellation point. Stack: 6 KB.
 * Since 0.1.
 */
int chld_wait(chld_id id,
              int timeout_ms,
              chld_status *ret);

/**
 * Waits until one of several children has exited.
 *
 * `ids`, `count`: the children. Entries that are CHLD_NONE are skipped, so that you can
 * strike out the children that you are done with.
 * `timeout_ms`: as for chld_wait().
 * `ret`: which child, and how it exited; may be NULL. Written on success only.
 *
 * If several children have exited, the first in the list is reported. A child that was
 * reported is reported again.
 *
 * Each call looks at every child. If your program has hundreds of children, use a set.
 *
 * Returns 0, or
 * -ETIMEDOUT: no child has exited before the timeout.
 * -ECHILD: the list has no child.
 * -EBADF: one of the handles is not valid.
 * -EINVAL: `ids` is NULL and `count` is not 0, `count` is above 4,194,304, or
 *   `timeout_ms` is below -1.
 * -ENOMEM: no memory left for a long list.
 * -EMFILE, -ENFILE: no descriptor left. Only with more than 32 children, or without
 *   pidfds.
 *
 * Thread-safe. Not async-signal-safe. Blocks, no longer than the timeout. Not a
 * cancellation point. Stack: 8 KB.
 * Since 0.1.
 */
int chld_wait_any(const chld_id *ids,
                  size_t count,
                  int timeout_ms,
                  struct chld_event *ret);

/**
 * Waits until a child has stopped, was continued, or has exited.
 *
 * `id`: the child.
 * `changes`: CHLD_WATCH_STOPPED, CHLD_WATCH_CONTINUED, both, or 0 for both. The exit is
 * always reported.
 * `timeout_ms`: as for chld_wait().
 * `ret`: what happened; may be NULL. Written on success only.
 *
 * Each stop and each continuation is reported once, to one caller; the kernel keeps only
 * the latest. The exit is reported as by chld_wait().
 *
 * With a timeout the call installs the SIGCHLD handler, which then only wakes the call.
 *
 * Returns 0, or
 * -ETIMEDOUT: nothing happened before the timeout.
 * -EBADF: `id` is not a valid handle.
 * -EINVAL: unknown bits in `changes`, or `timeout_ms` is below -1.
 * -EMFILE, -ENFILE, -ENOMEM: no descriptor or memory left for the self-pipe. Only with a
 *   timeout.
 *
 * Thread-safe. Not async-signal-safe. Blocks, no longer than the timeout. Not a
 * cancellation point. Stack: 6 KB.
 * Since 0.1.
 */
int chld_wait_change(chld_id id,
                     uint32_t changes,
                     int timeout_ms,
                     chld_status *ret);

/**
 * Returns what the library knows about a child without asking the kernel.
 *
 * `id`: the child.
 * `ret`: where the status goes; may be NULL. It is CHLD_STATE_RUNNING until a call or
 * the SIGCHLD handler has seen the exit.
 *
 * Returns 0, or
 * -EBADF: `id` is not a valid handle.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
 * Since 0.1.
 */
int chld_peek(chld_id id,
              chld_status *ret);

/**
 * Returns the resources that a child has used, as wait4() does.
 *
 * `id`: a child whose exit was reported.
 * `ret`: where they go; may be NULL.
 *
 * Returns 0, or
 * -EBUSY: no call has seen the exit yet.
 * -ENODATA: the kernel could not be asked, because other code reaped the child, or
 *   because the child is private.
 * -EBADF: `id` is not a valid handle.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
 * Since 0.1.
 */
int chld_usage(chld_id id,
               struct chld_resources *ret);

/*
 * SIGCHLD, polling, and the tasks of an init
 */

/**
 * The handler only sets the flag and pokes the pipe. Your program reaps by its own
 * calls.
 */
#define CHLD_SIGCHLD_NOTIFY 1

/**
 * Exits are detected by pidfd: no handler, no signal.
 */
#define CHLD_ENGINE_PIDFD 1

/**
 * Exits are detected by SIGCHLD and a self-pipe, if a timeout, a set or an exit
 * descriptor needs it.
 */
#define CHLD_ENGINE_SIGCHLD 2

/**
 * SIGCHLD is ignored: the kernel reaps children by itself, and statuses can only be
 * recovered from pidfds, since Linux 6.15.
 */
#define CHLD_ENV_SIGCHLD_IGNORED 1

/**
 * SA_NOCLDWAIT is set, with the same effect.
 */
#define CHLD_ENV_NOCLDWAIT 2

/**
 * The calling thread blocks SIGCHLD. This harms the SIGCHLD engine if every thread does.
 */
#define CHLD_ENV_SIGCHLD_BLOCKED 4

/**
 * The library's handler was installed, and another handler has replaced it or lies over
 * it. If that one does not call the library's handler, SIGCHLD reaches nobody in the
 * library.
 */
#define CHLD_ENV_HANDLER_OVERWRITTEN 8

/**
 * The kernel or a sandbox offers no pidfd: see chld_engine().
 */
#define CHLD_ENV_NO_PIDFD 16

/**
 * Descriptor 0, 1 or 2 of this process is closed.
 */
#define CHLD_ENV_STDIN_CLOSED 32

#define CHLD_ENV_STDOUT_CLOSED 64

#define CHLD_ENV_STDERR_CLOSED 128

/**
 * Installs a SIGCHLD handler that reaps the children of this library as soon as they
 * exit, and no other children.
 *
 * `flags`: 0, or CHLD_SIGCHLD_NOTIFY.
 *
 * The statuses are kept: chld_peek() and chld_wait() return them at any later time. A
 * program that calls nothing else collects no zombies.
 *
 * The handler that was there before is still called, as it asked to be (SA_SIGINFO,
 * mask, SA_NOCLDSTOP). The handler leaves errno as it was, even if the earlier one does
 * not. System calls that SIGCHLD interrupts are restarted as with SA_RESTART (see
 * signal(7): read() and waitpid(), but never poll(), select(), epoll_wait() or
 * nanosleep()), unless an earlier handler was installed without that flag. The handler
 * needs 4 KB of stack.
 *
 * The handler is installed once. A handler that other code installs over it later must
 * call it: if it does not, chld_environment() reports CHLD_ENV_HANDLER_OVERWRITTEN. If
 * the disposition has become SIG_DFL or SIG_IGN, a call installs the handler anew.
 * Calling this again changes the mode.
 *
 * At least one thread must have SIGCHLD unblocked: see chld_environment().
 *
 * Returns 0, or
 * -EINVAL: unknown flags.
 * -EMFILE, -ENFILE: no descriptor left for the self-pipe.
 * -ENOMEM, -EAGAIN: no memory left.
 *
 * Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
 * Stack: 6 KB.
 * Since 0.1.
 */
int chld_sigchld_install(uint32_t flags);

/**
 * Ends what chld_sigchld_install() began, and removes the handler if nothing else needs
 * it.
 *
 * The handler stays if another handler lies over it, or if a set, an exit descriptor or
 * a sleeping call needs it. A set, a wait or an exit descriptor may have installed it
 * without chld_sigchld_install(): it stays when that is closed. A later call removes it
 * then. The handler that was installed before is restored.
 *
 * Returns 0, or
 * -ENOENT: there is nothing to remove.
 *
 * Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
 * Stack: 6 KB.
 * Since 0.1.
 */
int chld_sigchld_remove(void);

/**
 * Returns a descriptor that becomes readable with every SIGCHLD, after
 * chld_sigchld_install().
 *
 * Poll it, and call chld_sigchld_pending() when it is readable.
 *
 * Returns the descriptor, or
 * -ENOENT: the handler is not installed.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
 * Ownership: the descriptor belongs to the library, and chld_sigchld_remove() closes it.
 * Do not read from it and do not close it.
 * Since 0.1.
 */
int chld_sigchld_fd(void);

/**
 * Returns whether a SIGCHLD has come since the last call of this function.
 *
 * A signal means that one or more children have changed. Look at every child after the
 * call has returned, with chld_reap() or with chld_wait() and timeout 0. Then you miss
 * none.
 *
 * Returns 1 or 0, or
 * -ENOENT: the handler is not installed.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
 * Since 0.1.
 */
int chld_sigchld_pending(void);

/**
 * Reaps every child of the library that has exited, and no other children, without
 * waiting.
 *
 * Use it to clean up by polling, with or without a handler.
 *
 * Returns the number of children whose exit this call was the first to see.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 4 KB.
 * Since 0.1.
 */
int chld_reap(void);

/**
 * Returns the mechanism by which waits and sets detect exits, on this kernel and in this
 * sandbox.
 *
 * Returns CHLD_ENGINE_PIDFD or CHLD_ENGINE_SIGCHLD.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
 * Since 0.1.
 */
int chld_engine(void);

/**
 * Returns what in this process is in the way of children and their statuses, for a
 * message to a person.
 *
 * `ret`: CHLD_ENV_* bits; may be NULL.
 *
 * Returns 0, or
 * The errors of sigaction().
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 4 KB.
 * Since 0.1.
 */
int chld_environment(uint32_t *ret);

/**
 * Checks whether this system can do what flags of a start ask for.
 *
 * `flags`: CHLD_SPAWN_* bits, all that the start will have: CHLD_SPAWN_NO_NEW_PRIVS
 * makes a difference to CHLD_SPAWN_KILL_ON_DEATH.
 *
 * Two flags depend on the kernel: CHLD_SPAWN_PRIVATE and CHLD_SPAWN_KILL_ON_DEATH. The
 * others exist everywhere, or a start with them names what is missing.
 *
 * Returns 0, or
 * -ENOSYS: the kernel is older than Linux 7.1, or a sandbox refuses clone3.
 * -EPERM: CHLD_SPAWN_KILL_ON_DEATH without CHLD_SPAWN_NO_NEW_PRIVS needs CAP_SYS_ADMIN.
 * -EAGAIN: it cannot be found out now: no memory, at a limit on processes, or in a new
 *   PID namespace without its init.
 * -EINVAL: unknown flags.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
 * Since 0.1.
 */
int chld_supports(uint64_t flags);

/**
 * Makes orphaned descendants children of this process, or ends that.
 *
 * `on`: 1 or 0.
 *
 * It is meant for supervisors, and for inits that are not pid 1. Call
 * chld_reap_foreign() to reap the orphans.
 *
 * Returns 0, or
 * -EINVAL: `on` is neither 0 nor 1.
 * -ENOSYS: the system does not support this. Linux does since 3.4.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
 * Since 0.1.
 */
int chld_subreaper(int on);

/**
 * Reaps every child of this process that has exited and does not belong to this library.
 *
 * `callback`: called for each foreign child, with its pid and status; may be NULL.
 * `argument`: the last argument of `callback`.
 *
 * This is the duty of pid 1 and of subreapers. Do not use it in a program in which other
 * code waits for its own children. Children of the library are reaped as well, but keep
 * their statuses for their handles.
 *
 * The kernel shows one child that has exited at a time. A child of the library hides
 * foreign children behind it while a call is at work on its exit (a capture,
 * chld_stop()), or while it is between clone and exec. Call this function again
 * afterwards.
 *
 * Returns the number of foreign children that were reaped.
 *
 * Thread-safe, as the callback is. Async-signal-safe, if the callback is. Never blocks,
 * except in the callback. Not a cancellation point. Stack: 4 KB, and what the callbacks
 * need.
 * Since 0.1.
 */
int chld_reap_foreign(void (*callback)(int pid,
                                       const chld_status *status,
                                       void *argument),
                      void *argument);

/*
 * Acting on a child
 */

/**
 * The child alone.
 */
#define CHLD_TARGET_CHILD 0

/**
 * The group that the child leads: see chld_kill_group().
 */
#define CHLD_TARGET_GROUP 1

/**
 * The child and its descendants: see chld_kill_tree().
 */
#define CHLD_TARGET_TREE 2

/**
 * When the child has exited, the rest of its group or tree gets SIGKILL. Of a tree, that
 * is then the child's own group and session: the others cannot be found any more. To let
 * no process survive, use SIGKILL as the first step. A capture sweeps only if a step was
 * taken. Has no effect with CHLD_TARGET_CHILD.
 */
#define CHLD_STOP_SWEEP 1

/**
 * One step of a plan.
 */
typedef struct chld_stop_step {
    /**
     * The signal; 0 sends none, and only waits. SIGCONT follows each signal whose
     * default action is to terminate, except SIGKILL: a stopped process acts on
     * the signal only when it continues.
     */
    int32_t signal;
    /**
     * How long to wait for the exit after it, in milliseconds; -1 waits forever, 0
     * goes on at once.
     */
    int32_t wait_ms;
} chld_stop_step;

/**
 * How to stop a child: a sequence of signals. Begin with CHLD_STOP_PLAN_INIT.
 */
typedef struct chld_stop_plan {
    /**
     * sizeof(chld_stop_plan), set by CHLD_STOP_PLAN_INIT.
     */
    size_t size;
    /**
     * One of CHLD_TARGET_*: which processes get the signals.
     */
    uint32_t target;
    /**
     * CHLD_STOP_* bits.
     */
    uint32_t flags;
    /**
     * The steps, in their order, at most 16.
     */
    const struct chld_stop_step *steps;
    /**
     * The number of steps. 0: SIGTERM, 2000 ms, SIGKILL, 2000 ms.
     */
    size_t steps_count;
} chld_stop_plan;

/**
 * Sends a signal to a child, and never to another process that has its pid by now.
 *
 * `id`: the child.
 * `signal`: 1 to SIGRTMAX. 0 sends nothing and checks whether the child runs.
 *
 * Returns 0, for signal 0 even if the child may not be signalled, or
 * -ESRCH: the child has exited, whether or not a call has waited for it. Nothing is
 *   sent. The call does not record the exit: see chld_kill_group().
 * -EPERM: the child runs as another user by now.
 * -EINVAL: `signal` is not a signal.
 * -EBADF: `id` is not a valid handle.
 *
 * Thread-safe, even while another thread waits for the child. Async-signal-safe. Never
 * blocks. Not a cancellation point. Stack: 3 KB.
 * Since 0.1.
 */
int chld_kill(chld_id id,
              int signal);

/**
 * Sends a signal to the process group of a child that was started as the leader of one:
 * to the child and to its descendants that have not moved to another group.
 *
 * `id`: a child that was started with CHLD_GROUP_NEW, CHLD_SPAWN_SESSION or
 * CHLD_STDIO_PTY.
 * `signal`: 1 to SIGRTMAX.
 *
 * It never reaches another group that has the number by now. Since Linux 6.9 a pidfd
 * names the group: it can be signalled after the exit of the child, until chld_close().
 * Before that, the number stays taken until the child is reaped. So the group of a child
 * that has exited can be signalled as long as:
 * - no call has returned the exit, and
 * - no SIGCHLD handler reaps (CHLD_ENGINE_SIGCHLD, chld_sigchld_install()).
 *
 * Returns 0, or
 * -EINVAL: the child leads no group of its own: its group is the caller's, or that of
 *   another process. Or `signal` is not a signal; 0 is not allowed.
 * -ESRCH: nobody is left in the group; or, before Linux 6.9, a call has returned the
 *   exit.
 * -EPERM: none of the processes may be signalled.
 * -EBADF: `id` is not a valid handle.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 3 KB.
 * Since 0.1.
 */
int chld_kill_group(chld_id id,
                    int signal);

/**
 * Sends a signal to a child and all its descendants, including those in groups and
 * sessions of their own, and returns how many of them are left.
 *
 * `id`: the child.
 * `signal`: as for chld_kill(). With SIGKILL, every process is stopped first, so that
 * none can start more, and the call waits until they are gone.
 * `survivors`: the number of processes of the tree that live when the call returns:
 * those that have not exited, and those that cannot be signalled. May be NULL.
 *
 * The descendants are found in /proc. A process is in the tree if its parent is. It is
 * also in the tree if its group or session is led by a process of the tree, even if that
 * one has exited and its parent has not waited for it yet.
 *
 * A process whose parent has exited ("double fork"), and which has a group and a session
 * of its own, is found only if the child was started with CHLD_SPAWN_SUBREAPER and still
 * runs. Otherwise it has become a child of init, and is neither found nor counted. If
 * the caller is a subreaper or init itself, it has become a child of the caller. It
 * cannot be assigned to a tree, so it gets no signal, but it is counted. So is every
 * other child that the program has started after this one without this library.
 *
 * A cgroup of the child's own (CHLD_SPAWN_CGROUP_OWN) has no such gaps. SIGKILL reaches
 * all processes in it and in the cgroups below it, even after the child's exit was
 * reported, until chld_close(). It takes one write to cgroup.kill (since Linux 5.14).
 * Without that file, the cgroup is frozen and its processes are killed one after the
 * other.
 *
 * Signals go to exactly the processes that were found, by pidfd; before Linux 5.3, by
 * pid right after a look.
 *
 * A process that neither runs nor stops is waited for 50 ms, and then killed as it is:
 * the parent in a vfork(), a process in a frozen cgroup.
 *
 * The number of survivors is true, or the call fails. It is written if the call returns
 * 0 or -ETIMEDOUT. If the search fails, SIGKILL still goes to the processes that were
 * found up to then, at least to the child. Another signal is not sent at all.
 *
 * Returns 0, or
 * -ETIMEDOUT: the search was not complete after a second. The processes found by then
 *   got the signal, and `survivors` counts those of them that live.
 * -ESRCH: a call has reported the child's exit. Before that, what is left of its group
 *   and session is found.
 * -ENOSYS: /proc is not there, belongs to another pid namespace, or hides the child. The
 *   child's group got the signal if the child leads one, else the child alone.
 * -EPERM, -EACCES: /proc hides processes from the caller, by its mount option hidepid or
 *   by a security module. They may be in the tree; all others got the signal.
 * -EINVAL: `signal` is not a signal.
 * -EBADF: `id` is not a valid handle.
 * -EMFILE, -ENFILE: two descriptors for the search were not left.
 * -ENOMEM: no memory left for the search.
 *
 * Thread-safe. Not async-signal-safe. Blocks for a second at most, and while the signals
 * are sent; reads all of /proc. Not a cancellation point. Stack: 6 KB.
 * Since 0.1.
 */
int chld_kill_tree(chld_id id,
                   int signal,
                   uint32_t *survivors);

/**
 * Stops a child by a sequence of signals: sends the first signal, waits, sends the next.
 *
 * `id`: the child.
 * `plan`: NULL for SIGTERM and, two seconds later, SIGKILL, to the child alone.
 * `ret`: how the child exited; may be NULL. Written on success only.
 *
 * The call returns as soon as the child has exited; at once if it has already.
 *
 * A stopped child is continued after each signal that is meant to terminate it, so that
 * it can act on it: see chld_stop_step.
 *
 * The child is not reaped before the call returns, so its group can be signalled up to
 * then. After that it cannot: use CHLD_STOP_SWEEP for what may be left of it.
 *
 * Returns 0, or
 * -ETIMEDOUT: the child has not exited after the last step. It sleeps in the kernel, or
 *   the plan has no SIGKILL.
 * -EPERM: the last signal could not be sent. Other errors of sending are possible.
 * -EINVAL: a member of `plan` is wrong: `size`; an unknown `target` or `flags`; `steps`
 *   is NULL, or `steps_count` above 16; an unknown `signal`; `wait_ms` below -1. Or
 *   `target` is CHLD_TARGET_GROUP and the child leads no group.
 * -E2BIG: `plan` has a member of a later version.
 * -EBADF: `id` is not a valid handle.
 *
 * Thread-safe. Not async-signal-safe. Blocks no longer than the waits of the plan
 * together, and the time that chld_kill_tree() takes. Not a cancellation point.
 * Stack: 6 KB.
 * Ownership: the library keeps nothing of `plan`.
 * Since 0.1.
 */
int chld_stop(chld_id id,
              const struct chld_stop_plan *plan,
              chld_status *ret);

/*
 * Capturing output
 */

/**
 * No input. A pipe to the child's stdin is closed at once; chld_run() makes
 * none.
 */
#define CHLD_FEED_NONE 0

/**
 * The `size` bytes at `data`, then the end of the input.
 */
#define CHLD_FEED_BUFFER 1

/**
 * The bytes that `callback` returns. It may be called before the child has read what it
 * returned last. It must not block, because nothing else happens meanwhile.
 *
 * A negative errno from the callback ends the input and becomes `feed_error`. -EAGAIN,
 * -EINTR and values that are no errno become EIO. More than `size` becomes EINVAL.
 */
#define CHLD_FEED_CALLBACK 2

/**
 * Keeps nothing. A pipe is read, its bytes are counted and thrown away.
 * chld_run() makes no pipe for this.
 */
#define CHLD_SINK_NONE 0

/**
 * Keeps the first `size` bytes in `buffer`.
 */
#define CHLD_SINK_HEAD 1

/**
 * Keeps the last `size` bytes in `buffer`.
 */
#define CHLD_SINK_TAIL 2

/**
 * Keeps the first half of `size` and the last half in `buffer`.
 */
#define CHLD_SINK_HEAD_TAIL 3

/**
 * Keeps everything, or the first `size` bytes if `size` is not 0, in memory from
 * realloc(), followed by a NUL. The memory holds an empty string if nothing came.
 * Free it with chld_buffer_free().
 */
#define CHLD_SINK_GROW 4

/**
 * Gives everything to `callback`, in pieces of any size. If it returns anything but 0,
 * it is not called again, and the child is stopped by the stop plan. It must not block,
 * because nothing else happens meanwhile.
 */
#define CHLD_SINK_CALLBACK 5

/**
 * Passes everything on to the descriptor `fd`. It stays yours, in the mode that it is
 * in, and must stay open.
 *
 * While the descriptor takes nothing, the stream is not read, so the child waits. The
 * timeout still holds: what was read by then and not taken is lost, and `truncated` is
 * 1.
 *
 * A pipe in blocking mode holds nobody up. Before Linux 6.4 it gets at most PIPE_BUF
 * bytes at once, when it has room for them. There, put a pipe that other processes write
 * to as well into non-blocking mode.
 */
#define CHLD_SINK_FD 6

/**
 * Gives everything to `callback`, one line per call. A line is any bytes up to and
 * including a newline. If a line is longer than `size` (64 KiB if `size` is 0), its
 * pieces come one after the other. You recognize a piece by its end, which is no
 * newline: the next call has more of the same line. The last line of a stream may
 * lack its newline, too. If both streams have this sink, lines come in the order in
 * which they are read: one read from each stream in turn. If you need the exact
 * order, give both streams one pipe (CHLD_STDIO_STDOUT).
 */
#define CHLD_SINK_LINES 7

/**
 * Also passes the bytes on to the descriptor `fd`, as CHLD_SINK_FD does. Not with
 * CHLD_SINK_FD, which does nothing else.
 */
#define CHLD_SINK_TEE 1

/**
 * Also waits for the end of stdout's and stderr's pipes, within the timeout: for
 * output that a descendant writes after the child has exited. The input is fed
 * until then, too.
 */
#define CHLD_CAPTURE_EOF 1

/**
 * `cancel_fd` is a descriptor. As soon as it is readable, or at its end, the child
 * is stopped by the stop plan, as at the timeout, and `cancelled` is 1 in the result.
 * The library does not read it. It may be any descriptor, and the same one for any
 * number of captures; a regular file is always readable.
 */
#define CHLD_CAPTURE_CANCEL 2

/**
 * The most descriptors that one capture waits for.
 */
#define CHLD_CAPTURE_FDS 8

/**
 * The input of a child: what it reads on its stdin.
 */
typedef struct chld_feed {
    /**
     * One of CHLD_FEED_*.
     */
    uint32_t mode;
    /**
     * Must be 0.
     */
    uint32_t flags;
    /**
     * For CHLD_FEED_BUFFER: the bytes.
     */
    const char *data;
    /**
     * For CHLD_FEED_BUFFER: the number of bytes.
     */
    size_t size;
    /**
     * For CHLD_FEED_CALLBACK: puts up to `size` bytes into `buffer` and returns the
     * number of bytes. 0 or a negative errno ends the input.
     */
    int (*callback)(void *argument, char *buffer, size_t size);
    /**
     * The first argument of `callback`.
     */
    void *argument;
    /**
     * Must be 0.
     */
    uint32_t reserved[4];
} chld_feed;

/**
 * The place for the bytes that a child writes to its stdout or stderr.
 */
typedef struct chld_sink {
    /**
     * One of CHLD_SINK_*. Every mode reads to the end of the stream, even if it
     * keeps nothing more, so that the child is not held up.
     */
    uint32_t mode;
    /**
     * CHLD_SINK_TEE, or 0.
     */
    uint32_t flags;
    /**
     * For CHLD_SINK_HEAD, CHLD_SINK_TAIL, CHLD_SINK_HEAD_TAIL: the memory.
     */
    char *buffer;
    /**
     * The size of `buffer`. For CHLD_SINK_GROW and CHLD_SINK_LINES: the limit.
     */
    size_t size;
    /**
     * For CHLD_SINK_CALLBACK and CHLD_SINK_LINES: takes the bytes, and returns 0 to go
     * on.
     */
    int (*callback)(void *argument, const char *data, size_t size);
    /**
     * The first argument of `callback`.
     */
    void *argument;
    /**
     * For CHLD_SINK_FD and CHLD_SINK_TEE: the descriptor.
     */
    int32_t fd;
    /**
     * Must be 0.
     */
    uint32_t reserved[5];
} chld_sink;

/**
 * The options of chld_capture() and chld_run(). Begin with
 * CHLD_CAPTURE_OPTIONS_INIT.
 */
typedef struct chld_capture_options {
    /**
     * sizeof(chld_capture_options), set by CHLD_CAPTURE_OPTIONS_INIT.
     */
    size_t size;
    /**
     * CHLD_CAPTURE_* bits.
     */
    uint32_t flags;
    /**
     * The timeout in milliseconds for everything together: the start of chld_run(),
     * feeding, reading, the child's exit. When it is over, the child is stopped by
     * `stop`, whose waits are added. 0 or -1: no timeout. (In other functions 0 means
     * not to wait.)
     */
    int32_t timeout_ms;
    /**
     * What the child reads on its stdin.
     */
    struct chld_feed in;
    /**
     * What to do with the child's stdout. If stdout and stderr are one pseudo-terminal,
     * one sink gets everything that the child writes: that of stdout, unless only stderr
     * has one.
     */
    struct chld_sink out;
    /**
     * What to do with the child's stderr.
     */
    struct chld_sink err;
    /**
     * How to stop the child at the timeout. NULL: as chld_stop() does with NULL.
     */
    const chld_stop_plan *stop;
    /**
     * For CHLD_CAPTURE_CANCEL: the descriptor.
     */
    int32_t cancel_fd;
    /**
     * Must be 0.
     */
    uint32_t reserved;
} chld_capture_options;

/**
 * The result of one stream.
 */
typedef struct chld_stream_result {
    /**
     * The number of bytes that the child wrote.
     */
    uint64_t total;
    /**
     * The number of bytes that are in the buffer, that `callback` has taken, or
     * that the descriptor of CHLD_SINK_FD has taken.
     */
    uint64_t kept;
    /**
     * Number of bytes kept from the start of the stream. With CHLD_SINK_HEAD_TAIL,
     * the dropped bytes come right after these.
     */
    uint64_t from_head;
    /**
     * The number of bytes that the descriptor of CHLD_SINK_TEE or CHLD_SINK_FD has
     * taken.
     */
    uint64_t passed;
    /**
     * The kept bytes in their order, NULs included: `buffer`, with no NUL behind
     * them, or memory for chld_buffer_free(). NULL if they are not kept in memory,
     * if the buffer has no size, or if there was no memory at all for a growing one
     * (`error` is ENOMEM then, unless nothing came).
     */
    char *data;
    /**
     * 1 if the buffer, the callback or the descriptor did not get everything, else 0.
     */
    int32_t truncated;
    /**
     * 1 if a process still has the pipe open, or had it when this was written, else 0.
     */
    int32_t held;
    /**
     * Why nothing more was kept, as a positive errno, or 0: ENOMEM, what writing to
     * the descriptor of CHLD_SINK_FD returned (EPIPE for one), or what reading the
     * stream returned. A stream that cannot be read is closed.
     */
    int32_t error;
    /**
     * The value that `callback` returned to stop, or 0.
     */
    int32_t stopped;
    /**
     * Why the descriptor of CHLD_SINK_TEE or CHLD_SINK_FD got nothing more, as a
     * positive errno, or 0.
     */
    int32_t pass_error;
    /**
     * Always 0.
     */
    uint32_t reserved[5];
} chld_stream_result;

/**
 * The result of a capture.
 */
typedef struct chld_capture_result {
    /**
     * How the child exited. CHLD_STATE_RUNNING if it has not.
     */
    chld_status status;
    /**
     * The result of the child's stdout.
     */
    struct chld_stream_result out;
    /**
     * The result of the child's stderr.
     */
    struct chld_stream_result err;
    /**
     * The number of input bytes that the pipe has taken.
     */
    uint64_t fed;
    /**
     * Why the pipe took no more input, or 0. EPIPE if nobody reads the pipe, or if the
     * child has exited (with CHLD_CAPTURE_EOF: and its output has ended); or the errno
     * that the callback returned.
     */
    int32_t feed_error;
    /**
     * 1 if the timeout was reached, else 0.
     */
    int32_t timed_out;
    /**
     * 1 if `cancel_fd` became readable before the timeout, else 0.
     */
    int32_t cancelled;
    /**
     * The last step of the stop plan that was taken, counted from 1. 0 if none was.
     */
    int32_t step;
    /**
     * The signal of that step, or 0.
     */
    int32_t signal;
    /**
     * The child's pid, for messages: see chld_pid(). 0 if there was no child.
     */
    int32_t pid;
    /**
     * The time in nanoseconds on the monotonic clock, from the call of chld_run(),
     * chld_capture() or chld_capture_open() until the capture was complete.
     */
    uint64_t elapsed_ns;
    /**
     * The resources that the child has used: see chld_usage(). All 0 if the child has
     * not exited, or if the kernel could not be asked.
     */
    chld_resources usage;
    /**
     * Always 0.
     */
    uint64_t reserved[4];
} chld_capture_result;

/**
 * The handle of a capture that the caller's event loop drives: a number. It is -EBADF
 * once it is closed.
 */
typedef uint64_t chld_capture_id;

/**
 * One descriptor to wait for, as struct pollfd, member by member.
 */
typedef struct chld_poll {
    /**
     * The descriptor.
     */
    int32_t fd;
    /**
     * POLLIN or POLLOUT.
     */
    int16_t events;
    /**
     * Always 0.
     */
    int16_t revents;
} chld_poll;

/**
 * What a capture waits for: descriptors, or a time.
 */
typedef struct chld_capture_wait {
    /**
     * The descriptors, any of them, in the first `count` places, each once. Descriptors
     * in sinks and `cancel_fd` may be among them.
     */
    struct chld_poll fds[CHLD_CAPTURE_FDS];
    /**
     * The number of descriptors.
     */
    uint32_t count;
    /**
     * The time in milliseconds, as for poll(). -1: no timeout. 0: more can be done at
     * once.
     */
    int32_t timeout_ms;
    /**
     * Always 0.
     */
    uint32_t reserved[2];
} chld_capture_wait;

/**
 * Feeds a child, reads what it writes to stdout and stderr, and waits for its exit, all
 * at once, within one timeout.
 *
 * `id`: a child with a pipe (CHLD_STDIO_PIPE) or a pseudo-terminal for each stream that
 * the options feed or read.
 * `options`: NULL for the defaults: an empty input, nothing kept, no timeout.
 * `ret`: how the child exited and what it wrote; may be NULL. Written on success, and on
 * failure if the capture has begun, as with -ETIMEDOUT.
 *
 * The call returns when the child has exited and everything that it wrote is read. A
 * descendant that still has the pipe open does not prolong that (`held` is 1), except
 * with CHLD_CAPTURE_EOF.
 *
 * When the timeout is over, the child is stopped by the stop plan while reading goes on.
 * That is not a failure: the call returns 0, and `timed_out` is 1.
 *
 * If nobody reads the input any more, `feed_error` is EPIPE. There is no SIGPIPE,
 * neither for the input nor for a descriptor in a sink.
 *
 * The child's stdin is closed after the input. The pipes of stdout and stderr stay open,
 * in the mode and size that they had. While much passes through a pipe, the library
 * enlarges it to 256 KiB if it may, at most 16 pipes of a process at a time.
 *
 * A terminal has no end of input: let the input end with a newline and ^D (4). If stdin
 * is the only stream on the terminal, the end of the input hangs the terminal up.
 *
 * Returns 0, or
 * -ETIMEDOUT: the child has not exited after the last step of the plan.
 * -EPERM: the last signal of the plan could not be sent. Other errors of sending are
 *   possible.
 * -ENOENT: a stream that the options feed or read has no pipe.
 * -EBUSY: the child is being captured already.
 * -EINVAL: a member of `options` is wrong: `size`, unknown `flags`, a `reserved` that is
 *   not 0, `timeout_ms` below -1. Or one of `in`, `out` or `err`: an unknown `mode` or
 *   `flags`, a `reserved` that is not 0, `data`, `buffer` or `callback` is NULL, `size`
 *   is too large, CHLD_SINK_FD with CHLD_SINK_TEE. Or one of `stop`: see chld_stop().
 *   chld_run() names the member.
 * -E2BIG: `options` or `stop` has a member of a later version.
 * -EBADF: `id` is not a valid handle, or a `fd` or `cancel_fd` in the options is not
 *   open.
 * -EAGAIN: no place for another capture left.
 * -ENOMEM: no memory left.
 * -EMFILE, -ENFILE: no descriptor left for the self-pipe. Only without pidfds.
 *
 * Thread-safe, but no other code may use the pipes meanwhile. Another thread may call
 * chld_stop() or chld_kill(). Not async-signal-safe. Blocks, no longer than the timeout,
 * the waits of the plan and the callbacks; a descriptor in a sink that is in blocking
 * mode and neither file nor pipe (a terminal stopped by ^S) may hold it longer. Not a
 * cancellation point. Stack: 10 KB, and what the callbacks need.
 * Ownership: a growing buffer is yours, for chld_buffer_free(); without `ret` it is
 * freed. The library keeps nothing of `options`.
 * Since 0.1.
 */
int chld_capture(chld_id id,
                 const struct chld_capture_options *options,
                 struct chld_capture_result *ret);

/**
 * Starts a child, captures it and closes it: chld_spawn(), chld_capture() and
 * chld_close() in one call.
 *
 * `argv`, `spawn_options`: as for chld_spawn(). A stream that is fed or read gets a pipe
 * if `spawn_options` leave it at CHLD_STDIO_INHERIT.
 * `capture_options`: as for chld_capture().
 * `ret`: as for chld_capture(), but always written. If nothing was captured, all members
 * are 0, with CHLD_STATE_RUNNING.
 * `reterr`: as for chld_spawn(), and written whenever this call fails. The step is
 * CHLD_STEP_CAPTURE if the start did not fail. Then `item` is the stream or the part of
 * the options that is wrong, if it is one.
 *
 * Errors in the capture options (-EINVAL, -ENOENT, -EBADF) are found before the start.
 * If the capture fails after the start, the child gets SIGKILL, as do its group or its
 * tree if the stop plan is for those, and the call waits up to two seconds for its exit.
 * A child that the stop plan did not stop is left to the library, as chld_close() leaves
 * it.
 *
 * Returns 0 when the child has exited, whatever its status, or
 * -EINVAL: CHLD_SPAWN_DETACHED is set ("options").
 * The errors of chld_spawn(), if the child could not be started.
 * The errors of chld_capture() ("capture").
 *
 * Thread-safe, as chld_spawn() is. Not async-signal-safe. Blocks, as chld_spawn() and
 * chld_capture() do. Not a cancellation point. Stack: 16 KB, and what the callbacks
 * need.
 * Ownership: a growing buffer is yours, for chld_buffer_free(); without `ret` it is
 * freed. There is no handle to close. Descriptors in `spawn_options` stay yours, as with
 * chld_spawn().
 * Since 0.1.
 */
int chld_run(chld_argv argv,
             const chld_spawn_options *spawn_options,
             const struct chld_capture_options *capture_options,
             struct chld_capture_result *ret,
             chld_error *reterr);

/**
 * Begins what chld_capture() does, without blocking.
 *
 * `id`: the child.
 * `options`: as for chld_capture().
 * `ret`: where the handle of the capture goes. Must not be NULL.
 *
 * Returns 0, or
 * -EINVAL: `ret` is NULL.
 * The errors of chld_capture().
 *
 * Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
 * Stack: 10 KB.
 * Ownership: the handle is yours until chld_capture_close(), and so is the child, which
 * that leaves as it is. `options` and its stop plan are copied. The buffers, the input
 * and the arguments of callbacks must stay valid until chld_capture_close().
 * Since 0.1.
 */
int chld_capture_open(chld_id id,
                      const struct chld_capture_options *options,
                      chld_capture_id *ret);

/**
 * Does what can be done now for a capture, without blocking, and no more than a bounded
 * number of reads and writes.
 *
 * `capture`: the capture.
 * `ret`: what to wait for before the next call; may be NULL. It differs from call to
 * call. Written when the call returns 0.
 *
 * Call it once at first, and then whenever one of the descriptors is ready or the time
 * is over. A call without need does no harm. Without pidfds one of the descriptors is
 * poked by SIGCHLD, which one thread must have unblocked.
 *
 * Returns 1 when the capture is complete, 0 when there is more to do, or
 * -ETIMEDOUT: the child has not exited after the last step of the plan.
 * -EBUSY: another call is at work on this capture.
 * -EBADF: `capture` is not a valid handle.
 * The errors of chld_capture(), for a capture that has begun.
 *
 * Thread-safe. Not async-signal-safe. Never blocks, except in callbacks, and as
 * chld_kill_tree() does if the plan is for a tree. Not a cancellation point.
 * Stack: 6 KB, and what the callbacks need.
 * Since 0.1.
 */
int chld_capture_step(chld_capture_id capture,
                      struct chld_capture_wait *ret);

/**
 * Ends a capture, complete or not, and returns its result.
 *
 * `capture`: the capture.
 * `ret`: as for chld_capture(). NULL frees growing buffers.
 *
 * The child is left as it is.
 *
 * Returns 0, or
 * -EBUSY: another call is at work on this capture.
 * -EBADF: `capture` is not a valid handle.
 *
 * Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
 * Stack: 3 KB.
 * Ownership: a growing buffer is yours, for chld_buffer_free().
 * Since 0.1.
 */
int chld_capture_close(chld_capture_id capture,
                       struct chld_capture_result *ret);

/**
 * Frees the memory of a growing buffer.
 *
 * `data`: from chld_stream_result. NULL does nothing.
 *
 * Returns 0.
 *
 * Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
 * Stack: 1 KB.
 * Ownership: `data` is no longer valid.
 * Since 0.1.
 */
int chld_buffer_free(char *data);

/*
 * Sets: the process loop
 */

/**
 * The set depends on the SIGCHLD handler, as if the kernel had no pidfds.
 */
#define CHLD_SET_SIGCHLD 1

/**
 * A set of children, as a number; -EBADF once it is closed.
 *
 * A set is the process loop of a program. It collects everything that its children do,
 * as events with one file descriptor. Add that to your event loop; when it becomes
 * readable, call chld_set_next() until it returns -EAGAIN. A program without an event
 * loop calls chld_set_wait(). Events come in no particular order.
 *
 * Descriptors: a set has two. It has one more when it first needs a timer
 * (chld_set_stop(), chld_set_capture(), stops), and two more when it first reports
 * stops. Each child that it captures or stops costs one, and two more if the child has
 * no pidfd, in addition to the pipes of the child. A call that fails keeps none.
 */
typedef uint64_t chld_set;

/**
 * Opens a set.
 *
 * `flags`: 0 or CHLD_SET_SIGCHLD.
 * `ret`: where the set goes. Must not be NULL.
 *
 * Without pidfds, or with CHLD_SET_SIGCHLD, the set keeps the SIGCHLD handler installed:
 * see "SIGCHLD" in CONVENTIONS.md.
 *
 * Returns 0, or
 * -EINVAL: unknown flags, or `ret` is NULL.
 * -EMFILE, -ENFILE: no descriptor left.
 * -ENOMEM: no memory left.
 * -EAGAIN: 4,194,272 sets are open.
 * -ENOSYS, -EPERM: a sandbox refuses epoll or eventfd.
 *
 * Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
 * Stack: 6 KB.
 * Ownership: close the set with chld_set_close().
 * Since 0.1.
 */
int chld_set_open(uint32_t flags,
                  chld_set *ret);

/**
 * Adds a child to a set, which then reports its exit.
 *
 * `set`: the set.
 * `id`: the child. It can be in many sets. chld_close() takes it out of all of them.
 * `watch`: 0, or CHLD_WATCH_STOPPED and CHLD_WATCH_CONTINUED to report these as well.
 *
 * The set reports the exit once; then the child has left the set. A child that has
 * exited is reported at once.
 *
 * Stops and continuations need SIGCHLD on every kernel: the set installs the handler,
 * which then only wakes the set. If the handler may not run, the set looks every 50
 * milliseconds.
 *
 * Returns 0, or
 * -EEXIST: the child is in the set.
 * -EBADF: one of the two handles is not valid.
 * -EINVAL: unknown bits in `watch`.
 * -EMFILE, -ENFILE: the child was started when no descriptor was left, and there is
 *   still none. Or none is left for the timer or the self-pipe that `watch` needs.
 * -ENOMEM: no memory left.
 * -ENOSPC: this user has too many epoll registrations.
 *
 * Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
 * Stack: 6 KB.
 * Since 0.1.
 */
int chld_set_add(chld_set set,
                 chld_id id,
                 uint32_t watch);

/**
 * Takes a child out of a set, which then reports nothing of it any more.
 *
 * `set`: the set.
 * `id`: the child.
 *
 * A capture or a stop sequence of the set ends where it is.
 *
 * Returns 0, or
 * -ENOENT: the child is not in the set.
 * -EBADF: one of the two handles is not valid.
 *
 * Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
 * Stack: 2 KB.
 * Since 0.1.
 */
int chld_set_remove(chld_set set, chld_id id);

/**
 * Returns the number of children in a set.
 *
 * `set`: the set.
 *
 * Returns the number, or
 * -EBADF: `set` is not a valid handle.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
 * Since 0.1.
 */
int chld_set_count(chld_set set);

/**
 * Returns the file descriptor of a set, for poll(), epoll and every event loop.
 *
 * `set`: the set.
 *
 * The descriptor is level-triggered: it stays readable while events are pending. It also
 * works in edge-triggered loops if you call chld_set_next() until it returns -EAGAIN.
 * Spurious wakeups are possible.
 *
 * Returns the descriptor, or
 * -EBADF: `set` is not a valid handle.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
 * Ownership: the descriptor belongs to the set. Do not read from it and do not close it.
 * Remove it from your loop before chld_set_close().
 * Since 0.1.
 */
int chld_set_fd(chld_set set);

/**
 * Wakes a set: one CHLD_EVENT_WOKEN is reported to one waiter.
 *
 * `set`: the set.
 *
 * The event is kept if nobody waits. Several calls before it is reported are one.
 *
 * Returns 0, or
 * -EBADF: `set` is not a valid handle.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
 * Since 0.1.
 */
int chld_set_wake(chld_set set);

/**
 * Returns the next event of a set, without blocking.
 *
 * `set`: the set.
 * `ret`: where the event goes; may be NULL. Written on success only.
 *
 * Captures and stop sequences of the set go on in this call: a bounded number of bytes
 * is moved.
 *
 * Returns 0, or
 * -EAGAIN: there is no event now. If there is work left, the descriptor has become
 *   readable anew.
 * -EDEADLK: the call was made in a callback of a capture of this set.
 * -EBADF: `set` is not a valid handle.
 * -ENOMEM: no memory left.
 *
 * Thread-safe: several threads share the events of a set, and each event is reported
 * once. Not async-signal-safe. Never blocks, except in your callbacks. Not a
 * cancellation point. Stack: 6 KB, and what the callbacks need.
 * Ownership: `event.capture` and `event.pipeline` belong to the handle of the child: see
 * chld_event.
 * Since 0.1.
 */
int chld_set_next(chld_set set,
                  chld_event *ret);

/**
 * Waits for the next event of a set.
 *
 * `set`: the set.
 * `timeout_ms`: as for chld_wait().
 * `ret`: where the event goes; may be NULL. Written on success only.
 *
 * Signal handlers run during the wait, and the call goes on after them. There is no
 * -EINTR.
 *
 * Returns 0, or
 * -ETIMEDOUT: there was no event before the timeout.
 * -EINVAL: `timeout_ms` is below -1.
 * -EBADF: `set` is not a valid handle, or was closed while the call waited.
 * -EDEADLK: the call was made in a callback of a capture of this set.
 * -ENOMEM: no memory left.
 *
 * Thread-safe, as chld_set_next() is. Not async-signal-safe. Blocks, no longer than the
 * timeout. Not a cancellation point. Stack: 6 KB, and what the callbacks need.
 * Ownership: as for chld_set_next().
 * Since 0.1.
 */
int chld_set_wait(chld_set set,
                  int timeout_ms,
                  chld_event *ret);

/**
 * Closes a set.
 *
 * `set`: the set.
 *
 * Its children go on, and their handles stay valid. Captures and stop sequences of the
 * set end where they are. Every chld_set_wait() returns -EBADF.
 *
 * In a callback of a capture of this set, the capture ends when the callback returns.
 *
 * Returns 0, or
 * -EBADF: `set` is not a valid handle.
 *
 * Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
 * Stack: 2 KB.
 * Since 0.1.
 */
int chld_set_close(chld_set set);

/**
 * Stops a child in a set, without blocking.
 *
 * `set`: the set.
 * `id`: the child. It is added to the set if it is not a member.
 * `after_ms`: the stop sequence begins after this number of milliseconds. 0 begins it at
 * once.
 * `plan`: as for chld_stop(); NULL for the default.
 *
 * If the child exits before or during the sequence, the set reports CHLD_EVENT_EXITED,
 * or CHLD_EVENT_CAPTURED. If it survives the last step, the set reports
 * CHLD_EVENT_SURVIVED, and the child stays in the set.
 *
 * A later call replaces the earlier one. For a child that the set captures, the call
 * replaces the timeout and the stop sequence of the capture. The sequence goes on in
 * chld_set_next() and chld_set_wait().
 *
 * Returns 0, or
 * -EINVAL: `after_ms` is negative, or a member of `plan` is wrong: see chld_stop().
 * -E2BIG: `plan` has a member of a later version.
 * -EBUSY: another call or set captures or stops the child.
 * -EBADF: one of the two handles is not valid.
 * -EMFILE, -ENFILE, -ENOMEM: as for chld_set_add().
 *
 * Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
 * Stack: 8 KB.
 * Ownership: `plan` and its steps are copied.
 * Since 0.1.
 */
int chld_set_stop(chld_set set,
                  chld_id id,
                  int after_ms,
                  const chld_stop_plan *plan);

/**
 * Captures a child in a set: the set feeds it and reads its output.
 *
 * `set`: the set.
 * `id`: the child. It is added to the set if it is not a member.
 * `options`: as for chld_capture().
 *
 * The capture goes on in chld_set_next() and chld_set_wait(). When it is complete, the
 * set reports CHLD_EVENT_CAPTURED with the status and the result. There is no other
 * event for the exit of this child.
 *
 * Returns 0, or
 * -EBUSY: the child is being captured or stopped, by another call or in another set.
 * -EINVAL: a member of `options` is wrong: see chld_capture(). chld_set_run() names the
 *   member.
 * -E2BIG: `options` has a member of a later version.
 * -ENOENT: a stream that the options feed or read has no pipe.
 * -EBADF: one of the two handles is not valid, or a descriptor in the options is not
 *   open.
 * -EMFILE, -ENFILE, -ENOMEM: as for chld_set_add().
 *
 * Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
 * Stack: 10 KB.
 * Ownership: `options` and its stop plan are copied. The buffers, the input and the
 * arguments of callbacks stay yours, and must stay valid until the last event of this
 * child, or until chld_close(), chld_set_remove() or chld_set_close() has returned.
 * Since 0.1.
 */
int chld_set_capture(chld_set set,
                     chld_id id,
                     const chld_capture_options *options);

/**
 * Starts a child and captures it in a set: chld_spawn() and chld_set_capture() in one.
 *
 * `set`: the set.
 * `argv`, `spawn_options`: as for chld_run().
 * `capture_options`: as for chld_set_capture().
 * `ret`: where the handle goes; may be NULL, because each event has it.
 * `reterr`: as for chld_run().
 *
 * Errors in the capture options and in `set` are found before the start. On failure no
 * child is left: one that could not be captured is killed, as by chld_run().
 *
 * Returns 0, or
 * -EBADF: `set` is not a valid handle ("capture").
 * The errors of chld_run(), and of chld_set_capture().
 *
 * Thread-safe, as chld_spawn() is. Not async-signal-safe. Blocks, as chld_spawn() does.
 * Not a cancellation point. Stack: 16 KB.
 * Ownership: as for chld_spawn() and chld_set_capture(). Close the handle.
 * Since 0.1.
 */
int chld_set_run(chld_set set,
                 chld_argv argv,
                 const chld_spawn_options *spawn_options,
                 const chld_capture_options *capture_options,
                 chld_id *ret,
                 chld_error *reterr);

/**
 * Moves the result of a capture in a set from the child's handle to the caller.
 *
 * `id`: the child.
 * `ret`: where the result goes. Must not be NULL.
 *
 * What `event.capture` and `event.pipeline` pointed to is no longer valid.
 *
 * Returns 0, or
 * -ENODATA: the handle has no result, or no longer.
 * -EINVAL: `ret` is NULL.
 * -EBADF: `id` is not a valid handle.
 *
 * Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
 * Stack: 2 KB.
 * Ownership: the buffers in the result are yours: free each with chld_buffer_free().
 * chld_close() no longer frees them.
 * Since 0.1.
 */
int chld_capture_take(chld_id id,
                      chld_capture_result *ret);

/*
 * Pipelines
 */

/**
 * One stage of a pipeline: a program, and its result. Zero is the default in
 * every member, so `{.argv = argv}` is a whole stage.
 *
 * Only the first stage can have an `in` in its options, and only the last one an `out`:
 * the pipes between the stages replace the others. A later stage whose
 * `group_mode` is CHLD_GROUP_INHERIT is in the process group of the first stage. So
 * CHLD_GROUP_NEW for the first stage puts the whole pipeline into one group. (A stage
 * that begins a session is alone in it.) Such a first stage cannot be private: its
 * zombie keeps the group until all stages have started.
 */
typedef struct chld_stage {
    /**
     * The arguments of the program, as for chld_spawn().
     */
    const char *const *argv;
    /**
     * NULL for the defaults.
     */
    const chld_spawn_options *options;
    /**
     * Must be 0.
     */
    uint32_t flags;
    /**
     * The pid of the child, for messages. The functions below write this member and all
     * that follow.
     */
    int32_t pid;
    /**
     * The handle of the child, from chld_pipeline(). CHLD_NONE from the other functions,
     * which close it.
     */
    chld_id id;
    /**
     * How the child exited. CHLD_STATE_RUNNING if it has not, or was not started.
     */
    chld_status status;
    /**
     * The resources that the child has used: see chld_usage(). All 0 if the child has
     * not exited, or if the kernel could not be asked.
     */
    chld_resources usage;
    /**
     * Must be 0.
     */
    uint64_t reserved[4];
} chld_stage;

/**
 * The result of a pipeline.
 *
 * `pipefail` is `$?` in a shell with `set -o pipefail`. A stage that SIGPIPE killed,
 * because the next one did not read everything, counts as failed.
 */
typedef struct chld_pipeline_result {
    /**
     * The result of the capture. `status`, `pid` and `usage` are those of the last stage;
     * `in` is the first stage's.
     */
    chld_capture_result capture;
    /**
     * The status of the rightmost stage that did not exit with 0. If all did, the status
     * of the last stage.
     */
    chld_status pipefail;
    /**
     * The stages with their pids, statuses and resource usage: those of the call; with an
     * event, a copy, which belongs to the handle as the whole result does. NULL if nothing
     * was captured.
     */
    const struct chld_stage *stages;
    /**
     * The number of stages.
     */
    size_t count;
    /**
     * The number of the stage that `pipefail` is about, counted from 1. 0 if all stages
     * exited with 0.
     */
    int32_t failed;
    /**
     * Always 0.
     */
    uint32_t reserved[5];
} chld_pipeline_result;

/**
 * Starts a pipeline: each stage reads on its stdin what the one before it writes to its
 * stdout.
 *
 * `stages`, `count`: the stages, the first one first, at least 1. The handle and the pid
 * of each child are written there.
 * `reterr`: what failed, and the number of the stage; may be NULL. Written on failure
 * only.
 *
 * Each stage is a child like any other. The first stage can have a pipe on its stdin
 * (chld_stdin_fd()), the last one on its stdout, and each on its stderr. Wait for each
 * of them, or add each to a set. If the pipeline has a group, chld_kill_group() of the
 * first stage signals it.
 *
 * What the options alone show to be wrong is found before anything is started. If a
 * stage cannot be started, the earlier ones get SIGKILL and are reaped. If the pipeline
 * has a group, all of that gets SIGKILL; if it had taken the terminal
 * (CHLD_SPAWN_FOREGROUND), the group that had it before gets it back.
 *
 * Returns 0, or
 * -EINVAL: `stages` is NULL, or `count` is 0 or too large ("arguments"). Or a stage has
 *   a wrong option: `in` in a later stage, `out` in an earlier one ("stdio");
 *   CHLD_SPAWN_DETACHED, a private first stage that leads the group of others, or
 *   `flags` or `reserved` that is not 0 ("options").
 * -EMFILE, -ENFILE: no descriptor left for a pipe ("pipe").
 * -ENOMEM: no memory left ("memory").
 * The errors of chld_spawn(), for a stage.
 *
 * Thread-safe, as chld_spawn() is. Not async-signal-safe. Blocks as chld_spawn() does
 * for each stage, and up to two seconds until stages that were killed have exited. Not a
 * cancellation point. Stack: 16 KB.
 * Ownership: the handles are yours until chld_close(). The library keeps nothing of
 * `stages`. Descriptors in the options stay yours.
 * Since 0.1.
 */
int chld_pipeline(struct chld_stage *stages,
                  size_t count,
                  chld_error *reterr);

/**
 * Starts a pipeline, captures it and closes it: what chld_run() is for one child.
 *
 * `stages`, `count`: as for chld_pipeline(). The pid, the status and the resource usage
 * of each child are written there, even if the call fails.
 * `capture_options`: as for chld_capture(). `in` feeds the first stage, `out` reads the
 * last one. They get a pipe if their options leave the stream at CHLD_STDIO_INHERIT.
 * `err` reads the stderr of the last stage in the same way, and all stages whose options
 * leave stderr at CHLD_STDIO_INHERIT then share that pipe.
 * `ret`: the result; may be NULL. Always written. If nothing was captured, all members
 * are 0, with CHLD_STATE_RUNNING.
 * `reterr`: as for chld_pipeline(), and written whenever this call fails. The step is
 * CHLD_STEP_CAPTURE if the start did not fail.
 *
 * The call returns when all stages have exited and everything that they wrote is read.
 * If the last stage exits first, the others get SIGPIPE when they write, as in a shell.
 *
 * The timeout, `cancel_fd` and the stop plan are those of the whole pipeline: a signal
 * is sent to each stage, the last one first, or to its tree. CHLD_TARGET_GROUP needs
 * stages that are all in groups of the pipeline's own.
 *
 * If the capture fails after the start, the stages get SIGKILL, as chld_run() does with
 * its child.
 *
 * Returns 0 when all stages have exited, whatever their statuses, or
 * -EINVAL: an earlier stage has CHLD_STDIO_PIPE or CHLD_STDIO_PTY for stderr, which
 *   nobody would read ("stdio").
 * The errors of chld_pipeline(), if a stage could not be started.
 * The errors of chld_capture() ("capture").
 *
 * Thread-safe, as chld_run() is. Not async-signal-safe. Blocks as chld_run() does. Not a
 * cancellation point. Stack: 20 KB, and what the callbacks need.
 * Ownership: a growing buffer is yours, for chld_buffer_free(); without `ret` it is
 * freed. There are no handles to close.
 * Since 0.1.
 */
int chld_run_pipeline(struct chld_stage *stages,
                      size_t count,
                      const chld_capture_options *capture_options,
                      struct chld_pipeline_result *ret,
                      chld_error *reterr);

/**
 * Starts a pipeline and captures it in a set: what chld_set_run() is for one child.
 *
 * `set`: the set.
 * `stages`, `count`: as for chld_pipeline(). The pid of each child is written there. The
 * statuses of the stages are in `event.pipeline->stages`.
 * `capture_options`: as for chld_run_pipeline().
 * `ret`: where the handle of the last stage goes; may be NULL, because each event has
 * it.
 * `reterr`: as for chld_run_pipeline().
 *
 * In the set the pipeline is one child, the last stage: that is the only handle. When
 * all stages have exited and everything is read, the set reports CHLD_EVENT_CAPTURED for
 * it, with the result in `event.pipeline`. chld_set_stop() for it stops all stages.
 * chld_set_remove() and chld_close() leave the stages running, except those with
 * CHLD_SPAWN_KILL_ON_CLOSE.
 *
 * On failure no child is left.
 *
 * Returns 0, or
 * -EBADF: `set` is not a valid handle ("capture").
 * The errors of chld_run_pipeline(), and of chld_set_capture().
 *
 * Thread-safe, as chld_spawn() is. Not async-signal-safe. Blocks as chld_pipeline()
 * does. Not a cancellation point. Stack: 20 KB.
 * Ownership: as for chld_set_run(). The library keeps a copy of `stages`, and does not
 * use the `argv` and `options` in it after the call.
 * Since 0.1.
 */
int chld_set_run_pipeline(chld_set set,
                          struct chld_stage *stages,
                          size_t count,
                          const chld_capture_options *capture_options,
                          chld_id *ret,
                          chld_error *reterr);

/*
 * Terminals
 */

/**
 * Changes the size of a child's pseudo-terminal (CHLD_STDIO_PTY).
 *
 * `id`: the child.
 * `rows`, `columns`: the new size, in characters.
 *
 * The processes in its foreground get SIGWINCH if the size has changed. Call it in the
 * main loop when your own terminal has changed its size. A handler of SIGWINCH may call
 * it as well.
 *
 * Returns 0, or
 * -ENOTTY: the child has no pseudo-terminal, or the caller's ends of it are closed or
 *   taken.
 * -EBADF: `id` is not a valid handle.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
 * Since 0.1.
 */
int chld_pty_resize(chld_id id,
                    uint16_t rows,
                    uint16_t columns);

/**
 * Takes the terminal back after a foreground child (CHLD_SPAWN_FOREGROUND) has stopped
 * or exited.
 *
 * `fd`: the controlling terminal of the calling process, usually 0.
 * `modes`: a struct termios, from tcgetattr() before the child was started. NULL leaves
 * the modes as the child has set them.
 *
 * This is what a shell does after every job. The group of the calling process becomes
 * the foreground group of the terminal, and its modes become `modes`.
 *
 * A program calls this from the background. It gets no SIGTTOU for it, whatever its mask
 * and its dispositions are. Nothing is stored: to give a stopped child its own modes
 * back later, call tcgetattr() before this function.
 *
 * Returns 0, or
 * -EBADF: `fd` is not open.
 * -ENOTTY: `fd` is not the controlling terminal of the calling process.
 * -EIO: the terminal is gone.
 * -EPERM, -EINVAL: as tcsetpgrp() and tcsetattr() return them.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
 * Ownership: `modes` is only read.
 * Since 0.1.
 */
int chld_terminal_take(int fd,
                       const void *modes);

/*
 * Queries, descriptors and closing
 */

/**
 * For chld_close_fd() and chld_take_fd(): the caller's end of the child's stdin, stdout
 * or stderr.
 */
#define CHLD_STDIN 0

#define CHLD_STDOUT 1

#define CHLD_STDERR 2

/**
 * Returns the version of the library: "0.1.0".
 *
 * Returns a constant string.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
 * Since 0.1.
 */
const char *chld_version(void);

/**
 * Returns the pid of a child, for messages.
 *
 * `id`: the child.
 *
 * Once the child has exited, the pid may be another process's. Do not send signals to
 * it; use chld_kill().
 *
 * Returns the pid, or
 * -EBADF: `id` is not a valid handle.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
 * Since 0.1.
 */
int chld_pid(chld_id id);

/**
 * Returns a descriptor that becomes readable when the child has exited, for poll(),
 * epoll and every event loop.
 *
 * `id`: the child.
 *
 * Call chld_wait() with timeout 0 when it is readable: it returns the status.
 *
 * The descriptor is the child's pidfd if the kernel supports that. Otherwise it is a
 * pipe that the SIGCHLD handler pokes; the handler then stays installed until
 * chld_close().
 *
 * Returns the descriptor, or
 * -EBADF: `id` is not a valid handle.
 * -EMFILE, -ENFILE, -ENOMEM: no descriptor or memory left. Only without pidfds, or if
 *   the child was started when no descriptor was left.
 *
 * Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
 * Stack: 6 KB.
 * Ownership: the descriptor belongs to the library, which closes it after chld_close().
 * Do not read from it and do not close it. Remove it from an epoll before chld_close().
 * Since 0.1.
 */
int chld_exit_fd(chld_id id);

/**
 * Returns the caller's end of the pipe that CHLD_STDIO_PIPE put on the child's stdin.
 *
 * `id`: the child.
 *
 * Write to it. It is in blocking mode and close-on-exec. Writing raises SIGPIPE when the
 * child no longer reads, as with every pipe.
 *
 * Returns the descriptor, or
 * -ENOENT: there is none, or it was closed or taken.
 * -EBADF: `id` is not a valid handle.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
 * Ownership: the descriptor belongs to the library: chld_close_fd() or chld_close()
 * closes it.
 * Since 0.1.
 */
int chld_stdin_fd(chld_id id);

/**
 * Returns the caller's end of the pipe on the child's stdout, to read from.
 *
 * `id`: the child.
 *
 * Returns the descriptor, or
 * -ENOENT: there is none, or it was closed or taken.
 * -EBADF: `id` is not a valid handle.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
 * Ownership: as for chld_stdin_fd().
 * Since 0.1.
 */
int chld_stdout_fd(chld_id id);

/**
 * Returns the caller's end of the pipe on the child's stderr, to read from.
 *
 * `id`: the child.
 *
 * Returns the descriptor, or
 * -ENOENT: there is none, or it was closed or taken.
 * -EBADF: `id` is not a valid handle.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
 * Ownership: as for chld_stdin_fd().
 * Since 0.1.
 */
int chld_stderr_fd(chld_id id);

/**
 * Closes the caller's end of one of the child's pipes before chld_close() does.
 *
 * `id`: the child.
 * `which`: CHLD_STDIN, CHLD_STDOUT or CHLD_STDERR.
 *
 * Close the end of stdin so that the child sees the end of its input.
 *
 * Returns 0, or
 * -ENOENT: there is none, or it was closed or taken.
 * -EBUSY: a capture of the child is under way.
 * -EINVAL: `which` is none of the three.
 * -EBADF: `id` is not a valid handle.
 *
 * Thread-safe, but no other thread may be using the descriptor. Async-signal-safe. Never
 * blocks. Not a cancellation point. Stack: 2 KB.
 * Ownership: the descriptor is no longer valid.
 * Since 0.1.
 */
int chld_close_fd(chld_id id,
                  int which);

/**
 * Makes the caller's end of one of the child's pipes, or of its pseudo-terminal, the
 * caller's own.
 *
 * `id`: the child.
 * `which`: CHLD_STDIN, CHLD_STDOUT or CHLD_STDERR.
 *
 * The descriptor outlives the handle, and the library no longer reads, writes or closes
 * it. Use this to hand a stream to other code, or to another process.
 *
 * Returns the descriptor, close-on-exec and in blocking mode, or
 * -ENOENT: there is none, or it was closed or taken.
 * -EBUSY: a capture of the child is under way.
 * -EINVAL: `which` is none of the three.
 * -EBADF: `id` is not a valid handle.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
 * Ownership: the descriptor is yours. Close it with close().
 * Since 0.1.
 */
int chld_take_fd(chld_id id,
                 int which);

/**
 * Returns the `user` pointer that the child was started with.
 *
 * `id`: the child.
 * `ret`: where it goes; may be NULL.
 *
 * Returns 0, or
 * -EBADF: `id` is not a valid handle.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
 * Ownership: what the pointer points to is yours. The library does not follow it.
 * Since 0.1.
 */
int chld_user(chld_id id,
              void **ret);

/**
 * Finds the handle of a child by its pid: that of a siginfo_t, for example.
 *
 * `pid`: the number of a process.
 * `ret`: where the handle goes; may be NULL.
 *
 * Once the library has reaped a child, its number may be another process's, and the
 * child is not found by it any more.
 *
 * Returns 0, or
 * -ECHILD: no child with an open handle has this number.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 3 KB.
 * Ownership: it is the handle that the program has already. Close it once.
 * Since 0.1.
 */
int chld_find(int pid,
              chld_id *ret);

/**
 * Gives a running child back to the program: the library forgets it, and does not reap
 * it.
 *
 * `id`: the child.
 * `ret`: where its pid goes; may be NULL.
 *
 * Call waitpid() for the child. This is the counterpart of chld_adopt(). The handle is
 * closed, as by chld_close(), but CHLD_SPAWN_KILL_ON_CLOSE kills nobody:
 * - A child that has exited can be released until a call of the library has returned or
 *   recorded its status: waitpid() returns it.
 * - The caller's ends of its pipes are closed, and the descriptor of chld_exit_fd(). Use
 *   chld_take_fd() before to keep an end. The end of a pseudo-terminal that is closed
 *   last hangs it up: the child gets SIGHUP.
 * - It leaves all sets without an event. The result of a capture in a set is freed.
 *
 * From then on it is a foreign child: chld_reap_foreign() reaps it, and so does a
 * SIGCHLD handler that stands in for "SIGCHLD ignored".
 *
 * Returns 0, or
 * -ESRCH: a call has recorded its exit, or other code has reaped it: the number may be
 *   another process's.
 * -EBUSY: a capture, a stop sequence, a wait or another call is at work on the child.
 * -EINVAL: the child is private: nobody can reap it.
 * -EBADF: `id` is not a valid handle.
 *
 * Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
 * Stack: 3 KB.
 * Ownership: the handle is no longer valid. The child is yours to wait for.
 * Since 0.1.
 */
int chld_release(chld_id id,
                 int *ret);

/**
 * Closes a child's handle, its pipes and its status.
 *
 * `id`: the child.
 *
 * The child is not signalled, unless CHLD_SPAWN_KILL_ON_CLOSE was set. If it still runs,
 * it goes on, and the library reaps it after its exit: at the next call that starts,
 * adopts, captures, stops, closes or waits for a child (or, with many such children, at
 * the next few), or at chld_reap().
 *
 * Calls of other threads that are at work on the child finish undisturbed. Its pipes,
 * and the descriptor of chld_exit_fd(), are closed after them, the latter not before the
 * child has exited.
 *
 * Returns 0, or
 * -EBADF: `id` is not a valid handle, or no longer.
 *
 * Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
 * Stack: 3 KB.
 * Ownership: the handle, the descriptors of the child and the results of its captures
 * are no longer valid.
 * Since 0.1.
 */
int chld_close(chld_id id);

/**
 * Closes, in a forked copy of the program, every descriptor that the copy has inherited
 * from the library.
 *
 * These are the caller's ends of pipes and pseudo-terminals, pidfds, and the descriptors
 * of sets, captures and the SIGCHLD handler. As long as a copy has the caller's end of a
 * pipe open, a child may wait for the end of its input.
 *
 * Call it first in the copy, before anything else opens or closes descriptors:
 *
 *     if (fork() == 0) {
 *         chld_after_fork();
 *         work();
 *
 * It closes no descriptor that chld_take_fd() has given away. What another thread was
 * opening at the moment of the fork may stay open. Do not call it in a copy made by
 * vfork(), which shares the memory of the original. A copy that execs needs no call: all
 * descriptors of the library are close-on-exec.
 *
 * Returns 0, or
 * -EBUSY: this process has used the library, so it is not a fresh copy. Nothing is
 *   closed.
 *
 * Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
 * Since 0.1.
 */
int chld_after_fork(void);

/*
 * Initialisers: every struct that a caller fills begins with one of these.
 */

/** chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT; */
#ifdef __cplusplus
#define CHLD_SPAWN_OPTIONS_INIT chld_initial<chld_spawn_options>()
#else
#define CHLD_SPAWN_OPTIONS_INIT { .size = sizeof(chld_spawn_options) }
#endif

/** chld_stop_plan plan = CHLD_STOP_PLAN_INIT; */
#ifdef __cplusplus
#define CHLD_STOP_PLAN_INIT chld_initial<chld_stop_plan>()
#else
#define CHLD_STOP_PLAN_INIT { .size = sizeof(chld_stop_plan) }
#endif

/** chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT; */
#ifdef __cplusplus
#define CHLD_CAPTURE_OPTIONS_INIT chld_initial<chld_capture_options>()
#else
#define CHLD_CAPTURE_OPTIONS_INIT { .size = sizeof(chld_capture_options) }
#endif

#ifdef __cplusplus
} /* extern "C" */

template <typename Struct> inline Struct chld_initial()
{
    Struct initial = Struct();
    initial.size = sizeof(Struct);
    return initial;
}
#endif

#endif /* CHLD_H */
