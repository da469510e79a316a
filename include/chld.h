/*
 * chld.h - child processes: start them, wait for them, say how they ended.
 *
 * Conventions, for all functions:
 *   - They return an int: >= 0 is success, < 0 is a negative errno (but for a few
 *     that return a name, or NULL). They leave errno itself, the signal mask and
 *     every descriptor that is not theirs as they found them, also when they fail.
 *   - Outputs are called ret or reterr. They are written on success only
 *     (reterr on failure only), and may be NULL where it says so.
 *   - Zero is the default in every member of every struct.
 *   - A handle (chld_id) is a number. A wrong or closed one is -EBADF, always, or
 *     -EINVAL if another argument is wrong as well: never another child.
 *   - After fork() without exec the library of the copy is empty: handles of
 *     the original are -EBADF there.
 *
 * Made by build.rs with cbindgen from src/ffi; do not edit.
 */
#ifndef CHLD_H
#define CHLD_H

#include <stddef.h>
#include <stdint.h>

/** The version of this header; chld_version() is that of the library. */
#define CHLD_VERSION_MAJOR 0
#define CHLD_VERSION_MINOR 1
#define CHLD_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The arguments of a program, NULL at the end: char *argv[], as main() has it, or
 * const char *argv[]. In C++ both convert to one pointer. In C they do not, but gcc
 * and clang pass either of them as it is. Define CHLD_PLAIN_ARGV before you include
 * this header to have the pointer in C, too, as tools do that call C functions from
 * another language.
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
 * It has not ended.
 */
#define CHLD_STATE_RUNNING 0

/**
 * It ended by itself; `code` is its exit code, 0 to 255. (CLD_EXITED)
 */
#define CHLD_STATE_EXITED 1

/**
 * A signal ended it; `code` is the signal. (CLD_KILLED)
 */
#define CHLD_STATE_KILLED 2

/**
 * The same, and a core file was written. (CLD_DUMPED)
 */
#define CHLD_STATE_DUMPED 3

/**
 * A signal stopped it; `code` is the signal. (CLD_STOPPED)
 */
#define CHLD_STATE_STOPPED 5

/**
 * It was continued; `code` is SIGCONT. (CLD_CONTINUED)
 */
#define CHLD_STATE_CONTINUED 6

/**
 * It has ended, but somebody else reaped it and the kernel no longer tells
 * how. Never reported as an exit code.
 */
#define CHLD_STATE_LOST 15

/**
 * How a child is, or how it ended.
 */
typedef struct chld_status {
    /**
     * One of CHLD_STATE_*.
     */
    int32_t state;
    /**
     * The exit code or the signal, as `state` says; else -1, so that `code == 0`
     * is never true of anything but an exit with 0.
     */
    int32_t code;
    /**
     * 1 if a core file was written, else 0.
     */
    int32_t core;
    /**
     * What waitpid() would have stored, for the W* macros of <sys/wait.h>;
     * -1 where there is none (running, lost).
     */
    int32_t wait_word;
} chld_status;

/**
 * Reads a wait status word, as waitpid() stores it.
 *
 * `wait_word`: any int.
 * `ret`: where the status goes; may be NULL.
 *
 * Returns 0, or -EINVAL for a word that none of the W* macros knows.
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
int chld_status_decode(int wait_word, struct chld_status *ret);

/**
 * Makes a wait status word from `state` and `code`; the other members are not
 * looked at.
 *
 * Returns the word, 0 to 0xffff, or -EINVAL if there is none for this (still
 * running, lost, a code out of range, NULL).
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
int chld_status_encode(const struct chld_status *status);

/**
 * What a shell's `$?` would be: the exit code, or 128 + n for signal n.
 *
 * Returns that number, -EINVAL for a child that has not ended or stopped or a code
 * out of range, or -ENODATA for CHLD_STATE_LOST.
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
int chld_status_shell_code(const struct chld_status *status);

/**
 * Says it in words: "exited with code 42", "killed by SIGSEGV (segmentation
 * fault), core dumped".
 *
 * `buffer`, `size`: where to; what does not fit is cut, and a NUL always ends
 * it. NULL with 0 asks for the length.
 *
 * Returns the length of the whole text without its NUL, as snprintf() does,
 * or -EINVAL for a state that does not exist or a code out of range.
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
int chld_status_text(const struct chld_status *status,
                     char *buffer,
                     size_t size);

/**
 * Ends the calling process in the way that `status` tells: the same exit code,
 * or the same signal (no core file is written unless there was one). Meant for
 * a program that stands in for its child: its own parent then learns what
 * really happened. No atexit() function runs.
 *
 * Returns only if it cannot: -EINVAL if the status is not that of an end, its code
 * is out of range, or its signal one that ends nobody (SIGSTOP, SIGCHLD).
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
int chld_status_raise(const struct chld_status *status);

/**
 * The name of a signal: "SIGKILL" for 9, "SIGRTMIN+3", "SIGRTMAX".
 *
 * Returns a constant string, or NULL if `signal` is no signal, or one that the
 * C library keeps for itself.
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
const char *chld_signal_name(int signal);

/**
 * The same in words: "segmentation fault" for SIGSEGV. English always.
 *
 * Returns a constant string, or NULL as chld_signal_name() does.
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
const char *chld_signal_text(int signal);

/**
 * The signal that a name means: "KILL", "SIGKILL", "sigkill", "9", "RTMIN+3",
 * "SIGRTMAX-1".
 *
 * Returns its number, or -EINVAL if it names none.
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
int chld_signal_number(const char *name);

/**
 * The signals of a sigset_t as a number, as chld_spawn_options has them: bit n - 1
 * is signal n.
 *
 * `set`: a sigset_t. Must not be NULL.
 * `ret`: where the number goes. Must not be NULL.
 *
 * Returns 0, -EINVAL if an argument is NULL.
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
int chld_sigset_decode(const void *set,
                       uint64_t *ret);

/**
 * The reverse: makes a sigset_t of a number. Signals that the C library keeps for
 * itself are left out.
 *
 * `signals`: bit n - 1 is signal n.
 * `ret`: a sigset_t, which need not be initialized. Must not be NULL.
 *
 * Returns 0, -EINVAL if `ret` is NULL.
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
int chld_sigset_encode(uint64_t signals,
                       void *ret);

/*
 * Starting a child
 */

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
 * chld_run() only: the capture, or its options, for which nothing is started.
 */
#define CHLD_STEP_CAPTURE 29

/**
 * The size of the member `item` of chld_error.
 */
