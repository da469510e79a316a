//! The lock, and what it protects: the table of children, and how each exited.

pub mod all;
pub mod announce;
pub mod by_pid;
pub mod child;
pub mod detached;
pub mod handle;
pub mod heap;
pub mod list;
pub mod look;
pub mod lost;
pub mod members;
pub mod release;
pub mod slot;
pub mod state;
