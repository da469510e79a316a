//! Waiting for one child, with a timeout on the whole call.

use super::watch::Watch;
use crate::children::child::Child;
use crate::children::look::Look;
use crate::children::lost;
use crate::children::state;
use crate::status::word::Status;
use crate::sys::deadline::Deadline;
use crate::sys::wait::{self as kernel, WaitId};
use crate::sys::{self, Errno, Result};

/// Waits until the child has exited. ETIMEDOUT if it has not before the deadline.
pub fn wait(handle: u64, deadline: Deadline) -> Result<Status> {
    let child = {
        let mut section = state::enter_if_used()?;
        section.sweep();
        let (index, slot) = section.find(handle)?;
        // A call that may sleep looks once: after its sleep, which a child that has
        // exited cuts short.
        let can_sleep = !slot.is_private || slot.pidfd.get().is_some();
        let sleeps = deadline != Deadline::Now && !slot.is_over() && can_sleep;
        match if sleeps { Look::Running } else { section.look(index)? } {
            Look::Running if !sleeps => return Err(Errno::ETIMEDOUT),
            Look::Running => Child::enter(&mut section, handle, false)?,
            look => return lost::complete(section, handle, look)?.ok_or(Errno::ECHILD),
        }
    };
    match child.pidfd() {
        None if deadline == Deadline::Never => wait_by_number(handle),
        _ => sleep_until_exited(child, deadline),
    }
}

/// Without a pidfd and without a timeout, which needs no handler.
fn wait_by_number(handle: u64) -> Result<Status> {
    let child = Child::hold(handle)?;
    block(&child)?;
    child.look()?.ok_or(Errno::ECHILD)
}

fn sleep_until_exited(mut child: Child, deadline: Deadline) -> Result<Status> {
    let mut watch = Watch::of(&child)?;
    // An alarm reports only what happens after it was set: first, a look.
    let mut is_new = child.pidfd().is_none();
    loop {
        if !is_new {
            watch.sleep(&mut [watch.polled()], deadline)?;
        }
        child = match look(child, deadline)? {
            Ok(status) => return Ok(status),
            Err(child) => child,
        };
        is_new = watch.follow(&child)?;
    }
}

/// Looks, and lets go of the child if it has exited, or if the time is over: under one
/// lock.
fn look(child: Child, deadline: Deadline) -> Result<Result<Status, Child>> {
    let mut section = state::enter_if_used()?;
    let handle = child.handle();
    match section.look(child.index())? {
        Look::Exited(status) => {
            child.leave(&mut section);
            Ok(Ok(status))
        }
        Look::Gone => {
            drop(section);
            lost::status(handle).map(Ok)
        }
        Look::Running if deadline.has_passed() => {
            child.leave(&mut section);
            Err(Errno::ETIMEDOUT)
        }
        Look::Running => {
            child.refresh(&mut section);
            Ok(Err(child))
        }
    }
}

/// Blocks until the child has exited, by its number, which the caller holds. Not by a
/// pidfd: the program may have made that non-blocking.
fn block(child: &Child) -> Result<()> {
    let exited = kernel::EXITED | kernel::PEEK;
    match sys::retry(|| kernel::waitid(WaitId::Pid(child.pid()), exited)) {
        Ok(_) | Err(Errno::ECHILD) => Ok(()),
        Err(errno) => Err(errno),
    }
}