#define CHLD_ERROR_ITEM 112

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
 * The child's side of a new pseudo-terminal, which has `rows` and `columns`. All
 * streams in this mode have the same one. The child begins a session, and this is
 * its controlling terminal. The caller's ends are those of CHLD_STDIO_PIPE, one
 * descriptor for each stream. Reading from them fails with EIO when no process
 * has the child's side open any more.
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
 * Nobody waits for the child. Its parent is init or the nearest subreaper. There
 * is no handle: `ret` receives CHLD_NONE and may be NULL. Excludes pipes,
 * pseudo-terminals and a death signal.
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
 * cgroup. chld_kill_tree() with SIGKILL then kills all processes in it (Linux
 * 5.14), so no descendant escapes.
 */
#define CHLD_SPAWN_CGROUP_OWN 32768

/**
 * The child ignores what the caller ignores, except SIGPIPE and SIGCHLD.
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
 * The caller's descriptor `source` becomes the child's `target`.
 */
typedef struct chld_fd_map {
    int32_t source;
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
     * The program to run, if it differs from argv[0]. Relative paths, including
     * those in PATH, are resolved in the child after it has changed to `cwd`.
     * Stream paths are resolved in the caller's working directory.
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
     * The working directory. NULL inherits the caller's. As a program may, it may
     * lead to a descriptor of the caller, as /proc/self/fd/9 does.
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
     * The child's stdin, stdout and stderr.
     */
    struct chld_stdio in;
    struct chld_stdio out;
    struct chld_stdio err;
    /**
     * More descriptors for the child. All entries take effect at once: 3 to 4 and
     * 4 to 3 swaps the two.
     */
    const struct chld_fd_map *fds;
    /**
     * The number of entries.
     */
    size_t fds_count;
    /**
     * For CHLD_STDIO_PTY: the size of the window, in characters.
     */
    uint16_t rows;
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
     * The number of entries.
     */
    size_t limits_count;
    /**
     * The CPUs on which the child may run, as for sched_setaffinity(). NULL
     * changes nothing.
     */
    const void *cpus;
    /**
     * The number of bytes.
     */
    size_t cpus_size;
    /**
     * For CHLD_SPAWN_GROUPS. NULL for no supplementary groups.
     */
    const uint32_t *groups;
    /**
     * The number of entries.
     */
    size_t groups_count;
    /**
     * For CHLD_SPAWN_GID and CHLD_SPAWN_UID. The child sets groups, gid and uid
     * in this order. The calling process keeps its own.
     */
    uint32_t gid;
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
     * For CHLD_SIGNALS_IGNORING: bit n - 1 is signal n. chld_sigset_decode()
     * makes such a number of a sigset_t.
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
     * The path, directory, program, interpreter or entry at which the step
     * failed; empty if there is none. It ends with a NUL and is cut if it is
     * longer.
     */
    char item[CHLD_ERROR_ITEM];
    /**
     * The rule that the call has broken, for chld_error_text(); 0 for none. The
     * numbers belong to the library and change between versions.
     */
    int32_t reason;
} chld_error;

/**
 * Starts a child.
 *
 * `ret`: where its handle goes. Must not be NULL unless CHLD_SPAWN_DETACHED is set.
 * `argv`: the arguments, NULL at the end. argv[0] is the program unless the options
 * name another one. A program without a slash in its name is searched along PATH by
 * execvp()'s rules: a directory that must not be searched makes the error -EACCES if
 * no other directory has the program, and else the error of the last directory counts.
 * `options`: NULL for the defaults. The child then has the caller's environment,
 * working directory, standard streams, group, session and limits, and no other
 * descriptors. It starts with an empty signal mask and no handlers. SIGPIPE and SIGCHLD
 * are reset to their defaults; other signals that the caller ignores stay ignored.
 * `reterr`: where the step that failed goes; may be NULL. Written on failure only.
 *
 * The call returns when the child has executed its program, or when that has failed:
 * a program that cannot be run is an error of this call, not an exit code later. On
 * failure nothing is left: no child, no zombie, no descriptor, no handle.
 *
 * If a signal kills the child before its exec, or the kernel does (out of memory, a
 * CPU limit, cgroup.kill), the start succeeds and the status has the signal.
 *
 * All signals are blocked in the calling thread during a start, and in the child until
 * its exec. A stop signal that comes meanwhile (^Z) stops the program right after its
 * exec if the child is in the caller's group or has the terminal, and is discarded
 * otherwise. These can still hold a child before its exec, and with it the calling
 * thread, until SIGCONT or SIGKILL comes: SIGSTOP, a freezer, a debugger.
 *
 * A child that changes its user or groups does not share the caller's memory, so that
 * the new user gets no access to it. The price is that of fork() with a large caller.
 * The new user can delay the start: by SIGSTOP, or by a file system of their own in
 * `cwd` or PATH.
 *
 * Libraries in LD_PRELOAD that intercept exec functions do not see a start, because
 * the child makes system calls only. A program that needs them uses posix_spawn() and
 * chld_adopt().
 *
 * The call needs 12 KB of stack. Under valgrind and qemu-user a start also waits for
 * copies of the process that other threads fork() meanwhile, until these exec or
 * exit.
 *
 * Returns 0, or
 * -EINVAL if `ret` or `argv` is NULL or empty, or if options do not exist or contradict
 * each other: "arguments", "options", "environment", "stdio", "map", "terminal",
 * "group", "limit", "affinity", "setgroups", "setgid", "setuid", "death_signal",
 * "signals", "clone",
 * -E2BIG if options of a later version are set ("options"), or if the arguments are too
 * long for the kernel ("exec"),
 * -EBADF if a descriptor is not open: "stdio", "map", "chdir", "exec", "cgroup",
 * -ENOENT, -EACCES, -ENOEXEC, -ENOTDIR, -ELOOP if the program is missing, must not be
 * executed, or is not a program ("exec"), if that is so of its interpreter
 * ("interpreter"), or if a path leads nowhere ("open", "chdir"),
 * -ENOMEM, -EAGAIN, -EMFILE, -ENFILE without memory, processes or descriptors:
 * "memory", "pipe", "pty", "open", "clone",
 * -EPERM if the caller must not do what the step is named for,
 * or another error of the call that the step is named for. The quoted words are the
 * steps in `reterr`. The section STEPS of the manual page, and docs/options.md, list
 * every option with its step, errors and kernel version.
 * Ownership: the handle is yours until chld_close(). The caller's ends of pipes and
 * pseudo-terminals belong to the library: chld_close_fd() or chld_close() closes them.
 * Descriptors that you pass stay yours. The library keeps nothing else that you pass.
 * Thread-safe, but it reads the environment, so do not call setenv() meanwhile. Not
 * async-signal-safe. Blocks until the exec, and while it opens a path, as open() does.
 * Not a cancellation point. Since 0.1.
 */
int chld_spawn(chld_id *ret,
               chld_argv argv,
               const struct chld_spawn_options *options,
               struct chld_error *reterr);

