//! The duty of pid 1 and of subreapers: orphans that nobody else will reap.

use crate::by_pid;
use crate::reap;
use crate::status::Status;
use crate::sys::wait::{self, Whom};
use crate::sys::{Result, host};

/// Orphaned descendants become children of this process, or no longer.
pub fn subreaper(on: bool) -> Result<()> {
    host::set_subreaper(on)
}

/// Reaps every child that has ended and is not the library's, and tells of each
/// its pid and status; the library's own keep theirs for their handles. Returns
/// how many strangers there were.
///
/// Nothing is reaped that was not looked at before: the kernel shows one that
/// has ended, and only if it is a stranger is exactly that pid reaped. It must
/// be shown again after that was found out: one of ours that another thread has
/// reaped meanwhile is in no table either.
pub fn reap_strangers(mut tell: impl FnMut(i32, Status)) -> Result<u32> {
    let mut count = 0u32;
    let (mut last, mut stranger) = (0, 0);
    loop {
        let peek = wait::EXITED | wait::NO_HANG | wait::PEEK;
        let Ok(Some(seen)) = wait::waitid(Whom::Any, peek) else { return Ok(count) };
        if seen.pid == stranger {
            stranger = 0;
            if let Ok(Some(change)) =
                wait::waitid(Whom::Pid(seen.pid), wait::EXITED | wait::NO_HANG)
            {
                count = count.wrapping_add(1);
                tell(change.pid, Status::of_change(&change));
            }
        } else if let Some(pin) = by_pid::find(seen.pid) {
            let _ = reap::look(&pin);
            drop(pin);
            // Still in front: a call at work has it pinned. Next time, then.
            if seen.pid == last {
                return Ok(count);
            }
            last = seen.pid;
        } else if by_pid::is_stranger(seen.pid) {
            stranger = seen.pid;
        } else {
            return Ok(count); // it is being started. Next time, then.
        }
    }
}
