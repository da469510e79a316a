//! Ending children: signals to the child, its group and its tree, and stop sequences.

pub mod cgroup;
pub mod member;
pub mod process;
pub mod search;
pub mod sequence;
pub mod signal;
pub mod tree;
