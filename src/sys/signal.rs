//! Sending signals, and the numbers that libc decides.

use super::{Errno, Result, check_int};

/// Sends by number. Only for a child whose zombie, at least, is still there:
/// the caller holds it against being reaped.
pub fn kill(pid: i32, signal: i32) -> Result<()> {
    send(pid, pid, signal)
}

/// The same to every member of a group.
pub fn kill_group(group: i32, signal: i32) -> Result<()> {
    send(group, group.wrapping_neg(), signal)
}

/// 0, -1 and 1 would mean the caller's own group, every process there is, and
/// init: no mistake above may ever reach them.
fn send(id: i32, target: i32, signal: i32) -> Result<()> {
    if id <= 1 {
        return Err(Errno::ESRCH);
    }
    // SAFETY: two ints.
    check_int(unsafe { libc::kill(target, signal) }).map(drop)
}

/// The real-time signals that libc leaves to programs.
pub fn realtime_range() -> (i32, i32) {
    (libc::SIGRTMIN(), libc::SIGRTMAX())
}

/// Blocks every signal of the calling thread, libc's own included, and brings
/// the old mask back when it goes.
pub struct AllBlocked(u64);

impl AllBlocked {
    pub fn enter() -> Result<AllBlocked> {
        super::raw::exchange_mask(!0).map(AllBlocked)
    }

    /// The mask that was there before.
    pub fn before(&self) -> u64 {
        self.0
    }
}

impl Drop for AllBlocked {
    fn drop(&mut self) {
        let _ = super::raw::set_mask(self.0);
    }
}

/// Ends the calling process by `signal`: default disposition, not blocked,
/// and no core file if `core` is false. Returns if the signal does not end it.
pub fn die_by(signal: i32, core: bool) {
    // SAFETY: locals only; rlimit and sigset are plain values. The process is
    // about to end, so changing its dispositions harms nobody.
    unsafe {
        if !core {
            let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            if libc::getrlimit(libc::RLIMIT_CORE, &mut limit) == 0 {
                limit.rlim_cur = 0;
                libc::setrlimit(libc::RLIMIT_CORE, &limit);
            }
        }
        libc::signal(signal, libc::SIG_DFL);
        let mut only = core::mem::MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(only.as_mut_ptr());
        libc::sigaddset(only.as_mut_ptr(), signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, only.as_ptr(), core::ptr::null_mut());
        libc::raise(signal); // not kill(getpid()): this process may be pid 1
    }
}
