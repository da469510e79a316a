//! Links: from a child's end to the sets on a self-pipe that want to know of it.
//!
//! A child has a list of them, its watchers; who publishes the end, the SIGCHLD
//! handler most often, moves each to the stack of its set and pokes the pipe. A link
//! belongs to one child and one set, so no set ever takes another's events. A second
//! list, which no end changes, says which sets the child was added to.

use crate::pin::Pin;
use crate::set::SetPin;
use crate::sigchld::Locked;
use crate::slab::{Node, Stack};
use crate::slot::Slot;
use crate::sync::{AtomicU32, AtomicU64};
use crate::sys::memory::Zeroed;
use crate::sys::{Errno, Result};
use crate::table::{self, LINKS};
use core::sync::atomic::Ordering::SeqCst;

/// In a child's list of watchers, or on its way from there: that a set wants to
/// know of its end. In a child's list of sets: that it was added to one.
#[derive(Default)]
#[repr(C)]
pub struct Link {
    /// 0 in a list of sets.
    child: AtomicU64,
    /// 0 when it is nobody's any more, or has been delivered.
    set: AtomicU64,
    next: AtomicU32,
}

// SAFETY: made of atomics only, for all of which zero is a value.
#[allow(unsafe_code)]
unsafe impl Zeroed for Link {}

impl Node for Link {
    fn next(&self) -> &AtomicU32 {
        &self.next
    }
}

/// Has the set told when the child ends, or now if it has. EEXIST if it was added
/// before.
pub fn add(set: &SetPin, child: &Pin) -> Result<()> {
    // Of two who add it at once, the second finds what the first has noted.
    let _locked = Locked::enter()?;
    let note = note(set, child)?;
    watch(set, child).inspect_err(|_| note.set.store(0, SeqCst))
}

/// Notes that the child is in this set, for as long as the child is there.
/// EEXIST if it was noted before. The lock keeps others from this list.
fn note(set: &SetPin, child: &Pin) -> Result<&'static Link> {
    let sets = &child.slot.sets;
    let notes = || sets.peek(&LINKS).filter_map(|index| LINKS.get(index));
    if notes().any(|note| note.set.load(SeqCst) == set.handle()) {
        return Err(Errno::EEXIST);
    }
    // Sets can come and go while a child lives.
    if let Some(note) = notes().find(|note| is_closed(note.set.load(SeqCst))) {
        note.set.store(set.handle(), SeqCst);
        return Ok(note);
    }
    let (index, note) = new_link(set, 0)?;
    sets.push(&LINKS, index);
    Ok(note)
}

fn watch(set: &SetPin, child: &Pin) -> Result<()> {
    if !take_over_watcher(set, child) {
        let (index, _) = new_link(set, child.handle())?;
        if !child.slot.watchers.push(&LINKS, index) {
            deliver(index); // published already
        }
    }
    Ok(())
}

/// Uses a link of this child to a set that was closed. An end that comes
/// meanwhile may have moved the link anywhere. But one that still has a set was
/// not delivered yet (`deliver`), and will be to the set that it has then; and
/// none comes back as another's, as that takes the lock.
fn take_over_watcher(set: &SetPin, child: &Pin) -> bool {
    let mut watchers = child.slot.watchers.peek(&LINKS).filter_map(|index| LINKS.get(index));
    watchers.any(|link| {
        let owner = link.set.load(SeqCst);
        let was_left = owner != 0 && link.child.load(SeqCst) == child.handle();
        was_left
            && is_closed(owner)
            && link.set.compare_exchange(owner, set.handle(), SeqCst, SeqCst).is_ok()
    })
}

fn new_link(set: &SetPin, child: u64) -> Result<(u32, &'static Link)> {
    let (index, link) = LINKS.take(&table::root()?.links)?;
    link.child.store(child, SeqCst);
    link.set.store(set.handle(), SeqCst);
    Ok((index, link))
}

/// The child of the next link. EAGAIN if there are only such as cannot be
/// pinned now, because too many calls are at work on them.
pub fn pop(set: &SetPin) -> Result<Option<Pin>> {
    let ready = &set.set.ready;
    let busy = Stack::default();
    let found = loop {
        let Some(index) = ready.pop(&LINKS) else { break None };
        match child_of(index) {
            Err(Errno::EAGAIN) => {
                busy.push(&LINKS, index);
            }
            pin => {
                free_link(index);
                // A handle that was closed meanwhile has no event any more.
                if let Ok(pin) = pin {
                    break Some(pin);
                }
            }
        }
    };
    let mut any_busy = false;
    while let Some(index) = busy.pop(&LINKS) {
        any_busy = ready.push(&LINKS, index);
    }
    if any_busy {
        set.poke(); // another call may have drained the pipe meanwhile
    }
    if found.is_none() && any_busy { Err(Errno::EAGAIN) } else { Ok(found) }
}

/// Whether no handle leads to the set any more. EAGAIN says that one does.
fn is_closed(set: u64) -> bool {
    matches!(SetPin::brief(set), Err(Errno::EBADF))
}

/// Tells every set that waits for this child. Its end is published; of several
/// that publish it at once, the first to seal the list tells all.
/// Async-signal-safe.
pub fn tell(slot: &Slot) {
    slot.watchers.seal(&LINKS).for_each(deliver);
}

/// Moves a link to its set and wakes that. The links of a set that was closed
/// stay with their children until here, or until they are taken over: who
/// exchanges the set of a link decides which it was.
fn deliver(index: u32) {
    let Some(link) = LINKS.get(index) else { return };
    loop {
        let owner = link.set.load(SeqCst);
        let set = SetPin::brief(owner);
        let busy = matches!(set, Err(Errno::EAGAIN)); // 256 others are at this very point
        if busy || link.set.compare_exchange(owner, 0, SeqCst, SeqCst).is_err() {
            continue;
        }
        return match set {
            Ok(set) => {
                set.set.ready.push(&LINKS, index);
                set.poke();
            }
            Err(_) => free_link(index),
        };
    }
}

fn child_of(index: u32) -> Result<Pin> {
    let link = LINKS.get(index).ok_or(Errno::EBADF)?;
    Pin::new(link.child.load(SeqCst))
}

/// Frees the links in a list that its caller alone holds.
pub fn free_all(links: &Stack) {
    while let Some(index) = links.pop(&LINKS) {
        free_link(index);
    }
}

fn free_link(index: u32) {
    if let Some(root) = table::root_if_used() {
        LINKS.give_back(&root.links, index);
    }
}
