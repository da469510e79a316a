//! Between the C structs of a capture and its own types.

use super::act::plan_of;
use super::capture::*;
use super::{growth, to_c, write_out};
use crate::capture::{Capture, Setup};
use crate::deadline::Deadline;
use crate::drain::Drain;
use crate::feed::Feed;
use crate::sink::{Buffer, Descriptor, Sink};
use crate::status::Status;
use crate::sys::heap::Growing;
use crate::sys::{Errno, Result, fd};

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
/// `options` must be NULL or what the header says it is, and all that it points
/// to stay for `'a`, the buffers nobody else's.
#[inline(never)]
pub unsafe fn setup_of<'a>(options: *const chld_capture_options) -> Result<Setup<'a>> {
    if options.is_null() {
        return Ok(Setup {
            feed: Feed::Nothing,
            sinks: [Sink::Nothing, Sink::Nothing],
            until_eof: false,
            limit: Deadline::Never,
            // SAFETY: NULL.
            plan: unsafe { plan_of(core::ptr::null()) }?,
        });
    }
    // SAFETY: by the contract, all of it.
    unsafe {
        let options = growth::copy(options)?;
        if options.flags & !CHLD_CAPTURE_EOF != 0 {
            return Err(Errno::EINVAL);
        }
        Ok(Setup {
            feed: feed_of(&options.r#in)?,
            sinks: [sink_of(&options.out)?, sink_of(&options.err)?],
            until_eof: options.flags & CHLD_CAPTURE_EOF != 0,
            limit: match options.timeout_ms {
                0 => Deadline::Never,
                limit => Deadline::after_ms(limit)?,
            },
            plan: plan_of(options.stop)?,
        })
    }
}

/// # Safety
/// See `setup_of`.
unsafe fn feed_of<'a>(feed: &chld_feed) -> Result<Feed<'a>> {
    match feed.mode {
        _ if feed.reserved != 0 => Err(Errno::EINVAL),
        CHLD_FEED_NONE => Ok(Feed::Nothing),
        CHLD_FEED_BUFFER if feed.size == 0 => Ok(Feed::Bytes(&[])),
        CHLD_FEED_BUFFER if feed.data.is_null() || feed.size > isize::MAX as usize => {
            Err(Errno::EINVAL)
        }
        CHLD_FEED_BUFFER => {
            // SAFETY: by the contract, and the size is one a slice can have.
            Ok(Feed::Bytes(unsafe { core::slice::from_raw_parts(feed.data.cast(), feed.size) }))
        }
        CHLD_FEED_CALLBACK => {
            let give = feed.callback.ok_or(Errno::EINVAL)?;
            Ok(Feed::Callback { give, argument: feed.argument })
        }
        _ => Err(Errno::EINVAL),
    }
}

/// # Safety
/// See `setup_of`.
unsafe fn sink_of<'a>(sink: &chld_sink) -> Result<Sink<'a>> {
    let size = sink.size;
    let head = match sink.mode {
        CHLD_SINK_NONE => return Ok(Sink::Nothing),
        CHLD_SINK_HEAD => size,
        CHLD_SINK_TAIL => 0,
        CHLD_SINK_HEAD_TAIL => size.div_ceil(2),
        CHLD_SINK_GROW => {
            let most = if size == 0 { usize::MAX } else { size };
            return Ok(Sink::Growing { bytes: Growing::new(), most });
        }
        CHLD_SINK_CALLBACK => {
            let take = sink.callback.ok_or(Errno::EINVAL)?;
            return Ok(Sink::Callback { take, argument: sink.argument });
        }
        CHLD_SINK_FD => {
            fd::require_open(sink.fd)?;
            return Descriptor::new(sink.fd).map(Sink::Fd);
        }
        _ => return Err(Errno::EINVAL),
    };
    if sink.buffer.is_null() && size > 0 {
        return Err(Errno::EINVAL);
    }
    // SAFETY: by the contract; NULL has no size.
    let bytes = unsafe { super::buffer_of(sink.buffer, size) };
    Ok(Sink::Buffer(Buffer::new(bytes, head)))
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
    let held = [capture.is_held(0), capture.is_held(1)];
    let status = to_c(capture.status());
    let (step, signal) = capture.sequence.reached();
    let [out, err] = &mut capture.drains;
    let result = chld_capture_result {
        status,
        out: captured(out, held[0]),
        err: captured(err, held[1]),
        fed: capture.feeder.fed,
        feed_error: capture.feeder.error.map_or(0, |errno| errno.0),
        timed_out: capture.timed_out as i32,
        step: step as i32,
        signal,
    };
    // SAFETY: by this function's contract.
    unsafe { write_out(ret, result) };
}

fn captured(drain: &mut Drain, held: bool) -> chld_stream_result {
    let keeps = drain.keeps;
    let (data, from_head) = match &mut drain.sink {
        Sink::Buffer(buffer) => {
            buffer.unroll();
            (buffer.first(), buffer.head_bytes() as u64)
        }
        Sink::Growing { bytes, .. } => (bytes.release(), drain.kept),
        _ => (core::ptr::null_mut(), drain.kept),
    };
    chld_stream_result {
        total: drain.total,
        kept: drain.kept,
        from_head,
        data: data.cast(),
        truncated: (keeps && drain.kept < drain.total) as i32,
        held: held as i32,
        error: drain.error.map_or(0, |errno| errno.0),
        stopped: drain.stopped,
    }
}

/// What there is to tell of a child that was not captured.
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
    };
    chld_capture_result {
        status: to_c(Status::RUNNING),
        out: NOTHING,
        err: NOTHING,
        fed: 0,
        feed_error: 0,
        timed_out: 0,
        step: 0,
        signal: 0,
    }
}

pub fn wait_of(capture: &Capture) -> chld_capture_wait {
    let mut fds = [chld_poll { fd: -1, events: 0, revents: 0 }; CHLD_CAPTURE_FDS];
    let mut count = 0u32;
    for one in capture.polled().iter().filter(|one| one.fd >= 0) {
        // Both streams may go to one descriptor, which a loop may have once only.
        let known = |place: &&mut chld_poll| place.fd == one.fd || place.fd < 0;
        let Some(place) = fds.iter_mut().find(known) else { continue };
        count = count.wrapping_add((place.fd < 0) as u32);
        *place = chld_poll { fd: one.fd, events: place.events | one.events, revents: 0 };
    }
    // Up to the next millisecond: a wait that ends too early would spin.
    let left = capture.sequence.until().left_ns().map(|ns| ns.div_ceil(1_000_000));
    let timeout_ms = left.map_or(-1, |ms| i32::try_from(ms).unwrap_or(i32::MAX));
    chld_capture_wait { fds, count, timeout_ms }
}
