//! Stopping a child by a sequence of signals: a signal, some time, the next signal.

use crate::sys::deadline::Deadline;
use crate::children::state;
use crate::children::child::Child;
use crate::start::failure::{Failure, Reason};
use crate::status::signals;
use crate::status::word::Status;
use crate::wait::watch::Watch;
use crate::sys::{Errno, Result};
use super::tree;

/// One step: the signal (0: none), and how long to wait for the exit after it, in
/// milliseconds (-1: forever).
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

    /// `None` for more than there is room for.
    pub fn copy(steps: &[Step]) -> Option<Steps> {
        let mut list = [Step { signal: 0, wait_ms: 0 }; Steps::MOST];
        list.get_mut(..steps.len())?.copy_from_slice(steps);
        Some(Steps { list, count: steps.len() })
    }

    fn get(&self) -> &[Step] {
        self.list.get(..self.count).unwrap_or_default()
    }
}

#[derive(Clone, Copy)]
pub struct Plan {
    pub target: Target,
    /// What is left of the target when the child has exited is killed.
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
        let steps = Steps::copy(KILL).ok_or(Errno::EINVAL)?;
        Ok(Plan { target, sweep: true, steps })
    }

    /// Before anything is sent. `leads`: the child has a group of its own.
    pub fn check(&self, leads: bool) -> Result<(), Failure> {
        for (number, step) in self.steps.get().iter().enumerate() {
            if signals::check_or_none(step.signal).is_err() {
                return Err(Failure::misuse(Reason::StepSignal, number));
            }
            if step.wait_ms < -1 {
                return Err(Failure::misuse(Reason::StepWait, number));
            }
        }
        match self.target {
            Target::Group if !leads => Err(Failure::misuse(Reason::PlanGroup, 0)),
            _ => Ok(()),
        }
    }

    /// A stopped process acts on no signal but SIGKILL before it is continued. So
    /// SIGCONT follows where the signal is meant to end the target.
    fn send(&self, child: &Child, signal: i32) -> Result<()> {
        let both = [signal, libc::SIGCONT];
        let [only, _] = &both;
        let numbers = if needs_continue(signal) { &both[..] } else { core::slice::from_ref(only) };
        match self.target {
            Target::Child => child.send(numbers),
            // By that of the group's leader.
            Target::Group if !child.leads_group => Ok(()),
            Target::Group => child.send_to_group(numbers),
            Target::Tree => tree::signal(child, numbers, false).map(drop),
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

/// Whether the default action of `signal` is to terminate, and a stopped process does
/// not act on it.
fn needs_continue(signal: i32) -> bool {
    !matches!(
        signal,
        libc::SIGKILL | libc::SIGCONT | libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN
            | libc::SIGTTOU | libc::SIGCHLD | libc::SIGURG | libc::SIGWINCH
    )
}

/// A plan being carried out.
pub struct Sequence {
    plan: Plan,
    taken: usize,
    until: Deadline,
    failed: Option<Errno>,
}

impl Sequence {
    /// The first step is due at `first`.
    pub fn new(plan: Plan, first: Deadline) -> Sequence {
        Sequence { plan, taken: 0, until: first, failed: None }
    }

    pub fn target(&self) -> Target {
        self.plan.target
    }

    /// When there is something to do.
    pub fn until(&self) -> Deadline {
        self.until
    }

    pub fn is_due(&self) -> bool {
        self.until.has_passed()
    }

    /// The first step is due at once.
    pub fn hurry(&mut self) {
        if self.taken == 0 {
            self.until = Deadline::Now;
        }
    }

    /// The last step that was taken, counted from 1, and its signal; (0, 0) for none.
    pub fn reached(&self) -> (u32, i32) {
        let step = self.taken.checked_sub(1).and_then(|last| self.plan.steps.get().get(last));
        (self.taken as u32, step.map_or(0, |step| step.signal))
    }

    /// Takes the next step with all of `children`; false if there is none. A signal that
    /// could not be sent does not end the sequence.
    pub fn step<'c>(&mut self, children: impl Iterator<Item = &'c Child>) -> bool {
        let Some(step) = self.plan.steps.get().get(self.taken) else { return false };
        self.taken = self.taken.wrapping_add(1);
        self.until = Deadline::after_ms(step.wait_ms).unwrap_or(Deadline::Now);
        if step.signal != 0 {
            self.failed = self.plan.send_to_all(children, step.signal);
        }
        true
    }

    /// They have exited. They are held, so their groups are their own.
    pub fn sweep<'c>(&self, children: impl Iterator<Item = &'c Child>) {
        if self.plan.sweep && self.plan.target != Target::Child {
            self.plan.send_to_all(children, libc::SIGKILL);
        }
    }

    /// Why it has not exited after all steps.
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

/// For a child that nobody else knows: all of the target is killed, and its exit waited for.
pub fn kill(handle: u64, target: Target) -> Result<Status> {
    stop(handle, Plan::killing(target)?)
}

/// Carries out `plan` with several children at once, until all of them have exited.
pub fn stop_all(children: &[Child], plan: Plan) -> Result<()> {
    let mut sequence = Sequence::new(plan, Deadline::Now);
    // All must exit, so they are waited for one after the other.
    for child in children {
        let mut watch = Watch::surely_of(child);
        while child.look()?.is_none() {
            if !watch.is_of(child) {
                watch = Watch::surely_of(child);
                continue;
            }
            if !sequence.is_due() {
                match watch.sleep(&mut [watch.polled()], sequence.until()) {
                    Ok(()) | Err(Errno::ETIMEDOUT) => {}
                    Err(errno) => return Err(errno),
                }
            } else if !sequence.step(children.iter()) {
                return Err(sequence.failure());
            }
        }
    }
    sequence.sweep(children.iter());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_terminates_is_followed_by_sigcont() {
        for signal in [libc::SIGTERM, libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGUSR1] {
            assert!(needs_continue(signal), "{signal}");
        }
        assert!(needs_continue(libc::SIGRTMIN()));
        for signal in [libc::SIGKILL, libc::SIGCONT, libc::SIGSTOP, libc::SIGTSTP, libc::SIGCHLD] {
            assert!(!needs_continue(signal), "{signal}");
        }
    }
}
