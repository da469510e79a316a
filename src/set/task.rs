//! A child that a set captures or stops. Both are one thing: a capture, perhaps of no
//! streams, with a time at which its stop sequence begins.
//!
//! Each task has an epoll of its own inside that of the set: the same descriptor may be
//! the sink or the cancel descriptor of many captures, which one epoll would refuse. It
//! is one-shot, and armed again by the thread that has moved the bytes.

use super::life::{self, SetUse};
use super::member;
use super::next::{Event, Kind};
use crate::capture::engine::{Capture, Hint, POLLED, Setup, Turn};
use crate::children::handle;
use crate::children::members::Member;
use crate::children::state::{self, State};
use crate::stop::sequence::Plan;
use crate::sys::deadline::Deadline;
use crate::sys::fd::OwnedFd;
use crate::sys::memory::{Erased, Keeping, Paged, parcel};
use crate::sys::poll::PollFd;
use crate::sys::{Errno, Result, epoll, host};

pub struct Task {
    pub capture: Capture<'static>,
    pub purpose: Purpose,
    epoll: OwnedFd,
    /// What the epoll has.
    polled: [PollFd; POLLED],
}

/// What is reported at the end.
pub enum Purpose {
    /// The exit.
    Stop,
    /// The result. The memory for it is there from the beginning: it must not get lost
    /// for want of memory.
    Capture(Keeping),
}

// It may be worked on by several threads, one after the other.
parcel!(Task, 2);

/// A stop that takes the place of what a task was to do.
pub struct NewPlan {
    pub plan: Plan,
    pub first: Deadline,
}

parcel!(NewPlan, 3);

/// Captures or stops a child in a set, which is added if it is not a member. EBUSY if a
/// capture or a stop of the child is under way.
pub fn start(
    set: u64,
    child: u64,
    purpose: Purpose,
    capture: impl FnOnce() -> Result<Capture<'static>>,
) -> Result<()> {
    life::need_timer(set)?;
    let is_new = match member::claim(set, child) {
        Ok(()) => true,
        Err(Errno::EEXIST) => false,
        Err(errno) => return Err(errno),
    };
    let started = capture().and_then(|capture| begin(capture, purpose));
    let started = started.and_then(|task| enter(set, child, task));
    if started.is_err() && is_new {
        let _ = member::remove(set, child);
    }
    started
}

fn begin(capture: Capture<'static>, purpose: Purpose) -> Result<Paged<Task>> {
    let polled = [PollFd { fd: -1, events: 0, revents: 0 }; POLLED];
    let mut task = Paged::new(Task { capture, purpose, epoll: epoll::create()?, polled })?;
    task.poll_what_is_waited_for()?;
    Ok(task)
}

fn enter(set: u64, child: u64, task: Paged<Task>) -> Result<()> {
    let mut section = state::enter_if_used()?;
    let (set_index, place) = section.find_set(set)?;
    let outer = place.epoll.get().ok_or(Errno::EBADF)?;
    let index = member::find(&mut section, set, child).ok_or(Errno::EBADF)?;
    let handle = section.members.get(index).map_or(0, |member| member.handle);
    epoll::add_once(outer, task.epoll.number(), handle)?;
    section.make_unready(index);
    section.unlink_pidfd(index);
    put_back(&mut section, index, task);
    life::arm(&mut section, set_index);
    Ok(())
}

/// The task waits for its next turn, at once at first.
fn put_back(state: &mut State, index: u32, task: Paged<Task>) {
    let due = task.capture.due().at_ns();
    let Some(member) = state.members.get(index) else { return };
    (member.has_task, member.worker) = (true, 0);
    member.leads_group = task.capture.leads_group();
    member.task.put(task);
    let set = handle::index_of(member.set);
    if let Some(set) = state.sets.get(set).filter(|_| due != 0) {
        set.due.insert(&mut state.members, index, due, Member::due);
    }
}

/// Takes a member out of its set. The task is dropped without the lock.
pub fn take_out(state: &mut State, index: u32) -> [Option<Erased>; 2] {
    let child = state.members.get(index).map_or(0, |member| member.child);
    let task = state.take_task(index);
    state.remove_member(index);
    state.release(handle::index_of(child));
    task
}

/// One turn of a task. `None` if another thread is at work on it, or it is not done.
pub fn turn(set: &SetUse, member: u64) -> Result<Option<Event>> {
    let Some((mut task, plan)) = take(set, member)? else { return Ok(None) };
    if let Some(new) = plan {
        task.capture.stop_by(new.plan, new.first);
    }
    let turned = task.capture.turn(Hint::ALL);
    if turned == Ok(Turn::Complete) {
        return finish(set, member, task);
    }
    let result = turned.and_then(|_| task.poll_what_is_waited_for());
    let mut section = state::enter_if_used()?;
    let Some(index) = member::of_handle(&mut section, member) else {
        drop(section);
        return Ok(None); // closed meanwhile: the task goes
    };
    leave_busy(&mut section, set, index);
    let result = result.and(epoll::again(set.epoll, task.epoll.number(), member));
    put_back(&mut section, index, task);
    if result.is_err() {
        // Its descriptors may not report it any more.
        let again = Deadline::after_ns(RETRY_NS).at_ns();
        let State { sets, members, .. } = &mut *section;
        if let Some(set) = sets.get(set.index) {
            set.due.insert(members, index, again, Member::due);
        }
    }
    life::arm(&mut section, set.index);
    result.map(|()| None)
}

