//! Parsers of what the kernel or a file has, for c-tests/fuzz: in a build with the feature
//! `fuzz` only.

use crate::start::interpreter;
use crate::stop::process;
use core::ffi::{c_char, c_int};

/// What c-tests/fuzz/parsers.c has under the same name.
#[repr(C)]
pub struct chld_fuzz_process {
    parent: i32,
    group: i32,
    session: i32,
    threads: u32,
    start: u64,
    state: u8,
}

/// # Safety
/// `data` must be valid for reads of `size` bytes for `'a`.
unsafe fn bytes<'a>(data: *const c_char, size: usize) -> &'a [u8] {
    // SAFETY: by this function's contract.
    unsafe { core::slice::from_raw_parts(data.cast(), size) }
}

/// Reads what /proc/PID/stat has. Returns whether it is that.
///
/// # Safety
/// `data` must be valid for reads of `size` bytes, and `ret` for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_fuzz_stat(
    data: *const c_char,
    size: usize,
    ret: *mut chld_fuzz_process,
) -> c_int {
    // SAFETY: by this function's contract.
    let Some(found) = process::parse(1, unsafe { bytes(data, size) }) else { return 0 };
    let process::Process { parent, group, session, threads, start, state, .. } = found;
    // SAFETY: the same.
    unsafe { ret.write(chld_fuzz_process { parent, group, session, threads, start, state }) };
    1
}

/// Reads the beginning of a program. Returns the length of its interpreter's name, -1 if
/// it has none.
///
/// # Safety
/// `data` must be valid for reads of `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_fuzz_interpreter(data: *const c_char, size: usize) -> c_int {
    // SAFETY: by this function's contract.
    let name = interpreter::interpreter_of(unsafe { bytes(data, size) });
    name.map_or(-1, |name| name.len() as c_int)
}
