//! Listeners: self-pipes that the handler pokes at every SIGCHLD.

use super::sigchld;
use crate::children::members::Listener;
use crate::children::state::{self, State};
use crate::sys::Result;
use crate::sys::fd::{self, OwnedFd};

/// The listener of a call that sleeps where no descriptor reports what it waits for: a
/// child without a pidfd, or a stop.
pub struct Alarm {
    /// Dropped first: the handler must not poke a pipe that nobody can read.
    listener: Registration,
    read_end: OwnedFd,
}

struct Registration(u32);

impl Alarm {
    pub fn set() -> Result<Alarm> {
        let (read_end, listener) = open()?;
        Ok(Alarm { listener: Registration(listener), read_end })
    }

    /// For one that outlives the call: see `open`.
    pub fn into_parts(self) -> (OwnedFd, u32) {
        let listener = self.listener.0;
        core::mem::forget(self.listener);
        (self.read_end, listener)
    }

    pub fn fd(&self) -> i32 {
        self.read_end.number()
    }

    /// Before the caller looks: what happens after that look wakes it again.
    pub fn drain(&self) {
        fd::drain(self.fd());
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(mut section) = state::enter_surely() {
            close(&mut section, self.0);
        }
    }
}

/// Opens a self-pipe and makes sure that the handler pokes it. Returns the end to be
/// polled, and the listener.
pub fn open() -> Result<(OwnedFd, u32)> {
    let (read_end, write_end) = fd::pipe(libc::O_NONBLOCK)?;
    let listener = state::claim(state::enter, |state| &mut state.listeners, |state, index| {
        sigchld::ensure(state)?;
        if let Some(listener) = state.listeners.get(index) {
            listener.write_end.put(write_end);
        }
        state.notice.listeners.append(&mut state.listeners, index, Listener::links);
        Ok(())
    })?;
    Ok((read_end, listener))
}

pub fn close(state: &mut State, index: u32) {
    state.notice.listeners.remove(&mut state.listeners, index, Listener::links);
    if let Some(listener) = state.listeners.get(index) {
        state.closing.push(listener.write_end.take());
        state.listeners.give_back(index);
    }
}
