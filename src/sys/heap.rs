//! Memory from libc's heap: for buffers that grow and then are the caller's.
//! Nothing else in the library allocates.

use super::{Errno, Result, fd};

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

    /// Makes sure that there is room for more; how much, at most `most`.
    pub fn make_room(&mut self, most: usize) -> Result<usize> {
        let wanted = self.used.checked_add(most.min(LEAST)).ok_or(Errno::ENOMEM)?;
        if wanted >= self.room {
            let room = self.room.saturating_mul(2).max(wanted.checked_add(1).ok_or(Errno::ENOMEM)?);
            // SAFETY: NULL or what realloc gave; on failure the old block stays.
            let fresh = unsafe { libc::realloc(self.first.cast(), room) };
            if fresh.is_null() {
                return Err(Errno::ENOMEM);
            }
            (self.first, self.room) = (fresh.cast(), room);
        }
        Ok(self.room.wrapping_sub(self.used).wrapping_sub(1).min(most))
    }

    /// Reads into what `make_room` has promised: straight from the kernel, since a
    /// copy would cost as much again.
    pub fn read(&mut self, fd: i32, room: usize) -> Result<usize> {
        let most = self.room.saturating_sub(self.used).checked_sub(1).ok_or(Errno::ENOMEM)?;
        let room = room.min(most);
        // SAFETY: `first` has room for that and one more behind `used` bytes, and
        // is nobody else's memory.
        unsafe {
            let count = fd::read_raw(fd, self.first.add(self.used), room)?;
            self.used = self.used.wrapping_add(count);
            self.first.add(self.used).write(0);
            Ok(count)
        }
    }

    /// The memory, which now has to be given to `free`: an empty string if nothing
    /// came. NULL only if there is no memory for that.
    pub fn release(&mut self) -> *mut u8 {
        if self.used == 0 && self.make_room(0).is_ok() {
            // SAFETY: ours, with room for one byte at least.
            unsafe { self.first.write(0) };
        }
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
