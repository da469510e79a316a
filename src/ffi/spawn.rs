use super::{buffer_of, chld_argv, growth, length, options, or_null};
use crate::start::failure::{Failure, ITEM_BYTES, Reason, Step};
use crate::start::spawn as start;
use crate::start::request::Request;
use crate::sys::Errno;
use crate::sys::cstr::StrList;
use crate::sys::host::Undisturbed;
use crate::status::text::Text;
use core::ffi::{c_char, c_int, c_void};

/// The handle of a child: a number that you can copy, store and pass to other
/// threads. After chld_close() it is -EBADF forever.
pub type chld_id = u64;

/// No child. Never a valid handle.
pub const CHLD_NONE: u64 = 0;

/// Nothing failed.
pub const CHLD_STEP_NONE: i32 = 0;

/// `ret` or `argv`: NULL or empty.
pub const CHLD_STEP_ARGUMENTS: i32 = 1;

/// chld_spawn_options: `size`, unknown flags or modes, or a contradiction.
pub const CHLD_STEP_OPTIONS: i32 = 2;

/// `env_set` or `env_unset`. `index` is the entry, `item` its text.
pub const CHLD_STEP_ENVIRONMENT: i32 = 3;

/// No memory, or no room in the table of children.
pub const CHLD_STEP_MEMORY: i32 = 4;

/// A descriptor or mode for stdin, stdout or stderr (`index` 0, 1, 2).
pub const CHLD_STEP_STDIO: i32 = 5;

/// Opening a path for stdin, stdout or stderr (`index` 0, 1, 2).
pub const CHLD_STEP_OPEN: i32 = 6;

/// Making a pipe for stdin, stdout or stderr (`index` 0, 1, 2).
pub const CHLD_STEP_PIPE: i32 = 7;

/// Making a pseudo-terminal for stdin, stdout or stderr (`index` 0, 1, 2).
pub const CHLD_STEP_PTY: i32 = 8;

/// Placing the child into its cgroup.
pub const CHLD_STEP_CGROUP: i32 = 9;

/// Making the process.
pub const CHLD_STEP_CLONE: i32 = 10;

/// Giving the child a descriptor table of its own.
pub const CHLD_STEP_DESCRIPTORS: i32 = 11;

/// An entry of `fds`. `index` is the entry.
pub const CHLD_STEP_MAP: i32 = 12;

/// setsid(), or becoming a subreaper.
pub const CHLD_STEP_SESSION: i32 = 13;

/// Making the terminal on the child's stdin its controlling terminal.
pub const CHLD_STEP_TERMINAL: i32 = 14;

/// setpgid().
pub const CHLD_STEP_GROUP: i32 = 15;

/// Putting the child's group into the foreground of its terminal.
pub const CHLD_STEP_FOREGROUND: i32 = 16;

/// An entry of `limits`. `index` is the entry.
pub const CHLD_STEP_LIMIT: i32 = 17;

/// setpriority().
pub const CHLD_STEP_NICE: i32 = 18;

/// sched_setaffinity().
pub const CHLD_STEP_AFFINITY: i32 = 19;

/// prctl(PR_SET_NO_NEW_PRIVS).
pub const CHLD_STEP_NO_NEW_PRIVS: i32 = 20;

/// setgroups().
pub const CHLD_STEP_SETGROUPS: i32 = 21;

/// setresgid().
pub const CHLD_STEP_SETGID: i32 = 22;

/// setresuid().
pub const CHLD_STEP_SETUID: i32 = 23;

/// Changing to the working directory.
pub const CHLD_STEP_CHDIR: i32 = 24;

/// prctl(PR_SET_PDEATHSIG). ESRCH if the parent has exited meanwhile.
pub const CHLD_STEP_DEATH_SIGNAL: i32 = 25;

/// Signal dispositions and mask.
pub const CHLD_STEP_SIGNALS: i32 = 26;

/// execve(): the program is missing, is not executable, or is not a program.
pub const CHLD_STEP_EXEC: i32 = 27;

