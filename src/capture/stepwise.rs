//! Captures that an event loop takes turns with, by handles of their own.

use super::engine::Capture;
use crate::children::handle;
use crate::children::state::{self, Deposit, State};
use crate::sys::paged::{Paged, parcel};
use crate::sys::{Errno, Result};

// What a capture points to is the caller's, who may use it in several threads one after
// the other, as the header documents.
parcel!(Capture<'static>, 1);

/// Everything that the capture points to stays where it is until it is closed.
pub fn open(capture: Capture<'static>) -> Result<u64> {
    let capture = Paged::new(capture)?;
    let mut opened = 0;
    state::claim(state::enter, |state| &mut state.deposits, |state, index| {
        let place = state.deposits.get(index).ok_or(Errno::ENOMEM)?;
        place.handle = handle::new(index, state::owner());
        place.value.put(capture);
        opened = place.handle;
        Ok(())
    })?;
    Ok(opened)
}

fn find(state: &mut State, capture: u64) -> Result<&mut Deposit> {
    let place = state.deposits.get(handle::index_of(capture)).ok_or(Errno::EBADF)?;
    if place.handle == capture { Ok(place) } else { Err(Errno::EBADF) }
}

/// Takes the capture out of its place, for the length of one call. EBADF if there is
/// none, EBUSY while another call has it.
fn take(capture: u64) -> Result<Paged<Capture<'static>>> {
    find(&mut *state::enter_if_used()?, capture)?.value.take().ok_or(Errno::EBUSY)
}

pub fn with<T>(handle: u64, call: impl FnOnce(&mut Capture<'static>) -> Result<T>) -> Result<T> {
    let mut capture = take(handle)?;
    let result = call(&mut capture);
    // Nobody can close it meanwhile: it is not there.
    if let Some(mut section) = state::enter_surely() {
        if let Ok(place) = find(&mut section, handle) {
            place.value.put(capture);
        }
    }
    result
}

/// Closes the handle; the capture is the caller's.
pub fn close(capture: u64) -> Result<Paged<Capture<'static>>> {
    let taken = take(capture)?;
    let mut section = state::enter_surely().ok_or(Errno::EBADF)?;
    find(&mut section, capture)?.handle = 0;
    section.deposits.give_back(handle::index_of(capture));
    Ok(taken)
}
