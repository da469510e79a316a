//! Signals, and sequences of them that stop a child.

use crate::error::{check, constant};
use crate::ffi::{self, chld_stop_plan, chld_stop_step};
use crate::{Error, Result};
use std::ffi::CString;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The number of a signal. `"USR1".parse()` and `10.into()` make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signal(pub i32);

/// Those that have one number on every Linux.
impl Signal {
    /// The terminal is gone.
    pub const HUP: Signal = Signal(1);
    /// Control-C.
    pub const INT: Signal = Signal(2);
    /// Control-\.
    pub const QUIT: Signal = Signal(3);
    /// Cannot be caught.
    pub const KILL: Signal = Signal(9);
    /// Please exit.
    pub const TERM: Signal = Signal(15);
}

impl From<i32> for Signal {
    fn from(number: i32) -> Signal {
        Signal(number)
    }
}

/// `"KILL"`, `"SIGKILL"`, `"9"`, `"RTMIN+3"`.
impl FromStr for Signal {
    type Err = Error;

    fn from_str(name: &str) -> Result<Signal> {
        let name = CString::new(name).unwrap_or_default();
        // SAFETY: the string ends with a NUL.
        let number = unsafe { ffi::chld_signal_number(name.as_ptr()) };
        check("chld_signal_number", number).map(Signal)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match constant(ffi::chld_signal_name(self.0)) {
            Some(name) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

/// Which processes a stop sequence signals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// The child alone.
    #[default]
    Child,
    /// The process group that the child leads.
    Group,
    /// The child and all its descendants.
    Tree,
}

/// How to stop a child: a sequence of signals. A plan without steps is SIGTERM and, two
/// seconds later, SIGKILL.
///
/// ```
/// # use {chld::{Signal, StopPlan}, std::time::Duration};
/// let gently = StopPlan::new()
///     .step(Signal::INT, Duration::from_secs(5))
///     .step(Signal::KILL, Duration::from_secs(1));
/// ```
#[derive(Clone, Debug, Default)]
pub struct StopPlan {
    target: Target,
    sweep: bool,
    steps: Vec<chld_stop_step>,
}

impl fmt::Debug for chld_stop_step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} and {} ms", Signal(self.signal), self.wait_ms)
    }
}

impl StopPlan {
    /// SIGTERM and, two seconds later, SIGKILL, to the child alone.
    pub fn new() -> StopPlan {
        StopPlan::default()
    }

    /// SIGKILL at once.
    pub fn kill() -> StopPlan {
        StopPlan::new().step_forever(Signal::KILL)
    }

    /// Adds a step: sends the signal, and waits for the exit up to this time.
    pub fn step(mut self, signal: impl Into<Signal>, wait: Duration) -> StopPlan {
        self.steps.push(chld_stop_step { signal: signal.into().0, wait_ms: milliseconds(wait) });
        self
    }

    /// Adds a step that waits as long as it takes.
    pub fn step_forever(mut self, signal: impl Into<Signal>) -> StopPlan {
        self.steps.push(chld_stop_step { signal: signal.into().0, wait_ms: -1 });
        self
    }

    /// Signals the child alone, its group, or its tree.
    pub fn target(mut self, target: Target) -> StopPlan {
        self.target = target;
        self
    }

    /// Sends SIGKILL to what is left of the group or tree once the child has exited.
    pub fn sweep(mut self) -> StopPlan {
        self.sweep = true;
        self
    }

    /// For C. It points into `self`.
    pub(crate) fn raw(&self) -> chld_stop_plan {
        chld_stop_plan {
            size: size_of::<chld_stop_plan>(),
            target: match self.target {
                Target::Child => ffi::CHLD_TARGET_CHILD,
                Target::Group => ffi::CHLD_TARGET_GROUP,
                Target::Tree => ffi::CHLD_TARGET_TREE,
            },
            flags: if self.sweep { ffi::CHLD_STOP_SWEEP } else { 0 },
            steps: self.steps.as_ptr(),
            steps_count: self.steps.len(),
        }
    }
}

/// Milliseconds for C: never less than asked for, and at most 24 days.
pub(crate) fn milliseconds(time: Duration) -> i32 {
    let rounded = time.as_nanos().div_ceil(1_000_000);
    i32::try_from(rounded).unwrap_or(i32::MAX)
}
