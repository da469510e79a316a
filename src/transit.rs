//! Links on their way from one list to the next, where a look at the lists does
//! not find them.

use crate::sync::AtomicU32;
use core::sync::atomic::Ordering::SeqCst;

/// How many such ways were begun, and how many have come to their end. If as
/// many had ended before a look as had begun after it, it has missed nothing.
#[derive(Default)]
pub struct Transit {
    begun: AtomicU32,
    ended: AtomicU32,
}

impl Transit {
    pub fn during<T>(&self, way: impl FnOnce() -> T) -> T {
        self.begun.fetch_add(1, SeqCst);
        let result = way();
        self.ended.fetch_add(1, SeqCst);
        result
    }

    pub fn begun(&self) -> u32 {
        self.begun.load(SeqCst)
    }

    pub fn ended(&self) -> u32 {
        self.ended.load(SeqCst)
    }
}
