//! Signals: sending, masks, and dispositions.

use super::{Errno, Result, check_int};
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering::SeqCst};

#[cfg(loom)]
pub use crate::model::kernel::kill;

/// Sends by number. Only for a child whose zombie, at least, is still there:
/// the caller holds it against being reaped.
#[cfg(not(loom))]
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

/// For a SIGCHLD that this process may have missed. It goes to whichever thread
/// takes it, as the kernel's own do.
pub fn repeat_sigchld() {
    // SAFETY: two ints. The pid is our own, so 1 means no other process either.
    unsafe { libc::kill(super::host::pid(), libc::SIGCHLD) };
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
}

impl Drop for AllBlocked {
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
            super::raw::take_pending(SIGPIPE_BIT);
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
pub struct Disposition(libc::sigaction);

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

    pub fn is_ignored(&self) -> bool {
        self.0.sa_sigaction == libc::SIG_IGN
    }

    pub fn has_flag(&self, flag: i32) -> bool {
        self.0.sa_flags & flag != 0
    }
}

fn mask() -> libc::sigset_t {
    let mut mask = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: writes the calling thread's mask into a live local.
    unsafe {
        libc::sigemptyset(mask.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_BLOCK, core::ptr::null(), mask.as_mut_ptr());
        mask.assume_init()
    }
}

/// The calling thread's mask without SIGCHLD, for the length of a poll.
pub fn mask_without_sigchld() -> libc::sigset_t {
    let mut mask = mask();
    // SAFETY: changes a live local.
    unsafe { libc::sigdelset(&mut mask, libc::SIGCHLD) };
    mask
}

pub fn is_sigchld_blocked() -> bool {
    // SAFETY: reads a live local.
    unsafe { libc::sigismember(&mask(), libc::SIGCHLD) == 1 }
}

/// A place for a disposition that a handler may read while it is written. It
/// then chains to the old or the new one, both of which were in force.
///
/// Each is written to the place that nobody is told of yet, so a handler that
/// has interrupted the writer does not wait for it. Only one that was slow while
/// two were written, by another thread, reads again.
pub struct Kept {
    /// How many were written; the lowest bit says where the last one is.
    version: AtomicUsize,
    /// The last version whose function was to run once only, and has.
    spent: AtomicUsize,
    places: [Place; 2],
}

struct Place {
    function: AtomicUsize,
    flags: AtomicI32,
    mask: AtomicU64,
}

/// What a place held.
struct Reading {
    function: usize,
    flags: i32,
    mask: u64,
}

impl Place {
    /// SIG_DFL.
    const fn new() -> Place {
        Place {
            function: AtomicUsize::new(0),
            flags: AtomicI32::new(0),
            mask: AtomicU64::new(0),
        }
    }

    fn load(&self) -> Reading {
        Reading {
            function: self.function.load(SeqCst),
            flags: self.flags.load(SeqCst),
            mask: self.mask.load(SeqCst),
        }
    }

    fn store(&self, disposition: &Disposition) {
        let mut mask = 0u64;
        for signal in 1..=64 {
            // SAFETY: reads a live value.
            if unsafe { libc::sigismember(&disposition.0.sa_mask, signal) } == 1 {
                mask |= 1 << (signal - 1);
            }
        }
        self.mask.store(mask, SeqCst);
        self.flags.store(disposition.0.sa_flags, SeqCst);
        self.function.store(disposition.0.sa_sigaction, SeqCst);
    }
}

impl Reading {
    fn disposition(&self) -> Disposition {
        // SAFETY: zero is a valid sigaction (SIG_DFL), and the set is a live
        // part of it.
        let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
        for signal in (1..=64).filter(|signal| self.mask & 1 << (signal - 1) != 0) {
            // SAFETY: as above.
            unsafe { libc::sigaddset(&mut action.sa_mask, signal) };
        }
        action.sa_flags = self.flags;
        action.sa_sigaction = self.function;
        Disposition(action)
    }
}

impl Kept {
    /// SIG_DFL.
    pub const fn new() -> Kept {
        Kept {
            version: AtomicUsize::new(0),
            spent: AtomicUsize::new(0),
            places: [const { Place::new() }; 2],
        }
    }

