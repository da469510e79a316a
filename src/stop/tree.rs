//! Signals to a child and all that descends from it.
//!
//! /proc says whose child everybody is, and in which group and session. A
//! process is of the tree if its parent is, or if its group or its session is
//! one that a process of the tree leads. That is certain: the number of a group
//! or a session is not used again as long as it has members. What has lost its
//! parent and has a session of its own by then is not found: its parent is init,
//! or a subreaper. If that is the child itself (CHLD_SPAWN_SUBREAPER), its
//! children are found by that. If it is the caller, nobody can tell whose they
//! were; they are left alone, and counted.
//!
//! To kill, everybody is stopped first, and the search repeated until nobody new
//! turns up. The kernel lets no fork finish once a signal is pending, so who has
//! been sent SIGSTOP has no more children from then on.
//!
//! A cgroup of the tree's own (CHLD_SPAWN_CGROUP_OWN) needs none of this: see
//! `cgroup`. It comes first.

use super::cgroup;
use super::process::{self, Process};
use super::signal as act;
use crate::children::child::Child;
use crate::children::state;
use crate::notify::sleep::sleep;
use crate::status::signals;
use crate::sys::deadline::Deadline;
use crate::sys::memory::{Inline, Scratch};
use crate::sys::poll;
use crate::sys::{Errno, Result, host, pidfd, signal};

/// How often the search is repeated at most.
const ROUNDS: u32 = 64;
/// How many processes may appear between being counted and being read.
const NEW_ONES: usize = 1024;
/// How long killed processes may take to be gone.
const GONE_MS: i32 = 1000;

/// Sends `number` to the tree; returns how many of it are left.
pub fn kill(handle: u64, number: i32) -> Result<u32> {
    signals::check(number)?;
    signal(&Child::hold(handle)?, number, true)
}

/// The same; with `until_gone`, what was killed has time to be gone. ENOSYS if the
/// tree cannot be seen: then the group was signalled, or the child alone.
#[inline(never)]
pub fn signal(pin: &Child, number: i32, until_gone: bool) -> Result<u32> {
    if let Some(directory) = pin.cgroup.filter(|_| number == libc::SIGKILL) {
        let limit = if until_gone { Deadline::after_ms(GONE_MS)? } else { Deadline::Now };
        if let Ok(left) = cgroup::kill(directory, limit) {
            return Ok(left);
        }
    }
    pin.require_pid()?;
    let root = root_of(pin);
    // Its pid is still held, so it was the child that was seen, and not another
    // that has the pid of one that a foreign child has reaped.
    act::require_child(pin)?;
    let Some(root) = root else {
        act::send_to_group(pin, number).or_else(|_| act::send_to_child(pin, number))?;
        return Err(Errno::ENOSYS);
    };
    let mut count = NEW_ONES;
    process::each(|_| count = count.wrapping_add(1))?;
    let (mut inline, mut members) = (Inline::<_, 0>::new(), Inline::<_, 0>::new());
    let mut all = Scratch::new(&mut inline, count, Seen::default)?;
    let mut members = Scratch::new(&mut members, count, Process::default)?;
    let mut search = Search {
        pin,
        kills: number == libc::SIGKILL,
        number,
        root,
        all: all.get(),
        seen: 0,
        members: members.get(),
        found: 0,
    };
    search.run()?;
    if until_gone && search.kills {
        search.wait_until_gone()?;
    }
    search.left()
}

/// The child as /proc has it; `None` if that shows another pid namespace, or
/// is not there.
fn root_of(pin: &Child) -> Option<Process> {
    let root = process::look(pin.pid()).ok()?;
    (process::is_ours() && root.parent == host::pid()).then_some(root)
}

/// A process in a round of the search.
#[derive(Clone, Copy, Default)]
struct Seen {
    process: Process,
    is_member: bool,
}

struct Search<'a> {
    pin: &'a Child,
    kills: bool,
    number: i32,
    root: Process,
    /// Every process of one round, by pid.
    all: &'a mut [Seen],
    seen: usize,
    /// Who is known to be of the tree, the child first.
    members: &'a mut [Process],
    found: usize,
}

