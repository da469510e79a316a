use super::capture_options::{chld_capture_options, chld_capture_result};
use super::capture_setup::{begin, finish, nothing, start_captured, wait_of};
use super::error::{self, chld_error};
use super::spawn::chld_id;
use super::spawn_options::chld_spawn_options;
use super::{chld_argv, quietly, to_c, valid, write_out};
use crate::capture::engine::{Capture, Hint, Setup, Turn};
use crate::capture::stepwise;
use crate::start::failure::{Failure, Step};
use crate::stop::sequence;
use crate::sys::host::Undisturbed;
use crate::sys::{Errno, Result, heap};
use crate::wait::ask;
use core::ffi::{c_char, c_int};

/// Feeds a child, reads what it writes to stdout and stderr, and waits for its exit, all
/// at once, within one timeout.
///
/// `id`: a child with a pipe (CHLD_STDIO_PIPE) or a pseudo-terminal for each stream that
/// the options feed or read.
/// `options`: NULL for the defaults: an empty input, nothing kept, no timeout.
/// `ret`: how the child exited and what it wrote; may be NULL. Written on success, and on
/// failure if the capture has begun, as with -ETIMEDOUT.
///
/// The call returns when the child has exited and everything that it wrote is read. A
/// descendant that still has the pipe open does not prolong that (`held` is 1), except
/// with CHLD_CAPTURE_EOF.
///
/// When the timeout is over, the child is stopped by the stop plan while reading goes on.
/// That is not a failure: the call returns 0, and `timed_out` is 1.
///
/// If nobody reads the input any more, `feed_error` is EPIPE. There is no SIGPIPE,
/// neither for the input nor for a descriptor in a sink.
///
/// The child's stdin is closed after the input. The pipes of stdout and stderr stay open,
/// in the mode and size that they had. While much passes through a pipe, the library
/// enlarges it to 256 KiB if it may, at most 16 pipes of a process at a time.
///
/// A terminal has no end of input: let the input end with a newline and ^D (4). If stdin
/// is the only stream on the terminal, the end of the input hangs the terminal up.
///
/// Returns 0, or
/// -ETIMEDOUT: the child has not exited after the last step of the plan.
/// -EPERM: the last signal of the plan could not be sent. Other errors of sending are
///   possible.
/// -ENOENT: a stream that the options feed or read has no pipe.
/// -EBUSY: the child is being captured already.
/// -EINVAL: a member of `options` is wrong: `size`, unknown `flags`, a `reserved` that is
///   not 0, `timeout_ms` below -1. Or one of `in`, `out` or `err`: an unknown `mode` or
///   `flags`, a `reserved` that is not 0, `data`, `buffer` or `callback` is NULL, `size`
///   is too large, CHLD_SINK_FD with CHLD_SINK_TEE. Or one of `stop`: see chld_stop().
///   chld_run() names the member.
/// -E2BIG: `options` or `stop` has a member of a later version.
/// -EBADF: `id` is not a valid handle, or a `fd` or `cancel_fd` in the options is not
///   open.
/// -EAGAIN: no place for another capture left.
/// -ENOMEM: no memory left.
/// -EMFILE, -ENFILE: no descriptor left for the self-pipe. Only without pidfds.
///
/// Thread-safe, but no other code may use the pipes meanwhile. Another thread may call
/// chld_stop() or chld_kill(). Not async-signal-safe. Blocks, no longer than the timeout,
/// the waits of the plan and the callbacks; a descriptor in a sink that is in blocking
/// mode and neither file nor pipe (a terminal stopped by ^S) may hold it longer. Not a
/// cancellation point. Stack: 10 KB, and what the callbacks need.
/// Ownership: a growing buffer is yours, for chld_buffer_free(); without `ret` it is
/// freed. The library keeps nothing of `options`.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_capture(
    id: chld_id,
    options: *const chld_capture_options,
    ret: *mut chld_capture_result,
) -> c_int {
    quietly(|| {
        // SAFETY: all is what the header requires, for the length of this call.
        unsafe {
            let mut capture = begin(valid(id)?, options)?;
            let result = capture.run();
            finish(&mut capture, ret);
            result.map(|()| 0)
        }
    })
}

