use super::act::chld_stop_plan;
use super::capture_setup::{begin, finish, nothing, start_captured, wait_of};
use super::spawn::{chld_error, chld_id, chld_spawn_options};
use super::status::chld_status;
use super::wait::chld_resources;
use super::{chld_argv, growth, quietly, spawn, to_c, valid, write_out};
use crate::capture::engine::{Capture, Hint, Setup, Turn};
use crate::capture::stepwise;
use crate::start::failure::{Failure, Step};
use crate::stop::sequence;
use crate::sys::host::Undisturbed;
use crate::sys::{Errno, Result, heap};
use crate::wait::ask;
use core::ffi::{c_char, c_int, c_void};
use core::mem::size_of;

/// No input. A pipe to the child's stdin is closed at once; chld_run() makes
/// none.
pub const CHLD_FEED_NONE: u32 = 0;

/// The `size` bytes at `data`, then the end of the input.
pub const CHLD_FEED_BUFFER: u32 = 1;

/// The bytes that `callback` returns.
pub const CHLD_FEED_CALLBACK: u32 = 2;

/// The input of a child: what it reads on its stdin.
#[repr(C)]
pub struct chld_feed {
    /// One of CHLD_FEED_*.
    pub mode: u32,
    /// Must be 0.
    pub flags: u32,
    /// For CHLD_FEED_BUFFER: the bytes.
    pub data: *const c_char,
    /// For CHLD_FEED_BUFFER: the number of bytes.
    pub size: usize,
    /// For CHLD_FEED_CALLBACK: puts up to `size` bytes into `buffer` and returns
    /// the number of bytes. 0 is the end of the input. A negative errno ends the
    /// input, too, and becomes `feed_error`; -EAGAIN, -EINTR and values that are no
    /// errno become EIO, more than `size` becomes EINVAL. The library may call it
    /// before the child has read what it returned last. It must not block, because
    /// nothing else happens meanwhile.
    pub callback:
        Option<extern "C" fn(argument: *mut c_void, buffer: *mut c_char, size: usize) -> c_int>,
    /// The first argument of `callback`.
    pub argument: *mut c_void,
    /// Must be 0.
    pub reserved: [u32; 4],
}

/// Keeps nothing. A pipe is read, its bytes are counted and thrown away.
/// chld_run() makes no pipe for this.
pub const CHLD_SINK_NONE: u32 = 0;

/// Keeps the first `size` bytes in `buffer`.
pub const CHLD_SINK_HEAD: u32 = 1;

/// Keeps the last `size` bytes in `buffer`.
pub const CHLD_SINK_TAIL: u32 = 2;

/// Keeps the first half of `size` and the last half in `buffer`.
pub const CHLD_SINK_HEAD_TAIL: u32 = 3;

/// Keeps everything, or the first `size` bytes if `size` is not 0, in memory from
/// realloc(), followed by a NUL. The memory holds an empty string if nothing came.
/// Free it with chld_buffer_free().
pub const CHLD_SINK_GROW: u32 = 4;

/// Gives everything to `callback`, in pieces of any size.
pub const CHLD_SINK_CALLBACK: u32 = 5;

/// Passes everything on to the descriptor `fd`.
pub const CHLD_SINK_FD: u32 = 6;

/// Gives everything to `callback`, one line per call. A line is any bytes up to and
/// including a newline. If a line is longer than `size` (64 KiB if `size` is 0), its
/// pieces come one after the other. You recognize a piece by its end, which is no
/// newline: the next call has more of the same line. The last line of a stream may
/// lack its newline, too. If both streams have this sink, lines come in the order in
/// which they are read: one read from each stream in turn. If you need the exact
/// order, give both streams one pipe (CHLD_STDIO_STDOUT).
pub const CHLD_SINK_LINES: u32 = 7;

/// Also passes the bytes on to the descriptor `fd`, as CHLD_SINK_FD does. Not with
/// CHLD_SINK_FD, which does nothing else.
pub const CHLD_SINK_TEE: u32 = 1;

/// The place for the bytes that a child writes to its stdout or stderr.
#[repr(C)]
pub struct chld_sink {
    /// One of CHLD_SINK_*. Every mode reads to the end of the stream, even if it
    /// keeps nothing more, so that the child is not held up.
    pub mode: u32,
    /// CHLD_SINK_TEE, or 0.
    pub flags: u32,
    /// For CHLD_SINK_HEAD, CHLD_SINK_TAIL, CHLD_SINK_HEAD_TAIL: the memory.
    pub buffer: *mut c_char,
    /// The size of `buffer`. For CHLD_SINK_GROW and CHLD_SINK_LINES: the limit.
    pub size: usize,
    /// For CHLD_SINK_CALLBACK, CHLD_SINK_LINES: takes the bytes. If it returns
    /// anything but 0, it is not called again, and the child is stopped by the stop
    /// plan. It must not block, because nothing else happens meanwhile.
    pub callback:
        Option<extern "C" fn(argument: *mut c_void, data: *const c_char, size: usize) -> c_int>,
    /// The first argument of `callback`.
    pub argument: *mut c_void,
    /// For CHLD_SINK_FD and CHLD_SINK_TEE: the descriptor. It stays yours, in the
    /// mode that it is in, and must stay open. While it takes nothing, the stream is
    /// not read, so the child waits; the timeout still holds. What was read by the
    /// timeout and not taken is lost: `truncated` is 1. A pipe in blocking mode holds
    /// nobody up. Before Linux 6.4 it gets at most PIPE_BUF bytes at once, when it has
    /// room for them; there, put a pipe that other processes write to as well into
    /// non-blocking mode.
    pub fd: i32,
    /// Must be 0.
    pub reserved: [u32; 5],
}

