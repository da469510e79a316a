use super::{buffer_of, growth, length, options, or_null};
use crate::start::failure::{Failure, ITEM_BYTES, Reason, Step};
use crate::start::spawn as start;
use crate::start::request::Request;
use crate::sys::Errno;
use crate::sys::cstr::StrList;
use crate::sys::host::Undisturbed;
use crate::status::text::Text;
use core::ffi::{c_char, c_int, c_void};

/// A child, as a number. It can be copied, stored and given to another thread;
/// using it after chld_close() gives -EBADF, whatever has happened since.
pub type chld_id = u64;

/// No child. Never a valid handle.
pub const CHLD_NONE: u64 = 0;

/// Nothing failed.
pub const CHLD_STEP_NONE: i32 = 0;

/// argv is NULL or empty.
pub const CHLD_STEP_ARGUMENTS: i32 = 1;

/// chld_spawn_options: `size`, unknown flags or modes, or a contradiction.
pub const CHLD_STEP_OPTIONS: i32 = 2;

/// `env_set` or `env_unset`; index: the entry, which is the error's item too.
pub const CHLD_STEP_ENVIRONMENT: i32 = 3;

/// No memory, or no room in the table of children.
pub const CHLD_STEP_MEMORY: i32 = 4;

/// A descriptor given for stdin, stdout or stderr (index 0, 1, 2).
pub const CHLD_STEP_STDIO: i32 = 5;

/// Opening a path for stdin, stdout or stderr (index 0, 1, 2).
pub const CHLD_STEP_OPEN: i32 = 6;

/// Making a pipe for stdin, stdout or stderr (index 0, 1, 2).
pub const CHLD_STEP_PIPE: i32 = 7;

/// Making a pseudo-terminal for stdin, stdout or stderr (index 0, 1, 2).
pub const CHLD_STEP_PTY: i32 = 8;

/// Placing the child into its cgroup.
pub const CHLD_STEP_CGROUP: i32 = 9;

/// Making the process.
pub const CHLD_STEP_CLONE: i32 = 10;

/// Giving the child a descriptor table of its own.
pub const CHLD_STEP_DESCRIPTORS: i32 = 11;

/// An entry of `fds`; index: the entry.
pub const CHLD_STEP_MAP: i32 = 12;

/// setsid, and becoming a subreaper.
pub const CHLD_STEP_SESSION: i32 = 13;

/// Making the terminal on its stdin the controlling one.
pub const CHLD_STEP_TERMINAL: i32 = 14;

/// setpgid.
pub const CHLD_STEP_GROUP: i32 = 15;

/// Putting its group into the foreground of its terminal.
pub const CHLD_STEP_FOREGROUND: i32 = 16;

/// An entry of `limits`; index: the entry.
pub const CHLD_STEP_LIMIT: i32 = 17;

/// setpriority.
pub const CHLD_STEP_NICE: i32 = 18;

/// sched_setaffinity.
pub const CHLD_STEP_AFFINITY: i32 = 19;

/// setgroups.
pub const CHLD_STEP_SETGROUPS: i32 = 20;

/// setresgid.
pub const CHLD_STEP_SETGID: i32 = 21;

/// setresuid.
pub const CHLD_STEP_SETUID: i32 = 22;

/// Changing to the working directory.
pub const CHLD_STEP_CHDIR: i32 = 23;

/// PR_SET_NO_NEW_PRIVS.
pub const CHLD_STEP_NO_NEW_PRIVS: i32 = 24;

/// PR_SET_PDEATHSIG; ESRCH if the parent has died meanwhile.
pub const CHLD_STEP_DEATH_SIGNAL: i32 = 25;

/// Signal dispositions and mask.
pub const CHLD_STEP_SIGNALS: i32 = 26;

/// execve: the program is missing, not executable, not a program.
pub const CHLD_STEP_EXEC: i32 = 27;

/// The program is there, but the interpreter in its first line, or its dynamic
/// linker, is missing; or it is a script given by descriptor.
pub const CHLD_STEP_INTERPRETER: i32 = 28;

/// chld_run() alone: its capture options, for which nothing is started, or the
/// capture of what was started.
pub const CHLD_STEP_CAPTURE: i32 = 29;

/// How many bytes chld_error keeps of the name of what failed.
pub const CHLD_ERROR_ITEM: usize = 112;

const _: () = assert!(CHLD_ERROR_ITEM == ITEM_BYTES);

