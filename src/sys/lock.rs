//! One lock for the library's memory, which a signal handler may take too.
//!
//! It is only ever held with every signal blocked on the holding thread. So the
//! code that a handler interrupts never holds it, and the handler can wait for it
//! like any other thread.

use super::arch;
use super::hook::{self, Point};
use super::memory::Lasting;
use super::signal::AllBlocked;
use super::zeroed::Zeroed;
use super::{Result, poll, raw};
use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicI32, AtomicU32, Ordering::SeqCst};

const FREE: u32 = 0;
const HELD: u32 = 1;
/// Held, and threads sleep until it is free.
const AWAITED: u32 = 2;

/// A thread that may not call futex() cannot wake the others.
const LONGEST_SLEEP_NS: isize = 20_000_000;

/// A futex. All-zero is free: a forked copy, in which the kernel has wiped this
/// memory, has no thread that could unlock it.
#[derive(Default)]
struct Lock(AtomicU32);

impl Lock {
    fn acquire(&self) {
        if self.0.compare_exchange(FREE, HELD, SeqCst, SeqCst).is_err() {
            self.acquire_slowly();
        }
        hook::at(Point::Locked);
    }

    #[cold]
    #[inline(never)]
    fn acquire_slowly(&self) {
        while self.0.swap(AWAITED, SeqCst) != FREE {
            if !self.futex(libc::FUTEX_WAIT, AWAITED) {
                poll::pause(); // a sandbox refuses futex()
            }
        }
    }

    fn release(&self) {
        if self.0.swap(FREE, SeqCst) == AWAITED {
            self.futex(libc::FUTEX_WAKE, 1);
        }
        hook::at(Point::Unlocked);
    }

    /// False if the call is not to be had.
    fn futex(&self, operation: i32, value: u32) -> bool {
        let operation = (operation | libc::FUTEX_PRIVATE_FLAG) as usize;
        // The kernel's old timespec: two longs.
        let time = [0isize, LONGEST_SLEEP_NS];
        let time = time.as_ptr() as usize;
        let a = [self.0.as_ptr() as usize, operation, value as usize, time, 0, 0];
        // SAFETY: the addresses of a live atomic and of two words. The raw call, as
        // libc's would be a cancellation point in some libcs and set errno.
        let result = unsafe { arch::call(libc::SYS_futex as i64, a) };
        !matches!(-result as i32, libc::ENOSYS | libc::EPERM | libc::EINVAL)
    }
}

/// A value in wiped memory that only the holder of its lock can reach.
pub struct Guarded<T: Zeroed> {
    place: Lasting<Inner<T>>,
}

#[derive(Default)]
struct Inner<T> {
    lock: Lock,
    owner: AtomicI32,
    value: UnsafeCell<T>,
}

// SAFETY: all-zero is a free lock, no owner, and a value by the bound.
unsafe impl<T: Zeroed> Zeroed for Inner<T> {}
// SAFETY: `value` is reached by `Locked` only, of which one exists at a time.
unsafe impl<T: Zeroed> Sync for Inner<T> {}

impl<T: Zeroed> Guarded<T> {
    pub const fn new() -> Guarded<T> {
        Guarded { place: Lasting::new() }
    }

    /// Maps the memory, at the first use.
    pub fn prepare(&self) -> Result<()> {
        self.place.get_or_map().map(drop)
    }

    /// Takes the lock. `None` if the memory was never prepared.
    pub fn lock(&'static self, _blocked: &AllBlocked) -> Option<Locked<T>> {
        let inner = self.place.get()?;
        inner.lock.acquire();
        Some(Locked(inner))
    }

    /// The process that this memory belongs to, as `Locked::owner_mut` has it; 0 if
    /// no call has used it. To be asked without the lock: in a process that shares
    /// this memory without being its owner, the lock must not be touched.
    pub fn owner(&self) -> i32 {
        self.place.get().map_or(0, |inner| inner.owner.load(SeqCst))
    }

    /// For a forked copy that the kernel has not wiped, before it takes the lock.
    pub fn wipe(&self) {
        self.place.wipe();
    }
}

/// What must be done with the value's help, but without the lock.
pub trait Leave {
    type Rest;
    /// The last thing under the lock. What it returns is dropped when the lock is free
    /// and the mask is restored.
    fn leave(&mut self) -> Self::Rest;
}

/// The lock, held, with every signal blocked.
pub struct Section<T: Zeroed + Leave + 'static> {
    inner: &'static Inner<T>,
    mask: u64,
}

impl<T: Zeroed + Leave> Guarded<T> {
    /// `None` if the memory was never prepared.
    pub fn enter(&'static self) -> Result<Option<Section<T>>> {
        let Some(inner) = self.place.get() else { return Ok(None) };
        let mask = block_all()?;
        inner.lock.acquire();
        Ok(Some(Section { inner, mask }))
    }
}

/// Many functions have no other way to fail: a sandbox that refuses the call once does
/// not make them.
fn block_all() -> Result<u64> {
    let blocked = (0..100).find_map(|_| raw::exchange_mask(!0).ok());
    blocked.map_or_else(|| raw::exchange_mask(!0), Ok)
}

impl<T: Zeroed + Leave> Section<T> {
    pub fn owner(&self) -> i32 {
        self.inner.owner.load(SeqCst)
    }

    pub fn set_owner(&self, pid: i32) {
        self.inner.owner.store(pid, SeqCst);
    }
}

impl<T: Zeroed + Leave> Deref for Section<T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the lock is held, and there is one guard for it: this one.
        unsafe { &*self.inner.value.get() }
    }
}

impl<T: Zeroed + Leave> DerefMut for Section<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and this one is borrowed exclusively.
        unsafe { &mut *self.inner.value.get() }
    }
}

impl<T: Zeroed + Leave> Drop for Section<T> {
    // In one place: it ends almost every function.
    #[inline(never)]
    fn drop(&mut self) {
        let _rest = self.leave();
        self.inner.lock.release();
        let _ = (0..100).find(|_| raw::set_mask(self.mask).is_ok());
    }
}

/// The lock, held by a caller that has blocked the signals itself.
pub struct Locked<T: Zeroed + 'static>(&'static Inner<T>);

impl<T: Zeroed> Locked<T> {
    pub fn owner(&self) -> i32 {
        self.0.owner.load(SeqCst)
    }

    pub fn set_owner(&self, pid: i32) {
        self.0.owner.store(pid, SeqCst);
    }
}

impl<T: Zeroed> Deref for Locked<T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the lock is held, and there is one `Locked` for it: this one.
        unsafe { &*self.0.value.get() }
    }
}

impl<T: Zeroed> DerefMut for Locked<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and this one is borrowed exclusively.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T: Zeroed> Drop for Locked<T> {
    fn drop(&mut self) {
        self.0.lock.release();
    }
}
