//! Many children, one descriptor.

use crate::capture::{Memory, Output, Wants};
use crate::child::{ChildId, in_time};
use crate::error::check;
use crate::ffi::{self, chld_event, chld_id, chld_set};
use crate::start::Start;
use crate::stop::milliseconds;
use crate::{Command, Error, ExitStatus, Pipeline, PipelineOutput, Result, StopPlan};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A set of children: the process loop of a program.
///
/// Wait for events with [`wait`](Set::wait), or give the descriptor to an event loop
/// (`AsFd`; tokio's `AsyncFd` takes it) and call [`next`](Set::next) until it returns `None`.
///
/// ```
/// # use chld::{Command, Event, Set};
/// let set = Set::new()?;
/// for name in ["one", "two"] {
///     set.run(Command::new("echo").arg(name))?;
/// }
/// while set.len() > 0 {
///     if let Some(Event::Captured { output, .. }) = set.wait(None)? {
///         print!("{}", String::from_utf8_lossy(&output.stdout));
///     }
/// }
/// # Ok::<(), chld::Error>(())
/// ```
pub struct Set {
    id: chld_set,
    /// The children that [`Set::run`] started, by their tokens. The thread that takes one out
    /// closes its handle, and may free its memory after that.
    running: Mutex<HashMap<usize, Running>>,
}

struct Running {
    /// Not there yet while the child is being started.
    id: Option<chld_id>,
    _memory: Memory,
}

/// What happened in a set.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A child has exited, and has left the set.
    Exited(ChildId, ExitStatus),
    /// A child has stopped.
    Stopped(ChildId, ExitStatus),
    /// A child was continued.
    Continued(ChildId, ExitStatus),
    /// A child of [`Set::run`] has exited, and all that it wrote is there.
    #[allow(missing_docs)]
    Captured { id: ChildId, output: Box<Output> },
    /// A pipeline of [`Set::run_pipeline`] has exited.
    #[allow(missing_docs)]
    Pipeline { id: ChildId, output: Box<PipelineOutput> },
    /// A child still runs after the last step of its stop sequence.
    Survived(ChildId),
    /// [`Waker::wake`] was called.
    Woken,
}

/// What a set reports of a child in addition to its exit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// That it has stopped.
    pub stops: bool,
    /// That it was continued.
    pub continuations: bool,
}

/// Wakes a set, from any thread and from a signal handler.
#[derive(Clone, Copy, Debug)]
pub struct Waker(chld_set);

impl Waker {
    /// One [`Event::Woken`] is reported. An error once the set is dropped.
    pub fn wake(self) -> Result<()> {
        check("chld_set_wake", ffi::chld_set_wake(self.0)).map(drop)
    }
}

impl Set {
    /// An empty set.
    pub fn new() -> Result<Set> {
        let mut id = 0;
        check("chld_set_open", ffi::chld_set_open(0, &mut id))?;
        Ok(Set { id, running: Mutex::default() })
    }

    /// Reports the exit of a child. A child that has exited is reported at once.
    pub fn add(&self, child: impl Into<ChildId>, watch: Watch) -> Result<()> {
        let mut bits = 0;
        bits |= if watch.stops { ffi::CHLD_WATCH_STOPPED } else { 0 };
        bits |= if watch.continuations { ffi::CHLD_WATCH_CONTINUED } else { 0 };
        check("chld_set_add", ffi::chld_set_add(self.id, child.into().0, bits)).map(drop)
    }

    /// Starts a program; the set captures it as [`Command::output`] does, and owns the child.
    pub fn run(&self, command: &Command) -> Result<ChildId> {
        let mut start = Start::of_capture(command)?;
        let wants = Wants::of(&command.stdout, &command.stderr);
        let memory = Memory::new(&command.capture, wants);
        start.set_user(memory.token());
        self.begin(memory, |capture, id, error| {
            // SAFETY: `start` and the memory own what the pointers lead to; the latter stays
            // until the child is out of the set.
            unsafe { ffi::chld_set_run(self.id, start.argv(), start.options(), capture, id, error) }
        })
    }

    /// Starts a pipeline; the set captures it as [`Pipeline::output`] does, and owns it.
    pub fn run_pipeline(&self, pipeline: &Pipeline) -> Result<ChildId> {
        let (mut stages, memory) = pipeline.prepare()?;
        stages.set_user(memory.token());
        let (raw, count) = (stages.raw.as_mut_ptr(), stages.raw.len());
        self.begin(memory, |capture, id, error| {
            // SAFETY: as in run(); the library copies the stages.
            unsafe { ffi::chld_set_run_pipeline(self.id, raw, count, capture, id, error) }
        })
    }

