//! The word that rules a slot's life.
//!
//! ```text
//!   63        22 21    8 7       0
//!   generation   pins    flags
//! ```
//! Every edge but the first, out of a slot that its claimer has alone, is a
//! compare-and-swap of that word, so a signal handler, another
//! thread and the interrupted code itself always agree. A *pin* is a call at
//! work on the slot. While there is one, the slot is not reused, its
//! descriptors are not closed, and its zombie is not reaped.

use crate::sync::AtomicU64;
use crate::sys::{Errno, Result};
use core::sync::atomic::{self, Ordering::SeqCst};

/// How many bits of a handle are the slot's index; the rest is its generation.
pub const INDEX_BITS: u32 = 22;
const INDEX: u64 = (1 << INDEX_BITS) - 1;
const PIN: u64 = 1 << 8;
const PINS: u64 = 0x3fff << 8;

/// More than this, and calls that may last are turned away from a set.
const CROWD: u64 = PINS - (256 << 8);

const PHASE: u64 = 0b11;
/// Claimed, nothing in it yet.
const STARTING: u64 = 1;
const RUNNING: u64 = 2;
/// How it ended is known and can be read.
const ENDED: u64 = 3;
/// The handle is closed: no new pins by handle.
const CLOSED: u64 = 1 << 2;
/// The zombie is gone: reaped by us, by a foreign child, or never there.
const COLLECTED: u64 = 1 << 3;
/// In the graveyard's queue, which must let go before the slot is reused.
const QUEUED: u64 = 1 << 4;
/// The only call at work is asking for the end and reaps with the same question.
const REAPING: u64 = 1 << 5;

/// One state of a life, and the next ones.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Word(u64);

impl Word {
    /// Claimed and pinned by the one who claims it.
    fn starting(handle: u64) -> Word {
        Word(handle & !INDEX | PIN | STARTING)
    }

    pub fn handle(self, index: u32) -> u64 {
        self.0 & !INDEX | index as u64
    }
    pub fn is_of(self, handle: u64) -> bool {
        self.0 & !INDEX == handle & !INDEX && self.0 & PHASE != 0
    }
    pub fn is_last_pin(self) -> bool {
        self.0 & PINS == PIN
    }
    pub fn is_crowded(self) -> bool {
        self.0 & PINS > CROWD
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

    pub fn is_reaping(self) -> bool {
        self.0 & REAPING != 0
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
    pub fn reaping(self) -> Word {
        Word(self.0 | REAPING)
    }
    pub fn not_reaping(self) -> Word {
        Word(self.0 & !REAPING)
    }
    /// Free; no handle leads to it.
    pub fn freed(self) -> Word {
        Word(self.0 & !INDEX)
    }
}

/// The word, where others can see it. Zero is a slot that was never used.
#[derive(Default)]
pub struct Life(AtomicU64);

impl Life {
    pub fn word(&self) -> Word {
        Word(self.0.load(SeqCst))
    }

    pub fn swap(&self, old: Word, new: Word) -> bool {
        self.0.compare_exchange(old.0, new.0, SeqCst, SeqCst).is_ok()
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

    /// The last step of a claim: whoever sees the word sees all that was stored
    /// before.
    pub fn begin(&self, handle: u64) {
        self.0.store(Word::starting(handle).0, SeqCst);
    }

    /// Pins what `handle` names. EBADF if that is not here (any more), EAGAIN if
    /// 16,383 calls are at work on it already.
    pub fn pin(&self, handle: u64) -> Result<()> {
        loop {
            let word = self.word();
            if !word.is_of(handle) || word.is_closed() {
                return Err(Errno::EBADF);
            }
            if self.swap(word, word.pinned().ok_or(Errno::EAGAIN)?) {
                return Ok(());
            }
        }
    }

    /// Invalidates the handle. EBADF when another call did so first.
    pub fn close(&self) -> Result<()> {
        let old = self.update(|word| (!word.is_closed()).then_some(word.closed()));
        old.map(drop).ok_or(Errno::EBADF)
    }
}

/// Counts every slot ever given out, in this process and its ancestors by fork.
/// In ordinary memory on purpose: a forked copy goes on where its parent was, so
/// no handle of before is ever valid again in the copy.
static COUNT: atomic::AtomicU64 = atomic::AtomicU64::new(0);

/// A handle for place `index` that never was and never will be another's. The
/// pid is in it, so that processes that went on from one fork, or never knew of
/// each other, do not give out the same handles (until they have given out a
/// million each).
pub fn new_handle(index: u32, pid: i32) -> u64 {
    let count = COUNT.fetch_add(1, SeqCst).wrapping_add(1);
    let generation = ((pid as u64) << 20).wrapping_add(count);
    generation << INDEX_BITS | index as u64
}

pub fn index_of(handle: u64) -> u32 {
    (handle & INDEX) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_handle_is_of_one_life_only() {
        let life = Life(AtomicU64::new(0));
        let (first, second) = (new_handle(7, 1), new_handle(7, 1));
        assert_ne!(first, second);
        life.begin(first);
        assert!(life.word().is_of(first) && !life.word().is_of(second));
        assert_eq!(life.word().handle(7), first);
        life.update(|word| Some(word.ended().collected().closed()));
        assert_eq!(life.pin(first), Err(Errno::EBADF));
        life.update(|word| Some(word.freed()));
        assert!(!life.word().is_of(first));
    }
}