/// Why a start failed.
#[repr(C)]
pub struct chld_error {
    /// The errno value, positive.
    pub code: i32,
    /// One of CHLD_STEP_*.
    pub step: i32,
    /// The position of the item that the step was at; else 0.
    pub index: i32,
    /// The path, directory, program or entry that the step was about; empty if
    /// there is none. NUL-terminated, cut if it is longer.
    pub item: [c_char; CHLD_ERROR_ITEM],
    /// Which rule the call has broken, for chld_error_text(); 0 for none. The
    /// numbers are the library's own and change between versions.
    pub reason: i32,
}

/// As the caller has it.
pub const CHLD_STDIO_INHERIT: u32 = 0;

/// /dev/null.
pub const CHLD_STDIO_NULL: u32 = 1;

/// A new pipe; the caller's end is chld_stdin_fd(), chld_stdout_fd() or
/// chld_stderr_fd().
pub const CHLD_STDIO_PIPE: u32 = 2;

/// A copy of the caller's descriptor `fd`, which stays the caller's to close.
pub const CHLD_STDIO_FD: u32 = 3;

/// The file at `path`, opened by the caller's process, relative to the caller's
/// working directory, with `open_flags` and `open_mode`.
pub const CHLD_STDIO_PATH: u32 = 4;

/// Where the child's stdout goes. For `err` only.
pub const CHLD_STDIO_STDOUT: u32 = 5;

/// Closed in the child.
pub const CHLD_STDIO_CLOSED: u32 = 6;

/// The child's side of a new pseudo-terminal, the same for all streams that ask
/// for one, with a window of `rows` and `columns`. The child begins a session
/// whose controlling terminal this is. chld_stdin_fd(), chld_stdout_fd() and
/// chld_stderr_fd() return the caller's end, one descriptor per stream.
///
/// The end of what the child writes is EIO: read() returns it once no process has
/// the other side open any more. Captures take it for the end.
pub const CHLD_STDIO_PTY: u32 = 7;

/// Where the child's stderr goes. For `out` only.
pub const CHLD_STDIO_STDERR: u32 = 8;

/// One of the child's three standard streams.
#[repr(C)]
pub struct chld_stdio {
    /// One of CHLD_STDIO_*. 0 inherits.
    pub mode: u32,
    /// For CHLD_STDIO_FD.
    pub fd: i32,
    /// For CHLD_STDIO_PATH.
    pub path: *const c_char,
    /// For CHLD_STDIO_PATH, as for open(). 0 means what a shell does: O_RDONLY
    /// for `in`, O_WRONLY | O_CREAT | O_TRUNC for the others.
    pub open_flags: i32,
    /// For CHLD_STDIO_PATH, the permissions of a new file, less the umask. 0
    /// means 0666.
    pub open_mode: u32,
}

/// The caller's descriptor `source` becomes the child's `target`.
#[repr(C)]
pub struct chld_fd_map {
    pub source: i32,
    pub target: i32,
}

/// The caller's process group.
pub const CHLD_GROUP_INHERIT: u32 = 0;

/// A new group with the child as its leader.
pub const CHLD_GROUP_NEW: u32 = 1;

/// The existing group `group`, of the caller's session.
pub const CHLD_GROUP_JOIN: u32 = 2;

/// Along the PATH of the calling process.
pub const CHLD_SEARCH_PARENT: u32 = 0;

/// Along the PATH in the child's environment.
pub const CHLD_SEARCH_CHILD: u32 = 1;

/// Not at all: the name is a path.
pub const CHLD_SEARCH_NONE: u32 = 2;

/// The child begins a new session, as its leader and without a terminal.
pub const CHLD_SPAWN_SESSION: u64 = 1;

/// The terminal on the child's stdin becomes the controlling one of its
/// session. With CHLD_SPAWN_SESSION only.
pub const CHLD_SPAWN_TERMINAL: u64 = 2;

/// The child's group becomes the foreground group of its terminal.
pub const CHLD_SPAWN_FOREGROUND: u64 = 4;

/// The child keeps every descriptor that is not close-on-exec. Without this it
/// has 0, 1, 2 and what `fds` gives it, and nothing else.
pub const CHLD_SPAWN_INHERIT_FDS: u64 = 8;

/// The program is what is open at `program_fd`.
pub const CHLD_SPAWN_PROGRAM_FD: u64 = 16;

/// A file that is executable but no program (ENOEXEC) is run by /bin/sh, as
/// execvp() would.
pub const CHLD_SPAWN_SHELL: u64 = 32;

