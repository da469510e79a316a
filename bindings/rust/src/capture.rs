//! Feeding a child and reading what it writes.

use crate::ffi::{self, chld_capture_options, chld_sink};
use crate::lines::LineSink;
use crate::stop::milliseconds;
use crate::{ExitStatus, Signal, Stdio, StopPlan, Usage};
use std::ffi::c_void;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;
use std::{io, slice};

/// How much of a stream is kept. All of it is read in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Everything.
    #[default]
    All,
    /// This many bytes from its start.
    Head(usize),
    /// This many bytes from its end.
    Tail(usize),
    /// Half of this from its start, and half from its end.
    HeadTail(usize),
    /// Nothing.
    Nothing,
}

/// How to feed a child, how to read what it writes, and when to stop it.
#[derive(Clone, Debug, Default)]
pub struct Capture {
    pub(crate) input: Option<Vec<u8>>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) plan: StopPlan,
    pub(crate) cancel: Option<Cancel>,
    keep: [Keep; 2],
    tee: [Option<Arc<OwnedFd>>; 2],
    to_the_end: bool,
    line_limit: usize,
}

impl Capture {
    /// No input, everything is kept, no timeout.
    pub fn new() -> Capture {
        Capture::default()
    }

    /// What the child reads on its stdin.
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Capture {
        self.input = Some(bytes.into());
        self
    }

    /// The time after which the child is stopped.
    pub fn timeout(mut self, timeout: Duration) -> Capture {
        self.timeout = Some(timeout);
        self
    }

    /// How it is stopped then.
    pub fn stop_plan(mut self, plan: StopPlan) -> Capture {
        self.plan = plan;
        self
    }

    /// Stops it, too, when this is cancelled.
    pub fn cancel(mut self, cancel: &Cancel) -> Capture {
        self.cancel = Some(cancel.clone());
        self
    }

    /// How much of stdout is kept.
    pub fn keep_stdout(mut self, keep: Keep) -> Capture {
        self.keep[0] = keep;
        self
    }

    /// How much of stderr is kept.
    pub fn keep_stderr(mut self, keep: Keep) -> Capture {
        self.keep[1] = keep;
        self
    }

    /// Also passes stdout on to this descriptor.
    pub fn tee_stdout(mut self, to: impl Into<OwnedFd>) -> Capture {
        self.tee[0] = Some(Arc::new(to.into()));
        self
    }

    /// Also passes stderr on to this descriptor.
    pub fn tee_stderr(mut self, to: impl Into<OwnedFd>) -> Capture {
        self.tee[1] = Some(Arc::new(to.into()));
        self
    }

    /// Also reads what descendants write after the child has exited.
    pub fn to_the_end(mut self) -> Capture {
        self.to_the_end = true;
        self
    }

    /// The length above which a line comes in pieces, instead of 64 KiB.
    pub fn line_limit(mut self, bytes: usize) -> Capture {
        self.line_limit = bytes;
        self
    }
}

/// Cancels captures, from any thread and from a signal handler: the child is stopped by the
/// stop plan, and `cancelled` is set in the output. Clones are one.
#[derive(Clone, Debug)]
pub struct Cancel(Arc<(UnixStream, UnixStream)>);

impl Cancel {
    /// Not cancelled. Has two descriptors until the last clone is dropped.
    pub fn new() -> io::Result<Cancel> {
        UnixStream::pair().map(|pair| Cancel(Arc::new(pair)))
    }

    /// Cancels, once and for all. Async-signal-safe.
    pub fn cancel(&self) {
        // The other end becomes readable, as it is at its end. It fails only if that was so.
        let _ = self.0.0.shutdown(std::net::Shutdown::Write);
    }
}

/// One of the two streams that a child writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Its stdout.
    Stdout,
    /// Its stderr.
    Stderr,
}

