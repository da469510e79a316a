//! Between the C structs of a capture and its own types.

use super::act::plan_of;
use super::capture::{CHLD_CAPTURE_FDS, chld_capture_wait, chld_poll};
use super::capture_options::*;
use super::error::{self, chld_error};
use super::spawn;
use super::spawn_options::chld_spawn_options;
use super::wait::{chld_resources, resources_of};
use super::pipeline::{self, chld_pipeline_result, chld_stage};
use super::{chld_argv, growth, to_c, write_out};
use crate::capture::callback::Callback;
use crate::capture::engine::{Capture, Setup, Turn};
use crate::capture::drain::Drain;
use crate::capture::feed::Feed;
use crate::capture::lines::Lines;
use crate::capture::outlet::Outlet;
use crate::capture::sink::{Buffer, Sink};
use crate::start::failure::{Failure, OrMisuse, Reason, Step};
use crate::start::spawn as start;
use crate::status::word::Status;
use crate::sys::deadline::Deadline;
use crate::sys::heap::{self, Growing};
use crate::sys::list::List;
use crate::sys::paged::{Keeping, Paged, parcel};
use crate::sys::{Errno, Result, clock, fd};
use core::ffi::c_int;

const SIZES: [Reason; 3] = [Reason::CaptureSizeZero, Reason::CaptureSize, Reason::CaptureNewer];

/// # Safety
/// As for `setup_of`.
pub unsafe fn begin<'a>(
    handle: u64,
    options: *const chld_capture_options,
) -> Result<Capture<'a>> {
    // SAFETY: by the contract.
    Capture::begin(handle, unsafe { setup_of(options) }?)
}

/// # Safety
/// `options` must be NULL or what the header requires, and all that it points
/// to stay for `'a`, the buffers nobody else's.
#[inline(never)]
pub unsafe fn setup_of<'a>(options: *const chld_capture_options) -> Result<Setup<'a>, Failure> {
    let began = clock::now_ns();
    if options.is_null() {
        return Ok(Setup {
            feed: Feed::Nothing,
            sinks: [Sink::Nothing, Sink::Nothing],
            outlets: [None, None],
            until_eof: false,
            only_stops: false,
            timeout: Deadline::Never,
            cancel: None,
            // SAFETY: NULL.
            plan: unsafe { plan_of(core::ptr::null()) }?,
            began,
        });
    }
    // SAFETY: by the contract, all of it.
    unsafe {
        let options = growth::checked(options, SIZES)?;
        require(options.flags & !(CHLD_CAPTURE_EOF | CHLD_CAPTURE_CANCEL) == 0, Reason::CaptureFlags, 0)?;
        require(options.reserved == 0, Reason::CaptureReserved, 0)?;
        Ok(Setup {
            feed: feed_of(&options.r#in)?,
            sinks: [sink_of(&options.out, 1)?, sink_of(&options.err, 2)?],
            outlets: [outlet_of(&options.out, 1)?, outlet_of(&options.err, 2)?],
            until_eof: options.flags & CHLD_CAPTURE_EOF != 0,
            only_stops: false,
            timeout: match options.timeout_ms {
                0 => Deadline::Never,
                timeout => Deadline::after_ms(timeout)
                    .map_err(|_| Failure::misuse(Reason::CaptureTimeout, 0))?,
            },
            cancel: match options.flags & CHLD_CAPTURE_CANCEL {
                0 => None,
                _ => {
                    fd::require_open(options.cancel_fd)
                        .map_err(|errno| not_open(errno, Reason::CancelFd, 0))?;
                    Some(options.cancel_fd)
                }
            },
            plan: plan_of(options.stop)?,
            began,
        })
    }
}

/// Starts a child for a capture: its streams have the pipes that the capture needs. What
/// can be known to be wrong with the capture is found before the start.
///
/// # Safety
/// All must be NULL or what the header requires; what the capture points to stays for
/// `'a`.
pub unsafe fn start_captured<'a>(
    argv: chld_argv,
    spawn_options: *const chld_spawn_options,
    capture_options: *const chld_capture_options,
    reterr: *mut chld_error,
) -> Result<(u64, Setup<'a>), c_int> {
    // SAFETY: by the contract.
    unsafe {
        let refuse = |failure: Failure| error::failed(failure, &failure.capture_item(), reterr);
        let setup = setup_of(capture_options).map_err(refuse)?;
        let (mut request, user) = spawn::request_of(argv, spawn_options).map_err(refuse)?;
        if request.detached {
            return Err(refuse(Failure::misuse(Reason::DetachedRun, 0)));
        }
        request.add_pipes(setup.wanted());
        setup.check(request.leads_group(), request.pipes()).map_err(refuse)?;
        let started = start::spawn(&request, user);
        let handle = started.map_err(|failure| error::failed(failure, request.item(&failure), reterr))?;
        Ok((handle, setup))
    }
}

