//! The less common settings of a command.

use crate::{Command, Signal, ffi};
use std::ffi::c_int;
use std::os::fd::{OwnedFd, RawFd};
use std::sync::Arc;

/// Less common settings.
impl Command {
    /// Sets or clears a flag.
    pub(crate) fn flag(&mut self, flag: u64, on: bool) -> &mut Command {
        self.flags = if on { self.flags | flag } else { self.flags & !flag };
        self
    }

    /// Searches the program along the PATH of the child's own environment.
    pub fn search_child_path(&mut self) -> &mut Command {
        self.search = ffi::CHLD_SEARCH_CHILD;
        self
    }

    /// Does not search the program: its name is a path.
    pub fn search_nothing(&mut self) -> &mut Command {
        self.search = ffi::CHLD_SEARCH_NONE;
        self
    }

    /// `/bin/sh` runs a file that is executable but not a program, as with `execvp()`.
    pub fn shell_fallback(&mut self, on: bool) -> &mut Command {
        self.flag(ffi::CHLD_SPAWN_SHELL, on)
    }

    /// Puts the child into the process group `group` of this session, or, for 0, makes it
    /// the leader of a new one.
    pub fn process_group(&mut self, group: i32) -> &mut Command {
        self.group = Some(group);
        self
    }

    /// Begins a new session.
    pub fn session(&mut self, on: bool) -> &mut Command {
        self.flag(ffi::CHLD_SPAWN_SESSION, on)
    }

    /// Makes the terminal on its stdin the controlling one of its new session.
    pub fn controlling_terminal(&mut self, on: bool) -> &mut Command {
        self.flag(ffi::CHLD_SPAWN_TERMINAL, on)
    }

    /// Puts its group into the foreground of its terminal.
    pub fn foreground(&mut self, on: bool) -> &mut Command {
        self.flag(ffi::CHLD_SPAWN_FOREGROUND, on)
    }

    /// The size of its pseudo-terminal: see [`Stdio::pty`](crate::Stdio::pty).
    pub fn pty_size(&mut self, rows: u16, columns: u16) -> &mut Command {
        self.pty_size = (rows, columns);
        self
    }

    /// Turns the echo of its pseudo-terminal off.
    pub fn pty_no_echo(&mut self, on: bool) -> &mut Command {
        self.flag(ffi::CHLD_SPAWN_PTY_NO_ECHO, on)
    }

    /// Gives it a descriptor more, under this number.
    pub fn fd(&mut self, source: impl Into<OwnedFd>, target: RawFd) -> &mut Command {
        self.fds.push((Arc::new(source.into()), target));
        self
    }

    /// Lets it inherit every descriptor that is not close-on-exec.
    pub fn inherit_fds(&mut self, on: bool) -> &mut Command {
        self.flag(ffi::CHLD_SPAWN_INHERIT_FDS, on)
    }

    /// Starts it in the cgroup whose directory this is. With `own`, nothing else is ever
    /// in that cgroup: killing the tree then kills all of the cgroup.
    pub fn cgroup(&mut self, directory: impl Into<OwnedFd>, own: bool) -> &mut Command {
        self.cgroup = Some(Arc::new(directory.into()));
        self.flag(ffi::CHLD_SPAWN_CGROUP, true).flag(ffi::CHLD_SPAWN_CGROUP_OWN, own)
    }

    /// A resource limit (`RLIMIT_*`). `None` is no limit.
    pub fn limit(&mut self, resource: c_int, soft: Option<u64>, hard: Option<u64>) -> &mut Command {
        let (soft, hard) = (soft.unwrap_or(u64::MAX), hard.unwrap_or(u64::MAX));
        self.limits.push(ffi::chld_limit { resource, reserved: 0, soft, hard });
        self
    }

    /// The CPUs on which it may run.
    pub fn cpus(&mut self, cpus: impl IntoIterator<Item = usize>) -> &mut Command {
        self.cpus = cpus.into_iter().collect();
        self
    }

