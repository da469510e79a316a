//! What the library has of a child, and giving its handle up.

use crate::children::slot::{Phase, Slot, Usage};
use crate::children::state::{self, State};
use crate::notify::sigchld;
use crate::status::word::Status;
use crate::sys::fd::{self, Held};
use crate::sys::paged::Erased;
use crate::sys::{Errno, Result, pty, wait};

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
    let fd = idle_place(slot, which)?.take();
    section.closing.push(fd);
    fd.map(drop).ok_or(Errno::ENOENT)
}

/// The same, but the descriptor becomes the caller's.
pub fn take_stream(child: u64, which: i32) -> Result<i32> {
    with(child, |slot| idle_place(slot, which)?.give_up().ok_or(Errno::ENOENT))
}

fn place(slot: &mut Slot, which: i32) -> Result<&mut Held> {
    let which = usize::try_from(which).map_err(|_| Errno::EINVAL)?;
    slot.streams.get_mut(which).ok_or(Errno::EINVAL)
}

/// EBUSY while a capture moves bytes there.
fn idle_place(slot: &mut Slot, which: i32) -> Result<&mut Held> {
    let is_busy = slot.moves_bytes;
    let place = place(slot, which)?;
    if is_busy && place.get().is_some() { Err(Errno::EBUSY) } else { Ok(place) }
}

/// Changes the window of the child's pseudo-terminal. ENOTTY if the library has none of
/// its ends.
pub fn resize_terminal(child: u64, window: [u16; 2]) -> Result<()> {
    with(child, |slot| {
        let ends = slot.streams.iter().zip(slot.terminals).filter(|(_, is_terminal)| *is_terminal);
        let end = ends.filter_map(|(end, _)| end.get()).next();
        // Under the lock, as the end must stay open: it waits for no process.
        pty::resize(end.ok_or(Errno::ENOTTY)?, window)
    })
}

/// The open handle of the child that has this pid now. ECHILD if there is none.
pub fn find(pid: i32) -> Result<u64> {
    let mut section = state::enter_if_used().map_err(|_| Errno::ECHILD)?;
    let index = section.by_pid(pid).ok_or(Errno::ECHILD)?;
    // If other code has reaped it, the number may be another process's.
    section.ask(index, wait::EXITED | wait::NO_HANG | wait::PEEK)?;
    let slot = section.slots.get(index).filter(|slot| slot.is_open).ok_or(Errno::ECHILD)?;
    Ok(slot.handle)
}

/// Invalidates the handle. A child that still runs is left to the library.
pub fn close(child: u64) -> Result<()> {
    let mut section = state::enter_if_used()?;
    section.sweep();
    let (index, slot) = section.find(child)?;
    if slot.kills_on_close {
        section.kill_all(index);
    }
    let rest = close_handle(&mut section, index);
    let _ = section.look(index);
    let runs = |slot: &mut Slot| slot.handle == child && !slot.has_exited() && !slot.is_private;
    if section.slots.get(index).is_some_and(runs) {
        section.detach(index);
    }
    section.release(index);
    drop(section); // before the rest
    drop(rest);
    Ok(())
}

/// The same, but nobody has reaped the child, and the library will not: returns its pid.
/// ESRCH if somebody has, EBUSY while a call uses the child, EINVAL if nobody can reap it.
pub fn release(child: u64) -> Result<i32> {
    let mut section = state::enter_if_used()?;
    let (index, slot) = section.find(child)?;
    match (slot.is_private, slot.uses) {
        (true, _) => return Err(Errno::EINVAL),
        (false, 0) => {}
        _ => return Err(Errno::EBUSY),
    }
    let (pid, phase) = (slot.pid, slot.phase);
    let peek = wait::EXITED | wait::NO_HANG | wait::PEEK;
    match if phase == Phase::Running { section.ask(index, peek) } else { Err(Errno::ECHILD) } {
        Ok(_) => {}
        Err(Errno::ECHILD) => return Err(Errno::ESRCH),
        Err(errno) => return Err(errno),
    }
    let rest = close_handle(&mut section, index);
    section.forget(index);
    drop(section); // before the rest
    drop(rest);
    Ok(pid)
}

/// What belonged to a handle. Dropped without the lock.
type Rest = (Option<Erased>, [Option<Erased>; 2]);

/// No set reports the child any more. One set at most captures or stops it.
fn close_handle(state: &mut State, index: u32) -> Rest {
    let mut rest = (None, [None, None]);
    if let Some(slot) = state.slots.get(index) {
        slot.is_open = false;
        rest.0 = slot.result.take_any();
    }
    while let Some(member) = state.slots.get(index).and_then(|slot| slot.members.first()) {
        let task = state.take_task(member);
        if task.iter().any(Option::is_some) {
            rest.1 = task;
        }
        state.remove_member(member);
    }
    rest
}
