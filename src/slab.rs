//! Memory for things that a signal handler or another thread may look at at any
//! time without a lock: places in slabs that are never unmapped and never
//! moved, found by arithmetic. Slab `k` holds `FIRST << k` places.
//!
//! All of it is memory that the kernel wipes in a forked copy of the process,
//! where every place is free again.

use crate::sync::{AtomicU32, AtomicU64};
use crate::sys::memory::{Lasting, Zeroed};
use crate::sys::{Errno, Result};
use core::sync::atomic::Ordering::SeqCst;

const FIRST: u32 = 32;
const SLABS: usize = 17;
/// `FIRST * (2^SLABS - 1)`.
pub const CAPACITY: u32 = FIRST * ((1 << SLABS) - 1);

/// What can live in a slab: it has room to be in one list.
pub trait Node: Zeroed {
    fn next(&self) -> &AtomicU32;
}

/// Where the slabs are. Ordinary memory: in a forked copy they are at the same
/// addresses, and empty.
pub struct Slab<T: Node> {
    directory: [Lasting<T>; SLABS],
}

/// Which places are in use; in wiped memory. All-zero is "none ever".
#[derive(Default)]
pub struct Places {
    used: AtomicU32,
    free: Stack,
}

impl<T: Node> Slab<T> {
    pub const fn new() -> Slab<T> {
        let mut directory = [const { Lasting::new(0) }; SLABS];
        let mut k = 0;
        while k < SLABS {
            directory[k] = Lasting::new((FIRST as usize) << k);
            k += 1;
        }
        Slab { directory }
    }

    pub fn get(&self, index: u32) -> Option<&'static T> {
        let (k, offset) = locate(index);
        self.directory.get(k)?.get()?.get(offset)
    }

    /// Takes a place that nobody uses. EAGAIN when there is none.
    pub fn take(&self, places: &Places) -> Result<(u32, &'static T)> {
        let index = match places.free.pop(self) {
            Some(index) => index,
            None => self.extend(places)?,
        };
        Ok((index, self.get(index).ok_or(Errno::ENOMEM)?))
    }

    pub fn give_back(&self, places: &Places, index: u32) {
        places.free.push(self, index);
    }

    /// The index of a place that was never in use.
    fn extend(&self, places: &Places) -> Result<u32> {
        loop {
            let index = places.used.load(SeqCst);
            if index >= CAPACITY {
                return Err(Errno::EAGAIN);
            }
            let (k, _) = locate(index);
            self.directory.get(k).ok_or(Errno::EAGAIN)?.get_or_map()?;
            let next = index.wrapping_add(1);
            if places.used.compare_exchange(index, next, SeqCst, SeqCst).is_ok() {
                return Ok(index);
            }
        }
    }

    /// All places that were ever in use.
    pub fn each(&self, places: &Places) -> impl Iterator<Item = (u32, &'static T)> {
        (0..places.used.load(SeqCst)).filter_map(|index| Some((index, self.get(index)?)))
    }

    /// For a forked copy that the kernel has not wiped.
    pub fn wipe(&self) {
        self.directory.iter().for_each(Lasting::wipe);
    }
}

/// (slab, offset in it) of a place.
fn locate(index: u32) -> (usize, usize) {
    let k = (index / FIRST).wrapping_add(1).ilog2();
    let before = (FIRST << k).wrapping_sub(FIRST);
    (k as usize, index.wrapping_sub(before) as usize)
}

/// A stack of places by index. The upper half counts changes: without that, a
/// pop that was interrupted while its place left and came back would succeed.
#[derive(Default)]
pub struct Stack(AtomicU64);

/// Where `peek` gives up: the list may be changing under its feet.
const PEEK_MOST: usize = 1 << 16;

/// On top of a stack that takes no more.
const SEALED: u32 = u32::MAX;

impl Stack {
    /// False if the stack was sealed.
    pub fn push<T: Node>(&self, slab: &Slab<T>, index: u32) -> bool {
        let Some(node) = slab.get(index) else { return false };
        let pushed = self.change(|top| {
            node.next().store(top, SeqCst);
            (top != SEALED).then_some(index.wrapping_add(1))
        });
        pushed.is_some()
    }

    pub fn pop<T: Node>(&self, slab: &Slab<T>) -> Option<u32> {
        let top = self.change(|top| {
            let index = top.checked_sub(1).filter(|_| top != SEALED)?;
            Some(slab.get(index)?.next().load(SeqCst))
        })?;
        top.checked_sub(1)
    }

    /// Takes everything and lets nothing in any more.
    pub fn seal<T: Node>(&self, slab: &'static Slab<T>) -> impl Iterator<Item = u32> {
        let mut top = self.change(|top| (top != SEALED).then_some(SEALED)).unwrap_or(0);
        core::iter::from_fn(move || {
            let index = top.checked_sub(1)?;
            // Read before the caller moves the node into another list.
            top = slab.get(index)?.next().load(SeqCst);
            Some(index)
        })
    }

    /// What is in it, as far as that can be told while others change it.
    pub fn peek<T: Node>(&self, slab: &'static Slab<T>) -> impl Iterator<Item = u32> {
        let mut top = self.0.load(SeqCst) as u32;
        core::iter::from_fn(move || {
            let index = top.checked_sub(1).filter(|_| top != SEALED)?;
            top = slab.get(index)?.next().load(SeqCst);
            Some(index)
        })
        .take(PEEK_MOST)
    }

    /// Empties and opens a stack that its caller alone holds.
    pub fn reset(&self) {
        self.change(|_| Some(0));
    }

    /// Swaps the top (index + 1, 0 for none) for another; returns the old.
    fn change(&self, replace: impl Fn(u32) -> Option<u32>) -> Option<u32> {
        loop {
            let old = self.0.load(SeqCst);
            let new = replace(old as u32)? as u64 | (old >> 32).wrapping_add(1) << 32;
            if self.0.compare_exchange(old, new, SeqCst, SeqCst).is_ok() {
                return Some(old as u32);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_one_another_through_the_slabs() {
        let mut expected = 0;
        for k in 0..SLABS {
            let size = FIRST << k;
            for offset in [0, size - 1] {
                assert_eq!(locate(expected + offset), (k, offset as usize));
            }
            expected += size;
        }
        assert_eq!(expected, CAPACITY);
    }
}