/// The working directory is what is open at `cwd_fd`.
pub const CHLD_SPAWN_CWD_FD: u64 = 64;

/// The child is placed into the cgroup (v2) whose directory is open at
/// `cgroup_fd`: it is born there, where the kernel can do that.
pub const CHLD_SPAWN_CGROUP: u64 = 128;

/// The child's supplementary groups are `groups`, and no others.
pub const CHLD_SPAWN_GROUPS: u64 = 256;

/// The child's real, effective and saved group is `gid`.
pub const CHLD_SPAWN_GID: u64 = 512;

/// The child's real, effective and saved user is `uid`.
pub const CHLD_SPAWN_UID: u64 = 1024;

/// The child's umask is `umask`.
pub const CHLD_SPAWN_UMASK: u64 = 2048;

/// No program that the child becomes gains privileges: set-user-id bits and file
/// capabilities are ignored.
pub const CHLD_SPAWN_NO_NEW_PRIVS: u64 = 4096;

/// Nobody will wait for the child. There is no handle; `ret` gets CHLD_NONE and may be
/// NULL. Not with pipes or pseudo-terminals, nor with a death signal.
///
/// Its parent is init, or the nearest subreaper, which reaps it. Since Linux 7.1 its
/// parent is the caller until that exits, and the kernel reaps it: it leaves no zombie
/// and raises no SIGCHLD. Only there can it be the first process of a PID namespace,
/// after unshare(CLONE_NEWPID).
pub const CHLD_SPAWN_DETACHED: u64 = 8192;

/// Descendants of the child whose own parent has ended become children of the
/// child itself, not of init, so that chld_kill_tree() finds all of them as long
/// as the child lives. A program that does not wait for children it does not
/// know has zombies until it ends. Linux only; else -ENOSYS.
pub const CHLD_SPAWN_SUBREAPER: u64 = 16384;

/// As CHLD_SPAWN_CGROUP, and the cgroup is the child's own: nobody is ever in it
/// but the child and its descendants. chld_kill_tree() with SIGKILL then ends all
/// that is in it (since Linux 5.14), which nothing escapes.
pub const CHLD_SPAWN_CGROUP_OWN: u64 = 32768;

/// chld_close() kills the child: it sends SIGKILL to the group if the child leads one
/// (CHLD_GROUP_NEW, CHLD_SPAWN_SESSION, CHLD_STDIO_PTY), else to the child alone, and
/// does not wait. If the child has exited, what is left of its group is killed, if the
/// kernel can signal a group by pidfd (since Linux 6.9).
///
/// If CHLD_SPAWN_KILL_ON_DEATH can be had, this has the same effect: the child is also
/// killed when the program dies, and is private. Otherwise a program that exits without
/// chld_close() kills nobody. Not with CHLD_SPAWN_DETACHED.
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
/// chld_supports() returns that before. Not with CHLD_SPAWN_DETACHED.
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
/// The child ignores the signals in `ignored` (0 for none), and no others.
pub const CHLD_SIGNALS_IGNORING: u32 = 2;

/// No signal is blocked in the child.
pub const CHLD_MASK_EMPTY: u32 = 0;
/// What the calling thread blocks is blocked.
pub const CHLD_MASK_INHERIT: u32 = 1;
/// The signals in `blocked` are blocked.
pub const CHLD_MASK_BLOCKED: u32 = 2;

/// A resource limit for the child.
#[repr(C)]
pub struct chld_limit {
    /// RLIMIT_*.
    pub resource: i32,
    /// Must be 0.
    pub reserved: u32,
    /// The soft limit, ~0 for none; not above `hard`.
    pub soft: u64,
    /// The hard limit, ~0 for none.
    pub hard: u64,
}

/// What chld_spawn() can be told. Begin with CHLD_SPAWN_OPTIONS_INIT, then set
/// what you need: zero is the default in every member. Everything that it
/// points to need only last for the call.
#[repr(C)]
pub struct chld_spawn_options {
    /// sizeof(chld_spawn_options), set by CHLD_SPAWN_OPTIONS_INIT. A smaller
    /// struct, from an older header, is read as far as it goes; a larger one, up to
    /// 4096 bytes, is accepted if the part unknown to the library is zero.
    pub size: usize,
    /// CHLD_SPAWN_* bits.
    pub flags: u64,

