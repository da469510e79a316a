//! A child that other code has reaped. Its pidfd may still have its status. The kernel
//! is asked without the lock, as that may take a moment.

use super::look::Look;
use super::slot::Phase;
use super::state::{self, Section, State};
use crate::status::word::Status;
use crate::sys::pidfd::{self, Record};
use crate::sys::{Errno, Result, poll};

enum Turn {
    /// The kernel must be asked, by this pidfd if there is one.
    Ask(u32, Option<i32>),
    /// Another call is asking.
    Wait,
    Known(Status),
}

/// The status of a child that `State::look` has found gone. Calls that come while
/// another one asks wait for the answer, even with a timeout of 0.
#[cold]
#[inline(never)]
pub fn status(child: u64) -> Result<Status> {
    loop {
        let turn = next_turn(&mut *state::enter_if_used()?, child)?;
        match turn {
            Turn::Known(status) => return Ok(status),
            Turn::Wait => poll::pause(),
            Turn::Ask(index, pidfd) => {
                let status = status_of(pidfd.and_then(pidfd::exit_word));
                answer(index, Some(status));
            }
        }
    }
}

fn next_turn(state: &mut State, child: u64) -> Result<Turn> {
    let index = super::handle::index_of(child);
    let slot = state.slot_of(child).ok_or(Errno::EBADF)?;
    match slot.phase {
        Phase::Gone => {
            slot.phase = Phase::Asking;
            slot.uses = slot.uses.wrapping_add(1);
            Ok(Turn::Ask(index, slot.pidfd.get()))
        }
        Phase::Asking => Ok(Turn::Wait),
        _ => Ok(Turn::Known(slot.status())),
    }
}

/// For the signal handler: asks once and does not wait for anybody, as it may have
/// interrupted the call that asks. What is not known yet is left to the next call.
pub fn ask_once(child: u64) {
    let Some(mut section) = state::enter_surely() else { return };
    let Ok(Turn::Ask(index, pidfd)) = next_turn(&mut section, child) else { return };
    drop(section);
    let status = match pidfd.map(pidfd::exit_record) {
        Some(Record::NotYet) => None,
        Some(Record::Word(word)) => Some(status_of(Some(word))),
        Some(Record::Nothing) | None => Some(Status::LOST),
    };
    answer(index, status);
}

fn answer(index: u32, status: Option<Status>) {
    let Some(mut section) = state::enter_surely() else { return };
    let Some(slot) = section.slots.get(index) else { return };
    slot.uses = slot.uses.wrapping_sub(1);
    match status {
        Some(status) => section.found(index, status),
        None => {
            slot.phase = Phase::Gone;
            section.release(index); // its handle may have been closed meanwhile
        }
    }
}

fn status_of(word: Option<i32>) -> Status {
    word.and_then(|word| Status::decode(word).ok()).unwrap_or(Status::LOST)
}

/// A look whose answer is complete: the status once the child has exited. Lets go of
/// the lock.
pub fn complete(section: Section, child: u64, look: Look) -> Result<Option<Status>> {
    drop(section);
    match look {
        Look::Running => Ok(None),
        Look::Exited(status) => Ok(Some(status)),
        Look::Gone => status(child).map(Some),
    }
}
