//! System calls for the child's half: straight into the kernel, with no libc
//! function between. Between clone and exec the child shares its parent's
//! memory, in which another thread may hold any lock of libc's, and its errno;
//! a raw call touches neither.
//!
//! Every function here is async-signal-safe for that same reason.

use super::arch;
use super::cstr::StrList;
use super::limit::Limit;
use super::{Errno, Result};
use core::ffi::CStr;
use core::sync::atomic::AtomicI32;

/// The kernel's signal set: one bit per signal, signal 1 lowest.
pub const SIGSET_BYTES: usize = 8;

/// What the kernel put in the result register: a value, or a negated errno.
fn answer(result: isize) -> Result<usize> {
    if (-4095..0).contains(&result) { Err(Errno(-result as i32)) } else { Ok(result as usize) }
}

/// A call whose arguments are all numbers: whatever they are, the kernel checks
/// them, and no memory of this process is read or written.
fn numbers(number: i64, a: [usize; 6]) -> Result<usize> {
    // SAFETY: no argument is a pointer, by the contract of this function, which
    // is private to this file and called with constants' numbers only.
    answer(unsafe { arch::call(number, a) })
}

pub fn exit(code: i32) -> ! {
    loop {
        let _ = numbers(libc::SYS_exit_group as i64, [code as usize, 0, 0, 0, 0, 0]);
    }
}

/// Writes all of them by one call, in this machine's order.
pub fn write_words(fd: i32, words: &[AtomicI32]) -> Result<usize> {
    let a = [fd as usize, words.as_ptr() as usize, size_of_val(words), 0, 0, 0];
    // SAFETY: the kernel reads a live slice of that size. A word that changes
    // meanwhile is an atomic.
    answer(unsafe { arch::call(libc::SYS_write as i64, a) })
}

pub fn write(fd: i32, bytes: &[u8]) -> Result<usize> {
    let a = [fd as usize, bytes.as_ptr() as usize, bytes.len(), 0, 0, 0];
    // SAFETY: the kernel reads at most `bytes.len()` bytes of a live slice.
    answer(unsafe { arch::call(libc::SYS_write as i64, a) })
}

/// Reads once; 0 at the end.
pub fn read(fd: i32, buffer: &mut [u8]) -> Result<usize> {
    let a = [fd as usize, buffer.as_mut_ptr() as usize, buffer.len(), 0, 0, 0];
    // SAFETY: the kernel writes at most that many bytes into a live slice.
    answer(unsafe { arch::call(libc::SYS_read as i64, a) })
}

pub fn close(fd: i32) -> Result<()> {
    numbers(libc::SYS_close as i64, [fd as usize, 0, 0, 0, 0, 0]).map(drop)
}

/// Makes `to` a copy of `from` that stays open across exec. They must differ.
pub fn dup_onto(from: i32, to: i32) -> Result<()> {
    // dup3, not dup2: newer architectures have only this one.
    numbers(libc::SYS_dup3 as i64, [from as usize, to as usize, 0, 0, 0, 0]).map(drop)
}

/// A close-on-exec copy of `from` at the lowest free number from `least` on.
pub fn dup_above(from: i32, least: i32) -> Result<i32> {
    let a = [from as usize, libc::F_DUPFD_CLOEXEC as usize, least as usize, 0, 0, 0];
    numbers(SYS_FCNTL, a).map(|fd| fd as i32)
}

pub fn set_close_on_exec(fd: i32, on: bool) -> Result<()> {
    let flag = if on { libc::FD_CLOEXEC as usize } else { 0 };
    numbers(SYS_FCNTL, [fd as usize, libc::F_SETFD as usize, flag, 0, 0, 0]).map(drop)
}

pub const CLOSE_RANGE_UNSHARE: u32 = 2;
pub const CLOSE_RANGE_CLOEXEC: u32 = 4;
/// 436 on every architecture that this library knows; since Linux 5.9.
const SYS_CLOSE_RANGE: i64 = 436;

pub fn close_range(first: u32, last: u32, flags: u32) -> Result<()> {
    if cfg!(feature = "no-probes") {
        return Err(Errno::ENOSYS);
    }
    let a = [first as usize, last as usize, flags as usize, 0, 0, 0];
    numbers(SYS_CLOSE_RANGE, a).map(drop)
}

/// Gives this process a descriptor table of its own.
pub fn unshare_descriptors() -> Result<()> {
    let a = [libc::CLONE_FILES as usize, 0, 0, 0, 0, 0];
    numbers(libc::SYS_unshare as i64, a).map(drop)
}

