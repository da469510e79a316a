//! Sets: what children do, as a queue of events with one descriptor to poll.
//!
//! That is an epoll in both engines. Where pidfds are, it has those of the children, and
//! no code of the library needs to run for an exit. Where not, `State::announce` puts the
//! children into the queue of the set and rings the bell that is in the epoll.

use super::task;
use crate::children::handle;
use crate::children::list;
use crate::children::members::{BELL, Member, Set};
use crate::children::state::{self, Section, State};
use crate::notify::{listener, sigchld};
use crate::sys::paged::Erased;
use crate::sys::{Errno, Result, epoll, fd, host, pidfd, timer};
use core::cell::Cell;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Pidfd,
    Sigchld,
}

/// What a plain wait and a plain set run on here.
pub fn engine() -> Engine {
    if pidfd::available() { Engine::Pidfd } else { Engine::Sigchld }
}

/// Opens a set; `by_signal` asks for the SIGCHLD engine even if there are pidfds.
pub fn open(by_signal: bool) -> Result<u64> {
    state::prepare()?;
    let needs_handler = by_signal || engine() == Engine::Sigchld;
    let epoll = epoll::create()?;
    // Now: later, at an exit, there may be no descriptor left.
    let bell = fd::readable_event()?;
    epoll::add_bell(epoll.number(), bell.number(), BELL)?;
    let mut opened = 0;
    state::claim(state::enter, |state| &mut state.sets, |state, index| {
        if needs_handler {
            sigchld::ensure(state)?;
            state.notice.reapers = state.notice.reapers.wrapping_add(1);
        }
        let set = state.sets.get(index).ok_or(Errno::ENOMEM)?;
        set.epoll.put(epoll);
        set.bell.put(bell);
        (set.is_open, set.needs_handler) = (true, needs_handler);
        set.handle = handle::new(index, state::owner());
        opened = set.handle;
        Ok(())
    })?;
    Ok(opened)
}

pub fn descriptor(set: u64) -> Result<i32> {
    let mut section = state::enter_if_used()?;
    let (_, set) = section.find_set(set)?;
    set.epoll.get().ok_or(Errno::EBADF)
}

pub fn count(set: u64) -> Result<u32> {
    let mut section = state::enter_if_used()?;
    let (_, set) = section.find_set(set)?;
    Ok(set.count)
}

/// Has one waiter report that the set was woken. Async-signal-safe.
pub fn wake(set: u64) -> Result<()> {
    let mut section = state::enter_if_used()?;
    let (_, set) = section.find_set(set)?;
    set.is_woken = true;
    set.update_bell();
    Ok(())
}

/// Sets the timer to the earliest time at which something is due.
pub fn arm(state: &mut State, index: u32) {
    let Some(set) = state.sets.get(index) else { return };
    let top = set.due.top().and_then(|top| state.members.get(top)).map(|member| member.due.key);
    let look_at = Some(set.look_at).filter(|at| *at != 0);
    let due = top.into_iter().chain(look_at).min().unwrap_or(0);
    if let Some(timer) = set.timer.get().filter(|_| set.armed != due) {
        set.armed = due;
        timer::arm(timer, due);
    }
}

/// A call at work on a set: its descriptors stay open.
pub struct SetUse {
    pub handle: u64,
    pub index: u32,
    pub epoll: i32,
    pub needs_handler: bool,
    has_left: Cell<bool>,
}

impl SetUse {
    pub fn enter(set: u64) -> Result<SetUse> {
        let mut section = state::enter_if_used()?;
        section.sweep();
        let (index, _) = section.find_set(set)?;
        refuse_in_callback(&mut section, index)?;
        SetUse::of(&mut section, set)
    }

    fn of(section: &mut Section, set: u64) -> Result<SetUse> {
        let (index, place) = section.find_set(set)?;
        let epoll = place.epoll.get().ok_or(Errno::EBADF)?;
        place.uses = place.uses.wrapping_add(1);
        let (needs_handler, has_left) = (place.needs_handler, Cell::new(false));
        Ok(SetUse { handle: set, index, epoll, needs_handler, has_left })
    }

    /// The last thing that a call does with the set, in a section that it has entered.
    pub fn leave(&self, state: &mut State) {
        if self.has_left.replace(true) {
            return;
        }
        if let Some(set) = state.sets.get(self.index) {
            set.uses = set.uses.wrapping_sub(1);
        }
        state.release_set(self.index);
    }
}

impl Drop for SetUse {
    fn drop(&mut self) {
        if !self.has_left.get() {
            if let Some(mut section) = state::enter_surely() {
                self.leave(&mut section);
            }
        }
    }
}

/// A callback of a capture in this set must not wait for itself.
fn refuse_in_callback(state: &mut State, set: u32) -> Result<()> {
    let mut next = state.sets.get(set).and_then(|set| set.busy.first());
    while let Some(index) = next {
        next = list::after(&mut state.members, index, Member::in_busy);
        if state.members.get(index).is_some_and(|busy| busy.worker == host::this_thread()) {
            return Err(Errno::EDEADLK);
        }
    }
    Ok(())
}

/// How many members one section removes.
const AT_ONCE: usize = 8;

/// Closes the handle. The calls at work return EBADF; a task that a thread is at work on
/// ends with its turn.
pub fn close(set: u64) -> Result<()> {
    let in_use = {
        let mut section = state::enter_if_used()?;
        let in_use = SetUse::of(&mut section, set)?;
        if let Some(set) = section.sets.get(in_use.index) {
            set.is_open = false;
            set.update_bell();
            if let Some(listener) = core::mem::take(&mut set.listener).checked_sub(1) {
                listener::close(&mut section, listener);
            }
        }
        in_use
    };
    while remove_some(in_use.index) {}
    Ok(())
}

fn remove_some(set: u32) -> bool {
    // Dropped without the lock: a task closes descriptors and may free memory.
    let mut tasks: [[Option<Erased>; 2]; AT_ONCE] = Default::default();
    let Some(mut section) = state::enter_surely() else { return false };
    for place in &mut tasks {
        let Some(member) = section.sets.get(set).and_then(|set: &mut Set| set.members.first()) else {
            return false;
        };
        *place = task::take_out(&mut section, member);
    }
    true
}
