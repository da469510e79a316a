//! Signals to children: only ever to the process that the handle names.

use crate::pin::Pin;
use crate::reap;
use crate::signals;
use crate::sys::{Errno, Result, pidfd, signal};

/// Sends `number` to the child. ESRCH once it has ended, and nothing is sent.
pub fn kill(handle: u64, number: i32) -> Result<()> {
    signals::check(number)?;
    let pin = Pin::new(handle)?;
    if reap::look(&pin)?.is_some() {
        return Err(Errno::ESRCH);
    }
    match pin.pidfd().map(|fd| pidfd::send_signal(fd, number)) {
        Some(Ok(())) => Ok(()),
        Some(Err(errno)) if !errno.means_unsupported() => Err(errno),
        // No pidfd, or a sandbox that only knows kill. The pin keeps the zombie
        // from being reaped, so the pid is still this child's.
        _ => signal::kill(pin.pid(), number),
    }
}
