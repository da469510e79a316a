//! The table of children, and what else the process has one of.
//!
//! All of it is memory that the kernel wipes in a forked copy of the process:
//! there, no child is known, no handle valid, and the signal handler that was
//! inherited does nothing but chain.

use crate::by_pid;
use crate::life;
use crate::pin::Pin;
use crate::link::Link;
use crate::set::Set;
use crate::sigchld;
use crate::slab::{Places, Slab, Stack};
use crate::slot::Slot;
use crate::stepwise::Place;
use crate::sync::AtomicU32;
use crate::sys::memory::{self, Lasting, Zeroed};
use crate::sys::{Errno, Result, host};
use core::sync::atomic::{AtomicI32, Ordering::SeqCst};

pub static CHILDREN: Slab<Slot> = Slab::new();
pub static SETS: Slab<Set> = Slab::new();
pub static LINKS: Slab<Link> = Slab::new();
pub static CAPTURES: Slab<Place> = Slab::new();
static ROOT: Lasting<Root> = Lasting::new(1);

const _: () = assert!(crate::slab::CAPACITY < 1 << life::INDEX_BITS);

/// All-zero is the empty library.
#[derive(Default)]
pub struct Root {
    pub children: Places,
    pub sets: Places,
    pub links: Places,
    pub captures: Places,
    /// Running children whose handle is closed: see `graveyard`.
    pub detached: AtomicU32,
    pub unchecked: Stack,
    pub checked: Stack,
    pub sigchld: sigchld::Notice,
    /// The pid of the process this belongs to, 0 until somebody asks.
    owner: AtomicI32,
}

// SAFETY: made of atomics only, for all of which zero is a value.
#[allow(unsafe_code)]
unsafe impl Zeroed for Root {}

/// The process-wide state, made at the first use.
pub fn root() -> Result<&'static Root> {
    root_if_used().map_or_else(first_root, Ok)
}

#[cold]
#[inline(never)]
fn first_root() -> Result<&'static Root> {
    ROOT.get_or_map()?;
    root_if_used().ok_or(Errno::ENOMEM)
}

/// The same where there is nothing to do if the library was never used.
pub fn root_if_used() -> Option<&'static Root> {
    if memory::copies_keep_memory() {
        forget_if_copied();
    }
    ROOT.get()?.first()
}

/// The pid of this process, without a system call but for the first time.
pub fn process(root: &Root) -> i32 {
    if root.owner.load(SeqCst) == 0 {
        let me = host::pid();
        root.owner.store(me, SeqCst);
        OWNER.store(me, SeqCst);
    }
    root.owner.load(SeqCst)
}

/// The same in ordinary memory, which a copy has from its original.
static OWNER: core::sync::atomic::AtomicI32 = core::sync::atomic::AtomicI32::new(0);

/// On kernels that do not wipe memory at fork: a copy knows itself by its pid.
#[cold]
#[inline(never)]
fn forget_if_copied() {
    let me = host::pid();
    if !matches!(OWNER.swap(me, SeqCst), owner if owner == 0 || owner == me) {
        wipe();
    }
}

/// Makes it the empty library again, where nobody uses it.
pub fn wipe() {
    CHILDREN.wipe();
    SETS.wipe();
    LINKS.wipe();
    CAPTURES.wipe();
    by_pid::wipe();
    ROOT.wipe();
}

/// A fresh slot, pinned by the caller.
pub fn claim() -> Result<Pin> {
    let root = root()?;
    let (index, slot) = CHILDREN.take(&root.children)?;
    let handle = life::new_handle(index, process(root));
    slot.begin(handle);
    Ok(Pin::of_claimed(slot, handle))
}

/// Gives back a slot that nobody holds any more.
pub fn release(index: u32) {
    if let Some(root) = root_if_used() {
        CHILDREN.give_back(&root.children, index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_handles_lead_nowhere() {
        let known = claim().expect("memory");
        for handle in [0, 1, u64::MAX, 1 << life::INDEX_BITS, 0xdead_beef_dead_beef] {
            assert!(matches!(Pin::new(handle), Err(Errno::EBADF)), "{handle:#x}");
        }
        assert!(Pin::new(known.handle()).is_ok());
        known.abandon();
    }
}
