//! What stands in the way of detecting exits.

use super::sigchld;
use crate::sys::Result;
use crate::sys::{fd, pidfd};
use crate::sys::signal::{Disposition, is_sigchld_blocked};

#[derive(Default)]
pub struct Surroundings {
    pub ignored: bool,
    pub auto_reaped: bool,
    pub blocked: bool,
    pub overwritten: bool,
    pub no_pidfd: bool,
    pub closed: [bool; 3],
}

pub fn look() -> Result<Surroundings> {
    let now = Disposition::of(libc::SIGCHLD)?;
    Ok(Surroundings {
        ignored: now.is_ignored(),
        auto_reaped: now.has_flag(libc::SA_NOCLDWAIT),
        blocked: is_sigchld_blocked(),
        overwritten: sigchld::is_overwritten(),
        no_pidfd: !pidfd::available(),
        closed: [0, 1, 2].map(|number| !fd::is_open(number)),
    })
}
