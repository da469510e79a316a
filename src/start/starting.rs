//! A start that is under way.

use crate::children::all;
use crate::children::state::{self, State};
use crate::sys::Result;
use crate::sys::signal::AllBlocked;

/// While one lives, a child that is not in the table may be one that is being started:
/// no unknown child is reaped. It has a slot for its child, which no other call can find.
pub struct Starting {
    slot: u32,
}

impl Starting {
    /// The caller has blocked every signal, for the whole start.
    pub fn enter(blocked: &AllBlocked) -> Result<Starting> {
        let lock = || state::lock(blocked);
        let slot = state::claim(lock, |state| &mut state.slots, |state, _| {
            state.sweep();
            state.starting = state.starting.wrapping_add(1);
            Ok(())
        })?;
        Ok(Starting { slot })
    }

    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// Under the lock in which the child has entered the table. True if a foreign child
    /// may have exited meanwhile, which the caller reaps: see `reap_foreign`.
    pub fn leave(self, state: &mut State) -> bool {
        core::mem::forget(self);
        leave(state)
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        let missed = state::enter_surely().is_some_and(|mut section| {
            section.abandon(self.slot);
            leave(&mut section)
        });
        if missed {
            reap_foreign();
        }
    }
}

fn leave(state: &mut State) -> bool {
    state.starting = state.starting.wrapping_sub(1);
    state.starting == 0 && core::mem::take(&mut state.notice.missed_foreign)
}

/// The SIGCHLD of a foreign child has come while a start was under way, and there may
/// be no other one.
pub fn reap_foreign() {
    if all::reaps_foreign() {
        all::walk(true, |_| ());
    }
}
