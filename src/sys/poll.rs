//! Waiting for descriptors, with a limit.

use super::hook::{self, Point};
use super::{Errno, Result, check_int};

pub type PollFd = libc::pollfd;

pub const READABLE: i16 = libc::POLLIN;
/// An entry that poll passes over.
pub const SKIP: PollFd = PollFd { fd: -1, events: 0, revents: 0 };

pub fn readable(fd: i32) -> PollFd {
    PollFd { fd, events: READABLE, revents: 0 }
}

pub fn writable(fd: i32) -> PollFd {
    PollFd { fd, events: libc::POLLOUT, revents: 0 }
}

/// Whether nobody has the other end of this pipe open any more.
pub fn is_hung_up(fd: i32) -> bool {
    let mut one = [PollFd { fd, events: 0, revents: 0 }];
    let asked = super::retry(|| poll(&mut one, Some(0)));
    let [one] = one;
    asked.is_ok() && one.revents & libc::POLLHUP != 0
}

/// Whether `fd` would take something now, or has an error to report.
pub fn is_writable(fd: i32) -> bool {
    matches!(super::retry(|| poll(&mut [writable(fd)], Some(0))), Ok(1))
}

/// Whether `fd` has something to read, has come to its end, or has an error to report.
pub fn is_readable(fd: i32) -> bool {
    matches!(super::retry(|| poll(&mut [readable(fd)], Some(0))), Ok(1))
}

/// For what the kernel reports as urgent data: changes of some of its own files.
pub fn urgent(fd: i32) -> PollFd {
    PollFd { fd, events: libc::POLLPRI, revents: 0 }
}

/// Lets others go on, of whatever priority: sched_yield() lets no thread of a
/// lower one run.
#[cold]
pub fn pause() {
    let _ = poll(&mut [], Some(50_000));
}

/// Lets other threads that wait for this CPU go on first.
pub fn give_way() {
    // SAFETY: takes nothing, cannot fail.
    unsafe { libc::sched_yield() };
}

/// Waits until one of `fds` is ready or `nanoseconds` have passed (`None`: no
/// timeout). Returns how many are ready; EINTR when a signal came. It never lets a
/// blocked signal in.
pub fn poll(fds: &mut [PollFd], nanoseconds: Option<u64>) -> Result<usize> {
    if nanoseconds != Some(0) {
        hook::at(Point::Sleeping);
    }
    let limit = nanoseconds.map(|ns| libc::timespec {
        tv_sec: (ns / 1_000_000_000) as _,
        tv_nsec: (ns % 1_000_000_000) as _,
    });
    let limit = limit.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
    // SAFETY: a live slice with its length; a live timespec, or NULL; no mask.
    let ready = unsafe {
        libc::ppoll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, limit, core::ptr::null())
    };
    match check_int(ready) {
        // More entries than RLIMIT_NOFILE.
        // SAFETY: a live timespec, or NULL.
        Err(Errno::EINVAL) => unsafe { super::select::select(fds, limit) },
        other => other.map(|count| count as usize),
    }
}
