//! The calling thread as the library found it: `errno` and cancellation.

use super::{Errno, errno};

unsafe extern "C" {
    // In glibc since 2.0 and musl since 1.1.11; the libc crate does not bind it.
    // Touches nothing but a word of the calling thread, so it is safe in a
    // handler too.
    fn pthread_setcancelstate(state: i32, previous: *mut i32) -> i32;
}
const PTHREAD_CANCEL_DISABLE: i32 = 1;

/// While one lives, the calling thread cannot be cancelled: a `read` or `poll`
/// in the library is a cancellation point to libc, and a thread that vanished
/// inside one would keep a child pinned forever. When it goes, `errno` and the
/// cancel state are what they were.
pub struct Undisturbed {
    errno: i32,
    cancel_state: i32,
}

impl Undisturbed {
    #[inline(never)]
    pub fn enter() -> Undisturbed {
        let mut cancel_state = 0;
        // SAFETY: `cancel_state` is a live local; the call cannot fail with a
        // valid state.
        unsafe { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &mut cancel_state) };
        Undisturbed { errno: errno::get(), cancel_state }
    }
}

impl Drop for Undisturbed {
    #[inline(never)]
    fn drop(&mut self) {
        // SAFETY: as in `enter`; the state restored is one that libc gave us.
        unsafe { pthread_setcancelstate(self.cancel_state, core::ptr::null_mut()) };
        errno::set(self.errno);
    }
}

/// Keeps `errno` alone, for the signal handler.
pub struct KeptErrno(i32);

impl KeptErrno {
    pub fn enter() -> KeptErrno {
        KeptErrno(errno::get())
    }
}

impl Drop for KeptErrno {
    fn drop(&mut self) {
        errno::set(self.0);
    }
}

pub fn pid() -> i32 {
    // SAFETY: no arguments, cannot fail.
    unsafe { libc::getpid() }
}

/// A number that only this thread of the process has, without a system call.
pub fn this_thread() -> usize {
    // SAFETY: no arguments, cannot fail.
    unsafe { libc::pthread_self() as usize }
}

/// The calling thread's number.
pub fn thread() -> i32 {
    super::raw::thread()
}

/// Ends the process at once, with no `atexit` functions.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: takes an int, never returns.
    unsafe { libc::_exit(code) }
}

/// The system's words for an errno, in the caller's locale. Not for handlers:
/// libc may load a message catalogue.
pub fn errno_text(errno: Errno, buffer: &mut [u8]) -> &[u8] {
    // SAFETY: writes at most `len` bytes, NUL included, into a live slice. The
    // libc crate binds the POSIX variant in every libc.
    let failed = unsafe { libc::strerror_r(errno.0, buffer.as_mut_ptr().cast(), buffer.len()) };
    if failed != 0 {
        return b"unknown error";
    }
    super::cstr::until_nul(buffer).map_or(b"", |text| text.to_bytes())
}

/// Whether orphans become children of this process: by its wish, or because it
/// is the init of its pid namespace.
pub fn is_subreaper() -> bool {
    let mut on: libc::c_int = 0;
    #[cfg(target_os = "linux")]
    // SAFETY: writes one int into a live local; a failure leaves it 0.
    unsafe {
        libc::prctl(libc::PR_GET_CHILD_SUBREAPER, &raw mut on, 0, 0, 0)
    };
    pid() == 1 || on != 0
}

/// Whether orphaned descendants become children of this process. ENOSYS where
/// there is no such thing.
pub fn set_subreaper(on: bool) -> super::Result<()> {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: numbers only. Since Linux 3.4.
        let done = unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, on as libc::c_ulong, 0, 0, 0) };
        super::check_int(done).map(drop)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = on;
        Err(Errno::ENOSYS)
    }
}
