use super::{buffer_of, length, or_null, write_out};
use crate::start::failure::{Failure, ITEM_BYTES, Step};
use crate::status::text::Text;
use crate::sys::Errno;
use crate::sys::host::Undisturbed;
use core::ffi::{c_char, c_int};

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
    unsafe { write_out(reterr, error) };
    errno.0.wrapping_neg()
}

/// The numbers of the header are those of the logic.
const _: () = {
    macro_rules! same {
        ($($c:ident $step:ident)*) => { $(assert!($c == Step::$step as i32);)* };
    }
    same! {
        CHLD_STEP_NONE Nothing
        CHLD_STEP_ARGUMENTS Arguments
        CHLD_STEP_OPTIONS Options
        CHLD_STEP_ENVIRONMENT Environment
        CHLD_STEP_MEMORY Memory
        CHLD_STEP_STDIO Stdio
        CHLD_STEP_OPEN Open
        CHLD_STEP_PIPE Pipe
        CHLD_STEP_PTY Pty
        CHLD_STEP_CGROUP Cgroup
        CHLD_STEP_CLONE Clone
        CHLD_STEP_DESCRIPTORS Descriptors
        CHLD_STEP_MAP Map
        CHLD_STEP_SESSION Session
        CHLD_STEP_TERMINAL Terminal
        CHLD_STEP_GROUP Group
        CHLD_STEP_FOREGROUND Foreground
        CHLD_STEP_LIMIT Limit
        CHLD_STEP_NICE Nice
        CHLD_STEP_AFFINITY Affinity
        CHLD_STEP_SETGROUPS Setgroups
        CHLD_STEP_SETGID Setgid
        CHLD_STEP_SETUID Setuid
        CHLD_STEP_CHDIR Chdir
        CHLD_STEP_NO_NEW_PRIVS NoNewPrivs
        CHLD_STEP_DEATH_SIGNAL DeathSignal
        CHLD_STEP_SIGNALS Signals
        CHLD_STEP_EXEC Exec
        CHLD_STEP_INTERPRETER Interpreter
        CHLD_STEP_CAPTURE Capture
    }
};