    /// The program, if it is not what argv[0] says. As every relative path along
    /// PATH, it is looked for in the child, in its working directory; those of
    /// the streams are the caller's.
    pub program: *const c_char,
    /// For CHLD_SPAWN_PROGRAM_FD. A script cannot be run in this way: its
    /// interpreter finds the descriptor closed.
    pub program_fd: i32,
    /// One of CHLD_SEARCH_*: where a program without a slash in its name is
    /// looked for. Without any PATH: in /bin and /usr/bin.
    pub search: u32,

    /// The whole environment, "NAME=value" each, NULL at the end. NULL: the
    /// caller's own.
    pub env: *const *const c_char,
    /// "NAME=value" entries to add to that, or to replace there.
    pub env_set: *const *const c_char,
    /// Names to take out.
    pub env_unset: *const *const c_char,

    /// The working directory. NULL: the caller's.
    pub cwd: *const c_char,
    /// For CHLD_SPAWN_CWD_FD.
    pub cwd_fd: i32,
    /// For CHLD_SPAWN_UMASK: the permissions that new files do not get.
    pub umask: u32,

    /// The child's stdin, stdout and stderr.
    pub r#in: chld_stdio,
    pub out: chld_stdio,
    pub err: chld_stdio,
    /// More descriptors for the child. They take effect all at once: 3 to 4 and
    /// 4 to 3 swaps the two.
    pub fds: *const chld_fd_map,
    /// How many.
    pub fds_count: usize,
    /// For CHLD_STDIO_PTY: the size of the window, in characters. 0: that of the
    /// caller's terminal (of stdin, stdout or stderr, else the controlling one), or 24
    /// rows and 80 columns if there is none. See chld_pty_resize().
    pub rows: u16,
    pub columns: u16,

    /// One of CHLD_GROUP_*.
    pub group_mode: u32,
    /// For CHLD_GROUP_JOIN.
    pub group: i32,
    /// For CHLD_SPAWN_CGROUP and CHLD_SPAWN_CGROUP_OWN.
    pub cgroup_fd: i32,

    /// Resource limits, set while the child still has the caller's privileges.
    pub limits: *const chld_limit,
    /// How many.
    pub limits_count: usize,
    /// The CPUs that the child may run on, as sched_setaffinity() takes them; NULL
    /// for no change.
    pub cpus: *const c_void,
    /// How many bytes.
    pub cpus_size: usize,

    /// For CHLD_SPAWN_GROUPS; NULL for none at all.
    pub groups: *const u32,
    /// How many.
    pub groups_count: usize,
    /// For CHLD_SPAWN_GID and CHLD_SPAWN_UID. Groups, gid and uid are set in this
    /// order; the caller's own process is not changed.
    pub gid: u32,
    pub uid: u32,

    /// Added to the niceness: more is less urgent.
    pub nice: i32,
    /// Sent to the child when the thread that started it dies; 0 for none. It
    /// does not survive the exec of a program with set-user-id bits.
    pub death_signal: i32,

