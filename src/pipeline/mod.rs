//! Pipelines: children of which each reads what the one before it writes.

pub mod outcome;
pub mod outline;
pub mod stage;
pub mod start;
pub mod started;
