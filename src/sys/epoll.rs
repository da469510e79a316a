//! epoll: many descriptors, and one that becomes readable when one of them is ready.

use super::fd::OwnedFd;
use super::hook::{self, Point};
use super::{Errno, Result, check_int};

pub fn create() -> Result<OwnedFd> {
    // SAFETY: numbers only.
    check_int(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })
        .and_then(|fd| OwnedFd::own(fd).above_standard())
}

/// Reports, with `data`, as long as `fd` is readable.
pub fn add(epoll: i32, fd: i32, data: u64) -> Result<()> {
    control(epoll, libc::EPOLL_CTL_ADD, fd, libc::EPOLLIN, data)
}

/// The same for what `poll` would be asked, in `events`; 0 takes it out of the reports.
pub fn set_events(epoll: i32, fd: i32, events: i16, is_new: bool) -> Result<()> {
    let operation = if is_new { libc::EPOLL_CTL_ADD } else { libc::EPOLL_CTL_MOD };
    control(epoll, operation, fd, events as i32, 0)
}

/// Reports once, with `data`, when `fd` becomes readable, or at once if it is.
///
/// Once only: a forked copy may hold the last reference to a pidfd that its original
/// has closed, and the registration lives as long as that.
pub fn add_once(epoll: i32, fd: i32, data: u64) -> Result<()> {
    control(epoll, libc::EPOLL_CTL_ADD, fd, libc::EPOLLIN | libc::EPOLLONESHOT, data)
}

/// Reports `fd` once more.
pub fn again(epoll: i32, fd: i32, data: u64) -> Result<()> {
    control(epoll, libc::EPOLL_CTL_MOD, fd, libc::EPOLLIN | libc::EPOLLONESHOT, data)
}

/// Adds a bell: a readable descriptor that is reported until it is silenced.
pub fn add_bell(epoll: i32, bell: i32, data: u64) -> Result<()> {
    control(epoll, libc::EPOLL_CTL_ADD, bell, 0, data)
}

/// No read and no write: they could block, or reach another file, if the program has
/// closed the number.
pub fn ring_bell(epoll: i32, bell: i32, data: u64, on: bool) {
    let _ = control(epoll, libc::EPOLL_CTL_MOD, bell, if on { libc::EPOLLIN } else { 0 }, data);
}

pub fn remove(epoll: i32, fd: i32) {
    let _ = control(epoll, libc::EPOLL_CTL_DEL, fd, 0, 0);
}

fn control(epoll: i32, operation: i32, fd: i32, events: i32, data: u64) -> Result<()> {
    let mut event = libc::epoll_event { events: events as u32, u64: data };
    // SAFETY: reads one event from a live local.
    check_int(unsafe { libc::epoll_ctl(epoll, operation, fd, &mut event) }).map(drop)
}

/// The `data` of one that is ready, or will be within `ms` milliseconds (-1: no
/// limit); `None` if none is, or a signal came.
pub fn next(epoll: i32, ms: i32) -> Result<Option<u64>> {
    if ms != 0 {
        hook::at(Point::Sleeping);
    }
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    // SAFETY: writes at most one event into a live local.
    match check_int(unsafe { libc::epoll_wait(epoll, &mut event, 1, ms) }) {
        Ok(0) | Err(Errno::EINTR) => Ok(None),
        Ok(_) => Ok(Some(event.u64)),
        Err(errno) => Err(errno),
    }
}
