//! What becomes of a stream's bytes.

use super::callback::{Callback, Refusal};
use super::lines::Lines;
use crate::sys::bytes::copy;
use crate::sys::heap::Growing;
use crate::sys::{Result, fd};
use core::mem::swap;

pub enum Sink<'a> {
    Nothing,
    Buffer(Buffer<'a>),
    Growing { bytes: Growing, most: usize },
    Callback(Callback),
    Lines(Lines),
}

impl Sink<'_> {
    /// How much can be read straight into the sink's own memory, at most `most`; 0
    /// for a sink that has none, or none left.
    pub fn room(&mut self, most: usize) -> Result<usize> {
        match self {
            Sink::Buffer(buffer) => Ok(buffer.room().min(most)),
            Sink::Growing { bytes, most: limit } if bytes.len() < *limit => {
                bytes.make_room(most.min(limit.wrapping_sub(bytes.len())))
            }
            _ => Ok(0),
        }
    }

    /// Reads into that room.
    pub fn read(&mut self, fd: i32, room: usize) -> Result<usize> {
        match self {
            Sink::Buffer(buffer) => buffer.read(fd, room),
            Sink::Growing { bytes, .. } => bytes.read(fd, room),
            _ => Ok(0),
        }
    }

    /// Takes bytes that were read elsewhere. `kept` counts those that it keeps. A
    /// full buffer takes everything and keeps what it is there to keep.
    pub fn take(&mut self, bytes: &[u8], kept: &mut u64) -> Result<(), Refusal> {
        let count = match self {
            Sink::Nothing => 0,
            Sink::Buffer(buffer) => buffer.take(bytes),
            Sink::Growing { bytes: own, most } => {
                let room = most.saturating_sub(own.len());
                own.append(bytes.get(..room).unwrap_or(bytes)).map_err(Refusal::Failed)?
            }
            Sink::Callback(callback) => return callback.give(bytes, kept),
            Sink::Lines(lines) => return lines.take(bytes, kept),
        };
        *kept = kept.wrapping_add(count as u64);
        Ok(())
    }

    /// The stream has ended.
    pub fn end(&mut self, kept: &mut u64) -> Result<(), Refusal> {
        match self {
            Sink::Lines(lines) => lines.end(kept),
            _ => Ok(()),
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

    /// Returns by how much the buffer is fuller now.
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

/// As the slice's own, which has a bounds check that optimising for size keeps.
fn reverse(bytes: &mut [u8]) {
    if let Some((front, back)) = bytes.split_at_mut_checked(bytes.len() / 2) {
        front.iter_mut().zip(back.iter_mut().rev()).for_each(|(a, b)| swap(a, b));
    }
}