pub fn open(path: &CStr, flags: i32) -> Result<i32> {
    open_at(libc::AT_FDCWD, path, flags)
}

/// The same, below an open directory.
pub fn open_at(directory: i32, path: &CStr, flags: i32) -> Result<i32> {
    let flags = (flags | libc::O_LARGEFILE) as usize;
    let a = [directory as usize, path.as_ptr() as usize, flags, 0, 0, 0];
    // SAFETY: `path` is a live NUL-terminated string; the flags create nothing,
    // so there is no mode to pass.
    answer(unsafe { arch::call(libc::SYS_openat as i64, a) }).map(|fd| fd as i32)
}

#[repr(align(8))]
pub struct DirectoryBuffer(pub [u8; 1024]);

/// Fills `buffer` with directory entries as the kernel lays them out, and returns
/// the number of bytes; 0 at the end of the directory.
pub fn read_directory(fd: i32, buffer: &mut DirectoryBuffer) -> Result<usize> {
    let a = [fd as usize, buffer.0.as_mut_ptr() as usize, buffer.0.len(), 0, 0, 0];
    // SAFETY: the kernel writes at most that many bytes into a live array whose
    // alignment is that of its entries.
    answer(unsafe { arch::call(libc::SYS_getdents64 as i64, a) })
}

pub fn setsid() -> Result<()> {
    numbers(libc::SYS_setsid as i64, [0; 6]).map(drop)
}

/// Moves this process into group `group`, or into one of its own if that is 0.
pub fn join_group(group: i32) -> Result<()> {
    numbers(libc::SYS_setpgid as i64, [0, group as usize, 0, 0, 0, 0]).map(drop)
}

pub fn chdir(path: &CStr) -> Result<()> {
    let a = [path.as_ptr() as usize, 0, 0, 0, 0, 0];
    // SAFETY: `path` is a live NUL-terminated string.
    answer(unsafe { arch::call(libc::SYS_chdir as i64, a) }).map(drop)
}

pub fn fchdir(fd: i32) -> Result<()> {
    numbers(libc::SYS_fchdir as i64, [fd as usize, 0, 0, 0, 0, 0]).map(drop)
}

/// Makes the terminal `fd` the controlling one of this session.
pub fn make_controlling(fd: i32) -> Result<()> {
    ioctl(fd, libc::TIOCSCTTY as usize, 0)
}

/// The terminal of this process while its group is in the foreground there, and
/// the group that was there before.
#[derive(Clone, Copy)]
pub struct Foreground {
    terminal: i32,
    before: i32,
}

/// Who has the terminal of this process now. What is returned has a descriptor open,
/// which closes at exec.
pub fn foreground() -> Result<Foreground> {
    let terminal = open(c"/dev/tty", libc::O_RDWR | libc::O_CLOEXEC)?;
    let mut before = 0i32;
    // SAFETY: TIOCGPGRP writes one pid into a live local; `ioctl` passes the
    // address on as it is.
    let asked = ioctl(terminal, libc::TIOCGPGRP as usize, &raw mut before as usize);
    let foreground = Foreground { terminal, before };
    asked.map(|()| foreground).inspect_err(|_| forget_foreground(foreground))
}

/// Puts this process's group into the foreground of its terminal.
pub fn take_foreground() -> Result<Foreground> {
    let foreground = foreground()?;
    numbers(libc::SYS_getpgid as i64, [0; 6])
        .and_then(|own| set_foreground(foreground.terminal, own as i32))
        .map(|()| foreground)
        .inspect_err(|_| forget_foreground(foreground))
}

/// Closes the descriptor.
pub fn forget_foreground(Foreground { terminal, .. }: Foreground) {
    let _ = close(terminal);
}

/// Puts the group back that was there before, if it still exists.
pub fn give_back_foreground(Foreground { terminal, before }: Foreground) {
    if before > 0 {
        let _ = set_foreground(terminal, before);
    }
}

fn set_foreground(terminal: i32, group: i32) -> Result<()> {
    // SAFETY: TIOCSPGRP reads one pid from a live local; `ioctl` passes the
    // address on as it is.
    ioctl(terminal, libc::TIOCSPGRP as usize, &raw const group as usize)
}

fn ioctl(fd: i32, request: usize, argument: usize) -> Result<()> {
    numbers(libc::SYS_ioctl as i64, [fd as usize, request, argument, 0, 0, 0]).map(drop)
}

/// Moves this process into the cgroup whose directory is open at `directory`.
pub fn enter_cgroup(directory: i32) -> Result<()> {
    let procs = open_at(directory, c"cgroup.procs", libc::O_WRONLY | libc::O_CLOEXEC)?;
    let moved = write(procs, b"0");
    let _ = close(procs);
    moved.map(drop)
}

