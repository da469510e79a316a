//! What the kernel can do for a child at its birth: flags of clone3 since Linux 7.1.
//! Whether it can is found out for each of them by a clone3 that cannot succeed.

use super::clone::{self, ChildHalf, SMALL_BYTES, StackRoom};
use super::{Errno, host, pidfd, raw};
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Birth(u64);

impl Birth {
    pub const PLAIN: Birth = Birth(0);
    /// The child never becomes a zombie and raises no signal at its exit. Nobody can
    /// wait for it; its pidfd keeps the status.
    pub const AUTOREAP: Birth = Birth(1 << 34);
    pub const NO_NEW_PRIVS: Birth = Birth(1 << 35);
    /// It is killed when the last reference to its pidfd is closed. With AUTOREAP only;
    /// EPERM without CAP_SYS_ADMIN, unless NO_NEW_PRIVS is there, too.
    pub const AUTOKILL: Birth = Birth(1 << 36);

    pub fn flags(self) -> u64 {
        self.0
    }

    pub fn has(self, other: Birth) -> bool {
        self.0 & other.0 == other.0
    }

    pub fn with(self, other: Birth) -> Birth {
        Birth(self.0 | other.0)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Yes,
    No,
    /// Nobody could ask: the caller may try.
    Unknown,
}

struct Feature {
    known: AtomicU8,
    /// With what it is asked for.
    trial: Birth,
}

impl Feature {
    const fn new(trial: u64) -> Feature {
        let known = if cfg!(feature = "no-probes") { NO } else { UNKNOWN };
        Feature { known: AtomicU8::new(known), trial: Birth(trial) }
    }
}

const UNKNOWN: u8 = 0;
const YES: u8 = 1;
const NO: u8 = 2;

static AUTOREAP: Feature = Feature::new(Birth::AUTOREAP.0);
static NO_NEW_PRIVS: Feature = Feature::new(Birth::NO_NEW_PRIVS.0);
static AUTOKILL: Feature =
    Feature::new(Birth::AUTOREAP.0 | Birth::NO_NEW_PRIVS.0 | Birth::AUTOKILL.0);

/// Whether the kernel, and the sandbox in front of it, has all that is in `birth`.
pub fn can(birth: Birth) -> Answer {
    let features = [
        (Birth::AUTOREAP, &AUTOREAP),
        (Birth::NO_NEW_PRIVS, &NO_NEW_PRIVS),
        (Birth::AUTOKILL, &AUTOKILL),
    ];
    let wanted = features.into_iter().filter(|(flag, _)| birth.has(*flag));
    wanted.fold(Answer::Yes, |all, (_, feature)| match (all, ask(feature)) {
        (Answer::No, _) | (_, Answer::No) => Answer::No,
        (Answer::Unknown, _) | (_, Answer::Unknown) => Answer::Unknown,
        _ => Answer::Yes,
    })
}

/// Whether this process has the right to AUTOKILL a child that may gain privileges: asked
/// anew each time.
pub fn may_autokill() -> bool {
    try_out(Birth::AUTOREAP.with(Birth::AUTOKILL)) == Answer::Yes
}

fn ask(feature: &Feature) -> Answer {
    if feature.known.load(Relaxed) == UNKNOWN {
        match try_out(feature.trial) {
            Answer::Yes => feature.known.store(YES, Relaxed),
            Answer::No => feature.known.store(NO, Relaxed),
            Answer::Unknown => {}
        }
    }
    match feature.known.load(Relaxed) {
        YES => Answer::Yes,
        NO => Answer::No,
        _ => Answer::Unknown,
    }
}

/// In case there is a child all the same.
struct Nobody;

impl ChildHalf for Nobody {
    fn run(&self) -> ! {
        raw::exit(0)
    }
}

/// The kernel checks the flags first, and fails at the place for the pidfd only after
/// that. In a PID namespace without its init, even a clone that fails would be the last.
#[cold]
#[inline(never)]
fn try_out(birth: Birth) -> Answer {
    if host::lacks_init() {
        return Answer::Unknown;
    }
    match clone::clone3_in_vain(birth, StackRoom::<SMALL_BYTES>::new().stack(), &Nobody) {
        Err(Errno::EFAULT) if !birth.has(Birth::AUTOREAP) || pidfd::tells_exits() => Answer::Yes,
        Err(Errno::EAGAIN | Errno::ENOMEM) => Answer::Unknown,
        Err(_) => Answer::No,
        Ok(pid) => {
            raw::reap(pid);
            Answer::No
        }
    }
}
