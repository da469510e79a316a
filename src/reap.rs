//! Learning how a child ended: look first, reap last.
//!
//! `look` and `block` only peek (WNOWAIT): the zombie stays, so any number of
//! threads, and the signal handler, can see the same end and publish it. The
//! zombie is reaped when the last pin goes (`pin`), after the publication.
//!
//! `take` does both by one question where that makes no difference to anybody.

use crate::by_pid;
use crate::link;
use crate::pin::Pin;
use crate::sigchld;
use crate::slot::Usage;
use crate::status::Status;
use crate::sys::wait::{self, Change, Rusage, Whom};
use crate::sys::{self, Errno, Result, pidfd, poll};
use crate::table::{self, CHILDREN};
use core::sync::atomic::Ordering::{Relaxed, SeqCst};

/// How one of several children ended.
pub struct Event {
    pub handle: u64,
    pub user: usize,
    /// In the list that was waited for.
    pub position: usize,
    pub status: Status,
}

impl Event {
    pub fn of(pin: &Pin, position: usize, status: Status) -> Event {
        Event { handle: pin.handle(), user: pin.user(), position, status }
    }
}

/// The status if the child has ended. Does not block.
#[inline(never)]
pub fn look(pin: &Pin) -> Result<Option<Status>> {
    ask(pin, wait::NO_HANG)
}

/// The same for a call that has no more use for the zombie. If no other is at
/// work on the child, the question reaps it as well. What begins meanwhile knows
/// the child by its pidfd, which stays its own, and is told by REAPING that an
/// ECHILD is no theft; what needs the zombie waits (`Pin::new_unreaped`).
pub fn take(pin: &Pin) -> Result<Option<Status>> {
    let answer = take_at_once(pin)?;
    if answer.is_none() && pin.slot.life.word().is_reaping() {
        poll::pause(); // the caller will be back, and until then at no rest
    }
    Ok(answer)
}

/// For the signal handler: it may have interrupted the call that is reaping, and
/// must let that go on.
#[inline(never)]
fn take_at_once(pin: &Pin) -> Result<Option<Status>> {
    let life = &pin.slot.life;
    let word = life.word();
    let exact = word.is_running() && word.is_last_pin() && is_known_by_pidfd(pin);
    if !exact || !life.swap(word, word.reaping()) {
        return look(pin);
    }
    let answer = wait::waitid(pin.whom(), wait::EXITED | wait::NO_HANG);
    if let Ok(Some(change)) = &answer {
        publish(pin, change);
        pin.slot.held_pid.store(0, SeqCst);
        life.update(|word| Some(word.collected().not_reaping()));
        return Ok(Some(pin.slot.status()));
    }
    life.update(|word| Some(word.not_reaping()));
    if matches!(answer, Ok(None)) { Ok(None) } else { look(pin) }
}

/// Whether nothing that is done to this child goes by a number that might be
/// another's once it is reaped.
fn is_known_by_pidfd(pin: &Pin) -> bool {
    matches!(pin.whom(), Whom::Pidfd(fd) if pidfd::takes_signals(fd))
        && pin.slot.leads_group.load(Relaxed) == 0
}

/// Blocks until the child has ended. EAGAIN: see `peek`.
pub fn block(pin: &Pin) -> Result<Status> {
    loop {
        match ask(pin, 0) {
            Ok(Some(status)) => return Ok(status),
            Ok(None) => poll::pause(), // another call is reaping it
            Err(errno) => return Err(errno),
        }
    }
}

fn ask(pin: &Pin, hang: i32) -> Result<Option<Status>> {
    if !pin.slot.life.word().has_ended() {
        match peek(pin, wait::EXITED | hang) {
            Ok(None) => return Ok(None),
            Ok(Some(change)) => publish(pin, &change),
            // Another call has it, and says so in a moment; or a foreign child has.
            Err(Errno::ECHILD) if pin.slot.life.word().is_reaping() => return Ok(None),
            Err(Errno::ECHILD) => gone(pin),
            Err(errno) => return Err(errno),
        }
    }
    Ok(Some(pin.slot.status()))
}

/// waitid on the child without consuming what it tells, by the best name that
/// the kernel knows. EAGAIN where it should block, and somebody has made the
/// pidfd non-blocking, as some event loops do with all that they are given.
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
    link::tell(pin.slot);
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
    link::tell(pin.slot);
}

/// Reaps every child of the library that has ended, and nobody else's; says how
/// many. `hint` is the pid that a SIGCHLD named, or 0. Async-signal-safe.
pub fn everyone(hint: i32) -> u32 {
    let mut count = 0u32;
    // Asked by the program, or one of ours was stolen: then others may have been,
    // and the kernel does not show those.
    let mut each = hint == 0;
    if let Some(pin) = by_pid::find(hint) {
        count = look_anew(&pin);
        each = pin.slot.was_gone();
    }
    let (found, saw_all) = walk(sigchld::foreign_children_were_auto_reaped(), |_| ());
    count = count.wrapping_add(found);
    if saw_all && !each { count } else { count.wrapping_add(each_by_itself()) }
}

/// Goes through the children that have ended, as the kernel shows them: one at a
/// time, without consuming it. Ours are reaped by their own pids. A foreign child's
/// zombie stays in front and ends the walk, unless `reaps_foreign`: then it is
/// reaped, and told of. Says how many of ours nobody had seen end before, and
/// whether none was left to be seen.
///
/// Foreign children are reaped on the second sight only: one of ours that another thread
/// has reaped since the first is in no table either, but is not shown again.
pub fn walk(reaps_foreign: bool, mut tell: impl FnMut(&Change)) -> (u32, bool) {
    let mut count = 0u32;
    let (mut last, mut foreign) = (0, 0);
    loop {
        let in_front = match wait::waitid(Whom::Any, wait::EXITED | wait::NO_HANG | wait::PEEK) {
            Ok(None) => return (count, true),
            Ok(Some(change)) => change,
            // No child at all: whoever we still think runs was stolen.
            Err(_) => return (count, false),
        };
        if in_front.pid == foreign {
            foreign = 0;
            let whom = Whom::Pid(in_front.pid);
            if let Ok(Some(change)) = wait::waitid(whom, wait::EXITED | wait::NO_HANG) {
                tell(&change);
            }
            continue;
        }
        // Seen before: a call at work has it pinned, so it cannot go yet.
        if in_front.pid == last {
            return (count, false);
        }
        last = in_front.pid;
        match by_pid::find(in_front.pid) {
            Some(pin) => count = count.wrapping_add(look_anew(&pin)),
            None if reaps_foreign && by_pid::is_foreign_child(in_front.pid) => foreign = last,
            None => return (count, false), // a foreign child, or one that is being started
        }
    }
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
    matches!(take_at_once(pin), Ok(Some(_)) if !before) as u32
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
