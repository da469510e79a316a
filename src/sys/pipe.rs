//! Pipes: how much they hold, and writing without waiting for their readers.

use super::{Result, check, check_int};
use core::ffi::c_long;

/// Since Linux 2.6.35.
pub fn size(fd: i32) -> Result<i32> {
    // SAFETY: numbers only.
    check_int(unsafe { libc::fcntl(fd, libc::F_GETPIPE_SZ) })
}

/// EBUSY if more than that lies in it; EPERM beyond what a user may have. Like
/// every call on a pipe, this waits for a thread that is inside a read or a write of it.
pub fn set_size(fd: i32, size: i32) -> Result<()> {
    // SAFETY: numbers only.
    check_int(unsafe { libc::fcntl(fd, libc::F_SETPIPE_SZ, size) }).map(drop)
}

/// Writes what there is room for now, even in blocking mode, EAGAIN if there is
/// none. For pipes and sockets since Linux 6.4; EOPNOTSUPP before, and for other
/// files.
pub fn write_now(fd: i32, bytes: &[u8]) -> Result<usize> {
    let whole = libc::iovec { iov_base: bytes.as_ptr() as *mut _, iov_len: bytes.len() };
    // Each as wide as a register: nobody knows what else would be in the rest of it.
    let [fd, one, here, flags] = [fd, 1, -1, libc::RWF_NOWAIT].map(|number| number as c_long);
    // SAFETY: one live iovec about a live slice, which is only read. The position,
    // in two halves, is -1: where the file is.
    let put = unsafe { libc::syscall(libc::SYS_pwritev2, fd, &whole, one, here, here, flags) };
    check(put as i64).map(|count| count as usize)
}
