//! Feeding a child and reading what it writes.

pub mod callback;
pub mod drain;
pub mod earlier;
pub mod engine;
pub mod feed;
pub mod keeper;
pub mod lines;
pub mod outlet;
pub mod passing;
pub mod pipes;
pub mod sink;
pub mod stepwise;
