//! Children whose handle was closed while they ran.
//!
//! No call will ever wait for them, so the library does: every call that starts,
//! adopts, waits for, captures, stops or closes a child looks at a few of them first.

use super::slot::Slot;
use super::state::State;

/// How many detached children one call looks at.
const AT_ONCE: u32 = 8;

impl State {
    /// Leaves a child to the library.
    pub fn detach(&mut self, index: u32) {
        if let Some(slot) = self.slots.get(index).filter(|slot| !slot.is_detached) {
            slot.is_detached = true;
            self.detached.append(&mut self.slots, index, Slot::in_detached);
        }
    }

    pub fn leave_detached(&mut self, index: u32) {
        if let Some(slot) = self.slots.get(index).filter(|slot| slot.is_detached) {
            slot.is_detached = false;
            self.detached.remove(&mut self.slots, index, Slot::in_detached);
        }
    }

    /// Reaps detached children that have exited. They take turns.
    pub fn sweep(&mut self) {
        for _ in 0..AT_ONCE {
            let Some(index) = self.detached.first().filter(|_| self.closing.has_room()) else { return };
            self.leave_detached(index);
            self.detach(index);
            let _ = self.look(index);
        }
    }
}