/// Also waits for the end of stdout's and stderr's pipes, within the timeout: for
/// output that a descendant writes after the child has exited. The input is fed
/// until then, too.
pub const CHLD_CAPTURE_EOF: u32 = 1;

/// `cancel_fd` is a descriptor. As soon as it is readable, or at its end, the child
/// is stopped by the stop plan, as at the timeout, and `cancelled` is 1 in the result.
/// The library does not read it. It may be any descriptor, and the same one for any
/// number of captures; a regular file is always readable.
pub const CHLD_CAPTURE_CANCEL: u32 = 2;

/// The options of chld_capture() and chld_run(). Begin with
/// CHLD_CAPTURE_OPTIONS_INIT.
#[repr(C)]
pub struct chld_capture_options {
    /// sizeof(chld_capture_options), set by CHLD_CAPTURE_OPTIONS_INIT.
    pub size: usize,
    /// CHLD_CAPTURE_* bits.
    pub flags: u32,
    /// The timeout in milliseconds for everything together: the start of chld_run(),
    /// feeding, reading, the child's exit. When it is over, the child is stopped by
    /// `stop`, whose waits are added. 0 or -1: no timeout. (In other functions 0 means
    /// not to wait.)
    pub timeout_ms: i32,
    /// What the child reads on its stdin.
    pub r#in: chld_feed,
    /// What to do with the child's stdout. If stdout and stderr are one pseudo-terminal,
    /// one sink gets everything that the child writes: that of stdout, unless only stderr
    /// has one.
    pub out: chld_sink,
    /// What to do with the child's stderr.
    pub err: chld_sink,
    /// How to stop the child at the timeout. NULL: as chld_stop() does with NULL.
    pub stop: *const chld_stop_plan,
    /// For CHLD_CAPTURE_CANCEL: the descriptor.
    pub cancel_fd: i32,
    /// Must be 0.
    pub reserved: u32,
}

// SAFETY: numbers and pointers, NULL for none, the size first.
unsafe impl growth::Growing for chld_capture_options {
    const FIRST_SIZE: usize = size_of::<chld_capture_options>();
}

/// The result of one stream.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct chld_stream_result {
    /// The number of bytes that the child wrote.
    pub total: u64,
    /// The number of bytes that are in the buffer, that `callback` has taken, or
    /// that the descriptor of CHLD_SINK_FD has taken.
    pub kept: u64,
    /// Number of bytes kept from the start of the stream. With CHLD_SINK_HEAD_TAIL,
    /// the dropped bytes come right after these.
    pub from_head: u64,
    /// The number of bytes that the descriptor of CHLD_SINK_TEE or CHLD_SINK_FD has
    /// taken.
    pub passed: u64,
    /// The kept bytes in their order, NULs included: `buffer`, with no NUL behind
    /// them, or memory for chld_buffer_free(). NULL if they are not kept in memory,
    /// if the buffer has no size, or if there was no memory at all for a growing one
    /// (`error` is ENOMEM then, unless nothing came).
    pub data: *mut c_char,
    /// 1 if the buffer, the callback or the descriptor did not get everything, else 0.
    pub truncated: i32,
    /// 1 if a process still has the pipe open, or had it when this was written, else 0.
    pub held: i32,
    /// Why nothing more was kept, as a positive errno, or 0: ENOMEM, what writing to
    /// the descriptor of CHLD_SINK_FD returned (EPIPE for one), or what reading the
    /// stream returned. A stream that cannot be read is closed.
    pub error: i32,
    /// The value that `callback` returned to stop, or 0.
    pub stopped: i32,
    /// Why the descriptor of CHLD_SINK_TEE or CHLD_SINK_FD got nothing more, as a
    /// positive errno, or 0.
    pub pass_error: i32,
    /// Always 0.
    pub reserved: [u32; 5],
}

/// The result of a capture.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct chld_capture_result {
    /// How the child exited. CHLD_STATE_RUNNING if it has not.
    pub status: chld_status,
    /// The result of the child's stdout.
    pub out: chld_stream_result,
    /// The result of the child's stderr.
    pub err: chld_stream_result,
    /// The number of input bytes that the pipe has taken.
    pub fed: u64,
    /// Why the pipe took no more input, or 0. EPIPE if nobody reads the pipe, or if the
    /// child has exited (with CHLD_CAPTURE_EOF: and its output has ended); or the errno
    /// that the callback returned.
    pub feed_error: i32,
    /// 1 if the timeout was reached, else 0.
    pub timed_out: i32,
    /// 1 if `cancel_fd` became readable before the timeout, else 0.
    pub cancelled: i32,
    /// The last step of the stop plan that was taken, counted from 1. 0 if none was.
    pub step: i32,
    /// The signal of that step, or 0.
    pub signal: i32,
    /// The child's pid, for messages: see chld_pid(). 0 if there was no child.
    pub pid: i32,
    /// The time in nanoseconds on the monotonic clock, from the call of chld_run(),
    /// chld_capture() or chld_capture_open() until the capture was complete.
    pub elapsed_ns: u64,
    /// The resources that the child has used: see chld_usage(). All 0 if the child has
    /// not exited, or if the kernel could not be asked.
    pub usage: chld_resources,
    /// Always 0.
    pub reserved: [u64; 4],
}

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
            Err(errno) => spawn::failed(Failure::new(Step::Capture, 0, errno), b"", reterr),
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
