//! A call's hold on the parent's ends of a child's pipes.

use crate::children::child::Child;
use crate::sys::{Errno, Result, fd};
use core::cell::Cell;

/// While one lives, the ends do not block, and no other call moves bytes there.
/// That changes nothing for the child: the two ends of a pipe are files of
/// their own.
pub struct Pipes {
    pub child: Child,
    fds: [Cell<Option<i32>>; 3],
    /// The mode they were in before, where that was a blocking one.
    blocking: [Option<i32>; 3],
}

impl Pipes {
    /// EBUSY if another call has them.
    pub fn hold(child: Child) -> Result<Pipes> {
        let fds = child.with(|state, index| {
            let slot = state.slots.get(index).ok_or(Errno::EBADF)?;
            if core::mem::replace(&mut slot.is_captured, true) {
                return Err(Errno::EBUSY);
            }
            Ok(slot.streams.each_ref().map(|stream| Cell::new(stream.get())))
        })?;
        let mut pipes = Pipes { child, fds, blocking: [None; 3] };
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
        self.fds.get(stream)?.get()
    }

    /// The child sees the end of its input, or that nobody reads.
    pub fn close(&self, stream: usize) {
        let Some(fd) = self.fds.get(stream).and_then(Cell::take) else { return };
        let _ = self.child.with(|state, index| {
            let place = state.slots.get(index).and_then(|slot| slot.streams.get_mut(stream));
            let taken = place.filter(|place| place.get() == Some(fd)).and_then(|place| place.take());
            state.closing.push(taken);
            Ok(())
        });
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        for (stream, mode) in self.blocking.iter().enumerate() {
            if let (Some(fd), Some(mode)) = (self.fd(stream), mode) {
                let _ = fd::set_mode(fd, *mode);
            }
        }
        let _ = self.child.with(|state, index| {
            if let Some(slot) = state.slots.get(index) {
                slot.is_captured = false;
            }
            Ok(())
        });
    }
}
