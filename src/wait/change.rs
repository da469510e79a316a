//! Waiting for a stop or a continuation, which the kernel reports once, to one call.

use super::watch::Watch;
use crate::children::child::Child;
use crate::children::state::{self, State};
use crate::status::word::Status;
use crate::sys::deadline::Deadline;
use crate::sys::poll::{self, PollFd};
use crate::sys::wait::{self as kernel, WaitId};
use crate::sys::{self, Errno, Result};

/// Which changes are reported, in addition to the exit.
#[derive(Clone, Copy, Default)]
pub struct Changes {
    pub stopped: bool,
    pub continued: bool,
}

impl Changes {
    pub fn options(self) -> i32 {
        let stopped = if self.stopped { kernel::STOPPED } else { 0 };
        let continued = if self.continued { kernel::CONTINUED } else { 0 };
        stopped | continued
    }
}

/// Waits until the child has stopped, was continued, or has exited.
pub fn wait(handle: u64, changes: Changes, deadline: Deadline) -> Result<Status> {
    let child = {
        let mut section = state::enter_if_used()?;
        section.sweep();
        Child::enter(&mut section, handle, true)?
    };
    let mut watch = None;
    loop {
        if let Some(status) = look(&child, changes.options())? {
            return Ok(status);
        }
        match (deadline, &watch) {
            (Deadline::Now, _) => return Err(Errno::ETIMEDOUT),
            (Deadline::Never, _) if !child.is_private => {
                block_until_changed(&child, changes.options())?;
            }
            // No descriptor reports a stop; only SIGCHLD does.
            (_, None) => watch = Some(Watch::alarm()?),
            (_, Some(watch)) => {
                let mut fds = [watch.polled(), exit_of(&child)];
                watch.sleep(&mut fds, deadline)?;
                let [_, exit] = fds;
                if exit.revents != 0 {
                    poll::pause(); // it may not be gone yet
                }
            }
        }
    }
}

impl State {
    /// One look. A stop or continuation is peeked at first, because the same look may
    /// show the exit; then it is consumed, under the same lock.
    pub fn look_for_change(&mut self, index: u32, changes: i32) -> Result<Option<Status>> {
        if !self.slots.get(index).is_some_and(|slot| slot.can_be_named() && !slot.has_exited()) {
            return Ok(None);
        }
        let peek = changes | kernel::EXITED | kernel::NO_HANG | kernel::PEEK;
        let change = match self.ask(index, peek) {
            Ok(Some(change)) if !Status::of_change(&change).has_exited() => {
                self.ask(index, changes | kernel::NO_HANG)?
            }
            Ok(_) | Err(Errno::ECHILD) => None,
            Err(errno) => return Err(errno),
        };
        Ok(change.map(|change| Status::of_change(&change)))
    }
}

fn look(child: &Child, changes: i32) -> Result<Option<Status>> {
    let change = child.with(|state, index| state.look_for_change(index, changes))?;
    change.map_or_else(|| child.look(), |status| Ok(Some(status)))
}

/// The exit of a private child raises no SIGCHLD.
fn exit_of(child: &Child) -> PollFd {
    child.pidfd().filter(|_| child.is_private).map_or(poll::SKIP, poll::readable)
}

/// By the number, which the caller holds.
fn block_until_changed(child: &Child, changes: i32) -> Result<()> {
    let options = changes | kernel::EXITED | kernel::PEEK;
    match sys::retry(|| kernel::waitid(WaitId::Pid(child.pid()), options)) {
        Ok(_) | Err(Errno::ECHILD) => Ok(()),
        Err(errno) => Err(errno),
    }
}
