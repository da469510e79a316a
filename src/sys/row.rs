//! Values in a row, in pages of their own: for a number that only a call knows.

use super::memory::map;
use super::{Errno, Result};
use core::ptr::NonNull;

pub struct Row<T> {
    first: NonNull<T>,
    count: usize,
    /// 0 for a row that has no memory.
    room: usize,
}

impl<T> Row<T> {
    pub const fn empty() -> Row<T> {
        Row { first: NonNull::dangling(), count: 0, room: 0 }
    }

    /// For at most `room` values.
    pub fn with_room(room: usize) -> Result<Row<T>> {
        if room == 0 {
            return Ok(Row::empty());
        }
        let bytes = room.checked_mul(size_of::<T>()).ok_or(Errno::ENOMEM)?;
        let first = NonNull::new(map(bytes)?.cast()).ok_or(Errno::ENOMEM)?;
        Ok(Row { first, count: 0, room })
    }

    /// ENOMEM if the row is full.
    pub fn push(&mut self, value: T) -> Result<()> {
        if self.count >= self.room {
            return Err(Errno::ENOMEM);
        }
        // SAFETY: below `room`, so it is in the mapping, which is aligned for anything.
        unsafe { self.first.add(self.count).write(value) };
        self.count = self.count.wrapping_add(1);
        Ok(())
    }

    /// The last value.
    pub fn pop(&mut self) -> Option<T> {
        self.count = self.count.checked_sub(1)?;
        // SAFETY: it was written by `push`, and counts no more: it is moved out once.
        Some(unsafe { self.first.add(self.count).read() })
    }

    pub fn get(&self) -> &[T] {
        // SAFETY: the first `count` values were written; a dangling pointer will do for
        // none. The borrow is that of the row.
        unsafe { core::slice::from_raw_parts(self.first.as_ptr(), self.count) }
    }
}

impl<T> Drop for Row<T> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
        if self.room > 0 {
            // SAFETY: mapped in `with_room` with this size, which did not overflow; no
            // value and no borrow is left.
            unsafe { libc::munmap(self.first.as_ptr().cast(), self.room.wrapping_mul(size_of::<T>())) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Row;
    use std::rc::Rc;

    #[test]
    fn a_row_keeps_its_values_and_drops_what_is_left() {
        let value = Rc::new(());
        let mut row = Row::with_room(3).expect("memory");
        for _ in 0..3 {
            row.push(value.clone()).expect("room");
        }
        assert!(row.push(value.clone()).is_err());
        assert_eq!((row.get().len(), Rc::strong_count(&value)), (3, 4));
        assert!(row.pop().is_some());
        assert_eq!((row.get().len(), Rc::strong_count(&value)), (2, 3));
        drop(row);
        assert_eq!(Rc::strong_count(&value), 1);
        assert!(Row::<u64>::empty().get().is_empty());
    }
}
