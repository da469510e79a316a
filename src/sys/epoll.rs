//! epoll: many descriptors, one of which tells which are ready.

use super::fd::OwnedFd;
use super::{Errno, Result, check_int};

pub fn create() -> Result<OwnedFd> {
    // SAFETY: numbers only.
    check_int(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })
        .and_then(|fd| OwnedFd::own(fd).above_standard())
}

/// Tells once, with `data`, when `fd` becomes readable, or at once if it is.
///
/// Once only: a cloned child may hold the last reference to a pidfd that its
/// parent has closed, and its registration lives on as long as that.
pub fn add_once(epoll: i32, fd: i32, data: u64) -> Result<()> {
    control(epoll, libc::EPOLL_CTL_ADD, fd, data)
}

/// Tells of `fd` once more.
pub fn again(epoll: i32, fd: i32, data: u64) -> Result<()> {
    control(epoll, libc::EPOLL_CTL_MOD, fd, data)
}

fn control(epoll: i32, operation: i32, fd: i32, data: u64) -> Result<()> {
    let events = (libc::EPOLLIN | libc::EPOLLONESHOT) as u32;
    let mut event = libc::epoll_event { events, u64: data };
    // SAFETY: reads one event from a live local.
    check_int(unsafe { libc::epoll_ctl(epoll, operation, fd, &mut event) }).map(drop)
}

/// The `data` of one that is ready, or will be within `ms` milliseconds (-1: no
/// limit); `None` if none is, or a signal came.
pub fn next(epoll: i32, ms: i32) -> Result<Option<u64>> {
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    // SAFETY: writes at most one event into a live local.
    match check_int(unsafe { libc::epoll_wait(epoll, &mut event, 1, ms) }) {
        Ok(0) | Err(Errno::EINTR) => Ok(None),
        Ok(_) => Ok(Some(event.u64)),
        Err(errno) => Err(errno),
    }
}
