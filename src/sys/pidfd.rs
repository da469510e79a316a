//! A process as a descriptor: names one process forever, whatever happens to
//! its pid (Linux 5.1 and later).

use super::fd::OwnedFd;
use super::{Errno, Result, check, check_int};
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

// The same on every architecture.
const SYS_PIDFD_SEND_SIGNAL: libc::c_long = 424;
const SYS_PIDFD_OPEN: libc::c_long = 434;

/// A descriptor, close-on-exec, for a process that has not been reaped.
/// Since Linux 5.3.
pub fn open(pid: i32) -> Result<OwnedFd> {
    open_with(pid, 0)
}

/// The same for one thread. Since Linux 6.9.
pub fn open_thread(thread: i32) -> Result<OwnedFd> {
    open_with(thread, libc::O_EXCL as u32)
}

fn open_with(pid: i32, flags: u32) -> Result<OwnedFd> {
    if cfg!(feature = "no-probes") {
        return Err(Errno::ENOSYS);
    }
    // SAFETY: numbers only.
    let fd = check(unsafe { libc::syscall(SYS_PIDFD_OPEN, pid, flags) } as i64)?;
    Ok(OwnedFd::own_above(fd as i32))
}

/// Whether the kernel, and the sandbox in front of it, has them at all.
static THERE: AtomicU8 = AtomicU8::new(if cfg!(feature = "no-probes") { NO } else { UNKNOWN });
const UNKNOWN: u8 = 0;
const YES: u8 = 1;
const NO: u8 = 2;

/// Finds out, at the first call, by making one for the process itself.
pub fn available() -> bool {
    if THERE.load(Relaxed) == UNKNOWN {
        match open(super::host::pid()) {
            Ok(_) => THERE.store(YES, Relaxed),
            Err(errno) if errno.means_unsupported() => THERE.store(NO, Relaxed),
            // Out of descriptors or memory: ask again another time.
            Err(_) => {}
        }
    }
    THERE.load(Relaxed) != NO
}

/// ESRCH once the process has been reaped, whatever process has its pid by then.
pub fn send_signal(pidfd: i32, signal: i32) -> Result<()> {
    send(pidfd, signal, 0)
}

const TO_PROCESS_GROUP: u32 = 1 << 2;

/// To the members of the group that this process leads or has led: the group
/// itself is named, not its number. Since Linux 6.9.
pub fn send_signal_to_group(pidfd: i32, signal: i32) -> Result<()> {
    send(pidfd, signal, TO_PROCESS_GROUP)
}

/// Whether the kernel has that. Found out once, by a signal 0 to the process's own
/// group, which is not sent.
pub fn signals_groups() -> bool {
    if SIGNALS_GROUPS.load(Relaxed) == UNKNOWN {
        let Ok(own) = open(super::host::pid()) else { return false };
        let there = match send_signal_to_group(own.number(), 0) {
            // ESRCH: this process leads no group.
            Ok(()) | Err(Errno::ESRCH) => YES,
            Err(_) => NO,
        };
        SIGNALS_GROUPS.store(there, Relaxed);
    }
    SIGNALS_GROUPS.load(Relaxed) == YES
}

static SIGNALS_GROUPS: AtomicU8 = AtomicU8::new(UNKNOWN);

fn send(pidfd: i32, signal: i32, flags: u32) -> Result<()> {
    let none = core::ptr::null::<libc::siginfo_t>();
    // SAFETY: numbers and a NULL siginfo, which means "as kill(2) would".
    let sent = unsafe { libc::syscall(SYS_PIDFD_SEND_SIGNAL, pidfd, signal, none, flags) };
    check(sent as i64).map(drop)
}

/// The first version of the kernel's struct pidfd_info (64 bytes).
#[repr(C)]
#[derive(Default)]
struct PidfdInfo {
    mask: u64,
    cgroup: u64,
    pids_and_ids: [u32; 11],
    exit_code: i32,
}

const PIDFD_INFO_EXIT: u64 = 1 << 3;
/// _IOWR(0xFF, 11, struct pidfd_info), the generic encoding.
const PIDFD_GET_INFO: u64 = (3 << 30) | ((size_of::<PidfdInfo>() as u64) << 16) | (0xFF << 8) | 11;

/// The kernel's record of a process that other code has reaped.
pub enum Record {
    /// The wait status word.
    Word(i32),
    /// It will, in a moment: the task that reaps hides the child from waitid first.
    NotYet,
    /// It never does (before Linux 6.15).
    Nothing,
}

/// Asks once; does not sleep.
pub fn exit_record(pidfd: i32) -> Record {
    let mut info = PidfdInfo { mask: PIDFD_INFO_EXIT, ..Default::default() };
    // SAFETY: the request names the size of `info`, which is live; the kernel
    // writes no more than that. On a kernel without it: ENOTTY or EINVAL.
    match check_int(unsafe { libc::ioctl(pidfd, PIDFD_GET_INFO as _, &raw mut info) }) {
        Ok(_) if info.mask & PIDFD_INFO_EXIT != 0 => Record::Word(info.exit_code),
        Ok(_) => Record::NotYet,
        Err(_) => Record::Nothing,
    }
}

/// Whether `exit_record` can be had here: asked of the process itself.
pub fn tells_exits() -> bool {
    let Ok(own) = open(super::host::pid()) else { return false };
    matches!(exit_record(own.number()), Record::NotYet)
}

/// The status word, or none. The task that reaps may need this CPU: from the 50th
/// look on, sleeps between two looks (20 µs were enough on Linux 7.2).
pub fn exit_word(pidfd: i32) -> Option<i32> {
    for look in 0..600 {
        match exit_record(pidfd) {
            Record::Word(word) => return Some(word),
            Record::Nothing => return None,
            Record::NotYet if look < 50 => {}
            Record::NotYet => super::poll::pause(),
        }
    }
    None
}
