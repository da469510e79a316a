use super::{buffer_of, from_c, length, negated, or_null, to_c};
use crate::status::signals;
use crate::status::word::Status;
use crate::sys::host::KeptErrno;
use crate::sys::{Errno, signal};
use crate::status::text::Text;
use core::ffi::{CStr, c_char, c_int, c_void};

/// The child has not exited.
pub const CHLD_STATE_RUNNING: i32 = 0;

/// The child has exited by itself. `code` is its exit code, 0 to 255. (CLD_EXITED)
pub const CHLD_STATE_EXITED: i32 = 1;

/// A signal has terminated the child. `code` is the signal. (CLD_KILLED)
pub const CHLD_STATE_KILLED: i32 = 2;

/// A signal has terminated the child, and a core file was written. `code` is the signal.
/// (CLD_DUMPED)
pub const CHLD_STATE_DUMPED: i32 = 3;

/// A signal has stopped the child. `code` is the signal. (CLD_STOPPED)
pub const CHLD_STATE_STOPPED: i32 = 5;

/// The child was continued. `code` is SIGCONT. (CLD_CONTINUED)
pub const CHLD_STATE_CONTINUED: i32 = 6;

/// The child has exited, but other code reaped it and the kernel no longer has its
/// status. This is never reported as an exit code.
pub const CHLD_STATE_LOST: i32 = 15;

/// The state of a child, and how it exited.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct chld_status {
    /// One of CHLD_STATE_*.
    pub state: i32,
    /// The exit code or the signal, depending on `state`; else -1. So `code == 0` is true
    /// only of an exit with code 0.
    pub code: i32,
    /// 1 if a core file was written, else 0.
    pub core: i32,
    /// The status word that waitpid() stores, for the W* macros of <sys/wait.h>. -1 if
    /// there is none (running, lost).
    pub wait_word: i32,
}

/// Reads a wait status word, as waitpid() stores it.
///
/// `wait_word`: any int.
/// `ret`: where the status goes; may be NULL.
///
/// Returns 0, or
/// -EINVAL: none of the W* macros of <sys/wait.h> recognizes the word.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_status_decode(wait_word: c_int, ret: *mut chld_status) -> c_int {
    negated(Status::decode(wait_word).map(|status| {
        // SAFETY: NULL or valid, by the header.
        unsafe { super::write_out(ret, to_c(status)) };
        0
    }))
}

/// Makes a wait status word from a status.
///
/// `status`: only `state` and `code` are read.
///
/// Returns the word, 0 to 0xffff, or
/// -EINVAL: `status` is NULL, the child is running or lost, or `code` is out of range.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_status_encode(status: *const chld_status) -> c_int {
    // SAFETY: NULL or valid, by the header.
    negated(unsafe { given(status) }.and_then(Status::encode))
}

/// Returns what a shell has in `$?` for a status: the exit code, or 128 + n for signal n.
///
/// `status`: the status of a child that has exited or stopped.
///
/// Returns the number, 0 to 255, or
/// -EINVAL: `status` is NULL, the child has neither exited nor stopped, or `code` is out
///   of range.
/// -ENODATA: the state is CHLD_STATE_LOST.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_status_shell_code(status: *const chld_status) -> c_int {
    // SAFETY: NULL or valid, by the header.
    negated(unsafe { given(status) }.and_then(Status::shell_code))
}

/// Writes a status in words, as in "exited with code 42", "killed by SIGKILL" or "killed
/// by SIGSEGV (segmentation fault), core dumped".
///
/// `status`: any status.
/// `buffer`, `size`: the memory for the text. A longer text is cut, and always ends with
/// a NUL. NULL with 0 returns the length alone.
///
/// The text is English and does not depend on the locale. For CHLD_STATE_LOST it is
/// "exited, status unknown (reaped by other code)".
///
/// Returns the length of the whole text without its NUL, as snprintf() does, or
/// -EINVAL: `status` is NULL, the state does not exist, or `code` is out of range.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_status_text(
    status: *const chld_status,
    buffer: *mut c_char,
    size: usize,
) -> c_int {
    // SAFETY: NULL or valid, by the header; so is the buffer for `size` bytes.
    let (status, buffer) = unsafe { (given(status), buffer_of(buffer, size)) };
    negated(status.map(|status| {
        let mut text = Text::new(buffer);
        status.write(&mut text);
        length(text.finish())
    }))
}

