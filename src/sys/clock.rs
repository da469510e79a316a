//! The monotonic clock.

/// Nanoseconds since some fixed point. Never goes back, and does not stop for
/// a changed wall clock.
pub fn now_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes one timespec into a live local. CLOCK_MONOTONIC is always
    // there, so it cannot fail. Async-signal-safe (POSIX).
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    (now.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec as u64)
}
