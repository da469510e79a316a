//! What a child reports to its parent: how far it has come, and what failed.
//!
//! The child writes into its parent's memory. As long as the parent does not
//! know that it shares its memory, there is a pipe as well: the child sends the
//! whole report at each change, and the parent takes over the last one.

use super::failure::{Failure, ITEM_BYTES, Item, NO_ITEM, Step};
use crate::sys::Errno;
use core::array::from_fn;
use core::cell::Cell;
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
}

const WORDS: usize = Word::Stopped as usize + 1;
const WORDS_BYTES: usize = WORDS * 4;

/// A report in the pipe. It is written by one call, so it comes whole.
pub type Message = [u8; WORDS_BYTES + ITEM_BYTES];
pub const EMPTY_MESSAGE: Message = [0; WORDS_BYTES + ITEM_BYTES];

pub struct Report {
    words: [AtomicI32; WORDS],
    /// The interpreter that is at fault, or nothing.
    pub item: Cell<Item>,
}

impl Report {
    pub fn new() -> Report {
        Report { words: Default::default(), item: Cell::new(NO_ITEM) }
    }

    pub fn set(&self, word: Word, value: i32) {
        if let Some(place) = self.words.get(word as usize) {
            place.store(value, Relaxed);
        }
    }

    pub fn get(&self, word: Word) -> i32 {
        self.words.get(word as usize).map_or(0, |place| place.load(Relaxed))
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

    /// A detached child that has failed: it is no child of the process that was
    /// `started`. (In a PID namespace of their own the two have other numbers
    /// than for the caller.)
    pub fn orphan(&self, started: i32) -> Option<i32> {
        let pid = self.get(Word::Pid);
        (self.get(Word::Between) == started && pid != started && pid != 0).then_some(pid)
    }

    pub fn message(&self) -> Message {
        let mut message = EMPTY_MESSAGE;
        let words = self.words.iter().flat_map(|word| word.load(Relaxed).to_ne_bytes());
        for (place, byte) in message.iter_mut().zip(words.chain(self.item.get())) {
            *place = byte;
        }
        message
    }

    pub fn take_over(&self, message: &Message) {
        for (place, word) in self.words.iter().zip(message.chunks_exact(4)) {
            let word = <[u8; 4]>::try_from(word).unwrap_or_default();
            place.store(i32::from_ne_bytes(word), Relaxed);
        }
        let byte = |i: usize| message.get(WORDS_BYTES.wrapping_add(i)).copied();
        self.item.set(from_fn(|i| byte(i).unwrap_or(0)));
    }
}