    /// Its user.
    pub fn uid(&mut self, uid: u32) -> &mut Command {
        self.uid = uid;
        self.flag(ffi::CHLD_SPAWN_UID, true)
    }

    /// Its group.
    pub fn gid(&mut self, gid: u32) -> &mut Command {
        self.gid = gid;
        self.flag(ffi::CHLD_SPAWN_GID, true)
    }

    /// Its supplementary groups.
    pub fn groups(&mut self, groups: impl IntoIterator<Item = u32>) -> &mut Command {
        self.groups = groups.into_iter().collect();
        self.flag(ffi::CHLD_SPAWN_GROUPS, true)
    }

    /// Its umask.
    pub fn umask(&mut self, umask: u32) -> &mut Command {
        self.umask = umask;
        self.flag(ffi::CHLD_SPAWN_UMASK, true)
    }

    /// What is added to its niceness.
    pub fn nice(&mut self, nice: i32) -> &mut Command {
        self.nice = nice;
        self
    }

    /// Neither it nor what it executes gains privileges.
    pub fn no_new_privs(&mut self, on: bool) -> &mut Command {
        self.flag(ffi::CHLD_SPAWN_NO_NEW_PRIVS, on)
    }

    /// The signal that it gets when the thread that started it exits.
    pub fn death_signal(&mut self, signal: impl Into<Signal>) -> &mut Command {
        self.death_signal = signal.into().0;
        self
    }

    /// Dropping the [`Child`](crate::Child) kills it.
    pub fn kill_on_drop(&mut self, on: bool) -> &mut Command {
        self.flag(ffi::CHLD_SPAWN_KILL_ON_CLOSE, on)
    }

    /// The kernel kills it when this program dies (Linux 7.1; see `chld_supports()`).
    pub fn kill_on_death(&mut self, on: bool) -> &mut Command {
        self.flag(ffi::CHLD_SPAWN_KILL_ON_DEATH, on)
    }

    /// No other code of the program can reap it (Linux 7.1).
    pub fn private(&mut self, on: bool) -> &mut Command {
        self.flag(ffi::CHLD_SPAWN_PRIVATE, on)
    }

    /// Orphaned descendants become its own children.
    pub fn subreaper(&mut self, on: bool) -> &mut Command {
        self.flag(ffi::CHLD_SPAWN_SUBREAPER, on)
    }

    /// It ignores these signals and no others.
    pub fn ignored_signals(&mut self, signals: &[Signal]) -> &mut Command {
        (self.signals_mode, self.ignored) = (ffi::CHLD_SIGNALS_IGNORING, bits(signals));
        self
    }

    /// It ignores what this process ignores, SIGPIPE and SIGCHLD included.
    pub fn inherit_ignored_signals(&mut self) -> &mut Command {
        self.signals_mode = ffi::CHLD_SIGNALS_INHERIT;
        self
    }

    /// It blocks these signals.
    pub fn blocked_signals(&mut self, signals: &[Signal]) -> &mut Command {
        (self.mask_mode, self.blocked) = (ffi::CHLD_MASK_BLOCKED, bits(signals));
        self
    }

    /// It blocks what the calling thread blocks.
    pub fn inherit_signal_mask(&mut self) -> &mut Command {
        self.mask_mode = ffi::CHLD_MASK_INHERIT;
        self
    }

    /// Signals that have their default disposition in it in any case.
    pub fn reset_signals(&mut self, signals: &[Signal]) -> &mut Command {
        self.reset = bits(signals);
        self
    }
}

fn bits(signals: &[Signal]) -> u64 {
    let numbers = signals.iter().filter(|signal| (1..=64).contains(&signal.0));
    numbers.fold(0, |bits, signal| bits | 1 << (signal.0 - 1))
}

impl std::fmt::Debug for ffi::chld_limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "resource {}: {} of {}", self.resource, self.soft, self.hard)
    }
}
