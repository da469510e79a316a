use super::act::chld_stop_plan;
use super::growth;
use super::status::chld_status;
use super::wait::chld_resources;
use core::ffi::{c_char, c_int, c_void};
use core::mem::size_of;

/// No input. A pipe to the child's stdin is closed at once; chld_run() makes
/// none.
pub const CHLD_FEED_NONE: u32 = 0;

/// The `size` bytes at `data`, then the end of the input.
pub const CHLD_FEED_BUFFER: u32 = 1;

/// The bytes that `callback` returns. It may be called before the child has read what it
/// returned last. It must not block, because nothing else happens meanwhile.
///
/// A negative errno from the callback ends the input and becomes `feed_error`. -EAGAIN,
/// -EINTR and values that are no errno become EIO. More than `size` becomes EINVAL.
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
    /// For CHLD_FEED_CALLBACK: puts up to `size` bytes into `buffer` and returns the
    /// number of bytes. 0 or a negative errno ends the input.
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

/// Gives everything to `callback`, in pieces of any size. If it returns anything but 0,
/// it is not called again, and the child is stopped by the stop plan. It must not block,
/// because nothing else happens meanwhile.
pub const CHLD_SINK_CALLBACK: u32 = 5;

/// Passes everything on to the descriptor `fd`. It stays yours, in the mode that it is
/// in, and must stay open.
///
/// While the descriptor takes nothing, the stream is not read, so the child waits. The
/// timeout still holds: what was read by then and not taken is lost, and `truncated` is
/// 1.
///
/// A pipe in blocking mode holds nobody up. Before Linux 6.4 it gets at most PIPE_BUF
/// bytes at once, when it has room for them. There, put a pipe that other processes write
/// to as well into non-blocking mode.
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
    /// For CHLD_SINK_CALLBACK and CHLD_SINK_LINES: takes the bytes, and returns 0 to go
    /// on.
    pub callback:
        Option<extern "C" fn(argument: *mut c_void, data: *const c_char, size: usize) -> c_int>,
    /// The first argument of `callback`.
    pub argument: *mut c_void,
    /// For CHLD_SINK_FD and CHLD_SINK_TEE: the descriptor.
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
