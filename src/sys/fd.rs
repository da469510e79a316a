//! Descriptors. All that are born here are close-on-exec, and none of them is
//! 0, 1 or 2: a program whose stdout is closed must not find a pipe there.

use super::zeroed::Zeroed;
use super::{Errno, Result, check_int, inherited, raw};
use core::ffi::CStr;
use core::sync::atomic::AtomicI32;

/// A descriptor that is closed when it goes. A forked copy knows it as the library's.
pub struct OwnedFd(i32);

impl OwnedFd {
    /// Takes over `fd`, which must be open and nobody else's to close.
    pub fn own(fd: i32) -> OwnedFd {
        inherited::add(fd);
        OwnedFd(fd)
    }

    /// The same for one that the kernel gave the lowest free number: it is moved
    /// above the three standard ones, if there is room.
    pub fn own_above(fd: i32) -> OwnedFd {
        let fd = OwnedFd::own(fd);
        if fd.0 > 2 {
            return fd;
        }
        match raw::dup_above(fd.0, 3) {
            Ok(moved) => OwnedFd::own(moved),
            Err(_) => fd,
        }
    }

    pub fn number(&self) -> i32 {
        self.0
    }

    /// Another descriptor of the same open file.
    pub fn duplicate(&self) -> Result<OwnedFd> {
        raw::dup_above(self.0, 3).map(OwnedFd::own)
    }

    /// Changes the owner of the open file.
    pub fn give_to(&self, uid: u32) -> Result<()> {
        // SAFETY: numbers only; -1 leaves the group.
        check_int(unsafe { libc::fchown(self.0, uid, !0) }).map(drop)
    }

    /// Puts the descriptor into a table, without closing it.
    fn release(self) -> i32 {
        let fd = self.0;
        core::mem::forget(self);
        fd
    }

    /// The same open file at a number above the three standard ones.
    pub fn above_standard(self) -> Result<OwnedFd> {
        if self.0 > 2 { Ok(self) } else { self.duplicate() }
    }
}

impl Drop for OwnedFd {
    fn drop(&mut self) {
        close(self.0);
    }
}

/// A descriptor in memory that may be wiped: stored as number + 1, so that zeros
/// mean "none" and not descriptor 0 of a forked copy.
#[derive(Default)]
pub struct Held(i32);

// SAFETY: a number.
unsafe impl Zeroed for Held {}

impl Held {
    pub fn get(&self) -> Option<i32> {
        self.0.checked_sub(1).filter(|fd| *fd >= 0)
    }

    pub fn put(&mut self, fd: OwnedFd) {
        self.0 = fd.release().wrapping_add(1);
    }

    /// The caller closes it.
    pub fn take(&mut self) -> Option<i32> {
        let fd = self.get();
        self.0 = 0;
        fd
    }

    /// It is not the library's any more: given away, or another file by now.
    pub fn give_up(&mut self) -> Option<i32> {
        let fd = self.take();
        fd.into_iter().for_each(inherited::remove);
        fd
    }
}

/// Descriptors that were taken out of the table, and are closed when this goes: that
/// may last as long as a child is inside a write(), so it must not be under the lock.
#[derive(Default)]
pub struct Closing {
    count: usize,
    fds: [i32; Closing::MOST],
}

// SAFETY: numbers.
unsafe impl Zeroed for Closing {}

impl Closing {
    const MOST: usize = 32;

    pub fn push(&mut self, fd: Option<i32>) {
        let Some(fd) = fd else { return };
        match self.fds.get_mut(self.count) {
            Some(place) => {
                *place = fd;
                self.count = self.count.wrapping_add(1);
            }
            // No caller lets it come to this: see `has_room`.
            None => close(fd),
        }
    }

    /// For all the descriptors of one child.
    pub fn has_room(&self) -> bool {
        self.count.wrapping_add(8) <= Closing::MOST
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.fds.iter().take(self.count).for_each(|fd| close(*fd));
    }
}

/// Closes `fd`. On Linux the descriptor is gone whatever the call answers, EINTR
/// included, so there is nothing to report and nothing to repeat.
pub fn close(fd: i32) {
    inherited::remove(fd);
    // SAFETY: an int; the kernel checks it. That it is ours to close is the
    // promise of `OwnedFd` and of the table.
    unsafe { libc::close(fd) };
}

/// Closes what a forked copy has inherited from the library.
pub fn close_inherited() {
    // SAFETY: an int; it is listed, so the original has not given it away.
    inherited::take_all(|fd| _ = unsafe { libc::close(fd) });
}

/// What a forked copy has inherited is nobody's to close any more.
pub fn forget_inherited() {
    inherited::take_all(|_| ());
}

/// A pipe, (read end, write end).
pub fn pipe(flags: i32) -> Result<(OwnedFd, OwnedFd)> {
    let mut ends = [-1i32; 2];
    // SAFETY: writes two ints into a live array.
    check_int(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | flags) })?;
    let (read, write) = (OwnedFd::own(ends[0]), OwnedFd::own(ends[1]));
    Ok((read.above_standard()?, write.above_standard()?))
}

/// A descriptor that is readable.
pub fn readable_event() -> Result<OwnedFd> {
    event(1)
}

/// One that is not, until `ring`.
pub fn silent_event() -> Result<OwnedFd> {
    event(0)
}

fn event(count: u32) -> Result<OwnedFd> {
    // SAFETY: numbers only.
    check_int(unsafe { libc::eventfd(count, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })
        .and_then(|fd| OwnedFd::own(fd).above_standard())
}

/// Makes an eventfd readable. It fails only if the counter is full, and then it is
/// readable already.
pub fn ring(event: i32) {
    let _ = raw::write(event, &1u64.to_ne_bytes());
}

/// Whether the program has closed an end of a self-pipe, and the number is another
/// file's: to read it could wait forever, and take what is not ours.
fn is_foreign(end: i32, access: i32) -> bool {
    let of_end = |mode| mode & (libc::O_ACCMODE | libc::O_NONBLOCK);
    mode(end).is_ok_and(|mode| of_end(mode) != access | libc::O_NONBLOCK)
}

/// Empties a self-pipe.
pub fn drain(read_end: i32) {
    let mut bytes = [0u8; 64];
    if !is_foreign(read_end, libc::O_RDONLY) {
        while matches!(read(read_end, &mut bytes), Ok(count) if count == bytes.len()) {}
    }
}

/// Puts a byte into a self-pipe, unless it is full: then it has been poked already. An
/// empty one may have no memory for a byte at this moment.
pub fn poke(write_end: i32) {
    if !is_foreign(write_end, libc::O_WRONLY) {
        let refused = || raw::write(write_end, b"!").is_err_and(|errno| errno != Errno::EAGAIN);
        let _ = (0..100).find(|_| !refused());
    }
}

/// However large the file: a 32-bit program has to ask for that.
pub fn open(path: &CStr, flags: i32, mode: u32) -> Result<OwnedFd> {
    let flags = flags | libc::O_CLOEXEC | libc::O_LARGEFILE;
    // A FIFO or a tape may block in open, and a signal may interrupt it.
    let fd = super::retry(|| {
        // SAFETY: a live NUL-terminated path; the mode is passed always.
        check_int(unsafe { libc::open(path.as_ptr(), flags, mode) })
    })?;
    OwnedFd::own(fd).above_standard()
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
