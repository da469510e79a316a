//! The child's half: a descriptor table of its own, with the caller's choice in
//! its places.

use super::failure::{At, Failure, Step};
use super::plan::{CLOSE, Plan};
use crate::sys::directory;
use crate::sys::raw::{self, CLOSE_RANGE_CLOEXEC, CLOSE_RANGE_UNSHARE};
use crate::sys::{Errno, Result};

impl Plan<'_> {
    /// Makes the table the child's own, and everything in it but 0, 1 and 2
    /// close at exec. (What the caller mapped is opened up again afterwards.)
    pub fn isolate_descriptors(&self) -> Result<()> {
        if self.shares_descriptors {
            // One call leaves the table behind: only what lies below is copied,
            // so the parent's open descriptors cost nothing. Since Linux 5.9.
            let above = self.highest_needed.wrapping_add(1) as u32;
            if raw::close_range(above, !0, CLOSE_RANGE_UNSHARE).is_err() {
                raw::unshare_descriptors()?;
            } else if self.highest_needed <= 2 {
                return Ok(());
            }
        }
        if self.request.inherit_fds {
            return Ok(());
        }
        // CLOSE_RANGE_CLOEXEC since Linux 5.11.
        if raw::close_range(3, !0, CLOSE_RANGE_CLOEXEC).is_err() && mark_listed().is_err() {
            mark_possible();
        }
        Ok(())
    }

    /// All moves take effect at once: what would be overwritten before its turn
    /// is first copied out of the way.
    pub fn place_descriptors(&self) -> Result<(), Failure> {
        for kept in &self.kept {
            let number = kept.number();
            if number >= 0 && self.moves.iter().any(|one| one.target == number) {
                kept.move_to(self.out_of_the_way(number).at(Step::Descriptors, 0)?);
            }
        }
        for one in self.moves.iter().filter(|one| one.relocate && one.source() != CLOSE) {
            let copy = self.out_of_the_way(one.source());
            one.source.move_to(copy.map_err(|errno| one.failed(errno))?);
        }
        for one in self.moves {
            let placed = match one.source() {
                CLOSE => raw::close(one.target).or_else(already_closed),
                source if source == one.target => raw::set_close_on_exec(source, false),
                source => raw::dup_onto(source, one.target),
            };
            placed.map_err(|errno| one.failed(errno))?;
        }
        Ok(())
    }

    /// A copy of `fd` that is no target. There are free numbers between the
    /// targets more often than above them, where the limit may be.
    fn out_of_the_way(&self, fd: i32) -> Result<i32> {
        let mut least = 3;
        loop {
            let copy = raw::dup_above(fd, least)?;
            if !self.moves.iter().any(|one| one.target == copy) {
                return Ok(copy);
            }
            let _ = raw::close(copy);
            least = copy.wrapping_add(1);
        }
    }
}

/// To have closed what was not open is what was wanted.
fn already_closed(errno: Errno) -> Result<()> {
    if errno == Errno::EBADF { Ok(()) } else { Err(errno) }
}

/// Without close_range: asks /proc which descriptors are open. Not a loop to
/// RLIMIT_NOFILE, which may be a billion.
#[inline(never)]
fn mark_listed() -> Result<()> {
    let listed = raw::open(c"/proc/self/fd", libc::O_RDONLY | libc::O_DIRECTORY)?;
    let result = directory::each(listed, |entry| {
        if let Some(fd) = entry.number().filter(|fd| *fd > 2) {
            let _ = raw::set_close_on_exec(fd, true);
        }
        Ok(())
    });
    let _ = raw::close(listed);
    result
}

/// Without /proc either: the numbers that programs use in practice.
fn mark_possible() {
    const BOUND: i32 = 65536;
    for fd in 3..BOUND {
        let _ = raw::set_close_on_exec(fd, true);
    }
}
