//! A sink at work: what it has kept, and why it keeps nothing more.

use super::callback::Refusal;
use super::sink::Sink;
use crate::sys::{Errno, Result};

pub struct Keeper<'a> {
    pub sink: Sink<'a>,
    /// The number of bytes that it keeps, or that its callback has taken.
    pub kept: u64,
    /// Why it keeps nothing more.
    pub error: Option<Errno>,
    /// What the callback returned when it asked to stop, or 0.
    pub stopped: i32,
    /// It gets nothing more. What it has stays, and nothing is put behind what is
    /// missing.
    is_closed: bool,
}

impl<'a> Keeper<'a> {
    pub fn new(sink: Sink<'a>) -> Keeper<'a> {
        Keeper { sink, kept: 0, error: None, stopped: 0, is_closed: false }
    }

    pub fn wants(&self) -> bool {
        !matches!(self.sink, Sink::Nothing)
    }

    /// Returns how much can be read straight into the sink's memory, at most `most`; 0
    /// if nothing can.
    pub fn room(&mut self, most: usize) -> usize {
        if self.is_closed {
            return 0;
        }
        self.sink.room(most).unwrap_or_else(|errno| {
            self.give_up(errno);
            0
        })
    }

    /// Reads into that room.
    pub fn read(&mut self, fd: i32, room: usize) -> Result<usize> {
        let count = self.sink.read(fd, room)?;
        self.kept = self.kept.wrapping_add(count as u64);
        Ok(count)
    }

    /// Gets bytes that were read elsewhere.
    pub fn take(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() && !self.is_closed {
            let taken = self.sink.take(bytes, &mut self.kept);
            self.note(taken);
        }
    }

    /// The stream has ended.
    pub fn end(&mut self) {
        if !self.is_closed {
            let ended = self.sink.end(&mut self.kept);
            self.note(ended);
        }
    }

    fn note(&mut self, taken: Result<(), Refusal>) {
        match taken {
            Ok(()) => {}
            Err(Refusal::Failed(errno)) => self.give_up(errno),
            Err(Refusal::Stopped(answer)) => {
                self.stopped = answer;
                self.is_closed = true;
            }
        }
    }

    pub fn give_up(&mut self, errno: Errno) {
        self.error = Some(errno);
        self.is_closed = true;
    }
}
