use super::act::chld_stop_plan;
use super::capture_setup::{begin, finish, nothing, setup_of};
use super::spawn::{chld_error, chld_id, chld_spawn_options};
use super::status::chld_status;
use super::{chld_argv, growth, quietly, spawn, valid, write_out};
use crate::act;
use crate::ask;
use crate::capture::Capture;
use crate::failure::{Failure, Reason, Step};
use crate::launch;
use crate::stepwise;
use crate::sys::host::Undisturbed;
use crate::sys::{Errno, heap};
use core::ffi::{c_char, c_int, c_void};
use core::mem::size_of;

/// Nothing. A pipe to the child's stdin is closed at once; chld_run() makes
/// none.
pub const CHLD_FEED_NONE: u32 = 0;

/// `size` bytes at `data`, then the end.
pub const CHLD_FEED_BUFFER: u32 = 1;

/// What `callback` gives.
pub const CHLD_FEED_CALLBACK: u32 = 2;

/// What the child reads on its stdin.
#[repr(C)]
pub struct chld_feed {
    /// One of CHLD_FEED_*.
    pub mode: u32,
    /// Must be 0.
    pub reserved: u32,
    /// For CHLD_FEED_BUFFER.
    pub data: *const c_char,
    /// How many bytes.
    pub size: usize,
    /// For CHLD_FEED_CALLBACK: puts up to `size` bytes into `buffer` and returns
    /// how many; 0 is the end of the input. A negative errno ends it too, and
    /// becomes `feed_error`, positive; -EAGAIN, -EINTR and what is no errno become
    /// EIO, and more than `size` EINVAL. It is called when the pipe has room, and
    /// must not block: nothing else happens meanwhile.
    pub callback:
        Option<extern "C" fn(argument: *mut c_void, buffer: *mut c_char, size: usize) -> c_int>,
    /// Its first argument.
    pub argument: *mut c_void,
}

/// Nothing is kept: a pipe is read, counted and thrown away. chld_run() makes
/// none for this.
pub const CHLD_SINK_NONE: u32 = 0;

/// The first `size` bytes, in `buffer`.
pub const CHLD_SINK_HEAD: u32 = 1;

/// The last `size` bytes, in `buffer`.
pub const CHLD_SINK_TAIL: u32 = 2;

/// The first half of `size` and the last, in `buffer`.
pub const CHLD_SINK_HEAD_TAIL: u32 = 3;

/// All, or the first `size` bytes if that is not 0, in memory from realloc() with
/// a NUL behind it: an empty string if nothing came. It is the caller's, for
/// chld_buffer_free().
pub const CHLD_SINK_GROW: u32 = 4;

/// All is given to `callback`.
pub const CHLD_SINK_CALLBACK: u32 = 5;

/// All goes on to `fd`, inside the kernel where that can splice.
pub const CHLD_SINK_FD: u32 = 6;

/// What becomes of what the child writes on its stdout or stderr.
#[repr(C)]
pub struct chld_sink {
    /// One of CHLD_SINK_*. All of them read to the end, also when they keep
    /// nothing more, so that the child is not held up.
    pub mode: u32,
    /// For CHLD_SINK_FD. It stays the caller's, in the mode it is in. As long as
    /// it takes nothing, its stream is not read: what it has not taken at the
    /// limit stays in the pipe, and counts in `total`.
    pub fd: i32,
    /// For CHLD_SINK_HEAD, _TAIL, _ENDS.
    pub buffer: *mut c_char,
    /// Its size, and for CHLD_SINK_GROW.
    pub size: usize,
    /// For CHLD_SINK_CALLBACK: takes the bytes. If it returns anything but 0, it
    /// is called no more, and the child is ended by the stop plan. It must not
    /// block: nothing else happens meanwhile.
    pub callback:
        Option<extern "C" fn(argument: *mut c_void, data: *const c_char, size: usize) -> c_int>,
    /// Its first argument.
    pub argument: *mut c_void,
}

/// Wait for the end of stdout's and stderr's pipes too, within the limit: for
/// output that a descendant goes on writing when the child has ended. The input
/// goes on as long.
pub const CHLD_CAPTURE_EOF: u32 = 1;

