//! Types of which all-zero bytes are a value: what memory holds that the kernel has
//! just mapped, or wiped in a forked copy.

use core::marker::PhantomData;

/// # Safety
/// All-zero bytes must be a valid value.
pub unsafe trait Zeroed: Default + 'static {}

macro_rules! numbers {
    ($($number:ty)*) => { $(
        // SAFETY: a number or a boolean, of which zero is one.
        unsafe impl Zeroed for $number {}
    )* };
}
numbers! { bool u8 u16 u32 u64 usize i32 i64 }

// SAFETY: every element is a value.
unsafe impl<T: Zeroed> Zeroed for [T; 2] where [T; 2]: Default {}
// SAFETY: as above.
unsafe impl<T: Zeroed> Zeroed for [T; 3] where [T; 3]: Default {}
// SAFETY: as above.
unsafe impl<T: Zeroed> Zeroed for [T; 9] where [T; 9]: Default {}
// SAFETY: no bytes at all.
unsafe impl<T: 'static> Zeroed for PhantomData<T> {}

/// Many numbers.
pub struct Numbers<const N: usize>(pub [u32; N]);

impl<const N: usize> Default for Numbers<N> {
    fn default() -> Self {
        Numbers([0; N])
    }
}

// SAFETY: numbers.
unsafe impl<const N: usize> Zeroed for Numbers<N> {}

/// Declares a struct that is `Zeroed`, as each of its members is.
macro_rules! zeroed_struct {
    ($(#[$about:meta])* pub struct $name:ident {
        $($(#[$member:meta])* $sight:vis $field:ident: $kind:ty,)*
    }) => {
        $(#[$about])*
        #[derive(Default)]
        pub struct $name {
            $($(#[$member])* $sight $field: $kind,)*
        }
        // SAFETY: the function asks it of every member.
        #[allow(unsafe_code)]
        unsafe impl $crate::sys::zeroed::Zeroed for $name {}
        const _: fn() = || {
            fn zeroed<T: $crate::sys::zeroed::Zeroed>() {}
            $(zeroed::<$kind>();)*
        };
    };
}
pub(crate) use zeroed_struct;

/// For an enum without data whose variant `first` is 0.
macro_rules! zeroed_enum {
    ($name:ident::$first:ident) => {
        // SAFETY: a number in memory, and 0 is one of the variants.
        #[allow(unsafe_code)]
        unsafe impl $crate::sys::zeroed::Zeroed for $name {}
        const _: () = assert!($name::$first as i32 == 0);
    };
}
pub(crate) use zeroed_enum;
