//! Descriptors. All that are born here are close-on-exec, and none of them is
//! 0, 1 or 2: a program whose stdout is closed must not find a pipe there.

use super::{Errno, Result, check_int, raw};
use core::ffi::CStr;
use core::sync::atomic::AtomicI32;

/// A descriptor that is closed when it goes.
pub struct OwnedFd(i32);

impl OwnedFd {
    /// Takes over `fd`, which must be open and nobody else's to close.
    pub fn own(fd: i32) -> OwnedFd {
        OwnedFd(fd)
    }

    /// The same for one that the kernel gave the lowest free number: it is moved
    /// above the three standard ones, if there is room.
    pub fn own_above(fd: i32) -> OwnedFd {
        if fd > 2 {
            return OwnedFd(fd);
        }
        let fd = OwnedFd(fd);
        match raw::dup_above(fd.0, 3) {
            Ok(moved) => OwnedFd(moved),
            Err(_) => fd,
        }
    }

    pub fn number(&self) -> i32 {
        self.0
    }

    /// Another descriptor of the same open file.
    pub fn duplicate(&self) -> Result<OwnedFd> {
        raw::dup_above(self.0, 3).map(OwnedFd)
    }

    /// Changes the owner of the open file.
    pub fn give_to(&self, uid: u32) -> Result<()> {
        // SAFETY: numbers only; -1 leaves the group.
        check_int(unsafe { libc::fchown(self.0, uid, !0) }).map(drop)
    }

    /// Gives the descriptor up without closing it.
    pub fn release(self) -> i32 {
        let fd = self.0;
        core::mem::forget(self);
        fd
    }

    /// The same open file at a number above the three standard ones.
    pub fn above_standard(self) -> Result<OwnedFd> {
        if self.0 > 2 { Ok(self) } else { raw::dup_above(self.0, 3).map(OwnedFd) }
    }
}

impl Drop for OwnedFd {
    fn drop(&mut self) {
        close(self.0);
    }
}

/// Closes `fd`. On Linux the descriptor is gone whatever the call answers, EINTR
/// included, so there is nothing to report and nothing to repeat.
pub fn close(fd: i32) {
    // SAFETY: an int; the kernel checks it. That it is ours to close is the
    // promise of `OwnedFd` and of the table.
    unsafe { libc::close(fd) };
}

/// A pipe, (read end, write end).
pub fn pipe(flags: i32) -> Result<(OwnedFd, OwnedFd)> {
    let mut ends = [-1i32; 2];
    // SAFETY: writes two ints into a live array.
    check_int(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | flags) })?;
    let (read, write) = (OwnedFd(ends[0]), OwnedFd(ends[1]));
    Ok((read.above_standard()?, write.above_standard()?))
}

/// However large the file: a 32-bit program has to ask for that.
pub fn open(path: &CStr, flags: i32, mode: u32) -> Result<OwnedFd> {
    let flags = flags | libc::O_CLOEXEC | libc::O_LARGEFILE;
    // A FIFO or a tape may block in open, and a signal may interrupt it.
    let fd = super::retry(|| {
        // SAFETY: a live NUL-terminated path; the mode is passed always.
        check_int(unsafe { libc::open(path.as_ptr(), flags, mode) })
    })?;
    OwnedFd(fd).above_standard()
}

/// Opens a file that is there, below an open directory.
pub fn open_at(directory: i32, path: &CStr, flags: i32) -> Result<OwnedFd> {
    raw::open_at(directory, path, flags | libc::O_CLOEXEC).map(OwnedFd::own_above)
}

pub fn is_open(fd: i32) -> bool {
    // SAFETY: F_GETFD takes no further argument and only asks.
    unsafe { libc::fcntl(fd, libc::F_GETFD) >= 0 }
}

/// Reads what is there; 0 at the end.
pub fn read(fd: i32, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: a live slice.
    unsafe { read_raw(fd, buffer.as_mut_ptr(), buffer.len()) }
}

