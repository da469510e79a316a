//! The C side: what the header declares. Checks pointers, calls one thing,
//! writes what it found. Nothing is decided here.
#![allow(unsafe_code, non_camel_case_types)]
#![allow(dead_code)] // constants that only C uses

mod act;
mod ask;
mod capture;
mod capture_options;
mod capture_setup;
mod error;
#[cfg(feature = "fuzz")]
mod fuzz;
mod growth;
mod notice;
mod options;
mod pipeline;
mod set;
mod set_capture;
mod spawn;
mod spawn_options;
mod status;
mod terminal;
mod wait;

use crate::status::word::{State, Status};
use crate::sys::host::Undisturbed;
use crate::sys::{Errno, Result};
use core::ffi::{CStr, c_char, c_int};
use spawn::chld_id;
use status::chld_status;

/// In C either `char **` or `const char **`: see preamble.h.
pub type chld_argv = *const *const c_char;

/// Runs `call` with the caller's errno and cancel state kept; an error is
/// returned as a negative errno.
fn quietly(call: impl FnOnce() -> Result<c_int>) -> c_int {
    let _host = Undisturbed::enter();
    negated(call())
}

fn negated(result: Result<c_int>) -> c_int {
    result.unwrap_or_else(|errno| errno.0.wrapping_neg())
}

/// Writes `value` to `place`, unless that is NULL.
///
/// # Safety
/// `place` must be NULL or valid for a write.
unsafe fn write_out<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: by this function's contract.
        unsafe { place.write(value) };
    }
}

/// The caller's buffer; NULL or no size is an empty one.
///
/// # Safety
/// `buffer` must be NULL or valid for writes of `size` bytes for `'a`.
unsafe fn buffer_of<'a>(buffer: *mut c_char, size: usize) -> &'a mut [u8] {
    if buffer.is_null() || size == 0 || size > isize::MAX as usize {
        return &mut [];
    }
    // SAFETY: by this function's contract, and the size is one a slice can have.
    unsafe { core::slice::from_raw_parts_mut(buffer.cast(), size) }
}

fn or_null(text: Option<&'static CStr>) -> *const c_char {
    text.map_or(core::ptr::null(), CStr::as_ptr)
}

/// A length as the text functions return it.
fn length(length: usize) -> c_int {
    c_int::try_from(length).unwrap_or(c_int::MAX)
}

fn to_c(status: Status) -> chld_status {
    chld_status {
        state: status.state as i32,
        code: status.code,
        core: (status.state == State::Dumped) as i32,
        wait_word: status.encode().unwrap_or(-1),
    }
}

/// EINVAL for what no child has: an unknown state, or a code out of its range.
fn from_c(status: &chld_status) -> Result<Status> {
    let state = State::from_number(status.state).ok_or(Errno::EINVAL)?;
    let status = Status { state, code: status.code };
    match state {
        State::Running | State::Lost => Ok(status),
        _ => status.encode().map(|_| status),
    }
}

/// CHLD_NONE is never valid, so that a zeroed struct cannot name a child.
fn valid(id: chld_id) -> Result<u64> {
    if id == 0 { Err(Errno::EBADF) } else { Ok(id) }
}
