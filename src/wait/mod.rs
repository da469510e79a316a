//! Waiting: for one child, for any of several, for a stop; and what is recorded of a child.

pub mod any;
pub mod ask;
pub mod change;
pub mod one;
pub mod watch;
