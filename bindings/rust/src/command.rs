//! What to start, and how.

use crate::capture::{Cancel, Capture, Memory, Output, Stream, Wants};
use crate::ffi;
use crate::lines::LineSink;
use crate::start::Start;
use crate::{Child, Error, ExitStatus, Result, Stdio, StopPlan};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::ops::ControlFlow;
use std::os::fd::{OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A program to start, in the manner of [`std::process::Command`].
///
/// ```
/// let output = chld::Command::new("sort").input("pear\nfig\n").output()?;
/// assert_eq!(output.stdout, b"fig\npear\n");
/// # Ok::<(), chld::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Command {
    pub(crate) program: OsString,
    pub(crate) arg0: Option<OsString>,
    pub(crate) args: Vec<OsString>,
    pub(crate) env_clear: bool,
    /// `None` removes the variable.
    pub(crate) env: BTreeMap<OsString, Option<OsString>>,
    pub(crate) cwd: Option<PathBuf>,
    pub(crate) stdin: Option<Stdio>,
    pub(crate) stdout: Option<Stdio>,
    pub(crate) stderr: Option<Stdio>,
    pub(crate) flags: u64,
    pub(crate) search: u32,
    pub(crate) group: Option<i32>,
    pub(crate) fds: Vec<(Arc<OwnedFd>, RawFd)>,
    pub(crate) pty_size: (u16, u16),
    pub(crate) cgroup: Option<Arc<OwnedFd>>,
    pub(crate) limits: Vec<ffi::chld_limit>,
    pub(crate) cpus: Vec<usize>,
    pub(crate) groups: Vec<u32>,
    pub(crate) gid: u32,
    pub(crate) uid: u32,
    pub(crate) umask: u32,
    pub(crate) nice: i32,
    pub(crate) death_signal: i32,
    pub(crate) signals_mode: u32,
    pub(crate) ignored: u64,
    pub(crate) mask_mode: u32,
    pub(crate) blocked: u64,
    pub(crate) reset: u64,
    pub(crate) capture: Capture,
}

/// What to start.
impl Command {
    /// A program, searched along PATH unless its name has a slash, without arguments, with
    /// the streams, environment and directory of the calling process.
    pub fn new(program: impl AsRef<OsStr>) -> Command {
        Command { program: program.as_ref().to_owned(), ..Command::default() }
    }

