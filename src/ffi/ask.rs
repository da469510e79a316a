use super::spawn::chld_id;
use super::{quietly, valid, write_out};
use crate::children::state;
use crate::wait::ask;
use core::ffi::{c_char, c_int, c_void};

/// For chld_close_fd() and chld_take_fd(): the caller's end of the child's stdin, stdout
/// or stderr.
pub const CHLD_STDIN: i32 = 0;

pub const CHLD_STDOUT: i32 = 1;

pub const CHLD_STDERR: i32 = 2;

/// Returns the version of the library: "0.1.0".
///
/// Returns a constant string.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// Returns the pid of a child, for messages.
///
/// `id`: the child.
///
/// Once the child has exited, the pid may be another process's. Do not send signals to
/// it; use chld_kill().
///
/// Returns the pid, or
/// -EBADF: `id` is not a valid handle.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_pid(id: chld_id) -> c_int {
    quietly(|| ask::pid(valid(id)?))
}

/// Returns a descriptor that becomes readable when the child has exited, for poll(),
/// epoll and every event loop.
///
/// `id`: the child.
///
/// Call chld_wait() with timeout 0 when it is readable: it returns the status.
///
/// The descriptor is the child's pidfd if the kernel supports that. Otherwise it is a
/// pipe that the SIGCHLD handler pokes; the handler then stays installed until
/// chld_close().
///
/// Returns the descriptor, or
/// -EBADF: `id` is not a valid handle.
/// -EMFILE, -ENFILE, -ENOMEM: no descriptor or memory left. Only without pidfds, or if
///   the child was started when no descriptor was left.
///
/// Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
/// Stack: 6 KB.
/// Ownership: the descriptor belongs to the library, which closes it after chld_close().
/// Do not read from it and do not close it. Remove it from an epoll before chld_close().
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_exit_fd(id: chld_id) -> c_int {
    quietly(|| ask::exit_fd(valid(id)?))
}

/// Returns the caller's end of the pipe that CHLD_STDIO_PIPE put on the child's stdin.
///
/// `id`: the child.
///
/// Write to it. It is in blocking mode and close-on-exec. Writing raises SIGPIPE when the
/// child no longer reads, as with every pipe.
///
/// Returns the descriptor, or
/// -ENOENT: there is none, or it was closed or taken.
/// -EBADF: `id` is not a valid handle.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
/// Ownership: the descriptor belongs to the library: chld_close_fd() or chld_close()
/// closes it.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_stdin_fd(id: chld_id) -> c_int {
    quietly(|| ask::stream(valid(id)?, CHLD_STDIN))
}

/// Returns the caller's end of the pipe on the child's stdout, to read from.
///
/// `id`: the child.
///
/// Returns the descriptor, or
/// -ENOENT: there is none, or it was closed or taken.
/// -EBADF: `id` is not a valid handle.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
/// Ownership: as for chld_stdin_fd().
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_stdout_fd(id: chld_id) -> c_int {
    quietly(|| ask::stream(valid(id)?, CHLD_STDOUT))
}

/// Returns the caller's end of the pipe on the child's stderr, to read from.
///
/// `id`: the child.
///
/// Returns the descriptor, or
/// -ENOENT: there is none, or it was closed or taken.
/// -EBADF: `id` is not a valid handle.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
/// Ownership: as for chld_stdin_fd().
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_stderr_fd(id: chld_id) -> c_int {
    quietly(|| ask::stream(valid(id)?, CHLD_STDERR))
}

/// Closes the caller's end of one of the child's pipes before chld_close() does.
///
/// `id`: the child.
/// `which`: CHLD_STDIN, CHLD_STDOUT or CHLD_STDERR.
///
/// Close the end of stdin so that the child sees the end of its input.
///
/// Returns 0, or
/// -ENOENT: there is none, or it was closed or taken.
/// -EBUSY: a capture of the child is under way.
/// -EINVAL: `which` is none of the three.
/// -EBADF: `id` is not a valid handle.
///
/// Thread-safe, but no other thread may be using the descriptor. Async-signal-safe. Never
/// blocks. Not a cancellation point. Stack: 2 KB.
/// Ownership: the descriptor is no longer valid.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_close_fd(id: chld_id, which: c_int) -> c_int {
    quietly(|| ask::close_stream(valid(id)?, which).map(|()| 0))
}

/// Makes the caller's end of one of the child's pipes, or of its pseudo-terminal, the
/// caller's own.
///
/// `id`: the child.
/// `which`: CHLD_STDIN, CHLD_STDOUT or CHLD_STDERR.
///
/// The descriptor outlives the handle, and the library no longer reads, writes or closes
/// it. Use this to hand a stream to other code, or to another process.
///
/// Returns the descriptor, close-on-exec and in blocking mode, or
/// -ENOENT: there is none, or it was closed or taken.
/// -EBUSY: a capture of the child is under way.
/// -EINVAL: `which` is none of the three.
/// -EBADF: `id` is not a valid handle.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
/// Ownership: the descriptor is yours. Close it with close().
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_take_fd(id: chld_id, which: c_int) -> c_int {
    quietly(|| ask::take_stream(valid(id)?, which))
}

