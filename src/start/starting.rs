//! A start that is under way.

use crate::children::all;
use crate::children::state::{self, State};
use crate::sys::Result;

/// While one lives, a child that is not in the table may be one that is being started:
/// no unknown child is reaped.
pub struct Starting(());

impl Starting {
    pub fn enter() -> Result<Starting> {
        let mut section = state::enter()?;
        section.starting = section.starting.wrapping_add(1);
        Ok(Starting(()))
    }

    /// Under the lock in which the child enters the table. True if a foreign child may
    /// have exited meanwhile, which the caller reaps: see `reap_foreign`.
    pub fn leave(self, state: &mut State) -> bool {
        core::mem::forget(self);
        leave(state)
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        let missed = state::enter_surely().is_some_and(|mut section| leave(&mut section));
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
