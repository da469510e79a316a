//! splice: from a pipe to another descriptor without a copy into this process.

use super::signal::SigpipeHeld;
use super::{Result, check};

/// Moves at most `most` bytes out of the pipe `from`; 0 at its end. EAGAIN when
/// one of the two is not ready, EINVAL when `to` is of a kind that cannot be
/// spliced to.
pub fn splice(from: i32, to: i32, most: usize) -> Result<usize> {
    let none = core::ptr::null_mut();
    let flags = libc::SPLICE_F_NONBLOCK | libc::SPLICE_F_MOVE;
    SigpipeHeld::run(|| {
        // SAFETY: numbers, and NULL offsets: both files' own positions.
        check(unsafe { libc::splice(from, none, to, none, most, flags) } as i64)
    })
    .map(|count| count as usize)
}