/// When a turn is taken again that has failed.
const RETRY_NS: u64 = 10_000_000;

type Taken = (Paged<Task>, Option<Paged<NewPlan>>);

fn take(set: &SetUse, member: u64) -> Result<Option<Taken>> {
    let mut section = state::enter_if_used()?;
    let Some(index) = member::of_handle(&mut section, member) else { return Ok(None) };
    let Some(place) = section.members.get(index) else { return Ok(None) };
    let Some(task) = place.task.take::<Task>() else { return Ok(None) };
    let plan = place.new_plan.take::<NewPlan>();
    place.worker = host::thread();
    let State { sets, members, .. } = &mut *section;
    if let Some(set) = sets.get(set.index) {
        set.busy.append(members, index, Member::in_busy);
        set.due.remove(members, index, Member::due);
    }
    Ok(Some((task, plan)))
}

fn leave_busy(state: &mut State, set: &SetUse, index: u32) {
    if let Some(set) = state.sets.get(set.index) {
        set.busy.remove(&mut state.members, index, Member::in_busy);
    }
    if let Some(member) = state.members.get(index) {
        member.worker = 0;
    }
}

/// The child has exited and the streams are read, or it has survived the stop sequence.
fn finish(set: &SetUse, member: u64, task: Paged<Task>) -> Result<Option<Event>> {
    let mut section = state::enter_if_used()?;
    let Some(index) = member::of_handle(&mut section, member) else { return Ok(None) };
    let child = section.members.get(index).map_or(0, |member| member.child);
    let user = section.slot_of(child).map_or(0, |slot| slot.user);
    leave_busy(&mut section, set, index);
    let status = task.capture.status();
    let survived = !status.has_exited();
    let kind = match (&task.purpose, survived) {
        (Purpose::Stop, true) => Kind::Survived,
        (Purpose::Stop, false) => Kind::Exited,
        (Purpose::Capture(_), _) => Kind::Captured,
    };
    let rest = section.take_task(index);
    section.remove_member(index);
    section.release(handle::index_of(child));
    life::arm(&mut section, set.index);
    drop(section); // before the rest
    drop(rest);
    if kind == Kind::Survived {
        drop(task);
        member::claim(set.handle, child)?; // its exit is still reported
        return Ok(Some(Event { kind, is_last: false, child, user, status, task: None }));
    }
    Ok(Some(Event { kind, is_last: true, child, user, status, task: Some(task) }))
}

impl Task {
    /// Has the epoll report what the capture waits for.
    fn poll_what_is_waited_for(&mut self) -> Result<()> {
        let wanted = self.capture.polled();
        // The same descriptor may be there twice: both streams into one sink.
        for old in &self.polled {
            let is_gone = !wanted.iter().any(|one| one.fd == old.fd);
            if old.fd >= 0 && is_gone {
                epoll::remove(self.epoll.number(), old.fd);
            }
        }
        for one in wanted.iter().filter(|one| one.fd >= 0) {
            let events = wanted.iter().filter(|other| other.fd == one.fd);
            let events = events.fold(0, |all, other| all | other.events);
            let old = self.polled.iter().find(|old| old.fd == one.fd);
            match epoll::set_events(self.epoll.number(), one.fd, events, old.is_none()) {
                // A regular file is always ready; the next turn finds it so.
                Ok(()) | Err(Errno::EPERM | Errno::EEXIST | Errno::ENOENT) => {}
                Err(errno) => return Err(errno),
            }
        }
        self.polled = wanted;
        Ok(())
    }
}

/// Stops a child in a set: at once, or at `first`. What is under way is replaced.
pub fn stop(set: u64, child: u64, plan: Plan, first: Deadline) -> Result<()> {
    let new = Paged::new(NewPlan { plan, first })?;
    let mut section = state::enter_if_used()?;
    let (set_index, _) = section.find_set(set)?;
    section.find(child)?;
    let found = member::find(&mut section, set, child);
    let task = found.and_then(|index| {
        let member = section.members.get(index)?;
        member.has_task.then_some((index, member.leads_group))
    });
    let Some((index, leads_group)) = task else {
        drop(section);
        let capture = || Capture::begin(child, Setup::of_stop(plan, first));
        return start(set, child, Purpose::Stop, capture);
    };
    plan.check(leads_group)?;
    let _old = section.members.get(index).and_then(|member| member.new_plan.take_any());
    let State { sets, members, .. } = &mut *section;
    if let Some(member) = members.get(index) {
        member.new_plan.put(new);
        if member.worker == 0 {
            if let Some(set) = sets.get(set_index) {
                set.due.insert(members, index, Deadline::Now.at_ns(), Member::due);
            }
        }
    }
    life::arm(&mut section, set_index);
    drop(section);
    Ok(())
}
