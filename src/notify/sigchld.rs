//! Installing the SIGCHLD handler, and removing it.
//!
//! It is installed at the first need and stays: another handler may be installed over
//! it at any time, and call it for as long as it likes. `remove` takes it away if it is
//! on top and nothing needs it.

use super::handler::{PREVIOUS, on_sigchld};
use super::listener;
use crate::children::all;
use crate::children::state::{self, State};
use crate::sys::fd;
use crate::sys::signal::Disposition;
use crate::sys::{Errno, Result};
use core::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// Ordinary memory: a forked copy inherits the handler.
static INSTALLED: AtomicBool = AtomicBool::new(false);

fn current() -> Result<Disposition> {
    Disposition::of(libc::SIGCHLD)
}

/// Makes sure that the handler is installed. A function that lies over it is trusted to
/// chain: were ours installed again, that function and ours would call each other
/// forever. SIG_DFL and SIG_IGN call nobody; if the program sets one for a moment and
/// then puts ours back, the chain to the earlier handler must still be there.
///
/// Under the lock: it is a short system call, and no other thread may remove the handler
/// before it is needed.
pub fn ensure(_locked: &mut State) -> Result<()> {
    let now = current()?;
    let was_installed = INSTALLED.load(SeqCst);
    if now.runs(on_sigchld) || was_installed && now.has_function() {
        return Ok(());
    }
    let keeps = was_installed && PREVIOUS.get().has_function();
    if !keeps {
        PREVIOUS.set(&now); // before the handler can run
    }
    let before = Disposition::handling(on_sigchld, &PREVIOUS.get()).install(libc::SIGCHLD)?;
    // Another thread of the program has installed one between the two calls.
    if !keeps && !before.runs_as(&now) && !before.runs(on_sigchld) {
        PREVIOUS.set(&before);
    }
    all::set_reaps_foreign(before.is_auto_reaping() || PREVIOUS.get().is_auto_reaping());
    INSTALLED.store(true, SeqCst);
    Ok(())
}

/// Whether a SIGCHLD runs the handler first.
pub fn is_on_top() -> bool {
    current().is_ok_and(|now| now.runs(on_sigchld))
}

/// The handler is installed, and a foreign one lies over it or has replaced it.
pub fn is_overwritten() -> bool {
    INSTALLED.load(SeqCst) && !is_on_top()
}

/// Puts back what was there before, if the handler is on top and nothing needs it.
/// True if it is gone.
fn remove_if_unneeded(state: &mut State) -> bool {
    let notice = &state.notice;
    let is_needed = notice.program != 0 || notice.reapers != 0 || !notice.listeners.is_empty();
    if is_needed || !INSTALLED.load(SeqCst) || !is_on_top() {
        return false;
    }
    match PREVIOUS.get().install(libc::SIGCHLD) {
        // Another thread of the program has installed one between the two calls.
        Ok(before) if !before.runs(on_sigchld) => {
            let _ = before.install(libc::SIGCHLD);
            return false;
        }
        _ => {}
    }
    all::set_reaps_foreign(false);
    INSTALLED.store(false, SeqCst);
    true
}

/// For the program: installs the handler, or changes what it does.
pub fn install(only_pokes: bool) -> Result<()> {
    let is_there = {
        let mut section = state::enter()?;
        section.notice.only_pokes = only_pokes;
        if section.notice.program != 0 {
            ensure(&mut section)?;
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
    let removed = remove_if_unneeded(&mut section);
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
