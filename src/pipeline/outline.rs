//! A pipeline before it is started.

use super::stage::{Place, Stages, blame, joins};
use crate::capture::engine::Setup;
use crate::start::failure::{Failure, Item};
use crate::start::request::{Group, Stdio};

/// A pipeline as a whole.
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
        item: &mut Item,
    ) -> Result<Outline, Failure> {
        let wanted = setup.map_or([false; 3], Setup::wanted);
        let (mut in_own_groups, mut leads_others) = (true, false);
        let (mut pipes, mut shares_errors) = ([false; 3], false);
        for number in 0..count {
            let place = Place::of(number, count);
            let made = stages(number);
            let (mut request, _) = made.map_err(|failure| blame(number, None, failure, item))?;
            let checked = place.check(&request, setup.is_some());
            checked.map_err(|failure| blame(number, Some(&request), failure, item))?;
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
            setup.check(in_own_groups, pipes).inspect_err(|failure| *item = failure.capture_item())?;
        }
        Ok(Outline { in_own_groups, shares_errors })
    }
}
