//! Sleeping until one child has exited, and on whatever else the caller polls.

use crate::children::child::Child;
use crate::notify::listener::Alarm;
use crate::notify::sleep::{Slices, sleep};
use crate::sys::Result;
use crate::sys::deadline::Deadline;
use crate::sys::poll::{self, PollFd};
use core::cell::{Cell, RefCell};

/// What becomes readable when the child has exited.
pub enum Watch {
    /// And whether it was, at the last sleep.
    Pidfd(i32, Cell<bool>),
    /// Poked at every SIGCHLD.
    Alarm(Alarm, RefCell<Slices>),
}

impl Watch {
    /// The caller looks at the child after this, before it sleeps: an alarm tells of
    /// what happens later only.
    pub fn of(child: &Child) -> Result<Watch> {
        match child.pidfd() {
            Some(fd) => Ok(Watch::Pidfd(fd, Cell::new(false))),
            None => Watch::alarm(),
        }
    }

    /// For one child that may be followed by others, whose exits the caller waits for
    /// then: there may be no descriptor left at that time.
    pub fn of_all(child: &Child, others: &[Child]) -> Result<Watch> {
        if others.iter().all(|other| other.pidfd().is_some()) {
            Watch::of(child)
        } else {
            Watch::alarm()
        }
    }

    /// Where no descriptor tells: no pidfd, or a stop is waited for.
    pub fn alarm() -> Result<Watch> {
        Ok(Watch::Alarm(Alarm::set()?, RefCell::new(Slices::new())))
    }

    /// Still the best way to be told of this child's exit.
    pub fn is_of(&self, child: &Child) -> bool {
        match self {
            Watch::Pidfd(fd, _) => child.pidfd() == Some(*fd),
            Watch::Alarm(..) => true,
        }
    }

    pub fn polled(&self) -> PollFd {
        match self {
            Watch::Pidfd(fd, _) => poll::readable(*fd),
            Watch::Alarm(alarm, _) => poll::readable(alarm.fd()),
        }
    }

    /// Whether the sleep on `polled` was because of the child. Of an alarm nobody can
    /// say: SIGCHLD interrupts before it is polled.
    pub fn may_have_told(&self, polled: &PollFd) -> bool {
        matches!(self, Watch::Alarm(..)) || polled.revents != 0
    }

    /// Before the caller looks: what happens after that look wakes it again.
    pub fn drain(&self) {
        if let Watch::Alarm(alarm, _) = self {
            alarm.drain();
        }
    }

    /// For a caller that sleeps by itself: until when, at most.
    pub fn slice(&self, deadline: Deadline) -> Deadline {
        match self {
            Watch::Alarm(_, slices) => match slices.try_borrow_mut() {
                Ok(mut slices) => slices.next(deadline),
                Err(_) => deadline,
            },
            Watch::Pidfd(..) => deadline,
        }
    }

    /// Sleeps on `fds`, which `polled` is one of.
    pub fn sleep(&self, fds: &mut [PollFd], deadline: Deadline) -> Result<()> {
        match self {
            Watch::Alarm(alarm, slices) => {
                let result = match slices.try_borrow_mut() {
                    Ok(mut slices) => slices.sleep(fds, deadline),
                    Err(_) => sleep(fds, deadline),
                };
                alarm.drain();
                result
            }
            Watch::Pidfd(fd, told) => {
                // It is readable, and yet the look showed nothing: a debugger has the
                // child until it lets go.
                if told.get() {
                    poll::pause();
                }
                let result = sleep(fds, deadline);
                told.set(fds.iter().any(|one| one.fd == *fd && one.revents != 0));
                result
            }
        }
    }
}