    /// Adds an argument.
    pub fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Command {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(&mut self, args: impl IntoIterator<Item = S>) -> &mut Command {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Its `argv[0]`, if that is not the program.
    pub fn arg0(&mut self, name: impl AsRef<OsStr>) -> &mut Command {
        self.arg0 = Some(name.as_ref().to_owned());
        self
    }

    /// Sets a variable of its environment.
    pub fn env(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Command {
        self.env.insert(name.as_ref().to_owned(), Some(value.as_ref().to_owned()));
        self
    }

    /// Sets variables of its environment.
    pub fn envs<N: AsRef<OsStr>, V: AsRef<OsStr>>(
        &mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> &mut Command {
        for (name, value) in variables {
            self.env(name, value);
        }
        self
    }

    /// Removes a variable.
    pub fn env_remove(&mut self, name: impl AsRef<OsStr>) -> &mut Command {
        self.env.insert(name.as_ref().to_owned(), None);
        self
    }

    /// Begins with an empty environment.
    pub fn env_clear(&mut self) -> &mut Command {
        self.env.clear();
        self.env_clear = true;
        self
    }

    /// Its working directory. A relative path of the program begins there.
    pub fn current_dir(&mut self, directory: impl AsRef<Path>) -> &mut Command {
        self.cwd = Some(directory.as_ref().to_owned());
        self
    }

    /// Its stdin.
    pub fn stdin(&mut self, stdio: impl Into<Stdio>) -> &mut Command {
        self.stdin = Some(stdio.into());
        self
    }

    /// Its stdout.
    pub fn stdout(&mut self, stdio: impl Into<Stdio>) -> &mut Command {
        self.stdout = Some(stdio.into());
        self
    }

    /// Its stderr.
    pub fn stderr(&mut self, stdio: impl Into<Stdio>) -> &mut Command {
        self.stderr = Some(stdio.into());
        self
    }
}

/// Settings of [`Command::output`], [`Command::status`] and [`Command::lines`].
impl Command {
    /// What the child reads on its stdin.
    pub fn input(&mut self, bytes: impl Into<Vec<u8>>) -> &mut Command {
        self.capture.input = Some(bytes.into());
        self
    }

    /// The time after which the child is stopped. What it had written is in the output.
    pub fn timeout(&mut self, timeout: Duration) -> &mut Command {
        self.capture.timeout = Some(timeout);
        self
    }

    /// How it is stopped then.
    pub fn stop_plan(&mut self, plan: StopPlan) -> &mut Command {
        self.capture.plan = plan;
        self
    }

    /// Stops it, too, when this is cancelled.
    pub fn cancel(&mut self, cancel: &Cancel) -> &mut Command {
        self.capture.cancel = Some(cancel.clone());
        self
    }

    /// All of these settings, and more, at once. Replaces those made before.
    pub fn capture(&mut self, capture: Capture) -> &mut Command {
        self.capture = capture;
        self
    }
}

/// Starting.
impl Command {
    /// Starts the program. It is running when this returns: a program that cannot be run is
    /// an error here.
    pub fn spawn(&mut self) -> Result<Child> {
        let start = Start::new(self)?;
        let (mut id, mut error) = (0, ffi::chld_error::zeroed());
        // SAFETY: `start` owns what the pointers lead to.
        let result =
            unsafe { ffi::chld_spawn(Some(&mut id), start.argv(), start.options(), &mut error) };
        if result < 0 { Err(Error::of_start(&error)) } else { Ok(Child::owning(id)) }
    }

    /// Starts the program as nobody's child: there is no handle, and nothing to wait for.
    pub fn spawn_detached(&mut self) -> Result<()> {
        let mut detached = self.clone();
        let start = Start::new(detached.flag(ffi::CHLD_SPAWN_DETACHED, true))?;
        let mut error = ffi::chld_error::zeroed();
        // SAFETY: `start` owns what the pointers lead to.
        let result = unsafe { ffi::chld_spawn(None, start.argv(), start.options(), &mut error) };
        if result < 0 { Err(Error::of_start(&error)) } else { Ok(()) }
    }

    /// Runs the program to its end, and returns what it wrote. Stdout and stderr are
    /// captured unless they were set to something else; stdin is the input, or empty.
    pub fn output(&mut self) -> Result<Output> {
        let wants = Wants::of(&self.stdout, &self.stderr);
        self.run(Memory::new(&self.capture, wants))
    }

    /// Runs the program to its end, with the streams of this process unless they were set.
    pub fn status(&mut self) -> Result<ExitStatus> {
        let mut command = self.clone();
        if command.stdin.is_none() && command.capture.input.is_none() {
            command.stdin = Some(Stdio::inherit());
        }
        let memory = Memory::new(&command.capture, Wants::default());
        command.run(memory).map(|output| output.status)
    }

    /// Runs the program, and passes each line that it writes to `line`, with its newline, in
    /// the order in which they are read. `Break` stops the child by the stop plan. The bytes
    /// are in no output.
    ///
    /// ```
    /// # use std::ops::ControlFlow;
    /// chld::Command::new("printf").arg("one\ntwo\n").lines(|_, line| {
    ///     print!("{}", String::from_utf8_lossy(line));
    ///     ControlFlow::Continue(())
    /// })?;
    /// # Ok::<(), chld::Error>(())
    /// ```
    pub fn lines(
        &mut self,
        mut line: impl FnMut(Stream, &[u8]) -> ControlFlow<()>,
    ) -> Result<Output> {
        let wants = Wants::of(&self.stdout, &self.stderr);
        let mut sink = LineSink::new(&mut line);
        let mut memory = Memory::new(&self.capture, wants);
        memory.set_lines(&mut sink, wants);
        let output = self.run(memory);
        sink.resume_panic();
        output
    }

    fn run(&self, mut memory: Memory) -> Result<Output> {
        let start = Start::of_capture(self)?;
        let mut result = ffi::chld_capture_result::zeroed();
        let mut error = ffi::chld_error::zeroed();
        // SAFETY: `start` and `memory` own what the pointers lead to, and the call keeps
        // none of it.
        let failed = unsafe {
            let capture = memory.options();
            ffi::chld_run(start.argv(), start.options(), &capture, &mut result, &mut error)
        };
        let output = Output::take(&mut result, &memory);
        if failed < 0 { Err(Error::of_start(&error)) } else { Ok(output) }
    }
}
