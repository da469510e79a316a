//! A call's use of one child, for the time that it works without the lock.

use super::lost;
use super::slot::Usage;
use super::state::{self, State};
use crate::status::word::Status;
use crate::sys::{Errno, Result};
use core::cell::Cell;

/// As long as one lives, the child's slot is not reused and its descriptors stay
/// open. With `hold`, its zombie is not reaped either, so its pid stays its own.
pub struct Child {
    handle: u64,
    index: u32,
    holds: bool,
    pid: i32,
    pidfd: Cell<Option<i32>>,
    pub leads_group: bool,
    pub is_private: bool,
    pub cgroup: Option<i32>,
    has_left: Cell<bool>,
}

impl Child {
    /// For a call that needs the child's number.
    pub fn hold(handle: u64) -> Result<Child> {
        Child::enter(&mut *state::enter_if_used()?, handle, true)
    }

    pub fn enter(state: &mut State, handle: u64, holds: bool) -> Result<Child> {
        let (index, slot) = state.find(handle)?;
        slot.uses = slot.uses.wrapping_add(1);
        slot.holds = slot.holds.wrapping_add(holds as u32);
        Ok(Child {
            handle,
            index,
            holds,
            pid: slot.pid,
            pidfd: Cell::new(slot.pidfd.get()),
            leads_group: slot.leads_group,
            is_private: slot.is_private,
            cgroup: slot.cgroup.get(),
            has_left: Cell::new(false),
        })
    }

    pub fn handle(&self) -> u64 {
        self.handle
    }

    pub fn index(&self) -> u32 {
        self.index
    }

    pub fn pid(&self) -> i32 {
        self.pid
    }

    pub fn pidfd(&self) -> Option<i32> {
        self.pidfd.get()
    }

    /// The status if the child has exited. Does not block.
    #[inline(never)]
    pub fn look(&self) -> Result<Option<Status>> {
        let mut section = state::enter_if_used()?;
        let look = section.look(self.index)?;
        self.refresh(&mut section);
        lost::complete(section, self.handle, look)
    }

    /// The program may have closed the pidfd, which a look finds out.
    pub fn refresh(&self, state: &mut State) {
        self.pidfd.set(state.slots.get(self.index).and_then(|slot| slot.pidfd.get()));
    }

    /// Its entry in the table. EBADF cannot happen while this lives.
    pub fn with<T>(&self, call: impl FnOnce(&mut State, u32) -> Result<T>) -> Result<T> {
        call(&mut *state::enter_if_used()?, self.index)
    }

    /// What it has used up. `None` before the exit, and when nobody could ask the kernel.
    pub fn usage(&self) -> Option<Usage> {
        let usage = |state: &mut State, index| Ok(state.slots.get(index).and_then(|slot| slot.usage()));
        self.with(usage).ok().flatten()
    }

    /// What is known without asking the kernel.
    pub fn status(&self) -> Status {
        let status = |state: &mut State, index| Ok(state.slots.get(index).map(|slot| slot.status()));
        self.with(status).ok().flatten().unwrap_or(Status::RUNNING)
    }

    /// ESRCH unless the number is the child's own. That of a private child is so only
    /// until the next look: see `require_unreaped`.
    pub fn require_pid(&self) -> Result<()> {
        self.with(|state, index| {
            let is_its_own = state.slots.get(index).is_some_and(|slot| slot.can_be_named());
            if is_its_own { Ok(()) } else { Err(Errno::ESRCH) }
        })
    }

    /// The last thing that a call does with the child, in a section that it has entered.
    pub fn leave(&self, state: &mut State) {
        if self.has_left.replace(true) {
            return;
        }
        if let Some(slot) = state.slots.get(self.index) {
            slot.uses = slot.uses.wrapping_sub(1);
            slot.holds = slot.holds.wrapping_sub(self.holds as u32);
        }
        state.release(self.index);
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.has_left.get() {
            return;
        }
        if let Some(mut section) = state::enter_surely() {
            self.leave(&mut section);
        }
    }
}
