//! PID namespaces.

use super::fd::{self, OwnedFd};
use super::{Errno, Result, check_int, host, pidfd};

/// Whether the calling thread has unshared its PID namespace, and the new one has
/// no init yet: its first process will be that.
pub fn lacks_init() -> bool {
    for_children().is_ok_and(is_without_init) || is_without_name()
}

/// _IO(0xFF, 6), the generic encoding.
const PIDFD_GET_PID_FOR_CHILDREN_NAMESPACE: u64 = (0xFF << 8) | 6;
/// _IOR(0xB7, 6, int), the generic encoding.
const NS_GET_PID_FROM_PIDNS: u64 = (2 << 30) | ((size_of::<i32>() as u64) << 16) | (0xB7 << 8) | 6;

/// The namespace that a child of the calling thread is born into. Linux 6.11, and
/// with no /proc.
fn for_children() -> Result<OwnedFd> {
    let thread = pidfd::open_thread(host::thread())?;
    // SAFETY: a request without an argument. On a kernel without it: ENOTTY or EINVAL.
    let namespace =
        unsafe { libc::ioctl(thread.number(), PIDFD_GET_PID_FOR_CHILDREN_NAMESPACE as _, 0) };
    check_int(namespace).map(OwnedFd::own_above)
}

/// Asks for its process 1.
fn is_without_init(namespace: OwnedFd) -> bool {
    // SAFETY: the argument is a number. On a kernel without it: ENOTTY.
    let init = unsafe { libc::ioctl(namespace.number(), NS_GET_PID_FROM_PIDNS as _, 1) };
    check_int(init) == Err(Errno::ESRCH)
}

/// From 4.12 to 6.18 at least, Linux has no name for a namespace that lacks its init, but
/// always one for that of the thread itself. (7.2 has a name for both.)
fn is_without_name() -> bool {
    let has_name = |path| fd::read_link(path, &mut [0; 32]);
    has_name(c"/proc/thread-self/ns/pid_for_children") == Err(Errno::ENOENT)
        && has_name(c"/proc/thread-self/ns/pid").is_ok()
}
