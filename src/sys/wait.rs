//! waitid, with the fifth argument that libc's own function hides: the kernel
//! gives the figures of rusage in the same call, of this child alone.

use super::hook::{self, Point};
use super::{Errno, Result, check};
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The children that a call asks about.
#[derive(Clone, Copy)]
pub enum WaitId {
    Pid(i32),
    Pidfd(i32),
    /// Any child of the process. For peeking only: what is found there is
    /// reaped by its own pid, or not at all.
    Any,
}

impl WaitId {
    /// By pidfd if there is one and waitid takes it.
    pub fn best(pid: i32, pidfd: Option<i32>) -> WaitId {
        match pidfd {
            Some(fd) if KNOWS_PIDFD.load(Relaxed) => WaitId::Pidfd(fd),
            _ => WaitId::Pid(pid),
        }
    }
}

/// Cleared when the kernel turns out not to know P_PIDFD (before Linux 5.4).
static KNOWS_PIDFD: AtomicBool = AtomicBool::new(true);

/// waitid has refused P_PIDFD as unknown.
pub fn forget_pidfd() {
    KNOWS_PIDFD.store(false, Relaxed);
}

pub const EXITED: i32 = libc::WEXITED;
pub const STOPPED: i32 = libc::WSTOPPED;
pub const CONTINUED: i32 = libc::WCONTINUED;
/// Return at once, even when nothing has happened.
pub const NO_HANG: i32 = libc::WNOHANG;
/// Report, but leave the child waitable: look first, reap last.
pub const PEEK: i32 = libc::WNOWAIT;

/// The kernel's struct rusage for this call: longs, on every architecture.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Rusage {
    pub user_time: [isize; 2],
    pub system_time: [isize; 2],
    pub max_resident: isize,
    pub unused_sizes: [isize; 3],
    pub minor_faults: isize,
    pub major_faults: isize,
    pub unused_swaps: isize,
    pub blocks_in: isize,
    pub blocks_out: isize,
    pub unused_messages: [isize; 3],
    pub voluntary_switches: isize,
    pub involuntary_switches: isize,
}

/// Something that happened to a child.
#[derive(Clone, Copy)]
pub struct Change {
    pub pid: i32,
    /// CLD_EXITED, CLD_KILLED, …
    pub code: i32,
    /// The exit code or the signal, as `code` shows.
    pub status: i32,
    pub usage: Rusage,
}

/// Children that raise another signal than SIGCHLD when they exit, or none, are
/// children, too. Since Linux 4.7.
static KNOWS_ALL: AtomicBool = AtomicBool::new(true);

/// `None`: nothing has happened yet (with NO_HANG only).
pub fn waitid(wait_id: WaitId, options: i32) -> Result<Option<Change>> {
    if KNOWS_ALL.load(Relaxed) {
        match ask(wait_id, options | libc::__WALL) {
            // Or P_PIDFD is not known: the caller finds that out by itself.
            Err(Errno::EINVAL) if matches!(wait_id, WaitId::Pid(_)) => KNOWS_ALL.store(false, Relaxed),
            answer => return answer,
        }
    }
    ask(wait_id, options)
}

fn ask(wait_id: WaitId, options: i32) -> Result<Option<Change>> {
    let (kind, id) = match wait_id {
        // 0 would mean "of my group", and 1 is nobody's child.
        WaitId::Pid(pid) if pid <= 1 => return Err(Errno::ECHILD),
        WaitId::Pid(pid) => (libc::P_PID, pid),
        WaitId::Pidfd(fd) => (libc::P_PIDFD, fd),
        WaitId::Any if options & PEEK != 0 => (libc::P_ALL, 0),
        WaitId::Any => return Err(Errno::EINVAL),
    };
    if options & NO_HANG == 0 {
        hook::at(Point::Sleeping);
    }
    let mut told = Told::nothing();
    let mut usage = MaybeUninit::<Rusage>::uninit();
    // SAFETY: the kernel writes one siginfo and one rusage, both live locals of
    // its own layout. `syscall` is no cancellation point.
    let returned = unsafe {
        libc::syscall(libc::SYS_waitid, kind, id, &raw mut told, options, usage.as_mut_ptr())
    };
    check(returned as i64)?;
    let Told { pid, code, status, .. } = told;
    // SAFETY: the kernel has written the usage of a child that it reports.
    let usage = || unsafe { usage.assume_init() };
    Ok((pid != 0).then(|| Change { pid, code, status, usage: usage() }))
}

/// The kernel's siginfo, as it reports a child on every architecture that this
/// library knows. No more than these members is written, or has to be zeroed.
#[repr(C)]
struct Told {
    signo: i32,
    errno: i32,
    code: i32,
    #[cfg(target_pointer_width = "64")]
    padding: i32,
    pid: i32,
    uid: u32,
    status: i32,
    rest: MaybeUninit<[u8; 104]>,
}

const _: () = assert!(size_of::<Told>() >= size_of::<libc::siginfo_t>());

impl Told {
    fn nothing() -> Told {
        Told {
            signo: 0,
            errno: 0,
            code: 0,
            #[cfg(target_pointer_width = "64")]
            padding: 0,
            pid: 0,
            uid: 0,
            status: 0,
            rest: MaybeUninit::uninit(),
        }
    }
}
