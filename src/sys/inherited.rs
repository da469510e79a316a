//! Which descriptors are the library's: a list in ordinary memory, which a forked copy
//! of the process has, too.
//!
//! A descriptor is added after it was opened, and removed before it is closed or given
//! away. So a copy may miss one, but never takes a foreign one for the library's. One
//! atomic operation a change, no lock: a copy is made at any moment.

use super::memory;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::SeqCst};

/// A bit for each descriptor.
type Word = AtomicUsize;
const BITS: u32 = usize::BITS;

/// Slab `k` has the words of `FIRST << k` descriptors.
const FIRST: u32 = 1024;
const SLABS: usize = 21;
const FIRST_WORDS: usize = (FIRST / BITS) as usize;

/// Most programs have no more than these.
static WORDS: [Word; FIRST_WORDS] = [const { Word::new(0) }; FIRST_WORDS];

/// The other slabs, which are mapped when they are needed.
static MORE: [AtomicPtr<Word>; SLABS] = [const { AtomicPtr::new(core::ptr::null_mut()) }; SLABS];

/// Without memory for a slab, its descriptors are not listed.
pub fn add(fd: i32) {
    if let Some((word, bit)) = place(fd, slab_or_map) {
        word.fetch_or(bit, SeqCst);
    }
}

pub fn remove(fd: i32) {
    if let Some((word, bit)) = place(fd, slab) {
        word.fetch_and(!bit, SeqCst);
    }
}

/// Removes all that are listed, and passes each to `each`.
pub fn take_all(mut each: impl FnMut(i32)) {
    for k in 0..SLABS {
        let first = (FIRST << k).wrapping_sub(FIRST);
        for (word, at) in slab(k).iter().zip((first..).step_by(BITS as usize)) {
            let mut left = word.swap(0, SeqCst);
            while left != 0 {
                each(at.wrapping_add(left.trailing_zeros()) as i32);
                left &= left.wrapping_sub(1);
            }
        }
    }
}

fn place(fd: i32, slab: fn(usize) -> &'static [Word]) -> Option<(&'static Word, usize)> {
    let number = u32::try_from(fd).ok()?;
    let k = (number / FIRST).wrapping_add(1).ilog2();
    let offset = number.wrapping_sub((FIRST << k).wrapping_sub(FIRST));
    let word = slab(k as usize).get((offset / BITS) as usize)?;
    Some((word, 1 << (offset % BITS)))
}

/// Empty if it is not mapped.
fn slab(k: usize) -> &'static [Word] {
    if k == 0 {
        return &WORDS;
    }
    let first = MORE.get(k).map_or(core::ptr::null_mut(), |first| first.load(SeqCst));
    if first.is_null() {
        return &[];
    }
    // SAFETY: mapped below with this size, zeroed, which is a value of a word, and
    // never unmapped. Words are shared as they are atomic.
    unsafe { core::slice::from_raw_parts(first, FIRST_WORDS << k) }
}

#[inline(never)]
fn slab_or_map(k: usize) -> &'static [Word] {
    let there = slab(k);
    let (true, Some(place)) = (there.is_empty(), MORE.get(k)) else { return there };
    let size = size_of::<Word>().wrapping_mul(FIRST_WORDS << k);
    if let Ok(fresh) = memory::map(size) {
        let none = core::ptr::null_mut();
        if place.compare_exchange(none, fresh.cast(), SeqCst, SeqCst).is_err() {
            memory::unmap(fresh, size); // another thread was first
        }
    }
    slab(k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_and_not_removed_is_taken_once() {
        // Numbers that no other test opens.
        let numbers = [900, 1023, 1024, 3071, 3072, 70_000, 1_000_000];
        numbers.iter().for_each(|fd| add(*fd));
        add(3071);
        remove(1023);
        remove(800_000);
        [-1, i32::MIN, i32::MAX].iter().for_each(|fd| add(*fd));
        let mut taken = Vec::new();
        let mut take = || take_all(|fd| taken.push(fd));
        take();
        take();
        taken.retain(|fd| *fd >= 900);
        assert_eq!(taken, [900, 1024, 3071, 3072, 70_000, 1_000_000]);
    }
}
