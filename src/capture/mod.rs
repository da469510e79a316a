//! Feeding a child and reading what it writes.

pub mod capture;
pub mod drain;
pub mod feed;
pub mod pipes;
pub mod sink;
pub mod stepwise;
