//! A cgroup that a child has for itself and its descendants: nothing leaves it by
//! setsid or by double fork.

use crate::sys::deadline::Deadline;
use crate::sys::fd::{self, OwnedFd};
use crate::sys::list::List;
use crate::sys::{self, Errno, Result, cstr, directory, host, poll, signal};
use core::ffi::CStr;

/// How long a cgroup may take to freeze. A process in the kernel may never do so.
const FREEZE_NS: u64 = 50_000_000;

/// Kills everything in the cgroup whose directory is open at `directory`, and in
/// those below it. With `until_gone`, waits until it is empty. Returns the number
/// of processes that are left.
///
/// Fails in the root cgroup, which has no cgroup.events: every process there is
/// would be in it.
pub fn kill(directory: i32, deadline: Deadline, until_gone: bool) -> Result<u32> {
    let events = Events(fd::open_at(directory, c"cgroup.events", libc::O_RDONLY)?);
    // Since Linux 5.14, and if the file was delegated, too.
    if write(directory, c"cgroup.kill", b"1").is_err() {
        kill_each(directory, &events, deadline)?;
    }
    if until_gone {
        events.wait_for(b"populated 0", deadline)?;
    }
    if events.have(b"populated 0")? {
        return Ok(0);
    }
    let mut left = 0u32;
    each_member(directory, &mut |_| {
        left = left.wrapping_add(1);
        Ok(())
    })?;
    Ok(left)
}

/// Kills one process after the other.
///
/// Frozen processes neither fork nor exit by themselves, so each pid still names the
/// process that was listed. One that does not freeze before the deadline may have forked before
/// it was killed. Its child is born frozen, and the second pass finds it. If nothing
/// can be frozen (before Linux 5.2), passes follow each other until one finds nobody.
fn kill_each(directory: i32, events: &Events, deadline: Deadline) -> Result<()> {
    // A program that put itself in would freeze, and nobody would thaw it.
    each_member(directory, &mut |pid| {
        if pid == host::pid() { Err(Errno::EINVAL) } else { Ok(()) }
    })?;
    let frozen = Frozen::enter(directory, events, deadline);
    let mut passes = 0u32;
    loop {
        let mut found = false;
        each_member(directory, &mut |pid| {
            found |= signal::kill(pid, libc::SIGKILL).is_ok();
            Ok(())
        })?;
        passes = passes.wrapping_add(1);
        if !found || (frozen.is_ok() && passes == 2) || deadline.has_passed() {
            return Ok(());
        }
        if frozen.is_err() {
            poll::pause();
        }
    }
}

/// Thaws when it goes: the cgroup may be used again.
struct Frozen(i32);

impl Frozen {
    /// Returns even if some have not frozen before the deadline.
    fn enter(directory: i32, events: &Events, deadline: Deadline) -> Result<Frozen> {
        write(directory, c"cgroup.freeze", b"1")?;
        let frozen = Frozen(directory);
        events.wait_for(b"frozen 1", deadline.within_ns(FREEZE_NS))?;
        Ok(frozen)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = write(self.0, c"cgroup.freeze", b"0");
    }
}

/// The file cgroup.events: a line for each fact.
struct Events(OwnedFd);

impl Events {
    #[inline(never)]
    fn have(&self, fact: &[u8]) -> Result<bool> {
        let mut text = [0u8; 256];
        let length = sys::retry(|| fd::read_at_start(self.0.number(), &mut text))?;
        let text = text.get(..length).unwrap_or_default();
        Ok(text.split(|byte| *byte == b'\n').any(|line| line == fact))
    }

    /// Returns at the deadline, too.
    #[inline(never)]
    fn wait_for(&self, fact: &[u8], deadline: Deadline) -> Result<()> {
        while !self.have(fact)? && !deadline.has_passed() {
            // The kernel reports a change of this file as urgent data.
            let mut changed = [poll::urgent(self.0.number())];
            match poll::poll(&mut changed, deadline.left_ns()) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }
}

#[inline(never)]
fn write(directory: i32, name: &CStr, text: &[u8]) -> Result<()> {
    let file = fd::open_at(directory, name, libc::O_WRONLY)?;
    sys::retry(|| fd::write(file.number(), text)).map(drop)
}

/// Visits every process in the cgroup and in those below it, by its pid; 0 for one
/// of another pid namespace. Zombies are not listed.
#[inline(never)]
fn each_member(top: i32, visit: &mut dyn FnMut(i32) -> Result<()>) -> Result<()> {
    // Paths from `top`, each with its NUL. Those behind `next` are still to do.
    let (mut paths, mut next) = (List::new(), 0usize);
    push_path(&mut paths, 0..0, b".")?;
    while let Some(path) = paths.values().get(next..).and_then(cstr::until_nul) {
        let here = next..next.wrapping_add(path.count_bytes());
        let opened = fd::open_at(top, path, libc::O_RDONLY | libc::O_DIRECTORY);
        let listed = opened.and_then(|directory| {
            each_process(&directory, visit)?;
            directory::each(directory.number(), |entry| {
                let name = entry.name.to_bytes();
                if !entry.is_directory || name == b"." || name == b".." {
                    return Ok(());
                }
                push_path(&mut paths, here.clone(), name)
            })
        });
        match listed {
            // It was removed meanwhile, or has the processes of its threads listed
            // above. Of the first one, both are errors.
            Err(Errno::ENOENT | Errno::ENODEV | Errno::EOPNOTSUPP) if next > 0 => {}
            other => other?,
        }
        next = here.end.wrapping_add(1);
    }
    Ok(())
}

/// Appends the path of `name` in the directory whose path is at `parent`.
#[inline(never)]
fn push_path(paths: &mut List<u8>, parent: core::ops::Range<usize>, name: &[u8]) -> Result<()> {
    let is_below = !parent.is_empty();
    for i in parent {
        let byte = paths.values().get(i).copied().ok_or(Errno::EINVAL)?;
        paths.push(byte)?;
    }
    let slash: &[u8] = if is_below { b"/" } else { b"" };
    slash.iter().chain(name).chain(b"\0").try_for_each(|byte| paths.push(*byte))
}

fn each_process(
    directory: &OwnedFd,
    visit: &mut dyn FnMut(i32) -> Result<()>,
) -> Result<()> {
    let procs = fd::open_at(directory.number(), c"cgroup.procs", libc::O_RDONLY)?;
    let (mut buffer, mut pid) = ([0u8; 512], 0i32);
    loop {
        let size = sys::retry(|| fd::read(procs.number(), &mut buffer))?;
        if size == 0 {
            return Ok(());
        }
        // A line each; one may go on in the next block.
        for byte in buffer.get(..size).unwrap_or_default() {
            if *byte == b'\n' {
                visit(core::mem::take(&mut pid))?;
            } else {
                pid = pid.wrapping_mul(10).wrapping_add(byte.wrapping_sub(b'0') as i32);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_in_place() {
        let mut paths = List::new();
        push_path(&mut paths, 0..0, b".").expect("memory");
        push_path(&mut paths, 0..1, b"one").expect("memory");
        push_path(&mut paths, 2..7, b"two").expect("memory");
        assert_eq!(paths.values(), b".\0./one\0./one/two\0");
    }
}
