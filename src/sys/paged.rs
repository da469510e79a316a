//! Values in pages of their own, and places for them.

use super::memory::{map, unmap};
use super::zeroed::Zeroed;
use super::{Errno, Result};
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering::SeqCst};

/// Pages that were given back, for the next value. A program that captures child after
/// child would map and unmap them each time, and the kernel interrupts the other CPUs for
/// each that goes. In ordinary memory: a forked copy has copies of them.
static SPARE: [AtomicPtr<u8>; 16] = [const { AtomicPtr::new(null_mut()) }; 16];
const SPARE_SIZE: usize = 4096;

/// Room for `size` bytes, whose content is anything.
fn take(size: usize) -> Result<*mut u8> {
    if size > SPARE_SIZE {
        return map(size);
    }
    let mut taken = SPARE.iter().map(|place| place.swap(null_mut(), SeqCst));
    taken.find(|first| !first.is_null()).map_or_else(|| map(SPARE_SIZE), Ok)
}

fn give_back(first: *mut u8, size: usize) {
    if size > SPARE_SIZE {
        return unmap(first, size);
    }
    let keep = |place: &AtomicPtr<u8>| {
        place.compare_exchange(null_mut(), first, SeqCst, SeqCst).is_ok()
    };
    if !SPARE.iter().any(keep) {
        unmap(first, SPARE_SIZE);
    }
}

/// A value in pages of its own.
pub struct Paged<T>(NonNull<T>);

impl<T> Paged<T> {
    pub fn new(value: T) -> Result<Paged<T>> {
        let place = NonNull::new(take(size_of::<T>())?.cast::<T>()).ok_or(Errno::ENOMEM)?;
        // SAFETY: pages that nobody else uses, large enough, and aligned for anything here.
        unsafe { place.write(value) };
        Ok(Paged(place))
    }
}

impl<T> core::ops::Deref for Paged<T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: written in `new`, and only ever ours.
        unsafe { self.0.as_ref() }
    }
}

impl<T> core::ops::DerefMut for Paged<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and borrowed exclusively.
        unsafe { self.0.as_mut() }
    }
}

impl<T> Drop for Paged<T> {
    fn drop(&mut self) {
        // SAFETY: written in `new`, and nobody uses it after this.
        unsafe { core::ptr::drop_in_place(self.0.as_ptr()) };
        give_back(self.0.as_ptr().cast(), size_of::<T>());
    }
}

/// What `Parked` may hold.
///
/// # Safety
/// No two types may have the same `KIND`, and a value must not mind being used by
/// several threads one after the other.
pub unsafe trait Parcel: 'static {
    const KIND: u32;
}

/// For a type that does not mind it, with a number of its own.
macro_rules! parcel {
    ($name:ty, $kind:literal) => {
        // SAFETY: by the two sentences above.
        #[allow(unsafe_code)]
        unsafe impl $crate::sys::paged::Parcel for $name {
            const KIND: u32 = $kind;
        }
    };
}
pub(crate) use parcel;

/// A place for a paged value of a type that the owner of the place does not know.
/// All-zero is empty.
#[derive(Default)]
pub struct Parked {
    first: Option<NonNull<u8>>,
    drop: Option<fn(NonNull<u8>)>,
    kind: u32,
}

// SAFETY: zero is `None`, twice, and a number.
unsafe impl Zeroed for Parked {}

impl Parked {
    /// Into an empty place.
    pub fn put<T: Parcel>(&mut self, value: Paged<T>) {
        let drop: fn(NonNull<u8>) = |first| core::mem::drop(Paged::<T>(first.cast()));
        *self = Parked { first: Some(value.0.cast()), drop: Some(drop), kind: T::KIND };
        core::mem::forget(value);
    }

    pub fn take<T: Parcel>(&mut self) -> Option<Paged<T>> {
        let first = if self.kind == T::KIND { self.first.take() } else { None };
        // It was put here as a Paged<T>: no other type has this kind.
        first.map(|first| Paged(first.cast()))
    }

    /// For one who only wants to drop it.
    pub fn take_any(&mut self) -> Option<Erased> {
        self.first.take().zip(self.drop).map(|(first, drop)| Erased { first, drop })
    }
}

/// A parked value that goes with this, unless it was taken out.
pub struct Keeping(Parked);

impl Keeping {
    pub fn new<T: Parcel>(value: Paged<T>) -> Keeping {
        let mut place = Parked::default();
        place.put(value);
        Keeping(place)
    }

    pub fn take<T: Parcel>(&mut self) -> Option<Paged<T>> {
        self.0.take()
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        drop(self.0.take_any());
    }
}

/// A paged value of whatever type.
pub struct Erased {
    first: NonNull<u8>,
    drop: fn(NonNull<u8>),
}

impl Drop for Erased {
    fn drop(&mut self) {
        (self.drop)(self.first);
    }
}