/// Terminates the calling process in the same way as a child: with the same exit code, or
/// by the same signal.
///
/// `status`: the status of a child that has exited.
///
/// Use this in a program that stands in for its child, so that its own parent gets the
/// true status. A core file is written only if the child wrote one. No atexit() function
/// runs.
///
/// Returns only on failure:
/// -EINVAL: `status` is NULL, it is not that of an exit, `code` is out of range, or the
///   default action of the signal does not terminate (SIGSTOP, SIGCHLD).
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_status_raise(status: *const chld_status) -> c_int {
    // SAFETY: NULL or valid, by the header.
    match unsafe { given(status) } {
        Ok(status) => status.raise().0.wrapping_neg(),
        Err(errno) => errno.0.wrapping_neg(),
    }
}

/// Returns the name of a signal: "SIGKILL" for 9, "SIGRTMIN+3", "SIGRTMAX".
///
/// `signal`: any int.
///
/// Returns a constant string, or NULL if `signal` is not a signal, or one that the C
/// library keeps for itself.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_signal_name(signal: c_int) -> *const c_char {
    or_null(signals::name(signal))
}

/// Returns a signal in words: "segmentation fault" for SIGSEGV.
///
/// `signal`: any int.
///
/// The words are English and do not depend on the locale.
///
/// Returns a constant string, or NULL as chld_signal_name() does.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_signal_text(signal: c_int) -> *const c_char {
    or_null(signals::text(signal))
}

/// Returns the number of a signal that is given by name: "KILL", "SIGKILL", "sigkill",
/// "9", "RTMIN+3", "SIGRTMAX-1".
///
/// `name`: the name.
///
/// Returns the number, 1 or more, or
/// -EINVAL: `name` is NULL or does not name a signal.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_signal_number(name: *const c_char) -> c_int {
    if name.is_null() {
        return Errno::EINVAL.0.wrapping_neg();
    }
    // SAFETY: a valid C string, by the header.
    negated(signals::number(unsafe { CStr::from_ptr(name) }.to_bytes()))
}

/// Converts a sigset_t to a number, as chld_spawn_options has it: bit n - 1 is signal n.
///
/// `set`: a sigset_t. Must not be NULL.
/// `ret`: where the number goes. Must not be NULL.
///
/// Returns 0, or
/// -EINVAL: an argument is NULL.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_sigset_decode(set: *const c_void, ret: *mut u64) -> c_int {
    if set.is_null() || ret.is_null() {
        return Errno::EINVAL.0.wrapping_neg();
    }
    // SAFETY: both are what the header requires.
    unsafe { ret.write(signal::bits_of(&*set.cast())) };
    0
}

/// Converts a number to a sigset_t.
///
/// `signals`: bit n - 1 is signal n.
/// `ret`: a sigset_t, which need not be initialized. Must not be NULL.
///
/// Signals that the C library keeps for itself are left out.
///
/// Returns 0, or
/// -EINVAL: `ret` is NULL.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_sigset_encode(signals: u64, ret: *mut c_void) -> c_int {
    if ret.is_null() {
        return Errno::EINVAL.0.wrapping_neg();
    }
    let _errno = KeptErrno::enter();
    // SAFETY: what the header requires.
    unsafe { ret.cast::<signal::Set>().write(signal::set_of(signals)) };
    0
}

/// # Safety
/// `status` must be NULL or valid.
unsafe fn given(status: *const chld_status) -> crate::sys::Result<Status> {
    // SAFETY: by this function's contract.
    unsafe { status.as_ref() }.ok_or(Errno::EINVAL).and_then(from_c)
}