    /// One of CHLD_SIGNALS_*: what is ignored. Handlers never outlive exec.
    pub signals_mode: u32,
    /// One of CHLD_MASK_*: what is blocked.
    pub mask_mode: u32,
    /// For CHLD_SIGNALS_IGNORING: bit n - 1 is signal n. None of them may be in
    /// `reset`.
    pub ignored: u64,
    /// For CHLD_MASK_BLOCKED: bit n - 1 is signal n.
    pub blocked: u64,
    /// Signals that have their default disposition in the child, on top of
    /// `signals_mode`: bit n - 1 is signal n. chld_signal_bits() makes these numbers
    /// from a sigset_t.
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
/// `ret`: where its handle goes. Not NULL, but for CHLD_SPAWN_DETACHED.
/// `argv`: its arguments, NULL at the end (main()'s own need a cast, being char
/// **); argv[0] is the program unless the options name another. Without a slash
/// in it, it is looked for along PATH, by execvp()'s rules: a directory that may
/// not be searched makes the answer -EACCES if no other has the program.
/// `options`: NULL for the defaults, under which the child has the caller's
/// environment, working directory, standard streams, group, session and
/// limits; no other descriptor; no signal blocked, no handler, SIGPIPE and
/// SIGCHLD at their defaults, and what else the caller ignores ignored.
/// `reterr`: where to say what failed; may be NULL. Written on failure only.
///
/// The call returns when the child has become its program, or could not: a
/// program that cannot be run is an error here, not an exit code later. On
/// failure nothing is left: no child, no zombie, no descriptor, no slot.
///
/// Returns 0, or the errno that `reterr` has with its step:
/// -EINVAL `ret` or `argv` is NULL or empty, options that do not exist or
/// contradict each other (steps "arguments", "options", "environment", "stdio",
/// "map", "terminal", "group", "limit", "affinity", "setgroups", "setgid",
/// "setuid", "death_signal", "signals"); -E2BIG options of a later version that
/// this library does not know ("options"), or arguments too long for the kernel
/// ("exec"); -EBADF a descriptor that is not open ("stdio",
/// "map", "chdir", "exec", "cgroup"); -ENOENT, -EACCES, -ENOEXEC the program is
/// missing, may not be run, or is none ("exec", "interpreter"), or a path leads
/// nowhere ("open", "chdir"); -ENOMEM, -EAGAIN, -EMFILE, -ENFILE out of memory,
/// processes, descriptors ("memory", "pipe", "pty", "open", "clone"); -EPERM the
/// caller may not do what a step is named for. A step can say anything else that
/// the call it is named for says. The section STEPS of the manual page, and
/// docs/options.md, have all of it: option, step, errnos, since which kernel, what
/// happens without.
/// Ownership: the handle is the caller's, until chld_close(). The caller's ends of
/// pipes and pseudo-terminals are the library's: chld_close_fd() or chld_close()
/// closes them. Descriptors that were passed stay the caller's to close. Nothing
/// else that was passed is kept.
/// Thread-safe, but reads the environment, as every function that does races with
/// setenv(). Not async-signal-safe. Blocks until the exec, and on opening a path as
/// open() would. Not a cancellation point. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_spawn(
    ret: *mut chld_id,
    argv: *const *const c_char,
    options: *const chld_spawn_options,
    reterr: *mut chld_error,
) -> c_int {
    let _host = Undisturbed::enter();
    // SAFETY: all of it is what the header says, for the length of this call.
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
/// All must be NULL or what the header says it is, and stay so for `'a`.
pub unsafe fn request_of<'a>(
    argv: *const *const c_char,
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
        let size = options.cast::<usize>().read();
        let options = growth::copy(options).map_err(|errno| wrong_size(size, errno))?;
        Ok((options::request(argv, &options)?, options.user as usize))
    }
}

fn wrong_size(size: usize, errno: Errno) -> Failure {
    let reason = match (size, errno) {
        (0, _) => Reason::SizeZero,
        (_, Errno::E2BIG) => Reason::Newer,
        _ => Reason::Size,
    };
    Failure::misuse(reason, 0)
}

/// Takes over a child that the calling process has started by other means, with
/// fork() for one. From then on only the library may wait for it.
///
/// `ret`: where its handle goes. Not NULL.
/// `pid`: the child, which nobody has reaped.
///
/// Its chld_user() is NULL, it has no pipes, and as the library does not know
/// whether it leads a group, it leads none for chld_kill_group() and
/// CHLD_TARGET_GROUP. A handle that was closed while its child ran is not to be had
/// again: -EEXIST.
///
/// Returns 0, -ECHILD if it is no child of this process, -EEXIST if the library
/// has it already, -EINVAL if `ret` is NULL, -ENOMEM, -EAGAIN without memory or
/// room in the table of children.
/// Ownership: the handle is the caller's, until chld_close().
/// Thread-safe, not async-signal-safe, never blocks. Since 0.1.
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

/// The name of a CHLD_STEP_*: "exec", "chdir", … These names do not change.
///
/// Returns a constant string, or NULL if `step` is none.
/// Thread-safe, async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_step_name(step: c_int) -> *const c_char {
    or_null(Step::from_number(step).map(Step::name))
}

/// Says what failed: "chdir /nowhere: No such file or directory".
///
/// `buffer`, `size`: as for chld_status_text().
///
/// Returns the length of the whole text without its NUL, or -EINVAL for a step
/// that does not exist.
/// Thread-safe, never blocks. Not async-signal-safe: the words come from
/// strerror_r(), in the locale of the caller. Since 0.1.
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
        Some((Failure { step, index, errno, reason }, error))
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
    let Failure { step, index, errno, reason } = failure;
    let error = chld_error { code: errno.0, step: step as i32, index, item: kept, reason };
    // SAFETY: by this function's contract.
    unsafe { super::write_out(reterr, error) };
    errno.0.wrapping_neg()
}
