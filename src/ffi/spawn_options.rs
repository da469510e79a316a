use super::growth::Growing;
use core::ffi::{c_char, c_void};
use core::mem::size_of;

/// The caller's stream.
pub const CHLD_STDIO_INHERIT: u32 = 0;

/// /dev/null.
pub const CHLD_STDIO_NULL: u32 = 1;

/// A new pipe. chld_stdin_fd(), chld_stdout_fd() and chld_stderr_fd() return the
/// caller's ends.
pub const CHLD_STDIO_PIPE: u32 = 2;

/// A copy of the caller's descriptor `fd`. You still have to close `fd`.
pub const CHLD_STDIO_FD: u32 = 3;

/// The file at `path`. The calling process opens it with `open_flags` and
/// `open_mode`; a relative path begins at the caller's working directory.
pub const CHLD_STDIO_PATH: u32 = 4;

/// The child's stdout. For `err` only.
pub const CHLD_STDIO_STDOUT: u32 = 5;

/// Closed in the child.
pub const CHLD_STDIO_CLOSED: u32 = 6;

/// The child's side of a new pseudo-terminal, the same for all streams that ask for one,
/// with a window of `rows` and `columns`. The child begins a session, and this is its
/// controlling terminal. chld_stdin_fd(), chld_stdout_fd() and chld_stderr_fd() return
/// the caller's end, one descriptor per stream.
///
/// At the end of the output, read() returns EIO: no process has the other side open any
/// more. Captures treat that as the end.
pub const CHLD_STDIO_PTY: u32 = 7;

/// The child's stderr. For `out` only.
pub const CHLD_STDIO_STDERR: u32 = 8;

/// One of the child's three standard streams.
#[repr(C)]
pub struct chld_stdio {
    /// One of CHLD_STDIO_*.
    pub mode: u32,
    /// For CHLD_STDIO_FD.
    pub fd: i32,
    /// For CHLD_STDIO_PATH.
    pub path: *const c_char,
    /// For CHLD_STDIO_PATH: the flags of open(). 0 means O_RDONLY for `in` and
    /// O_WRONLY | O_CREAT | O_TRUNC for `out` and `err`, as in a shell.
    pub open_flags: i32,
    /// For CHLD_STDIO_PATH: the permissions of a new file, less the umask. 0 means
    /// 0666.
    pub open_mode: u32,
}

/// A descriptor for the child: the caller's descriptor `source` becomes the child's
/// `target`.
#[repr(C)]
pub struct chld_fd_map {
    /// A descriptor of the caller. It stays open there.
    pub source: i32,
    /// Its number in the child.
    pub target: i32,
}

/// The caller's process group.
pub const CHLD_GROUP_INHERIT: u32 = 0;

/// A new group. The child is its leader.
pub const CHLD_GROUP_NEW: u32 = 1;

/// The existing group `group` in the caller's session.
pub const CHLD_GROUP_JOIN: u32 = 2;

/// Search the PATH of the calling process.
pub const CHLD_SEARCH_PARENT: u32 = 0;

/// Search the PATH in the child's environment.
pub const CHLD_SEARCH_CHILD: u32 = 1;

/// Do not search: the name is a path.
pub const CHLD_SEARCH_NONE: u32 = 2;

/// The child begins a new session, as its leader and without a terminal.
pub const CHLD_SPAWN_SESSION: u64 = 1;

/// The terminal on the child's stdin becomes the controlling terminal of its
/// session. Needs CHLD_SPAWN_SESSION.
pub const CHLD_SPAWN_TERMINAL: u64 = 2;

/// The child's group becomes the foreground group of its terminal. If the start
/// fails, the group before has the terminal again.
pub const CHLD_SPAWN_FOREGROUND: u64 = 4;

/// The child keeps every descriptor that is not close-on-exec. Without this flag
/// it has 0, 1, 2 and those in `fds`.
pub const CHLD_SPAWN_INHERIT_FDS: u64 = 8;

/// The program is the file that is open at `program_fd`.
pub const CHLD_SPAWN_PROGRAM_FD: u64 = 16;

/// /bin/sh runs a file that is executable but not a program (ENOEXEC), as with
/// execvp().
pub const CHLD_SPAWN_SHELL: u64 = 32;

/// The working directory is the directory that is open at `cwd_fd`.
pub const CHLD_SPAWN_CWD_FD: u64 = 64;

/// The child is in the cgroup (v2) whose directory is open at `cgroup_fd`. It is
/// created there if the kernel supports that (5.7).
pub const CHLD_SPAWN_CGROUP: u64 = 128;

/// The child's supplementary groups are `groups` and no others.
pub const CHLD_SPAWN_GROUPS: u64 = 256;

/// The child's real, effective and saved group is `gid`.
pub const CHLD_SPAWN_GID: u64 = 512;

/// The child's real, effective and saved user is `uid`.
pub const CHLD_SPAWN_UID: u64 = 1024;

