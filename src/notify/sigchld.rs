//! Installing the SIGCHLD handler, and removing it.
//!
//! It is installed at the first need and stays: another handler may be installed over
//! it at any time, and call it for as long as it likes. `remove` takes it away if it is
//! on top and nothing needs it.

use super::handler::{PREVIOUS, on_sigchld};
use crate::children::all;
use crate::children::state::State;
use crate::sys::Result;
use crate::sys::signal::Disposition;
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
pub fn remove_if_unneeded(state: &mut State) -> bool {
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
