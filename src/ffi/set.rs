use super::spawn::chld_id;
use super::wait::{chld_event, event_to_c};
use super::{quietly, valid, write_out};
use crate::sys::deadline::Deadline;
use crate::notify::set;
use crate::sys::Errno;
use core::ffi::c_int;

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
        unsafe { write_out(ret, set) };
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
    quietly(|| set::add(valid(set)?, valid(id)?).map(|()| 0))
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
    quietly(|| set::descriptor(valid(set)?))
}

/// Takes the next end out of a set, if there is one.
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
        let event = set::next(valid(set)?, Deadline::Now);
        let event = event.map_err(|errno| match errno {
            Errno::ETIMEDOUT => Errno::EAGAIN,
            other => other,
        })?;
        // SAFETY: NULL or valid, by the header.
        unsafe { write_out(ret, event_to_c(&event)) };
        Ok(0)
    })
}

/// Takes the next end out of a set, as chld_set_next() does, and waits for it.
///
/// `timeout_ms`: as for chld_wait().
/// `ret`: which child, and how it ended (`index` is 0); may be NULL.
///
/// For a program that has no event loop: one call per end, however many children
/// live. Children may be added meanwhile, by other threads. Closing the set does
/// not wake it.
///
/// Returns 0, -ETIMEDOUT if no child has ended by then, -EBADF if `set` is none,
/// -EINVAL if `timeout_ms` is below -1.
/// Thread-safe: several threads may wait for one set. Not async-signal-safe.
/// Blocks, no longer than it is told to. Not a cancellation point. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_set_wait(
    set: chld_set,
    timeout_ms: c_int,
    ret: *mut chld_event,
) -> c_int {
    quietly(|| {
        let event = set::next(valid(set)?, Deadline::after_ms(timeout_ms)?)?;
        // SAFETY: NULL or valid, by the header.
        unsafe { write_out(ret, event_to_c(&event)) };
        Ok(0)
    })
}

/// Closes a set and its descriptor. The children in it are left as they are.
///
/// Returns 0, or -EBADF if `set` is none, or no longer.
/// Thread-safe, not async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_set_close(set: chld_set) -> c_int {
    quietly(|| set::close(valid(set)?).map(|()| 0))
}
