//! The SIGCHLD handler.
//!
//! It may interrupt any code of the process, the library's own included, on any
//! thread, so all that it reaches is lock-free and makes only system calls that
//! take no lock in libc: waitid, write, close, and in rare cases ioctl, getpid and
//! pidfd_send_signal; with cancellation off. `make check` proves that from the
//! object. What it uses is pinned (`set`) or never goes away (`table`), so that
//! nobody has to wait until no thread is inside.

use crate::reap;
use crate::set;
use crate::sigchld;
use crate::sys::host::{KeptErrno, Undisturbed};
use crate::sys::kept::Kept;
use crate::sys::signal::{self, Delivery};
use crate::sys::wait::{self, Whom};
use core::ffi::c_void;
use core::sync::atomic::Ordering::SeqCst;

/// How many times the handler can lie under a foreign one that was installed
/// on top of it and never removed.
pub const LAYERS: usize = 4;

/// The handler functions, one a layer. Were there only one, a foreign handler
/// that chains to it, and to which it chains, would make an endless ring.
pub static FUNCTIONS: [signal::Handler; LAYERS] =
    [on_sigchld::<0>, on_sigchld::<1>, on_sigchld::<2>, on_sigchld::<3>];

/// What was installed before each layer. Ordinary memory: a forked copy goes on
/// chaining.
pub static PREVIOUS: [Kept; LAYERS] = [const { Kept::new() }; LAYERS];

extern "C" fn on_sigchld<const LAYER: usize>(
    signal: i32,
    info: *mut libc::siginfo_t,
    context: *mut c_void,
) {
    // Whatever a previous handler does to it, too.
    let _errno = KeptErrno::enter();
    let delivery = Delivery { signal, info, context };
    let ended = {
        // write and close are cancellation points: a thread that is to be
        // cancelled would die here, in the middle of what it was doing.
        let _host = Undisturbed::enter();
        notice(&delivery) || stands_for_an_end(&delivery)
    };
    if let Some(previous) = PREVIOUS.get(LAYER) {
        previous.chain(delivery, ended);
    }
}

/// The library's part; whether it found any end. In a forked copy the engine is
/// off: its memory was wiped.
fn notice(delivery: &Delivery) -> bool {
    let Some(engine) = sigchld::running() else { return false };
    // The flag before the pipe: who is woken by the pipe finds the flag set.
    engine.seen.store(1, SeqCst);
    let found = engine.reaps() && reap::everyone(delivery.child().0) != 0;
    set::poke_every_signal();
    found
}

/// A handler that does not want to hear of stops would have been sent one signal
/// for the end, though only that of the stop is kept while both are pending.
fn stands_for_an_end(delivery: &Delivery) -> bool {
    let (_, code) = delivery.child();
    !matches!(code, libc::CLD_STOPPED | libc::CLD_CONTINUED)
        || matches!(wait::waitid(Whom::Any, wait::EXITED | wait::NO_HANG | wait::PEEK), Ok(Some(_)))
}
