//! The SIGCHLD handler.
//!
//! It may interrupt any code of the process on any thread, the library's own included:
//! that never holds the lock while signals can come. All that it reaches makes only
//! system calls that take no lock in libc, with cancellation off. `make check` proves
//! that from the object.

use crate::children::all;
use crate::children::state;
use crate::sys::host::{self, KeptErrno, Undisturbed};
use crate::sys::kept::Kept;
use crate::sys::signal::{AllBlocked, Delivery};
use crate::sys::wait::{self, WaitId};
use core::ffi::c_void;

/// What was installed before the handler. Ordinary memory: a forked copy chains, too.
pub static PREVIOUS: Kept = Kept::new();

pub extern "C" fn on_sigchld(signal: i32, info: *mut libc::siginfo_t, context: *mut c_void) {
    // Whatever a previous handler does to it, too.
    let _errno = KeptErrno::enter();
    let delivery = Delivery { signal, info, context };
    let exited = {
        // write and close are cancellation points: a thread with a pending
        // cancellation would die here, in the middle of what it was doing.
        let _host = Undisturbed::enter();
        notice(&delivery) || stands_for_an_exit(&delivery)
    };
    PREVIOUS.chain(delivery, exited);
}

/// The library's part; whether it found any exit. Another process may share this
/// memory (vfork): it must not even touch the lock.
fn notice(delivery: &Delivery) -> bool {
    match state::owner_for_handler() {
        0 if all::reaps_foreign() => reap_in_copy(),
        owner if owner != 0 && owner == host::pid() => notice_as_owner(delivery),
        _ => false,
    }
}

fn notice_as_owner(delivery: &Delivery) -> bool {
    let (reaps, is_left_to_program) = {
        let Ok(mut section) = state::enter_if_used() else { return false };
        // The flag before the pipe: a thread that the pipe wakes finds the flag set.
        section.notice.seen = 1;
        let notice = &section.notice;
        let is_program_s = notice.program != 0;
        let reaps = notice.reapers != 0 || is_program_s && !notice.only_pokes;
        let is_left_to_program = is_program_s && !reaps;
        if !reaps {
            section.poke_listeners();
        }
        (reaps, is_left_to_program)
    };
    if !reaps {
        let reaps_foreign = all::reaps_foreign() && !is_left_to_program;
        return reaps_foreign && all::walk(true, |_| ()) != (0, 0);
    }
    let found = all::reap_after_signal(delivery.child().0) != 0;
    // After the reaping: a thread that the pipe wakes finds the statuses.
    if let Ok(mut section) = state::enter_if_used() {
        section.poke_listeners();
    }
    found
}

/// In a forked copy that has not used the library yet, no child is the library's. It
/// has inherited a handler that stands in for "SIGCHLD ignored". Under the lock, so
/// that no child becomes the library's meanwhile.
fn reap_in_copy() -> bool {
    let mut found = false;
    let Ok(blocked) = AllBlocked::enter() else { return false };
    loop {
        let Some(locked) = state::lock_unowned(&blocked) else { return found };
        if locked.owner() != 0 {
            return found;
        }
        let peeked = wait::waitid(WaitId::Any, wait::EXITED | wait::NO_HANG | wait::PEEK);
        let Ok(Some(zombie)) = peeked else { return found };
        let reaped = wait::waitid(WaitId::Pid(zombie.pid), wait::EXITED | wait::NO_HANG);
        if !matches!(reaped, Ok(Some(_))) {
            return found;
        }
        found = true;
    }
}

/// A handler that does not ask for stops would have received one signal for the exit. But
/// while both are pending, only the signal of the stop is kept.
fn stands_for_an_exit(delivery: &Delivery) -> bool {
    let (_, code) = delivery.child();
    !matches!(code, libc::CLD_STOPPED | libc::CLD_CONTINUED)
        || matches!(wait::waitid(WaitId::Any, wait::EXITED | wait::NO_HANG | wait::PEEK), Ok(Some(_)))
}
