//! Sets: independent queues of children that have exited, each with a descriptor to
//! poll.
//!
//! That is an epoll. Where pidfds are, it has those of the children, and no code of the
//! library needs to run for it. Where not, `State::announce` puts the children into the
//! queue of the set and rings the bell that is in the epoll.

use super::sigchld;
use super::sleep::Slices;
use crate::children::all;
use crate::children::child::Child;
use crate::children::handle;
use crate::children::list;
use crate::children::look::Look;
use crate::children::lost;
use crate::children::members::{BELL, Member};
use crate::children::slot::Phase;
use crate::children::state::{self, State};
use crate::status::word::Status;
use crate::sys::deadline::Deadline;
use crate::sys::{Errno, Result, epoll, fd, pidfd, poll};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Pidfd,
    Sigchld,
}

/// What a plain wait and a plain set run on here.
pub fn engine() -> Engine {
    if pidfd::available() { Engine::Pidfd } else { Engine::Sigchld }
}

/// How one of several children exited.
pub struct Event {
    pub child: u64,
    pub user: usize,
    /// In the list that was waited for.
    pub position: usize,
    pub status: Status,
}

/// Opens a set; `by_signal` asks for the SIGCHLD engine even if there are pidfds.
pub fn open(by_signal: bool) -> Result<u64> {
    let needs_handler = by_signal || engine() == Engine::Sigchld;
    let epoll = epoll::create()?;
    // Now: later, when an exit is to be reported, there may be no descriptor left.
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

/// Adds a child, whose exit is then reported, or at once if it has exited. EEXIST if it
/// is in the set.
pub fn add(set: u64, child: u64) -> Result<()> {
    loop {
        let mut needs_pidfd = false;
        let added = state::claim(state::enter_if_used, |state| &mut state.members, |state, index| {
            needs_pidfd = enter(state, index, set, child)?;
            if needs_pidfd { Err(Errno::EAGAIN) } else { Ok(()) }
        });
        match added {
            Err(Errno::EAGAIN) if needs_pidfd => open_pidfd(child)?,
            other => return other.map(drop),
        }
    }
}

/// Fills a member; true if it needs a pidfd that is not there yet.
fn enter(state: &mut State, index: u32, set: u64, child: u64) -> Result<bool> {
    let (child_index, _) = state.find(child)?;
    let (set_index, _) = state.find_set(set)?;
    if find_member(state, set, child).is_some() {
        return Err(Errno::EEXIST);
    }
    // It may have exited before the handler was there to see it.
    let look = state.look(child_index)?;
    let slot = state.slots.get(child_index).ok_or(Errno::EBADF)?;
    let place = state.sets.get(set_index).ok_or(Errno::EBADF)?;
    let pidfd = slot.pidfd.get().filter(|_| !place.needs_handler);
    if matches!(look, Look::Running) && pidfd.is_none() && !place.needs_handler {
        return Ok(true);
    }
    if let (Some(epoll), Some(pidfd)) = (place.epoll.get(), pidfd) {
        epoll::add_once(epoll, pidfd, child)?;
        slot.watched_by = slot.watched_by.wrapping_add(1);
    }
    let member = state.members.get(index).ok_or(Errno::ENOMEM)?;
    *member = Member { set, child, by_pidfd: pidfd.is_some(), ..Default::default() };
    slot.members.append(&mut state.members, index, Member::in_child);
    place.members.append(&mut state.members, index, Member::in_set);
    if pidfd.is_none() && !matches!(look, Look::Running) {
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

fn find_member(state: &mut State, set: u64, child: u64) -> Option<u32> {
    let mut next = state.slot_of(child)?.members.first();
    while let Some(index) = next {
        next = list::after(&mut state.members, index, Member::in_child);
        if state.members.get(index).is_some_and(|member| member.set == set) {
            return Some(index);
        }
    }
    None
}

/// A call at work on a set: its descriptors stay open.
struct SetUse {
    handle: u64,
    index: u32,
    epoll: i32,
    needs_handler: bool,
}

impl SetUse {
    fn enter(set: u64) -> Result<SetUse> {
        let mut section = state::enter_if_used()?;
        section.sweep();
        let (index, place) = section.find_set(set)?;
        let epoll = place.epoll.get().ok_or(Errno::EBADF)?;
        place.uses = place.uses.wrapping_add(1);
        Ok(SetUse { handle: set, index, epoll, needs_handler: place.needs_handler })
    }
}

impl Drop for SetUse {
    fn drop(&mut self) {
        let Some(mut section) = state::enter_surely() else { return };
        if let Some(set) = section.sets.get(self.index) {
            set.uses = set.uses.wrapping_sub(1);
        }
        section.release_set(self.index);
    }
}

/// The number of exits that cannot be reported now and that a call passes over when its
/// time is up: others may be waiting behind them.
const HELD_BACK_MOST: u32 = 16;

/// The next event. ETIMEDOUT if there is none before the deadline.
pub fn next(set: u64, deadline: Deadline) -> Result<Event> {
    let set = SetUse::enter(set)?;
    let mut slices = set.needs_handler.then(Slices::new);
    let mut held_back = 0u32;
    loop {
        let until = slices.as_mut().map_or(deadline, |slices| slices.next(deadline));
        let found = epoll::next(set.epoll, until.left_ms())?;
        let is_over = deadline.left_ns() == Some(0);
        match found {
            Some(data) => match set.report(data)? {
                Some(event) => return Ok(event),
                None if is_over && held_back >= HELD_BACK_MOST => return Err(Errno::ETIMEDOUT),
                None => held_back = held_back.wrapping_add(1),
            },
            // The handler may not have run, or not have seen all.
            None if set.look_itself(&slices, until != deadline) => {}
            None if is_over => return Err(Errno::ETIMEDOUT),
            None => {}
        }
    }
}

impl SetUse {
    /// True if that has found something.
    fn look_itself(&self, slices: &Option<Slices>, slice_is_over: bool) -> bool {
        let may_miss = slices.as_ref().is_some_and(|slices| slices.may_miss || slice_is_over);
        may_miss && all::reap_after_signal(0) != 0
    }

    /// What the epoll has reported: the bell, or a child by its pidfd. `None` if there is
    /// no event for it, or not yet.
    fn report(&self, data: u64) -> Result<Option<Event>> {
        let mut section = state::enter_if_used()?;
        let (_, set) = section.find_set(self.handle)?;
        let member = match data {
            BELL => set.ready.first(),
            child => find_member(&mut section, self.handle, child),
        };
        // Closed meanwhile, or another thread was first.
        let Some(member) = member.and_then(|member| section.members.get(member)) else {
            return Ok(None);
        };
        let child = member.child;
        let look = section.look(handle::index_of(child));
        let status = match lost::complete(section, child, look.unwrap_or(Look::Running)) {
            Ok(Some(status)) => status,
            _ => {
                self.report_again(child);
                poll::pause(); // a debugger has the zombie until it lets go
                return look.map(|_| None);
            }
        };
        self.take_out(child, status)
    }

    fn take_out(&self, child: u64, status: Status) -> Result<Option<Event>> {
        let mut section = state::enter_if_used()?;
        let Some(member) = find_member(&mut section, self.handle, child) else { return Ok(None) };
        let user = section.slot_of(child).map_or(0, |slot| slot.user);
        section.remove_member(member);
        section.release(handle::index_of(child));
        Ok(Some(Event { child, user, position: 0, status }))
    }

    fn report_again(&self, child: u64) {
        if let Ok(mut section) = state::enter_if_used() {
            if let Some(pidfd) = section.slot_of(child).and_then(|slot| slot.pidfd.get()) {
                let _ = epoll::again(self.epoll, pidfd, child);
            }
        }
    }
}

/// How many members one section removes.
const AT_ONCE: usize = 16;

/// Closes the handle. The calls at work return EBADF.
pub fn close(set: u64) -> Result<()> {
    let mut section = state::enter_if_used()?;
    let (index, place) = section.find_set(set)?;
    place.is_open = false;
    place.ring(true);
    place.uses = place.uses.wrapping_add(1); // this call
    loop {
        for _ in 0..AT_ONCE {
            let Some(member) = section.sets.get(index).and_then(|set| set.members.first()) else {
                break;
            };
            let child = section.members.get(member).map_or(0, |member| member.child);
            section.remove_member(member);
            section.release(handle::index_of(child));
        }
        match section.sets.get(index) {
            Some(set) if !set.members.is_empty() => {}
            Some(set) => {
                set.uses = set.uses.wrapping_sub(1);
                section.release_set(index);
                return Ok(());
            }
            None => return Ok(()),
        }
        drop(section);
        section = state::enter_surely().ok_or(Errno::EBADF)?;
    }
}

