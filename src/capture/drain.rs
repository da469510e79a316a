//! Reading one of a child's streams into its sink, and passing it on.

use super::keeper::Keeper;
use super::outlet::Outlet;
use super::passing::{LARGE, Passing};
use super::sink::Sink;
use crate::sys::poll::{self, PollFd};
use crate::sys::{Errno, Result, fd};

/// The most that is read after the child's exit if nobody knows how much is there. A
/// pseudo-terminal reports only what has arrived, and a read fetches more, until
/// EAGAIN. A sandbox may refuse the question for a pipe; most pipes hold no more.
const MOST_UNKNOWN: usize = (64 + 4) * 1024;

/// How often a read may return EAGAIN although the pipe has bytes.
const MOST_REFUSALS: u32 = 16;

pub struct Drain<'a> {
    pub keeper: Keeper<'a>,
    /// The descriptor that gets the bytes as well.
    outlet: Option<Outlet>,
    passing: Passing,
    /// The number of bytes that came.
    pub total: u64,
    /// The number of those that the outlet has taken.
    pub passed: u64,
    /// There is an outlet, or was one.
    pub passes: bool,
    /// Why the outlet gets nothing more.
    pub pass_error: Option<Errno>,
    /// A read has seen the end of the stream, or there is no stream.
    pub has_ended: bool,
    /// The stream cannot be read any more, although there may be more to read.
    pub is_broken: bool,
    /// How much is still to be read, where that is known.
    left: Option<usize>,
    refusals: u32,
}

