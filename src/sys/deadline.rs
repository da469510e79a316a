//! Timeouts, on the monotonic clock, for a whole call.

use crate::sys::{Errno, Result, clock};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    Never,
    /// Look, do not wait.
    Now,
    At(u64),
}

impl Deadline {
    /// From what C callers give: -1 no limit, 0 look only, else milliseconds
    /// from now. EINVAL below -1.
    pub fn after_ms(timeout_ms: i32) -> Result<Deadline> {
        match timeout_ms {
            -1 => Ok(Deadline::Never),
            0 => Ok(Deadline::Now),
            1.. => Ok(Deadline::At(
                clock::now_ns().wrapping_add((timeout_ms as u64).wrapping_mul(1_000_000)),
            )),
            _ => Err(Errno::EINVAL),
        }
    }

    pub fn after_ns(ns: u64) -> Deadline {
        Deadline::At(clock::now_ns().wrapping_add(ns))
    }

    /// As a time on the monotonic clock: 0 for never, 1 for a time that has passed.
    pub fn at_ns(self) -> u64 {
        match self {
            Deadline::Never => 0,
            Deadline::Now => 1,
            Deadline::At(then) => then.max(1),
        }
    }

    /// This one, or so long from now, whichever comes first.
    pub fn within_ns(self, nanoseconds: u64) -> Deadline {
        self.earlier(Deadline::after_ns(nanoseconds))
    }

    pub fn earlier(self, other: Deadline) -> Deadline {
        match (self, other) {
            (Deadline::Never, one) | (one, Deadline::Never) => one,
            (Deadline::Now, _) | (_, Deadline::Now) => Deadline::Now,
            (Deadline::At(one), Deadline::At(other)) => Deadline::At(one.min(other)),
        }
    }

    pub fn has_passed(self) -> bool {
        self.left_ns() == Some(0)
    }

    /// What is left, in milliseconds, rounded up so that nobody wakes early; -1
    /// without a limit.
    pub fn left_ms(self) -> i32 {
        let round_up = |ns: u64| i32::try_from(ns.div_ceil(1_000_000)).unwrap_or(i32::MAX);
        self.left_ns().map_or(-1, round_up)
    }

    /// What is left, in nanoseconds; `None` without a limit.
    pub fn left_ns(self) -> Option<u64> {
        match self {
            Deadline::Never => None,
            Deadline::Now => Some(0),
            Deadline::At(then) => Some(then.saturating_sub(clock::now_ns())),
        }
    }
}
