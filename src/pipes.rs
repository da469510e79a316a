//! A call's hold on the parent's ends of a child's pipes.

use crate::pin::{self, Pin};
use crate::sys::{Errno, Result, fd};
use core::sync::atomic::Ordering::SeqCst;

/// While one lives, the ends do not block, and no other call moves bytes there.
/// That changes nothing for the child: the two ends of a pipe are files of
/// their own.
pub struct Pipes {
    pub pin: Pin,
    /// Which were in blocking mode before.
    blocking: [bool; 3],
}

impl Pipes {
    /// EBUSY if another call has them.
    pub fn hold(pin: Pin) -> Result<Pipes> {
        if pin.slot.captured.swap(1, SeqCst) != 0 {
            return Err(Errno::EBUSY);
        }
        let mut pipes = Pipes { pin, blocking: [false; 3] };
        for (stream, place) in pipes.pin.slot.streams.iter().zip(&mut pipes.blocking) {
            let fd = stream.load(SeqCst);
            if fd >= 0 {
                *place = !fd::set_nonblocking(fd, true)?;
            }
        }
        Ok(pipes)
    }

    pub fn fd(&self, stream: usize) -> Option<i32> {
        let place = self.pin.slot.streams.get(stream)?;
        Some(place.load(SeqCst)).filter(|fd| *fd >= 0)
    }

    /// The child sees the end of its input, or that nobody reads.
    pub fn close(&self, stream: usize) {
        if let Some(place) = self.pin.slot.streams.get(stream) {
            pin::close_once(place);
        }
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        for (stream, blocking) in self.pin.slot.streams.iter().zip(self.blocking) {
            let fd = stream.load(SeqCst);
            if fd >= 0 && blocking {
                let _ = fd::set_nonblocking(fd, false);
            }
        }
        self.pin.slot.captured.store(0, SeqCst);
    }
}
