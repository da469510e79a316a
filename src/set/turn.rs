//! The turns of a capture or a stop sequence in a set: one thread at a time takes them.

use super::event::{Event, Kind};
use super::life::{self, SetUse};
use super::member;
use super::task::{self, NewPlan, Purpose, Task};
use crate::capture::engine::{Hint, Turn};
use crate::children::handle;
use crate::children::members::Member;
use crate::children::look::Look;
use crate::children::state::{self, Section, State};
use crate::sys::deadline::Deadline;
use crate::sys::paged::Paged;
use crate::sys::{Result, epoll, host};

/// One turn of a task. `None` if another thread is at work on it, or it is not done.
pub fn take_turn(set: &SetUse, member: u64, mut section: Section) -> Result<Option<Event>> {
    let Some((mut task, plan, hint)) = take(&mut section, set, member) else { return Ok(None) };
    drop(section);
    if let Some(new) = plan {
        task.capture.stop_by(new.plan, new.first);
    }
    let turned = task.capture.turn(hint);
    if turned == Ok(Turn::Complete) {
        return finish(set, member, task);
    }
    let result = turned.and_then(|_| task.poll_what_is_waited_for());
    let mut section = state::enter_if_used()?;
    let Some(index) = member::of_handle(&mut section, member) else {
        drop(section);
        return Ok(None); // closed meanwhile: the task goes
    };
    leave_busy(&mut section, set.index, index);
    let result = result.and(epoll::again(set.epoll, task.epoll.number(), member));
    task::put_back(&mut section, index, task);
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

type Taken = (Paged<Task>, Option<Paged<NewPlan>>, Hint);

/// Looks at the child as well, as this thread has the lock.
fn take(state: &mut State, set: &SetUse, member: u64) -> Option<Taken> {
    let index = member::of_handle(state, member)?;
    let place = state.members.get(index)?;
    let child = place.child;
    let task = place.task.take::<Task>()?;
    let plan = place.new_plan.take::<NewPlan>();
    place.worker = host::this_thread();
    let State { sets, members, .. } = state;
    if let Some(set) = sets.get(set.index) {
        set.busy.append(members, index, Member::in_busy);
        set.due.remove(members, index, Member::due);
    }
    Some((task, plan, Hint::of(runs(state, child))))
}

/// Whether a look shows that. Not without a pidfd, which a look may find closed: then the
/// self-pipe must be drained first.
fn runs(state: &mut State, child: u64) -> bool {
    let has_pidfd =
        |state: &mut State| state.slot_of(child).is_some_and(|slot| slot.pidfd.get().is_some());
    has_pidfd(state)
        && matches!(state.look(handle::index_of(child)), Ok(Look::Running))
        && has_pidfd(state)
}

/// No thread is at work on the member any more.
pub fn leave_busy(state: &mut State, set_index: u32, index: u32) {
    let State { sets, members, .. } = state;
    let Some(member) = members.get(index).filter(|member| member.worker != 0) else { return };
    member.worker = 0;
    if let Some(set) = sets.get(set_index) {
        set.busy.remove(members, index, Member::in_busy);
    }
}

/// The child has exited and the streams are read, or it has survived the stop sequence.
fn finish(set: &SetUse, member: u64, task: Paged<Task>) -> Result<Option<Event>> {
    let mut section = state::enter_if_used()?;
    let Some(index) = member::of_handle(&mut section, member) else { return Ok(None) };
    let child = section.members.get(index).map_or(0, |member| member.child);
    let user = section.slot_of(child).map_or(0, |slot| slot.user);
    leave_busy(&mut section, set.index, index);
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
    set.leave(&mut section);
    drop(section); // before the rest
    drop(rest);
    if kind == Kind::Survived {
        drop(task);
        member::claim(set.handle, child)?; // its exit is still reported
        return Ok(Some(Event { kind, is_last: false, child, user, status, task: None }));
    }
    Ok(Some(Event { kind, is_last: true, child, user, status, task: Some(task) }))
}
