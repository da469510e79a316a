//! The calling thread's `errno`.

fn place() -> *mut i32 {
    // SAFETY: takes nothing, returns the address of the calling thread's errno,
    // valid as long as the thread lives. Async-signal-safe in every libc.
    unsafe {
        #[cfg(target_os = "linux")]
        {
            libc::__errno_location()
        }
        #[cfg(not(target_os = "linux"))]
        {
            libc::__error()
        }
    }
}

pub fn get() -> i32 {
    // SAFETY: `place` is this thread's own, live and aligned.
    unsafe { *place() }
}

pub fn set(number: i32) {
    // SAFETY: as above.
    unsafe { *place() = number };
}