/// Returns the `user` pointer that the child was started with.
///
/// `id`: the child.
/// `ret`: where it goes; may be NULL.
///
/// Returns 0, or
/// -EBADF: `id` is not a valid handle.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
/// Ownership: what the pointer points to is yours. The library does not follow it.
/// Since 0.1.
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
/// `pid`: the number of a process.
/// `ret`: where the handle goes; may be NULL.
///
/// Once the library has reaped a child, its number may be another process's, and the
/// child is not found by it any more.
///
/// Returns 0, or
/// -ECHILD: no child with an open handle has this number.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 3 KB.
/// Ownership: it is the handle that the program has already. Close it once.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_find(pid: c_int, ret: *mut chld_id) -> c_int {
    quietly(|| {
        let handle = ask::find(pid)?;
        // SAFETY: NULL or valid, by the header.
        unsafe { write_out(ret, handle) };
        Ok(0)
    })
}

/// Gives a running child back to the program: the library forgets it, and does not reap
/// it.
///
/// `id`: the child.
/// `ret`: where its pid goes; may be NULL.
///
/// Call waitpid() for the child. This is the counterpart of chld_adopt(). The handle is
/// closed, as by chld_close(), but CHLD_SPAWN_KILL_ON_CLOSE kills nobody:
/// - A child that has exited can be released until a call of the library has returned or
///   recorded its status: waitpid() returns it.
/// - The caller's ends of its pipes are closed, and the descriptor of chld_exit_fd(). Use
///   chld_take_fd() before to keep an end. The end of a pseudo-terminal that is closed
///   last hangs it up: the child gets SIGHUP.
/// - It leaves all sets without an event. The result of a capture in a set is freed.
///
/// From then on it is a foreign child: chld_reap_foreign() reaps it, and so does a
/// SIGCHLD handler that stands in for "SIGCHLD ignored".
///
/// Returns 0, or
/// -ESRCH: a call has recorded its exit, or other code has reaped it: the number may be
///   another process's.
/// -EBUSY: a capture, a stop sequence, a wait or another call is at work on the child.
/// -EINVAL: the child is private: nobody can reap it.
/// -EBADF: `id` is not a valid handle.
///
/// Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
/// Stack: 3 KB.
/// Ownership: the handle is no longer valid. The child is yours to wait for.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_release(id: chld_id, ret: *mut c_int) -> c_int {
    quietly(|| {
        let pid = ask::release(valid(id)?)?;
        // SAFETY: NULL or valid, by the header.
        unsafe { write_out(ret, pid) };
        Ok(0)
    })
}

/// Closes a child's handle, its pipes and its status.
///
/// `id`: the child.
///
/// The child is not signalled, unless CHLD_SPAWN_KILL_ON_CLOSE was set. If it still runs,
/// it goes on, and the library reaps it after its exit: at the next call that starts,
/// adopts, captures, stops, closes or waits for a child (or, with many such children, at
/// the next few), or at chld_reap().
///
/// Calls of other threads that are at work on the child finish undisturbed. Its pipes,
/// and the descriptor of chld_exit_fd(), are closed after them, the latter not before the
/// child has exited.
///
/// Returns 0, or
/// -EBADF: `id` is not a valid handle, or no longer.
///
/// Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
/// Stack: 3 KB.
/// Ownership: the handle, the descriptors of the child and the results of its captures
/// are no longer valid.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_close(id: chld_id) -> c_int {
    quietly(|| ask::close(valid(id)?).map(|()| 0))
}

/// Closes, in a forked copy of the program, every descriptor that the copy has inherited
/// from the library.
///
/// These are the caller's ends of pipes and pseudo-terminals, pidfds, and the descriptors
/// of sets, captures and the SIGCHLD handler. As long as a copy has the caller's end of a
/// pipe open, a child may wait for the end of its input.
///
/// Call it first in the copy, before anything else opens or closes descriptors:
///
///     if (fork() == 0) {
///         chld_after_fork();
///         work();
///
/// It closes no descriptor that chld_take_fd() has given away. What another thread was
/// opening at the moment of the fork may stay open. Do not call it in a copy made by
/// vfork(), which shares the memory of the original. A copy that execs needs no call: all
/// descriptors of the library are close-on-exec.
///
/// Returns 0, or
/// -EBUSY: this process has used the library, so it is not a fresh copy. Nothing is
///   closed.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_after_fork() -> c_int {
    quietly(|| state::close_inherited().map(|()| 0))
}
