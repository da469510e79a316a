//! What a child reports to its parent: how far it has come, and what failed.
//!
//! The child writes into its parent's memory. As long as the parent does not
//! know that it shares its memory, there is a pipe as well: the child sends the
//! whole report at each change, and the parent takes over the last one.

use super::failure::{Failure, ITEM_BYTES, Item, Step};
use crate::sys::{Errno, Result, fd, raw};
use core::array::from_fn;
use core::sync::atomic::{AtomicI32, Ordering::Relaxed};

/// How far a child has come. 0 means that it has not run one instruction, or
/// that its memory is a copy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Progress {
    Runs = 1,
    /// It has a descriptor table of its own.
    Isolated = 2,
    ExecNext = 3,
}

#[derive(Clone, Copy)]
pub enum Word {
    /// A `Progress`.
    Progress,
    Step,
    Index,
    Errno,
    Reason,
    /// The pid of the process between caller and detached child, as that
    /// process has it.
    Between,
    /// The pid of the process that reports, as that process has it.
    Pid,
    /// Signals that the child has discarded, a bit each.
    Stopped,
    /// The first of those that have the interpreter's name.
    Item,
}

const ITEM: usize = Word::Item as usize;
const WORDS: usize = ITEM + ITEM_BYTES / 4;

pub struct Report([AtomicI32; WORDS]);

impl Report {
    pub fn new() -> Report {
        Report([const { AtomicI32::new(0) }; WORDS])
    }

    pub fn set(&self, word: Word, value: i32) {
        if let Some(place) = self.0.get(word as usize) {
            place.store(value, Relaxed);
        }
    }

    pub fn get(&self, word: Word) -> i32 {
        self.0.get(word as usize).map_or(0, |place| place.load(Relaxed))
    }

    pub fn reach(&self, progress: Progress) {
        self.set(Word::Progress, progress as i32);
    }

    pub fn has_reached(&self, progress: Progress) -> bool {
        self.get(Word::Progress) >= progress as i32
    }

    pub fn fail(&self, failure: Failure) {
        self.set(Word::Step, failure.step as i32);
        self.set(Word::Index, failure.index);
        self.set(Word::Errno, failure.errno.0);
        self.set(Word::Reason, failure.reason);
    }

    pub fn failure(&self) -> Option<Failure> {
        let step = Step::from_number(self.get(Word::Step))?;
        (step != Step::Nothing).then(|| Failure {
            stage: 0,
            step,
            index: self.get(Word::Index),
            errno: Errno(self.get(Word::Errno)),
            reason: self.get(Word::Reason),
        })
    }

    /// The interpreter that is at fault, or nothing.
    pub fn item(&self) -> Item {
        let byte = |i: usize| {
            let word = self.0.get(ITEM.wrapping_add(i / 4))?.load(Relaxed);
            word.to_ne_bytes().get(i % 4).copied()
        };
        from_fn(|i| byte(i).unwrap_or(0))
    }

    pub fn set_item(&self, item: &Item) {
        for (place, bytes) in self.0.iter().skip(ITEM).zip(item.chunks_exact(4)) {
            let bytes = <[u8; 4]>::try_from(bytes).unwrap_or_default();
            place.store(i32::from_ne_bytes(bytes), Relaxed);
        }
    }

    /// A detached child that has failed: it is no child of the process that was
    /// `started`. (In a PID namespace of their own the two have other numbers
    /// than for the caller.)
    pub fn orphan(&self, started: i32) -> Option<i32> {
        let pid = self.get(Word::Pid);
        (self.get(Word::Between) == started && pid != started && pid != 0).then_some(pid)
    }

    /// Writes all of it into the pipe, by one call, so it comes whole.
    pub fn send(&self, pipe: i32) {
        self.set(Word::Pid, raw::pid());
        // A pipe with this much room takes it at once, except when memory is short.
        let _ = (0..100).find(|_| raw::write_words(pipe, &self.0).is_ok());
    }

    /// Takes over the next one in the pipe; false at the end.
    pub fn receive(&self, pipe: i32) -> Result<bool> {
        fd::read_words(pipe, &self.0)
    }
}
