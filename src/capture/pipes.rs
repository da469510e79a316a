//! A call's hold on the parent's ends of a child's pipes.

use crate::children::child::Child;
use crate::children::state::{self, State};
use crate::sys::fd;
use crate::sys::{Errno, Result, host, pipe};
use core::cell::Cell;
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// While one lives, the ends do not block, and no other call moves bytes there.
/// That changes nothing for the child: the two ends of a pipe are files of
/// their own.
pub struct Pipes {
    pub child: Child,
    fds: [Cell<Option<i32>>; 3],
    /// The mode they were in before, where that was a blocking one.
    blocking: [Option<i32>; 3],
    sizes: [Cell<Size>; 3],
}

/// How much a pipe holds.
#[derive(Clone, Copy)]
enum Size {
    AsItWas,
    EnlargedFrom(i32),
    /// It could not be enlarged, or is large enough.
    Settled,
}

/// What an enlarged pipe holds: enough for both sides to be at work at the same
/// time. With 64 KiB each of them sleeps until the other is done.
const ENLARGED: i32 = 256 * 1024;

impl Pipes {
    /// EBUSY if another call has them. With `none`, they are left alone: only the child
    /// must be stopped.
    pub fn hold(handle: u64, none: bool) -> Result<Pipes> {
        let mut section = state::enter_if_used()?;
        section.sweep();
        let child = Child::enter(&mut section, handle, true)?;
        let fds = claim(&mut section, child.index(), none);
        if fds.is_err() {
            child.leave(&mut section);
        }
        drop(section); // before the child
        let fds = fds?.map(Cell::new);
        let sizes = [const { Cell::new(Size::AsItWas) }; 3];
        let mut pipes = Pipes { child, fds, blocking: [None; 3], sizes };
        // All first: three ends of one pseudo-terminal have one mode between them.
        let fds = [0, 1, 2].map(|stream| pipes.fd(stream));
        for (place, fd) in pipes.blocking.iter_mut().zip(fds) {
            *place = fd.map(fd::mode).transpose()?.filter(|mode| mode & libc::O_NONBLOCK == 0);
        }
        for (fd, mode) in fds.into_iter().zip(pipes.blocking) {
            if let (Some(fd), Some(mode)) = (fd, mode) {
                fd::set_mode(fd, mode | libc::O_NONBLOCK)?;
            }
        }
        Ok(pipes)
    }

    pub fn fd(&self, stream: usize) -> Option<i32> {
        self.fds.get(stream)?.get()
    }

    /// Whether these two are ends of one pseudo-terminal: a child has one at most.
    pub fn share_terminal(&self, one: usize, other: usize) -> Result<bool> {
        let Some((one, other)) = self.fd(one).zip(self.fd(other)) else { return Ok(false) };
        Ok(fd::kind(one)? == fd::Kind::Other && fd::kind(other)? == fd::Kind::Other)
    }

    /// Makes a pipe hold more, at the first call for it. Only the speed depends on
    /// that, so a refusal is no error.
    pub fn enlarge(&self, stream: usize) {
        let (Some(fd), Some(size)) = (self.fd(stream), self.sizes.get(stream)) else { return };
        if !matches!(size.get(), Size::AsItWas) {
            return;
        }
        size.set(Size::Settled);
        let Ok(before @ ..ENLARGED) = pipe::size(fd) else { return };
        if !count_one() {
            return;
        }
        match pipe::set_size(fd, ENLARGED) {
            Ok(()) => size.set(Size::EnlargedFrom(before)),
            Err(_) => uncount_one(),
        }
    }

    /// The size that it had before, if it was enlarged; it counts no more.
    fn forget_size(&self, stream: usize) -> Option<i32> {
        match self.sizes.get(stream)?.replace(Size::Settled) {
            Size::EnlargedFrom(before) => {
                uncount_one();
                Some(before)
            }
            _ => None,
        }
    }

    /// The child sees the end of its input, or that nobody reads.
    pub fn close(&self, stream: usize) {
        self.forget_size(stream);
        let Some(fd) = self.fds.get(stream).and_then(Cell::take) else { return };
        let Some(mut section) = state::enter_surely() else { return };
        let slot = section.slots.get(self.child.index());
        let place = slot.and_then(|slot| slot.streams.get_mut(stream));
        let taken = place.filter(|place| place.get() == Some(fd)).and_then(|place| place.take());
        section.closing.push(taken);
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        for (stream, mode) in self.blocking.iter().enumerate() {
            let before = self.forget_size(stream);
            let Some(fd) = self.fd(stream) else { continue };
            if let Some(before) = before {
                let _ = pipe::set_size(fd, before); // EBUSY if more than that is in it
            }
            if let Some(mode) = mode {
                let _ = fd::set_mode(fd, *mode);
            }
        }
        let Some(mut section) = state::enter_surely() else { return };
        if let Some(slot) = section.slots.get(self.child.index()) {
            (slot.is_captured, slot.moves_bytes) = (false, false);
        }
        self.child.leave(&mut section);
    }
}

fn claim(state: &mut State, index: u32, none: bool) -> Result<[Option<i32>; 3]> {
    let slot = state.slots.get(index).ok_or(Errno::EBADF)?;
    if core::mem::replace(&mut slot.is_captured, true) {
        return Err(Errno::EBUSY);
    }
    slot.moves_bytes = !none;
    Ok(slot.streams.each_ref().map(|stream| stream.get().filter(|_| !none)))
}

/// How many pipes of this process are enlarged, with its pid above: a forked copy
/// has none. Beyond pipe-user-pages-soft, which is 64 MiB unless somebody changes
/// that, every new pipe of the user holds two pages.
static COUNT: AtomicU64 = AtomicU64::new(0);
const MOST: u32 = 16;

fn count_one() -> bool {
    let me = (host::pid() as u64) << 32;
    let one_more = |word: u64| {
        let count = if word >> 32 << 32 == me { word as u32 } else { 0 };
        (count < MOST).then(|| me | u64::from(count.wrapping_add(1)))
    };
    COUNT.fetch_update(SeqCst, SeqCst, one_more).is_ok()
}

fn uncount_one() {
    let one_less = |word: u64| (word as u32 != 0).then(|| word.wrapping_sub(1));
    let _ = COUNT.fetch_update(SeqCst, SeqCst, one_less);
}
