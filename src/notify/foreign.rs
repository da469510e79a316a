//! The duty of pid 1 and of subreapers: children that are not the library's.

use crate::children::all;
use crate::status::word::Status;
use crate::sys::{Result, host};

/// Orphaned descendants become children of this process, or no longer.
pub fn subreaper(on: bool) -> Result<()> {
    host::set_subreaper(on)
}

/// Reaps every foreign child that has exited, and reports its pid and status; the
/// library's own keep theirs for their handles. Returns the number of foreign children.
pub fn reap(mut report: impl FnMut(i32, Status)) -> u32 {
    all::walk(true, |change| report(change.pid, Status::of_change(change))).1
}
