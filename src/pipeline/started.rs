//! The stages of a pipeline that was started.

use crate::capture::earlier::Earlier;
use crate::capture::engine::{Capture, Setup};
use crate::capture::pipes::Pipes;
use crate::children::child::Child;
use crate::children::state;
use crate::stop::sequence::{self, Plan, Target};
use crate::sys::fd::OwnedFd;
use crate::sys::list::List;
use crate::sys::{Errno, Result};
use crate::wait::ask;

/// In their order. Their zombies are held.
pub struct Started {
    stages: List<Child>,
    /// Stages lead the groups that the stages are in.
    in_own_groups: bool,
}

impl Started {
    pub fn none(in_own_groups: bool) -> Started {
        Started { stages: List::new(), in_own_groups }
    }

    /// Before a stage is started: then it can be added.
    pub fn make_room(&mut self) -> Result<()> {
        self.stages.reserve()
    }

    pub fn add(&mut self, stage: Child) -> Result<()> {
        self.stages.push(stage)
    }

    pub fn stages(&self) -> &[Child] {
        self.stages.values()
    }

    /// Captures the last stage, to which the others are attached.
    pub fn capture<'a>(&self, setup: Setup<'a>) -> Result<Capture<'a>> {
        let (last, earlier) = self.stages().split_last().ok_or(Errno::EINVAL)?;
        let mut children = List::new();
        for child in earlier {
            children.push(Child::hold(child.handle())?)?;
        }
        let earlier = Earlier::new(children, self.in_own_groups);
        Capture::of(Pipes::hold(last.handle(), setup.only_stops)?, earlier, setup)
    }

    /// A capture finds all ends that it needs with the last stage: that of the first
    /// stage's stdin, and of the stderr that all have between them.
    pub fn give_ends_to_last(&self, errors: Option<OwnedFd>) -> Result<()> {
        let (first, last) = self.stages().first().zip(self.stages().last()).ok_or(Errno::EINVAL)?;
        let mut section = state::enter_if_used()?;
        let slot = section.slots.get(first.index()).ok_or(Errno::EBADF)?;
        let (input, is_terminal) = (slot.streams[0].take(), slot.terminals[0]);
        let slot = section.slots.get(last.index()).ok_or(Errno::EBADF)?;
        if let Some(end) = input {
            slot.streams[0].put(OwnedFd::own(end));
            slot.terminals[0] = is_terminal;
        }
        if let Some(end) = errors {
            slot.streams[2].put(end);
        }
        Ok(())
    }

    /// For stages that nobody else knows. Waits until they have exited, two seconds at
    /// most. If the target is a group, those go that stages lead.
    pub fn kill(&self, target: Target) {
        if target == Target::Group {
            for leader in self.stages().iter().filter(|stage| stage.leads_group) {
                let _ = leader.send_to_group(&[libc::SIGKILL]);
            }
        }
        let each = if target == Target::Tree { target } else { Target::Child };
        if let Ok(plan) = Plan::killing(each) {
            let _ = sequence::stop_all(self.stages(), plan);
        }
    }

    /// Closes the handles of the stages.
    pub fn close(&self) {
        for stage in self.stages() {
            let _ = ask::close(stage.handle());
        }
    }
}
