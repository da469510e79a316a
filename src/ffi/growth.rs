//! Structs that callers fill, and that grow from version to version.

use crate::start::failure::{Failure, Reason};
use crate::sys::{Errno, Result};
use core::mem::{MaybeUninit, size_of};

/// A struct that begins with its size, as the caller knows it.
///
/// # Safety
/// `#[repr(C)]`, its first member a `usize`, and zero a value of every member.
pub unsafe trait Growing {
    /// The size of the first version.
    const FIRST_SIZE: usize;
}

/// The largest that anybody can mean.
const LARGEST_SIZE: usize = 4096;

/// Copies the caller's struct as far as both sides know it. EINVAL for a size
/// that never was, E2BIG if the caller uses what this library does not have.
///
/// # Safety
/// `given` must be valid for the number of bytes in its first member.
unsafe fn copy<T: Growing>(given: *const T) -> Result<T> {
    let mut known = MaybeUninit::<T>::zeroed();
    // SAFETY: `given` by the contract; `known` is a live local of that size.
    // Zero is a value of every member that is not copied, by `Growing`.
    unsafe {
        let place = known.as_mut_ptr().cast();
        copy_bytes(given.cast(), T::FIRST_SIZE, place, size_of::<T>())?;
        Ok(known.assume_init())
    }
}

/// The same. `[zero, wrong, newer]` are the rules that a size can break.
///
/// # Safety
/// As for `copy`.
pub unsafe fn checked<T: Growing>(given: *const T, rules: [Reason; 3]) -> Result<T, Failure> {
    let [zero, wrong, newer] = rules;
    // SAFETY: by the contract; the first member is the size.
    unsafe {
        copy(given).map_err(|errno| {
            let reason = match (given.cast::<usize>().read(), errno) {
                (0, _) => zero,
                (_, Errno::E2BIG) => newer,
                _ => wrong,
            };
            Failure::misuse(reason, 0)
        })
    }
}

/// # Safety
/// `given` must begin with its size, and be valid for that; `place` for `ours`.
#[inline(never)]
unsafe fn copy_bytes(given: *const u8, first: usize, place: *mut u8, ours: usize) -> Result<()> {
    // SAFETY: all by the contract: the first member is readable, both sides are
    // valid for the smaller of the two sizes, and `given` up to `size`.
    unsafe {
        let size = given.cast::<usize>().read();
        if !(first..=LARGEST_SIZE).contains(&size) {
            return Err(Errno::EINVAL);
        }
        core::ptr::copy_nonoverlapping(given, place, size.min(ours));
        for i in ours..size {
            if given.add(i).read() != 0 {
                return Err(Errno::E2BIG);
            }
        }
    }
    Ok(())
}