/// What chld_capture() and chld_run() can be told. Begin with
/// CHLD_CAPTURE_OPTIONS_INIT.
#[repr(C)]
pub struct chld_capture_options {
    /// sizeof(chld_capture_options), set by CHLD_CAPTURE_OPTIONS_INIT.
    pub size: usize,
    /// CHLD_CAPTURE_* bits.
    pub flags: u32,
    /// The limit on all of it, in milliseconds: feeding, reading, the end, and
    /// the rest in the pipes. When it is reached, the child is ended by `stop`,
    /// whose time comes on top. 0 (which elsewhere only looks) or -1: no limit.
    pub timeout_ms: i32,
    /// The child's stdin, stdout and stderr.
    pub r#in: chld_feed,
    pub out: chld_sink,
    pub err: chld_sink,
    /// How to end the child at the limit. NULL: as chld_stop() does with NULL.
    pub stop: *const chld_stop_plan,
}

// SAFETY: numbers and pointers, NULL for none, the size first.
unsafe impl growth::Growing for chld_capture_options {
    const FIRST_SIZE: usize = size_of::<chld_capture_options>();
}

/// What came on one stream.
#[repr(C)]
pub struct chld_stream_result {
    /// How many bytes came in all.
    pub total: u64,
    /// How many of them are in the buffer, or were passed on.
    pub kept: u64,
    /// How many of the kept ones are the stream's first: for CHLD_SINK_HEAD_TAIL, what
    /// is missing is missing after these.
    pub from_head: u64,
    /// The kept bytes, in their order, NULs included: `buffer` (with no NUL behind
    /// them), or memory for chld_buffer_free(). NULL if they are not kept in
    /// memory, for a buffer of no size, and where there was no memory at all for a
    /// growing one (`error` is ENOMEM then, unless nothing came).
    pub data: *mut c_char,
    /// 1 if there is a buffer, callback or descriptor that did not get all.
    pub truncated: i32,
    /// 1 if somebody still has the pipe open, or had it when this was written.
    pub held: i32,
    /// Why nothing more was kept: a positive errno (ENOMEM; what writing to the
    /// descriptor said, EPIPE for one; what reading the stream said, which is
    /// closed then), or 0.
    pub error: i32,
    /// What the callback returned to stop, or 0.
    pub stopped: i32,
}

/// What has happened, and what came of it.
#[repr(C)]
pub struct chld_capture_result {
    /// How the child ended. CHLD_STATE_RUNNING if it has not.
    pub status: chld_status,
    /// What came on its stdout and on its stderr.
    pub out: chld_stream_result,
    pub err: chld_stream_result,
    /// How many bytes of the input the pipe has taken.
    pub fed: u64,
    /// Why it took no more: EPIPE if nobody reads it, or the child has ended (and,
    /// with CHLD_CAPTURE_EOF, its output too); what the callback returned; or 0.
    pub feed_error: i32,
    /// 1 if the limit was reached.
    pub timed_out: i32,
    /// The last step of the stop plan that was taken, counted from 1. 0: none.
    pub step: i32,
    /// Its signal.
    pub signal: i32,
}

