//! What the library knows of a child, and giving its handle up.

use crate::graveyard;
use crate::pin::{self, Pin};
use crate::reap;
use crate::set::{self, SetPin};
use crate::sys::{Errno, Result};
use core::sync::atomic::{AtomicI32, Ordering::SeqCst};

pub fn pid(handle: u64) -> Result<i32> {
    Ok(Pin::new(handle)?.pid())
}

pub fn user(handle: u64) -> Result<usize> {
    Ok(Pin::new(handle)?.user())
}

/// Readable once the child has ended: its pidfd, or a self-pipe that is poked
/// then and that nobody drains.
pub fn exit_fd(handle: u64) -> Result<i32> {
    let pin = Pin::new(handle)?;
    if let Some(fd) = pin.pidfd() {
        return Ok(fd);
    }
    if pin.slot.exit_set.load(SeqCst) == 0 {
        let set = set::open_self_pipe(false)?;
        let added = set.add(&pin);
        let place = &pin.slot.exit_set;
        // Else it did not work, or another thread was first.
        if added.is_err() || place.compare_exchange(0, set.handle(), SeqCst, SeqCst).is_err() {
            set.close()?;
        }
        added?;
        if pin.slot.life.word().is_closed() {
            close_exit_set(&pin); // `close` may have come by before there was one
        }
    }
    Ok(SetPin::new(pin.slot.exit_set.load(SeqCst))?.fd())
}

fn close_exit_set(pin: &Pin) {
    if let Ok(set) = SetPin::new(pin.slot.exit_set.swap(0, SeqCst)) {
        let _ = set.close();
    }
}

/// The parent's end of stream 0, 1 or 2.
pub fn stream(handle: u64, which: i32) -> Result<i32> {
    let pin = Pin::new(handle)?;
    let fd = place(&pin, which)?.load(SeqCst);
    if fd < 0 { Err(Errno::ENOENT) } else { Ok(fd) }
}

pub fn close_stream(handle: u64, which: i32) -> Result<()> {
    let pin = Pin::new(handle)?;
    if pin::close_once(place(&pin, which)?) { Ok(()) } else { Err(Errno::ENOENT) }
}

fn place(pin: &Pin, which: i32) -> Result<&'static AtomicI32> {
    let which = usize::try_from(which).map_err(|_| Errno::EINVAL)?;
    pin.slot.streams.get(which).ok_or(Errno::EINVAL)
}

/// Invalidates the handle. What still runs is left to the graveyard.
pub fn close(handle: u64) -> Result<()> {
    graveyard::sweep();
    let pin = Pin::new(handle)?;
    pin.slot.life.close()?;
    close_exit_set(&pin);
    if !matches!(reap::take(&pin), Ok(Some(_))) {
        graveyard::bury_later(&pin);
    }
    Ok(())
}
