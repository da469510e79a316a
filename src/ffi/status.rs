use super::{buffer_of, from_c, length, negated, or_null, to_c};
use crate::status::signals;
use crate::status::word::Status;
use crate::sys::host::KeptErrno;
use crate::sys::{Errno, signal};
use crate::status::text::Text;
use core::ffi::{CStr, c_char, c_int, c_void};

/// It has not ended.
pub const CHLD_STATE_RUNNING: i32 = 0;

/// It ended by itself; `code` is its exit code, 0 to 255. (CLD_EXITED)
pub const CHLD_STATE_EXITED: i32 = 1;

/// A signal ended it; `code` is the signal. (CLD_KILLED)
pub const CHLD_STATE_KILLED: i32 = 2;

/// The same, and a core file was written. (CLD_DUMPED)
pub const CHLD_STATE_DUMPED: i32 = 3;

/// A signal stopped it; `code` is the signal. (CLD_STOPPED)
pub const CHLD_STATE_STOPPED: i32 = 5;

/// It was continued; `code` is SIGCONT. (CLD_CONTINUED)
pub const CHLD_STATE_CONTINUED: i32 = 6;

/// It has ended, but somebody else reaped it and the kernel no longer tells
/// how. Never reported as an exit code.
pub const CHLD_STATE_LOST: i32 = 15;

/// How a child is, or how it ended.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct chld_status {
    /// One of CHLD_STATE_*.
    pub state: i32,
    /// The exit code or the signal, as `state` says; else -1, so that `code == 0`
    /// is never true of anything but an exit with 0.
    pub code: i32,
    /// 1 if a core file was written, else 0.
    pub core: i32,
    /// What waitpid() would have stored, for the W* macros of <sys/wait.h>;
    /// -1 where there is none (running, lost).
    pub wait_word: i32,
}

/// Reads a wait status word, as waitpid() stores it.
///
/// `wait_word`: any int.
/// `ret`: where the status goes; may be NULL.
///
/// Returns 0, or -EINVAL for a word that none of the W* macros knows.
/// Thread-safe, async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_status_decode(wait_word: c_int, ret: *mut chld_status) -> c_int {
    negated(Status::decode(wait_word).map(|status| {
        // SAFETY: NULL or valid, by the header.
        unsafe { super::write_out(ret, to_c(status)) };
        0
    }))
}

/// Makes a wait status word from `state` and `code`; the other members are not
/// looked at.
///
/// Returns the word, 0 to 0xffff, or -EINVAL if there is none for this (still
/// running, lost, a code out of range, NULL).
/// Thread-safe, async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_status_encode(status: *const chld_status) -> c_int {
    // SAFETY: NULL or valid, by the header.
    negated(unsafe { given(status) }.and_then(Status::encode))
}

/// What a shell's `$?` would be: the exit code, or 128 + n for signal n.
///
/// Returns that number, -EINVAL for a child that has not ended or stopped or a code
/// out of range, or -ENODATA for CHLD_STATE_LOST.
/// Thread-safe, async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_status_shell_code(status: *const chld_status) -> c_int {
    // SAFETY: NULL or valid, by the header.
    negated(unsafe { given(status) }.and_then(Status::shell_code))
}

/// Says it in words: "exited with code 42", "killed by SIGSEGV (segmentation
/// fault), core dumped".
///
/// `buffer`, `size`: where to; what does not fit is cut, and a NUL always ends
/// it. NULL with 0 asks for the length.
///
/// Returns the length of the whole text without its NUL, as snprintf() does,
/// or -EINVAL for a state that does not exist or a code out of range.
/// Thread-safe, async-signal-safe, never blocks. Since 0.1.
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

/// Ends the calling process in the way that `status` tells: the same exit code,
/// or the same signal (no core file is written unless there was one). Meant for
/// a program that stands in for its child: its own parent then learns what
/// really happened. No atexit() function runs.
///
/// Returns only if it cannot: -EINVAL if the status is not that of an end, its code
/// is out of range, or its signal one that ends nobody (SIGSTOP, SIGCHLD).
/// Thread-safe, async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_status_raise(status: *const chld_status) -> c_int {
    // SAFETY: NULL or valid, by the header.
    match unsafe { given(status) } {
        Ok(status) => status.raise().0.wrapping_neg(),
        Err(errno) => errno.0.wrapping_neg(),
    }
}

/// The name of a signal: "SIGKILL" for 9, "SIGRTMIN+3", "SIGRTMAX".
///
/// Returns a constant string, or NULL if `signal` is no signal, or one that the
/// C library keeps for itself.
/// Thread-safe, async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_signal_name(signal: c_int) -> *const c_char {
    or_null(signals::name(signal))
}

/// The same in words: "segmentation fault" for SIGSEGV. English always.
///
/// Returns a constant string, or NULL as chld_signal_name() does.
/// Thread-safe, async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_signal_text(signal: c_int) -> *const c_char {
    or_null(signals::text(signal))
}

/// The signal that a name means: "KILL", "SIGKILL", "sigkill", "9", "RTMIN+3",
/// "SIGRTMAX-1".
///
/// Returns its number, or -EINVAL if it names none.
/// Thread-safe, async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_signal_number(name: *const c_char) -> c_int {
    if name.is_null() {
        return Errno::EINVAL.0.wrapping_neg();
    }
    // SAFETY: a valid C string, by the header.
    negated(signals::number(unsafe { CStr::from_ptr(name) }.to_bytes()))
}

/// The signals of a sigset_t as a number, as chld_spawn_options has them: bit n - 1
/// is signal n.
///
/// `set`: a sigset_t. Must not be NULL.
/// `ret`: where the number goes. Must not be NULL.
///
/// Returns 0, -EINVAL if an argument is NULL.
/// Thread-safe, async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_sigset_decode(set: *const c_void, ret: *mut u64) -> c_int {
    if set.is_null() || ret.is_null() {
        return Errno::EINVAL.0.wrapping_neg();
    }
    // SAFETY: both are what the header says.
    unsafe { ret.write(signal::bits_of(&*set.cast())) };
    0
}

/// The reverse: makes a sigset_t of a number. Signals that the C library keeps for
/// itself are left out.
///
/// `signals`: bit n - 1 is signal n.
/// `ret`: a sigset_t, which need not be initialized. Must not be NULL.
///
/// Returns 0, -EINVAL if `ret` is NULL.
/// Thread-safe, async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_sigset_encode(signals: u64, ret: *mut c_void) -> c_int {
    if ret.is_null() {
        return Errno::EINVAL.0.wrapping_neg();
    }
    let _errno = KeptErrno::enter();
    // SAFETY: what the header says.
    unsafe { ret.cast::<signal::Set>().write(signal::set_of(signals)) };
    0
}

/// # Safety
/// `status` must be NULL or valid.
unsafe fn given(status: *const chld_status) -> crate::sys::Result<Status> {
    // SAFETY: by this function's contract.
    unsafe { status.as_ref() }.ok_or(Errno::EINVAL).and_then(from_c)
}
