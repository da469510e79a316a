//! A child that a set captures or stops. Both are one thing: a capture, perhaps of no
//! streams, with a time at which its stop sequence begins.
//!
//! Each task has an epoll of its own inside that of the set: the same descriptor may be
//! the sink or the cancel descriptor of many captures, which one epoll would refuse. It
//! is one-shot, and armed again by the thread that has moved the bytes.

use crate::capture::engine::{Capture, POLLED};
use crate::children::handle;
use crate::children::members::Member;
use crate::children::state::State;
use crate::stop::sequence::Plan;
use crate::sys::deadline::Deadline;
use crate::sys::fd::OwnedFd;
use crate::sys::paged::{Erased, Keeping, Paged, parcel};
use crate::sys::poll::PollFd;
use crate::sys::{Errno, Result, epoll};

pub struct Task {
    pub capture: Capture<'static>,
    pub purpose: Purpose,
    pub epoll: OwnedFd,
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

pub fn begin(capture: Capture<'static>, purpose: Purpose) -> Result<Paged<Task>> {
    let polled = [PollFd { fd: -1, events: 0, revents: 0 }; POLLED];
    let mut task = Paged::new(Task { capture, purpose, epoll: epoll::create()?, polled })?;
    task.poll_what_is_waited_for()?;
    Ok(task)
}

/// The task waits for its next turn, at once at first.
pub fn put_back(state: &mut State, index: u32, task: Paged<Task>) {
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

impl Task {
    /// Has the epoll report what the capture waits for.
    pub fn poll_what_is_waited_for(&mut self) -> Result<()> {
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
