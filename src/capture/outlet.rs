//! A descriptor of the caller's that bytes are passed on to.

use crate::sys::poll::{self, PollFd};
use crate::sys::signal::SigpipeHeld;
use crate::sys::{Errno, Result, fd, pipe};

pub struct Outlet {
    fd: i32,
    way: Way,
}

/// How to write so that nobody waits for a reader.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It has no reader to wait for.
    Plain,
    /// It is in non-blocking mode.
    NonBlocking,
    /// It is in blocking mode, and the kernel can be asked not to wait.
    NoWait,
    /// It is in blocking mode, and the kernel cannot.
    Careful,
}

impl Outlet {
    pub fn new(fd: i32) -> Result<Outlet> {
        fd::require_open(fd)?;
        let way = match fd::kind(fd)? {
            fd::Kind::Regular => Way::Plain,
            _ if fd::mode(fd)? & libc::O_NONBLOCK != 0 => Way::NonBlocking,
            _ => Way::NoWait,
        };
        Ok(Outlet { fd, way })
    }

    pub fn polled(&self) -> PollFd {
        poll::writable(self.fd)
    }

    /// Passes on what the descriptor takes now, in the mode that it is in. Returns the
    /// number of bytes, and the error if that is why it takes no more.
    pub fn pass(&mut self, bytes: &[u8]) -> (usize, Result<()>) {
        let mut passed = 0usize;
        let result = SigpipeHeld::run(|| {
            while let Some(rest) = bytes.get(passed..).filter(|rest| !rest.is_empty()) {
                match self.write(rest) {
                    Ok(0) => return Err(Errno::EIO), // it takes nothing, without a reason
                    Ok(count) => passed = passed.wrapping_add(count),
                    Err(Errno::EINTR) => {}
                    Err(Errno::EAGAIN) if self.way != Way::Plain => break,
                    Err(errno) => return Err(errno),
                }
            }
            Ok(())
        });
        (passed, result)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match self.way {
            Way::Plain | Way::NonBlocking => fd::write(self.fd, bytes),
            Way::NoWait => match pipe::write_now(self.fd, bytes) {
                Err(errno) if errno == Errno::EOPNOTSUPP || errno.means_unsupported() => {
                    self.way = Way::Careful;
                    self.write_carefully(bytes)
                }
                other => other,
            },
            Way::Careful => self.write_carefully(bytes),
        }
    }

    /// A pipe that is ready has room for PIPE_BUF bytes. A write of more would wait
    /// for its reader, and hold up everything else. EAGAIN if it is not ready.
    fn write_carefully(&self, bytes: &[u8]) -> Result<usize> {
        if !poll::is_writable(self.fd) {
            return Err(Errno::EAGAIN);
        }
        fd::write(self.fd, bytes.get(..libc::PIPE_BUF).unwrap_or(bytes))
    }
}
