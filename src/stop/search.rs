//! The search for the processes of a tree in /proc.
//!
//! /proc shows the parent, the group and the session of every process. A process is of
//! the tree if its parent is, or if its group or its session is one that a process of
//! the tree leads, which may be a zombie by then. A process that has lost its parent and
//! has a session of its own is not found: its parent is init, or a subreaper. If the
//! subreaper is the child itself (CHLD_SPAWN_SUBREAPER), it is found by that. If it is
//! the caller, it cannot be known whose it was. It is left alone, and counted.
//!
//! To kill, every member is stopped first, and /proc is read until no new member turns
//! up. Since Linux 4.19 a fork that has begun goes on when SIGSTOP comes: only a fatal
//! signal aborts it. So a round counts only if every member, each of its threads
//! included, was seen stopped or exited before the round began.

use crate::sys::deadline::Deadline;
use super::signal;
use crate::children::child::Child;
use super::member::{Exact, Link, Member, State};
use super::process::{self, Process, Sight};
use crate::sys::list::List;
use crate::sys::{Errno, Result, host, poll};

/// Before each round, and between two looks at what no descriptor reports.
const PAUSE_NS: u64 = 200_000;

/// A process in a round of the search.
#[derive(Clone, Copy)]
struct Seen {
    process: Process,
    is_member: bool,
}

/// One round after the other, then the signal. A search holds no descriptor between
/// two calls, and only `run` and `wait_until_gone` sleep. So a caller may do something
/// else between two rounds, as long as the child stays held.
pub struct Search {
    kills: bool,
    deadline: Deadline,
    /// Every process of one round, by pid.
    all: List<Seen>,
    /// In the order in which they were found, the child first.
    members: List<Member>,
    /// Why some processes cannot be seen.
    hidden: Option<Errno>,
}

impl Search {
    /// Stops the child if it must be killed. ENOSYS if /proc is not there, or is
    /// another pid namespace's, or hides the child.
    pub fn begin(child: &Child, kills: bool, deadline: Deadline) -> Result<Search> {
        let root = match process::look(child.pid())? {
            Sight::There(root) if process::is_ours()? && root.parent == host::pid() => root,
            _ => return Err(Errno::ENOSYS),
        };
        // It is still there, so it was the child that was seen, and not another process
        // with the pid of a child that other code has reaped.
        child.require_unreaped()?;
        let mut root = Member::new(root);
        if kills && root.state == State::Living {
            root.stop(child)?;
        }
        let (all, mut members) = (List::new(), List::new());
        members.push(root)?;
        Ok(Search { kills, deadline, all, members, hidden: None })
    }

    pub fn kills(&self) -> bool {
        self.kills
    }

    /// Fails if /proc has hidden processes, which may be of the tree.
    pub fn require_all_seen(&self) -> Result<()> {
        self.hidden.map_or(Ok(()), Err)
    }

    /// Takes rounds until all members are found. ETIMEDOUT at the deadline.
    pub fn run(&mut self, child: &Child) -> Result<()> {
        loop {
            if self.kills {
                // A process needs a moment to stop after SIGSTOP.
                sleep(None, self.deadline.within_ns(PAUSE_NS))?;
            }
            if self.round(child)? {
                return Ok(());
            }
        }
    }

    /// Reads /proc once, and stops new members if they must be killed. Returns
    /// whether all are found.
    ///
    /// A signal that does not kill takes one round only: processes that go on may
    /// start others without end.
    pub fn round(&mut self, child: &Child) -> Result<bool> {
        let were_at_rest = !self.kills || self.stop_members(child)?;
        self.read_all(self.deadline)?;
        // One that still ran may have continued another that was stopped already.
        let are_at_rest = self.members.values().iter().all(Member::is_still_at_rest);
        let found_new = self.find_new()?;
        Ok(!self.kills || (were_at_rest && are_at_rest && !found_new))
    }

    /// Asks the members to stop that are not at rest. Returns whether all are. One
    /// that was stopped may have been continued, so all of them are looked at.
    fn stop_members(&mut self, child: &Child) -> Result<bool> {
        let mut are_at_rest = true;
        for member in self.members.values_mut() {
            in_time(self.deadline)?;
            if !member.comes_to_rest()? {
                are_at_rest = false;
                member.stop(child)?;
            }
        }
        Ok(are_at_rest)
    }

    /// Reads what /proc shows, and marks the members in it. Init and this process are
    /// of nobody's tree.
    #[inline(never)]
    fn read_all(&mut self, deadline: Deadline) -> Result<()> {
        let Search { all, hidden, .. } = self;
        let (mut shows_init, mut last) = (false, 0);
        all.clear();
        process::each(&mut |pid| {
            in_time(deadline)?;
            shows_init |= pid == 1;
            if pid <= 1 || pid == host::pid() {
                return Ok(());
            }
            // Members are looked up by pid.
            if core::mem::replace(&mut last, pid) >= pid {
                return Err(Errno::EIO);
            }
            match process::look(pid)? {
                Sight::There(process) => all.push(Seen { process, is_member: false })?,
                Sight::Gone => {}
                Sight::Hidden(errno) => *hidden = Some(errno),
            }
            Ok(())
        })?;
        // With the mount option hidepid, other users' processes are not listed.
        if !shows_init {
            *hidden = hidden.or(Some(Errno::EPERM));
        }
        self.mark_members()
    }

    fn mark_members(&mut self) -> Result<()> {
        let Search { all, members, .. } = self;
        for member in members.values_mut() {
            let all = all.values_mut();
            let place = position(all, member.process.pid).and_then(|at| all.get_mut(at));
            match place.filter(|one| one.process.is(&member.process)) {
                Some(one) => {
                    one.is_member = true;
                    member.see(one.process);
                }
                // It is gone, or hidden now.
                None => drop(member.is_alive()?),
            }
        }
        Ok(())
    }

