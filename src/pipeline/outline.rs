//! A pipeline before it is started: what the place of each stage asks of its options,
//! and adds to them.

use super::start::{Blame, Stages};
use crate::capture::engine::Setup;
use crate::start::failure::{Failure, Reason, Step};
use crate::start::request::{Group, Request, Stdio};

/// Where a stage is.
#[derive(Clone, Copy)]
pub struct Place {
    pub is_first: bool,
    pub is_last: bool,
}

impl Place {
    pub fn of(number: usize, count: usize) -> Place {
        Place { is_first: number == 0, is_last: number.wrapping_add(1) == count }
    }

    /// What contradicts the place. `is_captured`: the caller has the ends of the
    /// pipeline's own streams only.
    fn check(self, request: &Request, is_captured: bool) -> Result<(), Failure> {
        let [input, output, errors] = &request.stdio;
        let is_set = |stream: &Stdio| !matches!(stream, Stdio::Inherit);
        let has_end = matches!(errors, Stdio::Pipe | Stdio::Pty);
        let contradictions = [
            (!self.is_first && is_set(input), Reason::StageStdin, 0),
            (!self.is_last && is_set(output), Reason::StageStdout, 1),
            (!self.is_last && is_captured && has_end, Reason::StageStderr, 2),
            (request.detached, Reason::StageDetached, 0),
        ];
        match contradictions.into_iter().find(|(broken, ..)| *broken) {
            Some((_, reason, stream)) => Err(Failure::misuse(reason, stream)),
            None => request.check(),
        }
    }

    /// Pipes for those of the pipeline's own streams that a capture wants.
    pub fn add_pipes(self, request: &mut Request, [input, output, errors]: [bool; 3]) {
        let Place { is_first, is_last } = self;
        request.add_pipes([input && is_first, output && is_last, errors && is_last]);
    }
}

/// The group that a later stage is in whose options do not say otherwise. `pid` is that
/// of the first stage. (A session of its own is not to be joined.)
pub fn common_group(first: &Request, pid: i32) -> Group {
    match first.group {
        _ if first.session => Group::Inherit,
        Group::New => Group::Join(pid),
        other => other,
    }
}

pub fn joins(later: &Request) -> bool {
    later.group == Group::Inherit && !later.session
}

/// What is known of a pipeline as a whole.
pub struct Outline {
    /// Stages lead the groups that the stages are in.
    pub in_own_groups: bool,
    /// The stages have one pipe for stderr between them.
    pub shares_errors: bool,
}

impl Outline {
    /// Finds what can be known to be wrong before anything is started.
    pub fn check<'a>(
        count: usize,
        stages: &impl Stages<'a>,
        setup: Option<&Setup>,
    ) -> Result<Outline, Blame> {
        let wanted = setup.map_or([false; 3], Setup::wanted);
        let (mut in_own_groups, mut leads_others) = (true, false);
        let (mut pipes, mut shares_errors) = ([false; 3], false);
        for number in 0..count {
            let place = Place::of(number, count);
            let made = stages(number);
            let (mut request, _) = made.map_err(|failure| Blame::of(number, None, failure))?;
            let checked = place.check(&request, setup.is_some());
            checked.map_err(|failure| Blame::of(number, Some(&request), failure))?;
            place.add_pipes(&mut request, wanted);
            if place.is_first {
                pipes[0] = request.pipes()[0];
                leads_others = request.group == Group::New && !request.session;
            }
            if place.is_last {
                pipes = [pipes[0], request.pipes()[1], request.pipes()[2]];
                shares_errors = wanted[2] && matches!(request.stdio[2], Stdio::Pipe);
            }
            in_own_groups &= request.leads_group() || leads_others && joins(&request);
        }
        if let Some(setup) = setup {
            let checked = setup.check(in_own_groups, pipes);
            checked.map_err(|errno| Blame::of_all(Failure::new(Step::Capture, 0, errno)))?;
        }
        Ok(Outline { in_own_groups, shares_errors })
    }
}
