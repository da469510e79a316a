//! Ending children: signals to the child, its group and its tree, and stop sequences.

pub mod cgroup;
pub mod ladder;
pub mod process;
pub mod signal;
pub mod tree;
