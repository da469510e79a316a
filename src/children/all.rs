//! Looking at every child: as the kernel shows those that have exited, and one after
//! the other.

use super::look::Look;
use super::lost;
use super::slot::Phase;
use super::state::{self, State};
use crate::sys::wait::{self, Change, WaitId};
use core::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// How many places of the table one section looks at.
const AT_ONCE: u32 = 32;

/// Reaps every child of the library that has exited, and no other code's; returns how
/// many. `hint` is the pid that a SIGCHLD named. Async-signal-safe.
pub fn reap_after_signal(hint: i32) -> u32 {
    let mut count = by_number(hint).map_or(0, Seen::count);
    let (found, _) = walk(reaps_foreign(), |_| ());
    count = count.wrapping_add(found);
    // One SIGCHLD may stand for several exits, of which other code has reaped one:
    // the kernel shows that to nobody. With many children, they take turns.
    count.wrapping_add(look_at_some().0)
}

/// The same when the program asks: looks at each running child.
pub fn reap() -> u32 {
    let (mut count, _) = walk(reaps_foreign(), |_| ());
    let used = state::enter_if_used().map_or(0, |section| section.slots.used());
    let mut looked = 0u32;
    while looked < used {
        let (new, more) = look_at_some();
        (count, looked) = (count.wrapping_add(new), looked.wrapping_add(more.max(1)));
    }
    count
}

/// The SIGCHLD handler stands in for a disposition under which the kernel reaped every
/// child by itself: it does so for the children of other code. Ordinary memory, as a
/// forked copy inherits the handler.
static REAPS_FOREIGN: AtomicBool = AtomicBool::new(false);

pub fn set_reaps_foreign(on: bool) {
    REAPS_FOREIGN.store(on, SeqCst);
}

pub fn reaps_foreign() -> bool {
    REAPS_FOREIGN.load(SeqCst)
}

enum Seen {
    /// One of ours, and whether this look was the first to see its exit.
    Ours(bool),
    /// The same, but other code has reaped it. The process with its number is not ours.
    Gone(bool),
    /// Other code's, and it was reaped.
    Foreign(Change),
    /// Other code's, or one that is being started: it stays in front.
    Unknown,
}

impl Seen {
    fn count(self) -> u32 {
        matches!(self, Seen::Ours(true) | Seen::Gone(true)) as u32
    }
}

/// Goes through the children that have exited, as the kernel shows them: one at a
/// time, without consuming it. Ours are reaped by their own numbers. A foreign zombie
/// stays in front and ends the walk, unless `reaps_foreign`: then it is reaped and
/// reported. Returns how many of ours no call had seen exit before, and how many
/// foreign ones were reaped.
pub fn walk(reaps_foreign: bool, mut report: impl FnMut(&Change)) -> (u32, u32) {
    let (mut ours, mut foreign, mut last) = (0u32, 0u32, 0);
    loop {
        // Without the lock: it is a hint only, and takes long with many children.
        let in_front = wait::waitid(WaitId::Any, wait::EXITED | wait::NO_HANG | wait::PEEK);
        let Ok(Some(Change { pid, .. })) = in_front else { return (ours, foreign) };
        // Seen before: a call needs its zombie, or a debugger has it.
        if pid == last {
            return (ours, foreign);
        }
        last = pid;
        match look_in_front(pid, reaps_foreign) {
            seen @ Seen::Ours(_) => ours = ours.wrapping_add(seen.count()),
            seen @ Seen::Gone(_) => {
                ours = ours.wrapping_add(seen.count());
                last = 0; // the next look is at the foreign child
            }
            Seen::Foreign(change) => {
                foreign = foreign.wrapping_add(1);
                report(&change);
            }
            Seen::Unknown => return (ours, foreign),
        }
    }
}

fn look_in_front(pid: i32, reaps_foreign: bool) -> Seen {
    if let Some(seen) = by_number(pid) {
        return seen;
    }
    let Ok(mut section) = state::enter() else { return Seen::Unknown };
    // Under the lock nobody starts or reaps a child of ours.
    if section.by_pid(pid).is_some() || section.starting != 0 {
        section.notice.missed_foreign |= section.starting != 0;
        return Seen::Unknown;
    }
    if !reaps_foreign {
        return Seen::Unknown;
    }
    match wait::waitid(WaitId::Pid(pid), wait::EXITED | wait::NO_HANG) {
        Ok(Some(change)) => Seen::Foreign(change),
        _ => Seen::Unknown,
    }
}

/// Looks at the child that has this number, if it is ours.
fn by_number(pid: i32) -> Option<Seen> {
    let mut section = state::enter_if_used().ok()?;
    let index = (pid > 0).then(|| section.by_pid(pid)).flatten()?;
    let was_running = section.is_running(index);
    let handle = section.slots.get(index).map_or(0, |slot| slot.handle);
    let look = section.look(index);
    drop(section);
    match look {
        Ok(Look::Exited(_)) => Some(Seen::Ours(was_running)),
        Ok(Look::Gone) => {
            lost::ask_once(handle);
            Some(Seen::Gone(was_running))
        }
        _ => Some(Seen::Ours(false)),
    }
}

/// Looks at up to 32 places of the table; the next call continues there. Returns how
/// many children no call had seen exit before, and the number of places.
fn look_at_some() -> (u32, u32) {
    let (mut count, mut looked) = (0u32, 0u32);
    let mut gone = [0u64; AT_ONCE as usize];
    let mut last_gone = gone.iter_mut();
    {
        let Ok(mut section) = state::enter_if_used() else { return (0, AT_ONCE) };
        let used = section.slots.used();
        for _ in 0..used {
            let index = section.next_look;
            section.next_look = index.wrapping_add(1).checked_rem(used).unwrap_or(0);
            looked = looked.wrapping_add(1);
            if section.is_running(index) {
                let handle = section.slots.get(index).map_or(0, |slot| slot.handle);
                match section.look(index) {
                    Ok(Look::Exited(_)) => count = count.wrapping_add(1),
                    Ok(Look::Gone) => {
                        count = count.wrapping_add(1);
                        if let Some(place) = last_gone.next() {
                            *place = handle;
                        }
                    }
                    _ => {}
                }
            }
            if looked >= AT_ONCE || !section.closing.has_room() {
                break;
            }
        }
    }
    gone.iter().filter(|handle| **handle != 0).for_each(|handle| lost::ask_once(*handle));
    (count, looked)
}

impl State {
    fn is_running(&mut self, index: u32) -> bool {
        self.slots.get(index).is_some_and(|slot| slot.phase == Phase::Running)
    }
}