/// The child's umask is `umask`.
pub const CHLD_SPAWN_UMASK: u64 = 2048;

/// No program that the child executes gains privileges: set-user-id bits and file
/// capabilities are ignored.
pub const CHLD_SPAWN_NO_NEW_PRIVS: u64 = 4096;

/// The program does not wait for the child. There is no handle: `ret` receives CHLD_NONE
/// and may be NULL. Excludes pipes, pseudo-terminals and a death signal.
///
/// The parent of the child is init, or the nearest subreaper, which reaps it. Since Linux
/// 7.1 its parent is the caller until that exits, and the kernel reaps it: it leaves no
/// zombie and raises no SIGCHLD. Only there can it be the first process of a PID
/// namespace, after unshare(CLONE_NEWPID).
pub const CHLD_SPAWN_DETACHED: u64 = 8192;

/// Orphaned descendants of the child become its own children instead of init's.
/// chld_kill_tree() then finds all of them while the child lives. A program that
/// does not wait for children it did not start has zombies until it exits. Linux
/// only; elsewhere -ENOSYS.
pub const CHLD_SPAWN_SUBREAPER: u64 = 16384;

/// As CHLD_SPAWN_CGROUP, and only the child and its descendants are ever in that
/// cgroup. chld_kill_tree() with SIGKILL then kills all processes in it, and
/// none escapes.
pub const CHLD_SPAWN_CGROUP_OWN: u64 = 32768;

/// chld_close() kills the child: it sends SIGKILL to the group if the child leads one
/// (CHLD_GROUP_NEW, CHLD_SPAWN_SESSION, CHLD_STDIO_PTY), else to the child alone, and
/// does not wait. If the child has exited, the rest of its group is killed, if the kernel
/// can signal a group by pidfd (since Linux 6.9).
///
/// If the system supports CHLD_SPAWN_KILL_ON_DEATH, this flag has the same effect: the
/// child is also killed when the program dies, and is private. Otherwise a program that
/// exits without chld_close() leaves the child running. Excludes CHLD_SPAWN_DETACHED.
pub const CHLD_SPAWN_KILL_ON_CLOSE: u64 = 65536;

/// The new pseudo-terminal does not echo: the caller does not read back what it writes.
/// The child can turn that on again.
pub const CHLD_SPAWN_PTY_NO_ECHO: u64 = 131072;

/// The child is private to its handle. It never becomes a zombie and raises no SIGCHLD
/// when it exits, so no other code of the program can reap it, lose its status, or be
/// woken by it. Waits, sets, captures and signals work as for any child, with every
/// engine and whatever is done with SIGCHLD.
///
/// What differs:
/// - chld_usage() returns -ENODATA.
/// - chld_find() does not find it, chld_release() returns -EINVAL.
/// - After its exit, its group can still be signalled, but chld_kill_tree() no longer
///   finds its descendants.
/// - Stops and continuations still raise SIGCHLD.
///
/// Needs Linux 7.1. Otherwise the start fails with -ENOSYS at step "clone":
/// chld_supports() returns that before. Excludes CHLD_SPAWN_DETACHED.
pub const CHLD_SPAWN_PRIVATE: u64 = 262144;

/// The kernel kills the child, by SIGKILL, when the program dies: even when it crashes or
/// is killed by SIGKILL itself. Implies CHLD_SPAWN_KILL_ON_CLOSE and CHLD_SPAWN_PRIVATE.
///
/// The child lives as long as any process has its pidfd open. A forked copy of the
/// program has it, until the copy execs, exits, or calls chld_after_fork(). Only the
/// child itself is killed, not its group.
///
/// Needs Linux 7.1, else the start fails with -ENOSYS at step "clone"; and
/// CHLD_SPAWN_NO_NEW_PRIVS or the capability CAP_SYS_ADMIN, else with -EPERM. See
/// chld_supports().
pub const CHLD_SPAWN_KILL_ON_DEATH: u64 = 524288;

/// The child ignores what the caller ignores, but not SIGPIPE and SIGCHLD.
pub const CHLD_SIGNALS_USUAL: u32 = 0;
/// The child ignores what the caller ignores.
pub const CHLD_SIGNALS_INHERIT: u32 = 1;
/// The child ignores the signals in `ignored` and no others.
pub const CHLD_SIGNALS_IGNORING: u32 = 2;

/// The child blocks no signal.
pub const CHLD_MASK_EMPTY: u32 = 0;
/// The child blocks what the calling thread blocks.
pub const CHLD_MASK_INHERIT: u32 = 1;
/// The child blocks the signals in `blocked`.
pub const CHLD_MASK_BLOCKED: u32 = 2;

/// A resource limit for the child.
#[repr(C)]
pub struct chld_limit {
    /// RLIMIT_*.
    pub resource: i32,
    /// Must be 0.
    pub reserved: u32,
    /// The soft limit, ~0 for none. Not above `hard`.
    pub soft: u64,
    /// The hard limit, ~0 for none.
    pub hard: u64,
}

