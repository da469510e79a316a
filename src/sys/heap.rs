//! Memory from libc's heap: for buffers that grow and then are the caller's.
//! Nothing else in the library allocates.

use super::{Errno, Result, fd};

/// Bytes that are kept, with a NUL behind them.
pub struct Growing {
    /// From realloc, with room for `room` bytes; NULL at first.
    first: *mut u8,
    used: usize,
    room: usize,
    /// Up to here, its pages are there.
    ready: usize,
}

const LEAST: usize = 4096;
/// From here on much is expected to come.
const LARGE: usize = 64 * 1024;
/// How much is prepared for at once.
const AHEAD: usize = 256 * 1024;
const PAGE: usize = 4096;

impl Growing {
    pub const fn new() -> Growing {
        Growing { first: core::ptr::null_mut(), used: 0, room: 0, ready: 0 }
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
            (self.first, self.room, self.ready) = (fresh.cast(), room, self.used);
        }
        Ok(self.room.wrapping_sub(self.used).wrapping_sub(1).min(most))
    }

    /// Reads into what `make_room` has promised: straight from the kernel, since a
    /// copy would cost as much again.
    pub fn read(&mut self, fd: i32, room: usize) -> Result<usize> {
        let most = self.room.saturating_sub(self.used).checked_sub(1).ok_or(Errno::ENOMEM)?;
        let mut room = room.min(most);
        if self.used >= LARGE {
            room = room.min(AHEAD);
            self.prepare(room);
        }
        // SAFETY: `first` has room for that and one more behind `used` bytes, and
        // is nobody else's memory.
        unsafe {
            let count = fd::read_raw(fd, self.first.add(self.used), room)?;
            self.used = self.used.wrapping_add(count);
            self.first.add(self.used).write(0);
            Ok(count)
        }
    }

    /// Maps the pages for the next `room` bytes. Else each of them is a fault while
    /// the kernel copies, which takes longer, and holds up who writes to the pipe.
    fn prepare(&mut self, room: usize) {
        let end = self.used.wrapping_add(room);
        if end <= self.ready {
            return;
        }
        let ahead = AHEAD.min(self.room.saturating_sub(self.used));
        self.ready = self.used.wrapping_add(ahead);
        let start = (self.first as usize).wrapping_add(self.used);
        // SAFETY: pages of our own block, whose content stays. Since Linux 5.14;
        // where it is refused, the faults come.
        unsafe {
            let first = start & !(PAGE - 1);
            let size = start.wrapping_sub(first).wrapping_add(ahead);
            libc::madvise(first as *mut _, size, libc::MADV_POPULATE_WRITE);
        }
    }

    /// Puts `bytes` behind what is there; how many that were.
    pub fn append(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = self.make_room(rest.len())?;
            let (now, later) = rest.split_at_checked(room).ok_or(Errno::ENOMEM)?;
            // SAFETY: `make_room` has room for that and one more behind `used` bytes,
            // and the slice is somebody else's memory.
            unsafe {
                core::ptr::copy_nonoverlapping(now.as_ptr(), self.first.add(self.used), now.len());
                self.used = self.used.wrapping_add(now.len());
                self.first.add(self.used).write(0);
            }
            rest = later;
        }
        Ok(bytes.len())
    }

    /// The memory, which now has to be given to `free`: an empty string if nothing
    /// came. NULL only if there is no memory for that.
    pub fn release(&mut self) -> *mut u8 {
        if self.used == 0 && self.make_room(0).is_ok() {
            // SAFETY: ours, with room for one byte at least.
            unsafe { self.first.write(0) };
        }
        (self.used, self.room, self.ready) = (0, 0, 0);
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
