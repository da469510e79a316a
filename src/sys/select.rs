//! poll's work by pselect, which RLIMIT_NOFILE does not limit: poll refuses more
//! entries than the process may have descriptors, even if it has them open.

use super::{Errno, Result, check_int};
use core::ffi::c_ulong;

const WORD: usize = c_ulong::BITS as usize;

/// One bit per descriptor, laid out as the kernel has it.
#[derive(Default)]
struct Set([c_ulong; libc::FD_SETSIZE / WORD]);

impl Set {
    /// EINVAL for a descriptor that has no bit.
    fn add(&mut self, fd: usize) -> Result<()> {
        let word = self.0.get_mut(fd / WORD).ok_or(Errno::EINVAL)?;
        *word |= 1 << (fd % WORD);
        Ok(())
    }

    fn has(&self, fd: usize) -> bool {
        self.0.get(fd / WORD).is_some_and(|word| word >> (fd % WORD) & 1 != 0)
    }

    fn as_ptr(&mut self) -> *mut libc::fd_set {
        (&raw mut self.0).cast()
    }
}

const KINDS: [i16; 3] = [libc::POLLIN, libc::POLLOUT, libc::POLLPRI];

/// As `poll::poll`, for descriptors below FD_SETSIZE. An end without an event is
/// not seen.
///
/// # Safety
/// `limit` must be NULL or valid.
#[cold]
#[inline(never)]
pub unsafe fn select(fds: &mut [libc::pollfd], limit: *const libc::timespec) -> Result<usize> {
    let mut sets = [Set::default(), Set::default(), Set::default()];
    let mut count = 0usize;
    for one in fds.iter() {
        let Ok(fd) = usize::try_from(one.fd) else { continue };
        for (set, kind) in sets.iter_mut().zip(KINDS) {
            if one.events & kind != 0 {
                set.add(fd)?;
            }
        }
        count = count.max(fd.wrapping_add(1));
    }
    let [reads, writes, others] = sets.each_mut().map(Set::as_ptr);
    let mask = core::ptr::null();
    // SAFETY: three live sets with a bit for every number below `count`; the limit
    // by this function's contract.
    check_int(unsafe { libc::pselect(count as i32, reads, writes, others, limit, mask) })?;
    let mut ready = 0usize;
    for one in fds {
        one.revents = 0;
        let Ok(fd) = usize::try_from(one.fd) else { continue };
        for (set, kind) in sets.iter().zip(KINDS) {
            one.revents |= if set.has(fd) { one.events & kind } else { 0 };
        }
        ready = ready.wrapping_add((one.revents != 0) as usize);
    }
    Ok(ready)
}

const _: () = assert!(size_of::<Set>() == size_of::<libc::fd_set>());
