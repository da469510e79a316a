//! Pages from the kernel: those that live forever, and those for one call.

use super::signal::AllBlocked;
use super::zeroed::Zeroed;
use super::{Errno, Result, errno, host, poll};
use core::mem::MaybeUninit;
use core::sync::atomic::{
    AtomicBool, AtomicI32, AtomicPtr,
    Ordering::{Relaxed, SeqCst},
};

pub(super) fn map(size: usize) -> Result<*mut u8> {
    // SAFETY: an anonymous private mapping at an address of the kernel's choice
    // disturbs no memory of this process.
    let address = unsafe {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        libc::mmap(core::ptr::null_mut(), size, protection, flags, -1, 0)
    };
    if address == libc::MAP_FAILED { Err(Errno(errno::get())) } else { Ok(address.cast()) }
}

/// Gives back what nobody has seen.
pub(super) fn unmap(first: *mut u8, size: usize) {
    // SAFETY: made by `map` with this size, and no reference to it was ever given out.
    unsafe { libc::munmap(first.cast(), size) };
}

/// Set once the kernel has refused MADV_WIPEONFORK (before Linux 4.14, and some
/// emulators).
static COPIES_KEEP_MEMORY: AtomicBool = AtomicBool::new(false);

/// Pages that are mapped at the first use, never unmapped, never moved, and zeroed
/// again in a forked copy of the process. Where they are is ordinary memory: a
/// copy has them at the same address.
pub struct Pages(AtomicPtr<u8>);

impl Pages {
    pub const fn new() -> Pages {
        Pages(AtomicPtr::new(core::ptr::null_mut()))
    }

    fn first(&self) -> Option<*mut u8> {
        Some(self.0.load(SeqCst)).filter(|first| !first.is_null())
    }

    /// Several threads may map at once: the first one wins.
    fn map(&self, size: usize) -> Result<*mut u8> {
        let fresh = map(size)?;
        // SAFETY: advice on a mapping that was made just above.
        if unsafe { libc::madvise(fresh.cast(), size, libc::MADV_WIPEONFORK) } != 0 {
            COPIES_KEEP_MEMORY.store(true, SeqCst);
            OWNER.claim();
        }
        match self.0.compare_exchange(core::ptr::null_mut(), fresh, SeqCst, SeqCst) {
            Ok(_) => Ok(fresh),
            Err(first) => {
                unmap(fresh, size); // another thread was first
                Ok(first)
            }
        }
    }

    fn wipe(&self, size: usize) {
        if let Some(first) = self.first() {
            // SAFETY: mapped with this size. Only `Owner::settle` comes here, in a
            // copy where no other thread has got past it.
            unsafe { core::ptr::write_bytes(first, 0, size) };
        }
    }
}

/// One value in such pages.
pub struct Lasting<T: Zeroed> {
    pages: Pages,
    of: core::marker::PhantomData<T>,
}

// SAFETY: gives out shared references only to what is Sync.
unsafe impl<T: Zeroed + Sync> Sync for Lasting<T> {}

impl<T: Zeroed> Lasting<T> {
    pub const fn new() -> Self {
        Lasting { pages: Pages::new(), of: core::marker::PhantomData }
    }
}

impl<T: Zeroed + Sync> Lasting<T> {
    pub fn get(&self) -> Option<&'static T> {
        // SAFETY: mapped by `get_or_map`, large enough, page-aligned (no T here
        // asks for more), zeroed at first, which is a T by `Zeroed`, and never
        // unmapped.
        self.pages.first().map(|first| unsafe { &*first.cast() })
    }

    pub fn get_or_map(&self) -> Result<&'static T> {
        if self.get().is_none() {
            self.pages.map(size_of::<T>())?;
        }
        self.get().ok_or(Errno::ENOMEM)
    }

    pub fn wipe(&self) {
        self.pages.wipe(size_of::<T>());
    }
}

