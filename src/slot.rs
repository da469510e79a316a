//! One place in the table, and the one word that rules it.
//!
//! ```text
//!   63        22 21    8 7       0
//!   generation   pins    flags
//! ```
//! Every edge of a slot's life is a compare-and-swap of that word, so a signal
//! handler, another thread and the interrupted code itself always agree. A
//! *pin* is a call at work on the slot. While there is one, neither the pidfd
//! is closed nor the zombie reaped nor the slot reused: a pinned child that has
//! not been published as ended can be signalled by pid, and its pidfd is its own.

use crate::status::{State, Status};
use core::sync::atomic::{
    AtomicI32, AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};

/// How many bits of a handle are the slot's index; the rest is its generation.
pub const INDEX_BITS: u32 = 22;
const PIN: u64 = 1 << 8;
const PINS: u64 = 0x3fff << 8;

const PHASE: u64 = 0b11;
/// Claimed, nothing in it yet.
const STARTING: u64 = 1;
const RUNNING: u64 = 2;
/// How it ended is known and can be read.
const ENDED: u64 = 3;
/// The handle is closed: no new pins by handle.
const CLOSED: u64 = 1 << 2;
/// The zombie is gone: reaped by us, by a stranger, or never there.
const COLLECTED: u64 = 1 << 3;
/// In the graveyard's queue, which must let go before the slot is reused.
const QUEUED: u64 = 1 << 4;

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Word(u64);

impl Word {
    pub fn pins(self) -> u64 {
        (self.0 & PINS) / PIN
    }
    pub fn is_running(self) -> bool {
        self.0 & PHASE == RUNNING
    }
    pub fn has_ended(self) -> bool {
        self.0 & PHASE == ENDED
    }
    pub fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }
    pub fn is_collected(self) -> bool {
        self.0 & COLLECTED != 0
    }
    pub fn is_queued(self) -> bool {
        self.0 & QUEUED != 0
    }
    pub fn is_of(self, handle: u64) -> bool {
        self.0 >> INDEX_BITS == handle >> INDEX_BITS && self.0 & PHASE != 0
    }

    fn starting(handle: u64) -> Word {
        Word(handle >> INDEX_BITS << INDEX_BITS | PIN | STARTING)
    }
    pub fn handle(self, index: u32) -> u64 {
        self.0 >> INDEX_BITS << INDEX_BITS | index as u64
    }
    /// `None` when as many calls are at work as the word can count.
    pub fn pinned(self) -> Option<Word> {
        (self.0 & PINS != PINS).then_some(Word(self.0.wrapping_add(PIN)))
    }
    pub fn unpinned(self) -> Word {
        Word(self.0.wrapping_sub(PIN))
    }
    pub fn running(self) -> Word {
        Word(self.0 & !PHASE | RUNNING)
    }
    pub fn ended(self) -> Word {
        Word(self.0 | ENDED)
    }
    pub fn closed(self) -> Word {
        Word(self.0 | CLOSED)
    }
    pub fn collected(self) -> Word {
        Word(self.0 | COLLECTED)
    }
    pub fn queued(self) -> Word {
        Word(self.0 | QUEUED)
    }
    pub fn unqueued(self) -> Word {
        Word(self.0 & !QUEUED)
    }
    /// Free, but with the generation that it had last.
    pub fn freed(self) -> Word {
        Word(self.0 >> INDEX_BITS << INDEX_BITS)
    }
}

/// The figures of rusage that the kernel keeps for a child, in the order of
/// `chld_resources`.
pub type Usage = [u64; 9];

/// All-zero is a free slot that was never used. Two cache lines and a half,
/// aligned so that two slots share none.
#[repr(C, align(64))]
pub struct Slot {
    word: AtomicU64,
    status: AtomicI32,
    pub pid: AtomicI32,
    /// -1 without one.
    pub pidfd: AtomicI32,
    /// The parent's ends of the pipes on the child's 0, 1 and 2, or -1.
    pub streams: [AtomicI32; 3],
    /// The caller's pointer, as a number: the library never follows it.
    pub user: AtomicUsize,
    /// The next slot in whichever of the table's stacks this one is in.
    pub next: AtomicU32,
    usage_known: AtomicU32,
    usage: [AtomicU64; 9],
}

