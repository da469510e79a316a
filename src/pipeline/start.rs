//! Starting a | b | c.

use super::outline::Outline;
use super::stage::{Place, Stages, blame, common_group, joins};
use super::started::Started;
use crate::capture::engine::Setup;
use crate::start::failure::{At, Failure, Item, Step};
use crate::start::plan::give;
use crate::start::request::{Group, Request, Stdio};
use crate::start::spawn;
use crate::stop::sequence::Target;
use crate::sys::fd::{self, OwnedFd};
use crate::sys::raw::{self, Foreground};
use crate::sys::signal::AllBlocked;

/// Starts `count` stages, for a capture if there is one. If one of them cannot be
/// started, the earlier ones are stopped and reaped, and `item` is what its step was
/// about.
pub fn start<'a>(
    count: usize,
    stages: impl Stages<'a>,
    setup: Option<&Setup>,
    item: &mut Item,
) -> Result<Started, Failure> {
    let outline = Outline::check(count, &stages, setup, item)?;
    let mut starting = Starting {
        count,
        started: Started::none(outline.in_own_groups),
        wanted: setup.map_or([false; 3], Setup::wanted),
        shares_errors: outline.shares_errors,
        errors: None,
        input: None,
        group: Group::Inherit,
        foreground: None,
    };
    let mut result = (0..count).try_for_each(|number| starting.start(number, &stages, item));
    if result.is_ok() && setup.is_some() {
        let errors = starting.errors.take().map(|(read, _)| read);
        result = starting.started.give_ends_to_last(errors).at(Step::Memory, 0);
    }
    starting.end(result)
}

/// A pipeline between its first stage and its last.
struct Starting {
    count: usize,
    started: Started,
    wanted: [bool; 3],
    shares_errors: bool,
    /// What all stages write to as their stderr, and the end that is read.
    errors: Option<(OwnedFd, OwnedFd)>,
    /// What the next stage reads.
    input: Option<OwnedFd>,
    /// The default group of the next stages.
    group: Group,
    /// Who had the terminal before the first stage took it.
    foreground: Option<Foreground>,
}

impl Starting {
    fn start<'a>(
        &mut self,
        number: usize,
        stages: &impl Stages<'a>,
        item: &mut Item,
    ) -> Result<(), Failure> {
        let (mut request, user) =
            stages(number).map_err(|failure| blame(number, None, failure, item))?;
        let started = self.start_stage(Place::of(number, self.count), &mut request, user);
        started.map_err(|failure| blame(number, Some(&request), failure, item))
    }

    fn start_stage(
        &mut self,
        place: Place,
        request: &mut Request,
        user: usize,
    ) -> Result<(), Failure> {
        self.started.make_room().at(Step::Memory, 0)?;
        place.add_pipes(request, self.wanted);
        let output = self.connect(place, request)?;
        if place.is_first && request.foreground {
            self.foreground = raw::foreground().ok();
        }
        request.holds_group = place.leads_others(request);
        if !place.is_first && joins(request) {
            request.group = self.group;
        }
        let child = spawn::spawn_held(request, user)?;
        if place.is_first {
            self.group = common_group(request, child.pid());
        }
        // The stages alone have the pipe between them, except for the end of the next.
        self.input = output.map(|(read, _write)| read);
        self.started.add(child).at(Step::Memory, 0)
    }

    /// Connects a stage to the one before it, and to the stderr of all. Returns the pipe
    /// to the next one.
    fn connect(
        &mut self,
        place: Place,
        request: &mut Request,
    ) -> Result<Option<(OwnedFd, OwnedFd)>, Failure> {
        if let Some(input) = &self.input {
            give(input, request.uid).at(Step::Pipe, 0)?;
            request.stdio[0] = Stdio::Fd(input.number());
        }
        if self.shares_errors && matches!(request.stdio[2], Stdio::Inherit | Stdio::Pipe) {
            let (_, write) = match &mut self.errors {
                Some(pipe) => pipe,
                none => none.insert(fd::pipe(0).at(Step::Pipe, 2)?),
            };
            give(write, request.uid).at(Step::Pipe, 2)?;
            request.stdio[2] = Stdio::Fd(write.number());
        }
        if place.is_last {
            return Ok(None);
        }
        let (read, write) = fd::pipe(0).at(Step::Pipe, 1)?;
        give(&write, request.uid).at(Step::Pipe, 1)?;
        request.stdio[1] = Stdio::Fd(write.number());
        Ok(Some((read, write)))
    }

    fn end(self, result: Result<(), Failure>) -> Result<Started, Failure> {
        if result.is_err() {
            self.started.kill(Target::Group);
            self.started.close();
        }
        if let Some(foreground) = self.foreground {
            // From the background that would stop the caller: see tcsetpgrp(3).
            let blocked = AllBlocked::enter();
            if result.is_err() && blocked.is_ok() {
                raw::give_back_foreground(foreground);
            }
            raw::forget_foreground(foreground);
        }
        result.map(|()| self.started)
    }
}