/// Starts a child, captures it and closes it: chld_spawn(), chld_capture() and
/// chld_close() in one call.
///
/// `argv`, `spawn_options`: as for chld_spawn(). A stream that is fed or read gets a pipe
/// if `spawn_options` leave it at CHLD_STDIO_INHERIT.
/// `capture_options`: as for chld_capture().
/// `ret`: as for chld_capture(), but always written. If nothing was captured, all members
/// are 0, with CHLD_STATE_RUNNING.
/// `reterr`: as for chld_spawn(), and written whenever this call fails. The step is
/// CHLD_STEP_CAPTURE if the start did not fail. Then `item` is the stream or the part of
/// the options that is wrong, if it is one.
///
/// Errors in the capture options (-EINVAL, -ENOENT, -EBADF) are found before the start.
/// If the capture fails after the start, the child gets SIGKILL, as do its group or its
/// tree if the stop plan is for those, and the call waits up to two seconds for its exit.
/// A child that the stop plan did not stop is left to the library, as chld_close() leaves
/// it.
///
/// Returns 0 when the child has exited, whatever its status, or
/// -EINVAL: CHLD_SPAWN_DETACHED is set ("options").
/// The errors of chld_spawn(), if the child could not be started.
/// The errors of chld_capture() ("capture").
///
/// Thread-safe, as chld_spawn() is. Not async-signal-safe. Blocks, as chld_spawn() and
/// chld_capture() do. Not a cancellation point. Stack: 16 KB, and what the callbacks
/// need.
/// Ownership: a growing buffer is yours, for chld_buffer_free(); without `ret` it is
/// freed. There is no handle to close. Descriptors in `spawn_options` stay yours, as with
/// chld_spawn().
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_run(
    argv: chld_argv,
    spawn_options: *const chld_spawn_options,
    capture_options: *const chld_capture_options,
    ret: *mut chld_capture_result,
    reterr: *mut chld_error,
) -> c_int {
    let _host = Undisturbed::enter();
    // SAFETY: all is what the header requires, for the length of this call.
    unsafe {
        write_out(ret, nothing());
        let (handle, setup) =
            match start_captured(argv, spawn_options, capture_options, reterr) {
                Ok(started) => started,
                Err(code) => return code,
            };
        let result = capture_own(handle, setup, ret);
        let _ = ask::close(handle);
        match result {
            Ok(()) => 0,
            Err(errno) => error::failed(Failure::new(Step::Capture, 0, errno), b"", reterr),
        }
    }
}

/// For a child whose handle nobody else has: it must not go on running, unless the
/// stop plan is to blame.
///
/// # Safety
/// `ret` must be NULL or valid for a write.
#[inline(never)] // what it needs of the stack, the start does not
unsafe fn capture_own(handle: u64, setup: Setup, ret: *mut chld_capture_result) -> Result<()> {
    let target = setup.plan.target;
    let mut has_given_up = false;
    let result = Capture::begin(handle, setup).and_then(|mut capture| {
        let result = capture.run();
        has_given_up = capture.outcome().is_err();
        // SAFETY: by the contract.
        unsafe { finish(&mut capture, ret) };
        result
    });
    if result.is_err() && !has_given_up {
        let killed = sequence::kill(handle, target);
        // SAFETY: by the contract; it was written.
        if let (Ok(status), Some(ret)) = (killed, unsafe { ret.as_mut() }) {
            ret.status = to_c(status);
        }
    }
    result
}

/// The handle of a capture that the caller's event loop drives: a number. It is -EBADF
/// once it is closed.
pub type chld_capture_id = u64;

/// The most descriptors that one capture waits for.
pub const CHLD_CAPTURE_FDS: usize = 8;

/// One descriptor to wait for, as struct pollfd, member by member.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct chld_poll {
    /// The descriptor.
    pub fd: i32,
    /// POLLIN or POLLOUT.
    pub events: i16,
    /// Always 0.
    pub revents: i16,
}