const FIRST: u32 = 32;
const SLABS: usize = 17;
/// `FIRST * (2^SLABS - 1)`: 4,194,272.
pub const CAPACITY: u32 = FIRST * ((1 << SLABS) - 1);

/// Where the values of one type are: slab `k` holds `FIRST << k` of them.
pub struct Directory([Pages; SLABS]);

impl Directory {
    pub const fn new() -> Directory {
        Directory([const { Pages::new() }; SLABS])
    }

    /// Zeroes all that a forked copy has from its original.
    pub fn wipe<T: Stored>(&self) {
        for (k, pages) in self.0.iter().enumerate() {
            pages.wipe(slab_size::<T>(k));
        }
    }
}

fn slab_size<T>(k: usize) -> usize {
    (FIRST as usize).wrapping_mul(size_of::<T>()) << k
}

/// What can live in slabs.
///
/// # Safety
/// `directory` must be this type's own, and one `Slabs<Self>` may exist at most.
pub unsafe trait Stored: Zeroed {
    fn directory() -> &'static Directory;
    /// Where the free list continues.
    fn next_free(&mut self) -> &mut u32;
}

/// Gives a type its place in `Slabs`, with the member that the free list uses.
macro_rules! stored {
    ($name:ty, $next:ident) => {
        // SAFETY: the directory is this function's own.
        #[allow(unsafe_code)]
        unsafe impl $crate::sys::memory::Stored for $name {
            fn directory() -> &'static $crate::sys::memory::Directory {
                static DIRECTORY: $crate::sys::memory::Directory =
                    $crate::sys::memory::Directory::new();
                &DIRECTORY
            }
            fn next_free(&mut self) -> &mut u32 {
                &mut self.$next
            }
        }
    };
}
pub(crate) use stored;

/// Values that never move, by index. Lives in wiped memory, as they do: all-zero
/// has none, and a forked copy has none.
#[derive(Default)]
pub struct Slabs<T: Stored> {
    used: u32,
    /// Index + 1 of the first free one.
    free: u32,
    of: core::marker::PhantomData<T>,
}

// SAFETY: numbers.
unsafe impl<T: Stored> Zeroed for Slabs<T> {}

/// No place is left that is mapped.
pub struct Full;

impl<T: Stored> Slabs<T> {
    pub fn get(&mut self, index: u32) -> Option<&mut T> {
        if index >= self.used { None } else { Self::at(index) }
    }

    /// The borrow is that of the slabs, of which there is one only.
    fn at<'a>(index: u32) -> Option<&'a mut T> {
        let (k, offset) = locate(index);
        let first: *mut T = T::directory().0.get(k)?.first()?.cast();
        // SAFETY: `offset` is within slab `k`, which is mapped, aligned to a page
        // and zeroed at first. No other reference to it is alive: the only `Slabs`
        // of this type is borrowed by the caller, exclusively.
        Some(unsafe { &mut *first.add(offset) })
    }

    /// Takes a free place, whose content is what its last user left.
    pub fn claim(&mut self) -> Result<u32, Full> {
        if let Some(index) = self.free.checked_sub(1) {
            self.free = *Self::at(index).ok_or(Full)?.next_free();
            return Ok(index);
        }
        let index = self.used;
        if index >= CAPACITY || Self::at(index).is_none() {
            return Err(Full);
        }
        self.used = index.wrapping_add(1);
        Ok(index)
    }

    pub fn give_back(&mut self, index: u32) {
        let next = self.free;
        if let Some(place) = self.get(index) {
            *place.next_free() = next;
            self.free = index.wrapping_add(1);
        }
    }

    /// How many places were ever in use.
    pub fn used(&self) -> u32 {
        self.used
    }

    /// The slab that `claim` asks for when it returns `Full`; EAGAIN at the end of all.
    pub fn missing(&self) -> Result<usize> {
        let (k, _) = locate(self.used);
        if self.used >= CAPACITY { Err(Errno::EAGAIN) } else { Ok(k) }
    }

