//! Another Rust library in the same C program: its own panic handler, its own
//! copy of the compiler's functions, a panic path that survives.
#![no_std]

unsafe extern "C" {
    safe fn abort() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    abort()
}

/// The compiler's own functions name it; without unwinding nobody calls it.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// The sum of `count` numbers; panics if it does not fit.
///
/// # Safety
/// `numbers` must be valid for `count` reads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn other_sum(numbers: *const i32, count: usize) -> i32 {
    // SAFETY: by this function's contract.
    let numbers = unsafe { core::slice::from_raw_parts(numbers, count) };
    numbers.iter().try_fold(0i32, |sum, number| sum.checked_add(*number)).expect("it fits")
}
