//! The children of a set: adding, removing, finding.

use super::life;
use super::spares::Spares;
use super::task;
use crate::children::child::Child;
use crate::children::handle;
use crate::children::list;
use crate::children::look::Look;
use crate::children::members::Member;
use crate::children::slot::Phase;
use crate::children::state::{self, State};
use crate::notify::sleep;
use crate::sys::deadline::Deadline;
use crate::sys::{Errno, Result, epoll, host, pidfd};
use crate::wait::change::Changes;

/// Adds a child: its exit is then reported, or at once if it has exited, and the other
/// changes of `watch`. EEXIST if it is in the set.
pub fn add(set: u64, child: u64, watch: Changes) -> Result<()> {
    let watches = watch.options() as u32;
    if watches == 0 {
        return claim(set, child);
    }
    let spares = Spares::for_stops(set)?;
    claim(set, child)?;
    let watched = watch_member(set, child, watches, spares);
    if watched.is_err() {
        let _ = remove(set, child);
    }
    watched
}

fn watch_member(set: u64, child: u64, watches: u32, mut spares: Spares) -> Result<()> {
    let mut section = state::enter_if_used()?;
    // If it is gone, another thread has taken the event of its exit.
    let Some(index) = find(&mut section, set, child) else { return Ok(()) };
    spares.keep(&mut section, set)?;
    let (set_index, _) = section.find_set(set)?;
    let State { sets, members, .. } = &mut *section;
    let set = sets.get(set_index).ok_or(Errno::EBADF)?;
    if let Some(member) = members.get(index) {
        member.watches = watches;
        set.watched.append(members, index, Member::in_watched);
        // It may have stopped before the handler was there.
        set.to_look = set.to_look.wrapping_add(1);
        set.update_bell();
    }
    look_again_later(&mut section, set_index);
    Ok(())
}

/// The handler may not run at a SIGCHLD: then the timer looks at the watched children.
pub fn look_again_later(state: &mut State, set_index: u32) {
    let Some(set) = state.sets.get(set_index) else { return };
    let may_miss = !set.watched.is_empty() && sleep::may_miss_a_signal();
    let later = Deadline::after_ns(sleep::LONGEST_NS).at_ns();
    set.look_at = if may_miss { later } else { 0 };
    life::arm(state, set_index);
}

/// A plain member, woken by the child's pidfd or by the handler.
pub fn claim(set: u64, child: u64) -> Result<()> {
    claim_as(set, child, false)
}

/// A member that the calling thread begins a task for: it counts as being at work on it,
/// so that no other thread reports the exit meanwhile.
pub fn claim_for_task(set: u64, child: u64) -> Result<()> {
    claim_as(set, child, true)
}

fn claim_as(set: u64, child: u64, for_task: bool) -> Result<()> {
    loop {
        let mut needs_pidfd = false;
        let added = state::claim(state::enter_if_used, |state| &mut state.members, |state, index| {
            needs_pidfd = enter(state, index, set, child, for_task)?;
            if needs_pidfd { Err(Errno::EAGAIN) } else { Ok(()) }
        });
        match added {
            Err(Errno::EAGAIN) if needs_pidfd => open_pidfd(child)?,
            other => return other.map(drop),
        }
    }
}

/// Fills a member; true if it needs a pidfd that is not there yet.
fn enter(state: &mut State, index: u32, set: u64, child: u64, for_task: bool) -> Result<bool> {
    let (child_index, _) = state.find(child)?;
    let (set_index, _) = state.find_set(set)?;
    if find(state, set, child).is_some() {
        return Err(Errno::EEXIST);
    }
    // It may have exited before the handler was there to see it. A task looks by itself,
    // and needs the pidfd for that, which a look that finds the exit closes.
    let slot = state.slots.get(child_index).ok_or(Errno::EBADF)?;
    let look = match for_task && slot.pidfd.get().is_some() {
        true => Look::Running,
        false => state.look(child_index)?,
    };
    let slot = state.slots.get(child_index).ok_or(Errno::EBADF)?;
    let place = state.sets.get(set_index).ok_or(Errno::EBADF)?;
    // The exit of a private child raises no signal.
    let pidfd = slot.pidfd.get().filter(|_| !place.needs_handler || slot.is_private);
    if matches!(look, Look::Running) && pidfd.is_none() && !place.needs_handler {
        return Ok(true);
    }
    let handle = handle::new(index, state::owner());
    let pidfd = pidfd.filter(|_| !for_task);
    if let (Some(epoll), Some(pidfd)) = (place.epoll.get(), pidfd) {
        epoll::add_once(epoll, pidfd, handle)?;
        slot.watched_by = slot.watched_by.wrapping_add(1);
    }
    let member = state.members.get(index).ok_or(Errno::ENOMEM)?;
    *member = Member { handle, set, child, by_pidfd: pidfd.is_some(), ..Default::default() };
    (member.has_task, member.worker) = (for_task, if for_task { host::this_thread() } else { 0 });
    slot.members.append(&mut state.members, index, Member::in_child);
    place.members.append(&mut state.members, index, Member::in_set);
    place.count = place.count.wrapping_add(1);
    if for_task {
        place.busy.append(&mut state.members, index, Member::in_busy);
    } else if pidfd.is_none() && !matches!(look, Look::Running) {
        state.make_ready(index);
    }
    Ok(false)
}

/// For a child that was started when no descriptor was left.
#[cold]
fn open_pidfd(child: u64) -> Result<()> {
    // Its number stays its own meanwhile.
    let held = Child::hold(child)?;
    let pidfd = pidfd::open(held.pid())?;
    held.with(|state, index| {
        let slot = state.slots.get(index).ok_or(Errno::EBADF)?;
        if slot.pidfd.get().is_none() && slot.phase == Phase::Running {
            slot.pidfd.put(pidfd);
        }
        Ok(())
    })
}

pub fn find(state: &mut State, set: u64, child: u64) -> Option<u32> {
    let mut next = state.slot_of(child)?.members.first();
    while let Some(index) = next {
        next = list::after(&mut state.members, index, Member::in_child);
        if state.members.get(index).is_some_and(|member| member.set == set) {
            return Some(index);
        }
    }
    None
}

/// What the epoll has reported, if it is still in the set.
pub fn of_handle(state: &mut State, member: u64) -> Option<u32> {
    let index = handle::index_of(member);
    state.members.get(index).is_some_and(|found| found.handle == member).then_some(index)
}

/// Takes a child out of the set. ENOENT if it is not in it.
pub fn remove(set: u64, child: u64) -> Result<()> {
    let mut section = state::enter_if_used()?;
    section.find_set(set)?;
    section.find(child)?;
    let member = find(&mut section, set, child).ok_or(Errno::ENOENT)?;
    let task = task::take_out(&mut section, member);
    drop(section); // before the task
    drop(task);
    Ok(())
}
