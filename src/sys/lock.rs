//! A lock for what is short and rare. No signal handler may take it: it might
//! have interrupted the holder.

use super::poll;
#[cfg(not(loom))]
use core::sync::atomic::AtomicI32;
use core::sync::atomic::Ordering::SeqCst;
#[cfg(loom)]
use loom::sync::atomic::AtomicI32;

/// All-zero is free. In memory that is wiped in a forked copy, where the holder
/// of the other process is not.
#[derive(Default)]
pub struct Lock(AtomicI32);

pub struct Locked<'a>(&'a Lock);

impl Lock {
    pub fn enter(&self) -> Locked<'_> {
        while self.0.swap(1, SeqCst) != 0 {
            poll::pause();
        }
        Locked(self)
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.0.0.swap(0, SeqCst);
    }
}
