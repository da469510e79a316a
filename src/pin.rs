//! A call's hold on a child, and what happens when the last one lets go.

use crate::life;
use crate::link;
use crate::slot::Slot;
use crate::sys::wait::{self, Whom};
use crate::sys::{Errno, Result, fd, poll};
use crate::table::{self, CHILDREN};
use core::sync::atomic::{AtomicI32, Ordering::SeqCst};

/// As long as one lives, its child's pidfd stays open, its pid stays its own,
/// and its slot stays where it is.
pub struct Pin {
    pub slot: &'static Slot,
    handle: u64,
}

impl Pin {
    /// For `table::claim`: takes over the pin that a claimed slot begins with.
    pub fn of_claimed(slot: &'static Slot, handle: u64) -> Pin {
        Pin { slot, handle }
    }

    /// Pins the child that `handle` names. EBADF, EAGAIN: see `Life::pin`.
    #[inline(never)]
    pub fn new(handle: u64) -> Result<Pin> {
        table::root_if_used().ok_or(Errno::EBADF)?;
        let slot = CHILDREN.get(life::index_of(handle)).ok_or(Errno::EBADF)?;
        slot.life.pin(handle)?;
        Ok(Pin { slot, handle })
    }

    /// The same for a call that needs the zombie, should the child end meanwhile:
    /// not before a call that is just asking for the end is done. Not for signal
    /// handlers, which may have interrupted that call.
    pub fn new_unreaped(handle: u64) -> Result<Pin> {
        let pin = Pin::new(handle)?;
        while pin.slot.life.word().is_reaping() {
            poll::pause();
        }
        Ok(pin)
    }

    /// Pins whatever child is in `slot`, closed handle or not.
    pub fn of_slot(slot: &'static Slot, index: u32) -> Option<Pin> {
        let word = slot.life.update(|word| {
            (word.is_running() || word.has_ended()).then_some(word)?.pinned()
        })?;
        Some(Pin { slot, handle: word.handle(index) })
    }

    pub fn handle(&self) -> u64 {
        self.handle
    }

    pub fn pid(&self) -> i32 {
        self.slot.pid.load(SeqCst)
    }

    pub fn user(&self) -> usize {
        self.slot.user.load(SeqCst)
    }

    pub fn pidfd(&self) -> Option<i32> {
        Some(self.slot.pidfd.load(SeqCst)).filter(|fd| *fd >= 0)
    }

    /// The directory of the cgroup that it has for itself.
    pub fn cgroup(&self) -> Option<i32> {
        Some(self.slot.cgroup.load(SeqCst)).filter(|fd| *fd >= 0)
    }

    pub fn whom(&self) -> Whom {
        Whom::best(self.pid(), self.pidfd())
    }

    /// For a start that failed: nothing is in the slot, and it may go.
    pub fn abandon(self) {
        self.slot.life.update(|word| Some(word.ended().collected().closed()));
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        unpin(self.slot, life::index_of(self.handle));
    }
}

/// Lets go. The last to do so finishes what had to wait: the pipes of a closed
/// handle are closed, a zombie whose end is published is reaped, and a slot
/// that nobody can name any more goes back to the table. Lock-free, and raw
/// enough for the signal handler.
fn unpin(slot: &'static Slot, index: u32) {
    loop {
        let word = slot.life.word();
        let last = word.is_last_pin();
        if last && word.is_closed() {
            // No handle leads here any more, and no call is left that had one.
            for stream in &slot.streams {
                close_once(stream);
            }
        }
        if last && word.has_ended() && !word.is_collected() {
            // From here on nobody uses the pid: who pins now sees ENDED.
            if slot.life.swap(word, word.collected()) {
                collect(slot);
            }
            continue;
        }
        if last && word.has_ended() && word.is_closed() && !word.is_queued() {
            if slot.life.swap(word, word.freed()) {
                close_once(&slot.pidfd);
                close_once(&slot.cgroup);
                link::free_all(&slot.sets);
                table::release(index);
                return;
            }
            continue;
        }
        if slot.life.swap(word, word.unpinned()) {
            return;
        }
    }
}

/// Reaps the zombie. Its status is known, and it is this child's own: the pid
/// has been kept from being reused until now. If a foreign child was faster, there
/// is nothing left to do.
fn collect(slot: &Slot) {
    let pidfd = Some(slot.pidfd.load(SeqCst)).filter(|fd| *fd >= 0);
    let whom = Whom::best(slot.pid.load(SeqCst), pidfd);
    let reaped = wait::waitid(whom, wait::EXITED | wait::NO_HANG);
    if matches!(reaped, Err(errno) if errno != Errno::ECHILD) {
        // P_PIDFD was refused this time; the zombie is still there, and its pid.
        let pid = Whom::Pid(slot.pid.load(SeqCst));
        let _ = wait::waitid(pid, wait::EXITED | wait::NO_HANG);
    }
    slot.held_pid.store(0, SeqCst);
}

/// Closes the descriptor in `place` unless somebody else has; says whether.
pub fn close_once(place: &AtomicI32) -> bool {
    if place.load(SeqCst) < 0 {
        return false; // most of them, and a load is cheaper
    }
    let fd = place.swap(-1, SeqCst);
    if fd >= 0 {
        fd::close(fd);
    }
    fd >= 0
}