    /// Finds members in what was read. Returns whether another round is needed.
    ///
    /// Children mostly have higher pids than their parents. Going up and down in turn
    /// also finds long chains of others soon, as when pids have come round.
    fn find_new(&mut self) -> Result<bool> {
        let (mut needs_round, mut goes_up) = (false, true);
        loop {
            let (before, count) = (self.members.len(), self.all.len());
            for step in 0..count {
                let i = if goes_up { step } else { count.wrapping_sub(step).wrapping_sub(1) };
                let one = self.all.values().get(i).filter(|one| !one.is_member);
                let Some(Seen { process, .. }) = one.copied() else { continue };
                if let Some((link, relative)) = self.relative_of(&process) {
                    in_time(self.deadline)?;
                    needs_round |= self.admit(i, link, &relative)?;
                }
            }
            if self.members.len() == before {
                return Ok(needs_round);
            }
            goes_up = !goes_up;
        }
    }

    /// The member that makes `process` one of the tree.
    fn relative_of(&self, process: &Process) -> Option<(Link, Process)> {
        let all = self.all.values();
        Link::ALL.into_iter().find_map(|link| {
            let one = all.get(position(all, link.of(process))?)?;
            let is_one = one.is_member && link.joins(process, &one.process);
            is_one.then_some((link, one.process))
        })
    }

    /// Makes the process at `i` a member, and stops it, if it still is one. Returns
    /// whether another round is needed because of it.
    fn admit(&mut self, i: usize, link: Link, relative: &Process) -> Result<bool> {
        self.members.reserve()?; // every stopped process must be remembered
        let one = self.all.values_mut().get_mut(i).ok_or(Errno::EINVAL)?;
        let exact = Exact::open(one.process.pid)?;
        match process::look(one.process.pid)? {
            Sight::There(now) if now.is(&one.process) => one.process = now,
            _ => return Ok(true),
        }
        // The relative is looked at last. If it is still there, it was there at the
        // look before, so its number was its own then.
        let relative_now = process::look(relative.pid)?;
        let is_there = matches!(relative_now, Sight::There(now) if now.is(relative));
        if !is_there || !link.joins(&one.process, relative) {
            return Ok(true);
        }
        one.is_member = true;
        let mut member = Member::new(one.process);
        if self.kills && member.state == State::Living {
            member.note(exact.send(&[libc::SIGSTOP]));
        }
        self.members.push(member)?;
        // It may have forked after /proc was read there. One out of reach always may.
        Ok(member.state != State::OutOfReach)
    }

    /// Sends to each member, and SIGKILL also to the child's group. Returns the last
    /// failure, after it has gone on to the others.
    ///
    /// Parents come before their children: a shell must not see its command exit and
    /// go on to the next one. Members that are stopped, to be killed, come the other
    /// way round: when a parent's exit leaves a group orphaned, the kernel continues
    /// every stopped process in it.
    pub fn send(&self, child: &Child, numbers: &[i32]) -> Result<()> {
        let mut result = Ok(());
        let mut send = |member: &Member| {
            if let Err(errno) = member.send(child, numbers) {
                result = Err(errno);
            }
        };
        if self.kills {
            self.members.values().iter().rev().for_each(&mut send);
            let _ = child.send_to_group(&[libc::SIGKILL]);
        } else {
            self.members.values().iter().for_each(&mut send);
        }
        result
    }

    /// Waits for the members that got SIGKILL. Returns at the deadline, too.
    pub fn wait_until_gone(&mut self) -> Result<()> {
        let members = self.members.values_mut().iter_mut();
        for member in members.filter(|member| member.state == State::Living) {
            let exact = Exact::open(member.process.pid)?;
            while member.is_alive()? && !self.deadline.has_passed() {
                match exact.pidfd() {
                    Some(pidfd) => sleep(Some(pidfd), self.deadline)?,
                    None => sleep(None, self.deadline.within_ns(PAUSE_NS))?,
                }
            }
        }
        Ok(())
    }

    /// The number of members that live, and of orphans that may be of the tree.
    pub fn count_living(&mut self) -> Result<u32> {
        let mut count = 0u32;
        for member in self.members.values_mut() {
            count = count.wrapping_add(member.is_alive()? as u32);
        }
        let orphans = if host::is_subreaper() { self.count_orphans()? } else { 0 };
        Ok(count.wrapping_add(orphans))
    }

    /// Children of this process that it has not started by this library.
    fn count_orphans(&mut self) -> Result<u32> {
        self.read_all(Deadline::Never)?;
        let Some(root) = self.members.values().first() else { return Ok(0) };
        let may_be = |one: &&Seen| {
            let Process { pid, parent, start, .. } = one.process;
            let lives = !one.is_member && !one.process.is_dead();
            lives && parent == host::pid() && start >= root.process.start && !signal::is_known(pid)
        };
        Ok(self.all.values().iter().filter(may_be).count() as u32)
    }
}

/// Where the process with this pid is.
#[inline(never)]
fn position(all: &[Seen], pid: i32) -> Option<usize> {
    all.binary_search_by(|one| one.process.pid.cmp(&pid)).ok()
}

fn in_time(deadline: Deadline) -> Result<()> {
    if deadline.has_passed() { Err(Errno::ETIMEDOUT) } else { Ok(()) }
}

/// Until the process behind `pidfd` has exited, or the deadline.
#[inline(never)]
fn sleep(pidfd: Option<i32>, deadline: Deadline) -> Result<()> {
    let left = deadline.left_ns();
    let slept = match pidfd {
        Some(fd) => poll::poll(&mut [poll::readable(fd)], left),
        None => poll::poll(&mut [], left),
    };
    match slept {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno),
    }
}
