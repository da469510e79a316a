use super::spawn::chld_id;
use super::{quietly, valid};
use crate::sys::terminal::{self, Modes};
use crate::wait::ask;
use core::ffi::{c_int, c_void};

/// Changes the size of a child's pseudo-terminal (CHLD_STDIO_PTY).
///
/// `id`: the child.
/// `rows`, `columns`: the new size, in characters.
///
/// The processes in its foreground get SIGWINCH if the size has changed. Call it in the
/// main loop when your own terminal has changed its size. A handler of SIGWINCH may call
/// it as well.
///
/// Returns 0, or
/// -ENOTTY: the child has no pseudo-terminal, or the caller's ends of it are closed or
///   taken.
/// -EBADF: `id` is not a valid handle.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_pty_resize(id: chld_id, rows: u16, columns: u16) -> c_int {
    quietly(|| ask::resize_terminal(valid(id)?, [rows, columns]).map(|()| 0))
}

/// Takes the terminal back after a foreground child (CHLD_SPAWN_FOREGROUND) has stopped
/// or exited.
///
/// `fd`: the controlling terminal of the calling process, usually 0.
/// `modes`: a struct termios, from tcgetattr() before the child was started. NULL leaves
/// the modes as the child has set them.
///
/// This is what a shell does after every job. The group of the calling process becomes
/// the foreground group of the terminal, and its modes become `modes`.
///
/// A program calls this from the background. It gets no SIGTTOU for it, whatever its mask
/// and its dispositions are. Nothing is stored: to give a stopped child its own modes
/// back later, call tcgetattr() before this function.
///
/// Returns 0, or
/// -EBADF: `fd` is not open.
/// -ENOTTY: `fd` is not the controlling terminal of the calling process.
/// -EIO: the terminal is gone.
/// -EPERM, -EINVAL: as tcsetpgrp() and tcsetattr() return them.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
/// Ownership: `modes` is only read.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_terminal_take(fd: c_int, modes: *const c_void) -> c_int {
    quietly(|| {
        // SAFETY: NULL or a struct termios, by the header.
        let modes = unsafe { modes.cast::<Modes>().as_ref() };
        terminal::take(fd, modes).map(|()| 0)
    })
}
