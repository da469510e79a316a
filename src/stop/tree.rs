//! Signals to a child and all its descendants, as far as they can be found.
//!
//! A cgroup of the child's own (CHLD_SPAWN_CGROUP_OWN) comes first: nothing leaves it.
//! Without one, the descendants are searched for in /proc.

use super::cgroup;
use crate::sys::deadline::Deadline;
use crate::children::child::Child;
use super::search::Search;
use crate::status::signals;
use crate::sys::{Errno, Result};

/// For the search, and for killed processes to be gone.
const TIMEOUT_MS: i32 = 1000;

/// How many of a tree live.
pub struct Count {
    pub living: u32,
    /// The search was not complete at the deadline: there may be more.
    pub timed_out: bool,
}

/// Sends `number` to the tree and counts who is left.
pub fn kill(handle: u64, number: i32) -> Result<Count> {
    signals::check(number)?;
    signal(&Child::hold(handle)?, &[number], true)
}

/// Sends `numbers`, one after the other, to each process of the tree. With
/// `until_gone`, killed ones have time to be gone. ENOSYS if the tree cannot be seen:
/// then the group was signalled, or the child alone.
#[inline(never)]
pub fn signal(child: &Child, numbers: &[i32], until_gone: bool) -> Result<Count> {
    let kills = numbers.contains(&libc::SIGKILL);
    let deadline = Deadline::after_ms(TIMEOUT_MS)?;
    if let Some(directory) = child.cgroup.filter(|_| kills) {
        if let Ok(living) = cgroup::kill(directory, deadline, until_gone) {
            return Ok(Count { living, timed_out: false });
        }
    }
    child.require_unreaped()?;
    match Search::begin(child, kills, deadline) {
        Ok(search) => carry_out(search, child, numbers, until_gone),
        Err(errno) => {
            if kills || errno == Errno::ENOSYS {
                send_unseen(child, numbers)?;
            }
            Err(errno)
        }
    }
}

fn carry_out(
    mut search: Search,
    child: &Child,
    numbers: &[i32],
    until_gone: bool,
) -> Result<Count> {
    let searched = search.run(child);
    let timed_out = searched == Err(Errno::ETIMEDOUT);
    // A stopped process is killed in any case. No other signal goes to some only.
    if search.kills() || searched.is_ok() || timed_out {
        search.send(child, numbers)?;
    }
    if !timed_out {
        searched?;
    }
    if until_gone && search.kills() {
        search.wait_until_gone()?;
    }
    let living = search.count_living()?;
    search.require_all_seen()?;
    Ok(Count { living, timed_out })
}

/// To the group of a child whose tree cannot be seen, or to the child alone.
fn send_unseen(child: &Child, numbers: &[i32]) -> Result<()> {
    numbers.chunks(1).try_for_each(|one| child.send_to_group(one).or_else(|_| child.send(one)))
}