pub fn set_limit(limit: &Limit) -> Result<()> {
    // The kernel's struct rlimit64, on every architecture.
    let new = [limit.soft, limit.hard];
    let a = [0, limit.resource as usize, new.as_ptr() as usize, 0, 0, 0];
    // SAFETY: reads 16 bytes from a live local; the old limit is not asked for.
    answer(unsafe { arch::call(libc::SYS_prlimit64 as i64, a) }).map(drop)
}

/// Adds to the niceness, within what there is.
pub fn add_niceness(more: i32) -> Result<()> {
    let process = libc::PRIO_PROCESS as usize;
    // The raw call answers 20 - niceness, so that no value looks like an error.
    let now = numbers(libc::SYS_getpriority as i64, [process, 0, 0, 0, 0, 0])? as i32;
    let new = 20i32.wrapping_sub(now).saturating_add(more).clamp(-20, 19);
    numbers(libc::SYS_setpriority as i64, [process, 0, new as usize, 0, 0, 0]).map(drop)
}

pub fn set_affinity(cpus: &[u8]) -> Result<()> {
    let a = [0, cpus.len(), cpus.as_ptr() as usize, 0, 0, 0];
    // SAFETY: reads `len` bytes of a live slice.
    answer(unsafe { arch::call(libc::SYS_sched_setaffinity as i64, a) }).map(drop)
}

pub fn setgroups(groups: &[u32]) -> Result<()> {
    let a = [groups.len(), groups.as_ptr() as usize, 0, 0, 0, 0];
    // SAFETY: reads `len` ids of a live slice.
    answer(unsafe { arch::call(SYS_SETGROUPS, a) }).map(drop)
}

/// Real, effective and saved at once. The raw call: libc's would change every
/// thread of the parent, whose list this process shares.
pub fn setgid(gid: u32) -> Result<()> {
    let gid = gid as usize;
    numbers(SYS_SETRESGID, [gid, gid, gid, 0, 0, 0]).map(drop)
}

/// The same for the user.
pub fn setuid(uid: u32) -> Result<()> {
    let uid = uid as usize;
    numbers(SYS_SETRESUID, [uid, uid, uid, 0, 0, 0]).map(drop)
}

pub fn umask(mask: u32) {
    let _ = numbers(libc::SYS_umask as i64, [mask as usize, 0, 0, 0, 0, 0]);
}

pub fn forbid_new_privileges() -> Result<()> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1)
}

/// Sent to this process when the thread that started it dies.
pub fn set_death_signal(signal: i32) -> Result<()> {
    prctl(libc::PR_SET_PDEATHSIG, signal as usize)
}

fn prctl(option: i32, argument: usize) -> Result<()> {
    numbers(libc::SYS_prctl as i64, [option as usize, argument, 0, 0, 0, 0]).map(drop)
}

/// Waits until child `pid` exits, which is near, and forgets its status.
pub fn reap(pid: i32) {
    // Others would mean any child.
    if pid > 1 {
        let a = [pid as usize, 0, libc::__WALL as usize, 0, 0, 0];
        while numbers(libc::SYS_wait4 as i64, a) == Err(Errno::EINTR) {}
    }
}

/// Or less, if a signal comes.
pub fn sleep_a_millisecond() {
    // The kernel's old timespec: two longs.
    let time = [0isize, 1_000_000];
    let a = [time.as_ptr() as usize, 0, 0, 0, 0, 0];
    // SAFETY: reads two words from a live local; what is left is not asked for.
    let _ = answer(unsafe { arch::call(libc::SYS_nanosleep as i64, a) });
}

pub fn pid() -> i32 {
    numbers(libc::SYS_getpid as i64, [0; 6]).map_or(0, |pid| pid as i32)
}

pub fn thread() -> i32 {
    numbers(libc::SYS_gettid as i64, [0; 6]).map_or(0, |thread| thread as i32)
}

pub fn parent() -> i32 {
    numbers(libc::SYS_getppid as i64, [0; 6]).map_or(0, |pid| pid as i32)
}

/// Whether anything is at `path`, whatever its permissions; else why it cannot be
/// found.
pub fn exists(path: &CStr) -> Result<()> {
    access(path, libc::F_OK)
}

/// A directory may also be "executed".
pub fn may_execute(path: &CStr) -> Result<()> {
    access(path, libc::X_OK)
}

