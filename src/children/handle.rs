//! Handles: a place in a table, and which of its users that is.

use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// How many bits of a handle are the index; the rest is the generation.
const INDEX_BITS: u32 = 22;

const _: () = assert!(crate::sys::memory::CAPACITY < 1 << INDEX_BITS);

/// Counts every handle that was ever given out, in this process and its ancestors
/// by fork. Ordinary memory on purpose: a forked copy continues where its original
/// was, so no handle from before is ever valid again in the copy.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// A handle for place `index` that never was and never will be another's. The pid
/// is in it, so that copies of one process do not give out the same handles (until
/// they have given out a million each).
pub fn new(index: u32, pid: i32) -> u64 {
    let count = COUNT.fetch_add(1, SeqCst).wrapping_add(1);
    let generation = ((pid as u64) << 20).wrapping_add(count);
    generation << INDEX_BITS | index as u64
}

pub fn index_of(handle: u64) -> u32 {
    (handle & ((1 << INDEX_BITS) - 1)) as u32
}
