//! Learning how a child ended: look first, reap last.
//!
//! `look` and `block` only peek (WNOWAIT): the zombie stays, so any number of
//! threads, and the signal handler, can see the same end and publish it. The
//! zombie is reaped when the last pin goes (`pin`), after the publication.

use crate::pin::Pin;
use crate::slot::Usage;
use crate::status::Status;
use crate::sys::wait::{self, Change, Rusage, Whom};
use crate::sys::{self, Errno, Result, pidfd};

/// The status if the child has ended. Does not block.
pub fn look(pin: &Pin) -> Result<Option<Status>> {
    ask(pin, wait::NO_HANG)
}

/// Blocks until the child has ended.
pub fn block(pin: &Pin) -> Result<Status> {
    loop {
        if let Some(status) = ask(pin, 0)? {
            return Ok(status);
        }
    }
}

fn ask(pin: &Pin, hang: i32) -> Result<Option<Status>> {
    if !pin.slot.word().has_ended() {
        match peek(pin, wait::EXITED | hang) {
            Ok(None) => return Ok(None),
            Ok(Some(change)) => publish(pin, &change),
            Err(Errno::ECHILD) => gone(pin),
            Err(errno) => return Err(errno),
        }
    }
    Ok(Some(pin.slot.status()))
}

/// waitid on the child without consuming what it tells, by the best name that
/// the kernel knows.
pub fn peek(pin: &Pin, options: i32) -> Result<Option<Change>> {
    loop {
        let whom = pin.whom();
        match sys::retry(|| wait::waitid(whom, options | wait::PEEK)) {
            // A container profile may object to P_PIDFD as to anything new.
            Err(errno) if errno.means_unsupported() && matches!(whom, Whom::Pidfd(_)) => {
                wait::forget_pidfd();
            }
            other => return other,
        }
    }
}

fn publish(pin: &Pin, change: &Change) {
    pin.slot.publish(Status::of_change(change), &usage_of(&change.usage));
}

/// The kernel says that there is no such child. If its end was published, all
/// is well: it has been reaped by us. Else somebody else did, or SIGCHLD is
/// ignored; a recent kernel still tells through the pidfd how it ended.
fn gone(pin: &Pin) {
    if pin.slot.word().has_ended() {
        return;
    }
    let recovered = pin.pidfd().and_then(pidfd::ended_as).map(Status::decode);
    pin.slot.publish_gone(match recovered {
        Some(Ok(status)) => status,
        _ => Status::LOST,
    });
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
