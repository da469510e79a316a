//! Learning how a child ended: look first, reap last.
//!
//! `look` and `block` only peek (WNOWAIT): the zombie stays, so any number of
//! threads, and the signal handler, can see the same end and publish it. The
//! zombie is reaped when the last pin goes (`pin`), after the publication.

use crate::by_pid;
use crate::pin::Pin;
use crate::set;
use crate::sigchld;
use crate::slot::Usage;
use crate::status::Status;
use crate::sys::wait::{self, Change, Rusage, Whom};
use crate::sys::{self, Errno, Result, pidfd};
use crate::table::{self, CHILDREN};

/// The status if the child has ended. Does not block.
#[inline(never)]
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
    if !pin.slot.life.word().has_ended() {
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
    set::tell(pin.slot);
}

/// The kernel says that there is no such child. If its end was published, all
/// is well: it has been reaped by us. Else somebody else did, or SIGCHLD is
/// ignored; a recent kernel still tells through the pidfd how it ended.
fn gone(pin: &Pin) {
    if pin.slot.life.word().has_ended() {
        return;
    }
    let recovered = pin.pidfd().and_then(pidfd::ended_as).map(Status::decode);
    pin.slot.publish_gone(match recovered {
        Some(Ok(status)) => status,
        _ => Status::LOST,
    });
    set::tell(pin.slot);
}

/// Reaps every child of the library that has ended, and nobody else's; says how
/// many. `hint` is the pid that a SIGCHLD named, or 0.
///
/// The kernel is asked for any child that has ended, without consuming it: if
/// it is ours, it is reaped by its own pid. If it is a stranger's zombie, which
/// stays in front, ours are asked one by one. Async-signal-safe.
pub fn everyone(hint: i32) -> u32 {
    let mut count = 0u32;
    if let Some(pin) = by_pid::find(hint) {
        count = count.wrapping_add(look_anew(&pin));
    }
    let mut last = 0;
    loop {
        let in_front = match wait::waitid(Whom::Any, wait::EXITED | wait::NO_HANG | wait::PEEK) {
            Ok(None) => return count,
            Ok(Some(change)) => change,
            // No child at all: whoever we still think runs was stolen.
            Err(_) => break,
        };
        // Seen before: a call at work has it pinned, so it cannot go yet.
        if in_front.pid == last {
            break;
        }
        last = in_front.pid;
        match by_pid::find(in_front.pid) {
            Some(pin) => count = count.wrapping_add(look_anew(&pin)),
            None if sigchld::strangers_were_auto_reaped()
                && by_pid::is_stranger(in_front.pid) =>
            {
                let _ = wait::waitid(Whom::Pid(in_front.pid), wait::EXITED | wait::NO_HANG);
            }
            None => break,
        }
    }
    count.wrapping_add(each_by_itself())
}

/// Looks at every running child.
fn each_by_itself() -> u32 {
    let Some(root) = table::root_if_used() else { return 0 };
    let running = CHILDREN.each(&root.children).filter(|(_, slot)| slot.life.word().is_running());
    running.fold(0, |count, (index, slot)| {
        let found = Pin::of_slot(slot, index).map_or(0, |pin| look_anew(&pin));
        count.wrapping_add(found)
    })
}

/// 1 if this look was the first to see the end.
fn look_anew(pin: &Pin) -> u32 {
    let before = pin.slot.life.word().has_ended();
    matches!(look(pin), Ok(Some(_)) if !before) as u32
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