/**
 * Takes over a child that the calling process has started by other means, for example
 * by fork(). From then on only the library may wait for it.
 *
 * `ret`: where its handle goes. Must not be NULL.
 * `pid`: the child. Nobody may have reaped it.
 *
 * Its chld_user() is NULL, and it has no pipes. The library does not know whether it
 * leads a group, so chld_kill_group() and CHLD_TARGET_GROUP treat it as if it led none.
 * A handle that was closed while its child ran cannot be had again: -EEXIST.
 *
 * Returns 0, or
 * -ECHILD if `pid` is no child of this process,
 * -EEXIST if the library has this child already,
 * -EINVAL if `ret` is NULL,
 * -ENOMEM, -EAGAIN without memory, or without room in the table of children.
 * Ownership: the handle is yours until chld_close().
 * Thread-safe, not async-signal-safe, never blocks. Since 0.1.
 */
int chld_adopt(chld_id *ret,
               int pid);

/**
 * The name of a CHLD_STEP_*: "exec", "chdir", ... The names do not change.
 *
 * Returns a constant string, or NULL if `step` is none.
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
const char *chld_step_name(int step);

/**
 * Writes what failed, as in "chdir /nowhere: No such file or directory" or "options:
 * size is 0; initialize with CHLD_SPAWN_OPTIONS_INIT".
 *
 * `buffer`, `size`: as for chld_status_text().
 *
 * Control characters in `item`, such as the carriage return of a script with
 * Windows line ends, are written as ^M.
 *
 * Returns the length of the whole text without its NUL, or
 * -EINVAL if the step does not exist.
 * Thread-safe, never blocks. Not async-signal-safe: the words of an errno come from
 * strerror_r(), in the caller's locale. Since 0.1.
 */
int chld_error_text(const struct chld_error *error,
                    char *buffer,
                    size_t size);

/*
 * Waiting
 */

/**
 * chld_wait_change() tells of stops.
 */
#define CHLD_WATCH_STOPPED 1

/**
 * chld_wait_change() tells of continuations.
 */
#define CHLD_WATCH_CONTINUED 2

/**
 * What was learnt about one of several children.
 */
typedef struct chld_event {
    /**
     * The child.
     */
    chld_id id;
    /**
     * Its `user` pointer.
     */
    void *user;
    /**
     * Its position in the list that was waited for.
     */
    size_t index;
    /**
     * How it ended.
     */
    chld_status status;
} chld_event;

/**
 * What a child has used up, as wait4() tells it: the child itself and those of
 * its own children that it has waited for.
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
     * The largest resident set, in KiB. The kernel counts from the start of
     * the process, which shares its parent's memory until exec: the figure is
     * at least the parent's own size at that time.
     */
    uint64_t max_resident_kib;
    /**
     * Page faults that needed no reading.
     */
    uint64_t minor_faults;
    /**
     * Page faults that did.
     */
    uint64_t major_faults;
    /**
     * Blocks read, of 512 bytes.
     */
    uint64_t blocks_in;
    /**
     * Blocks written, of 512 bytes.
     */
    uint64_t blocks_out;
    /**
     * Times that it gave up the CPU to wait.
     */
    uint64_t voluntary_switches;
    /**
     * Times that the CPU was taken from it.
     */
    uint64_t involuntary_switches;
} chld_resources;

/**
 * Waits until a child has ended, and says how.
 *
 * `id`: the child.
 * `timeout_ms`: how long at most, in milliseconds on the monotonic clock; -1
 * without limit, 0 to look and not wait.
 * `ret`: where the status goes; may be NULL. Written on success only.
 *
 * It can be called again, and by several threads at once: each gets the same
 * answer, until chld_close(). The zombie is gone when it returns, unless
 * another call is still at work on this child. Signal handlers run meanwhile,
 * but the call goes on after them: there is no -EINTR.
 *
 * Returns 0, -ETIMEDOUT if it has not ended by then, -EBADF if `id` is no
 * child, -EINVAL if `timeout_ms` is below -1, -EAGAIN if more than 16,000
 * calls are at work on this child. With a limit and without pidfds, also what
 * chld_set_open() says.
 * Thread-safe. Not async-signal-safe: see chld_peek(). Blocks, no longer than
 * it is told to. Not a cancellation point. Since 0.1.
 */
int chld_wait(chld_id id, int timeout_ms, chld_status *ret);

/**
 * Waits until one of several children has ended.
 *
 * `ids`, `count`: the children; CHLD_NONE entries are passed over, so that a
 * caller can strike out those it is done with.
 * `timeout_ms`: as for chld_wait().
 * `ret`: which one and how; may be NULL. If several have ended, the first in
 * the list. A child that has been reported stays ended: it is reported again.
 *
 * Costs one look per child: a program with hundreds of children keeps a set.
 *
 * Returns 0, -ETIMEDOUT if none has ended by then, -ECHILD if there is no child
 * in the list, -EBADF if one of them is none, -EINVAL for NULL with a count, more
 * than 4,194,304 children, or a `timeout_ms` below -1, -EAGAIN as chld_wait()
 * does, -ENOMEM without memory for a long list. With more than 32 children, or
 * without pidfds, also what chld_set_open() says.
 * Thread-safe, not async-signal-safe. Blocks, no longer than it is told to.
 * Not a cancellation point. Since 0.1.
 */
int chld_wait_any(const chld_id *ids,
                  size_t count,
                  int timeout_ms,
                  struct chld_event *ret);

/**
 * Waits until a child has stopped, was continued, or has ended.
 *
 * `changes`: CHLD_WATCH_STOPPED, CHLD_WATCH_CONTINUED, both, or 0 for both.
 * An end is always told.
 * `timeout_ms`: as for chld_wait().
 * `ret`: what happened; may be NULL.
 *
 * Each stop and each continuation is told once, to one caller; the kernel
 * keeps only the latest. The end is told as chld_wait() tells it.
 *
 * Returns as chld_wait() does, and -EINVAL for unknown bits in `changes`. With a
 * limit it keeps a SIGCHLD handler installed, and may say what chld_set_open()
 * says.
 * Thread-safe, not async-signal-safe. Blocks, no longer than it is told to.
 * Not a cancellation point. Since 0.1.
 */
int chld_wait_change(chld_id id,
                     uint32_t changes,
                     int timeout_ms,
                     chld_status *ret);

