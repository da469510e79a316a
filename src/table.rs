//! The table of children: slots in slabs that are never unmapped and never
//! moved, found by arithmetic, so that a signal handler or another thread can
//! look at any slot at any time without a lock.
//!
//! Slab `k` holds `FIRST << k` slots. All of it is memory that the kernel wipes
//! in a forked copy of the process, where every slot is then free and every
//! handle stale; only the counter of generations lives on, so that no handle
//! of the original is ever valid in the copy.

use crate::pin::Pin;
use crate::slot::{INDEX_BITS, Slot};
use crate::sys::memory::{self, Lasting, Zeroed};
use crate::sys::{Errno, Result, host};
use core::sync::atomic::{
    AtomicI32, AtomicU32, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};

const FIRST: u32 = 32;
const SLABS: usize = 17;
/// `FIRST * (2^SLABS - 1)`, which fits into a handle's index.
const CAPACITY: u32 = FIRST * ((1 << SLABS) - 1);
const _: () = assert!(CAPACITY < 1 << INDEX_BITS);

static DIRECTORY: [Lasting<Slot>; SLABS] = {
    let mut slabs = [const { Lasting::new(0) }; SLABS];
    let mut k = 0;
    while k < SLABS {
        slabs[k] = Lasting::new((FIRST as usize) << k);
        k += 1;
    }
    slabs
};

/// Counts every slot ever given out, in this process and its ancestors by fork.
/// In ordinary memory on purpose: a forked copy goes on where its parent was.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// A stack of slots by index. The upper half counts changes: without that, a
/// pop that was interrupted while its slot left and came back would succeed.
pub struct Stack(AtomicU64);

impl Stack {
    pub fn push(&self, index: u32) {
        let Some(slot) = slot(index) else { return };
        self.change(|top| {
            slot.next.store(top, SeqCst);
            Some(index.wrapping_add(1))
        });
    }

    pub fn pop(&self) -> Option<u32> {
        let top = self.change(|top| Some(slot(top.checked_sub(1)?)?.next.load(SeqCst)))?;
        top.checked_sub(1)
    }

    /// Swaps the top (index + 1, or 0 for none) for another; returns the old.
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

/// What the process has besides the slots. All-zero is the empty library.
pub struct Root {
    /// How many slots have ever been in use.
    used: AtomicU32,
    free: Stack,
    /// Running children whose handle is closed: see `graveyard`.
    pub detached: AtomicU32,
    pub unchecked: Stack,
    pub checked: Stack,
    /// The process this belongs to, where a copy must find out by itself.
    owner: AtomicI32,
}

// SAFETY: made of atomics only, for all of which zero is a value.
#[allow(unsafe_code)]
unsafe impl Zeroed for Root {}

static ROOT: Lasting<Root> = Lasting::new(1);

/// The process-wide state, made at the first use.
pub fn root() -> Result<&'static Root> {
    let root = ROOT.get_or_map()?.first().ok_or(Errno::ENOMEM)?;
    if memory::copies_keep_memory() {
        forget_if_copied(root);
    }
    Ok(root)
}

/// The same where there is nothing to do if the library was never used.
pub fn root_if_used() -> Option<&'static Root> {
    ROOT.get()?;
    root().ok()
}

/// On kernels that do not wipe memory at fork: a copy knows itself by its pid.
fn forget_if_copied(root: &'static Root) {
    let (me, owner) = (host::pid(), root.owner.load(SeqCst));
    if owner != me && owner != 0 {
        DIRECTORY.iter().for_each(Lasting::wipe);
        ROOT.wipe();
    }
    root.owner.store(me, SeqCst);
}

/// (slab, offset in it) of a slot.
fn locate(index: u32) -> (usize, usize) {
    let k = (index / FIRST).wrapping_add(1).ilog2();
    let before = (FIRST << k).wrapping_sub(FIRST);
    (k as usize, index.wrapping_sub(before) as usize)
}

pub fn slot(index: u32) -> Option<&'static Slot> {
    let (k, offset) = locate(index);
    DIRECTORY.get(k)?.get()?.get(offset)
}

/// All slots that were ever in use, with their indices.
pub fn slots(root: &'static Root) -> impl Iterator<Item = (u32, &'static Slot)> {
    (0..root.used.load(SeqCst)).filter_map(|index| Some((index, slot(index)?)))
}

/// A fresh slot, `STARTING` and pinned by the caller.
pub fn claim() -> Result<Pin> {
    let root = root()?;
    let index = match root.free.pop() {
        Some(index) => index,
        None => extend(root)?,
    };
    let slot = slot(index).ok_or(Errno::ENOMEM)?;
    let handle = next_generation() << INDEX_BITS | index as u64;
    slot.begin(handle);
    Ok(Pin::of_claimed(slot, handle))
}

/// The index of a slot that was never in use.
fn extend(root: &'static Root) -> Result<u32> {
    loop {
        let index = root.used.load(SeqCst);
        if index >= CAPACITY {
            return Err(Errno::EAGAIN);
        }
        let (k, _) = locate(index);
        DIRECTORY.get(k).ok_or(Errno::EAGAIN)?.get_or_map()?;
        let next = index.wrapping_add(1);
        if root.used.compare_exchange(index, next, SeqCst, SeqCst).is_ok() {
            return Ok(index);
        }
    }
}

/// Never 0, never the same twice. The first of a process starts at a number
/// made from its pid, so that handles of unrelated processes hardly ever look
/// alike.
fn next_generation() -> u64 {
    if GENERATION.load(Relaxed) == 0 {
        let base = (host::pid() as u64 & 0x3f_ffff) << 19;
        let _ = GENERATION.compare_exchange(0, base, SeqCst, SeqCst);
    }
    GENERATION.fetch_add(1, SeqCst).wrapping_add(1) & (!0 >> INDEX_BITS)
}

/// Gives back a slot that nobody holds any more.
pub fn release(index: u32) {
    if let Ok(root) = root() {
        root.free.push(index);
    }
}

/// The slot that `handle` names, if the handle could ever have been given out.
pub fn of_handle(handle: u64) -> Option<&'static Slot> {
    root_if_used()?;
    slot(index_of(handle))
}

pub fn index_of(handle: u64) -> u32 {
    (handle & ((1 << INDEX_BITS) - 1)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_follow_one_another_through_the_slabs() {
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

    #[test]
    fn made_up_handles_lead_nowhere_or_to_another_generation() {
        for handle in [0, 1, u64::MAX, 1 << INDEX_BITS, 0xdead_beef_dead_beef] {
            let found = of_handle(handle).is_some_and(|slot| slot.word().is_of(handle));
            assert!(!found, "{handle:#x}");
        }
    }
}
