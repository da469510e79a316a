//! A child that is held against being reaped, as far as stopping it needs it. How
//! the core holds it is known here only.

use crate::act;
use crate::by_pid;
use crate::pin::Pin;
use crate::reap;
use crate::status::Status;
use crate::sys::{Errno, Result, wait};
use crate::watch::Watch;

/// While one lives, the child's pid is its own, and its zombie stays: so its group
/// and its session are its own, too, and its place in /proc.
pub struct Held<'a>(&'a Pin);

/// Holds the child that `handle` names while `call` runs.
pub fn holding<T>(handle: u64, call: impl FnOnce(&Held) -> Result<T>) -> Result<T> {
    call(&Held(&Pin::new_unreaped(handle)?))
}

impl<'a> Held<'a> {
    pub fn by(pin: &'a Pin) -> Held<'a> {
        Held(pin)
    }

    pub fn pid(&self) -> i32 {
        self.0.pid()
    }

    /// The directory of the cgroup that it has for itself.
    pub fn cgroup(&self) -> Option<i32> {
        self.0.cgroup()
    }

    pub fn leads_group(&self) -> bool {
        act::leads_group(self.0)
    }

    /// ESRCH if it was reaped before it was held, by this library or by foreign
    /// code.
    pub fn require_unreaped(&self) -> Result<()> {
        if self.0.slot.life.word().is_collected() {
            return Err(Errno::ESRCH);
        }
        reap::peek(self.0, wait::EXITED | wait::NO_HANG).map(drop).map_err(|_| Errno::ESRCH)
    }

    pub fn send(&self, signal: i32) -> Result<()> {
        act::send_to_child(self.0, signal)
    }

    /// EINVAL if it leads none.
    pub fn send_to_group(&self, signal: i32) -> Result<()> {
        act::send_to_group(self.0, signal)
    }

    /// `None` while it runs.
    pub fn status(&self) -> Result<Option<Status>> {
        reap::look(self.0)
    }

    pub fn watch(&self) -> Result<Watch> {
        Watch::of(self.0)
    }
}

/// Whether this library has started, or adopted, this child of the process.
pub fn is_known(pid: i32) -> bool {
    by_pid::find(pid).is_some()
}
