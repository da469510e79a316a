//! Whole lines out of a stream, for a callback.

use super::callback::{Callback, Refusal};
use crate::sys::bytes::{self, Bytes};

pub struct Lines {
    callback: Callback,
    /// The longest line. Of a longer one, pieces of that size.
    most: usize,
    /// A line that has begun in an earlier read, mapped when there is one.
    begun: Option<Bytes>,
    filled: usize,
}

impl Lines {
    /// `most` is not 0.
    pub fn new(callback: Callback, most: usize) -> Lines {
        Lines { callback, most, begun: None, filled: 0 }
    }

    /// Gives the lines that end in `bytes` to the callback, and keeps the beginning
    /// of the next. `kept` counts what the callback has taken.
    pub fn take(&mut self, mut bytes: &[u8], kept: &mut u64) -> Result<(), Refusal> {
        while !bytes.is_empty() {
            let room = self.most.saturating_sub(self.filled);
            let may_be_of_it = bytes.get(..room).unwrap_or(bytes);
            let (length, is_whole) = match bytes::find(may_be_of_it, b'\n') {
                Some(at) => (at.wrapping_add(1), true),
                None => (may_be_of_it.len(), may_be_of_it.len() == room),
            };
            let (part, rest) = bytes.split_at_checked(length).unwrap_or_default();
            bytes = rest;
            if is_whole && self.filled == 0 {
                self.callback.give(part, kept)?;
                continue;
            }
            self.keep(part)?;
            if is_whole {
                self.end(kept)?;
            }
        }
        Ok(())
    }

    /// What was kept is all that comes of its line.
    pub fn end(&mut self, kept: &mut u64) -> Result<(), Refusal> {
        let (begun, filled) = (self.begun.take(), core::mem::take(&mut self.filled));
        let Some(mut line) = begun else { return Ok(()) };
        let given = match line.get().get(..filled) {
            Some(line) if filled > 0 => self.callback.give(line, kept),
            _ => Ok(()),
        };
        self.begun = Some(line);
        given
    }

    fn keep(&mut self, part: &[u8]) -> Result<(), Refusal> {
        let line = match &mut self.begun {
            Some(line) => line,
            none => none.insert(Bytes::new(self.most).map_err(Refusal::Failed)?),
        };
        let copied = bytes::copy(line.get().get_mut(self.filled..), part);
        self.filled = self.filled.wrapping_add(copied);
        Ok(())
    }
}