/**
 * What is known about a child without asking the kernel: how it ended, if a
 * call of this library has seen that, else CHLD_STATE_RUNNING.
 *
 * Returns 0, or -EBADF if `id` is no child.
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
int chld_peek(chld_id id, chld_status *ret);

/**
 * What an ended child has used up, as wait4() would have told.
 *
 * `ret`: where it goes; may be NULL.
 *
 * Returns 0, -EBUSY if no call has seen it end yet, -ENODATA if nobody could
 * ask (somebody else reaped it), -EBADF if `id` is no child.
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
int chld_usage(chld_id id, struct chld_resources *ret);

/*
 * Sets: many children in an event loop
 */

/**
 * Use SIGCHLD and a self-pipe though the kernel has pidfds.
 */
#define CHLD_SET_SIGCHLD 1

/**
 * A set of children whose ends are told one by one, as a number. As a child's
 * handle, it is -EBADF once it is closed.
 */
typedef uint64_t chld_set;

/**
 * Opens a set: a queue of ends, with a descriptor for any event loop. Sets are
 * independent of each other: a child may be in several, and each tells of it.
 *
 * `flags`: 0, or CHLD_SET_SIGCHLD.
 * `ret`: where the set goes. Not NULL.
 *
 * With pidfds it is one epoll descriptor: no signal handler, and an end costs
 * the same however many children live. Without, or by request, it keeps the
 * SIGCHLD handler installed until chld_set_close(), and is the read end of a
 * pipe; at least one thread must then have SIGCHLD unblocked.
 *
 * Returns 0, -EINVAL for unknown flags or a NULL `ret`, -EMFILE, -ENFILE,
 * -ENOMEM, -EAGAIN without descriptors, memory, or room for another set, -EBUSY
 * if four foreign SIGCHLD handlers lie on top of ours.
 * Ownership: the set is the caller's, until chld_set_close().
 * Thread-safe, not async-signal-safe, never blocks. Since 0.1.
 */
int chld_set_open(uint32_t flags, chld_set *ret);

/**
 * Puts a child into a set. If it has ended already, the set tells so at once.
 * chld_close() of the child takes it out.
 *
 * Returns 0, -EEXIST if it is in this set already, -EBADF if one of the two is
 * none, -ENOSPC at the system's limit for epoll, -ENOMEM, -EAGAIN without memory
 * or room; -ENOSYS if the child has no pidfd, as one that was started when no
 * descriptor was left: a set opened with CHLD_SET_SIGCHLD takes it.
 * Ownership: both handles stay the caller's.
 * Thread-safe, not async-signal-safe, never blocks. Since 0.1.
 */
int chld_set_add(chld_set set,
                 chld_id id);

/**
 * The descriptor to poll for reading: it stays readable as long as
 * chld_set_next() has something to tell (level-triggered), and now and then for
 * nothing.
 *
 * Returns the descriptor, or -EBADF if `set` is none.
 * Ownership: it belongs to the set, and chld_set_close() closes it: do not read
 * it, do not close it.
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
int chld_set_fd(chld_set set);

/**
 * Takes the next end out of a set, if there is one.
 *
 * `ret`: which child, and how it ended (`index` is 0); may be NULL.
 *
 * Each child is told once by each set it is in. It is reaped by then, its
 * status stays readable with chld_wait() until chld_close().
 *
 * Returns 0, -EAGAIN when there is nothing to tell, -EBADF if `set` is none.
 * Thread-safe: several threads may take from one set. Not async-signal-safe.
 * Never blocks. Since 0.1.
 */
int chld_set_next(chld_set set, chld_event *ret);

/**
 * Takes the next end out of a set, as chld_set_next() does, and waits for it.
 *
 * `timeout_ms`: as for chld_wait().
 * `ret`: which child, and how it ended (`index` is 0); may be NULL.
 *
 * For a program that has no event loop: one call per end, however many children
 * live. Children may be added meanwhile, by other threads. Closing the set does
 * not wake it.
 *
 * Returns 0, -ETIMEDOUT if no child has ended by then, -EBADF if `set` is none,
 * -EINVAL if `timeout_ms` is below -1.
 * Thread-safe: several threads may wait for one set. Not async-signal-safe.
 * Blocks, no longer than it is told to. Not a cancellation point. Since 0.1.
 */
int chld_set_wait(chld_set set, int timeout_ms, chld_event *ret);

/**
 * Closes a set and its descriptor. The children in it are left as they are.
 *
 * Returns 0, or -EBADF if `set` is none, or no longer.
 * Thread-safe, not async-signal-safe, never blocks. Since 0.1.
 */
int chld_set_close(chld_set set);

/*
 * SIGCHLD, polling, and the duty of an init
 */

/**
 * The handler only sets the flag and pokes the pipe; reaping is left to the
 * program's own calls.
 */
#define CHLD_SIGCHLD_NOTIFY 1

/**
 * The kernel tells of ends by pidfd: no handler, no signal.
 */
#define CHLD_ENGINE_PIDFD 1

/**
 * They are learnt by SIGCHLD and self-pipe where a limit, a set or an exit
 * descriptor needs it.
 */
#define CHLD_ENGINE_SIGCHLD 2

/**
 * SIGCHLD is ignored: the kernel reaps children by itself, and statuses can
 * only be recovered from pidfds, since Linux 6.15.
 */
#define CHLD_ENV_SIGCHLD_IGNORED 1

/**
 * SA_NOCLDWAIT is set, with the same effect.
 */
#define CHLD_ENV_NOCLDWAIT 2

/**
 * The calling thread blocks SIGCHLD. That harms the SIGCHLD engine if every
 * thread does.
 */
#define CHLD_ENV_SIGCHLD_BLOCKED 4

/**
 * Our handler should be in force, and another one is. If that does not chain,
 * ours is deaf; chld_sigchld_install() puts it back on top.
 */
#define CHLD_ENV_HANDLER_OVERWRITTEN 8

/**
 * No pidfd: see chld_engine().
 */
#define CHLD_ENV_NO_PIDFD 16

/**
 * Descriptor 0, 1 or 2 of this process is closed.
 */
#define CHLD_ENV_STDIN_CLOSED 32

#define CHLD_ENV_STDOUT_CLOSED 64

#define CHLD_ENV_STDERR_CLOSED 128

/**
 * Installs a SIGCHLD handler that reaps the children of this library, and
 * nobody else's, as soon as they end. Their statuses are kept: chld_peek() and
 * chld_wait() tell them at any later time. A program that never calls in
 * again collects no zombies.
 *
 * `flags`: 0, or CHLD_SIGCHLD_NOTIFY.
 *
 * The handler that was there before keeps being called, as it asked to be
 * (SA_SIGINFO, mask, SA_NOCLDSTOP, …). A handler installed on top later works
 * if it calls ours, as it should. The handler leaves errno as it was, also if
 * the one before does not. System calls of the program that SIGCHLD interrupts
 * are restarted where signal(7) says that SA_RESTART does that (read(), waitpid();
 * never poll(), select(), epoll_wait(), nanosleep()), unless an earlier handler was
 * installed without it. Calling this again changes the mode, and puts the handler
 * back on top if it was overwritten.
 *
 * At least one thread must have SIGCHLD unblocked: see chld_environment().
 *
 * Returns 0, -EINVAL for unknown flags, -EMFILE, -ENFILE, -ENOMEM, -EAGAIN
 * without descriptors or memory, -EBUSY if four foreign handlers lie on top.
 * Thread-safe, not async-signal-safe, never blocks. Since 0.1.
 */
