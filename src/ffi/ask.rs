use super::spawn::chld_id;
use super::{quietly, valid, write_out};
use crate::children::state;
use crate::wait::ask;
use core::ffi::{c_char, c_int, c_void};

/// For chld_close_fd(): the caller's end of the child's stdin, stdout, stderr.
pub const CHLD_STDIN: i32 = 0;

pub const CHLD_STDOUT: i32 = 1;

pub const CHLD_STDERR: i32 = 2;

/// The version of the library: "0.1.0".
///
/// Returns a constant string.
/// Thread-safe, async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// The pid of a child, for messages. Once the child has ended it may be another
/// process's: do not send signals to it, use chld_kill().
///
/// Returns the pid, or -EBADF if `id` is no child.
/// Thread-safe, async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_pid(id: chld_id) -> c_int {
    quietly(|| ask::pid(valid(id)?))
}

/// A descriptor that poll(), epoll and every event loop find readable once the
/// child has ended; then chld_wait(id, 0, …) has its status.
///
/// It is the child's pidfd where the kernel has those. Where not, it is a pipe
/// that the SIGCHLD handler pokes, which stays installed until chld_close().
///
/// Returns the descriptor, or -EBADF if `id` is no child. Without pidfds also what
/// chld_set_open() says.
/// Ownership: it belongs to the library, which closes it after chld_close(): do not
/// read it, do not close it, and take it out of an epoll before.
/// Thread-safe, not async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_exit_fd(id: chld_id) -> c_int {
    quietly(|| ask::exit_fd(valid(id)?))
}

/// The caller's end of the pipe that CHLD_STDIO_PIPE put on the child's stdin,
/// to be written to; in blocking mode, close-on-exec. Writing when the child no
/// longer reads raises SIGPIPE, as with every pipe.
///
/// Returns the descriptor, -ENOENT if there is none or it was closed, -EBADF if
/// `id` is no child.
/// Ownership: it belongs to the library: chld_close_fd() or chld_close() closes it.
/// Thread-safe, async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_stdin_fd(id: chld_id) -> c_int {
    quietly(|| ask::stream(valid(id)?, CHLD_STDIN))
}

/// The same for its stdout, to be read from.
///
/// Returns as chld_stdin_fd() does.
/// Ownership: as for chld_stdin_fd().
/// Thread-safe, async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_stdout_fd(id: chld_id) -> c_int {
    quietly(|| ask::stream(valid(id)?, CHLD_STDOUT))
}

/// The same for its stderr, to be read from.
///
/// Returns as chld_stdin_fd() does.
/// Ownership: as for chld_stdin_fd().
/// Thread-safe, async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_stderr_fd(id: chld_id) -> c_int {
    quietly(|| ask::stream(valid(id)?, CHLD_STDERR))
}

/// Closes the caller's end of one of the child's pipes before chld_close()
/// would: of its stdin, to let it see the end of its input.
///
/// `which`: CHLD_STDIN, CHLD_STDOUT or CHLD_STDERR.
///
/// Returns 0, or
/// -ENOENT there is none, or it was closed or taken;
/// -EBUSY a capture of the child is under way;
/// -EINVAL `which` is none of the three;
/// -EBADF `id` is no child.
/// Thread-safe, but nobody may be using the descriptor. Async-signal-safe.
/// Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_close_fd(id: chld_id, which: c_int) -> c_int {
    quietly(|| ask::close_stream(valid(id)?, which).map(|()| 0))
}

/// Makes the caller's end of one of the child's pipes, or of its pseudo-terminal, the
/// caller's own. It outlives the handle, and the library no longer reads, writes or
/// closes it. Use this to hand a stream to other code, or to another process.
///
/// `which`: CHLD_STDIN, CHLD_STDOUT or CHLD_STDERR.
///
/// Returns the descriptor, close-on-exec and in blocking mode, or
/// -ENOENT there is none, or it was closed or taken;
/// -EBUSY a capture of the child is under way;
/// -EINVAL `which` is none of the three;
/// -EBADF `id` is no child.
/// Ownership: close it with close().
/// Thread-safe, async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_take_fd(id: chld_id, which: c_int) -> c_int {
    quietly(|| ask::take_stream(valid(id)?, which))
}

