//! What the kernel can do for a child at its birth: flags of clone3 since Linux 7.1.
//! Whether it can is found out for each of them by a clone3 that cannot succeed.

pub use super::clone::Birth;
use super::clone::{self, ChildHalf, SMALL_BYTES, StackRoom};
use super::{Errno, namespace, pidfd, raw};
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

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
    const fn new(trial: Birth) -> Feature {
        let known = if cfg!(feature = "no-probes") { NO } else { UNKNOWN };
        Feature { known: AtomicU8::new(known), trial }
    }
}

const UNKNOWN: u8 = 0;
const YES: u8 = 1;
const NO: u8 = 2;

static AUTOREAP: Feature = Feature::new(Birth::AUTOREAP);
static NO_NEW_PRIVS: Feature = Feature::new(Birth::NO_NEW_PRIVS);
static AUTOKILL: Feature =
    Feature::new(Birth::AUTOREAP.with(Birth::NO_NEW_PRIVS).with(Birth::AUTOKILL));

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
    if namespace::lacks_init() {
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
