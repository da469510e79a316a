//! Stops and continuations of the children of a set. Only SIGCHLD announces them,
//! without the child's name: every watched child is looked at.

use super::event::{Event, Kind};
use super::life::SetUse;
use super::member;
use crate::children::handle;
use crate::children::members::Member;
use crate::children::state::{self, State};
use crate::status::word;
use crate::sys::{Result, fd};

/// How many children one section looks at.
const AT_ONCE: u32 = 32;

/// A SIGCHLD has come, or it is time to look without one.
pub fn begin_round(set: &SetUse) -> Result<()> {
    let pipe = {
        let mut section = state::enter_if_used()?;
        let (index, place) = section.find_set(set.handle)?;
        let pipe = place.pipe.get();
        let mut count = 0u32;
        let mut next = place.watched.first();
        while let Some(member) = next {
            count = count.wrapping_add(1);
            next = crate::children::list::after(&mut section.members, member, Member::in_watched);
        }
        if let Some(set) = section.sets.get(index) {
            set.to_look = count;
            set.update_bell();
        }
        member::look_again_later(&mut section, index);
        pipe
    };
    if let Some(pipe) = pipe {
        fd::drain(pipe);
    }
    Ok(())
}

/// Looks at some of them, in turn.
pub fn look(set: &SetUse) -> Result<Option<Event>> {
    let mut section = state::enter_if_used()?;
    for _ in 0..AT_ONCE {
        let State { sets, members, .. } = &mut *section;
        let Some(place) = sets.get(set.index).filter(|set| set.to_look != 0) else { break };
        place.to_look = place.to_look.wrapping_sub(1);
        let Some(index) = place.watched.first() else {
            place.to_look = 0;
            break;
        };
        place.watched.remove(members, index, Member::in_watched);
        place.watched.append(members, index, Member::in_watched);
        if let Some(event) = look_at(&mut section, index)? {
            return Ok(Some(event));
        }
    }
    if let Some(place) = section.sets.get(set.index) {
        place.update_bell();
    }
    Ok(None)
}

fn look_at(state: &mut State, index: u32) -> Result<Option<Event>> {
    let Some(member) = state.members.get(index) else { return Ok(None) };
    let (child, watches) = (member.child, member.watches as i32);
    let Some(status) = state.look_for_change(handle::index_of(child), watches)? else {
        return Ok(None);
    };
    let user = state.slot_of(child).map_or(0, |slot| slot.user);
    let kind = match status.state {
        word::State::Continued => Kind::Continued,
        _ => Kind::Stopped,
    };
    Ok(Some(Event { kind, is_last: false, child, user, status, task: None }))
}
