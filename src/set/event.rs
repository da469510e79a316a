//! What a set reports.

use super::task::Task;
use crate::status::word::Status;
use crate::sys::paged::Paged;

/// The numbers are public.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    Exited = 1,
    Stopped = 2,
    Continued = 3,
    Captured = 4,
    Woken = 5,
    /// The stop sequence is over, and the child runs.
    Survived = 6,
}

pub struct Event {
    pub kind: Kind,
    /// The child has left the set.
    pub is_last: bool,
    /// 0 for a set that was woken.
    pub child: u64,
    pub user: usize,
    pub status: Status,
    /// With the last event of a child that was captured or stopped.
    pub task: Option<Paged<Task>>,
}
