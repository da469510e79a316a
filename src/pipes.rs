//! A call's hold on the parent's ends of a child's pipes.

use crate::pin::{self, Pin};
use crate::sys::{Errno, Result, fd};
use core::sync::atomic::Ordering::SeqCst;

/// While one lives, the ends do not block, and no other call moves bytes there.
/// That changes nothing for the child: the two ends of a pipe are files of
/// their own.
pub struct Pipes {
    pub pin: Pin,
    /// The mode they were in before, where that was a blocking one.
    blocking: [Option<i32>; 3],
}

impl Pipes {
    /// EBUSY if another call has them.
    pub fn hold(pin: Pin) -> Result<Pipes> {
        if pin.slot.captured.swap(1, SeqCst) != 0 {
            return Err(Errno::EBUSY);
        }
        let mut pipes = Pipes { pin, blocking: [None; 3] };
        // All first: three ends of one pseudo-terminal have one mode between them.
        let fds = [0, 1, 2].map(|stream| pipes.fd(stream));
        for (place, fd) in pipes.blocking.iter_mut().zip(fds) {
            *place = fd.map(fd::mode).transpose()?.filter(|mode| mode & libc::O_NONBLOCK == 0);
        }
        for (fd, mode) in fds.into_iter().zip(pipes.blocking) {
            if let (Some(fd), Some(mode)) = (fd, mode) {
                fd::set_mode(fd, mode | libc::O_NONBLOCK)?;
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
        for (stream, mode) in self.blocking.iter().enumerate() {
            if let (Some(fd), Some(mode)) = (self.fd(stream), mode) {
                let _ = fd::set_mode(fd, *mode);
            }
        }
        self.pin.slot.captured.store(0, SeqCst);
    }
}
