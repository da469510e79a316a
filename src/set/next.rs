//! Taking events out of a set.

use super::changes;
use super::event::{Event, Kind};
use super::life::{self, SetUse};
use super::member;
use super::turn;
use crate::children::all;
use crate::children::handle;
use crate::children::look::Look;
use crate::children::lost;
use crate::children::members::{BELL, PIPE, TIMER};
use crate::children::state::{self, Section, State};
use crate::notify::sleep::Slices;
use crate::status::word::Status;
use crate::sys::deadline::Deadline;
use crate::sys::{Errno, Result, clock, epoll, poll};

/// How many reports without an event a call takes when its time is up: exits that cannot
/// be reported now, and turns of captures. What is left makes the descriptor readable
/// anew, also for a loop that is edge-triggered.
const MOST: u32 = 64;

/// The next event. ETIMEDOUT if there is none before the deadline.
pub fn next(set: u64, deadline: Deadline) -> Result<Event> {
    let set = SetUse::enter(set)?;
    let mut slices = set.needs_handler.then(Slices::new);
    let mut reports = 0u32;
    loop {
        let until = slices.as_mut().map_or(deadline, |slices| slices.next(deadline));
        let found = epoll::next(set.epoll, until.left_ms())?;
        let is_over = deadline.has_passed();
        if let Some(data) = found {
            if let Some(event) = set.report(data)? {
                return Ok(event);
            }
            if is_over && reports >= MOST {
                set.rearm(&mut *state::enter_if_used()?)?;
                return Err(Errno::ETIMEDOUT);
            }
            reports = reports.wrapping_add(1);
        }
        // The handler may not have run, or not have seen all.
        let looks = slices.as_ref().is_some_and(|slices| {
            slices.is_over() || found.is_none() && slices.may_miss
        });
        if looks && all::reap_after_signal(0) != 0 || found.is_some() {
            continue;
        }
        if is_over {
            return Err(Errno::ETIMEDOUT);
        }
        // A signal, whose handler may have forked: a copy must not take events out of
        // the epoll, which it shares.
        state::enter_if_used()?.find_set(set.handle)?;
    }
}

impl SetUse {
    /// What the epoll has reported. `None` if there is no event for it, or not yet.
    fn report(&self, data: u64) -> Result<Option<Event>> {
        match data {
            BELL => self.answer_bell(),
            TIMER => self.do_what_is_due(),
            PIPE => changes::begin_round(self).map(|()| None),
            member => self.report_member(member, state::enter_if_used()?),
        }
    }

    fn answer_bell(&self) -> Result<Option<Event>> {
        let mut section = state::enter_if_used()?;
        let (_, set) = section.find_set(self.handle)?;
        if core::mem::take(&mut set.is_woken) {
            set.update_bell();
            let (kind, status) = (Kind::Woken, Status::RUNNING);
            return Ok(Some(Event { kind, is_last: false, child: 0, user: 0, status, task: None }));
        }
        match set.ready.first().and_then(|index| section.members.get(index)) {
            Some(member) => {
                let member = member.handle;
                self.report_member(member, section)
            }
            None => {
                drop(section);
                changes::look(self)
            }
        }
    }

    fn do_what_is_due(&self) -> Result<Option<Event>> {
        let mut section = state::enter_if_used()?;
        let now = clock::now_ns();
        let (_, set) = section.find_set(self.handle)?;
        let looks = set.look_at != 0 && set.look_at <= now;
        let top = set.due.top().and_then(|top| section.members.get(top));
        let due = top.filter(|top| top.due.key <= now).map(|top| top.handle);
        if looks || due.is_none() {
            self.rearm(&mut section)?;
        }
        if looks {
            drop(section);
            changes::begin_round(self)?;
            section = state::enter_if_used()?;
        }
        // The timer stays readable until nothing is due any more.
        due.map_or(Ok(None), |member| turn::take_turn(self, member, section))
    }

    /// Sets the timer anew, although it has fired: then nothing else is due, or a loop
    /// that is edge-triggered needs another edge.
    fn rearm(&self, state: &mut State) -> Result<()> {
        let (_, set) = state.find_set(self.handle)?;
        set.armed = 0;
        life::arm(state, self.index);
        Ok(())
    }

    fn report_member(&self, member: u64, mut section: Section) -> Result<Option<Event>> {
        section.find_set(self.handle)?;
        // Closed meanwhile, or another thread was first.
        let Some(index) = member::of_handle(&mut section, member) else { return Ok(None) };
        let Some(place) = section.members.get(index) else { return Ok(None) };
        if place.has_task {
            return turn::take_turn(self, member, section);
        }
        let child = place.child;
        let look = section.look(handle::index_of(child));
        if let Ok(Look::Exited(status)) = look {
            return Ok(self.take_out(&mut section, member, status)); // the usual case: one section
        }
        match lost::complete(section, child, look.unwrap_or(Look::Running)) {
            Ok(Some(status)) => Ok(self.take_out(&mut *state::enter_if_used()?, member, status)),
            _ => {
                self.report_again(member, child);
                poll::pause(); // a debugger has the zombie until it lets go
                look.map(|_| None)
            }
        }
    }

    fn take_out(&self, state: &mut State, member: u64, status: Status) -> Option<Event> {
        let index = member::of_handle(state, member)?;
        // Another thread has begun to capture or to stop it: that reports the exit.
        let plain = state.members.get(index).filter(|member| !member.has_task);
        let child = plain.map(|member| member.child)?;
        let user = state.slot_of(child).map_or(0, |slot| slot.user);
        state.remove_member(index);
        state.release(handle::index_of(child));
        self.leave(state);
        Some(Event { kind: Kind::Exited, is_last: true, child, user, status, task: None })
    }

    fn report_again(&self, member: u64, child: u64) {
        if let Ok(mut section) = state::enter_if_used() {
            if let Some(pidfd) = section.slot_of(child).and_then(|slot| slot.pidfd.get()) {
                let _ = epoll::again(self.epoll, pidfd, member);
            }
        }
    }
}