/// # Safety
/// See `setup_of`.
unsafe fn feed_of<'a>(feed: &chld_feed) -> Result<Feed<'a>, Failure> {
    require(feed.flags == 0 && feed.reserved == [0; 4], Reason::FeedReserved, 0)?;
    match feed.mode {
        CHLD_FEED_NONE => Ok(Feed::Nothing),
        CHLD_FEED_BUFFER if feed.size == 0 => Ok(Feed::Bytes(&[])),
        CHLD_FEED_BUFFER if feed.data.is_null() || feed.size > isize::MAX as usize => {
            Err(Failure::misuse(Reason::FeedData, 0))
        }
        CHLD_FEED_BUFFER => {
            // SAFETY: by the contract, and the size is one a slice can have.
            Ok(Feed::Bytes(unsafe { core::slice::from_raw_parts(feed.data.cast(), feed.size) }))
        }
        CHLD_FEED_CALLBACK => {
            let give = feed.callback.or_misuse(Reason::StreamCallback)?;
            Ok(Feed::Callback { give, argument: feed.argument })
        }
        _ => Err(Failure::misuse(Reason::FeedMode, 0)),
    }
}

/// The longest line for a size of 0.
const LINE: usize = 64 * 1024;

/// # Safety
/// See `setup_of`.
unsafe fn sink_of<'a>(sink: &chld_sink, stream: usize) -> Result<Sink<'a>, Failure> {
    require(sink.flags & !CHLD_SINK_TEE == 0, Reason::SinkFlags, stream)?;
    require(sink.reserved == [0; 5], Reason::SinkReserved, stream)?;
    let size = sink.size;
    let head = match sink.mode {
        CHLD_SINK_NONE => return Ok(Sink::Nothing),
        // It passes everything on, and keeps nothing: see `outlet_of`.
        CHLD_SINK_FD if sink.flags == 0 => return Ok(Sink::Nothing),
        CHLD_SINK_HEAD => size,
        CHLD_SINK_TAIL => 0,
        CHLD_SINK_HEAD_TAIL => size.div_ceil(2),
        CHLD_SINK_GROW => {
            let most = if size == 0 { usize::MAX } else { size };
            return Ok(Sink::Growing { bytes: Growing::new(), most });
        }
        CHLD_SINK_CALLBACK => {
            return callback_of(sink, stream).map(Sink::Callback);
        }
        CHLD_SINK_LINES if size <= isize::MAX as usize => {
            let most = if size == 0 { LINE } else { size };
            return Ok(Sink::Lines(Lines::new(callback_of(sink, stream)?, most)));
        }
        CHLD_SINK_LINES => return Err(Failure::misuse(Reason::SinkSize, stream)),
        CHLD_SINK_FD => return Err(Failure::misuse(Reason::SinkTee, stream)),
        _ => return Err(Failure::misuse(Reason::SinkMode, stream)),
    };
    require(!sink.buffer.is_null() || size == 0, Reason::SinkBuffer, stream)?;
    // SAFETY: by the contract; NULL has no size.
    let bytes = unsafe { super::buffer_of(sink.buffer, size) };
    Ok(Sink::Buffer(Buffer::new(bytes, head)))
}

