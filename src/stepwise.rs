//! Captures that an event loop takes turns with, by handles of their own.

use crate::capture::Capture;
use crate::life;
use crate::slab::Node;
use crate::sync::AtomicU32;
use crate::sys::memory::{Paged, Parked, Zeroed};
use crate::sys::{Errno, Result};
use crate::table::{self, CAPTURES};
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// A capture between two turns.
#[derive(Default)]
#[repr(C)]
pub struct Place {
    /// 0 when it is nobody's.
    handle: AtomicU64,
    next: AtomicU32,
    capture: Parked<Capture<'static>>,
}

// SAFETY: made of atomics only, for all of which zero is a value.
#[allow(unsafe_code)]
unsafe impl Zeroed for Place {}

impl Node for Place {
    fn next(&self) -> &AtomicU32 {
        &self.next
    }
}

/// Everything that the capture points to stays where it is until it is closed.
pub fn open(capture: Capture<'static>) -> Result<u64> {
    let capture = Paged::new(capture)?;
    let root = table::root()?;
    let (index, place) = CAPTURES.take(&root.captures)?;
    let handle = life::new_handle(index, table::process(root));
    place.capture.put(capture);
    place.handle.store(handle, SeqCst);
    Ok(handle)
}

/// Takes the capture out of its place, for the length of one call. EBADF if
/// there is none, EBUSY while another call has it.
fn take(handle: u64) -> Result<(&'static Place, Paged<Capture<'static>>)> {
    table::root_if_used().ok_or(Errno::EBADF)?;
    let place = CAPTURES.get(life::index_of(handle)).ok_or(Errno::EBADF)?;
    if place.handle.load(SeqCst) != handle {
        return Err(Errno::EBADF);
    }
    let capture = place.capture.take().ok_or(Errno::EBUSY)?;
    // It was closed, and another came to its place, since the look above.
    if place.handle.load(SeqCst) != handle {
        place.capture.put(capture);
        return Err(Errno::EBADF);
    }
    Ok((place, capture))
}

pub fn with<T>(handle: u64, call: impl FnOnce(&mut Capture<'static>) -> Result<T>) -> Result<T> {
    let (place, mut capture) = take(handle)?;
    let result = call(&mut capture);
    place.capture.put(capture);
    result
}

/// Ends the handle; the capture is the caller's.
pub fn close(handle: u64) -> Result<Paged<Capture<'static>>> {
    let (place, capture) = take(handle)?;
    place.handle.store(0, SeqCst);
    CAPTURES.give_back(&table::root()?.captures, life::index_of(handle));
    Ok(capture)
}