/// Options of a start. Begin with CHLD_SPAWN_OPTIONS_INIT, then set what you need:
/// 0 is the default of every member. What the members point to must last for the
/// call only.
#[repr(C)]
pub struct chld_spawn_options {
    /// sizeof(chld_spawn_options), set by CHLD_SPAWN_OPTIONS_INIT. The library
    /// accepts a smaller struct from an older header, and a larger one up to 4096
    /// bytes if the members that it does not have are 0.
    pub size: usize,
    /// CHLD_SPAWN_* bits.
    pub flags: u64,

    /// The program to run, if it differs from argv[0]. Relative paths, including those in
    /// PATH, are resolved in the child after it has changed to `cwd`.
    pub program: *const c_char,
    /// For CHLD_SPAWN_PROGRAM_FD. A script cannot be run in this way, because its
    /// interpreter finds the descriptor closed.
    pub program_fd: i32,
    /// One of CHLD_SEARCH_*: which PATH finds a program without a slash in its
    /// name. Without a PATH the library searches /bin and /usr/bin.
    pub search: u32,

    /// The whole environment: "NAME=value" entries, NULL at the end. NULL inherits
    /// the caller's environment.
    pub env: *const *const c_char,
    /// "NAME=value" entries to add or to replace. They win over `env_unset`; of
    /// two entries with the same name the last one counts.
    pub env_set: *const *const c_char,
    /// Names to remove.
    pub env_unset: *const *const c_char,

    /// The working directory; NULL inherits the caller's. It may lead to a descriptor of
    /// the caller, as /proc/self/fd/9 does; so may `program`.
    pub cwd: *const c_char,
    /// For CHLD_SPAWN_CWD_FD.
    pub cwd_fd: i32,
    /// For CHLD_SPAWN_UMASK: the permissions that new files do not get.
    pub umask: u32,

    /// The child's stdin.
    pub r#in: chld_stdio,
    /// The child's stdout.
    pub out: chld_stdio,
    /// The child's stderr.
    pub err: chld_stdio,
    /// More descriptors for the child. All entries take effect at once: 3 to 4 and
    /// 4 to 3 swaps the two.
    pub fds: *const chld_fd_map,
    /// The number of entries of `fds`.
    pub fds_count: usize,
    /// For CHLD_STDIO_PTY: the height of the window, in characters. 0: that of the
    /// caller's terminal (of stdin, stdout or stderr, else the controlling one), or 24 if
    /// there is none. See chld_pty_resize().
    pub rows: u16,
    /// For CHLD_STDIO_PTY: the width of the window, in characters. 0: that of the
    /// caller's terminal, or 80.
    pub columns: u16,

    /// One of CHLD_GROUP_*.
    pub group_mode: u32,
    /// For CHLD_GROUP_JOIN.
    pub group: i32,
    /// For CHLD_SPAWN_CGROUP and CHLD_SPAWN_CGROUP_OWN.
    pub cgroup_fd: i32,

    /// Resource limits. They are set while the child still has the caller's
    /// privileges.
    pub limits: *const chld_limit,
    /// The number of entries of `limits`.
    pub limits_count: usize,
    /// The CPUs on which the child may run, as for sched_setaffinity(). NULL
    /// changes nothing.
    pub cpus: *const c_void,
    /// The number of bytes of `cpus`.
    pub cpus_size: usize,

    /// For CHLD_SPAWN_GROUPS. NULL for no supplementary groups.
    pub groups: *const u32,
    /// The number of entries of `groups`.
    pub groups_count: usize,
    /// For CHLD_SPAWN_GID. The child sets groups, gid and uid in this order.
    pub gid: u32,
    /// For CHLD_SPAWN_UID.
    pub uid: u32,

    /// Added to the niceness: a higher value is less urgent.
    pub nice: i32,
    /// The signal that the child gets when the thread that started it exits; 0 for
    /// none. It does not survive the exec of a program with set-user-id bits.
    pub death_signal: i32,

    /// One of CHLD_SIGNALS_*: the signals that the child ignores. Handlers never
    /// outlive exec.
    pub signals_mode: u32,
    /// One of CHLD_MASK_*: the signals that the child blocks.
    pub mask_mode: u32,
    /// For CHLD_SIGNALS_IGNORING: bit n - 1 is signal n. chld_sigset_decode() converts a
    /// sigset_t to such a number.
    pub ignored: u64,
    /// For CHLD_MASK_BLOCKED: bit n - 1 is signal n.
    pub blocked: u64,
    /// Signals that have their default disposition in the child, in every
    /// `signals_mode`: bit n - 1 is signal n.
    pub reset: u64,

    /// For chld_user() and for events. The library never follows it.
    pub user: *mut c_void,
}

// SAFETY: numbers and pointers, the size first.
unsafe impl Growing for chld_spawn_options {
    const FIRST_SIZE: usize = size_of::<chld_spawn_options>();
}