fn callback_of(sink: &chld_sink, stream: usize) -> Result<Callback, Failure> {
    let take = sink.callback.ok_or_else(|| Failure::misuse(Reason::StreamCallback, stream))?;
    Ok(Callback { take, argument: sink.argument })
}

fn outlet_of(sink: &chld_sink, stream: usize) -> Result<Option<Outlet>, Failure> {
    let passes = sink.mode == CHLD_SINK_FD || sink.flags & CHLD_SINK_TEE != 0;
    let outlet = passes.then(|| Outlet::new(sink.fd)).transpose();
    outlet.map_err(|errno| not_open(errno, Reason::SinkFd, stream))
}

#[inline(never)]
fn require(is_right: bool, reason: Reason, index: usize) -> Result<(), Failure> {
    if is_right { Ok(()) } else { Err(Failure::misuse(reason, index)) }
}

/// What is wrong with a descriptor in the options.
fn not_open(errno: Errno, reason: Reason, index: usize) -> Failure {
    match errno {
        Errno::EBADF => Failure::misuse(reason, index),
        other => Failure::new(Step::Capture, index, other),
    }
}

/// Takes the result out of a capture. What grew is the caller's then.
///
/// # Safety
/// `ret` must be NULL or valid for a write.
#[inline(never)]
pub unsafe fn finish(capture: &mut Capture, ret: *mut chld_capture_result) {
    if ret.is_null() {
        return;
    }
    let result = result_of(capture);
    // SAFETY: by this function's contract.
    unsafe { write_out(ret, result) };
}

pub fn result_of(capture: &mut Capture) -> chld_capture_result {
    let held = [capture.is_held(0), capture.is_held(1)];
    let (step, signal) = capture.sequence.reached();
    let (status, elapsed_ns) = (to_c(capture.status()), capture.elapsed());
    let pid = capture.child().pid();
    let usage = resources_of(capture.child().usage().unwrap_or_default());
    let [out, err] = &mut capture.drains;
    chld_capture_result {
        status,
        out: captured(out, held[0]),
        err: captured(err, held[1]),
        fed: capture.feeder.fed,
        feed_error: capture.feeder.error.map_or(0, |errno| errno.0),
        timed_out: capture.timed_out as i32,
        cancelled: capture.cancelled as i32,
        step: step as i32,
        signal,
        pid,
        elapsed_ns,
        usage,
        reserved: [0; 4],
    }
}

/// The result of a capture in a set, which belongs to the handle of the child.
pub struct Kept {
    result: chld_pipeline_result,
    /// The stages of the pipeline that it was; none if it was none.
    stages: List<chld_stage>,
    /// The buffers in it that came from the heap.
    grown: [bool; 2],
}

// What it points to is not touched, except to free what is its own.
parcel!(Kept, 4);

impl Kept {
    /// Room for a result. `stages`: those of a pipeline.
    pub fn room(stages: &[chld_stage]) -> Result<Keeping> {
        let mut copies = List::new();
        for stage in stages {
            copies.push(*stage)?;
        }
        let result = pipeline::nothing_of_all();
        Paged::new(Kept { result, stages: copies, grown: [false; 2] }).map(Keeping::new)
    }

    pub fn fill(&mut self, capture: &mut Capture) {
        let drains = capture.drains.each_ref();
        self.grown = drains.map(|drain| matches!(drain.keeper.sink, Sink::Growing { .. }));
        self.result.capture = result_of(capture);
        if self.is_pipeline() {
            pipeline::report_captured(self.stages.values_mut(), capture, &mut self.result);
        }
    }

    pub fn result(&self) -> *const chld_capture_result {
        &raw const self.result.capture
    }

