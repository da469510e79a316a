//! From a request, or a pid, to a running child in the table.

use super::failure::{At, Failure, Step};
use super::launch::{self, Guards};
use super::plan::Opened;
use super::request::Request;
use super::starting;
use crate::children::child::Child;
use crate::children::handle;
use crate::children::look::Look;
use crate::children::slot::Phase;
use crate::children::state::{self, State};
use crate::sys::clone::Started;
use crate::sys::fd::OwnedFd;
use crate::sys::wait::{self, WaitId};
use crate::sys::{self, Errno, pidfd, raw};

/// Starts what `request` describes; returns the handle, or 0 for a detached child.
pub fn spawn(request: &Request, user: usize) -> Result<u64, Failure> {
    request.check()?;
    state::prepare().at(Step::Memory, 0)?;
    if request.detached {
        return launch::detached(request).map(|()| 0);
    }
    start(request, user, |_, handle| Ok(handle))
}

/// The same for a child whose zombie is held from the beginning: others will join its
/// group, even if it exits at once. Not for a detached child.
pub fn spawn_held(request: &Request, user: usize) -> Result<Child, Failure> {
    request.check()?;
    state::prepare().at(Step::Memory, 0)?;
    start(request, user, |state, handle| Child::enter(state, handle, true))
}

/// `enter` is called under the lock in which the child enters the table.
fn start<T>(
    request: &Request,
    user: usize,
    enter: impl FnOnce(&mut State, u64) -> sys::Result<T>,
) -> Result<T, Failure> {
    let mut opened = Opened::default();
    let (guards, mut started) = launch::prepare(request, &mut opened)?;
    started.pidfd = pidfd_of(&mut started);
    let cgroup = request.cgroup.filter(|_| request.owns_cgroup);
    let child = NewChild {
        started,
        opened,
        user,
        leads_group: request.leads_group(),
        kills_on_close: request.kills_on_close,
        terminals: request.terminals(),
        // Without a descriptor to spare, its tree is found in /proc.
        cgroup: cgroup.and_then(|fd| raw::dup_above(fd, 3).ok()).map(OwnedFd::own),
    };
    settle(guards, child, enter).at(Step::Memory, 0)
}

/// The kernel's own, or one asked for afterwards. Not having one (for example, out of
/// descriptors) is no failure: the child is then identified by its pid.
#[inline(never)]
fn pidfd_of(started: &mut Started) -> Option<OwnedFd> {
    let given = started.pidfd.take();
    given.or_else(|| {
        let asked = pidfd::available().then(|| pidfd::open(started.pid).ok())??;
        Some(asked).filter(is_of_child)
    })
}

/// Where the kernel reaps by itself (SIGCHLD ignored), a pid may be another process's by
/// now. Only a child of ours can be waited for.
fn is_of_child(pidfd: &OwnedFd) -> bool {
    let wait_id = WaitId::Pidfd(pidfd.number());
    let peeked = wait::waitid(wait_id, wait::EXITED | wait::NO_HANG | wait::PEEK);
    !matches!(peeked, Err(Errno::ECHILD))
}

/// A child that enters the table.
struct NewChild {
    started: Started,
    opened: Opened,
    user: usize,
    leads_group: bool,
    kills_on_close: bool,
    terminals: [bool; 3],
    cgroup: Option<OwnedFd>,
}

/// Writes a running child into its slot, while every signal is still blocked.
#[inline(never)]
fn settle<T>(
    Guards { starting, blocked }: Guards,
    child: NewChild,
    enter: impl FnOnce(&mut State, u64) -> sys::Result<T>,
) -> sys::Result<T> {
    let mut locked = state::lock(&blocked)?;
    let index = starting.slot();
    let handle = record(&mut locked, index, child);
    let entered = enter(&mut locked, handle);
    // Its SIGCHLD may have come before anybody knew whose it was.
    if locked.notice.reapers != 0 || locked.notice.program != 0 {
        let _ = locked.look(index);
    }
    let missed = starting.leave(&mut locked);
    drop(locked);
    drop(blocked);
    if missed {
        starting::reap_foreign();
    }
    entered
}

fn record(state: &mut State, index: u32, child: NewChild) -> u64 {
    let Some(slot) = state.slots.get(index) else { return 0 };
    slot.handle = handle::new(index, state::owner());
    (slot.is_open, slot.phase) = (true, Phase::Running);
    (slot.pid, slot.user, slot.leads_group) = (child.started.pid, child.user, child.leads_group);
    (slot.kills_on_close, slot.terminals) = (child.kills_on_close, child.terminals);
    slot.is_private = child.started.is_private;
    if let Some(fd) = child.started.pidfd {
        slot.pidfd.put(fd);
    }
    if let Some(fd) = child.cgroup {
        slot.cgroup.put(fd);
    }
    for (place, end) in slot.streams.iter_mut().zip(child.opened.parents) {
        if let Some(end) = end {
            place.put(end);
        }
    }
    let (handle, is_private) = (slot.handle, slot.is_private);
    state.running = state.running.wrapping_add(1);
    if !is_private {
        state.own_pid(index);
    }
    handle
}

/// Takes over a child of this process that was started by other means. ECHILD if it is
/// none, or other code has reaped it; EEXIST if the library has it.
pub fn adopt(pid: i32) -> sys::Result<u64> {
    state::prepare()?;
    let pidfd = pidfd::open(pid).ok();
    let index = state::claim(state::enter, |state| &mut state.slots, |_, _| Ok(()))?;
    let adopted = state::enter().and_then(|mut section| {
        section.sweep();
        // One of ours that other code has reaped, and whose number is another child's?
        if let Some(known) = section.by_pid(pid) {
            if !matches!(section.look(known)?, Look::Gone) {
                return Err(Errno::EEXIST);
            }
        }
        wait::waitid(WaitId::Pid(pid), wait::EXITED | wait::NO_HANG | wait::PEEK)?;
        let started = Started { pid, pidfd: pidfd.filter(is_of_child), is_private: false };
        let child = NewChild {
            started,
            opened: Opened::default(),
            user: 0,
            leads_group: false,
            kills_on_close: false,
            terminals: [false; 3],
            cgroup: None,
        };
        Ok(record(&mut section, index, child))
    });
    if adopted.is_err() {
        if let Some(mut section) = state::enter_surely() {
            section.abandon(index);
        }
    }
    adopted
}
