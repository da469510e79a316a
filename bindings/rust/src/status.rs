//! How a child exited.

use crate::error::{check, text};
use crate::ffi::{self, chld_status};
use crate::{Error, Result, Signal};
use std::fmt;
use std::os::unix::process::ExitStatusExt;

/// What has become of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// It has not exited.
    Running,
    /// It exited by itself.
    Exited,
    /// A signal killed it.
    Killed,
    /// A signal killed it, and a core file was written.
    Dumped,
    /// A signal stopped it.
    Stopped,
    /// It was continued.
    Continued,
    /// It has exited, but other code reaped it, and its status is gone.
    Lost,
}

/// How a child exited, or how it is.
///
/// It prints itself in words: `killed by SIGTERM (terminated)`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ExitStatus(pub(crate) chld_status);

impl ExitStatus {
    /// What has become of the child.
    pub fn state(&self) -> State {
        match self.0.state {
            ffi::CHLD_STATE_RUNNING => State::Running,
            ffi::CHLD_STATE_EXITED => State::Exited,
            ffi::CHLD_STATE_KILLED => State::Killed,
            ffi::CHLD_STATE_DUMPED => State::Dumped,
            ffi::CHLD_STATE_STOPPED => State::Stopped,
            ffi::CHLD_STATE_CONTINUED => State::Continued,
            _ => State::Lost,
        }
    }

    /// Whether it exited with code 0.
    pub fn success(&self) -> bool {
        self.code() == Some(0)
    }

    /// The exit code, if it exited by itself.
    pub fn code(&self) -> Option<i32> {
        (self.state() == State::Exited).then_some(self.0.code)
    }

    /// The signal that killed, stopped or continued it.
    pub fn signal(&self) -> Option<Signal> {
        let signalled = [State::Killed, State::Dumped, State::Stopped, State::Continued];
        signalled.contains(&self.state()).then_some(Signal(self.0.code))
    }

    /// Whether a core file was written.
    pub fn core_dumped(&self) -> bool {
        self.0.core != 0
    }

    /// What `$?` would be in a shell: the exit code, or 128 + n for signal n.
    pub fn shell_code(&self) -> Option<i32> {
        Some(ffi::chld_status_shell_code(&self.0)).filter(|&code| code >= 0)
    }

    /// What `waitpid()` would have stored; `None` for a child that runs or whose status is
    /// lost.
    pub fn wait_word(&self) -> Option<i32> {
        Some(self.0.wait_word).filter(|&word| word != -1)
    }

    /// Ends the calling process in the same way: with the same code, or by the same signal.
    /// No destructor runs. Returns only if there is no such way.
    pub fn raise(&self) -> Error {
        Error::of_call("chld_status_raise", ffi::chld_status_raise(&self.0))
    }

    /// The status, or an error unless it is an exit with code 0 (`$ set -e`).
    pub fn exit_ok(self) -> std::result::Result<(), ExitStatusError> {
        if self.success() { Ok(()) } else { Err(ExitStatusError(self)) }
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text(|buffer, size| {
            // SAFETY: `buffer` has `size` bytes.
            unsafe { ffi::chld_status_text(&self.0, buffer, size) }
        }))
    }
}

impl fmt::Debug for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExitStatus({self})")
    }
}

/// A status that `std` has no word for (a running child, a lost status) is an error.
impl TryFrom<ExitStatus> for std::process::ExitStatus {
    type Error = ExitStatusError;

    fn try_from(status: ExitStatus) -> std::result::Result<Self, ExitStatusError> {
        let word = status.wait_word().ok_or(ExitStatusError(status))?;
        Ok(std::process::ExitStatus::from_raw(word))
    }
}

/// A child did not exit as wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitStatusError(ExitStatus);

impl ExitStatusError {
    /// How it exited.
    pub fn status(&self) -> ExitStatus {
        self.0
    }
}

impl fmt::Display for ExitStatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the child {}", self.0)
    }
}

impl std::error::Error for ExitStatusError {}

/// What a child has used up, together with those of its own children that it waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// CPU time in user mode.
    pub user: std::time::Duration,
    /// CPU time in the kernel.
    pub system: std::time::Duration,
    /// The largest resident set, in KiB.
    pub max_resident_kib: u64,
    /// Page faults that needed no reading.
    pub minor_faults: u64,
    /// Page faults that needed reading.
    pub major_faults: u64,
    /// Blocks of 512 bytes that were read.
    pub blocks_in: u64,
    /// Blocks of 512 bytes that were written.
    pub blocks_out: u64,
    /// How often it gave up the CPU to wait.
    pub voluntary_switches: u64,
    /// How often the CPU was taken from it.
    pub involuntary_switches: u64,
}

impl Usage {
    pub(crate) fn of(id: ffi::chld_id) -> Result<Usage> {
        let mut raw = ffi::chld_resources::zeroed();
        check("chld_usage", ffi::chld_usage(id, &mut raw))?;
        Ok(raw.into())
    }
}

impl From<ffi::chld_resources> for Usage {
    fn from(raw: ffi::chld_resources) -> Usage {
        Usage {
            user: std::time::Duration::from_micros(raw.user_us),
            system: std::time::Duration::from_micros(raw.system_us),
            max_resident_kib: raw.max_resident_kib,
            minor_faults: raw.minor_faults,
            major_faults: raw.major_faults,
            blocks_in: raw.blocks_in,
            blocks_out: raw.blocks_out,
            voluntary_switches: raw.voluntary_switches,
            involuntary_switches: raw.involuntary_switches,
        }
    }
}