int chld_sigchld_install(uint32_t flags);

/**
 * Undoes chld_sigchld_install(). What was installed before comes back, if our
 * handler is still the one in force; else ours stays below the foreign one and
 * does nothing but chain. Sets that need the handler keep it.
 *
 * Returns 0, or -ENOENT if it is not installed.
 * Thread-safe, not async-signal-safe, never blocks. Since 0.1.
 */
int chld_sigchld_remove(void);

/**
 * A descriptor that becomes readable with every SIGCHLD, after
 * chld_sigchld_install(). Poll it, and call chld_sigchld_pending() when it is
 * readable.
 *
 * Returns the descriptor, or -ENOENT if the handler is not installed.
 * Ownership: it belongs to the library, and chld_sigchld_remove() closes it: do
 * not read it, do not close it.
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
int chld_sigchld_fd(void);

/**
 * Whether a SIGCHLD has come since the last call of this. A signal means
 * "look", never "one": look at every child (chld_reap(), chld_wait() with 0)
 * after this has returned, and none is missed.
 *
 * Returns 1 or 0, or -ENOENT if the handler is not installed.
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
int chld_sigchld_pending(void);

/**
 * Reaps every child of the library that has ended, and nobody else's, without
 * waiting: cleaning up by polling, with or without a handler.
 *
 * Returns how many were found to have ended that nobody had seen end before.
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
int chld_reap(void);

/**
 * What waits and sets run on, on this kernel and in this sandbox.
 *
 * Returns CHLD_ENGINE_PIDFD or CHLD_ENGINE_SIGCHLD.
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
int chld_engine(void);

/**
 * What in this process stands in the way of children and their statuses, to be
 * told to a person.
 *
 * `ret`: CHLD_ENV_* bits; may be NULL.
 *
 * Returns 0, or a negative errno that sigaction() gave.
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
int chld_environment(uint32_t *ret);

/**
 * Makes orphaned descendants children of this process (1), or no longer (0):
 * for supervisors, and for inits that are not pid 1. They are reaped by
 * chld_reap_foreign().
 *
 * Returns 0, -EINVAL if `on` is neither, or -ENOSYS where the system has no
 * such thing (it is Linux's since 3.4).
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
int chld_subreaper(int on);

/**
 * Reaps every child of this process that has ended and is not this library's:
 * the duty of pid 1 and of subreapers. Children of the library are reaped as
 * well, but keep their statuses for their handles. Not for a program in which
 * somebody else waits for children of theirs.
 *
 * `callback`: called for each foreign child, with its pid and status; may be NULL.
 * `argument`: passed to it.
 *
 * The kernel shows one child that has ended at a time. As long as a call is at
 * work on one of the library's that has ended (a capture, chld_stop()), or a child
 * is between clone and exec, foreign children behind it are not seen: call this again
 * after it.
 *
 * Returns how many foreign children were reaped.
 * Thread-safe, as the callback is; async-signal-safe, if the callback is. Never
 * blocks. Since 0.1.
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
 * When the child has ended, what is left of its group or tree gets SIGKILL. Of
 * a tree, that is then the child's own group and session: the others cannot be
 * found any more. If nobody may survive, let the first step be SIGKILL. A capture
 * sweeps only if a step was taken. Nothing is left of CHLD_TARGET_CHILD.
 */
#define CHLD_STOP_SWEEP 1

/**
 * One step of a plan.
 */
typedef struct chld_stop_step {
    /**
     * The signal; 0 sends none, and only waits.
     */
    int32_t signal;
    /**
     * How long to wait for the end after it, in milliseconds; -1 without limit,
     * 0 goes on at once.
     */
    int32_t wait_ms;
} chld_stop_step;

/**
 * How to end a child. Begin with CHLD_STOP_PLAN_INIT.
 */
typedef struct chld_stop_plan {
    /**
     * sizeof(chld_stop_plan), set by CHLD_STOP_PLAN_INIT.
     */
    size_t size;
    /**
     * One of CHLD_TARGET_*: whom the signals go to.
     */
    uint32_t target;
    /**
     * CHLD_STOP_* bits.
     */
    uint32_t flags;
    /**
     * The steps, in their order.
     */
    const struct chld_stop_step *steps;
    /**
     * How many. 0: SIGTERM, 2000 ms, SIGKILL, 2000 ms.
     */
    size_t steps_count;
} chld_stop_plan;

/**
 * Sends a signal to a child, and to nobody else: not to a process that has its
 * pid by now.
 *
 * `signal`: 1 to SIGRTMAX.
 *
 * Returns 0, -ESRCH if the child has ended (nothing is sent, whether or not
 * anybody has waited for it; that does not tell its end, see chld_kill_group()),
 * -EINVAL if `signal` is none (0 included: to learn whether it runs, use
 * chld_wait() with 0), -EPERM if the child runs as somebody else by now, -EBADF if
 * `id` is no child.
 * Thread-safe, also while another thread waits. Async-signal-safe. Never
 * blocks. Since 0.1.
 */
int chld_kill(chld_id id,
              int signal);

