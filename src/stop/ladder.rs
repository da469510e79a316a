//! Ending a child by degrees: a signal, some time, the next signal.

use super::signal;
use super::tree;
use crate::children::child::Child;
use crate::children::state;
use crate::status::signals;
use crate::status::word::Status;
use crate::sys::deadline::Deadline;
use crate::sys::{Errno, Result};
use crate::wait::watch::Watch;

/// One step: the signal (0: none), and how long to wait for the end after it,
/// in milliseconds (-1: for ever).
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Step {
    pub signal: i32,
    pub wait_ms: i32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Child,
    Group,
    Tree,
}

/// The steps of a plan, which outlive the call that gave them.
#[derive(Clone, Copy)]
pub struct Steps {
    list: [Step; Steps::MOST],
    count: usize,
}

impl Steps {
    pub const MOST: usize = 16;

    /// EINVAL for more than there is room for.
    pub fn copy(steps: &[Step]) -> Result<Steps> {
        let mut list = [Step { signal: 0, wait_ms: 0 }; Steps::MOST];
        let places = list.get_mut(..steps.len()).ok_or(Errno::EINVAL)?;
        places.copy_from_slice(steps);
        Ok(Steps { list, count: steps.len() })
    }

    fn get(&self) -> &[Step] {
        self.list.get(..self.count).unwrap_or_default()
    }
}

#[derive(Clone, Copy)]
pub struct Plan {
    pub target: Target,
    /// What is left of the target when the child has ended is killed.
    pub sweep: bool,
    pub steps: Steps,
}

impl Plan {
    pub const STEPS: &'static [Step] = &[
        Step { signal: libc::SIGTERM, wait_ms: 2000 },
        Step { signal: libc::SIGKILL, wait_ms: 2000 },
    ];

    /// For children that nobody else knows: all of the target is killed.
    pub fn killing(target: Target) -> Result<Plan> {
        const KILL: &[Step] = &[Step { signal: libc::SIGKILL, wait_ms: 2000 }];
        Ok(Plan { target, sweep: true, steps: Steps::copy(KILL)? })
    }

    /// Before anything is sent. `leads`: the child has a group of its own.
    pub fn check(&self, leads: bool) -> Result<()> {
        for step in self.steps.get() {
            if step.signal != 0 {
                signals::check(step.signal)?;
            }
            if step.wait_ms < -1 {
                return Err(Errno::EINVAL);
            }
        }
        if self.target == Target::Group && !leads { Err(Errno::EINVAL) } else { Ok(()) }
    }

    fn send(&self, child: &Child, signal: i32) -> Result<()> {
        match self.target {
            Target::Child => signal::send_to_child(child, signal),
            // By that of the group's leader.
            Target::Group if !child.leads_group => Ok(()),
            Target::Group => signal::send_to_group(child, signal),
            Target::Tree => tree::signal(child, signal, false).map(drop),
        }
    }

    /// Returns why one of them did not get it.
    fn send_to_all<'c>(
        &self,
        children: impl Iterator<Item = &'c Child>,
        signal: i32,
    ) -> Option<Errno> {
        let mut failed = None;
        for child in children {
            // ESRCH: it has exited, which the next look shows.
            let sent = self.send(child, signal);
            failed = failed.or(sent.err().filter(|errno| *errno != Errno::ESRCH));
        }
        failed
    }
}

/// A plan being carried out.
pub struct Ladder {
    plan: Plan,
    climbed: usize,
    until: Deadline,
    failed: Option<Errno>,
}

impl Ladder {
    /// The first step is due at `first`.
    pub fn new(plan: Plan, first: Deadline) -> Ladder {
        Ladder { plan, climbed: 0, until: first, failed: None }
    }

    pub fn target(&self) -> Target {
        self.plan.target
    }

    /// When there is something to do.
    pub fn until(&self) -> Deadline {
        self.until
    }

    pub fn is_due(&self) -> bool {
        self.until.left_ns() == Some(0)
    }

    /// The first step is due at once.
    pub fn hurry(&mut self) {
        if self.climbed == 0 {
            self.until = Deadline::Now;
        }
    }

    /// The last step that was reached, counted from 1, and its signal; (0, 0)
    /// for none.
    pub fn reached(&self) -> (u32, i32) {
        let step = self.climbed.checked_sub(1).and_then(|last| self.plan.steps.get().get(last));
        (self.climbed as u32, step.map_or(0, |step| step.signal))
    }

    /// Takes the next step with all of `children`; false if there is none. A signal
    /// that could not be sent does not end the climb.
    pub fn climb<'c>(&mut self, children: impl Iterator<Item = &'c Child>) -> bool {
        let Some(step) = self.plan.steps.get().get(self.climbed) else { return false };
        self.climbed = self.climbed.wrapping_add(1);
        self.until = Deadline::after_ms(step.wait_ms).unwrap_or(Deadline::Now);
        if step.signal != 0 {
            self.failed = self.plan.send_to_all(children, step.signal);
        }
        true
    }

    /// They have exited. Their zombies are still there, as the caller holds them, so
    /// that their groups are their own.
    pub fn sweep<'c>(&self, children: impl Iterator<Item = &'c Child>) {
        if self.plan.sweep && self.plan.target != Target::Child {
            self.plan.send_to_all(children, libc::SIGKILL);
        }
    }

    /// Why it has not ended after all steps.
    pub fn failure(&self) -> Errno {
        self.failed.unwrap_or(Errno::ETIMEDOUT)
    }
}

/// Carries out `plan` until the child has exited.
pub fn stop(handle: u64, plan: Plan) -> Result<Status> {
    state::enter_if_used()?.sweep();
    let child = Child::hold(handle)?;
    plan.check(child.leads_group)?;
    stop_all(core::slice::from_ref(&child), plan)?;
    child.look()?.ok_or(Errno::ECHILD)
}

/// Carries out `plan` with several children at once, until all of them have exited.
pub fn stop_all(children: &[Child], plan: Plan) -> Result<()> {
    let mut ladder = Ladder::new(plan, Deadline::Now);
    // All must exit, so they are waited for one after the other.
    for child in children {
        let watch = Watch::of(child)?;
        while child.look()?.is_none() {
            if !ladder.is_due() {
                match watch.sleep(&mut [watch.polled()], ladder.until()) {
                    Ok(()) | Err(Errno::ETIMEDOUT) => {}
                    Err(errno) => return Err(errno),
                }
            } else if !ladder.climb(children.iter()) {
                return Err(ladder.failure());
            }
        }
    }
    ladder.sweep(children.iter());
    Ok(())
}
