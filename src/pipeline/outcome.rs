//! What a pipeline has come to.

use crate::status::word::{State, Status};

/// The status of a pipeline under `pipefail`: that of the rightmost stage that failed,
/// else that of the last stage. And the number of that stage, counted from 1; 0 if none
/// failed.
pub fn pipefail(statuses: impl Iterator<Item = Status>) -> (Status, usize) {
    let mut last = Status::RUNNING;
    let mut failed = None;
    for (number, status) in (1..).zip(statuses) {
        last = status;
        if !matches!(status, Status { state: State::Exited, code: 0 }) {
            failed = Some((status, number));
        }
    }
    failed.unwrap_or((last, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exited(code: i32) -> Status {
        Status { state: State::Exited, code }
    }

    #[test]
    fn the_rightmost_stage_that_failed_is_the_one() {
        let killed = Status { state: State::Killed, code: libc::SIGPIPE };
        let of = |statuses: &[Status]| pipefail(statuses.iter().copied());
        assert!(of(&[exited(0), exited(0)]) == (exited(0), 0));
        assert!(of(&[exited(3), exited(4), exited(0)]) == (exited(4), 2));
        assert!(of(&[killed, exited(0)]) == (killed, 1));
        assert!(of(&[killed, exited(1)]) == (exited(1), 2));
        assert!(of(&[exited(0), Status::LOST]) == (Status::LOST, 2));
        assert!(of(&[Status::RUNNING, exited(0)]) == (Status::RUNNING, 1));
    }
}