/**
 * Sends a signal to the process group of a child that was started as the
 * leader of one (CHLD_GROUP_NEW, CHLD_SPAWN_SESSION): to the child and to its
 * descendants that have not moved to another group.
 *
 * `signal`: as for chld_kill().
 *
 * Never to another group that has the number by now. Where the kernel cannot
 * name a group by pidfd (before Linux 6.9), that is because the number stays
 * taken until the leader is reaped, and the library does that only after a call
 * has told its end, or when its SIGCHLD handler sees it. So the group of a child
 * that has ended can be signalled as long as no call has told the end, and no
 * such handler is installed (CHLD_ENGINE_SIGCHLD, chld_sigchld_install()); not
 * after that.
 *
 * Returns 0; -EINVAL if the child leads no group of its own, whose group is
 * somebody else's then, or if `signal` is none; -ESRCH once a call has told the
 * child's end, or if nobody is left in the group; -EPERM if none of them may be
 * signalled; -EBADF if `id` is no child.
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
int chld_kill_group(chld_id id,
                    int signal);

/**
 * Sends a signal to a child and all its descendants, as far as they can be
 * found, also those in groups and sessions of their own; and says how many are
 * left.
 *
 * `signal`: as for chld_kill(). With SIGKILL everybody is stopped first, so
 * that nobody can start more meanwhile, and the call waits until they are gone,
 * a second at most.
 * `survivors`: how many of the tree live when the call returns: those that
 * have not ended by the signal, or may not be signalled; may be NULL.
 *
 * They are found in /proc: children of the tree, and members of a group or a
 * session that a process of the tree leads. A process whose parent has ended
 * ("double fork"), and which is in a group and a session of its own besides,
 * is found only if the child was started with CHLD_SPAWN_SUBREAPER and lives.
 * Without that it has become a child of init, and is neither found nor
 * counted; or, if the caller is a subreaper or init itself, a child of the
 * caller's. There nobody can tell whose it was: it is left alone, and counted
 * with the survivors, as is every other child that the program has started
 * after this one by other means than this library.
 * A cgroup of the child's own (CHLD_SPAWN_CGROUP_OWN) has no such gaps: SIGKILL
 * ends all that is in it by one write to its cgroup.kill (since Linux 5.14),
 * also after the child's end has been told, until chld_close().
 * Signals go to exactly the processes that were found, by pidfd; before Linux
 * 5.3, by pid right after a look.
 *
 * Returns 0; -ENOSYS if /proc is not there or is another pid namespace's: then
 * the child's group was signalled if it leads one, else the child alone, and
 * `survivors` is not written; -ESRCH once a call has told the child's end
 * (until then, what is left of its group and session is found); -EINVAL if
 * `signal` is none; -EBADF if `id` is no child; -EMFILE, -ENFILE, -ENOMEM
 * without descriptors or memory for the search.
 * Thread-safe, not async-signal-safe. Blocks for a second at most, see above, and
 * reads all of /proc. Since 0.1.
 */
int chld_kill_tree(chld_id id,
                   int signal,
                   uint32_t *survivors);

/**
 * Ends a child by degrees: sends the first signal, waits, sends the next.
 * Returns as soon as the child has ended; if it has already, at once.
 *
 * `plan`: NULL for SIGTERM and, two seconds later, SIGKILL, to the child alone.
 * `ret`: how it ended; may be NULL.
 *
 * Its group can be signalled to the last, as it is not reaped before the call
 * returns. Afterwards it cannot: CHLD_STOP_SWEEP sees to those that are left.
 *
 * Returns 0; -ETIMEDOUT if it has not ended after the last step (it is in the
 * kernel, or the plan has no SIGKILL); -EPERM, or what else sending says, if the
 * last signal could not be sent; -EINVAL for a plan that has unknown targets,
 * flags or signals, NULL for its steps, a wait below -1, or a group that the child
 * does not lead; -E2BIG for a later version's plan; -EBADF if `id` is no child.
 * Without pidfds also what chld_set_open() says.
 * Thread-safe, not async-signal-safe. Blocks, no longer than the plan's waits
 * together, and what chld_kill_tree() takes. Not a cancellation point.
 * Since 0.1.
 */
int chld_stop(chld_id id,
              const struct chld_stop_plan *plan,
              chld_status *ret);

/*
 * Capturing output
 */

/**
 * Nothing. A pipe to the child's stdin is closed at once; chld_run() makes
 * none.
 */
#define CHLD_FEED_NONE 0

/**
 * `size` bytes at `data`, then the end.
 */
#define CHLD_FEED_BUFFER 1

/**
 * What `callback` gives.
 */
#define CHLD_FEED_CALLBACK 2

/**
 * Nothing is kept: a pipe is read, counted and thrown away. chld_run() makes
 * none for this.
 */
#define CHLD_SINK_NONE 0

/**
 * The first `size` bytes, in `buffer`.
 */
#define CHLD_SINK_HEAD 1

/**
 * The last `size` bytes, in `buffer`.
 */
#define CHLD_SINK_TAIL 2

/**
 * The first half of `size` and the last, in `buffer`.
 */
#define CHLD_SINK_HEAD_TAIL 3

/**
 * All, or the first `size` bytes if that is not 0, in memory from realloc() with
 * a NUL behind it: an empty string if nothing came. It is the caller's, for
 * chld_buffer_free().
 */
#define CHLD_SINK_GROW 4

/**
 * All is given to `callback`.
 */
#define CHLD_SINK_CALLBACK 5

/**
 * All goes on to `fd`, inside the kernel where that can splice.
 */
#define CHLD_SINK_FD 6

/**
 * Wait for the end of stdout's and stderr's pipes too, within the limit: for
 * output that a descendant goes on writing when the child has ended. The input
 * goes on as long.
 */
#define CHLD_CAPTURE_EOF 1

/**
 * How many descriptors one capture waits for at most.
 */
#define CHLD_CAPTURE_FDS 4

/**
 * What the child reads on its stdin.
 */
typedef struct chld_feed {
    /**
     * One of CHLD_FEED_*.
     */
    uint32_t mode;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * For CHLD_FEED_BUFFER.
     */
    const char *data;
    /**
     * How many bytes.
     */
    size_t size;
    /**
     * For CHLD_FEED_CALLBACK: puts up to `size` bytes into `buffer` and returns
     * how many; 0 is the end of the input. A negative errno ends it too, and
     * becomes `feed_error`, positive; -EAGAIN, -EINTR and what is no errno become
     * EIO, and more than `size` EINVAL. It is called when the pipe has room, and
     * must not block: nothing else happens meanwhile.
     */
    int (*callback)(void *argument, char *buffer, size_t size);
    /**
     * Its first argument.
     */
    void *argument;
} chld_feed;

/**
 * What becomes of what the child writes on its stdout or stderr.
 */
typedef struct chld_sink {
    /**
     * One of CHLD_SINK_*. All of them read to the end, also when they keep
     * nothing more, so that the child is not held up.
     */
    uint32_t mode;
    /**
     * For CHLD_SINK_FD. It stays the caller's, in the mode it is in. As long as
     * it takes nothing, its stream is not read: what it has not taken at the
     * limit stays in the pipe, and counts in `total`.
     */
    int32_t fd;
    /**
     * For CHLD_SINK_HEAD, _TAIL, _ENDS.
     */
    char *buffer;
    /**
     * Its size, and for CHLD_SINK_GROW.
     */
    size_t size;
    /**
     * For CHLD_SINK_CALLBACK: takes the bytes. If it returns anything but 0, it
     * is called no more, and the child is ended by the stop plan. It must not
     * block: nothing else happens meanwhile.
     */
    int (*callback)(void *argument, const char *data, size_t size);
    /**
     * Its first argument.
     */
    void *argument;
} chld_sink;

