//! Memory from libc's heap: for buffers that grow and then are the caller's.
//! Nothing else in the library allocates.

use super::{Errno, Result};

/// Bytes that are kept, with a NUL behind them.
pub struct Growing {
    /// From realloc, with room for `room` bytes; NULL at first.
    first: *mut u8,
    used: usize,
    room: usize,
}

const LEAST: usize = 4096;

impl Growing {
    pub const fn new() -> Growing {
        Growing { first: core::ptr::null_mut(), used: 0, room: 0 }
    }

    pub fn len(&self) -> usize {
        self.used
    }

    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let used = self.used.checked_add(bytes.len()).ok_or(Errno::ENOMEM)?;
        self.make_room(used.checked_add(1).ok_or(Errno::ENOMEM)?)?;
        // SAFETY: `first` has room for one more than `used` bytes, and is
        // nobody else's memory.
        unsafe {
            let end = self.first.add(self.used);
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), end, bytes.len());
            self.first.add(used).write(0);
        }
        self.used = used;
        Ok(())
    }

    fn make_room(&mut self, needed: usize) -> Result<()> {
        if needed <= self.room {
            return Ok(());
        }
        let room = needed.max(self.room.saturating_mul(2)).max(LEAST);
        // SAFETY: NULL or what realloc gave; on failure the old block stays.
        let fresh = unsafe { libc::realloc(self.first.cast(), room) };
        if fresh.is_null() {
            return Err(Errno::ENOMEM);
        }
        (self.first, self.room) = (fresh.cast(), room);
        Ok(())
    }

    /// The memory, which now has to be given to `free`; NULL if there is none.
    pub fn release(&mut self) -> *mut u8 {
        (self.used, self.room) = (0, 0);
        core::mem::replace(&mut self.first, core::ptr::null_mut())
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        // SAFETY: NULL or what realloc gave, and still ours.
        unsafe { free(self.first) };
    }
}

/// # Safety
/// `first` must be NULL, or come from `Growing::release` and not be freed yet.
pub unsafe fn free(first: *mut u8) {
    // SAFETY: by this function's contract.
    unsafe { libc::free(first.cast()) };
}
