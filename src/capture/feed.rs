//! What a child is fed on its stdin.

use super::passing::{LARGE, Passing};
use crate::sys::signal::SigpipeHeld;
use crate::sys::{Errno, Result, fd};
use core::ffi::{c_char, c_int, c_void};

/// Puts bytes into a buffer of that size and returns their number; 0 is the end, less
/// than that an error.
pub type Give = extern "C" fn(*mut c_void, *mut c_char, usize) -> c_int;

/// Where the bytes come from.
pub enum Feed<'a> {
    Nothing,
    Bytes(&'a [u8]),
    Callback { give: Give, argument: *mut c_void },
}

pub struct Feeder<'a> {
    feed: Feed<'a>,
    /// What a callback gave and the pipe has not taken yet.
    passing: Passing,
    pub fed: u64,
    pub error: Option<Errno>,
    pub is_done: bool,
}

impl<'a> Feeder<'a> {
    pub fn new(feed: Feed<'a>) -> Feeder<'a> {
        let is_done = matches!(feed, Feed::Nothing);
        Feeder { feed, passing: Passing::default(), fed: 0, error: None, is_done }
    }

    pub fn is_large(&self) -> bool {
        self.fed >= LARGE
    }

    /// Writes once. Returns whether the pipe may take more at once. A reader that went
    /// away is EPIPE, and the end of the input.
    #[inline(never)]
    pub fn step(&mut self, pipe: i32) -> bool {
        if self.is_done {
            return false;
        }
        match self.write(pipe) {
            Ok((0, _)) => self.is_done = true,
            Ok((count, is_all)) => {
                self.fed = self.fed.wrapping_add(count as u64);
                // The rest had no room, unless the reader is at work on a large input.
                return is_all || self.is_large();
            }
            Err(Errno::EAGAIN) => return false,
            Err(Errno::EINTR) => return true,
            Err(errno) => self.end_with(errno),
        }
        false
    }

    /// Nobody is waited for any more who may read it.
    pub fn end(&mut self, pipe: i32) {
        self.step(pipe);
        if !self.is_done {
            self.end_with(Errno::EPIPE);
        }
    }

    fn end_with(&mut self, errno: Errno) {
        self.error = Some(errno);
        self.is_done = true;
    }

    /// Returns the number of bytes that the pipe has taken, 0 when there is nothing left
    /// to write; and whether they were all that there was.
    fn write(&mut self, pipe: i32) -> Result<(usize, bool)> {
        let bytes = match &self.feed {
            Feed::Nothing => return Ok((0, true)),
            Feed::Bytes(bytes) => bytes,
            Feed::Callback { give, argument } => {
                if self.passing.is_empty() {
                    let count = ask(*give, *argument, self.passing.room(usize::MAX)?)?;
                    self.passing.have_come(count);
                }
                self.passing.rest()
            }
        };
        if bytes.is_empty() {
            return Ok((0, true));
        }
        let length = bytes.len();
        let written = SigpipeHeld::run(|| fd::write(pipe, bytes));
        let count = written.map_err(|errno| match errno {
            // A terminal that nobody has open any more.
            Errno::EIO if fd::kind(pipe) != Ok(fd::Kind::Pipe) => Errno::EPIPE,
            other => other,
        })?;
        match &mut self.feed {
            Feed::Bytes(bytes) => *bytes = bytes.get(count..).unwrap_or_default(),
            _ => self.passing.have_gone(count),
        }
        Ok((count, count == length))
    }
}

fn ask(give: Give, argument: *mut c_void, place: &mut [u8]) -> Result<usize> {
    let count = give(argument, place.as_mut_ptr().cast(), place.len());
    match usize::try_from(count) {
        Ok(count) if count <= place.len() => Ok(count),
        Ok(_) => Err(Errno::EINVAL),
        // The first two would be taken for the pipe's.
        Err(_) => match count.wrapping_neg() {
            libc::EAGAIN | libc::EINTR => Err(Errno::EIO),
            errno @ 1..=4095 => Err(Errno(errno)),
            _ => Err(Errno::EIO),
        },
    }
}
