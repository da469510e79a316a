//! Pipelines: what one program writes, the next one reads.

use crate::capture::{Cancel, Capture, Memory, Output, Wants};
use crate::ffi::{self, chld_stage};
use crate::start::Start;
use crate::{Child, Command, Error, ExitStatus, Result, StopPlan, Usage};
use std::borrow::Borrow;
use std::time::Duration;

/// Programs of which each reads what the one before it writes.
///
/// ```
/// # use chld::{Command, Pipeline};
/// let output = Pipeline::new()
///     .stage(Command::new("printf").arg("b\na\n"))
///     .stage(Command::new("sort"))
///     .output()?;
/// assert_eq!(output.output.stdout, b"a\nb\n");
/// assert!(output.pipefail.success());
/// # Ok::<(), chld::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Pipeline {
    stages: Vec<Command>,
    capture: Capture,
}

/// What came of a pipeline.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PipelineOutput {
    /// What was captured, and the status of the last stage.
    pub output: Output,
    /// Each stage.
    pub stages: Vec<Stage>,
    /// The status of the rightmost stage that failed, or of the last one: `pipefail`.
    pub pipefail: ExitStatus,
    /// The number of that stage, counted from 0, if it failed.
    pub failed: Option<usize>,
}

/// What came of one stage.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Stage {
    /// Its pid, for messages.
    pub pid: i32,
    /// How it exited.
    pub status: ExitStatus,
    /// What it used up.
    pub usage: Usage,
}

impl Pipeline {
    /// No stages yet.
    pub fn new() -> Pipeline {
        Pipeline::default()
    }

    /// Adds a stage. Only the first may set stdin, and only the last may set stdout. If the
    /// first begins a [process group](Command::process_group), the others join it.
    pub fn stage(&mut self, command: impl Borrow<Command>) -> &mut Pipeline {
        self.stages.push(command.borrow().clone());
        self
    }

    /// What the first stage reads on its stdin.
    pub fn input(&mut self, bytes: impl Into<Vec<u8>>) -> &mut Pipeline {
        self.capture.input = Some(bytes.into());
        self
    }

    /// The time after which all stages are stopped.
    pub fn timeout(&mut self, timeout: Duration) -> &mut Pipeline {
        self.capture.timeout = Some(timeout);
        self
    }

    /// How they are stopped then.
    pub fn stop_plan(&mut self, plan: StopPlan) -> &mut Pipeline {
        self.capture.plan = plan;
        self
    }

    /// Stops them, too, when this is cancelled.
    pub fn cancel(&mut self, cancel: &Cancel) -> &mut Pipeline {
        self.capture.cancel = Some(cancel.clone());
        self
    }

    /// All of these settings, and more, at once.
    pub fn capture(&mut self, capture: Capture) -> &mut Pipeline {
        self.capture = capture;
        self
    }

    /// Starts all stages, the first one first. If one cannot be started, none is left.
    pub fn spawn(&mut self) -> Result<Vec<Child>> {
        let mut stages = Stages::new(&self.stages)?;
        let mut error = ffi::chld_error::zeroed();
        let (raw, count) = (stages.raw.as_mut_ptr(), stages.raw.len());
        // SAFETY: `stages` owns what the pointers lead to.
        let result = unsafe { ffi::chld_pipeline(raw, count, &mut error) };
        if result < 0 {
            return Err(Error::of_start(&error));
        }
        Ok(stages.raw.iter().map(|stage| Child::owning(stage.id)).collect())
    }

    /// Runs the pipeline to its end, and returns what the last stage wrote to stdout, and
    /// what all stages wrote to stderr.
    pub fn output(&mut self) -> Result<PipelineOutput> {
        let (mut stages, mut memory) = self.prepare()?;
        let mut result = ffi::chld_pipeline_result::zeroed();
        let mut error = ffi::chld_error::zeroed();
        let (raw, count) = (stages.raw.as_mut_ptr(), stages.raw.len());
        // SAFETY: `stages` and `memory` own what the pointers lead to, and the call keeps
        // none of it.
        let failed = unsafe {
            let capture = memory.options();
            ffi::chld_run_pipeline(raw, count, &capture, &mut result, &mut error)
        };
        let output = Output::take(&mut result.capture, &memory);
        if failed < 0 {
            return Err(Error::of_start(&error));
        }
        Ok(PipelineOutput::new(&result, &stages.raw, output))
    }

    /// The stages of a capture, and its memory.
    pub(crate) fn prepare(&self) -> Result<(Stages, Memory)> {
        let mut commands = self.stages.clone();
        if let Some(first) = commands.first_mut() {
            if first.stdin.is_none() && self.capture.input.is_none() {
                first.stdin(crate::Stdio::null());
            }
        }
        let last = commands.last();
        let wants = last.map(|last| Wants::of(&last.stdout, &last.stderr)).unwrap_or_default();
        Ok((Stages::new(&commands)?, Memory::new(&self.capture, wants)))
    }
}

/// Stages as C sees them, and all that they point to.
pub(crate) struct Stages {
    pub raw: Vec<chld_stage>,
    starts: Vec<Start>,
}

impl Stages {
    /// The child of a pipeline in a set is its last stage.
    pub fn set_user(&mut self, token: usize) {
        if let Some(last) = self.starts.last_mut() {
            last.set_user(token);
        }
    }

    fn new(commands: &[Command]) -> Result<Stages> {
        let mut stages = Stages { raw: Vec::new(), starts: Vec::new() };
        for (number, command) in commands.iter().enumerate() {
            let start = Start::new(command).map_err(|error| error.in_stage(number))?;
            let mut raw = chld_stage::zeroed();
            raw.argv = start.argv();
            raw.options = start.options();
            stages.raw.push(raw);
            stages.starts.push(start);
        }
        Ok(stages)
    }
}

impl PipelineOutput {
    pub(crate) fn new(
        raw: &ffi::chld_pipeline_result,
        stages: &[chld_stage],
        output: Output,
    ) -> PipelineOutput {
        let stage = |raw: &chld_stage| Stage {
            pid: raw.pid,
            status: ExitStatus(raw.status),
            usage: raw.usage.into(),
        };
        PipelineOutput {
            output,
            stages: stages.iter().map(stage).collect(),
            pipefail: ExitStatus(raw.pipefail),
            failed: usize::try_from(raw.failed).ok().and_then(|failed| failed.checked_sub(1)),
        }
    }
}
