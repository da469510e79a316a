//! One process of a tree, and what makes a process one.

use crate::children::child::Child;
use super::process::{self, Activity, Process, Sight};
use crate::sys::fd::OwnedFd;
use crate::sys::{Errno, Result, clock, pidfd, signal};

/// How long a member is waited for that neither runs nor stops: the parent of a vfork
/// whose child was stopped, a process in a frozen cgroup, one on a dead disk.
const ASLEEP_NS: u64 = 50_000_000;

/// What makes a process one of the tree.
///
/// The number of a group or a session is not used again while it has members, even
/// if its leader is a zombie.
#[derive(Clone, Copy)]
pub enum Link {
    Parent,
    Group,
    Session,
}

impl Link {
    pub const ALL: [Link; 3] = [Link::Parent, Link::Group, Link::Session];

    pub fn of(self, process: &Process) -> i32 {
        match self {
            Link::Parent => process.parent,
            Link::Group => process.group,
            Link::Session => process.session,
        }
    }

    /// Whether `process` is a child of `other`, or in a group or session that
    /// `other` leads.
    pub fn joins(self, process: &Process, other: &Process) -> bool {
        let leads = matches!(self, Link::Parent) || self.of(other) == other.pid;
        leads && self.of(process) == other.pid
    }
}

#[derive(Clone, Copy)]
pub struct Member {
    /// As it was seen last.
    pub process: Process,
    pub state: State,
    /// Of the busiest of its threads.
    activity: Activity,
    /// Since when it has not been seen stopped, in nanoseconds.
    since: u64,
    /// It was sent SIGSTOP.
    was_stopped: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum State {
    Living,
    /// It lives and cannot be signalled, so it cannot be stopped.
    OutOfReach,
    /// A zombie, or gone.
    Dead,
}

impl Member {
    pub fn new(process: Process) -> Member {
        let state = if process.is_dead() { State::Dead } else { State::Living };
        let since = clock::now_ns();
        Member { process, state, activity: Activity::Running, since, was_stopped: false }
    }

    pub fn see(&mut self, process: Process) {
        self.process = process;
        if process.is_dead() {
            self.state = State::Dead;
        }
    }

    #[inline(never)]
    pub fn is_alive(&mut self) -> Result<bool> {
        if self.state == State::Dead {
            return Ok(false);
        }
        match process::look(self.process.pid)? {
            Sight::There(now) if now.is(&self.process) => self.see(now),
            // It has become another user's.
            Sight::Hidden(_) => self.state = State::OutOfReach,
            _ => self.state = State::Dead,
        }
        Ok(self.state != State::Dead)
    }

    /// Whether it cannot be in the middle of a fork, or cannot be stopped at all.
    pub fn comes_to_rest(&mut self) -> Result<bool> {
        if !self.is_alive()? || self.state == State::OutOfReach {
            return Ok(true);
        }
        let now = clock::now_ns();
        self.activity = process::activity_of_all(&self.process)?;
        if self.activity == Activity::Stopped {
            self.since = now;
        }
        Ok(match self.activity {
            Activity::Stopped => true,
            Activity::Asleep => now.wrapping_sub(self.since) >= ASLEEP_NS,
            Activity::Running => false,
        })
    }

    /// Whether a later look, at its main thread, shows the same.
    pub fn is_still_at_rest(&self) -> bool {
        self.state != State::Living || self.process.activity() <= self.activity
    }

    pub fn stop(&mut self, child: &Child) -> Result<()> {
        let sent = self.send(child, &[libc::SIGSTOP])?;
        self.note(sent);
        Ok(())
    }

    /// Notes what came of SIGSTOP.
    pub fn note(&mut self, sent: Result<()>) {
        match sent {
            Ok(()) => self.was_stopped = true,
            Err(Errno::ESRCH) => self.state = State::Dead,
            Err(_) => self.state = State::OutOfReach,
        }
    }

    /// Sends to exactly this process. The inner result is that of the signal.
    ///
    /// A process that was stopped must not stay so, even if there is no descriptor left
    /// to look at it. It does not exit by itself, so its number is still its own.
    #[inline(never)]
    pub fn send(&self, child: &Child, numbers: &[i32]) -> Result<Result<()>> {
        if self.process.pid == child.pid() {
            return Ok(child.send(numbers));
        }
        if self.state == State::Dead {
            return Ok(Err(Errno::ESRCH));
        }
        let pid = self.process.pid;
        let exact = match Exact::open(pid) {
            Err(_) if self.was_stopped => Exact { pid, fd: None },
            opened => opened?,
        };
        match process::look(pid) {
            Ok(Sight::There(now)) if now.is(&self.process) => Ok(exact.send(numbers)),
            Ok(Sight::There(_) | Sight::Gone) => Ok(Err(Errno::ESRCH)),
            Ok(Sight::Hidden(_)) | Err(_) if self.was_stopped => Ok(exact.send(numbers)),
            Ok(Sight::Hidden(errno)) => Ok(Err(errno)),
            Err(errno) => Err(errno),
        }
    }
}

/// A pid, and its process as a descriptor. If a look after `open` still shows the
/// process that is meant, the descriptor is that one's.
pub struct Exact {
    pid: i32,
    fd: Option<OwnedFd>,
}

impl Exact {
    #[inline(never)]
    pub fn open(pid: i32) -> Result<Exact> {
        match pidfd::open(pid) {
            Ok(fd) => Ok(Exact { pid, fd: Some(fd) }),
            Err(Errno::ESRCH) => Ok(Exact { pid, fd: None }),
            Err(errno) if errno.means_unsupported() => Ok(Exact { pid, fd: None }),
            Err(errno) => Err(errno),
        }
    }

    /// Readable once the process has exited. `None` before Linux 5.3.
    pub fn pidfd(&self) -> Option<i32> {
        self.fd.as_ref().map(OwnedFd::number)
    }

    #[inline(never)]
    pub fn send(&self, numbers: &[i32]) -> Result<()> {
        numbers.iter().try_for_each(|number| {
            match self.pidfd().map(|fd| pidfd::send_signal(fd, *number)) {
                Some(Ok(())) => Ok(()),
                Some(Err(errno)) if !errno.means_unsupported() => Err(errno),
                // By number: the look was just now, and pids come round slowly.
                _ => signal::kill(self.pid, *number),
            }
        })
    }
}
