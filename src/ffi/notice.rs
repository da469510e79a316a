use super::options::FLAGS;
use super::spawn_options::{
    CHLD_SPAWN_KILL_ON_DEATH, CHLD_SPAWN_NO_NEW_PRIVS, CHLD_SPAWN_PRIVATE,
};
use super::status::chld_status;
use super::{quietly, to_c, write_out};
use crate::children::all;
use crate::set::life::{self, Engine};
use crate::notify::{foreign, program, surroundings};
use crate::start::birth;
use crate::sys::Errno;
use core::ffi::{c_int, c_void};

/// The handler only sets the flag and pokes the pipe. Your program reaps by its own
/// calls.
pub const CHLD_SIGCHLD_NOTIFY: u32 = 1;

/// Installs a SIGCHLD handler that reaps the children of this library as soon as they
/// exit, and no other children.
///
/// `flags`: 0, or CHLD_SIGCHLD_NOTIFY.
///
/// The statuses are kept: chld_peek() and chld_wait() return them at any later time. A
/// program that calls nothing else collects no zombies.
///
/// The handler that was there before is still called, as it asked to be (SA_SIGINFO,
/// mask, SA_NOCLDSTOP). The handler leaves errno as it was, even if the earlier one does
/// not. System calls that SIGCHLD interrupts are restarted as with SA_RESTART (see
/// signal(7): read() and waitpid(), but never poll(), select(), epoll_wait() or
/// nanosleep()), unless an earlier handler was installed without that flag. The handler
/// needs 4 KB of stack.
///
/// The handler is installed once. A handler that other code installs over it later must
/// call it: if it does not, chld_environment() reports CHLD_ENV_HANDLER_OVERWRITTEN. If
/// the disposition has become SIG_DFL or SIG_IGN, a call installs the handler anew.
/// Calling this again changes the mode.
///
/// At least one thread must have SIGCHLD unblocked: see chld_environment().
///
/// Returns 0, or
/// -EINVAL: unknown flags.
/// -EMFILE, -ENFILE: no descriptor left for the self-pipe.
/// -ENOMEM, -EAGAIN: no memory left.
///
/// Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
/// Stack: 6 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_sigchld_install(flags: u32) -> c_int {
    quietly(|| {
        if flags & !CHLD_SIGCHLD_NOTIFY != 0 {
            return Err(Errno::EINVAL);
        }
        program::install(flags & CHLD_SIGCHLD_NOTIFY != 0).map(|()| 0)
    })
}

/// Ends what chld_sigchld_install() began, and removes the handler if nothing else needs
/// it.
///
/// The handler stays if another handler lies over it, or if a set, an exit descriptor or
/// a sleeping call needs it. A set, a wait or an exit descriptor may have installed it
/// without chld_sigchld_install(): it stays when that is closed. A later call removes it
/// then. The handler that was installed before is restored.
///
/// Returns 0, or
/// -ENOENT: there is nothing to remove.
///
/// Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
/// Stack: 6 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_sigchld_remove() -> c_int {
    quietly(|| program::remove().map(|()| 0))
}

/// Returns a descriptor that becomes readable with every SIGCHLD, after
/// chld_sigchld_install().
///
/// Poll it, and call chld_sigchld_pending() when it is readable.
///
/// Returns the descriptor, or
/// -ENOENT: the handler is not installed.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
/// Ownership: the descriptor belongs to the library, and chld_sigchld_remove() closes it.
/// Do not read from it and do not close it.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_sigchld_fd() -> c_int {
    quietly(program::pipe)
}

/// Returns whether a SIGCHLD has come since the last call of this function.
///
/// A signal means that one or more children have changed. Look at every child after the
/// call has returned, with chld_reap() or with chld_wait() and timeout 0. Then you miss
/// none.
///
/// Returns 1 or 0, or
/// -ENOENT: the handler is not installed.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_sigchld_pending() -> c_int {
    quietly(|| program::take_pending().map(c_int::from))
}

/// Reaps every child of the library that has exited, and no other children, without
/// waiting.
///
/// Use it to clean up by polling, with or without a handler.
///
/// Returns the number of children whose exit this call was the first to see.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 4 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_reap() -> c_int {
    quietly(|| Ok(c_int::try_from(all::reap()).unwrap_or(c_int::MAX)))
}

/// Exits are detected by pidfd: no handler, no signal.
pub const CHLD_ENGINE_PIDFD: i32 = 1;
/// Exits are detected by SIGCHLD and a self-pipe, if a timeout, a set or an exit
/// descriptor needs it.
pub const CHLD_ENGINE_SIGCHLD: i32 = 2;

/// Returns the mechanism by which waits and sets detect exits, on this kernel and in this
/// sandbox.
///
/// Returns CHLD_ENGINE_PIDFD or CHLD_ENGINE_SIGCHLD.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_engine() -> c_int {
    quietly(|| {
        Ok(match life::engine() {
            Engine::Pidfd => CHLD_ENGINE_PIDFD,
            Engine::Sigchld => CHLD_ENGINE_SIGCHLD,
        })
    })
}