impl<'a> Drain<'a> {
    /// `is_there`: there is something to read.
    pub fn new(sink: Sink<'a>, outlet: Option<Outlet>, is_there: bool) -> Drain<'a> {
        Drain {
            keeper: Keeper::new(sink),
            passes: outlet.is_some(),
            outlet,
            passing: Passing::default(),
            total: 0,
            passed: 0,
            pass_error: None,
            has_ended: !is_there,
            is_broken: false,
            left: None,
            refusals: 0,
        }
    }

    /// Everything was read and passed on.
    pub fn is_done(&self) -> bool {
        self.is_read() && !self.is_stuck()
    }

    fn is_read(&self) -> bool {
        self.has_ended || self.left == Some(0)
    }

    /// The outlet takes nothing at present. Nothing is read meanwhile.
    pub fn is_stuck(&self) -> bool {
        !self.passing.is_empty()
    }

    pub fn is_large(&self) -> bool {
        self.total >= LARGE
    }

    /// Only what is in the pipe now is still read, however much that is. Whatever
    /// comes later is not the child's: it has exited.
    pub fn settle(&mut self, pipe: i32) {
        self.left = match fd::kind(pipe) {
            Ok(fd::Kind::Pipe) => Some(fd::unread(pipe).unwrap_or(MOST_UNKNOWN)),
            _ => Some(MOST_UNKNOWN),
        };
    }

    pub fn polled(&self, pipe: i32) -> PollFd {
        match &self.outlet {
            Some(outlet) if self.is_stuck() => outlet.polled(),
            _ if self.is_read() => poll::SKIP,
            _ => poll::readable(pipe),
        }
    }

    /// Passes on what was read before, then reads once. Returns whether more can be
    /// done at once.
    #[inline(never)]
    pub fn step(&mut self, pipe: i32) -> bool {
        if !self.pass_on() || self.is_read() {
            return false;
        }
        let goes_on = self.read_once(pipe);
        if self.is_read() {
            self.keeper.end();
        }
        self.pass_on() && goes_on
    }

    fn read_once(&mut self, pipe: i32) -> bool {
        match self.read(pipe) {
            Ok((0, _)) => self.has_ended = true,
            Ok((count, is_full)) => {
                self.total = self.total.wrapping_add(count as u64);
                self.left = self.left.map(|left| left.saturating_sub(count));
                self.refusals = 0;
                // That was all, of a small stream; another read would only confirm that. A
                // large one has more by now.
                return is_full || self.left.is_some() || self.is_large();
            }
            Err(Errno::EINTR) => return true,
            Err(Errno::EAGAIN) => return self.is_refused(pipe),
            // A terminal that nobody has open any more.
            Err(Errno::EIO) if fd::kind(pipe) != Ok(fd::Kind::Pipe) => self.has_ended = true,
            Err(errno) => self.break_off(errno),
        }
        false
    }

    /// Reads once. Returns the number of bytes, and whether they have filled the room.
    /// The bytes go straight into the sink's memory if it has some, and if nobody else
    /// gets them.
    fn read(&mut self, pipe: i32) -> Result<(usize, bool)> {
        let most = self.left.unwrap_or(usize::MAX);
        let room = if self.outlet.is_none() { self.keeper.room(most) } else { 0 };
        if room > 0 {
            return self.keeper.read(pipe, room).map(|count| (count, count == room));
        }
        match self.passing.room(most) {
            Ok(place) => {
                let count = fd::read(pipe, place)?;
                let is_full = count == place.len();
                self.passing.have_come(count);
                self.keeper.take(self.passing.rest());
                Ok((count, is_full))
            }
            Err(errno) => {
                self.close_outlet(errno);
                self.read_few(pipe, most).map(|count| (count, true))
            }
        }
    }

    /// The same where there is no memory for more.
    #[cold]
    #[inline(never)]
    fn read_few(&mut self, pipe: i32, most: usize) -> Result<usize> {
        let mut place = [0u8; 512];
        let place = place.get_mut(..most.min(512)).unwrap_or_default();
        let count = fd::read(pipe, place)?;
        self.keeper.take(place.get(..count).unwrap_or_default());
        Ok(count)
    }

    /// A read has returned EAGAIN. Returns whether to try again at once.
    fn is_refused(&mut self, pipe: i32) -> bool {
        let Some(left) = self.left else { return false };
        let is_pipe = fd::kind(pipe) == Ok(fd::Kind::Pipe);
        let unread = if is_pipe { fd::unread(pipe).unwrap_or(0).min(left) } else { 0 };
        if unread == 0 {
            self.left = Some(0); // less than there was: somebody else reads it, too
            return false;
        }
        self.refusals = self.refusals.wrapping_add(1);
        if self.refusals > MOST_REFUSALS {
            self.total = self.total.wrapping_add(unread as u64);
            self.break_off(Errno::EAGAIN);
        }
        !self.is_broken
    }

    /// The stream cannot be read any more.
    fn break_off(&mut self, errno: Errno) {
        self.keeper.end();
        self.keeper.give_up(errno);
        (self.has_ended, self.is_broken) = (true, true);
    }

    /// Returns whether everything that was read is passed on.
    fn pass_on(&mut self) -> bool {
        if self.passing.is_empty() {
            return true;
        }
        let Some(outlet) = &mut self.outlet else {
            self.passing.forget();
            return true;
        };
        let (count, result) = outlet.pass(self.passing.rest());
        self.passed = self.passed.wrapping_add(count as u64);
        self.passing.have_gone(count);
        if let Err(errno) = result {
            self.close_outlet(errno);
        }
        self.passing.is_empty()
    }

    /// The stream goes on being read, so that the child is not held up.
    fn close_outlet(&mut self, errno: Errno) {
        if self.outlet.take().is_some() {
            self.pass_error = Some(errno);
        }
        self.passing.forget();
    }

    /// There is nothing to read any more.
    pub fn end(&mut self) {
        self.has_ended = true;
        self.keeper.end();
    }

    /// Nothing more is read. What was there to be read stays in the pipe, and
    /// counts: the sink has not got it.
    pub fn leave(&mut self, pipe: i32) {
        if !self.is_read() {
            let unread = fd::unread(pipe).unwrap_or(0).min(self.left.unwrap_or(usize::MAX));
            self.total = self.total.wrapping_add(unread as u64);
        }
        self.keeper.end();
    }

    /// Whether somebody still has the other end.
    pub fn is_held(&self, pipe: i32) -> bool {
        !self.has_ended && !poll::is_hung_up(pipe)
    }
}
