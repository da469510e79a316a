//! Pages from the kernel: those that live for ever, and those for one call.

use super::{Errno, Result, host};
use core::mem::MaybeUninit;
use core::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32,
    Ordering::{Relaxed, SeqCst},
};

/// Types that all-zero bytes are a value of, and that can be shared between
/// threads and signal handlers: atomics, and structs of atomics.
///
/// # Safety
/// Every byte pattern of zeros must be valid, and every mutable part must be an
/// atomic.
pub unsafe trait Zeroed: Default + Sync + 'static {}

// SAFETY: an atomic, of which zero is a value.
unsafe impl Zeroed for AtomicU32 {}

/// Set once the kernel has refused MADV_WIPEONFORK (before Linux 4.14, and some
/// emulators): then a forked copy must notice by its pid.
static COPIES_KEEP_MEMORY: AtomicBool = AtomicBool::new(false);

pub fn copies_keep_memory() -> bool {
    COPIES_KEEP_MEMORY.load(Relaxed)
}

pub(super) fn map(size: usize) -> Result<*mut u8> {
    // SAFETY: an anonymous private mapping at an address of the kernel's choice
    // disturbs no memory of this process.
    let address = unsafe {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        libc::mmap(core::ptr::null_mut(), size, protection, flags, -1, 0)
    };
    if address == libc::MAP_FAILED { Err(host::errno()) } else { Ok(address.cast()) }
}

/// A place for `count` zeroed values that are mapped at the first use, never
/// unmapped, never moved, and zeroed again in a forked copy of the process.
#[cfg(not(loom))]
pub struct Lasting<T: Zeroed> {
    first: AtomicPtr<T>,
    count: usize,
}

#[cfg(not(loom))]
impl<T: Zeroed> Lasting<T> {
    pub const fn new(count: usize) -> Self {
        Lasting { first: AtomicPtr::new(core::ptr::null_mut()), count }
    }

    pub fn get(&self) -> Option<&'static [T]> {
        let first = self.first.load(SeqCst);
        // SAFETY: if not null, it is what `get_or_map` stored: `count` mapped
        // values, page-aligned (no T here asks for more), zeroed at first, for
        // which zero is valid and whose changes are atomic, by `Zeroed`. They
        // are never unmapped.
        (!first.is_null()).then(|| unsafe { core::slice::from_raw_parts(first, self.count) })
    }

    pub fn get_or_map(&self) -> Result<&'static [T]> {
        if let Some(values) = self.get() {
            return Ok(values);
        }
        let size = self.count.checked_mul(size_of::<T>()).ok_or(Errno::ENOMEM)?;
        let fresh = map(size)?;
        // SAFETY: advice on a mapping that was made just above.
        if unsafe { libc::madvise(fresh.cast(), size, libc::MADV_WIPEONFORK) } != 0 {
            COPIES_KEEP_MEMORY.store(true, Relaxed);
        }
        let null = core::ptr::null_mut();
        if self.first.compare_exchange(null, fresh.cast(), SeqCst, SeqCst).is_err() {
            // SAFETY: another thread was first; nobody has seen this mapping.
            unsafe { libc::munmap(fresh.cast(), size) };
        }
        self.get().ok_or(Errno::ENOMEM)
    }

    /// Zeroes the values in a forked copy where the kernel did not.
    pub fn wipe(&self) {
        let first = self.first.load(SeqCst);
        if !first.is_null() {
            // SAFETY: mapped as in `get`; zero is valid; in a copy that has not
            // used the library yet, only the thread that came out of fork is
            // there to look.
            unsafe { core::ptr::write_bytes(first, 0, self.count) };
        }
    }
}

#[cfg(loom)]
pub use crate::model::memory::Lasting;

/// Room for `N` values in the caller's frame, which costs nothing until used.
pub struct Inline<T, const N: usize>([MaybeUninit<T>; N]);

impl<T, const N: usize> Inline<T, N> {
    pub fn new() -> Self {
        Inline([const { MaybeUninit::uninit() }; N])
    }
}

/// Memory for one call: the caller's own while that is large enough, else pages
/// that go back to the kernel at the end.
pub struct Scratch<'a, T> {
    values: &'a mut [T],
    is_mapped: bool,
}

impl<'a, T> Scratch<'a, T> {
    /// `fill` makes the first value of a place.
    pub fn new<const N: usize>(
        inline: &'a mut Inline<T, N>,
        count: usize,
        fill: impl Fn() -> T,
    ) -> Result<Self> {
        let is_mapped = count > N;
        let first: *mut T = if is_mapped {
            map(count.checked_mul(size_of::<T>()).ok_or(Errno::ENOMEM)?)?.cast()
        } else {
            inline.0.as_mut_ptr().cast()
        };
        for i in 0..count {
            // SAFETY: `count` values fit into the mapping, or into the array.
            unsafe { first.add(i).write(fill()) };
        }
        // SAFETY: filled just above, aligned, and nobody else's for `'a`: the
        // array is borrowed, and the mapping lasts until `drop`.
        Ok(Scratch { values: unsafe { core::slice::from_raw_parts_mut(first, count) }, is_mapped })
    }

    pub fn get(&mut self) -> &mut [T] {
        self.values
    }
}

impl<T> Drop for Scratch<'_, T> {
    fn drop(&mut self) {
        if self.is_mapped {
            // SAFETY: mapped in `new` with this size, and no borrow is left. The
            // values have nothing to drop: they are numbers and pointers, or pins
            // that `wait::Pins` has let go of.
            unsafe { libc::munmap(self.values.as_mut_ptr().cast(), size_of_val(self.values)) };
        }
    }
}

/// A value in pages of its own.
pub struct Paged<T>(*mut T);

impl<T> Paged<T> {
    pub fn new(value: T) -> Result<Paged<T>> {
        let place: *mut T = map(size_of::<T>())?.cast();
        // SAFETY: fresh pages, large enough, and aligned for anything here.
        unsafe { place.write(value) };
        Ok(Paged(place))
    }
}

impl<T> core::ops::Deref for Paged<T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: written in `new`, and only ever ours.
        unsafe { &*self.0 }
    }
}

impl<T> core::ops::DerefMut for Paged<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut *self.0 }
    }
}

impl<T> Drop for Paged<T> {
    fn drop(&mut self) {
        // SAFETY: written in `new`, unmapped with the size of then, and nobody
        // uses it after this.
        unsafe {
            core::ptr::drop_in_place(self.0);
            libc::munmap(self.0.cast(), size_of::<T>());
        }
    }
}

/// Where a paged value is while nobody works on it. Who takes it out has it
/// alone.
#[repr(transparent)]
pub struct Parked<T>(AtomicPtr<T>);

impl<T> Default for Parked<T> {
    fn default() -> Self {
        Parked(AtomicPtr::default())
    }
}

impl<T> Parked<T> {
    pub fn put(&self, value: Paged<T>) {
        self.0.store(value.0, SeqCst);
        core::mem::forget(value);
    }

    pub fn take(&self) -> Option<Paged<T>> {
        let value = self.0.swap(core::ptr::null_mut(), SeqCst);
        // Made only if there is one: it would be dropped otherwise.
        (!value.is_null()).then(|| Paged(value))
    }
}