// SAFETY: made of atomics only, for all of which zero is a value.
#[allow(unsafe_code)]
unsafe impl crate::sys::memory::Zeroed for Slot {}

impl Slot {
    pub fn word(&self) -> Word {
        Word(self.word.load(SeqCst))
    }

    /// The one way to change the word.
    pub fn swap(&self, old: Word, new: Word) -> bool {
        self.word.compare_exchange(old.0, new.0, SeqCst, SeqCst).is_ok()
    }

    /// Changes the word by `change` until that sticks; `None` from `change`
    /// gives up. Returns the word that was there before.
    pub fn update(&self, change: impl Fn(Word) -> Option<Word>) -> Option<Word> {
        loop {
            let old = self.word();
            if self.swap(old, change(old)?) {
                return Some(old);
            }
        }
    }

    /// Prepares a slot that its caller alone holds. It is `STARTING`, with one
    /// pin, from the last store on.
    pub fn begin(&self, handle: u64) {
        self.pid.store(0, Relaxed);
        self.pidfd.store(-1, Relaxed);
        for stream in &self.streams {
            stream.store(-1, Relaxed);
        }
        self.user.store(0, Relaxed);
        self.status.store(pack(Status::RUNNING), Relaxed);
        self.usage_known.store(0, Relaxed);
        // Last: whoever sees the word sees the rest as it is here.
        self.word.store(Word::starting(handle).0, SeqCst);
    }

    pub fn status(&self) -> Status {
        if self.word().has_ended() { unpack(self.status.load(Relaxed)) } else { Status::RUNNING }
    }

    /// `None` before the end, and when nobody could ask the kernel for it.
    pub fn usage(&self) -> Option<Usage> {
        let known = self.word().has_ended() && self.usage_known.load(SeqCst) != 0;
        known.then(|| self.usage.each_ref().map(|figure| figure.load(Relaxed)))
    }

    /// Makes known how the child ended, while its zombie is still there: a
    /// later ECHILD with no published end can then only mean that a stranger
    /// reaped it. Several calls may publish at once. The kernel told them all
    /// the same figures; the first to store a status decides that.
    pub fn publish(&self, status: Status, usage: &Usage) {
        if self.word().has_ended() {
            return;
        }
        for (place, figure) in self.usage.iter().zip(usage) {
            place.store(*figure, Relaxed);
        }
        self.usage_known.store(1, SeqCst);
        self.decide(status);
        self.update(|word| word.is_running().then_some(word.ended()));
    }

    /// The same when the zombie is gone already.
    pub fn publish_gone(&self, status: Status) {
        self.decide(status);
        self.update(|word| (!word.is_collected()).then_some(word.ended().collected()));
    }

    fn decide(&self, status: Status) {
        let open = pack(Status::RUNNING);
        let _ = self.status.compare_exchange(open, pack(status), SeqCst, SeqCst);
    }
}

fn pack(status: Status) -> i32 {
    (status.state as i32) << 16 | status.code & 0xffff
}

fn unpack(packed: i32) -> Status {
    let state = State::from_number(packed >> 16).unwrap_or(State::Lost);
    Status { state, code: packed & 0xffff }
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

    #[test]
    fn pins_stop_at_what_the_word_can_count() {
        let mut word = Word::starting(1 << INDEX_BITS);
        let mut count = 1;
        while let Some(more) = word.pinned() {
            word = more;
            count += 1;
        }
        assert_eq!(count, 0x3fff);
        assert!(word.is_of(1 << INDEX_BITS), "a full count does not touch the generation");
    }
}
