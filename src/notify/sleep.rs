//! Sleeping on descriptors, with a timeout on the whole call.

use super::sigchld;
use crate::sys::deadline::Deadline;
use crate::sys::poll::{self, PollFd};
use crate::sys::signal::is_sigchld_blocked;
use crate::sys::{Errno, Result};

/// Sleeps until one of `fds` is ready, a signal has come, or the timeout is over, which
/// is ETIMEDOUT. After the first two the caller looks again.
pub fn sleep(fds: &mut [PollFd], deadline: Deadline) -> Result<()> {
    let left = deadline.left_ns();
    if left == Some(0) {
        return Err(Errno::ETIMEDOUT);
    }
    match poll::poll(fds, left) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// How long a call sleeps at a time that depends on the SIGCHLD handler. It looks in
/// between, as the handler may not run: a SIGCHLD that the thread has blocked is the
/// program's, and is never let in; and a handler of other code may not chain to ours.
#[derive(Clone, Copy)]
pub struct Slices {
    next_ns: u64,
    /// The end of this slice.
    until: Deadline,
    /// The handler may not run at the next SIGCHLD.
    pub may_miss: bool,
}

/// Whether the handler may not run at the next SIGCHLD.
pub fn may_miss_a_signal() -> bool {
    is_sigchld_blocked() || !sigchld::is_on_top()
}

pub const LONGEST_NS: u64 = 50_000_000;

impl Slices {
    pub fn new() -> Slices {
        Slices::of(may_miss_a_signal())
    }

    /// `may_miss`: nothing may report the next exit.
    pub fn of(may_miss: bool) -> Slices {
        // Even so, one SIGCHLD may stand for several exits: see `children::all`.
        let next_ns = if may_miss { 10_000_000 } else { 10 * LONGEST_NS };
        Slices { next_ns, until: Deadline::Now, may_miss }
    }

    /// It is time to look, whatever the caller was woken by meanwhile.
    pub fn is_over(&self) -> bool {
        self.until.has_passed()
    }

    /// When to wake up. A slice goes on after a wake-up for another reason: else those
    /// that come more often would put the look off.
    pub fn next(&mut self, deadline: Deadline) -> Deadline {
        if self.is_over() {
            self.until = Deadline::after_ns(self.next_ns);
            if self.next_ns < LONGEST_NS {
                self.next_ns = self.next_ns.wrapping_mul(2).min(LONGEST_NS);
            }
        }
        deadline.earlier(self.until)
    }
}
