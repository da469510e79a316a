//! A function of the caller's that is given bytes.

use crate::sys::Errno;
use core::ffi::{c_char, c_int, c_void};

/// Anything but 0 asks to stop.
pub type Take = extern "C" fn(*mut c_void, *const c_char, usize) -> c_int;

#[derive(Clone, Copy)]
pub struct Callback {
    pub take: Take,
    pub argument: *mut c_void,
}

/// Why a sink takes nothing more.
pub enum Refusal {
    /// The callback returned this.
    Stopped(i32),
    Failed(Errno),
}

impl Callback {
    /// `kept` counts what the callback has taken.
    pub fn give(&self, bytes: &[u8], kept: &mut u64) -> Result<(), Refusal> {
        match (self.take)(self.argument, bytes.as_ptr().cast(), bytes.len()) {
            0 => *kept = kept.wrapping_add(bytes.len() as u64),
            answer => return Err(Refusal::Stopped(answer)),
        }
        Ok(())
    }
}
