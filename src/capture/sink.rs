//! What becomes of a stream's bytes.

use crate::sys::heap::Growing;
use crate::sys::poll;
use crate::sys::signal::SigpipeHeld;
use crate::sys::splice::splice;
use crate::sys::{Errno, Result, fd};
use core::ffi::{c_char, c_int, c_void};
use core::mem::swap;

/// Is given bytes; anything but 0 asks to stop.
pub type Take = extern "C" fn(*mut c_void, *const c_char, usize) -> c_int;

pub enum Sink<'a> {
    Nothing,
    Buffer(Buffer<'a>),
    Growing { bytes: Growing, most: usize },
    Callback { take: Take, argument: *mut c_void },
    Fd(Descriptor),
}

/// Why a sink takes nothing more.
pub enum Refusal {
    /// The callback said so.
    Stopped(i32),
    Failed(Errno),
}

impl Sink<'_> {
    /// Takes bytes that nothing read into its own memory; says how many of them
    /// are kept. A full buffer takes everything and keeps what it is there to keep.
    pub fn take(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        match self {
            Sink::Nothing | Sink::Growing { .. } => Ok(0),
            Sink::Buffer(buffer) => Ok(buffer.take(bytes)),
            Sink::Callback { take, argument } => {
                let answer = take(*argument, bytes.as_ptr().cast(), bytes.len());
                if answer == 0 { Ok(bytes.len()) } else { Err(Refusal::Stopped(answer)) }
            }
            Sink::Fd(descriptor) => descriptor.write(bytes).map_err(Refusal::Failed),
        }
    }
}

/// A fixed buffer: its first part keeps the first bytes, the rest is a ring
/// that keeps the last. Without a ring it keeps the head, without a first part
/// the tail.
pub struct Buffer<'a> {
    bytes: &'a mut [u8],
    head: usize,
    filled: usize,
    /// Where the ring's oldest byte is, once all is filled.
    oldest: usize,
}

impl<'a> Buffer<'a> {
    /// `head` is at most the length of `bytes`.
    pub fn new(bytes: &'a mut [u8], head: usize) -> Buffer<'a> {
        Buffer { head: head.min(bytes.len()), bytes, filled: 0, oldest: 0 }
    }

    /// Where nothing was put yet.
    pub fn room(&self) -> usize {
        self.bytes.len().saturating_sub(self.filled)
    }

    /// Reads so much into that.
    pub fn read(&mut self, fd: i32, most: usize) -> Result<usize> {
        let place = self.bytes.get_mut(self.filled..self.filled.wrapping_add(most));
        let count = fd::read(fd, place.unwrap_or_default())?;
        self.filled = self.filled.wrapping_add(count);
        Ok(count)
    }

    /// Says by how much the buffer is fuller now.
    fn take(&mut self, bytes: &[u8]) -> usize {
        let count = copy(self.bytes.get_mut(self.filled..), bytes);
        self.filled = self.filled.wrapping_add(count);
        let mut bytes = bytes.get(count..).unwrap_or_default();
        let Some(ring) = self.bytes.get_mut(self.head..) else { return count };
        // Only the last bytes can stay; older ones would be overwritten.
        if let Some(last) = bytes.len().checked_sub(ring.len()) {
            bytes = bytes.get(last..).unwrap_or_default();
            self.oldest = 0;
        }
        while !bytes.is_empty() {
            let copied = copy(ring.get_mut(self.oldest..), bytes);
            bytes = bytes.get(copied..).unwrap_or_default();
            self.oldest = self.oldest.wrapping_add(copied);
            if self.oldest >= ring.len() {
                self.oldest = 0;
            }
        }
        count
    }

    /// Puts the ring into order: three reversals are a rotation.
    pub fn unroll(&mut self) {
        let Some(ring) = self.bytes.get_mut(self.head..) else { return };
        if let Some((newer, older)) = ring.split_at_mut_checked(self.oldest) {
            reverse(newer);
            reverse(older);
            reverse(ring);
        }
        self.oldest = 0;
    }

    /// NULL if it has no room at all.
    pub fn first(&mut self) -> *mut u8 {
        self.bytes.first_mut().map_or(core::ptr::null_mut(), core::ptr::from_mut)
    }

    /// How many of the kept bytes are the stream's first ones.
    pub fn head_bytes(&self) -> usize {
        self.filled.min(self.head)
    }
}

/// Copies as much as fits; says how much.
fn copy(to: Option<&mut [u8]>, from: &[u8]) -> usize {
    let to = to.unwrap_or_default();
    let count = to.len().min(from.len());
    if let (Some(to), Some(from)) = (to.get_mut(..count), from.get(..count)) {
        to.copy_from_slice(from);
    }
    count
}

/// As the slice's own, which has a bounds check that optimising for size keeps.
fn reverse(bytes: &mut [u8]) {
    if let Some((front, back)) = bytes.split_at_mut_checked(bytes.len() / 2) {
        front.iter_mut().zip(back.iter_mut().rev()).for_each(|(a, b)| swap(a, b));
    }
}

/// A descriptor that the bytes are passed on to.
pub struct Descriptor {
    fd: i32,
    splices: bool,
    /// It may have to wait for somebody who reads.
    waits: bool,
    /// How much it surely takes, or surely does not block on, at once.
    most: usize,
}

const MUCH: usize = 1 << 16;

impl Descriptor {
    pub fn new(fd: i32) -> Result<Descriptor> {
        let kind = fd::kind(fd)?;
        let most = if kind == fd::Kind::Other { libc::PIPE_BUF } else { MUCH };
        Ok(Descriptor { fd, splices: true, waits: kind != fd::Kind::Regular, most })
    }

    pub fn number(&self) -> i32 {
        self.fd
    }

    /// Whether it would take something now. Asked before every write: the
    /// descriptor is the caller's, and may be in blocking mode.
    pub fn is_ready(&self) -> bool {
        !self.waits || poll::is_writable(self.fd)
    }

    /// Moves bytes out of the pipe `from` inside the kernel; 0 at its end. `None`
    /// where that cannot be done: they have to be read and written.
    pub fn splice(&mut self, from: i32, most: usize) -> Option<Result<usize>> {
        if !self.splices {
            return None;
        }
        match splice(from, self.fd, most.min(self.most)) {
            Err(errno) if errno.means_unsupported() => {
                self.splices = false;
                None
            }
            other => Some(other),
        }
    }

    /// What a write takes of bytes that were read: at most PIPE_BUF of them, for
    /// which a descriptor that is ready has room. One in non-blocking mode may
    /// take less; then this fails with EAGAIN, and the rest is lost.
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match SigpipeHeld::run(|| fd::write(self.fd, rest)) {
                Ok(0) => return Err(Errno::EIO), // it takes nothing, and does not say why
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(bytes.len())
    }
}

/// How much may be read at once for a descriptor that cannot be spliced to.
pub const WRITTEN_AT_ONCE: usize = libc::PIPE_BUF;
