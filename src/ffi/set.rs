use super::spawn::chld_id;
use super::wait::chld_event;
use super::{quietly, to_c, valid, write_out};
use crate::pin::Pin;
use crate::set::{self, SetPin};
use crate::sys::Errno;
use core::ffi::{c_int, c_void};

/// A set of children whose ends are told one by one, as a number. As a child's
/// handle, it is -EBADF once it is closed.
pub type chld_set = u64;

/// Use SIGCHLD and a self-pipe though the kernel has pidfds.
pub const CHLD_SET_SIGCHLD: u32 = 1;

/// Opens a set: a queue of ends, with a descriptor for any event loop. Sets are
/// independent of each other: a child may be in several, and each tells of it.
///
/// `flags`: 0, or CHLD_SET_SIGCHLD.
/// `ret`: where the set goes. Not NULL.
///
/// With pidfds it is one epoll descriptor: no signal handler, and an end costs
/// the same however many children live. Without, or by request, it keeps the
/// SIGCHLD handler installed until chld_set_close(), and is the read end of a
/// pipe; at least one thread must then have SIGCHLD unblocked.
///
/// Returns 0, -EINVAL for unknown flags or a NULL `ret`, -EMFILE, -ENFILE,
/// -ENOMEM, -EAGAIN without descriptors, memory, or room for another set, -EBUSY
/// if four foreign SIGCHLD handlers lie on top of ours.
/// Ownership: the set is the caller's, until chld_set_close().
/// Thread-safe, not async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_set_open(flags: u32, ret: *mut chld_set) -> c_int {
    quietly(|| {
        if flags & !CHLD_SET_SIGCHLD != 0 || ret.is_null() {
            return Err(Errno::EINVAL);
        }
        let set = set::open(flags & CHLD_SET_SIGCHLD != 0)?;
        // SAFETY: valid, by the header.
        unsafe { write_out(ret, set.handle()) };
        Ok(0)
    })
}

/// Puts a child into a set. If it has ended already, the set tells so at once.
/// chld_close() of the child takes it out.
///
/// Returns 0, -EEXIST if it is in this set already, -EBADF if one of the two is
/// none, -ENOSPC at the system's limit for epoll, -ENOMEM, -EAGAIN without memory
/// or room; -ENOSYS if the child has no pidfd, as one that was started when no
/// descriptor was left: a set opened with CHLD_SET_SIGCHLD takes it.
/// Ownership: both handles stay the caller's.
/// Thread-safe, not async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_set_add(set: chld_set, id: chld_id) -> c_int {
    quietly(|| {
        let child = Pin::new(valid(id)?)?;
        SetPin::new(valid(set)?)?.add(&child).map(|()| 0)
    })
}

/// The descriptor to poll for reading: it stays readable as long as
/// chld_set_next() has something to tell (level-triggered), and now and then for
/// nothing.
///
/// Returns the descriptor, or -EBADF if `set` is none.
/// Ownership: it belongs to the set, and chld_set_close() closes it: do not read
/// it, do not close it.
/// Thread-safe, async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_set_fd(set: chld_set) -> c_int {
    quietly(|| SetPin::new(valid(set)?).map(|set| set.fd()))
}

/// Takes the next end out of a set.
///
/// `ret`: which child, and how it ended (`index` is 0); may be NULL.
///
/// Each child is told once by each set it is in. It is reaped by then, its
/// status stays readable with chld_wait() until chld_close().
///
/// Returns 0, -EAGAIN when there is nothing to tell, -EBADF if `set` is none.
/// Thread-safe: several threads may take from one set. Not async-signal-safe.
/// Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_set_next(set: chld_set, ret: *mut chld_event) -> c_int {
    quietly(|| {
        let event = SetPin::new(valid(set)?)?.next()?;
        let event = chld_event {
            id: event.handle,
            user: event.user as *mut c_void,
            index: 0,
            status: to_c(event.status),
        };
        // SAFETY: NULL or valid, by the header.
        unsafe { write_out(ret, event) };
        Ok(0)
    })
}

/// Closes a set and its descriptor. The children in it are left as they are.
///
/// Returns 0, or -EBADF if `set` is none, or no longer.
/// Thread-safe, not async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_set_close(set: chld_set) -> c_int {
    quietly(|| SetPin::new(valid(set)?)?.close().map(|()| 0))
}
