//! A list that grows, in pages of its own: this library has no allocator.

use super::memory;
use super::{Errno, Result};

pub struct List<T> {
    first: *mut T,
    room: usize,
    count: usize,
}

/// Room for the first values, in bytes. It doubles each time that it is full.
const FIRST_SIZE: usize = 1 << 14;
/// With values no larger than the smallest page, the unused rest of a mapping is
/// less than a page. So `size` rounded up to pages is all of the mapping.
const LARGEST_VALUE: usize = 4096;

impl<T> List<T> {
    /// Maps nothing before the first value comes.
    pub const fn new() -> List<T> {
        const { assert!(size_of::<T>() > 0 && size_of::<T>() <= LARGEST_VALUE) };
        List { first: core::ptr::dangling_mut(), room: 0, count: 0 }
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn values(&self) -> &[T] {
        // SAFETY: `push` has written the first `count` values; the pointer is
        // aligned, even while nothing is mapped.
        unsafe { core::slice::from_raw_parts(self.first, self.count) }
    }

    pub fn values_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `values`, and `self` is borrowed alone.
        unsafe { core::slice::from_raw_parts_mut(self.first, self.count) }
    }

    /// Makes room for one more value: the next `push` does not fail.
    pub fn reserve(&mut self) -> Result<()> {
        if self.count < self.room { Ok(()) } else { self.grow() }
    }

    pub fn push(&mut self, value: T) -> Result<()> {
        self.reserve()?;
        // SAFETY: `reserve` has made room for it.
        unsafe { self.first.add(self.count).write(value) };
        self.count = self.count.wrapping_add(1);
        Ok(())
    }

    /// Takes the last value out.
    pub fn pop(&mut self) -> Option<T> {
        self.count = self.count.checked_sub(1)?;
        // SAFETY: `push` has written it, and it counts no more: it is moved out once.
        Some(unsafe { self.first.add(self.count).read() })
    }

    /// Keeps the room.
    pub fn clear(&mut self) {
        while self.pop().is_some() {}
    }

    fn size(&self) -> usize {
        self.room.wrapping_mul(size_of::<T>())
    }

    #[cold]
    fn grow(&mut self) -> Result<()> {
        let size = match self.room {
            0 => FIRST_SIZE,
            _ => self.size().checked_mul(2).ok_or(Errno::ENOMEM)?,
        };
        let first: *mut T = memory::map(size)?.cast();
        // SAFETY: the values lie in a mapping of their own, and fit twice into the
        // new one. They are moved: nobody uses the old places again.
        unsafe { core::ptr::copy_nonoverlapping(self.first, first, self.count) };
        self.unmap();
        (self.first, self.room) = (first, size / size_of::<T>());
        Ok(())
    }

    fn unmap(&mut self) {
        if self.room > 0 {
            // SAFETY: mapped in `grow` with this size, in pages, and no borrow of the
            // values is left.
            unsafe { libc::munmap(self.first.cast(), self.size()) };
        }
    }
}

impl<T> Drop for List<T> {
    fn drop(&mut self) {
        self.clear();
        self.unmap();
    }
}

#[cfg(test)]
mod tests {
    use super::List;

    #[test]
    fn values_stay_when_it_grows() {
        let mut list = List::new();
        assert!(list.values().is_empty());
        (0..100_000u64).for_each(|value| list.push(value).expect("memory"));
        assert!(list.values().iter().copied().eq(0..100_000));
        let room = list.room;
        list.clear();
        assert!(list.values().is_empty());
        list.push(7).expect("memory");
        assert_eq!((list.values(), list.room), (&[7][..], room));
    }

    #[test]
    fn values_that_are_left_are_dropped() {
        let value = std::rc::Rc::new(());
        let mut list = List::new();
        (0..3).for_each(|_| list.push(value.clone()).expect("memory"));
        assert!(list.pop().is_some());
        assert_eq!(std::rc::Rc::strong_count(&value), 3);
        drop(list);
        assert_eq!(std::rc::Rc::strong_count(&value), 1);
    }

    /// Sizes that do not divide a page: the last value must not cross the end.
    #[test]
    fn odd_sizes_fill_whole_values_only() {
        let mut list = List::new();
        (0..5000u32).for_each(|value| list.push([value; 11]).expect("memory"));
        assert!(list.values().iter().zip(0..).all(|(found, value)| *found == [value; 11]));
    }
}
