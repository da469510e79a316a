//! Looking at a child: whether it has exited, and how. Under the lock one question
//! looks, reaps and records, so nobody can see the moment in between.

use super::slot::{Phase, Usage};
use super::state::State;
use crate::status::word::Status;
use crate::sys::pidfd::{self, Record};
use crate::sys::wait::{self, Change, Rusage, WaitId};
use crate::sys::{Errno, Result};

#[derive(Clone, Copy)]
pub enum Look {
    Running,
    Exited(Status),
    /// Other code has reaped it. Only the kernel may know how it exited, and is asked
    /// without the lock: see `lost`.
    Gone,
}

impl State {
    /// Looks at one child, and reaps it unless a call needs its zombie.
    pub fn look(&mut self, index: u32) -> Result<Look> {
        let slot = self.slots.get(index).ok_or(Errno::EBADF)?;
        match slot.phase {
            Phase::Exited => return Ok(Look::Exited(slot.status())),
            Phase::Gone | Phase::Asking => return Ok(Look::Gone),
            Phase::Starting => return Ok(Look::Running),
            Phase::Running if slot.is_private => return Ok(self.look_at_private(index)),
            Phase::Running => {}
        }
        let keep = if slot.holds == 0 { 0 } else { wait::PEEK };
        match self.ask(index, wait::EXITED | wait::NO_HANG | keep) {
            Ok(None) => Ok(Look::Running),
            Ok(Some(change)) => {
                let status = Status::of_change(&change);
                self.exited(index, status, Some(usage_of(&change.usage)), keep == 0);
                Ok(Look::Exited(status))
            }
            Err(Errno::ECHILD) => {
                self.gone(index);
                Ok(Look::Gone)
            }
            Err(errno) => Err(errno),
        }
    }

    /// Nobody can wait for it. Its pidfd has the status as soon as it is gone; to ask
    /// takes no longer than waitid.
    fn look_at_private(&mut self, index: u32) -> Look {
        let pidfd = self.slots.get(index).and_then(|slot| slot.pidfd.get());
        let status = match pidfd.map(pidfd::exit_record) {
            Some(Record::NotYet) => return Look::Running,
            Some(Record::Word(word)) => Status::decode(word).unwrap_or(Status::LOST),
            // The program has closed it.
            Some(Record::Nothing) | None => Status::LOST,
        };
        self.exited(index, status, None, true);
        Look::Exited(status)
    }

    /// waitid for one child, by the best name that the kernel knows.
    pub fn ask(&mut self, index: u32, options: i32) -> Result<Option<Change>> {
        loop {
            let slot = self.slots.get(index).ok_or(Errno::EBADF)?;
            let wait_id = slot.wait_id();
            match wait::waitid(wait_id, options) {
                Err(Errno::EINTR) => {}
                // The program has closed it: the number may be anything by now.
                Err(Errno::EBADF) if matches!(wait_id, WaitId::Pidfd(_)) => _ = slot.pidfd.give_up(),
                // A container profile may object to P_PIDFD as to anything new.
                Err(errno)
                    if errno.means_unsupported()
                        && matches!(wait_id, WaitId::Pidfd(_))
                        && !slot.is_private =>
                {
                    wait::forget_pidfd();
                }
                // The program has closed it, and the number is another child's.
                Ok(Some(change)) if change.pid != slot.pid => {
                    _ = slot.pidfd.give_up();
                    self.misdirected(&change, options);
                }
                other => return other,
            }
        }
    }

    /// A look at one child has shown another, which it may have reaped.
    #[cold]
    fn misdirected(&mut self, change: &Change, options: i32) {
        if let Some(index) = self.by_pid(change.pid) {
            let status = Status::of_change(change);
            if status.has_exited() && options & wait::PEEK == 0 {
                self.exited(index, status, Some(usage_of(&change.usage)), true);
            }
        }
    }

    fn exited(&mut self, index: u32, status: Status, usage: Option<Usage>, is_reaped: bool) {
        if is_reaped {
            self.disown_pid(index);
        }
        let Some(slot) = self.slots.get(index) else { return };
        slot.record(status, usage);
        self.running = self.running.wrapping_sub(1);
        self.announce(index);
        self.release(index);
    }

    /// ECHILD: a process with this number is not the child.
    fn gone(&mut self, index: u32) {
        self.disown_pid(index);
        let Some(slot) = self.slots.get(index) else { return };
        slot.phase = Phase::Gone;
        self.running = self.running.wrapping_sub(1);
        self.announce(index);
        self.release(index);
    }

    /// The status that the kernel has returned for a child that is gone.
    pub fn found(&mut self, index: u32, status: Status) {
        if let Some(slot) = self.slots.get(index) {
            slot.record(status, None);
            self.release(index);
        }
    }
}

fn usage_of(usage: &Rusage) -> Usage {
    let microseconds = |[seconds, micros]: [isize; 2]| {
        (seconds as u64).wrapping_mul(1_000_000).wrapping_add(micros as u64)
    };
    [
        microseconds(usage.user_time),
        microseconds(usage.system_time),
        usage.max_resident as u64,
        usage.minor_faults as u64,
        usage.major_faults as u64,
        usage.blocks_in as u64,
        usage.blocks_out as u64,
        usage.voluntary_switches as u64,
        usage.involuntary_switches as u64,
    ]
}
