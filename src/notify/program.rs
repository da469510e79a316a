//! The SIGCHLD handler for the program: installing it, polling it, removing it.

use super::listener;
use super::sigchld;
use crate::children::all;
use crate::children::state;
use crate::sys::fd;
use crate::sys::{Errno, Result};

/// For the program: installs the handler, or changes what it does.
pub fn install(only_pokes: bool) -> Result<()> {
    let is_there = {
        let mut section = state::enter()?;
        section.notice.only_pokes = only_pokes;
        if section.notice.program != 0 {
            sigchld::ensure(&mut section)?;
        }
        section.notice.program != 0
    };
    if !is_there {
        let (pipe, listener) = listener::open()?;
        let mut section = state::enter()?;
        if section.notice.program == 0 {
            section.notice.program = listener.wrapping_add(1);
            section.notice.pipe.put(pipe);
        } else {
            listener::close(&mut section, listener); // another thread was first
        }
    }
    if !only_pokes {
        all::reap(); // what exited before
    }
    Ok(())
}

/// For the program. ENOENT if there is nothing to remove: it had not installed the
/// handler, and none that an earlier call had to leave behind can go now.
pub fn remove() -> Result<()> {
    let mut section = state::enter_if_used().map_err(|_| Errno::ENOENT)?;
    let installed = core::mem::take(&mut section.notice.program);
    if let Some(listener) = installed.checked_sub(1) {
        listener::close(&mut section, listener);
        let pipe = section.notice.pipe.take();
        section.closing.push(pipe);
        section.notice.only_pokes = false;
    }
    let removed = sigchld::remove_if_unneeded(&mut section);
    if installed != 0 || removed { Ok(()) } else { Err(Errno::ENOENT) }
}

/// The end of the program's self-pipe that it polls.
pub fn pipe() -> Result<i32> {
    let section = state::enter_if_used().map_err(|_| Errno::ENOENT)?;
    section.notice.pipe.get().ok_or(Errno::ENOENT)
}

/// Whether a SIGCHLD has come since the last call. The pipe is drained before the flag
/// is cleared, and the program looks after both: a signal in between is seen by that
/// look, one after it sets both again.
pub fn take_pending() -> Result<bool> {
    fd::drain(pipe()?);
    let mut section = state::enter_if_used().map_err(|_| Errno::ENOENT)?;
    Ok(core::mem::take(&mut section.notice.seen) != 0)
}
