//! Children whose handle was closed while they ran.
//!
//! Nobody will ever wait for them, so the library does: every call that starts,
//! adopts, awaits, captures, stops or closes a child looks at a few of them first.
//! Two stacks take turns, so that all are looked at in time however many there
//! are, and no call pays for more than a handful.

use crate::life;
use crate::pin::Pin;
use crate::reap;
use crate::table::{self, CHILDREN, Root};
use core::sync::atomic::Ordering::SeqCst;

/// How many detached children one call looks at.
const AT_ONCE: u32 = 8;

/// Leaves a child to the library. Its handle is closed already.
pub fn bury_later(pin: &Pin) {
    let Some(root) = table::root_if_used() else { return };
    pin.slot.life.update(|word| Some(word.queued()));
    root.detached.fetch_add(1, SeqCst);
    root.unchecked.push(&CHILDREN, life::index_of(pin.handle()));
}

/// Reaps detached children that have ended.
#[inline(never)]
pub fn sweep() {
    let Some(root) = table::root_if_used() else { return };
    if root.detached.load(SeqCst) == 0 {
        return;
    }
    for _ in 0..AT_ONCE {
        let Some(index) = next(root) else { return };
        check(root, index);
    }
}

/// The next to be looked at; at the end of a round, the checked ones are the
/// unchecked ones of the next.
fn next(root: &Root) -> Option<u32> {
    root.unchecked.pop(&CHILDREN).or_else(|| {
        for _ in 0..root.detached.load(SeqCst) {
            root.unchecked.push(&CHILDREN, root.checked.pop(&CHILDREN)?);
        }
        None
    })
}

fn check(root: &Root, index: u32) {
    let pin = CHILDREN.get(index).and_then(|slot| Pin::of_slot(slot, index));
    match pin.filter(|pin| matches!(reap::take(pin), Ok(Some(_)))) {
        // Out of the queue before the pin goes: then nothing holds the slot.
        Some(pin) => {
            root.detached.fetch_sub(1, SeqCst);
            pin.slot.life.update(|word| Some(word.unqueued()));
        }
        // Not yet, or the kernel would not tell this time, or so many calls are
        // at work on it that there is no room for this one.
        None => {
            root.checked.push(&CHILDREN, index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Status;

    #[test]
    fn a_child_that_too_many_calls_are_at_work_on_stays_in_the_queue() {
        let child = table::claim().expect("memory");
        let (slot, handle) = (child.slot, child.handle());
        slot.life.update(|word| Some(word.running()));
        let crowd: Vec<Pin> = core::iter::from_fn(|| Pin::new(handle).ok()).collect();
        slot.life.close().expect("is open");
        bury_later(&child);
        // Both stacks in turn, whatever other tests have buried.
        (0..10).for_each(|_| sweep());
        slot.publish_gone(Status::LOST);
        drop(crowd);
        drop(child);
        (0..10).for_each(|_| sweep());
        assert!(!slot.life.word().is_of(handle), "has left the queue");
    }
}
