//! Child processes for C: start them, wait for them, say how they ended, and
//! never lose a status. The manual is `include/chld.h`.
//!
//! Layers point one way: `ffi` (what the header declares) calls the logic in
//! this directory, which calls `sys` (one file per kernel facility).
#![cfg_attr(not(test), no_std)]
#![deny(unsafe_code)]
#![cfg_attr(loom, allow(dead_code, unused_imports))]

mod act;
mod ask;
mod by_pid;
mod capture;
mod cgroup;
mod child;
mod deadline;
mod drain;
mod environment;
mod failure;
mod feed;
mod ffi;
mod graveyard;
mod handler;
mod held;
mod init;
mod launch;
mod life;
mod link;
mod mechanism;
mod member;
#[cfg(all(test, loom))]
mod model;
#[cfg(all(test, feature = "oracle"))]
mod oracle;
mod pin;
mod pipes;
mod plan;
mod process;
mod reap;
mod request;
mod search;
mod sequence;
mod set;
mod sigchld;
mod signals;
mod sink;
mod slab;
mod slot;
mod status;
mod stepwise;
mod sync;
#[allow(unsafe_code)]
mod sys;
mod table;
mod text;
mod tree;
mod wait;
mod watch;

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