/**
 * What chld_capture() and chld_run() can be told. Begin with
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
     * The limit on all of it, in milliseconds: feeding, reading, the end, and
     * the rest in the pipes. When it is reached, the child is ended by `stop`,
     * whose time comes on top. 0 (which elsewhere only looks) or -1: no limit.
     */
    int32_t timeout_ms;
    /**
     * The child's stdin, stdout and stderr.
     */
    struct chld_feed in;
    struct chld_sink out;
    struct chld_sink err;
    /**
     * How to end the child at the limit. NULL: as chld_stop() does with NULL.
     */
    const chld_stop_plan *stop;
} chld_capture_options;

/**
 * What came on one stream.
 */
typedef struct chld_stream_result {
    /**
     * How many bytes came in all.
     */
    uint64_t total;
    /**
     * How many of them are in the buffer, or were passed on.
     */
    uint64_t kept;
    /**
     * How many of the kept ones are the stream's first: for CHLD_SINK_HEAD_TAIL, what
     * is missing is missing after these.
     */
    uint64_t from_head;
    /**
     * The kept bytes, in their order, NULs included: `buffer` (with no NUL behind
     * them), or memory for chld_buffer_free(). NULL if they are not kept in
     * memory, for a buffer of no size, and where there was no memory at all for a
     * growing one (`error` is ENOMEM then, unless nothing came).
     */
    char *data;
    /**
     * 1 if there is a buffer, callback or descriptor that did not get all.
     */
    int32_t truncated;
    /**
     * 1 if somebody still has the pipe open, or had it when this was written.
     */
    int32_t held;
    /**
     * Why nothing more was kept: a positive errno (ENOMEM; what writing to the
     * descriptor said, EPIPE for one; what reading the stream said, which is
     * closed then), or 0.
     */
    int32_t error;
    /**
     * What the callback returned to stop, or 0.
     */
    int32_t stopped;
} chld_stream_result;

/**
 * What has happened, and what came of it.
 */
typedef struct chld_capture_result {
    /**
     * How the child ended. CHLD_STATE_RUNNING if it has not.
     */
    chld_status status;
    /**
     * What came on its stdout and on its stderr.
     */
    struct chld_stream_result out;
    struct chld_stream_result err;
    /**
     * How many bytes of the input the pipe has taken.
     */
    uint64_t fed;
    /**
     * Why it took no more: EPIPE if nobody reads it, or the child has ended (and,
     * with CHLD_CAPTURE_EOF, its output too); what the callback returned; or 0.
     */
    int32_t feed_error;
    /**
     * 1 if the limit was reached.
     */
    int32_t timed_out;
    /**
     * The last step of the stop plan that was taken, counted from 1. 0: none.
     */
    int32_t step;
    /**
     * Its signal.
     */
    int32_t signal;
} chld_capture_result;

/**
 * A capture that the caller's event loop drives, as a number; -EBADF once it is
 * closed.
 */
typedef uint64_t chld_capture_id;

/**
 * As struct pollfd, member by member.
 */
typedef struct chld_poll {
    int32_t fd;
    /**
     * POLLIN or POLLOUT.
     */
    int16_t events;
    /**
     * 0.
     */
    int16_t revents;
} chld_poll;

/**
 * What a capture waits for.
 */
typedef struct chld_capture_wait {
    /**
     * Any of these, in `count` places, each descriptor once. A CHLD_SINK_FD's own
     * may be among them.
     */
    struct chld_poll fds[CHLD_CAPTURE_FDS];
    uint32_t count;
    /**
     * Or so many milliseconds, as for poll(): -1 is without limit.
     */
    int32_t timeout_ms;
} chld_capture_wait;

/**
 * Feeds a child, reads what it writes on stdout and stderr, and waits for its
 * end, all at once, within one limit.
 *
 * `id`: a child with a pipe (CHLD_STDIO_PIPE), or a pseudo-terminal, for each
 * stream that the options say something about. A terminal has no end of input:
 * let the last bytes be a newline and ^D (4). If stdin is its only stream, closing
 * it hangs the terminal up.
 * `options`: NULL for the defaults: an empty input, nothing kept, no limit.
 * `ret`: how it ended and what came; may be NULL. It is written, and what it
 * holds is valid, on success and whenever the capture has begun: so also with
 * -ETIMEDOUT.
 *
 * It ends when the child has ended and what it wrote is read. A descendant that
 * still has the pipe open does not prolong that, unless CHLD_CAPTURE_EOF says
 * so: `held` tells of it. When the limit is reached, the child is ended by
 * the stop plan, while reading goes on; a limit is no error, but `timed_out`.
 * An input that nobody reads any more is `feed_error` EPIPE. There is no
 * SIGPIPE, neither for that nor for a CHLD_SINK_FD, and no change of its
 * disposition. The child's stdin is closed after the input; the pipes of stdout
 * and stderr stay open, in the mode they were in.
 *
 * Returns 0; -ETIMEDOUT if the child lives after the last step of the plan;
 * -EPERM, or what else sending says, if the last signal of the plan could not
 * be sent; -ENOENT if there is no pipe for a stream; -EBUSY if it is being
 * captured; -EINVAL unknown flags, modes, plans, NULL for a buffer, a limit
 * below -1; -E2BIG options of a later version; -EBADF if `id` is no child, or
 * `fd` not open; -EAGAIN, -ENOMEM without memory or room for another capture.
 * Without pidfds also what chld_set_open() says.
 * Ownership: a growing buffer is the caller's; without `ret` it is freed.
 * Thread-safe, but nobody else may use the pipes meanwhile. Not
 * async-signal-safe. Blocks, for no longer than the limit, the plan's waits,
 * and the callbacks; a CHLD_SINK_FD in blocking mode that is neither file nor
 * pipe (a stopped terminal) may hold it longer. Not a cancellation point.
 * Since 0.1.
 */
int chld_capture(chld_id id,
                 const struct chld_capture_options *options,
                 struct chld_capture_result *ret);

/**
 * Starts a child, captures it and closes it: chld_spawn(), chld_capture() and
 * chld_close() in one.
 *
 * `argv`, `spawn_options`: as for chld_spawn(). A stream that is to be fed or kept
 * gets a pipe if `spawn_options` leave it at CHLD_STDIO_INHERIT.
 * `capture_options`: as for chld_capture().
 * `ret`: as for chld_capture(), but written in any case: if nothing was captured,
 * all is zero, with CHLD_STATE_RUNNING.
 * `reterr`: as for chld_spawn(), and written whenever this fails: its step is
 * CHLD_STEP_CAPTURE if it was not the start that failed.
 *
 * Returns 0 when the child has ended, however it did; what chld_spawn() returns
 * if it could not be started; else what chld_capture() returns. What can be known
 * to be wrong with the capture (-EINVAL, -ENOENT, -EBADF) is found before the
 * start. A child that cannot be captured after all (-EAGAIN, -EMFILE, -ENOMEM) gets
 * SIGKILL; one that its plan did not end is left to the library, as by
 * chld_close().
 * Ownership: a growing buffer is the caller's; without `ret` it is freed. There is
 * no handle to close. What chld_spawn() says of descriptors that are passed goes
 * for these too.
 * Thread-safe, as chld_spawn() is. Not async-signal-safe. Blocks, as chld_spawn()
 * and chld_capture() do. Not a cancellation point. Since 0.1.
 */
