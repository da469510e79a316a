//! Notification of exits: the SIGCHLD handler with its self-pipes.

pub mod foreign;
pub mod handler;
pub mod listener;
pub mod program;
pub mod sigchld;
pub mod sleep;
pub mod surroundings;
