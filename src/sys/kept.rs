//! What was installed before the library's handler, and is called by it.

use super::signal::{Delivery, Disposition, Handler};
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering::SeqCst};

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