int chld_run(chld_argv argv,
             const chld_spawn_options *spawn_options,
             const struct chld_capture_options *capture_options,
             struct chld_capture_result *ret,
             chld_error *reterr);

/**
 * Begins what chld_capture() does, without blocking.
 *
 * `ret`: where its handle goes. Not NULL.
 *
 * What the options point to (buffers, the input, the stop plan's steps) must
 * stay until chld_capture_close(); the options themselves need not.
 *
 * Returns 0, or as chld_capture() does.
 * Ownership: the handle is the caller's, until chld_capture_close(); so is the
 * child's, which that leaves as it is.
 * Thread-safe, not async-signal-safe, never blocks. Since 0.1.
 */
int chld_capture_open(chld_id id,
                      const struct chld_capture_options *options,
                      chld_capture_id *ret);

/**
 * Does what can be done now, without blocking. To be called when one of the
 * descriptors is ready or the time is over, and once at first; calling it
 * without need does no harm.
 *
 * `ret`: what to wait for before the next call; may be NULL. It is new each
 * time. Written when 0 is returned. Without pidfds one of the descriptors is
 * poked by SIGCHLD, which some thread must have unblocked.
 *
 * Returns 1 when there is nothing left to do, 0 when there is; -ETIMEDOUT, or
 * another errno, where chld_capture() returns it; -EBUSY while another call has
 * this capture; -EBADF if `capture` is none.
 * Thread-safe, not async-signal-safe. Does not block, but for callbacks, and
 * as chld_kill_tree() does if the plan says so. Since 0.1.
 */
int chld_capture_step(chld_capture_id capture, struct chld_capture_wait *ret);

/**
 * Ends a capture, finished or not, and says what came of it. The child is left
 * as it is.
 *
 * `ret`: as for chld_capture(); NULL frees growing buffers.
 *
 * Returns 0, -EBUSY while another call has this capture, -EBADF if `capture`
 * is none, or no longer.
 * Ownership: a growing buffer is the caller's, for chld_buffer_free().
 * Thread-safe, not async-signal-safe, never blocks. Since 0.1.
 */
int chld_capture_close(chld_capture_id capture,
                       struct chld_capture_result *ret);

/**
 * Frees the memory of a growing buffer.
 *
 * `data`: from chld_stream_result; NULL does nothing.
 *
 * Returns 0.
 * Thread-safe, not async-signal-safe, never blocks. Since 0.1.
 */
int chld_buffer_free(char *data);

/*
 * Asking, and letting go
 */

/**
 * For chld_close_fd(): the caller's end of the child's stdin, stdout, stderr.
 */
#define CHLD_STDIN 0

#define CHLD_STDOUT 1

#define CHLD_STDERR 2

/**
 * The version of the library: "0.1.0".
 *
 * Returns a constant string.
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
const char *chld_version(void);

/**
 * The pid of a child, for messages. Once the child has ended it may be another
 * process's: do not send signals to it, use chld_kill().
 *
 * Returns the pid, or -EBADF if `id` is no child.
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
int chld_pid(chld_id id);

/**
 * A descriptor that poll(), epoll and every event loop find readable once the
 * child has ended; then chld_wait(id, 0, …) has its status.
 *
 * It is the child's pidfd where the kernel has those. Where not, it is a pipe
 * that the SIGCHLD handler pokes, which stays installed until chld_close().
 *
 * Returns the descriptor, or -EBADF if `id` is no child. Without pidfds also what
 * chld_set_open() says.
 * Ownership: it belongs to the library, which closes it after chld_close(): do not
 * read it, do not close it, and take it out of an epoll before.
 * Thread-safe, not async-signal-safe, never blocks. Since 0.1.
 */
int chld_exit_fd(chld_id id);

/**
 * The caller's end of the pipe that CHLD_STDIO_PIPE put on the child's stdin,
 * to be written to; in blocking mode, close-on-exec. Writing when the child no
 * longer reads raises SIGPIPE, as with every pipe.
 *
 * Returns the descriptor, -ENOENT if there is none or it was closed, -EBADF if
 * `id` is no child.
 * Ownership: it belongs to the library: chld_close_fd() or chld_close() closes it.
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
int chld_stdin_fd(chld_id id);

/**
 * The same for its stdout, to be read from.
 *
 * Returns as chld_stdin_fd() does.
 * Ownership: as for chld_stdin_fd().
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
int chld_stdout_fd(chld_id id);

/**
 * The same for its stderr, to be read from.
 *
 * Returns as chld_stdin_fd() does.
 * Ownership: as for chld_stdin_fd().
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
int chld_stderr_fd(chld_id id);

/**
 * Closes the caller's end of one of the child's pipes before chld_close()
 * would: of its stdin, to let it see the end of its input.
 *
 * `which`: CHLD_STDIN, CHLD_STDOUT or CHLD_STDERR.
 *
 * Returns 0, -ENOENT if there is none or it was closed, -EINVAL if `which` is
 * none of the three, -EBADF if `id` is no child.
 * Thread-safe, but nobody may be using the descriptor. Async-signal-safe.
 * Never blocks. Since 0.1.
 */
int chld_close_fd(chld_id id, int which);

/**
 * The `user` pointer that the child was started with.
 *
 * `ret`: where it goes; may be NULL.
 *
 * Returns 0, or -EBADF if `id` is no child.
 * Thread-safe, async-signal-safe, never blocks. Since 0.1.
 */
int chld_user(chld_id id, void **ret);

/**
 * Gives up a child's handle, its pipes and its status.
 *
 * The child is not signalled. If it still runs, it goes on, and the library
 * reaps it after its end: at the next call that starts, adopts, awaits (also as a
 * set), captures, stops or closes a child, or with many such children, the next
 * few; or at chld_reap(). Calls of other threads that are at work on it finish
 * undisturbed; its pipes, and the descriptor of chld_exit_fd(), are closed after
 * them, the latter not before the child has ended.
 *
 * Returns 0, or -EBADF if `id` is no child, or no longer.
 * Thread-safe, not async-signal-safe, never blocks. Since 0.1.
 */
int chld_close(chld_id id);

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
