//! A start as the caller wants it.

use super::failure::{Failure, Item, NO_ITEM, Reason, Step};
use crate::sys::cstr::{self, StrList};
use crate::sys::{Errno, Result, limit, pty};
use core::cell::OnceCell;
use core::ffi::CStr;

/// Which PATH finds a program without a slash in its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Search {
    ParentPath,
    ChildPath,
    /// The name is a path as it is.
    No,
}

#[derive(Clone, Copy)]
pub enum Stdio<'a> {
    Inherit,
    Null,
    Pipe,
    Fd(i32),
    Path { path: &'a CStr, flags: i32, mode: u32 },
    /// Where the other output stream goes; for stdout and stderr.
    AsOther,
    Closed,
    /// The child's side of a new pseudo-terminal.
    Pty,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Inherit,
    /// A group of its own, with the child as leader.
    New,
    Join(i32),
}

#[derive(Clone, Copy)]
pub enum Cwd<'a> {
    Inherit,
    Path(&'a CStr),
    Fd(i32),
}

/// The parent's descriptor `source` becomes the child's `target`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct FdPair {
    pub source: i32,
    pub target: i32,
}

/// What is blocked in the child.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mask {
    /// `Bits(0)` is the default: nothing.
    Bits(u64),
    /// What the caller has blocked.
    Inherit,
}

/// What the child ignores. Handlers never outlive exec.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Dispositions {
    /// What the caller ignores, except SIGPIPE and SIGCHLD.
    Usual,
    /// What the caller ignores.
    Inherit,
    /// These and no others.
    Ignoring(u64),
}

pub struct Request<'a> {
    pub argv: StrList<'a>,
    pub program: Option<&'a CStr>,
    pub program_fd: Option<i32>,
    pub search: Search,
    /// A file that is no program is a script for /bin/sh.
    pub shell: bool,
    pub env: Option<StrList<'a>>,
    pub env_set: Option<StrList<'a>>,
    pub env_unset: Option<StrList<'a>>,
    pub cwd: Cwd<'a>,
    pub stdio: [Stdio<'a>; 3],
    pub pty: pty::Look,
    pub pairs: &'a [FdPair],
    pub inherit_fds: bool,
    pub session: bool,
    /// The child's descriptor of the terminal that becomes the session's own.
    pub terminal: Option<i32>,
    pub group: Group,
    pub foreground: bool,
    pub cgroup: Option<i32>,
    /// Nobody else is ever in it.
    pub owns_cgroup: bool,
    pub limits: &'a [limit::Limit],
    /// Added to the niceness.
    pub nice: i32,
    /// As sched_setaffinity takes it; empty for no change.
    pub cpus: &'a [u8],
    pub groups: Option<&'a [u32]>,
    pub gid: Option<u32>,
    pub uid: Option<u32>,
    pub umask: Option<u32>,
    pub no_new_privs: bool,
    /// Sent to the child when the thread that started it dies; 0 for none.
    pub death_signal: i32,
    pub mask: Mask,
    pub dispositions: Dispositions,
    /// Signals that have their default disposition in every mode.
    pub reset: u64,
    /// Closing its handle kills it.
    pub kills_on_close: bool,
    /// So does the death of this process.
    pub kills_on_death: bool,
    /// Only its handle reports its exit.
    pub private: bool,
    /// Others will join its group, which its zombie must hold for them.
    pub holds_group: bool,
    /// Nobody will wait for it.
    pub detached: bool,
    /// Its orphaned descendants become its own children.
    pub subreaper: bool,
    /// Written by a start that fails: the interpreter that is at fault, if one is.
    pub interpreter: OnceCell<Item>,
}

