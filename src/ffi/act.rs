use super::spawn::chld_id;
use super::{quietly, valid};
use crate::act;
use core::ffi::c_int;

/// Sends a signal to a child, and to nobody else: not to a process that has its
/// pid by now.
///
/// `signal`: 1 to SIGRTMAX.
///
/// Returns 0, -ESRCH if the child has ended (nothing is sent, whether or not
/// anybody has waited for it), -EINVAL if `signal` is none (0 included: to learn
/// whether it runs, use chld_wait() with 0), -EPERM if the child runs as
/// somebody else by now, -EBADF if `id` is no child.
/// Thread-safe, also while another thread waits. Async-signal-safe. Never
/// blocks. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_kill(id: chld_id, signal: c_int) -> c_int {
    quietly(|| act::kill(valid(id)?, signal).map(|()| 0))
}
