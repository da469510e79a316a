use super::spawn::chld_id;
use super::{quietly, valid};
use crate::sys::terminal::{self, Modes};
use crate::wait::ask;
use core::ffi::{c_int, c_void};

/// Changes the size of a child's pseudo-terminal (CHLD_STDIO_PTY). The processes in its
/// foreground get SIGWINCH if it was another one before.
///
/// `rows`, `columns`: the new size, in characters.
///
/// Call it in the main loop when your own terminal has changed its size: a handler of
/// SIGWINCH may call it, too.
///
/// Returns 0, or
/// -ENOTTY the child has no pseudo-terminal, or the caller's ends of it are closed or
/// taken;
/// -EBADF `id` is no child.
/// Thread-safe, async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_pty_resize(id: chld_id, rows: u16, columns: u16) -> c_int {
    quietly(|| ask::resize_terminal(valid(id)?, [rows, columns]).map(|()| 0))
}

/// Takes the terminal back after a foreground child (CHLD_SPAWN_FOREGROUND) has stopped
/// or exited: what a shell does after every job. The group of the calling process becomes
/// the foreground group of the terminal, and its modes become `modes`.
///
/// `fd`: the controlling terminal of the calling process, 0 most often.
/// `modes`: a struct termios, from tcgetattr() before the child was started; NULL to leave
/// the modes as the child has set them.
///
/// A program calls this from the background. It gets no SIGTTOU for it, whatever its mask
/// and its dispositions are. Nothing is stored: to give a stopped child its own modes
/// back later, call tcgetattr() before this function.
///
/// Returns 0, or
/// -EBADF `fd` is not open;
/// -ENOTTY `fd` is not the controlling terminal of the calling process;
/// -EIO the terminal is gone;
/// -EPERM, -EINVAL as tcsetpgrp() and tcsetattr() return them.
/// Ownership: `modes` is only read.
/// Thread-safe, async-signal-safe, never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_terminal_take(fd: c_int, modes: *const c_void) -> c_int {
    quietly(|| {
        // SAFETY: NULL or a struct termios, by the header.
        let modes = unsafe { modes.cast::<Modes>().as_ref() };
        terminal::take(fd, modes).map(|()| 0)
    })
}
