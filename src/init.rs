//! The duty of pid 1 and of subreapers: orphans that nobody else will reap.

use crate::reap;
use crate::status::Status;
use crate::sys::{Result, host};

/// Orphaned descendants become children of this process, or no longer.
pub fn subreaper(on: bool) -> Result<()> {
    host::set_subreaper(on)
}

/// Reaps every child that has ended and is not the library's, and tells of each
/// its pid and status; the library's own keep theirs for their handles. Returns
/// how many foreign children there were.
pub fn reap_foreign(mut tell: impl FnMut(i32, Status)) -> u32 {
    let mut count = 0u32;
    reap::walk(true, |change| {
        count = count.wrapping_add(1);
        tell(change.pid, Status::of_change(change));
    });
    count
}
