//! Terminals: their windows, their modes, and whose turn it is.

use super::fd;
use super::signal::Blocked;
use super::{Result, check_int};
use core::mem::MaybeUninit;

pub type Modes = libc::termios;

/// Rows and columns of the caller's terminal: that of its standard streams, else its
/// controlling one. 0 is unknown.
pub fn callers_window() -> [u16; 2] {
    let standard = (0..3).find_map(|fd| window(fd).ok());
    let flags = libc::O_RDWR | libc::O_NOCTTY;
    let own = || fd::open(c"/dev/tty", flags, 0).and_then(|fd| window(fd.number())).ok();
    standard.or_else(own).unwrap_or_default()
}

fn window(fd: i32) -> Result<[u16; 2]> {
    let mut size = MaybeUninit::<libc::winsize>::uninit();
    // SAFETY: TIOCGWINSZ writes one winsize into a live local.
    check_int(unsafe { libc::ioctl(fd, libc::TIOCGWINSZ as _, size.as_mut_ptr()) })?;
    // SAFETY: written by the call above.
    let size = unsafe { size.assume_init() };
    Ok([size.ws_row, size.ws_col])
}

pub fn modes(fd: i32) -> Result<Modes> {
    let mut modes = MaybeUninit::<Modes>::zeroed();
    // SAFETY: writes one termios into a live local.
    check_int(unsafe { libc::tcgetattr(fd, modes.as_mut_ptr()) })?;
    // SAFETY: written by the call above.
    Ok(unsafe { modes.assume_init() })
}

/// At once: waiting for the output before would be waiting for a user who has typed ^S.
pub fn set_modes(fd: i32, modes: &Modes) -> Result<()> {
    // SAFETY: reads one live termios.
    super::retry(|| check_int(unsafe { libc::tcsetattr(fd, libc::TCSANOW, modes) })).map(drop)
}

/// Puts the caller's group into the foreground of its terminal, from the background,
/// too, and the modes in force.
pub fn take(fd: i32, modes: Option<&Modes>) -> Result<()> {
    // To a process in the background, that is output.
    let _held = Blocked::enter(libc::SIGTTOU)?;
    // SAFETY: takes nothing, cannot fail.
    let own = unsafe { libc::getpgrp() };
    // SAFETY: numbers only.
    check_int(unsafe { libc::tcsetpgrp(fd, own) })?;
    modes.map_or(Ok(()), |modes| set_modes(fd, modes))
}
