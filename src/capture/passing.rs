//! Bytes on their way: read from one side, not yet taken by the other.

use crate::sys::Result;
use crate::sys::bytes::Bytes;
use core::ops::Range;

/// From here on a stream is a large one: as much as a pipe holds has been through.
pub const LARGE: u64 = 64 * 1024;

/// How much is on its way at most: half of what an enlarged pipe holds. It should stay in
/// the cache.
pub const SIZE: usize = 128 * 1024;

/// Memory that is mapped when it is first needed, and the part of it that has to
/// go on.
#[derive(Default)]
pub struct Passing {
    bytes: Option<Bytes>,
    rest: Range<usize>,
}

impl Passing {
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Room for at most `most` bytes, once everything has gone on.
    pub fn room(&mut self, most: usize) -> Result<&mut [u8]> {
        let bytes = match &mut self.bytes {
            Some(bytes) => bytes,
            none => none.insert(Bytes::new(SIZE)?),
        };
        Ok(bytes.get().get_mut(..most.min(SIZE)).unwrap_or_default())
    }

    /// The first `count` bytes of the room have come.
    pub fn have_come(&mut self, count: usize) {
        self.rest = 0..count;
    }

    /// Those that have to go on.
    pub fn rest(&mut self) -> &[u8] {
        let bytes = self.bytes.as_mut().map(|bytes| &*bytes.get());
        bytes.and_then(|bytes| bytes.get(self.rest.clone())).unwrap_or_default()
    }

    /// The first `count` of them have gone on.
    pub fn have_gone(&mut self, count: usize) {
        self.rest.start = self.rest.start.wrapping_add(count).min(self.rest.end);
    }

    /// Nobody wants them.
    pub fn forget(&mut self) {
        self.rest = 0..0;
    }
}
