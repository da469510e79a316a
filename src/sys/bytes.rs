//! Bytes in pages of their own, for what passes through; searching and copying.

use super::Result;
use super::memory::map;

/// The kernel has zeroed them. They cost an address range until they are used,
/// and memory from then on.
pub struct Bytes {
    first: *mut u8,
    size: usize,
}

impl Bytes {
    /// `size` must not be 0.
    pub fn new(size: usize) -> Result<Bytes> {
        map(size).map(|first| Bytes { first, size })
    }

    pub fn get(&mut self) -> &mut [u8] {
        // SAFETY: mapped in `new` with this size, initialised by the kernel, and
        // nobody else's as long as `self` is borrowed.
        unsafe { core::slice::from_raw_parts_mut(self.first, self.size) }
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        // SAFETY: mapped in `new` with this size; no borrow is left.
        unsafe { libc::munmap(self.first.cast(), self.size) };
    }
}

/// The position of the first `byte`, by libc's own search: it looks at many bytes
/// at a time.
pub fn find(bytes: &[u8], byte: u8) -> Option<usize> {
    // SAFETY: reads at most `len` bytes of a live slice.
    let found = unsafe { libc::memchr(bytes.as_ptr().cast(), byte.into(), bytes.len()) };
    (!found.is_null()).then(|| (found as usize).wrapping_sub(bytes.as_ptr() as usize))
}

/// Copies what fits. Returns the number of bytes.
pub fn copy(to: Option<&mut [u8]>, from: &[u8]) -> usize {
    let to = to.unwrap_or_default();
    let count = to.len().min(from.len());
    if let (Some(to), Some(from)) = (to.get_mut(..count), from.get(..count)) {
        to.copy_from_slice(from);
    }
    count
}
