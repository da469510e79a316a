//! The atomics of what threads and the signal handler agree on without a lock:
//! the core library's, or those of the model checker (docs/protocol.md).

#[cfg(not(loom))]
pub use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64};
#[cfg(loom)]
pub use loom::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64};