impl Search<'_> {
    fn run(&mut self) -> Result<()> {
        if self.kills {
            let _ = act::send_to_child(self.pin, libc::SIGSTOP);
        }
        self.note(self.root);
        let searched = self.search();
        // Who was stopped is killed all the same.
        if !self.kills {
            searched?;
        }
        // Parents before their children: a shell must not see its command end
        // and go on to the next one first.
        let _ = act::send_to_child(self.pin, self.number);
        let (_, descendants) = self.members().split_first().ok_or(Errno::ESRCH)?;
        for member in descendants {
            let _ = send(member, None, Some(self.number));
        }
        if self.kills {
            let _ = act::send_to_group(self.pin, self.number);
        }
        searched
    }

    fn search(&mut self) -> Result<()> {
        for _ in 0..ROUNDS {
            self.read_all()?;
            if !self.find_new() {
                break;
            }
        }
        Ok(())
    }

    fn members(&self) -> &[Process] {
        self.members.get(..self.found).unwrap_or_default()
    }

    fn note(&mut self, process: Process) {
        if let Some(place) = self.members.get_mut(self.found) {
            *place = process;
            self.found = self.found.wrapping_add(1);
        }
    }

    /// Init and this process are of nobody's tree.
    fn read_all(&mut self) -> Result<()> {
        self.seen = 0;
        process::each(|pid| {
            if pid <= 1 || pid == host::pid() {
                return;
            }
            let Ok(process) = process::look(pid) else { return };
            let known = self.members.get(..self.found).unwrap_or_default();
            let is_member = known.iter().any(|member| member.is(&process));
            if let Some(place) = self.all.get_mut(self.seen) {
                *place = Seen { process, is_member };
                self.seen = self.seen.wrapping_add(1);
            }
        })
    }

    /// Stops those of the tree that were not known, if it is to be killed; says
    /// whether there were any.
    fn find_new(&mut self) -> bool {
        let first = self.kills.then_some(libc::SIGSTOP);
        let before = self.found;
        loop {
            let earlier = self.found;
            for i in 0..self.seen {
                let Some(one) = self.all.get(i).filter(|one| !one.is_member) else { continue };
                let Some(relative) = self.relative_of(&one.process) else { continue };
                let process = one.process;
                if process.is_zombie || send(&process, Some(&relative), first).is_err() {
                    continue;
                }
                if let Some(place) = self.all.get_mut(i) {
                    place.is_member = true;
                }
                self.note(process);
            }
            if self.found == earlier {
                return self.found != before;
            }
        }
    }

    /// Who of the tree makes `process` one of it.
    fn relative_of(&self, process: &Process) -> Option<Process> {
        let parent = self.member(process.parent);
        let leader = || self.member(process.group).filter(|one| one.group == one.pid);
        let head = || self.member(process.session).filter(|one| one.session == one.pid);
        parent.or_else(leader).or_else(head)
    }

    fn member(&self, pid: i32) -> Option<Process> {
        let all = self.all.get(..self.seen).unwrap_or_default();
        let at = all.binary_search_by(|one| one.process.pid.cmp(&pid)).ok()?;
        all.get(at).filter(|one| one.is_member).map(|one| one.process)
    }

    fn wait_until_gone(&self) -> Result<()> {
        let deadline = Deadline::after_ms(GONE_MS)?;
        for member in self.members() {
            while is_alive(member) {
                let fd = pidfd::open(member.pid).ok();
                // Unless the pid is another's since the line before.
                if !is_alive(member) {
                    break;
                }
                let slept = match &fd {
                    Some(fd) => {
                        sleep(&mut [poll::readable(fd.number())], deadline)
                    }
                    // Nothing tells: look now and then.
                    None => sleep(&mut [], Deadline::after_ms(2)?),
                };
                match slept {
                    Err(errno) if errno != Errno::ETIMEDOUT => return Err(errno),
                    _ if deadline.left_ns() == Some(0) => return Ok(()),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Members that live, and orphans of this process that may be.
    fn left(&mut self) -> Result<u32> {
        let known = self.members().iter().filter(|member| is_alive(member)).count();
        let mut unknown = 0usize;
        if host::is_subreaper() {
            self.read_all()?;
            for Seen { process, is_member } in self.all.get(..self.seen).unwrap_or_default() {
                let may_be = process.parent == host::pid()
                    && process.start >= self.root.start
                    && !process.is_zombie
                    && !is_member;
                if may_be && state::enter_if_used()?.by_pid(process.pid).is_none() {
                    unknown = unknown.wrapping_add(1);
                }
            }
        }
        Ok(known.wrapping_add(unknown) as u32)
    }
}

fn is_alive(process: &Process) -> bool {
    process::look(process.pid).is_ok_and(|now| now.is(process) && !now.is_zombie)
}

/// Sends to exactly this process, or only makes sure of it. The descriptor is
/// opened first, and the pid looked at after that: if it is still the process's,
/// the descriptor is too. And if `relative` is still there as well, it was there
/// all the time, and the one is its child, or in its group or session.
///
/// ESRCH if it is not, or has ended. That it may not be signalled is no error: it
/// is of the tree, and will be among those that are left.
fn send(process: &Process, relative: Option<&Process>, number: Option<i32>) -> Result<()> {
    let fd = pidfd::open(process.pid).ok();
    let still = |one: &Process| process::look(one.pid).is_ok_and(|now| now.is(one));
    if !still(process) || !relative.is_none_or(still) {
        return Err(Errno::ESRCH);
    }
    let Some(number) = number else { return Ok(()) };
    let sent = match fd.map(|fd| pidfd::send_signal(fd.number(), number)) {
        Some(Ok(())) => Ok(()),
        Some(Err(errno)) if !errno.means_unsupported() => Err(errno),
        // By number: the look was just now, and pids come round slowly.
        _ => signal::kill(process.pid, number),
    };
    if sent == Err(Errno::ESRCH) { sent } else { Ok(()) }
}
