//! Sleeping until one child has exited, and on whatever else the caller polls.

use crate::children::child::Child;
use crate::notify::listener::Alarm;
use crate::notify::sleep::{Slices, sleep};
use crate::sys::deadline::Deadline;
use crate::sys::poll::{self, PollFd};
use crate::sys::{Errno, Result};
use core::cell::Cell;

/// What becomes readable when the child has exited.
pub enum Watch {
    Pidfd(Pidfd),
    /// Poked at every SIGCHLD. `None`: there is no descriptor for it, and the caller looks
    /// again and again.
    Alarm(Option<Alarm>, Cell<Slices>),
}

pub struct Pidfd {
    fd: i32,
    /// It was readable at the last sleep.
    told: Cell<bool>,
    /// The last sleep ended for nothing, so the caller has looked after it. That look finds
    /// out if the program has closed the pidfd, and the number is another file's by now.
    is_proven: Cell<bool>,
}

/// How long a sleep lasts before that look.
const UNPROVEN_NS: u64 = 500_000_000;

impl Pidfd {
    /// Sleeps no longer than a look without a reason can wait.
    fn sleep(&self, fds: &mut [PollFd], deadline: Deadline) -> Result<()> {
        // It is readable, and yet the look showed nothing: a debugger has the child until
        // it lets go.
        if self.told.get() {
            poll::pause();
        }
        let is_proven = self.is_proven.get();
        let result = sleep(fds, if is_proven { deadline } else { deadline.within_ns(UNPROVEN_NS) });
        self.told.set(fds.iter().any(|one| one.fd == self.fd && one.revents != 0));
        self.is_proven.set(fds.iter().all(|one| one.revents == 0));
        result
    }
}

impl Watch {
    /// The caller looks at the child after this, before it sleeps: an alarm reports
    /// only what happens later.
    pub fn of(child: &Child) -> Result<Watch> {
        match child.pidfd() {
            Some(fd) => {
                let (told, is_proven) = (Cell::new(false), Cell::new(false));
                Ok(Watch::Pidfd(Pidfd { fd, told, is_proven }))
            }
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

    /// Where no descriptor reports it: no pidfd, or a wait for a stop.
    pub fn alarm() -> Result<Watch> {
        Ok(Watch::Alarm(Some(Alarm::set()?), Cell::new(Slices::new())))
    }

    /// For a caller that must go on without a descriptor, too.
    pub fn surely_of(child: &Child) -> Watch {
        Watch::of(child).unwrap_or_else(|_| Watch::Alarm(None, Cell::new(Slices::of(true))))
    }

    /// Whether it is still the child's: a look may have shown that the program has closed
    /// the pidfd.
    pub fn is_of(&self, child: &Child) -> bool {
        match self {
            Watch::Pidfd(pidfd) => child.pidfd() == Some(pidfd.fd),
            Watch::Alarm(..) => true,
        }
    }

    /// After a look. If it is not the child's any more, an alarm takes its place, true is
    /// returned, and the caller looks again.
    pub fn follow(&mut self, child: &Child) -> Result<bool> {
        let is_of_child = self.is_of(child);
        if !is_of_child {
            *self = Watch::of(child)?;
        }
        Ok(!is_of_child)
    }

    pub fn polled(&self) -> PollFd {
        poll::readable(match self {
            Watch::Pidfd(pidfd) => pidfd.fd,
            Watch::Alarm(alarm, _) => alarm.as_ref().map_or(-1, Alarm::fd), // -1 is passed over
        })
    }

    /// Whether the sleep on `polled` was because of the child. With an alarm
    /// that is unknown: SIGCHLD interrupts before it is polled.
    pub fn may_have_told(&self, polled: &PollFd) -> bool {
        match self {
            Watch::Pidfd(pidfd) => pidfd.is_proven.get() || polled.revents != 0,
            Watch::Alarm(..) => true,
        }
    }

    /// Before the caller looks: what happens after that look wakes it again.
    pub fn drain(&self) {
        if let Watch::Alarm(Some(alarm), _) = self {
            alarm.drain();
        }
    }

    /// For a caller that sleeps by itself: until when, at most.
    pub fn slice(&self, deadline: Deadline) -> Deadline {
        match self {
            Watch::Alarm(_, slices) => {
                let mut next = slices.get();
                let until = next.next(deadline);
                slices.set(next);
                until
            }
            Watch::Pidfd(..) => deadline,
        }
    }

    /// Sleeps on `fds`, which `polled` is one of.
    pub fn sleep(&self, fds: &mut [PollFd], deadline: Deadline) -> Result<()> {
        let result = match self {
            Watch::Alarm(..) => sleep(fds, self.slice(deadline)),
            Watch::Pidfd(pidfd) => pidfd.sleep(fds, deadline),
        };
        self.drain();
        match result {
            // Only a part of the time is over. That can be so before the sleep begins, if the
            // thread is held up for so long.
            Err(Errno::ETIMEDOUT) if !deadline.has_passed() => Ok(()),
            other => other,
        }
    }
}
