//! Beginning to capture or to stop a child of a set.

use super::life;
use super::member;
use super::spares::Spares;
use super::task::{self, NewPlan, Purpose, Task};
use super::turn::leave_busy;
use crate::capture::engine::{Capture, Setup};
use crate::children::members::Member;
use crate::children::state::{self, State};
use crate::stop::sequence::Plan;
use crate::sys::deadline::Deadline;
use crate::sys::paged::Paged;
use crate::sys::{Errno, Result, epoll};

/// Captures or stops a child in a set, which is added if it is not a member. EBUSY if a
/// capture or a stop of the child is under way.
pub fn start(
    set: u64,
    child: u64,
    purpose: Purpose,
    capture: impl FnOnce() -> Result<Capture<'static>>,
) -> Result<()> {
    let is_new = match member::claim_for_task(set, child) {
        Ok(()) => true,
        Err(Errno::EEXIST) => false,
        Err(errno) => return Err(errno),
    };
    let started = capture().and_then(|capture| task::begin(capture, purpose));
    let started = started.and_then(|task| enter(set, child, task));
    if started.is_err() && is_new {
        let _ = member::remove(set, child);
    }
    started
}

fn enter(set: u64, child: u64, task: Paged<Task>) -> Result<()> {
    let mut spares = Spares::default();
    let mut section = state::enter_if_used()?;
    if section.find_set(set)?.1.timer.get().is_none() {
        drop(section);
        spares = Spares::for_deadline(set)?;
        section = state::enter_if_used()?;
    }
    let (set_index, place) = section.find_set(set)?;
    let outer = place.epoll.get().ok_or(Errno::EBADF)?;
    let index = member::find(&mut section, set, child).ok_or(Errno::EBADF)?;
    let handle = section.members.get(index).map_or(0, |member| member.handle);
    epoll::add_once(outer, task.epoll.number(), handle)?;
    spares.keep(&mut section, set)?;
    section.make_unready(index);
    section.unlink_pidfd(index);
    leave_busy(&mut section, set_index, index);
    task::put_back(&mut section, index, task);
    life::arm(&mut section, set_index);
    Ok(())
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