impl<'a> Request<'a> {
    pub fn plain(argv: StrList<'a>) -> Request<'a> {
        Request {
            argv,
            program: None,
            program_fd: None,
            search: Search::ParentPath,
            shell: false,
            env: None,
            env_set: None,
            env_unset: None,
            cwd: Cwd::Inherit,
            stdio: [Stdio::Inherit; 3],
            pty: pty::Look::default(),
            pairs: &[],
            inherit_fds: false,
            session: false,
            terminal: None,
            group: Group::Inherit,
            foreground: false,
            cgroup: None,
            owns_cgroup: false,
            limits: &[],
            nice: 0,
            cpus: &[],
            groups: None,
            gid: None,
            uid: None,
            umask: None,
            no_new_privs: false,
            death_signal: 0,
            mask: Mask::Bits(0),
            dispositions: Dispositions::Usual,
            reset: 0,
            kills_on_close: false,
            kills_on_death: false,
            private: false,
            holds_group: false,
            detached: false,
            subreaper: false,
            interpreter: OnceCell::new(),
        }
    }

    /// A pipe for each of these streams, unless something else was wanted.
    pub fn add_pipes(&mut self, wanted: [bool; 3]) {
        for (stdio, wanted) in self.stdio.iter_mut().zip(wanted) {
            if wanted && matches!(stdio, Stdio::Inherit) {
                *stdio = Stdio::Pipe;
            }
        }
    }

    pub fn leads_group(&self) -> bool {
        self.session || self.group == Group::New
    }

    /// Which streams the caller will have the other end of.
    pub fn pipes(&self) -> [bool; 3] {
        self.stdio.map(|stdio| matches!(stdio, Stdio::Pipe | Stdio::Pty))
    }

    /// What contradicts itself, before anything is opened.
    pub fn check(&self) -> Result<(), Failure> {
        let piped = self.pipes().contains(&true);
        let contradictions = [
            (self.argv.iter().next().is_none(), Reason::ArgvEmpty),
            (matches!(self.group, Group::Join(group) if group <= 1), Reason::GroupNumber),
            // Its group would be one of another session.
            (matches!(self.group, Group::Join(_)) && self.session, Reason::GroupSession),
            // Only the leader of a session can get a terminal.
            (self.terminal.is_some() && !self.session, Reason::TerminalSession),
            // Nobody would have the other ends; the parent is gone by design.
            (self.detached && piped, Reason::DetachedStream),
            (self.detached && self.death_signal != 0, Reason::DetachedDeathSignal),
            (self.detached && self.kills_on_close, Reason::DetachedKill),
            (self.detached && self.private, Reason::DetachedPrivate),
            (!(0..=64).contains(&self.death_signal), Reason::DeathSignal),
            // To the system calls, -1 means "leave it".
            (self.gid == Some(u32::MAX), Reason::Gid),
            (self.uid == Some(u32::MAX), Reason::Uid),
        ];
        if let Some((_, reason)) = contradictions.into_iter().find(|(broken, _)| *broken) {
            return Err(Failure::misuse(reason, 0));
        }
        for (index, limit) in self.limits.iter().enumerate() {
            if limit.reserved != 0 {
                return Err(Failure::misuse(Reason::LimitReserved, index));
            }
            if limit.soft > limit.hard {
                return Err(Failure::misuse(Reason::LimitSoft, index));
            }
        }
        Ok(())
    }

    /// Which streams are pseudo-terminals.
    pub fn terminals(&self) -> [bool; 3] {
        self.stdio.map(|stdio| matches!(stdio, Stdio::Pty))
    }

    /// Streams and all.
    pub fn leaves_descriptors(&self) -> bool {
        let inherits = |stdio: &Stdio| matches!(stdio, Stdio::Inherit);
        self.pairs.is_empty() && self.stdio.iter().all(inherits)
    }

    /// It leaves no zombie, by the caller's wish.
    pub fn is_private(&self) -> bool {
        self.private || self.kills_on_death
    }

    pub fn changes_ids(&self) -> bool {
        self.groups.is_some() || self.gid.is_some() || self.uid.is_some()
    }

    /// Whether a stop signal that the child gets during its start is meant for
    /// it: in a group of its own it is so only if it may have the terminal.
    pub fn takes_stops(&self) -> bool {
        !self.leads_group() || self.foreground || self.terminal.is_some()
    }

    pub fn name(&self) -> Result<&'a CStr> {
        self.program.or_else(|| self.argv.iter().next()).ok_or(Errno::EINVAL)
    }

    /// What is set must be NAME=VALUE, what is unset must be a NAME: the first entry
    /// that is not, and its position in its list.
    #[inline(never)]
    pub fn wrong_entry(&self) -> Option<(Reason, usize, &'a CStr)> {
        let is_set = |entry: &CStr| {
            !matches!(entry.to_bytes().iter().position(|byte| *byte == b'='), None | Some(0))
        };
        let is_name = |entry: &CStr| !entry.is_empty() && !cstr::has(entry, b'=');
        let first = |list: Option<StrList<'a>>, is_right: &dyn Fn(&CStr) -> bool, reason| {
            let entries = list.into_iter().flat_map(StrList::iter).enumerate();
            let mut wrong = entries.filter(|(_, entry)| !is_right(entry));
            wrong.next().map(|(position, entry)| (reason, position, entry))
        };
        first(self.env_set, &is_set, Reason::EnvSet)
            .or_else(|| first(self.env_unset, &is_name, Reason::EnvUnset))
    }

    /// What a person would call the thing that `failure` was about.
    pub fn item(&self, failure: &Failure) -> &[u8] {
        let index = failure.index as usize;
        let item = match failure.step {
            Step::Open => match self.stdio.get(index) {
                Some(Stdio::Path { path, .. }) => *path,
                _ => c"/dev/null",
            },
            Step::Chdir => match self.cwd {
                Cwd::Path(path) => path,
                _ => c"",
            },
            Step::Environment => {
                self.wrong_entry().map_or(c"", |(_, _, entry)| entry)
            }
            Step::Limit => self.limits.get(index).map_or(c"", |limit| limit::name(limit.resource)),
            Step::Interpreter if self.interpreter.get().is_some_and(|item| *item != NO_ITEM) => {
                cstr::until_nul(self.interpreter.get().map_or(&[], |item| item)).unwrap_or_default()
            }
            Step::Exec | Step::Interpreter if self.program_fd.is_none() => {
                self.name().unwrap_or_default()
            }
            _ => c"",
        };
        item.to_bytes()
    }
}
