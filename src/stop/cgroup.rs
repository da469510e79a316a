//! A cgroup that a child has for itself and its descendants: nothing leaves it
//! by setsid or by double fork, and one write ends all that is in it.

use crate::sys::deadline::Deadline;
use crate::sys::fd::{self, OwnedFd};
use crate::sys::{Errno, Result, poll};

/// Kills everything in the cgroup whose directory is open at `directory`, waits
/// until it is empty or the limit is reached, and says how many are left. ENOENT
/// before Linux 5.14, and in the root cgroup.
pub fn kill(directory: i32, deadline: Deadline) -> Result<u32> {
    let kill = fd::open_at(directory, c"cgroup.kill", libc::O_WRONLY)?;
    fd::write(kill.number(), b"1")?;
    let events = fd::open_at(directory, c"cgroup.events", libc::O_RDONLY)?;
    while is_populated(&events)? {
        let left = deadline.left_ns();
        if left == Some(0) {
            return members(directory);
        }
        // The kernel tells of a change of this file as urgent data.
        match poll::poll(&mut [poll::urgent(events.number())], left) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(0)
}

/// Whether anything that lives is in it. Zombies do not count.
fn is_populated(events: &OwnedFd) -> Result<bool> {
    let mut text = [0u8; 256];
    let length = fd::read_at_start(events.number(), &mut text)?;
    let text = text.get(..length).unwrap_or_default();
    Ok(!text.split(|byte| *byte == b'\n').any(|line| line == b"populated 0"))
}

/// How many processes are in it: a line each.
fn members(directory: i32) -> Result<u32> {
    let procs = fd::open_at(directory, c"cgroup.procs", libc::O_RDONLY)?;
    let mut buffer = [0u8; 512];
    let mut count = 0u32;
    loop {
        match fd::read(procs.number(), &mut buffer)? {
            0 => return Ok(count),
            length => {
                let text = buffer.get(..length).unwrap_or_default();
                let lines = text.iter().filter(|byte| **byte == b'\n').count();
                count = count.wrapping_add(lines as u32);
            }
        }
    }
}