/// The program is there, but its interpreter keeps it from running: the one in the
/// first line of a script, or the dynamic linker. `item` is the interpreter if its
/// name could be read. Also for a script given by descriptor.
pub const CHLD_STEP_INTERPRETER: i32 = 28;

/// The capture, or its options. If the options are wrong, nothing was started, and `item`
/// is the part of them: a stream ("stdout", with `index` 0, 1 or 2), "stop", or a step of
/// the stop plan ("stop.steps[1]", with its `index`). It is empty for the other members.
pub const CHLD_STEP_CAPTURE: i32 = 29;

/// The size of the member `item` of chld_error.
pub const CHLD_ERROR_ITEM: usize = 112;

const _: () = assert!(CHLD_ERROR_ITEM == ITEM_BYTES);

/// Why a start failed.
#[repr(C)]
pub struct chld_error {
    /// The errno value, positive.
    pub code: i32,
    /// One of CHLD_STEP_*.
    pub step: i32,
    /// The position of the item at which the step failed, else 0.
    pub index: i32,
    /// The path, directory, program, interpreter, entry or part of the options at which
    /// the step failed; empty if there is none. It ends with a NUL and is cut if it is
    /// longer.
    pub item: [c_char; CHLD_ERROR_ITEM],
    /// The rule that the call has broken, for chld_error_text(); 0 for none. The
    /// numbers belong to the library and change between versions.
    pub reason: i32,
    /// The stage of a pipeline that failed, counted from 1; 0 if it was none of them.
    pub stage: i32,
}

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

    /// The program to run, if it differs from argv[0]. Relative paths, including
    /// those in PATH, are resolved in the child after it has changed to `cwd`.
    /// Stream paths are resolved in the caller's working directory.
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

    /// The working directory. NULL inherits the caller's. Like `program`, it may lead to
    /// a descriptor of the caller, as /proc/self/fd/9 does.
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
    /// For CHLD_SPAWN_GID. The child sets groups, gid and uid in this order. The calling
    /// process keeps its own.
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
unsafe impl super::growth::Growing for chld_spawn_options {
    const FIRST_SIZE: usize = size_of::<chld_spawn_options>();
}

