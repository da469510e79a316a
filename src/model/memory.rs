//! `sys::memory::Lasting` for values that are not all-zero bytes, as the model
//! checker's atomics are not, and that live for one execution.

use crate::sys::Result;
use crate::sys::memory::Zeroed;
use std::sync::atomic::{AtomicPtr, Ordering::SeqCst};

/// No scene needs more of anything.
pub const MOST: usize = 4;

pub struct Lasting<T: Zeroed> {
    first: AtomicPtr<T>,
    count: usize,
}

impl<T: Zeroed> Lasting<T> {
    pub const fn new(count: usize) -> Self {
        let count = if count < MOST { count } else { MOST };
        Lasting { first: AtomicPtr::new(std::ptr::null_mut()), count }
    }

    pub fn get(&self) -> Option<&'static [T]> {
        let first = self.first.load(SeqCst);
        // SAFETY: if not null, `count` values that `get_or_map` has leaked, and
        // that `wipe` frees between executions only.
        (!first.is_null()).then(|| unsafe { std::slice::from_raw_parts(first, self.count) })
    }

    /// No thread switch is possible in here: nothing of this is modelled.
    pub fn get_or_map(&self) -> Result<&'static [T]> {
        Ok(self.get().unwrap_or_else(|| {
            let values: Box<[T]> = (0..self.count).map(|_| T::default()).collect();
            let values = Box::leak(values);
            self.first.store(values.as_mut_ptr(), SeqCst);
            values
        }))
    }

    pub fn wipe(&self) {
        let first = self.first.swap(std::ptr::null_mut(), SeqCst);
        if !first.is_null() {
            let values = std::ptr::slice_from_raw_parts_mut(first, self.count);
            // SAFETY: leaked by `get_or_map`; the execution that used it is over.
            drop(unsafe { Box::from_raw(values) });
        }
    }
}
