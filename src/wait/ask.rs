//! What the library has of a child, and giving its handle up.

use crate::children::slot::{Slot, Usage};
use crate::children::state::{self, State};
use crate::notify::sigchld;
use crate::status::word::Status;
use crate::sys::fd::{self, Held};
use crate::sys::wait;
use crate::sys::{Errno, Result};

fn with<T>(child: u64, ask: impl FnOnce(&mut Slot) -> Result<T>) -> Result<T> {
    let mut section = state::enter_if_used()?;
    let (_, slot) = section.find(child)?;
    ask(slot)
}

pub fn pid(child: u64) -> Result<i32> {
    with(child, |slot| Ok(slot.pid))
}

pub fn user(child: u64) -> Result<usize> {
    with(child, |slot| Ok(slot.user))
}

/// What is known without asking the kernel.
pub fn peek(child: u64) -> Result<Status> {
    with(child, |slot| Ok(slot.status()))
}

/// EBUSY before the exit is known, ENODATA if nobody could ask.
pub fn usage(child: u64) -> Result<Usage> {
    with(child, |slot| match slot.has_exited() {
        true => slot.usage().ok_or(Errno::ENODATA),
        false => Err(Errno::EBUSY),
    })
}

/// Readable once the child has exited: its pidfd, or an eventfd that stands in for it
/// until the handle is closed.
pub fn exit_fd(child: u64) -> Result<i32> {
    if let Some(fd) = known_exit_fd(&mut *state::enter_if_used()?, child)? {
        return Ok(fd);
    }
    let event = fd::silent_event()?;
    let mut section = state::enter_if_used()?;
    if let Some(fd) = known_exit_fd(&mut section, child)? {
        drop(section);
        return Ok(fd); // another thread was first
    }
    let (index, slot) = section.find(child)?;
    let number = event.number();
    if slot.is_over() {
        fd::ring(number);
        slot.exit_event.put(event);
    } else {
        sigchld::ensure(&mut section)?;
        section.notice.reapers = section.notice.reapers.wrapping_add(1);
        if let Some(slot) = section.slots.get(index) {
            slot.exit_event.put(event);
        }
        section.look(index)?; // it may have exited before the handler was there
    }
    Ok(number)
}

fn known_exit_fd(state: &mut State, child: u64) -> Result<Option<i32>> {
    let (index, slot) = state.find(child)?;
    if slot.pidfd.get().is_some() {
        // Finds out if the program has closed it.
        let _ = state.ask(index, wait::EXITED | wait::NO_HANG | wait::PEEK);
    }
    let (_, slot) = state.find(child)?;
    slot.shares_pidfd = slot.pidfd.get().is_some();
    Ok(slot.pidfd.get().or(slot.exit_event.get()))
}

/// The parent's end of stream 0, 1 or 2.
pub fn stream(child: u64, which: i32) -> Result<i32> {
    with(child, |slot| place(slot, which)?.get().ok_or(Errno::ENOENT))
}

pub fn close_stream(child: u64, which: i32) -> Result<()> {
    let mut section = state::enter_if_used()?;
    let (_, slot) = section.find(child)?;
    let fd = place(slot, which)?.take();
    section.closing.push(fd);
    fd.map(drop).ok_or(Errno::ENOENT)
}

fn place(slot: &mut Slot, which: i32) -> Result<&mut Held> {
    let which = usize::try_from(which).map_err(|_| Errno::EINVAL)?;
    slot.streams.get_mut(which).ok_or(Errno::EINVAL)
}

/// Invalidates the handle. A child that still runs is left to the library.
pub fn close(child: u64) -> Result<()> {
    let mut section = state::enter_if_used()?;
    section.sweep();
    let (index, slot) = section.find(child)?;
    slot.is_open = false;
    let result = slot.result.take_any();
    // No set reports it any more. One set at most captures or stops it.
    let mut _task = None;
    while let Some(member) = section.slots.get(index).and_then(|slot| slot.members.first()) {
        if let Some(task) = section.members.get(member).and_then(|member| member.task.take_any()) {
            _task = Some(task);
        }
        section.remove_member(member);
    }
    let _ = section.look(index);
    if section.slots.get(index).is_some_and(|slot| slot.handle == child && !slot.has_exited()) {
        section.detach(index);
    }
    section.release(index);
    drop(section); // before the task, and the result
    drop(result);
    Ok(())
}