/// Starts a child.
///
/// `ret`: where the handle of the child goes. Must not be NULL unless CHLD_SPAWN_DETACHED
/// is set.
/// `argv`: the arguments, NULL at the end. argv[0] is the program unless the options name
/// another one.
/// `options`: NULL for the defaults. The child then has the caller's environment, working
/// directory, standard streams, group, session and limits, and no other descriptors. It
/// starts with an empty signal mask and no handlers. SIGPIPE and SIGCHLD are reset to
/// their defaults; other signals that the caller ignores stay ignored.
/// `reterr`: where the step that failed goes; may be NULL. Written on failure only.
///
/// The call returns when the child has executed its program, or when that has failed. A
/// program that cannot be run is an error of this call, not an exit code later. On
/// failure nothing is left: no child, no zombie, no descriptor, no handle.
///
/// A program without a slash in its name is searched along PATH by execvp()'s rules. If a
/// directory may not be searched and no other directory has the program, the error is
/// -EACCES. Otherwise the error of the last directory counts.
///
/// If a signal kills the child before its exec, or the kernel does (out of memory, a CPU
/// limit, cgroup.kill), the start succeeds and the status has the signal.
///
/// All signals are blocked in the calling thread during a start, and in the child until
/// its exec. A stop signal that comes meanwhile (^Z) stops the program right after its
/// exec if the child is in the caller's group or has the terminal. Otherwise it is
/// discarded. These can still hold a child before its exec, and with it the calling
/// thread, until SIGCONT or SIGKILL comes: SIGSTOP, a freezer, a debugger.
///
/// A child that changes its user or groups does not share the caller's memory, so that
/// the new user gets no access to it. Such a start costs what fork() costs, which is more
/// if the caller is large. The new user can delay the start by SIGSTOP, or by a file
/// system of their own in `cwd` or PATH.
///
/// Libraries in LD_PRELOAD that intercept exec functions do not see a start, because the
/// child makes system calls only. A program that needs them uses posix_spawn() and
/// chld_adopt().
///
/// Under valgrind and qemu-user a start also waits for copies of the process that other
/// threads fork() meanwhile, until these exec or exit.
///
/// The quoted words below are the steps in `reterr`. The section STEPS of the manual
/// page, and docs/options.md, list every option with its step, errors and kernel version.
///
/// Returns 0, or
/// -EINVAL: `ret` or `argv` is NULL, or `argv` is empty ("arguments"). Or an option has a
///   wrong value or contradicts another one; chld_error_text() names the member.
/// -E2BIG: options of a later version are set ("options"), or the arguments are too long
///   for the kernel ("exec").
/// -EBADF: a descriptor in the options is not open ("stdio", "map", "chdir", "exec",
///   "cgroup").
/// -ENOENT: there is no such program ("exec"), interpreter ("interpreter"), file ("open")
///   or directory ("chdir").
/// -EACCES: the program or its interpreter may not be executed ("exec", "interpreter"),
///   or a path may not be opened ("open", "chdir").
/// -ENOEXEC: the file is not a program ("exec").
/// -ENOTDIR, -ELOOP: a path leads nowhere ("exec", "interpreter", "open", "chdir").
/// -ENOMEM: no memory left ("memory", "clone").
/// -EAGAIN: no process or no place in the table of children left ("clone", "memory").
/// -EMFILE, -ENFILE: no descriptor left ("pipe", "pty", "open", "clone").
/// -EPERM: the caller may not do what the step is named for.
/// -ENOSYS: the kernel does not have what a flag needs ("clone", "session"): see
///   chld_supports().
/// The errors of the system call that the step is named for.
///
/// Thread-safe, but it reads the environment, so do not call setenv() meanwhile. Not
/// async-signal-safe. Blocks until the exec, and while it opens a path, as open() does.
/// Not a cancellation point. Stack: 15 KB.
/// Ownership: the handle is yours until chld_close(). The caller's ends of pipes and
/// pseudo-terminals belong to the library: chld_close_fd() or chld_close() closes them.
/// Descriptors that you pass stay yours. The library keeps nothing else that you pass.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_spawn(
    ret: *mut chld_id,
    argv: chld_argv,
    options: *const chld_spawn_options,
    reterr: *mut chld_error,
) -> c_int {
    let _host = Undisturbed::enter();
    // SAFETY: all of it is what the header requires, for the length of this call.
    unsafe {
        // By reference: a request is large.
        match &request_of(argv, options) {
            Err(failure) => failed(*failure, b"", reterr),
            Ok((request, _)) if ret.is_null() && !request.detached => {
                failed(Failure::misuse(Reason::RetNull, 0), b"", reterr)
            }
            Ok((request, user)) => match start::spawn(request, *user) {
                Ok(handle) => {
                    super::write_out(ret, handle);
                    0
                }
                Err(failure) => failed(failure, request.item(&failure), reterr),
            },
        }
    }
}

/// What to start, and the `user` pointer.
///
/// # Safety
/// All must be NULL or what the header requires, and stay so for `'a`.
pub unsafe fn request_of<'a>(
    argv: chld_argv,
    options: *const chld_spawn_options,
) -> Result<(Request<'a>, usize), Failure> {
    if argv.is_null() {
        return Err(Failure::misuse(Reason::ArgvNull, 0));
    }
    // SAFETY: by the contract.
    unsafe {
        let argv = StrList::new(argv);
        if options.is_null() {
            return Ok((Request::plain(argv), 0));
        }
        let options = growth::checked(options, SIZES)?;
        Ok((options::request(argv, &options)?, options.user as usize))
    }
}

