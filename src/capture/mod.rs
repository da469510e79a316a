//! Feeding a child and reading what it writes.

pub mod engine;
pub mod drain;
pub mod feed;
pub mod pipes;
pub mod sink;
pub mod stepwise;