/// SIGCHLD is ignored: the kernel reaps children by itself, and statuses can only be
/// recovered from pidfds, since Linux 6.15.
pub const CHLD_ENV_SIGCHLD_IGNORED: u32 = 1;
/// SA_NOCLDWAIT is set, with the same effect.
pub const CHLD_ENV_NOCLDWAIT: u32 = 2;
/// The calling thread blocks SIGCHLD. This harms the SIGCHLD engine if every thread does.
pub const CHLD_ENV_SIGCHLD_BLOCKED: u32 = 4;
/// The library's handler was installed, and another handler has replaced it or lies over
/// it. If that one does not call the library's handler, SIGCHLD reaches nobody in the
/// library.
pub const CHLD_ENV_HANDLER_OVERWRITTEN: u32 = 8;
/// The kernel or a sandbox offers no pidfd: see chld_engine().
pub const CHLD_ENV_NO_PIDFD: u32 = 16;
/// Descriptor 0, 1 or 2 of this process is closed.
pub const CHLD_ENV_STDIN_CLOSED: u32 = 32;
pub const CHLD_ENV_STDOUT_CLOSED: u32 = 64;
pub const CHLD_ENV_STDERR_CLOSED: u32 = 128;

/// Returns what in this process is in the way of children and their statuses, for a
/// message to a person.
///
/// `ret`: CHLD_ENV_* bits; may be NULL.
///
/// Returns 0, or
/// The errors of sigaction().
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 4 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_environment(ret: *mut u32) -> c_int {
    quietly(|| {
        let found = surroundings::look()?;
        let [stdin, stdout, stderr] = found.closed;
        let bits = [
            (found.ignored, CHLD_ENV_SIGCHLD_IGNORED),
            (found.auto_reaped, CHLD_ENV_NOCLDWAIT),
            (found.blocked, CHLD_ENV_SIGCHLD_BLOCKED),
            (found.overwritten, CHLD_ENV_HANDLER_OVERWRITTEN),
            (found.no_pidfd, CHLD_ENV_NO_PIDFD),
            (stdin, CHLD_ENV_STDIN_CLOSED),
            (stdout, CHLD_ENV_STDOUT_CLOSED),
            (stderr, CHLD_ENV_STDERR_CLOSED),
        ];
        let bits = bits.iter().fold(0, |all, (set, bit)| if *set { all | bit } else { all });
        // SAFETY: NULL or valid, by the header.
        unsafe { write_out(ret, bits) };
        Ok(0)
    })
}

/// Checks whether this system can do what flags of a start ask for.
///
/// `flags`: CHLD_SPAWN_* bits, all that the start will have: CHLD_SPAWN_NO_NEW_PRIVS
/// makes a difference to CHLD_SPAWN_KILL_ON_DEATH.
///
/// Two flags depend on the kernel: CHLD_SPAWN_PRIVATE and CHLD_SPAWN_KILL_ON_DEATH. The
/// others exist everywhere, or a start with them names what is missing.
///
/// Returns 0, or
/// -ENOSYS: the kernel is older than Linux 7.1, or a sandbox refuses clone3.
/// -EPERM: CHLD_SPAWN_KILL_ON_DEATH without CHLD_SPAWN_NO_NEW_PRIVS needs CAP_SYS_ADMIN.
/// -EAGAIN: it cannot be found out now: no memory, at a limit on processes, or in a new
///   PID namespace without its init.
/// -EINVAL: unknown flags.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_supports(flags: u64) -> c_int {
    quietly(|| {
        if flags & !FLAGS != 0 {
            return Err(Errno::EINVAL);
        }
        let has = |flag| flags & flag != 0;
        let kills_on_death = has(CHLD_SPAWN_KILL_ON_DEATH);
        let no_new_privs = has(CHLD_SPAWN_NO_NEW_PRIVS);
        birth::check(has(CHLD_SPAWN_PRIVATE), kills_on_death, no_new_privs).map(|()| 0)
    })
}

/// Makes orphaned descendants children of this process, or ends that.
///
/// `on`: 1 or 0.
///
/// It is meant for supervisors, and for inits that are not pid 1. Call
/// chld_reap_foreign() to reap the orphans.
///
/// Returns 0, or
/// -EINVAL: `on` is neither 0 nor 1.
/// -ENOSYS: the system does not support this. Linux does since 3.4.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 1 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_subreaper(on: c_int) -> c_int {
    quietly(|| match on {
        0 | 1 => foreign::subreaper(on == 1).map(|()| 0),
        _ => Err(Errno::EINVAL),
    })
}

/// Reaps every child of this process that has exited and does not belong to this library.
///
/// `callback`: called for each foreign child, with its pid and status; may be NULL.
/// `argument`: the last argument of `callback`.
///
/// This is the duty of pid 1 and of subreapers. Do not use it in a program in which other
/// code waits for its own children. Children of the library are reaped as well, but keep
/// their statuses for their handles.
///
/// The kernel shows one child that has exited at a time. A child of the library hides
/// foreign children behind it while a call is at work on its exit (a capture,
/// chld_stop()), or while it is between clone and exec. Call this function again
/// afterwards.
///
/// Returns the number of foreign children that were reaped.
///
/// Thread-safe, as the callback is. Async-signal-safe, if the callback is. Never blocks,
/// except in the callback. Not a cancellation point. Stack: 4 KB, and what the callbacks
/// need.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_reap_foreign(
    callback: Option<
        unsafe extern "C" fn(pid: c_int, status: *const chld_status, argument: *mut c_void),
    >,
    argument: *mut c_void,
) -> c_int {
    quietly(|| {
        let count = foreign::reap(|pid, status| {
            if let Some(callback) = callback {
                // SAFETY: the caller's function, called as the header promises.
                unsafe { callback(pid, &to_c(status), argument) };
            }
        });
        Ok(c_int::try_from(count).unwrap_or(c_int::MAX))
    })
}
