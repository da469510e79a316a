//! Reading one of a child's streams into its sink.

use super::sink::{Refusal, Sink, WRITTEN_AT_ONCE};
use crate::sys::poll::{self, PollFd};
use crate::sys::{Errno, Result, fd};

/// As much as can be on its way through a pseudo-terminal, which only tells how
/// much of it has arrived: a read fetches more, up to EAGAIN. And as much as is
/// in most pipes, where a sandbox does not let us ask.
const MOST_UNKNOWN: usize = (64 + 4) * 1024;

const CHUNK: usize = 16 * 1024;

/// How many reads one turn makes at most: a child that never stops writing must
/// not keep its time limit from being looked at.
const AT_ONCE: u32 = 4;

pub struct Drain<'a> {
    pub sink: Sink<'a>,
    /// All bytes that came.
    pub total: u64,
    /// Those that the sink keeps, or has passed on.
    pub kept: u64,
    /// There is somewhere to keep them.
    pub keeps: bool,
    /// Why the sink keeps nothing more.
    pub error: Option<Errno>,
    /// What the callback said when it asked to stop, or 0.
    pub stopped: i32,
    /// The pipe's end was seen, or there is no pipe.
    pub has_ended: bool,
    /// It cannot be read any more, though there may be more to read.
    pub is_broken: bool,
    /// How much is still to be read, where that is known.
    left: Option<usize>,
    /// It is the sink that has to become ready.
    waits_for_sink: bool,
}