fn access(path: &CStr, mode: i32) -> Result<()> {
    let a = [libc::AT_FDCWD as usize, path.as_ptr() as usize, mode as usize, 0, 0, 0];
    // SAFETY: `path` is a live NUL-terminated string.
    answer(unsafe { arch::call(libc::SYS_faccessat as i64, a) }).map(drop)
}

pub fn is_directory(path: &CStr) -> bool {
    let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC;
    open(path, flags).is_ok_and(|fd| close(fd).is_ok())
}

/// Sends a signal to a child that has not been reaped.
pub fn kill(pid: i32, signal: i32) {
    // Others than processes of their own would be meant by 1, 0 and below.
    if pid > 1 {
        let _ = numbers(libc::SYS_kill as i64, [pid as usize, signal as usize, 0, 0, 0, 0]);
    }
}

/// Replaces the calling thread's signal mask by `bits`.
pub fn set_mask(bits: u64) -> Result<()> {
    exchange_mask(bits).map(drop)
}

/// The calling thread's signal mask.
pub fn mask() -> Result<u64> {
    change_mask(libc::SIG_SETMASK, core::ptr::null())
}

/// Replaces it, and returns the mask that was there.
pub fn exchange_mask(bits: u64) -> Result<u64> {
    change_mask(libc::SIG_SETMASK, &bits)
}

/// Adds `bits` to the mask; returns the mask that was there.
pub fn block(bits: u64) -> Result<u64> {
    change_mask(libc::SIG_BLOCK, &bits)
}

fn change_mask(how: i32, new: *const u64) -> Result<u64> {
    let mut old = 0u64;
    let a = [how as usize, new as usize, &raw mut old as usize, SIGSET_BYTES, 0, 0];
    // SAFETY: reads one kernel signal set from a live local, or none, and writes
    // another to one.
    answer(unsafe { arch::call(libc::SYS_rt_sigprocmask as i64, a) })?;
    Ok(old)
}

/// The signals that are blocked and wait, for this thread or for the process.
pub fn pending() -> Result<u64> {
    let mut bits = 0u64;
    let a = [&raw mut bits as usize, SIGSET_BYTES, 0, 0, 0, 0];
    // SAFETY: writes one kernel signal set into a live local.
    answer(unsafe { arch::call(libc::SYS_rt_sigpending as i64, a) })?;
    Ok(bits)
}

/// The signals that stop a process, and can be blocked.
pub const STOP_SIGNALS: u64 =
    1 << (libc::SIGTSTP - 1) | 1 << (libc::SIGTTIN - 1) | 1 << (libc::SIGTTOU - 1);

/// Takes one of the signals in `bits` that waits, if one does. They must be
/// blocked.
pub fn take_pending(bits: u64) -> Option<i32> {
    // Two words of zero: no time at all, in either width of a timespec.
    let no_time = [0i64; 2];
    let (set, time) = (&raw const bits as usize, &raw const no_time as usize);
    let a = [set, 0, time, SIGSET_BYTES, 0, 0];
    // SAFETY: reads one kernel signal set and one timespec from live locals; no
    // siginfo is asked for.
    let taken = answer(unsafe { arch::call(libc::SYS_rt_sigtimedwait as i64, a) });
    taken.ok().map(|signal| signal as i32)
}

/// Orphaned descendants of this process become its children; stays so over
/// exec. Since Linux 3.4.
pub fn set_subreaper() -> Result<()> {
    prctl(libc::PR_SET_CHILD_SUBREAPER, 1)
}

/// The kernel's struct sigaction. Its members come in other orders on other
/// architectures, but the handler is first everywhere this library runs, and
/// all-zero is SIG_DFL everywhere.
#[repr(C)]
#[derive(Default)]
struct KernelSigaction {
    handler: usize,
    rest: [u64; 4],
}

/// Whether a handler function is installed for `signal`.
pub fn has_handler(signal: i32) -> bool {
    let handler = handler_of(signal);
    handler != libc::SIG_DFL && handler != libc::SIG_IGN
}

pub fn is_default(signal: i32) -> bool {
    handler_of(signal) == libc::SIG_DFL
}

fn handler_of(signal: i32) -> usize {
    let mut now = KernelSigaction::default();
    let a = [signal as usize, 0, &raw mut now as usize, SIGSET_BYTES, 0, 0];
    // SAFETY: writes one kernel sigaction, at most 32 bytes, into a live local
    // of 40.
    let _ = answer(unsafe { arch::call(libc::SYS_rt_sigaction as i64, a) });
    now.handler
}