    /// Maps that one. Without the lock: it may take long.
    pub fn map(k: usize) -> Result<()> {
        let pages = T::directory().0.get(k).ok_or(Errno::EAGAIN)?;
        if pages.first().is_none() {
            pages.map(slab_size::<T>(k))?;
        }
        Ok(())
    }
}

/// (slab, offset in it) of a place.
fn locate(index: u32) -> (usize, usize) {
    let k = (index / FIRST).wrapping_add(1).ilog2();
    let before = (FIRST << k).wrapping_sub(FIRST);
    (k as usize, index.wrapping_sub(before) as usize)
}

/// Whose memory this is, where the kernel does not wipe it in a forked copy. In
/// ordinary memory, which a copy has from its original.
struct Owner {
    /// Its pid; negative while that process wipes the memory.
    pid: AtomicI32,
    /// A page that the kernel leaves out of copies: even the pid can be the same, in
    /// another pid namespace.
    mark: AtomicPtr<u8>,
}

static OWNER: Owner =
    Owner { pid: AtomicI32::new(0), mark: AtomicPtr::new(core::ptr::null_mut()) };

const MARK_BYTES: usize = 4096;

/// Before the lock is touched: in a forked copy that kept the memory, a thread that
/// is not there may hold it. `wipe` makes that memory all-zero.
pub fn forget_if_copied(wipe: fn()) {
    if COPIES_KEEP_MEMORY.load(Relaxed) {
        OWNER.settle(wipe);
    }
}

/// The same for a signal handler, which may run in a process that only shares the
/// memory: there the mark is not missing.
pub fn forget_if_surely_copied(wipe: fn()) {
    if COPIES_KEEP_MEMORY.load(Relaxed) && OWNER.mark_is_missing() {
        OWNER.settle(wipe);
    }
}

impl Owner {
    #[cold]
    #[inline(never)]
    fn settle(&self, wipe: fn()) {
        let me = host::pid();
        loop {
            let owner = self.pid.load(SeqCst);
            if owner == me && !self.mark_is_missing() {
                return;
            }
            // A handler that interrupts the one who wipes would wait for it forever.
            let _blocked = AllBlocked::enter();
            if owner == me.wrapping_neg() {
                poll::pause(); // another thread is wiping
            } else if self.pid.compare_exchange(owner, me.wrapping_neg(), SeqCst, SeqCst).is_ok() {
                if owner != 0 {
                    wipe();
                }
                self.set_mark();
                self.pid.store(me, SeqCst);
            }
        }
    }

    /// The process that maps the first of the memory is its owner.
    fn claim(&self) {
        self.settle(|| {});
    }

    fn set_mark(&self) {
        let Ok(page) = map(MARK_BYTES) else { return };
        // SAFETY: advice on a mapping that was made just above.
        if unsafe { libc::madvise(page.cast(), MARK_BYTES, libc::MADV_DONTFORK) } == 0 {
            self.mark.store(page, SeqCst);
        }
    }

    fn mark_is_missing(&self) -> bool {
        let page = self.mark.load(SeqCst);
        let mut state = 0u8;
        // SAFETY: mincore writes one byte for one page into a live local. It returns
        // ENOMEM for an address at which nothing is mapped.
        let asked = unsafe { libc::mincore(page.cast(), MARK_BYTES, &raw mut state) };
        !page.is_null() && asked != 0 && errno::get() == libc::ENOMEM
    }
}

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
            // values have nothing to drop: they are numbers and pointers, or guards
            // that their owner has dropped.
            unsafe { libc::munmap(self.values.as_mut_ptr().cast(), size_of_val(self.values)) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_one_another_through_the_slabs() {
        let mut expected = 0;
        for k in 0..SLABS {
            let size = FIRST << k;
            for offset in [0, size - 1] {
                assert_eq!(locate(expected + offset), (k, offset as usize));
            }
            expected += size;
        }
        assert_eq!(expected, CAPACITY);
    }
}
