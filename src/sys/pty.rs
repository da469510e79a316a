//! Pseudo-terminals.

use super::fd::{self, OwnedFd};
use super::{Result, check_int};
use crate::sys::cstr;

/// Opens a pair: (the master, the child's side), with a window of `rows` and
/// `columns` (0: unknown). Neither becomes anybody's controlling terminal here.
pub fn open([rows, columns]: [u16; 2]) -> Result<(OwnedFd, OwnedFd)> {
    let flags = libc::O_RDWR | libc::O_NOCTTY;
    let master = fd::open(c"/dev/ptmx", flags, 0)?;
    let unlock = 0i32;
    // SAFETY: TIOCSPTLCK reads one int from a live local.
    check_int(unsafe { libc::ioctl(master.number(), libc::TIOCSPTLCK as _, &unlock) })?;
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCSWINSZ reads one winsize from a live local.
    check_int(unsafe { libc::ioctl(master.number(), libc::TIOCSWINSZ as _, &size) })?;
    let slave = peer(&master, flags)?;
    Ok((master, slave))
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
