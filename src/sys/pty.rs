//! Pseudo-terminals.

use super::fd::{self, OwnedFd};
use super::{Result, check_int, cstr, terminal};

/// How a pseudo-terminal begins.
#[derive(Clone, Copy, Default)]
pub struct Look {
    /// Rows and columns; 0: as the caller's terminal has them, else 24 and 80.
    pub window: [u16; 2],
    /// What is typed is not shown.
    pub is_silent: bool,
}

/// Opens a pair: (the master, the child's side). Neither becomes anybody's controlling
/// terminal here.
pub fn open(look: Look) -> Result<(OwnedFd, OwnedFd)> {
    let flags = libc::O_RDWR | libc::O_NOCTTY;
    let master = fd::open(c"/dev/ptmx", flags, 0)?;
    let unlock = 0i32;
    // SAFETY: TIOCSPTLCK reads one int from a live local.
    check_int(unsafe { libc::ioctl(master.number(), libc::TIOCSPTLCK as _, &unlock) })?;
    resize(master.number(), complete(look.window))?;
    let slave = peer(&master, flags)?;
    if look.is_silent {
        let mut modes = terminal::modes(slave.number())?;
        modes.c_lflag &= !(libc::ECHO | libc::ECHONL);
        terminal::set_modes(slave.number(), &modes)?;
    }
    Ok((master, slave))
}

/// Changes the size of the window. It takes one mutex of the terminal's, and waits for
/// no process.
pub fn resize(terminal: i32, [rows, columns]: [u16; 2]) -> Result<()> {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCSWINSZ reads one winsize from a live local.
    check_int(unsafe { libc::ioctl(terminal, libc::TIOCSWINSZ as _, &size) }).map(drop)
}

fn complete(asked: [u16; 2]) -> [u16; 2] {
    let mut window = asked;
    for default in [terminal::callers_window, || [24, 80]] {
        if window.contains(&0) {
            for (place, value) in window.iter_mut().zip(default()).filter(|(place, _)| **place == 0) {
                *place = value;
            }
        }
    }
    window
}

/// The other side. Since Linux 4.13 without a look at /dev/pts, which may be
/// another mount than the master's.
fn peer(master: &OwnedFd, flags: i32) -> Result<OwnedFd> {
    let asked = flags | libc::O_CLOEXEC;
    // SAFETY: TIOCGPTPEER takes flags as a number.
    let peer = unsafe { libc::ioctl(master.number(), libc::TIOCGPTPEER as _, asked) };
    if let Ok(peer) = check_int(peer) {
        return OwnedFd::own(peer).above_standard();
    }
    let mut number = 0i32;
    // SAFETY: TIOCGPTN writes one int into a live local.
    check_int(unsafe { libc::ioctl(master.number(), libc::TIOCGPTN as _, &mut number) })?;
    let mut buffer = [0u8; 32];
    fd::open(cstr::numbered(&mut buffer, b"/dev/pts/", number), flags, 0)
}