/// Feeds a child, reads what it writes on stdout and stderr, and waits for its
/// end, all at once, within one limit.
///
/// `id`: a child with a pipe (CHLD_STDIO_PIPE), or a pseudo-terminal, for each
/// stream that the options say something about. A terminal has no end of input:
/// let the last bytes be a newline and ^D (4). If stdin is its only stream, closing
/// it hangs the terminal up.
/// `options`: NULL for the defaults: an empty input, nothing kept, no limit.
/// `ret`: how it ended and what came; may be NULL. It is written, and what it
/// holds is valid, on success and whenever the capture has begun: so also with
/// -ETIMEDOUT.
///
/// It ends when the child has ended and what it wrote is read. A descendant that
/// still has the pipe open does not prolong that, unless CHLD_CAPTURE_EOF says
/// so: `held` tells of it. When the limit is reached, the child is ended by
/// the stop plan, while reading goes on; a limit is no error, but `timed_out`.
/// An input that nobody reads any more is `feed_error` EPIPE. There is no
/// SIGPIPE, neither for that nor for a CHLD_SINK_FD, and no change of its
/// disposition. The child's stdin is closed after the input; the pipes of stdout
/// and stderr stay open, in the mode they were in.
///
/// Returns 0; -ETIMEDOUT if the child lives after the last step of the plan;
/// -EPERM, or what else sending says, if the last signal of the plan could not
/// be sent; -ENOENT if there is no pipe for a stream; -EBUSY if it is being
/// captured; -EINVAL unknown flags, modes, plans, NULL for a buffer, a limit
/// below -1; -E2BIG options of a later version; -EBADF if `id` is no child, or
/// `fd` not open; -EAGAIN, -ENOMEM without memory or room for another capture.
/// Without pidfds also what chld_set_open() says.
/// Ownership: a growing buffer is the caller's; without `ret` it is freed.
/// Thread-safe, but nobody else may use the pipes meanwhile. Not
/// async-signal-safe. Blocks, for no longer than the limit, the plan's waits,
/// and the callbacks; a CHLD_SINK_FD in blocking mode that is neither file nor
/// pipe (a stopped terminal) may hold it longer. Not a cancellation point.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_capture(
    id: chld_id,
    options: *const chld_capture_options,
    ret: *mut chld_capture_result,
) -> c_int {
    quietly(|| {
        // SAFETY: all is what the header says, for the length of this call.
        unsafe {
            let mut capture = begin(valid(id)?, options)?;
            let result = capture.run();
            finish(&mut capture, ret);
            result.map(|()| 0)
        }
    })
}

/// Starts a child, captures it and closes it: chld_spawn(), chld_capture() and
/// chld_close() in one.
///
/// `argv`, `spawn_options`: as for chld_spawn(). A stream that is to be fed or kept
/// gets a pipe if `spawn_options` leave it at CHLD_STDIO_INHERIT.
/// `capture_options`: as for chld_capture().
/// `ret`: as for chld_capture(), but written in any case: if nothing was captured,
/// all is zero, with CHLD_STATE_RUNNING.
/// `reterr`: as for chld_spawn(), and written whenever this fails: its step is
/// CHLD_STEP_CAPTURE if it was not the start that failed.
///
/// Returns 0 when the child has ended, however it did; what chld_spawn() returns
/// if it could not be started; else what chld_capture() returns. What can be known
/// to be wrong with the capture (-EINVAL, -ENOENT, -EBADF) is found before the
/// start. A child that cannot be captured after all (-EAGAIN, -EMFILE, -ENOMEM) gets
/// SIGKILL; one that its plan did not end is left to the library, as by
/// chld_close().
/// Ownership: a growing buffer is the caller's; without `ret` it is freed. There is
/// no handle to close. What chld_spawn() says of descriptors that are passed goes
/// for these too.
/// Thread-safe, as chld_spawn() is. Not async-signal-safe. Blocks, as chld_spawn()
/// and chld_capture() do. Not a cancellation point. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_run(
    argv: chld_argv,
    spawn_options: *const chld_spawn_options,
    capture_options: *const chld_capture_options,
    ret: *mut chld_capture_result,
    reterr: *mut chld_error,
) -> c_int {
    let _host = Undisturbed::enter();
    // SAFETY: all is what the header says, for the length of this call.
    unsafe {
        write_out(ret, nothing());
        let setup = match setup_of(capture_options) {
            Ok(setup) => setup,
            Err(errno) => {
                return spawn::failed(Failure::new(Step::Capture, 0, errno), b"", reterr);
            }
        };
        let (mut request, user) = match spawn::request_of(argv, spawn_options) {
            Ok(request) => request,
            Err(failure) => return spawn::failed(failure, b"", reterr),
        };
        if request.detached {
            return spawn::failed(Failure::misuse(Reason::DetachedRun, 0), b"", reterr);
        }
        request.add_pipes(setup.wanted());
        if let Err(errno) = setup.check(request.leads_group(), request.pipes()) {
            return spawn::failed(Failure::new(Step::Capture, 0, errno), b"", reterr);
        }
        let handle = match launch::spawn(&request, user) {
            Ok(handle) => handle,
            Err(failure) => return spawn::failed(failure, request.item(&failure), reterr),
        };
        let mut begun = false;
        let result = Capture::begin(handle, setup).and_then(|mut capture| {
            begun = true;
            let result = capture.run();
            finish(&mut capture, ret);
            result
        });
        if !begun {
            // It could not be captured, and nobody else knows of it.
            let _ = act::kill(handle, libc::SIGKILL);
        }
        let _ = ask::close(handle);
        match result {
            Ok(()) => 0,
            Err(errno) => spawn::failed(Failure::new(Step::Capture, 0, errno), b"", reterr),
        }
    }
}