const SIZES: [Reason; 3] = [Reason::SizeZero, Reason::Size, Reason::Newer];

/// Takes over a child that the calling process has started by other means, for example by
/// fork().
///
/// `ret`: where the handle of the child goes. Must not be NULL.
/// `pid`: the child. Nobody may have reaped it.
///
/// From then on only the library may wait for the child. Its chld_user() is NULL, and it
/// has no pipes. The library does not know whether it leads a group, so chld_kill_group()
/// and CHLD_TARGET_GROUP treat it as if it led none.
///
/// Returns 0, or
/// -ECHILD: `pid` is not a child of this process.
/// -EEXIST: the library has this child already. This includes a child whose handle was
///   closed while it ran.
/// -EINVAL: `ret` is NULL.
/// -ENOMEM: no memory left.
/// -EAGAIN: no place in the table of children left.
///
/// Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
/// Stack: 3 KB.
/// Ownership: the handle is yours until chld_close().
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_adopt(ret: *mut chld_id, pid: c_int) -> c_int {
    super::quietly(|| {
        if ret.is_null() {
            return Err(Errno::EINVAL);
        }
        let handle = start::adopt(pid)?;
        // SAFETY: valid, by the header.
        unsafe { ret.write(handle) };
        Ok(0)
    })
}

/// Returns the name of a step: "exec", "chdir", ...
///
/// `step`: one of CHLD_STEP_*.
///
/// The names do not change.
///
/// Returns a constant string, or NULL if there is no such step.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_step_name(step: c_int) -> *const c_char {
    or_null(Step::from_number(step).map(Step::name))
}

/// Writes in words what failed, as in "chdir /nowhere: No such file or directory", "stage
/// 2: exec sotr: No such file or directory" or "options: size is 0; initialize with
/// CHLD_SPAWN_OPTIONS_INIT".
///
/// `error`: as a function has written it.
/// `buffer`, `size`: as for chld_status_text().
///
/// Control characters in `item` are written as ^M. An example is the carriage return in
/// the first line of a script with Windows line ends.
///
/// Returns the length of the whole text without its NUL, or
/// -EINVAL: `error` is NULL, or its step does not exist.
///
/// Thread-safe. Not async-signal-safe: the words of an errno come from strerror_r(), in
/// the caller's locale. Never blocks. Not a cancellation point. Stack: 6 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_error_text(
    error: *const chld_error,
    buffer: *mut c_char,
    size: usize,
) -> c_int {
    let _host = Undisturbed::enter();
    // SAFETY: NULL or valid, by the header; so is the buffer for `size` bytes.
    let (error, buffer) = unsafe { (error.as_ref(), buffer_of(buffer, size)) };
    let failure = error.and_then(|error| {
        let step = Step::from_number(error.step)?;
        let (index, errno, reason) = (error.index, Errno(error.code), error.reason);
        Some((Failure { stage: error.stage, step, index, errno, reason }, error))
    });
    let Some((failure, error)) = failure else { return Errno::EINVAL.0.wrapping_neg() };
    let item = error.item.map(|byte| byte as u8);
    let item = item.split(|byte| *byte == 0).next().unwrap_or_default();
    let mut text = Text::new(buffer);
    failure.write(item, &mut text);
    length(text.finish())
}

/// # Safety
/// `reterr` must be NULL or valid for a write.
pub unsafe fn failed(failure: Failure, item: &[u8], reterr: *mut chld_error) -> c_int {
    let mut kept: [c_char; CHLD_ERROR_ITEM] = [0; CHLD_ERROR_ITEM];
    for (place, byte) in kept.iter_mut().zip(item).take(CHLD_ERROR_ITEM - 1) {
        *place = *byte as c_char;
    }
    let Failure { stage, step, index, errno, reason } = failure;
    let error = chld_error { code: errno.0, step: step as i32, index, item: kept, reason, stage };
    // SAFETY: by this function's contract.
    unsafe { super::write_out(reterr, error) };
    errno.0.wrapping_neg()
}