    fn place(&self, version: usize) -> &Place {
        let [even, odd] = &self.places;
        if version & 1 == 0 { even } else { odd }
    }

    /// One thread at a time.
    pub fn set(&self, disposition: &Disposition) {
        let next = self.version.load(SeqCst).wrapping_add(1);
        self.place(next).store(disposition);
        self.version.store(next, SeqCst);
    }

    /// The last one, and which that is.
    fn read(&self) -> (Reading, usize) {
        loop {
            let version = self.version.load(SeqCst);
            let mut reading = self.place(version).load();
            // As long as it is the last one, the next is written elsewhere.
            if self.version.load(SeqCst) == version {
                if self.spent.load(SeqCst) == version {
                    reading.function = libc::SIG_DFL;
                }
                return (reading, version);
            }
        }
    }

    pub fn get(&self) -> Disposition {
        self.read().0.disposition()
    }

    pub fn is_auto_reaping(&self) -> bool {
        let (Reading { function, flags, .. }, _) = self.read();
        function == libc::SIG_IGN || flags & libc::SA_NOCLDWAIT != 0
    }

    /// Calls the function kept here, if it is one, as the kernel would have.
    /// `ended`: the signal stands for an end, perhaps besides a stop.
    pub fn chain(&self, delivery: Delivery, ended: bool) {
        let (Reading { function: address, flags, .. }, version) = self.read();
        let unwanted = !ended && flags & libc::SA_NOCLDSTOP != 0;
        if address == libc::SIG_DFL || address == libc::SIG_IGN || unwanted {
            return;
        }
        if flags & libc::SA_RESETHAND != 0 && self.spent.fetch_max(version, SeqCst) >= version {
            return; // another thread was first
        }
        // SAFETY: `address` came out of a sigaction that was in force, so it is
        // a function of one of the two types, and SA_SIGINFO says which. It runs
        // in a handler for the same signal, as it was written to.
        unsafe {
            if flags & libc::SA_SIGINFO != 0 {
                let function: Handler = core::mem::transmute(address);
                function(delivery.signal, delivery.info, delivery.context);
            } else {
                let function: extern "C" fn(i32) = core::mem::transmute(address);
                function(delivery.signal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::AtomicBool;

    fn disposition(function: usize, flags: i32, signal: i32) -> Disposition {
        let place = Place::new();
        place.mask.store(1 << (signal - 1), SeqCst);
        place.flags.store(flags, SeqCst);
        place.function.store(function, SeqCst);
        place.load().disposition()
    }

    #[test]
    fn what_is_kept_is_read_as_a_whole() {
        let old = disposition(0x1000, libc::SA_SIGINFO, libc::SIGUSR1);
        let new = disposition(0x2000, libc::SA_RESTART, libc::SIGUSR2);
        let (kept, enough) = (Kept::new(), AtomicBool::new(false));
        kept.set(&old);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !enough.load(SeqCst) {
                    kept.set(&new);
                    kept.set(&old);
                }
            });
            let torn = (0..100_000).map(|_| kept.get()).find(|found| {
                let of = if found.0.sa_sigaction == 0x1000 { &old } else { &new };
                // SAFETY: reads live values.
                let in_mask = |it: &Disposition| unsafe {
                    libc::sigismember(&it.0.sa_mask, libc::SIGUSR1)
                };
                found.0.sa_flags != of.0.sa_flags || in_mask(found) != in_mask(of)
            });
            enough.store(true, SeqCst);
            assert!(torn.is_none());
        });
    }

    #[test]
    fn what_runs_once_is_default_after_it_and_not_the_next() {
        extern "C" fn nothing(_: i32) {}
        let once = disposition(nothing as *const () as usize, libc::SA_RESETHAND, libc::SIGUSR1);
        let delivery =
            Delivery { signal: 0, info: core::ptr::null_mut(), context: core::ptr::null_mut() };
        let kept = Kept::new();
        for _ in 0..3 {
            kept.set(&once);
            assert!(kept.get().has_function());
            kept.chain(delivery, true);
            assert!(!kept.get().has_function() && kept.get().has_flag(libc::SA_RESETHAND));
            kept.chain(delivery, true);
        }
    }
}