/// What came of a child: see [`Command::output`](crate::Command::output).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Output {
    /// How it exited.
    pub status: ExitStatus,
    /// What it wrote to stdout.
    pub stdout: Vec<u8>,
    /// What it wrote to stderr.
    pub stderr: Vec<u8>,
    /// More about stdout.
    pub stdout_info: StreamInfo,
    /// More about stderr.
    pub stderr_info: StreamInfo,
    /// Whether the timeout was reached.
    pub timed_out: bool,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// The last signal of the stop plan, if one was sent.
    pub stopped_by: Option<Signal>,
    /// How many bytes of the input the pipe took.
    pub fed: u64,
    /// Why it took no more; `EPIPE` if nobody read it.
    pub feed_error: Option<i32>,
    /// Its pid, for messages.
    pub pid: i32,
    /// How long it took.
    pub elapsed: Duration,
    /// What it used up.
    pub usage: Usage,
}

/// What came on a stream, apart from the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamInfo {
    /// How many bytes came.
    pub total: u64,
    /// How many of the kept bytes are from its start.
    pub from_head: u64,
    /// Whether bytes are missing in what was kept or passed on.
    pub truncated: bool,
    /// Whether another process still has it open.
    pub held: bool,
    /// Why nothing more was kept or passed on, as an errno.
    pub error: Option<i32>,
}

impl Output {
    /// Copies a result, and frees the memory that the library gave for it.
    pub(crate) fn take(raw: &mut ffi::chld_capture_result, memory: &Memory) -> Output {
        let [stdout, stderr] = [&mut raw.out, &mut raw.err].map(|stream| {
            // SAFETY: the buffers of `memory` are those that the capture filled.
            let bytes = unsafe { copy(stream) };
            let borrowed =
                memory.buffers.iter().any(|buffer| buffer.as_ptr() == stream.data.cast());
            if !borrowed {
                // SAFETY: it is memory from the library, and nothing points to it any more.
                unsafe { ffi::chld_buffer_free(stream.data) };
            }
            stream.data = std::ptr::null_mut();
            bytes
        });
        Output::new(raw, stdout, stderr)
    }

    /// Copies a result that stays the library's.
    ///
    /// # Safety
    /// Its buffers must be there.
    pub(crate) unsafe fn copy(raw: &ffi::chld_capture_result) -> Output {
        // SAFETY: the caller's promise.
        let (stdout, stderr) = unsafe { (copy(&raw.out), copy(&raw.err)) };
        Output::new(raw, stdout, stderr)
    }

    fn new(raw: &ffi::chld_capture_result, stdout: Vec<u8>, stderr: Vec<u8>) -> Output {
        Output {
            status: ExitStatus(raw.status),
            stdout,
            stderr,
            stdout_info: StreamInfo::of(&raw.out),
            stderr_info: StreamInfo::of(&raw.err),
            timed_out: raw.timed_out != 0,
            cancelled: raw.cancelled != 0,
            stopped_by: (raw.signal != 0).then_some(Signal(raw.signal)),
            fed: raw.fed,
            feed_error: (raw.feed_error != 0).then_some(raw.feed_error),
            pid: raw.pid,
            elapsed: Duration::from_nanos(raw.elapsed_ns),
            usage: raw.usage.into(),
        }
    }
}

impl StreamInfo {
    fn of(raw: &ffi::chld_stream_result) -> StreamInfo {
        let error = [raw.error, raw.pass_error].into_iter().find(|&error| error != 0);
        StreamInfo {
            total: raw.total,
            from_head: raw.from_head,
            truncated: raw.truncated != 0,
            held: raw.held != 0,
            error,
        }
    }
}

/// # Safety
/// `data` must be NULL or lead to `kept` bytes.
unsafe fn copy(stream: &ffi::chld_stream_result) -> Vec<u8> {
    if stream.data.is_null() {
        return Vec::new();
    }
    // SAFETY: the caller's promise.
    unsafe { slice::from_raw_parts(stream.data.cast::<u8>(), stream.kept as usize) }.to_vec()
}

/// Which streams are captured.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wants([bool; 2]);

impl Wants {
    pub fn of(stdout: &Option<Stdio>, stderr: &Option<Stdio>) -> Wants {
        Wants([Stdio::captured(stdout), Stdio::captured(stderr)])
    }

