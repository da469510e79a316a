//! Child processes that never lose a status: the API of [`std::process`] over libchld, with
//! timeouts, stop sequences, pipelines, sets and pseudo-terminals.
//!
//! ```
//! use std::time::Duration;
//!
//! let output = chld::Command::new("sort")
//!     .input("pear\nfig\n")
//!     .timeout(Duration::from_secs(5))
//!     .output()?;
//! assert_eq!(output.stdout, b"fig\npear\n");
//! println!("sort {}", output.status); // sort exited with code 0
//! # Ok::<(), chld::Error>(())
//! ```
//!
//! | as in `std` | more |
//! |---|---|
//! | [`Command`], [`Child`], [`Stdio`], [`Output`], [`ExitStatus`] | [`Pipeline`], [`Set`], [`StopPlan`], [`Capture`], [`Cancel`], [`Signal`] |
//!
//! What differs from `std`: a child has the descriptors 0, 1, 2 and those of
//! [`Command::fd`], and no others. A child that is dropped leaves no zombie.
//! [`ExitStatus::state`] separates codes from signals. [`Error`] has the step that failed.

#![warn(missing_docs)]

mod capture;
mod child;
mod command;
mod error;
#[doc(hidden)]
pub mod ffi;
mod lines;
mod pipeline;
mod set;
mod settings;
mod start;
mod status;
mod stdio;
mod stop;

pub use capture::{Cancel, Capture, Keep, Output, Stream, StreamInfo};
pub use child::{Child, ChildId};
pub use command::Command;
pub use error::{Error, Result};
pub use pipeline::{Pipeline, PipelineOutput, Stage};
pub use set::{Event, Set, Waker, Watch};
pub use status::{ExitStatus, ExitStatusError, State, Usage};
pub use stdio::Stdio;
pub use stop::{Signal, StopPlan, Target};

/// The version of the library.
pub fn version() -> &'static str {
    error::constant(ffi::chld_version()).unwrap_or("")
}

/// What reports exits on this system: `"pidfd"` or `"sigchld"`.
pub fn engine() -> &'static str {
    if ffi::chld_engine() == ffi::CHLD_ENGINE_PIDFD { "pidfd" } else { "sigchld" }
}

/// Reaps the children of this library that have exited, and no others. Returns the number
/// of them. Only a program that drops running children and calls nothing else needs it.
pub fn reap() -> usize {
    usize::try_from(ffi::chld_reap()).unwrap_or(0)
}

/// Whether this system can start private children: see [`Command::private`].
pub fn supports_private() -> bool {
    ffi::chld_supports(ffi::CHLD_SPAWN_PRIVATE) == 0
}

/// Whether this process may ask for [`Command::kill_on_death`].
pub fn supports_kill_on_death() -> bool {
    ffi::chld_supports(ffi::CHLD_SPAWN_KILL_ON_DEATH) == 0
}

/// Makes orphaned descendants children of this process, or no longer.
pub fn set_subreaper(on: bool) -> Result<()> {
    error::check("chld_subreaper", ffi::chld_subreaper(on.into())).map(drop)
}
