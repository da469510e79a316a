//! Signals: sending, masks, and dispositions.

use super::hook::{self, Point};
use super::{Errno, Result, check_int};
use core::mem::MaybeUninit;

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
        let blocked = super::raw::exchange_mask(!0).map(AllBlocked)?;
        hook::at(Point::Blocked);
        Ok(blocked)
    }

    /// What was blocked before.
    pub fn before(&self) -> u64 {
        self.0
    }
}

impl Drop for AllBlocked {
    fn drop(&mut self) {
        let _ = super::raw::set_mask(self.0);
    }
}

/// Blocks one signal of the calling thread, and brings the old mask back when it goes.
pub struct Blocked(u64);

impl Blocked {
    pub fn enter(signal: i32) -> Result<Blocked> {
        super::raw::block(1 << (signal - 1)).map(Blocked)
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        let _ = super::raw::set_mask(self.0);
    }
}

/// Blocks SIGPIPE in the calling thread while it writes into a pipe whose
/// reader may be gone, and takes the one back that such a write has raised:
/// then EPIPE is all that is left of it, and nothing was changed that another
/// thread could see.
///
/// The kernel sends this SIGPIPE to the writing thread alone. Signals do not
/// queue: if the thread had one pending before, ours has gone into that one,
/// which is not ours to take. If there was none, the one that is pending for
/// the thread afterwards is ours, and sigtimedwait takes it first: what is
/// pending for the thread comes before what is pending for the process.
pub struct SigpipeHeld {
    before: u64,
    was_pending: bool,
}

const SIGPIPE_BIT: u64 = 1 << (libc::SIGPIPE - 1);

impl SigpipeHeld {
    pub fn enter() -> Result<SigpipeHeld> {
        let before = super::raw::block(SIGPIPE_BIT)?;
        let mut held = SigpipeHeld { before, was_pending: false };
        // Unblocked, a pending one would have been delivered.
        if before & SIGPIPE_BIT != 0 {
            held.was_pending = super::raw::pending()? & SIGPIPE_BIT != 0;
        }
        Ok(held)
    }

    /// Runs `write`, and takes the SIGPIPE back if it fails with EPIPE.
    pub fn run<T>(write: impl FnOnce() -> Result<T>) -> Result<T> {
        let held = SigpipeHeld::enter()?;
        let written = write();
        if matches!(written, Err(Errno::EPIPE)) && !held.was_pending {
            let _ = super::raw::take_pending(SIGPIPE_BIT);
        }
        written
    }
}

impl Drop for SigpipeHeld {
    fn drop(&mut self) {
        if self.before & SIGPIPE_BIT == 0 {
            let _ = super::raw::set_mask(self.before);
        }
    }
}