/// The same into memory that holds nothing yet.
///
/// # Safety
/// `place` must be valid for writes of `size` bytes.
pub unsafe fn read_raw(fd: i32, place: *mut u8, size: usize) -> Result<usize> {
    // SAFETY: by this function's contract.
    let got = unsafe { libc::read(fd, place.cast(), size) };
    super::check(got as i64).map(|count| count as usize)
}

/// Reads from the beginning, wherever the descriptor is.
pub fn read_at_start(fd: i32, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: writes at most `len` bytes into a live slice.
    let got = unsafe { libc::pread(fd, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
    super::check(got as i64).map(|count| count as usize)
}

/// Fills `buffer` from `fd` and says how much came before the end.
pub fn read_full(fd: i32, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0usize;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match super::retry(|| read(fd, rest))? {
            0 => break,
            count => filled = filled.wrapping_add(count),
        }
    }
    Ok(filled)
}

/// Fills `words`, as they were written by one call; false at the end.
pub fn read_words(fd: i32, words: &[AtomicI32]) -> Result<bool> {
    let place = words.as_ptr().cast_mut().cast();
    // SAFETY: the kernel writes at most that many bytes into a live slice of
    // atomics, for which any bytes are a value.
    let got = super::retry(|| unsafe { read_raw(fd, place, size_of_val(words)) })?;
    Ok(got == size_of_val(words))
}

pub fn write(fd: i32, bytes: &[u8]) -> Result<usize> {
    // SAFETY: reads at most `len` bytes of a live slice.
    let put = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
    super::check(put as i64).map(|count| count as usize)
}

/// The flags of the open file description, which O_NONBLOCK is one of.
pub fn mode(fd: i32) -> Result<i32> {
    // SAFETY: numbers only.
    check_int(unsafe { libc::fcntl(fd, libc::F_GETFL) })
}

pub fn set_mode(fd: i32, mode: i32) -> Result<()> {
    // SAFETY: numbers only.
    check_int(unsafe { libc::fcntl(fd, libc::F_SETFL, mode) }).map(drop)
}

/// How many bytes lie in a pipe.
pub fn unread(fd: i32) -> Result<usize> {
    let mut count = 0i32;
    // SAFETY: FIONREAD writes one int into a live local.
    check_int(unsafe { libc::ioctl(fd, libc::FIONREAD, &raw mut count) })?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// The target of a symbolic link, cut to the buffer.
pub fn read_link(path: &CStr, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: a live string, and at most `len` bytes into a live slice.
    let size = unsafe { libc::readlink(path.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    super::check(size as i64).map(|size| size as usize)
}

/// What a descriptor leads to, as far as writing to it goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// On a disk, or /dev/null: it never makes its writer wait for a reader.
    Regular,
    Pipe,
    /// A terminal, a socket, a device.
    Other,
}

const DEV_NULL: libc::dev_t = libc::makedev(1, 3);

// With 32 bit glibc's plain fstat has no room for the size of a large file, nor
// for an inode number of some file systems, and fails.
#[cfg(not(all(target_env = "gnu", target_pointer_width = "32")))]
use libc::{fstat, stat};
#[cfg(all(target_env = "gnu", target_pointer_width = "32"))]
use libc::{fstat64 as fstat, stat64 as stat};

pub fn kind(fd: i32) -> Result<Kind> {
    let mut about = core::mem::MaybeUninit::<stat>::zeroed();
    // SAFETY: writes one stat into a live local, of which zero is a value.
    let about = unsafe {
        check_int(fstat(fd, about.as_mut_ptr()))?;
        about.assume_init()
    };
    Ok(match about.st_mode & libc::S_IFMT {
        libc::S_IFREG => Kind::Regular,
        libc::S_IFCHR if about.st_rdev == DEV_NULL => Kind::Regular,
        libc::S_IFIFO => Kind::Pipe,
        _ => Kind::Other,
    })
}

/// Checked before a child is started with it.
pub fn require_open(fd: i32) -> Result<()> {
    if fd >= 0 && is_open(fd) { Ok(()) } else { Err(Errno::EBADF) }
}
