//! Child processes for C: start them, wait for them, report how they exited,
//! and never lose a status. The manual is `include/chld.h`.
//!
//! Layers point one way: `ffi` (what the header declares) calls the logic in
//! this directory, which calls `sys` (one file per kernel facility).
#![cfg_attr(not(test), no_std)]
#![deny(unsafe_code)]

mod capture;
mod children;
mod ffi;
mod notify;
mod pipeline;
#[cfg(all(test, feature = "oracle"))]
mod oracle;
mod set;
mod start;
mod status;
mod stop;
#[allow(unsafe_code)]
mod sys;
mod wait;

/// No panic path survives in what is shipped: `make check` proves it by linking
/// with `chld_prove_no_panic`, where a path to this function would need a
/// symbol that nobody has. So this is here for the compiler only.
#[cfg(not(test))]
#[panic_handler]
#[allow(unsafe_code)]
fn panic(_: &core::panic::PanicInfo) -> ! {
    #[cfg(chld_prove_no_panic)]
    {
        unsafe extern "C" {
            fn chld_a_panic_path_survives() -> !;
        }
        // SAFETY: never linked, let alone called.
        unsafe { chld_a_panic_path_survives() }
    }
    #[cfg(not(chld_prove_no_panic))]
    sys::host::exit_now(134)
}