/// A capture that the caller's event loop drives, as a number; -EBADF once it is
/// closed.
pub type chld_capture_id = u64;

/// How many descriptors one capture waits for at most.
pub const CHLD_CAPTURE_FDS: usize = 4;

/// As struct pollfd, member by member.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct chld_poll {
    pub fd: i32,
    /// POLLIN or POLLOUT.
    pub events: i16,
    /// 0.
    pub revents: i16,
}

/// What a capture waits for.
#[repr(C)]
pub struct chld_capture_wait {
    /// Any of these, in `count` places, each descriptor once. A CHLD_SINK_FD's own
    /// may be among them.
    pub fds: [chld_poll; CHLD_CAPTURE_FDS],
    pub count: u32,
    /// Or so many milliseconds, as for poll(): -1 is without limit.
    pub timeout_ms: i32,
}

/// Begins what chld_capture() does, without blocking.
///
/// `ret`: where its handle goes. Not NULL.
///
/// What the options point to (buffers, the input, the stop plan's steps) must
/// stay until chld_capture_close(); the options themselves need not.
///
/// Returns 0, or as chld_capture() does.
/// Ownership: the handle is the caller's, until chld_capture_close(); so is the
/// child's, which that leaves as it is.
/// Thread-safe, not async-signal-safe, never blocks. Since 0.1.
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
        // SAFETY: what the header says, until the capture is closed.
        unsafe {
            let handle = stepwise::open(begin(valid(id)?, options)?)?;
            write_out(ret, handle);
        }
        Ok(0)
    })
}

/// Does what can be done now, without blocking. To be called when one of the
/// descriptors is ready or the time is over, and once at first; calling it
/// without need does no harm.
///
/// `ret`: what to wait for before the next call; may be NULL. It is new each
/// time. Written when 0 is returned. Without pidfds one of the descriptors is
/// poked by SIGCHLD, which some thread must have unblocked.
///
/// Returns 1 when there is nothing left to do, 0 when there is; -ETIMEDOUT, or
/// another errno, where chld_capture() returns it; -EBUSY while another call has
/// this capture; -EBADF if `capture` is none.
/// Thread-safe, not async-signal-safe. Does not block, but for callbacks, and
/// as chld_kill_tree() does if the plan says so. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_capture_step(
    capture: chld_capture_id,
    ret: *mut chld_capture_wait,
) -> c_int {
    quietly(|| {
        stepwise::with(valid(capture)?, |capture| {
            if capture.turn(true)? {
                return capture.outcome().map(|()| 1);
            }
            // SAFETY: NULL or valid, by the header.
            unsafe { write_out(ret, super::capture_setup::wait_of(capture)) };
            Ok(0)
        })
    })
}

/// Ends a capture, finished or not, and says what came of it. The child is left
/// as it is.
///
/// `ret`: as for chld_capture(); NULL frees growing buffers.
///
/// Returns 0, -EBUSY while another call has this capture, -EBADF if `capture`
/// is none, or no longer.
/// Ownership: a growing buffer is the caller's, for chld_buffer_free().
/// Thread-safe, not async-signal-safe, never blocks. Since 0.1.
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
/// `data`: from chld_stream_result; NULL does nothing.
///
/// Returns 0.
/// Thread-safe, not async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_buffer_free(data: *mut c_char) -> c_int {
    quietly(|| {
        // SAFETY: NULL, or memory that a growing buffer has left to the caller.
        unsafe { heap::free(data.cast()) };
        Ok(0)
    })
}
