//! timerfd: a descriptor that becomes readable at a time.

use super::fd::OwnedFd;
use super::{Result, check_int};

pub fn create() -> Result<OwnedFd> {
    let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
    // SAFETY: numbers only.
    check_int(unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) })
        .and_then(|fd| OwnedFd::own(fd).above_standard())
}

/// Makes it readable at `ns` on the monotonic clock, and not before; never for 0.
pub fn arm(timer: i32, ns: u64) {
    let at = libc::timespec {
        tv_sec: (ns / 1_000_000_000) as _,
        tv_nsec: (ns % 1_000_000_000) as _,
    };
    let once = libc::itimerspec { it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 }, it_value: at };
    // SAFETY: reads one itimerspec from a live local; the old one is not asked for. It
    // fails only for a number that the program has closed.
    unsafe {
        libc::timerfd_settime(timer, libc::TFD_TIMER_ABSTIME, &once, core::ptr::null_mut());
    }
}