    fn begin(
        &self,
        mut memory: Memory,
        start: impl FnOnce(&ffi::chld_capture_options, &mut chld_id, &mut ffi::chld_error) -> i32,
    ) -> Result<ChildId> {
        let (mut id, mut error) = (0, ffi::chld_error::zeroed());
        let (token, options) = (memory.token(), memory.options());
        // Before the start: another thread may get the event before this one has the handle.
        self.running().insert(token, Running { id: None, _memory: memory });
        if start(&options, &mut id, &mut error) < 0 {
            self.running().remove(&token);
            return Err(Error::of_start(&error));
        }
        if let Some(running) = self.running().get_mut(&token) {
            running.id = Some(id);
        }
        Ok(ChildId(id))
    }

    /// Takes a child out of the set: nothing more is reported of it. A child that the set
    /// owns is dropped.
    pub fn remove(&self, child: impl Into<ChildId>) -> Result<()> {
        let id = child.into().0;
        let mut user = std::ptr::null_mut();
        check("chld_user", ffi::chld_user(id, &mut user))?;
        let running = self.running().remove(&user.addr());
        let result = ffi::chld_set_remove(self.id, id);
        if running.is_some() {
            ffi::chld_close(id);
        }
        drop(running); // its memory, after that
        check("chld_set_remove", result).map(drop)
    }

    /// Stops a child by a sequence of signals that begins after this time, without blocking.
    /// Adds the child if it is no member. For a captured child this replaces its timeout.
    pub fn stop(&self, child: impl Into<ChildId>, after: Duration, plan: &StopPlan) -> Result<()> {
        let (id, after) = (child.into().0, milliseconds(after));
        // SAFETY: `plan` owns the steps, which the library copies.
        let result = unsafe { ffi::chld_set_stop(self.id, id, after, &plan.raw()) };
        check("chld_set_stop", result).map(drop)
    }

    /// The number of children in the set.
    pub fn len(&self) -> usize {
        usize::try_from(ffi::chld_set_count(self.id)).unwrap_or(0)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What wakes a thread that waits.
    pub fn waker(&self) -> Waker {
        Waker(self.id)
    }

    /// The next event, if there is one now.
    pub fn next(&self) -> Result<Option<Event>> {
        loop {
            let mut raw = chld_event::zeroed();
            match check("chld_set_next", ffi::chld_set_next(self.id, &mut raw)) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                result => result?,
            };
            if let Some(event) = self.event(&raw) {
                return Ok(Some(event));
            }
        }
    }

    /// Waits for the next event, up to this time (24 days at most).
    pub fn wait(&self, timeout: Option<Duration>) -> Result<Option<Event>> {
        let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let mut raw = chld_event::zeroed();
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let result = ffi::chld_set_wait(self.id, left.map_or(-1, milliseconds), &mut raw);
            if in_time(check("chld_set_wait", result))?.is_none() {
                return Ok(None);
            }
            if let Some(event) = self.event(&raw) {
                return Ok(Some(event));
            }
        }
    }

    /// `None` for a capture that another thread has taken out meanwhile.
    fn event(&self, raw: &chld_event) -> Option<Event> {
        let (id, status) = (ChildId(raw.id), ExitStatus(raw.status));
        Some(match raw.kind {
            ffi::CHLD_EVENT_EXITED => Event::Exited(id, status),
            ffi::CHLD_EVENT_STOPPED => Event::Stopped(id, status),
            ffi::CHLD_EVENT_CONTINUED => Event::Continued(id, status),
            ffi::CHLD_EVENT_SURVIVED => Event::Survived(id),
            ffi::CHLD_EVENT_CAPTURED => return self.captured(raw),
            _ => Event::Woken,
        })
    }

    fn captured(&self, raw: &chld_event) -> Option<Event> {
        let running = self.running().remove(&raw.user.addr())?;
        let id = ChildId(raw.id);
        // SAFETY: this thread took the child out of `running`, so nobody else closes the
        // handle, and until that what the event points to is there.
        let event = unsafe {
            let output = Output::copy(&*raw.capture);
            match raw.pipeline.as_ref() {
                None => Event::Captured { id, output: Box::new(output) },
                Some(all) => {
                    let stages = std::slice::from_raw_parts(all.stages, all.count);
                    let output = PipelineOutput::new(all, stages, output);
                    Event::Pipeline { id, output: Box::new(output) }
                }
            }
        };
        ffi::chld_close(raw.id);
        drop(running); // its memory, after that
        Some(event)
    }

    fn running(&self) -> MutexGuard<'_, HashMap<usize, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        ffi::chld_set_close(self.id);
        for id in self.running().values().filter_map(|running| running.id) {
            ffi::chld_close(id);
        }
    }
}

impl AsFd for Set {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: it stays open until chld_set_close(), which needs the end of this borrow.
        unsafe { BorrowedFd::borrow_raw(ffi::chld_set_fd(self.id)) }
    }
}

impl AsRawFd for Set {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