/// From now on `signal` interrupts nothing: a handler that does nothing runs for
/// it, on the alternate stack. Exec takes the handler away.
pub fn catch(signal: i32) {
    const SA_RESTORER: usize = 0x0400_0000;
    let handler = arch::empty_handler();
    let flags = libc::SA_SIGINFO as usize | libc::SA_ONSTACK as usize | SA_RESTORER;
    // Handler, flags, restorer where there is one, mask. x86_64 wants the
    // restorer, which nobody calls. Everything is blocked meanwhile.
    let restorer = if cfg!(target_arch = "riscv64") { !0 } else { handler };
    let new = [handler, flags, restorer, !0, !0, 0];
    let a = [signal as usize, new.as_ptr() as usize, 0, SIGSET_BYTES, 0, 0];
    // SAFETY: reads one kernel sigaction from a live local that is larger. The
    // handler keeps every register.
    let _ = answer(unsafe { arch::call(libc::SYS_rt_sigaction as i64, a) });
}

/// What is left of this process's stack above `bottom` becomes its alternate
/// stack. Nothing that is called later may need more than 1 KB.
#[inline(never)]
pub fn use_rest_of_stack(bottom: usize) -> Result<()> {
    let here = 0u8;
    let top = (&raw const here as usize).wrapping_sub(1024);
    // The kernel's stack_t: where, flags, size.
    let stack = [bottom, 0, top.saturating_sub(bottom)];
    let a = [stack.as_ptr() as usize, 0, 0, 0, 0, 0];
    // SAFETY: reads one stack_t from a live local. The memory is the lower part
    // of this process's own stack, which nobody else uses.
    answer(unsafe { arch::call(libc::SYS_sigaltstack as i64, a) }).map(drop)
}

/// Gives `signal` its default disposition. No restorer is needed: no handler
/// will run.
pub fn set_default(signal: i32) -> Result<()> {
    let default = KernelSigaction::default();
    let a = [signal as usize, &raw const default as usize, 0, SIGSET_BYTES, 0, 0];
    // SAFETY: reads one kernel sigaction from a live local that is larger.
    answer(unsafe { arch::call(libc::SYS_rt_sigaction as i64, a) }).map(drop)
}

pub fn set_ignored(signal: i32) -> Result<()> {
    let ignore = KernelSigaction { handler: libc::SIG_IGN, rest: [0; 4] };
    let a = [signal as usize, &raw const ignore as usize, 0, SIGSET_BYTES, 0, 0];
    // SAFETY: as in `set_default`.
    answer(unsafe { arch::call(libc::SYS_rt_sigaction as i64, a) }).map(drop)
}

/// As `execve`, with the program open at `fd`. Since Linux 3.19.
pub fn exec_descriptor(fd: i32, argv: StrList, env: StrList) -> Errno {
    let (path, flags) = (c"".as_ptr() as usize, libc::AT_EMPTY_PATH as usize);
    let a = [fd as usize, path, argv.as_ptr() as usize, env.as_ptr() as usize, flags, 0];
    // SAFETY: as in `execve`; the path is a constant.
    match answer(unsafe { arch::call(libc::SYS_execveat as i64, a) }) {
        Err(errno) => errno,
        Ok(_) => Errno::EINVAL,
    }
}

/// Becomes another program; returns only the reason why it could not.
pub fn execve(path: &CStr, argv: StrList, env: StrList) -> Errno {
    let a = [path.as_ptr() as usize, argv.as_ptr() as usize, env.as_ptr() as usize, 0, 0, 0];
    // SAFETY: a live string and two NULL-terminated lists of live strings, by
    // the invariants of their types.
    match answer(unsafe { arch::call(libc::SYS_execve as i64, a) }) {
        Err(errno) => errno,
        Ok(_) => Errno::EINVAL, // execve never returns a success
    }
}

// 32-bit Arm still has calls for 16-bit ids and 32-bit offsets under the plain
// names.
#[cfg(target_pointer_width = "64")]
mod numbers {
    pub const SYS_FCNTL: i64 = libc::SYS_fcntl as i64;
    pub const SYS_SETGROUPS: i64 = libc::SYS_setgroups as i64;
    pub const SYS_SETRESGID: i64 = libc::SYS_setresgid as i64;
    pub const SYS_SETRESUID: i64 = libc::SYS_setresuid as i64;
}
#[cfg(target_pointer_width = "32")]
mod numbers {
    pub const SYS_FCNTL: i64 = libc::SYS_fcntl64 as i64;
    pub const SYS_SETGROUPS: i64 = libc::SYS_setgroups32 as i64;
    pub const SYS_SETRESGID: i64 = libc::SYS_setresgid32 as i64;
    pub const SYS_SETRESUID: i64 = libc::SYS_setresuid32 as i64;
}
use numbers::*;