    pub fn these(stdout: bool, stderr: bool) -> Wants {
        Wants([stdout, stderr])
    }
}

/// All that the options of a capture point to. It must last as long as the capture.
pub(crate) struct Memory {
    capture: Capture,
    /// One, in memory that does not move.
    plan: Vec<ffi::chld_stop_plan>,
    sinks: [chld_sink; 2],
    buffers: Vec<Vec<u8>>,
}

// SAFETY: its pointers lead to memory of its own, which does not move; those to a LineSink
// are only in a Memory that does not leave Command::lines().
unsafe impl Send for Memory {}

impl Memory {
    pub fn new(capture: &Capture, wants: Wants) -> Memory {
        let capture = capture.clone();
        let mut memory = Memory {
            plan: vec![capture.plan.raw()],
            sinks: [chld_sink::zeroed(); 2],
            buffers: Vec::new(),
            capture,
        };
        for stream in 0..2 {
            if wants.0[stream] {
                memory.set_sink(stream);
            }
        }
        memory
    }

    fn set_sink(&mut self, stream: usize) {
        let (mode, size) = match self.capture.keep[stream] {
            Keep::All => (ffi::CHLD_SINK_GROW, 0),
            Keep::Head(size) => (ffi::CHLD_SINK_HEAD, size),
            Keep::Tail(size) => (ffi::CHLD_SINK_TAIL, size),
            Keep::HeadTail(size) => (ffi::CHLD_SINK_HEAD_TAIL, size),
            Keep::Nothing => (ffi::CHLD_SINK_TAIL, 0),
        };
        let sink = &mut self.sinks[stream];
        (sink.mode, sink.size) = (mode, size);
        if mode != ffi::CHLD_SINK_GROW {
            let mut buffer = vec![0_u8; size];
            sink.buffer = buffer.as_mut_ptr().cast();
            self.buffers.push(buffer);
        }
        if let Some(fd) = &self.capture.tee[stream] {
            sink.flags = ffi::CHLD_SINK_TEE;
            sink.fd = fd.as_raw_fd();
        }
    }

    /// Gives the lines of the streams to `sink`, which must outlive the capture.
    pub fn set_lines(&mut self, sink: &mut LineSink<'_>, wants: Wants) {
        let callbacks: [ffi::sink_callback; 2] = [LineSink::take_stdout, LineSink::take_stderr];
        let argument = std::ptr::from_mut(sink).cast::<c_void>();
        for (stream, callback) in callbacks.into_iter().enumerate() {
            if wants.0[stream] {
                let raw = &mut self.sinks[stream];
                (raw.mode, raw.size) = (ffi::CHLD_SINK_LINES, self.capture.line_limit);
                raw.buffer = std::ptr::null_mut();
                (raw.callback, raw.argument) = (Some(callback), argument);
            }
        }
    }

    /// A number that no other memory has meanwhile: the `user` pointer of a captured child.
    pub fn token(&self) -> usize {
        self.plan.as_ptr().addr()
    }

    /// The options. They point into memory of `self` that does not move.
    pub fn options(&mut self) -> chld_capture_options {
        let mut raw = chld_capture_options::zeroed();
        raw.size = size_of::<chld_capture_options>();
        // To the library 0 is no timeout.
        raw.timeout_ms = self.capture.timeout.map_or(-1, |time| milliseconds(time).max(1));
        raw.stop = self.plan.as_ptr();
        [raw.out, raw.err] = self.sinks;
        if let Some(input) = &self.capture.input {
            raw.r#in.mode = ffi::CHLD_FEED_BUFFER;
            (raw.r#in.data, raw.r#in.size) = (input.as_ptr().cast(), input.len());
        }
        if let Some(cancel) = &self.capture.cancel {
            raw.flags |= ffi::CHLD_CAPTURE_CANCEL;
            raw.cancel_fd = cancel.0.1.as_raw_fd();
        }
        if self.capture.to_the_end {
            raw.flags |= ffi::CHLD_CAPTURE_EOF;
        }
        raw
    }
}