/// What a capture waits for: descriptors, or a time.
#[repr(C)]
pub struct chld_capture_wait {
    /// The descriptors, any of them, in the first `count` places, each once. Descriptors
    /// in sinks and `cancel_fd` may be among them.
    pub fds: [chld_poll; CHLD_CAPTURE_FDS],
    /// The number of descriptors.
    pub count: u32,
    /// The time in milliseconds, as for poll(). -1: no timeout. 0: more can be done at
    /// once.
    pub timeout_ms: i32,
    /// Always 0.
    pub reserved: [u32; 2],
}

/// Begins what chld_capture() does, without blocking.
///
/// `id`: the child.
/// `options`: as for chld_capture().
/// `ret`: where the handle of the capture goes. Must not be NULL.
///
/// Returns 0, or
/// -EINVAL: `ret` is NULL.
/// The errors of chld_capture().
///
/// Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
/// Stack: 10 KB.
/// Ownership: the handle is yours until chld_capture_close(), and so is the child, which
/// that leaves as it is. `options` and its stop plan are copied. The buffers, the input
/// and the arguments of callbacks must stay valid until chld_capture_close().
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_capture_open(
    id: chld_id,
    options: *const chld_capture_options,
    ret: *mut chld_capture_id,
) -> c_int {
    quietly(|| {
        if ret.is_null() {
            return Err(Errno::EINVAL);
        }
        // SAFETY: what the header requires, until the capture is closed.
        unsafe {
            let handle = stepwise::open(begin(valid(id)?, options)?)?;
            write_out(ret, handle);
        }
        Ok(0)
    })
}

/// Does what can be done now for a capture, without blocking, and no more than a bounded
/// number of reads and writes.
///
/// `capture`: the capture.
/// `ret`: what to wait for before the next call; may be NULL. It differs from call to
/// call. Written when the call returns 0.
///
/// Call it once at first, and then whenever one of the descriptors is ready or the time
/// is over. A call without need does no harm. Without pidfds one of the descriptors is
/// poked by SIGCHLD, which one thread must have unblocked.
///
/// Returns 1 when the capture is complete, 0 when there is more to do, or
/// -ETIMEDOUT: the child has not exited after the last step of the plan.
/// -EBUSY: another call is at work on this capture.
/// -EBADF: `capture` is not a valid handle.
/// The errors of chld_capture(), for a capture that has begun.
///
/// Thread-safe. Not async-signal-safe. Never blocks, except in callbacks, and as
/// chld_kill_tree() does if the plan is for a tree. Not a cancellation point.
/// Stack: 6 KB, and what the callbacks need.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_capture_step(
    capture: chld_capture_id,
    ret: *mut chld_capture_wait,
) -> c_int {
    quietly(|| {
        stepwise::with(valid(capture)?, |capture| {
            let turn = capture.turn(Hint::ALL)?;
            if turn == Turn::Complete {
                return capture.outcome().map(|()| 1);
            }
            // SAFETY: NULL or valid, by the header.
            unsafe { write_out(ret, wait_of(capture, turn)) };
            Ok(0)
        })
    })
}

/// Ends a capture, complete or not, and returns its result.
///
/// `capture`: the capture.
/// `ret`: as for chld_capture(). NULL frees growing buffers.
///
/// The child is left as it is.
///
/// Returns 0, or
/// -EBUSY: another call is at work on this capture.
/// -EBADF: `capture` is not a valid handle.
///
/// Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
/// Stack: 3 KB.
/// Ownership: a growing buffer is yours, for chld_buffer_free().
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_capture_close(
    capture: chld_capture_id,
    ret: *mut chld_capture_result,
) -> c_int {
    quietly(|| {
        let mut capture = stepwise::close(valid(capture)?)?;
        // SAFETY: NULL or valid, by the header.
        unsafe { finish(&mut capture, ret) };
        Ok(0)
    })
}

/// Frees the memory of a growing buffer.
///
/// `data`: from chld_stream_result. NULL does nothing.
///
/// Returns 0.
///
/// Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
/// Stack: 1 KB.
/// Ownership: `data` is no longer valid.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_buffer_free(data: *mut c_char) -> c_int {
    quietly(|| {
        // SAFETY: NULL, or memory that a growing buffer has left to the caller.
        unsafe { heap::free(data.cast()) };
        Ok(0)
    })
}
