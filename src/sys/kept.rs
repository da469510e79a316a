//! What was installed before the library's handler, and is called by it.

use super::signal::{self, Delivery, Disposition, Handler};
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering::SeqCst};

/// How many dispositions may be stored while one handler reads the oldest of them.
const PLACES: usize = 4;

/// A place for a disposition that a handler reads without the lock: it may run in a
/// process that only shares this memory. Each new disposition goes to the next place,
/// so what a handler has begun to read stays as it is.
pub struct Kept {
    current: AtomicUsize,
    places: [Place; PLACES],
}

struct Place {
    function: AtomicUsize,
    flags: AtomicI32,
    mask: AtomicU64,
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
}

impl Kept {
    /// SIG_DFL.
    pub const fn new() -> Kept {
        Kept { current: AtomicUsize::new(0), places: [const { Place::new() }; PLACES] }
    }

    fn place(&self) -> &Place {
        let [first, ..] = &self.places;
        self.places.get(self.current.load(SeqCst)).unwrap_or(first)
    }

    /// With the lock held.
    pub fn set(&self, disposition: &Disposition) {
        let next = self.current.load(SeqCst).wrapping_add(1) % PLACES;
        let Some(place) = self.places.get(next) else { return };
        place.mask.store(signal::bits_of(&disposition.0.sa_mask), SeqCst);
        place.flags.store(disposition.0.sa_flags, SeqCst);
        place.function.store(disposition.0.sa_sigaction, SeqCst);
        self.current.store(next, SeqCst);
    }

    pub fn get(&self) -> Disposition {
        let place = self.place();
        // SAFETY: zero is a valid sigaction (SIG_DFL).
        let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
        action.sa_mask = signal::set_of(place.mask.load(SeqCst));
        action.sa_flags = place.flags.load(SeqCst);
        action.sa_sigaction = place.function.load(SeqCst);
        Disposition(action)
    }

    /// Calls the function kept here, if it is one, as the kernel would have. `exited`:
    /// the signal stands for an exit, perhaps in addition to a stop.
    pub fn chain(&self, delivery: Delivery, exited: bool) {
        let place = self.place();
        let flags = place.flags.load(SeqCst);
        if !exited && flags & libc::SA_NOCLDSTOP != 0 {
            return;
        }
        let address = match flags & libc::SA_RESETHAND != 0 {
            true => place.function.swap(libc::SIG_DFL, SeqCst),
            false => place.function.load(SeqCst),
        };
        if address == libc::SIG_DFL || address == libc::SIG_IGN {
            return;
        }
        // SAFETY: `address` came out of a sigaction that was in force, so it is
        // a function of one of the two types, and SA_SIGINFO shows which. It runs
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

    #[test]
    fn a_function_that_runs_once_is_the_default_after_it() {
        extern "C" fn nothing(_: i32) {}
        // SAFETY: zero is a valid sigaction.
        let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
        action.sa_sigaction = nothing as *const () as usize;
        action.sa_flags = libc::SA_RESETHAND;
        let delivery =
            Delivery { signal: 0, info: core::ptr::null_mut(), context: core::ptr::null_mut() };
        let kept = Kept::new();
        for _ in 0..3 {
            kept.set(&Disposition(action));
            assert!(kept.get().has_function());
            kept.chain(delivery, true);
            assert!(!kept.get().has_function() && kept.get().has_flag(libc::SA_RESETHAND));
            kept.chain(delivery, true);
        }
    }
}