    /// NULL if it was no pipeline.
    pub fn pipeline_result(&self) -> *const chld_pipeline_result {
        if self.is_pipeline() { &raw const self.result } else { core::ptr::null() }
    }

    fn is_pipeline(&self) -> bool {
        self.stages.len() > 0
    }

    /// What grew is the caller's then.
    pub fn give_away(&mut self) -> chld_capture_result {
        self.grown = [false; 2];
        self.result.capture
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let result = &self.result.capture;
        for (stream, grown) in [&result.out, &result.err].into_iter().zip(self.grown) {
            if grown {
                // SAFETY: released by a growing buffer, and not given away.
                unsafe { heap::free(stream.data.cast()) };
            }
        }
    }
}

fn captured(drain: &mut Drain, held: bool) -> chld_stream_result {
    let keeper = &mut drain.keeper;
    let (data, from_head) = match &mut keeper.sink {
        Sink::Buffer(buffer) => {
            buffer.unroll();
            (buffer.first(), Some(buffer.head_bytes() as u64))
        }
        Sink::Growing { bytes, .. } => (bytes.release(), None),
        _ => (core::ptr::null_mut(), None),
    };
    let is_short = |wants: bool, count: u64| wants && count < drain.total;
    let truncated = is_short(keeper.wants(), keeper.kept) || is_short(drain.passes, drain.passed);
    // A sink that only passes everything on keeps what it has passed on.
    let (kept, error) = match drain.passes && !keeper.wants() {
        true => (drain.passed, keeper.error.or(drain.pass_error)),
        false => (keeper.kept, keeper.error),
    };
    let number = |errno: Option<Errno>| errno.map_or(0, |errno| errno.0);
    chld_stream_result {
        total: drain.total,
        kept,
        from_head: from_head.unwrap_or(kept),
        passed: drain.passed,
        data: data.cast(),
        truncated: truncated as i32,
        held: held as i32,
        error: number(error),
        stopped: keeper.stopped,
        pass_error: number(drain.pass_error),
        reserved: [0; 5],
    }
}

/// The result for a child that was not captured.
pub fn nothing() -> chld_capture_result {
    const NOTHING: chld_stream_result = chld_stream_result {
        total: 0,
        kept: 0,
        from_head: 0,
        data: core::ptr::null_mut(),
        truncated: 0,
        held: 0,
        error: 0,
        stopped: 0,
        passed: 0,
        pass_error: 0,
        reserved: [0; 5],
    };
    const UNUSED: chld_resources = resources_of([0; 9]);
    chld_capture_result {
        status: to_c(Status::RUNNING),
        out: NOTHING,
        err: NOTHING,
        fed: 0,
        feed_error: 0,
        timed_out: 0,
        cancelled: 0,
        step: 0,
        signal: 0,
        pid: 0,
        elapsed_ns: 0,
        usage: UNUSED,
        reserved: [0; 4],
    }
}

/// What to wait for after a turn that has come to `turn`.
pub fn wait_of(capture: &Capture, turn: Turn) -> chld_capture_wait {
    let mut fds = [chld_poll { fd: -1, events: 0, revents: 0 }; CHLD_CAPTURE_FDS];
    let mut count = 0u32;
    for one in capture.polled().iter().filter(|one| one.fd >= 0) {
        // Both streams may go to one descriptor, which a loop may have once only.
        let known = |place: &&mut chld_poll| place.fd == one.fd || place.fd < 0;
        let Some(place) = fds.iter_mut().find(known) else { continue };
        count = count.wrapping_add((place.fd < 0) as u32);
        *place = chld_poll { fd: one.fd, events: place.events | one.events, revents: 0 };
    }
    // An edge-triggered loop goes on with what is left only if it is called.
    let timeout_ms = if turn == Turn::Busy { 0 } else { capture.until().left_ms() };
    chld_capture_wait { fds, count, timeout_ms, reserved: [0; 2] }
}