impl<'a> Drain<'a> {
    pub fn new(sink: Sink<'a>, has_pipe: bool) -> Drain<'a> {
        Drain {
            keeps: !matches!(sink, Sink::Nothing),
            sink,
            total: 0,
            kept: 0,
            error: None,
            stopped: 0,
            has_ended: !has_pipe,
            is_broken: false,
            left: None,
            waits_for_sink: false,
        }
    }

    pub fn is_done(&self) -> bool {
        self.has_ended || self.left == Some(0)
    }

    /// The sink takes nothing at present.
    pub fn is_stuck(&self) -> bool {
        self.waits_for_sink
    }

    /// Only what is in the pipe now is still read, however much that is. Whatever
    /// comes later is not the child's: it has ended.
    pub fn settle(&mut self, pipe: i32) {
        self.left = match fd::kind(pipe) {
            Ok(fd::Kind::Pipe) => Some(fd::unread(pipe).unwrap_or(MOST_UNKNOWN)),
            _ => Some(MOST_UNKNOWN),
        };
    }

    pub fn polled(&self, pipe: i32) -> PollFd {
        match &self.sink {
            _ if self.is_done() => poll::SKIP,
            Sink::Fd(descriptor) if self.waits_for_sink => poll::writable(descriptor.number()),
            _ => poll::readable(pipe),
        }
    }

    /// Reads what is there.
    #[inline(never)]
    pub fn pump(&mut self, pipe: i32) {
        for _ in 0..AT_ONCE {
            if self.is_done() {
                return;
            }
            let most = self.left.unwrap_or(usize::MAX);
            let moved = match &mut self.sink {
                Sink::Fd(to) if !to.is_ready() => {
                    self.waits_for_sink = true;
                    return;
                }
                Sink::Fd(to) => to.splice(pipe, most),
                _ => None,
            };
            let spliced = moved.is_some();
            self.waits_for_sink = false;
            let moved = match moved {
                Some(spliced) => self.count_spliced(spliced).map(|count| (count, true)),
                None => self.read(pipe, most),
            };
            match moved {
                Ok((0, _)) => self.has_ended = true,
                Ok((count, is_full)) => {
                    self.total = self.total.wrapping_add(count as u64);
                    self.left = self.left.map(|left| left.saturating_sub(count));
                    // That was all. To be told so by EAGAIN would be another call.
                    if !is_full && self.left.is_none() {
                        return;
                    }
                }
                Err(Errno::EINTR) => {}
                // The sink has filled up since it was asked.
                Err(Errno::EAGAIN) if spliced && fd::unread(pipe).unwrap_or(0) > 0 => {
                    self.waits_for_sink = true;
                    return;
                }
                Err(Errno::EAGAIN) => {
                    // Less than was there at the end: somebody else reads it too.
                    self.left = self.left.map(|_| 0);
                    return;
                }
                // A terminal that nobody has open any more.
                Err(Errno::EIO) if fd::kind(pipe) != Ok(fd::Kind::Pipe) => self.has_ended = true,
                Err(errno) => {
                    self.give_up(errno);
                    (self.has_ended, self.is_broken) = (true, true);
                }
            }
        }
    }

    /// What has failed is the sink: the source is a pipe of ours.
    fn count_spliced(&mut self, spliced: Result<usize>) -> Result<usize> {
        match spliced {
            Ok(count) => self.kept = self.kept.wrapping_add(count as u64),
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(errno) => {
                self.give_up(errno);
                return Err(Errno::EINTR); // once more, without the sink
            }
        }
        spliced
    }

    /// Reads once, straight into the sink's own memory while it has some: how much,
    /// and whether there was no room for more.
    fn read(&mut self, pipe: i32, most: usize) -> Result<(usize, bool)> {
        let (read, room) = match &mut self.sink {
            Sink::Growing { bytes, most: limit } if bytes.len() < *limit => {
                match bytes.make_room(most.min(limit.wrapping_sub(bytes.len()))) {
                    Ok(room) => (bytes.read(pipe, room), room),
                    Err(errno) => {
                        self.give_up(errno);
                        return Err(Errno::EINTR); // once more, without the sink
                    }
                }
            }
            Sink::Buffer(buffer) if buffer.room() > 0 => {
                let room = buffer.room().min(most);
                (buffer.read(pipe, room), room)
            }
            _ => return self.pass_on(pipe, most),
        };
        let count = read?;
        self.kept = self.kept.wrapping_add(count as u64);
        Ok((count, count == room))
    }

    /// The same for a sink that is handed the bytes.
    #[inline(never)]
    fn pass_on(&mut self, pipe: i32, most: usize) -> Result<(usize, bool)> {
        let mut buffer = [0u8; CHUNK];
        let most = if matches!(self.sink, Sink::Fd(_)) { most.min(WRITTEN_AT_ONCE) } else { most };
        let place = buffer.get_mut(..most.min(CHUNK)).unwrap_or_default();
        let room = place.len();
        let count = fd::read(pipe, place)?;
        let bytes = place.get(..count).unwrap_or_default();
        if count > 0 {
            match self.sink.take(bytes) {
                Ok(kept) => self.kept = self.kept.wrapping_add(kept as u64),
                Err(Refusal::Failed(errno)) => self.give_up(errno),
                Err(Refusal::Stopped(answer)) => {
                    self.stopped = answer;
                    self.refuse();
                }
            }
        }
        Ok((count, count == room))
    }

    fn give_up(&mut self, errno: Errno) {
        self.error = Some(errno);
        self.refuse();
    }

    /// The stream goes on being read, so that the child is not held up. What is
    /// in memory stays, and nothing is put behind what is missing.
    fn refuse(&mut self) {
        match &mut self.sink {
            Sink::Fd(_) | Sink::Callback { .. } => self.sink = Sink::Nothing,
            Sink::Growing { bytes, most } => *most = bytes.len(),
            Sink::Nothing | Sink::Buffer(_) => {}
        }
    }

    /// Nothing more is read. What was there to be read stays in the pipe, and
    /// counts: the sink has not got it.
    pub fn leave(&mut self, pipe: i32) {
        if !self.is_done() {
            let unread = fd::unread(pipe).unwrap_or(0).min(self.left.unwrap_or(usize::MAX));
            self.total = self.total.wrapping_add(unread as u64);
        }
    }

    /// Whether somebody still has the other end.
    pub fn is_held(&self, pipe: i32) -> bool {
        !self.has_ended && !poll::is_hung_up(pipe)
    }
}