/// The `user` pointer that the child was started with.
///
/// `ret`: where it goes; may be NULL.
///
/// Returns 0, or -EBADF if `id` is no child.
/// Thread-safe, async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_user(id: chld_id, ret: *mut *mut c_void) -> c_int {
    quietly(|| {
        let user = ask::user(valid(id)?)?;
        // SAFETY: NULL or valid, by the header.
        unsafe { write_out(ret, user as *mut c_void) };
        Ok(0)
    })
}

/// Finds the handle of a child by its pid: that of a siginfo_t, for example.
///
/// `pid`: the number of a process. Once the library has reaped a child, its number may
/// be another process's, and the child is not found by it any more.
/// `ret`: where the handle goes; may be NULL.
///
/// Returns 0, or
/// -ECHILD no child with an open handle has this number.
/// Ownership: it is the handle that the program has already. Close it once.
/// Thread-safe, async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_find(pid: c_int, ret: *mut chld_id) -> c_int {
    quietly(|| {
        let handle = ask::find(pid)?;
        // SAFETY: NULL or valid, by the header.
        unsafe { write_out(ret, handle) };
        Ok(0)
    })
}

/// Gives a child back to the program: the library forgets it, and does not reap it. Call
/// waitpid() for it. This is the counterpart of chld_adopt().
///
/// `ret`: where its pid goes; may be NULL.
///
/// The handle is closed, as by chld_close(), but CHLD_SPAWN_KILL_ON_CLOSE kills nobody:
/// - A child that has exited can be released until a call of the library has returned
///   or recorded its status: waitpid() returns it.
/// - The caller's ends of its pipes are closed, and the descriptor of chld_exit_fd(). Use
///   chld_take_fd() before to keep an end. The end of a pseudo-terminal that is closed
///   last hangs it up: the child gets SIGHUP.
/// - It leaves all sets without an event. The result of a capture in a set is freed.
///
/// From then on it is a foreign child: chld_reap_foreign() reaps it, and so does a
/// SIGCHLD handler that stands in for "SIGCHLD ignored".
///
/// Returns 0, or
/// -ESRCH a call has recorded its exit, or other code has reaped it: the number may be
/// another process's;
/// -EBUSY a capture, a stop sequence, a wait or another call is at work on the child;
/// -EINVAL the child is private: nobody can reap it;
/// -EBADF `id` is no child.
/// Thread-safe, not async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_release(id: chld_id, ret: *mut c_int) -> c_int {
    quietly(|| {
        let pid = ask::release(valid(id)?)?;
        // SAFETY: NULL or valid, by the header.
        unsafe { write_out(ret, pid) };
        Ok(0)
    })
}

/// Gives up a child's handle, its pipes and its status.
///
/// The child is not signalled, unless CHLD_SPAWN_KILL_ON_CLOSE was set. If it still
/// runs, it goes on, and the library reaps it after its end: at the next call that
/// starts, adopts, awaits (also as a set), captures, stops or closes a child, or with
/// many such children, the next few; or at chld_reap(). Calls of other threads that are at work on it finish
/// undisturbed; its pipes, and the descriptor of chld_exit_fd(), are closed after
/// them, the latter not before the child has ended.
///
/// Returns 0, or -EBADF if `id` is no child, or no longer.
/// Thread-safe, not async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_close(id: chld_id) -> c_int {
    quietly(|| ask::close(valid(id)?).map(|()| 0))
}

/// Closes, in a forked copy of the program, every descriptor that the copy has inherited
/// from the library: the caller's ends of pipes and pseudo-terminals, pidfds, and what
/// belongs to sets, captures and the SIGCHLD handler. As long as a copy has the caller's
/// end of a pipe open, a child may wait for the end of its input.
///
/// Call it first in the copy, before anything else opens or closes descriptors:
///
///     if (fork() == 0) {
///         chld_after_fork();
///         work();
///
/// It closes no descriptor that chld_take_fd() has given away. What another thread was
/// opening at the moment of the fork may stay open. Not for a copy made by vfork(), which
/// shares the memory of the original. A copy that execs needs no call: all descriptors of
/// the library are close-on-exec.
///
/// Returns 0, or
/// -EBUSY this process has used the library: it is no copy, or not any more a fresh one.
/// Nothing is closed.
/// Thread-safe, async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_after_fork() -> c_int {
    quietly(|| state::close_inherited().map(|()| 0))
}
