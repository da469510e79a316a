//! Sleeping until a child has ended, with a limit, and whatever else the caller
//! polls besides.

use crate::deadline::Deadline;
use crate::pin::Pin;
use crate::set::{self, SetPin};
use crate::sys::poll::{self, PollFd};
use crate::sys::{Errno, Result};
use core::cell::Cell;

/// A set of this call's own: a self-pipe poked at every SIGCHLD, where no
/// descriptor tells what is waited for (no pidfd, or a stop); or one over many
/// children.
pub struct Alarm(SetPin);

impl Alarm {
    pub fn set() -> Result<Alarm> {
        set::open_self_pipe(true).map(Alarm)
    }

    /// One that all these children wake when they end; by epoll only if each of
    /// them has a pidfd.
    pub fn for_all(pins: &[Option<Pin>], have_pidfds: bool) -> Result<Alarm> {
        let alarm = Alarm(set::open(!have_pidfds)?);
        for pin in pins.iter().flatten() {
            match alarm.0.add(pin) {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(alarm)
    }

    pub fn fd(&self) -> i32 {
        self.0.fd()
    }

    pub fn drain(&self) {
        self.0.drain();
    }

    pub fn sleep(&self, deadline: Deadline) -> Result<()> {
        let result = sleep(&mut [poll::readable(self.fd())], deadline, true);
        self.drain();
        result
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let _ = self.0.close();
    }
}

/// What becomes readable when one child has ended.
pub enum Watch {
    /// And whether it has, already.
    Pidfd(i32, Cell<bool>),
    Alarm(Alarm),
}

impl Watch {
    /// The caller looks at the child after this, before it sleeps: an alarm
    /// tells of what happens later only.
    pub fn of(pin: &Pin) -> Result<Watch> {
        match pin.pidfd() {
            Some(fd) => Ok(Watch::pidfd(fd)),
            None => Alarm::set().map(Watch::Alarm),
        }
    }

    pub fn pidfd(fd: i32) -> Watch {
        Watch::Pidfd(fd, Cell::new(false))
    }

    pub fn polled(&self) -> PollFd {
        match self {
            Watch::Pidfd(fd, _) => poll::readable(*fd),
            Watch::Alarm(alarm) => poll::readable(alarm.fd()),
        }
    }

    /// Whether the sleep on `polled` was because of the child. Of an alarm nobody
    /// can say: the sleep has drained it, and SIGCHLD interrupts before it is polled.
    pub fn may_have_told(&self, polled: &PollFd) -> bool {
        matches!(self, Watch::Alarm(_)) || polled.revents != 0
    }

    /// Before the caller looks: what happens after that look wakes it again.
    pub fn drain(&self) {
        if let Watch::Alarm(alarm) = self {
            alarm.drain();
        }
    }

    /// Sleeps on `fds`, which `polled` is one of.
    pub fn sleep(&self, fds: &mut [PollFd], deadline: Deadline) -> Result<()> {
        match self {
            Watch::Alarm(alarm) => {
                let result = sleep(fds, deadline, true);
                alarm.drain();
                result
            }
            Watch::Pidfd(fd, told) => {
                // It is readable, and yet the caller was told nothing: a debugger
                // has the child until it lets go.
                if told.get() {
                    poll::pause();
                }
                let result = sleep(fds, deadline, false);
                told.set(fds.iter().any(|one| one.fd == *fd && one.revents != 0));
                result
            }
        }
    }
}

/// Sleeps until one of `fds` is ready, a signal has come, or the limit is
/// reached, which is ETIMEDOUT. After the first two the caller looks again.
pub fn sleep(fds: &mut [PollFd], deadline: Deadline, let_sigchld_in: bool) -> Result<()> {
    let left = deadline.left_ns();
    if left == Some(0) {
        return Err(Errno::ETIMEDOUT);
    }
    match poll::poll(fds, left, let_sigchld_in) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno),
    }
}
