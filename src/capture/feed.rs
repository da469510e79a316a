//! What a child is fed on its stdin.

use crate::sys::signal::SigpipeHeld;
use crate::sys::{Errno, Result, fd};
use core::ffi::{c_char, c_int, c_void};

/// Fills a buffer of that size and says how much; 0 is the end, less an error.
pub type Give = extern "C" fn(*mut c_void, *mut c_char, usize) -> c_int;

/// Where the bytes come from.
pub enum Feed<'a> {
    Nothing,
    Bytes(&'a [u8]),
    Callback { give: Give, argument: *mut c_void },
}

/// A pipe takes that much whole, or nothing.
const CHUNK: usize = libc::PIPE_BUF;

/// How many writes one turn makes at most: the time limit is looked at between
/// turns.
const AT_ONCE: u32 = 16;

pub struct Feeder<'a> {
    feed: Feed<'a>,
    /// What a callback gave and the pipe has not taken yet.
    chunk: [u8; CHUNK],
    rest: core::ops::Range<usize>,
    pub fed: u64,
    pub error: Option<Errno>,
    pub is_done: bool,
}

impl<'a> Feeder<'a> {
    pub fn new(feed: Feed<'a>) -> Feeder<'a> {
        let is_done = matches!(feed, Feed::Nothing);
        Feeder { feed, chunk: [0; CHUNK], rest: 0..0, fed: 0, error: None, is_done }
    }

    /// Writes what the pipe takes now. A reader that went away is EPIPE, and
    /// the end of it.
    pub fn pump(&mut self, pipe: i32) {
        for _ in 0..AT_ONCE {
            if self.is_done {
                return;
            }
            match self.write(pipe) {
                Ok(0) => self.is_done = true,
                Ok(count) => self.fed = self.fed.wrapping_add(count as u64),
                Err(Errno::EAGAIN) => return,
                Err(Errno::EINTR) => {}
                Err(errno) => {
                    self.error = Some(errno);
                    self.is_done = true;
                }
            }
        }
    }

    /// Nobody is waited for any more who may read it.
    pub fn end(&mut self, pipe: i32) {
        self.pump(pipe);
        if !self.is_done {
            self.error = Some(Errno::EPIPE);
            self.is_done = true;
        }
    }

    /// 0 when there is nothing left to write.
    fn write(&mut self, pipe: i32) -> Result<usize> {
        let bytes = match &self.feed {
            Feed::Nothing => return Ok(0),
            Feed::Bytes(bytes) => bytes,
            Feed::Callback { give, argument } => {
                if self.rest.is_empty() {
                    self.rest = 0..ask(*give, *argument, &mut self.chunk)?;
                }
                self.chunk.get(self.rest.clone()).unwrap_or_default()
            }
        };
        if bytes.is_empty() {
            return Ok(0);
        }
        let count = SigpipeHeld::run(|| fd::write(pipe, bytes))?;
        match &mut self.feed {
            Feed::Bytes(bytes) => *bytes = bytes.get(count..).unwrap_or_default(),
            _ => self.rest.start = self.rest.start.wrapping_add(count),
        }
        Ok(count)
    }
}

fn ask(give: Give, argument: *mut c_void, chunk: &mut [u8]) -> Result<usize> {
    let count = give(argument, chunk.as_mut_ptr().cast(), chunk.len());
    match usize::try_from(count) {
        Ok(count) if count <= chunk.len() => Ok(count),
        Ok(_) => Err(Errno::EINVAL),
        // The first two would be taken for the pipe's.
        Err(_) => match count.wrapping_neg() {
            libc::EAGAIN | libc::EINTR => Err(Errno::EIO),
            errno @ 1..=4095 => Err(Errno(errno)),
            _ => Err(Errno::EIO),
        },
    }
}