/// Ends the calling process by `signal`: default disposition, not blocked,
/// and no core file if `core` is false. Returns if the signal does not end it.
pub fn die_by(signal: i32, core: bool) {
    // SAFETY: locals only; rlimit and sigset are plain values. The process is
    // about to end, so changing its dispositions harms nobody.
    unsafe {
        if !core {
            // The limit is not asked where a core_pattern pipes to a program.
            #[cfg(target_os = "linux")]
            libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
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

/// What the kernel hands to a handler; only ever passed on.
#[derive(Clone, Copy)]
pub struct Delivery {
    pub signal: i32,
    pub info: *mut libc::siginfo_t,
    pub context: *mut core::ffi::c_void,
}

impl Delivery {
    /// The child that it is about: which, and CLD_*.
    pub fn child(&self) -> (i32, i32) {
        // SAFETY: the kernel passes a valid siginfo to a handler installed with
        // SA_SIGINFO, and a `Delivery` lives no longer than the handler runs.
        match unsafe { self.info.as_ref() } {
            // SAFETY: si_pid is there for SIGCHLD, and is memory of the siginfo
            // whatever sent it.
            Some(info) => (unsafe { info.si_pid() }, info.si_code),
            None => (0, 0),
        }
    }
}

/// A handler as the kernel calls it.
pub type Handler = extern "C" fn(i32, *mut libc::siginfo_t, *mut core::ffi::c_void);

/// What a process does about one signal.
#[derive(Clone, Copy)]
pub struct Disposition(pub(super) libc::sigaction);

impl Disposition {
    pub fn of(signal: i32) -> Result<Disposition> {
        let mut now = MaybeUninit::zeroed();
        // SAFETY: asks only; writes one sigaction into a live local.
        check_int(unsafe { libc::sigaction(signal, core::ptr::null(), now.as_mut_ptr()) })?;
        // SAFETY: written by the call above.
        Ok(Disposition(unsafe { now.assume_init() }))
    }

    /// Makes this the disposition of `signal`; returns the one before.
    pub fn install(&self, signal: i32) -> Result<Disposition> {
        let mut before = MaybeUninit::zeroed();
        // SAFETY: `self` is one that the system gave us, or one of `handling`.
        check_int(unsafe { libc::sigaction(signal, &self.0, before.as_mut_ptr()) })?;
        // SAFETY: written by the call above.
        Ok(Disposition(unsafe { before.assume_init() }))
    }

    /// One that runs `handler` before `previous`, under `previous`'s mask and
    /// flags, and on its stack: an alternate one that somebody made for SIGSEGV
    /// may be too small for it. Where there is nobody to ask, no calls are
    /// interrupted, and the alternate stack is used: Go, for one, demands that.
    pub fn handling(handler: Handler, previous: &Disposition) -> Disposition {
        let mut new = previous.0;
        new.sa_sigaction = handler as usize;
        let kept = if previous.has_function() {
            previous.0.sa_flags & (libc::SA_RESTART | libc::SA_NODEFER | libc::SA_ONSTACK)
        } else {
            libc::SA_RESTART | libc::SA_ONSTACK
        };
        new.sa_flags = kept | libc::SA_SIGINFO;
        Disposition(new)
    }

    pub fn runs(&self, handler: Handler) -> bool {
        self.0.sa_sigaction == handler as usize
    }

    /// The same function, if with other flags perhaps.
    pub fn runs_as(&self, other: &Disposition) -> bool {
        self.0.sa_sigaction == other.0.sa_sigaction
    }

    /// A function, not SIG_DFL or SIG_IGN.
    pub fn has_function(&self) -> bool {
        self.0.sa_sigaction != libc::SIG_DFL && self.0.sa_sigaction != libc::SIG_IGN
    }

    /// The kernel reaps every child by itself.
    pub fn is_auto_reaping(&self) -> bool {
        self.is_ignored() || self.has_flag(libc::SA_NOCLDWAIT)
    }

    pub fn is_ignored(&self) -> bool {
        self.0.sa_sigaction == libc::SIG_IGN
    }

    pub fn has_flag(&self, flag: i32) -> bool {
        self.0.sa_flags & flag != 0
    }
}

pub type Set = libc::sigset_t;

/// The signals of a set as bits, bit n - 1 for signal n.
pub fn bits_of(set: &Set) -> u64 {
    // SAFETY: reads a live set.
    let has = |signal| unsafe { libc::sigismember(set, signal) } == 1;
    (1..=64).filter(|signal| has(*signal)).fold(0, |bits, signal| bits | 1 << (signal - 1))
}

/// The set of these signals, without those that libc keeps for itself.
pub fn set_of(bits: u64) -> Set {
    let mut set = MaybeUninit::zeroed();
    // SAFETY: the first call makes a live local a set, the others add to it.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in (1..=64).filter(|signal| bits & 1 << (signal - 1) != 0) {
            libc::sigaddset(set.as_mut_ptr(), signal);
        }
        set.assume_init()
    }
}

pub fn is_sigchld_blocked() -> bool {
    super::raw::mask().is_ok_and(|mask| mask & 1 << (libc::SIGCHLD - 1) != 0)
}
