//! A stage: its request, its place in the pipeline, what that asks and adds.

use crate::start::failure::{Failure, ITEM_BYTES, Item, Reason};
use crate::start::request::{Group, Request, Stdio};

/// Makes the request of a stage, counted from 0, with its `user` pointer. It is called
/// twice for each stage: to check it, and to start it.
pub trait Stages<'a>: Fn(usize) -> Result<(Request<'a>, usize), Failure> {}
impl<'a, F: Fn(usize) -> Result<(Request<'a>, usize), Failure>> Stages<'a> for F {}

/// A stage, counted from 0, is to blame. `item` becomes what the step was about.
pub fn blame(number: usize, request: Option<&Request>, failure: Failure, item: &mut Item) -> Failure {
    let name = request.map_or(&[] as &[u8], |request| request.item(&failure));
    *item = [0; ITEM_BYTES];
    for (place, byte) in item.iter_mut().zip(name).take(ITEM_BYTES - 1) {
        *place = *byte;
    }
    Failure { stage: number.wrapping_add(1) as i32, ..failure }
}

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
    pub fn check(self, request: &Request, is_captured: bool) -> Result<(), Failure> {
        let [input, output, errors] = &request.stdio;
        let is_set = |stream: &Stdio| !matches!(stream, Stdio::Inherit);
        let has_end = matches!(errors, Stdio::Pipe | Stdio::Pty);
        let contradictions = [
            (!self.is_first && is_set(input), Reason::StageStdin, 0),
            (!self.is_last && is_set(output), Reason::StageStdout, 1),
            (!self.is_last && is_captured && has_end, Reason::StageStderr, 2),
            (request.detached, Reason::StageDetached, 0),
            (self.leads_others(request) && request.is_private(), Reason::StagePrivate, 0),
        ];
        match contradictions.into_iter().find(|(broken, ..)| *broken) {
            Some((_, reason, stream)) => Err(Failure::misuse(reason, stream)),
            None => request.check(),
        }
    }

    /// Whether later stages join the group of this one.
    pub fn leads_others(self, request: &Request) -> bool {
        self.is_first && !self.is_last && request.group == Group::New && !request.session
    }

    /// Pipes for those of the pipeline's own streams that a capture wants.
    pub fn add_pipes(self, request: &mut Request, [input, output, errors]: [bool; 3]) {
        let Place { is_first, is_last } = self;
        request.add_pipes([input && is_first, output && is_last, errors && is_last]);
    }
}

/// The default group of a later stage. `pid` is that of the first stage. (A session of its
/// own cannot be joined.)
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
