//! Signals to children: only ever to the process, or the group, that the handle names.

use crate::children::child::Child;
use crate::children::look::Look;
use crate::children::lost;
use crate::children::state::{self, State};
use crate::status::signals;
use crate::sys::wait;
use crate::sys::{Errno, Result, pidfd, signal};

/// Sends `number` to the child; 0 only asks whether it runs. ESRCH once it has exited,
/// and nothing is sent.
///
/// An exit is peeked at, not recorded: that would reap the zombie, and with that its
/// group could not be signalled any more where only the number names it.
pub fn kill(child: u64, number: i32) -> Result<()> {
    signals::check_or_none(number)?;
    let mut section = state::enter_if_used()?;
    let (index, _) = section.find(child)?;
    match section.require_running(index) {
        Ok(()) => {}
        // Reaped by other code, which a look records.
        Err(Errno::ECHILD) if section.look(index).is_ok() => {
            drop(section);
            lost::ask_once(child);
            return Err(Errno::ESRCH);
        }
        Err(errno) => return Err(errno),
    }
    match section.send(index, number) {
        // It runs, and may not be signalled.
        Err(Errno::EPERM) if number == 0 => Ok(()),
        sent => sent,
    }
}

/// Sends `number` to the group that the child was started as the leader of. EINVAL for
/// a child that leads none: the group that it is in is another process's, the caller's
/// own most often.
pub fn kill_group(child: u64, number: i32) -> Result<()> {
    signals::check(number)?;
    let mut section = state::enter_if_used()?;
    let (index, _) = section.find(child)?;
    section.send_to_group(index, number)
}

/// Whether this library has started, or adopted, this child of the process.
pub fn is_known(pid: i32) -> bool {
    state::enter_if_used().is_ok_and(|mut section| section.by_pid(pid).is_some())
}

/// The same by a call that has the child in use.
impl Child {
    pub fn send(&self, numbers: &[i32]) -> Result<()> {
        self.with(|state, index| numbers.iter().try_for_each(|number| state.send(index, *number)))
    }

    /// EINVAL if it leads none.
    pub fn send_to_group(&self, numbers: &[i32]) -> Result<()> {
        let mut numbers = numbers.iter();
        self.with(|state, index| numbers.try_for_each(|number| state.send_to_group(index, *number)))
    }

    /// ESRCH if it was reaped before it was held, by this library or by other code. Its
    /// zombie is enough, unless it leaves none.
    pub fn require_unreaped(&self) -> Result<()> {
        self.require_pid()?;
        let peek = wait::EXITED | wait::NO_HANG | wait::PEEK;
        self.with(|state, index| match self.is_private {
            true => state.require_running(index),
            false => match state.ask(index, peek) {
                Err(Errno::ECHILD) => Err(Errno::ESRCH),
                other => other.map(drop),
            },
        })
    }
}

impl State {
    /// ESRCH if the child has exited, whether or not a call has seen that. ECHILD if other
    /// code has reaped it.
    fn require_running(&mut self, index: u32) -> Result<()> {
        let slot = self.slots.get(index).filter(|slot| !slot.is_over()).ok_or(Errno::ESRCH)?;
        if slot.is_private {
            let runs = matches!(self.look(index)?, Look::Running);
            return if runs { Ok(()) } else { Err(Errno::ESRCH) };
        }
        match self.ask(index, wait::EXITED | wait::NO_HANG | wait::PEEK) {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(Errno::ESRCH),
            Err(errno) => Err(errno),
        }
    }

    /// Under the lock nobody reaps the child, so its number is its own.
    fn send(&mut self, index: u32, number: i32) -> Result<()> {
        let slot = self.slots.get(index).filter(|slot| slot.can_be_named()).ok_or(Errno::ESRCH)?;
        match slot.pidfd.get().map(|fd| pidfd::send_signal(fd, number)) {
            Some(Ok(())) => Ok(()),
            // A sandbox that only knows kill; or the answer of the child, which kill
            // then repeats; or the program has closed the pidfd.
            Some(Err(errno)) if !errno.means_unsupported() && errno != Errno::EBADF => Err(errno),
            Some(Err(errno)) if slot.is_private => Err(errno),
            _ if slot.is_private => Err(Errno::ESRCH),
            _ => signal::kill(slot.pid, number),
        }
    }

    /// SIGKILL to the group that the child leads, or to the child alone.
    pub fn kill_all(&mut self, index: u32) {
        let leads_group = self.slots.get(index).is_some_and(|slot| slot.leads_group);
        let _ = match leads_group {
            true => self.send_to_group(index, libc::SIGKILL),
            // Its number is another's if other code has reaped it.
            false => self.require_running(index).and_then(|()| self.send(index, libc::SIGKILL)),
        };
    }

    /// The number of a group is kept from being another's by the zombie of its leader.
    /// After that, only the pidfd names the group (since Linux 6.9).
    fn send_to_group(&mut self, index: u32, number: i32) -> Result<()> {
        let slot = self.slots.get(index).ok_or(Errno::ESRCH)?;
        if !slot.leads_group {
            return Err(Errno::EINVAL);
        }
        match slot.pidfd.get().map(|fd| pidfd::send_signal_to_group(fd, number)) {
            Some(Ok(())) => return Ok(()),
            Some(Err(errno)) if !errno.means_unsupported() && errno != Errno::EBADF => {
                return Err(errno);
            }
            _ => {}
        }
        let pid = slot.pid;
        if !slot.owns_pid {
            return Err(Errno::ESRCH);
        }
        // ECHILD: other code has reaped it.
        self.ask(index, wait::EXITED | wait::NO_HANG | wait::PEEK).map_err(|_| Errno::ESRCH)?;
        signal::kill_group(pid, number)
    }
}
