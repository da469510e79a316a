//! What the table keeps of one child.

use crate::life::Life;
use crate::slab::{Node, Stack};
use crate::status::{State, Status};
use crate::sync;
use core::sync::atomic::{
    AtomicI32, AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};

/// The figures of rusage that the kernel keeps for a child, in the order of
/// `chld_resources`.
pub type Usage = [u64; 9];

/// All-zero is a free slot that was never used. Aligned so that no two slots
/// share a cache line.
#[derive(Default)]
#[repr(C, align(64))]
pub struct Slot {
    pub life: Life,
    status: sync::AtomicI32,
    pub pid: AtomicI32,
    /// The same as long as the kernel keeps it for this child, else 0.
    pub held_pid: AtomicI32,
    /// -1 without one.
    pub pidfd: AtomicI32,
    /// The parent's ends of the pipes on the child's 0, 1 and 2, or -1.
    pub streams: [AtomicI32; 3],
    /// A set of the library's own that stands in for a pidfd, or 0.
    pub exit_set: AtomicU64,
    /// The caller's pointer, as a number: the library never follows it.
    pub user: AtomicUsize,
    /// The directory of the cgroup that it has for itself, or -1.
    pub cgroup: AtomicI32,
    /// Not 0 if it was started as the leader of a group of its own.
    pub leads_group: AtomicU32,
    /// Not 0 while one call has the parent's ends of the pipes.
    pub captured: AtomicU32,
    next: sync::AtomicU32,
    /// Who wants to be told of the end: `watch`. Sealed once it is published.
    pub watchers: Stack,
    /// Which sets it was added to.
    pub sets: Stack,
    usage_known: AtomicU32,
    usage: [AtomicU64; 9],
}

// SAFETY: made of atomics only, for all of which zero is a value.
#[allow(unsafe_code)]
unsafe impl crate::sys::memory::Zeroed for Slot {}

impl Node for Slot {
    fn next(&self) -> &sync::AtomicU32 {
        &self.next
    }
}

impl Slot {
    /// Prepares a slot that its caller alone holds.
    pub fn begin(&self, handle: u64) {
        self.pid.store(0, Relaxed);
        self.held_pid.store(0, Relaxed);
        self.pidfd.store(-1, Relaxed);
        self.cgroup.store(-1, Relaxed);
        for stream in &self.streams {
            stream.store(-1, Relaxed);
        }
        self.exit_set.store(0, Relaxed);
        self.user.store(0, Relaxed);
        self.leads_group.store(0, Relaxed);
        self.captured.store(0, Relaxed);
        self.status.store(pack(Status::RUNNING), Relaxed);
        self.usage_known.store(0, Relaxed);
        self.watchers.reset();
        self.sets.reset();
        self.life.begin(handle);
    }

    pub fn status(&self) -> Status {
        if self.life.word().has_ended() { unpack(self.status.load(Relaxed)) } else { Status::RUNNING }
    }

    /// `None` before the end, and when nobody could ask the kernel for it.
    pub fn usage(&self) -> Option<Usage> {
        let known = self.life.word().has_ended() && self.usage_known.load(SeqCst) != 0;
        known.then(|| self.usage.each_ref().map(|figure| figure.load(Relaxed)))
    }

    /// Makes known how the child ended, while its zombie is still there: a
    /// later ECHILD with no published end can then only mean that a foreign child
    /// reaped it. Several calls may publish at once. The kernel told them all
    /// the same figures; the first to store a status decides that.
    pub fn publish(&self, status: Status, usage: &Usage) {
        if self.life.word().has_ended() {
            return;
        }
        for (place, figure) in self.usage.iter().zip(usage) {
            place.store(*figure, Relaxed);
        }
        self.usage_known.store(1, SeqCst);
        self.decide(status);
        self.life.update(|word| word.is_running().then_some(word.ended()));
    }

    /// The same when the zombie is gone already.
    pub fn publish_gone(&self, status: Status) {
        self.decide(status);
        self.held_pid.store(0, SeqCst);
        self.life.update(|word| (!word.is_collected()).then_some(word.ended().collected()));
    }

    /// Whether somebody else had reaped it.
    pub fn was_gone(&self) -> bool {
        self.life.word().has_ended() && self.usage_known.load(SeqCst) == 0
    }

    fn decide(&self, status: Status) {
        let open = pack(Status::RUNNING);
        let _ = self.status.compare_exchange(open, pack(status), SeqCst, SeqCst);
    }
}

/// Into one int. The code is 0 to 255, a signal, or -1.
fn pack(status: Status) -> i32 {
    (status.state as i32) << 16 | status.code & 0xffff
}

fn unpack(packed: i32) -> Status {
    let state = State::from_number(packed >> 16).unwrap_or(State::Lost);
    Status { state, code: packed as i16 as i32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_survives_packing() {
        for word in 0..=0xffff {
            if let Ok(status) = Status::decode(word) {
                assert_eq!(unpack(pack(status)), status);
            }
        }
        assert_eq!(unpack(pack(Status::LOST)), Status::LOST);
    }
}
