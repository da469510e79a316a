//! A command as C sees it.

use crate::error::c_string;
use crate::ffi::{self, chld_spawn_options};
use crate::{Command, Error, Result, Stdio};
use std::ffi::{CString, OsStr, OsString, c_char, c_ulong};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;

/// The options of a start, and all that they point to. Moving it moves no memory that is
/// pointed to: each part is on the heap.
pub(crate) struct Start {
    options: Box<chld_spawn_options>,
    argv: Vec<*const c_char>,
    _lists: Vec<Vec<*const c_char>>,
    _strings: Vec<CString>,
    _fds: Vec<ffi::chld_fd_map>,
    _limits: Vec<ffi::chld_limit>,
    _cpus: Vec<c_ulong>,
    _groups: Vec<u32>,
}

impl Start {
    /// As for `chld_spawn()`.
    pub fn new(command: &Command) -> Result<Start> {
        let mut kept = Vec::new();
        let mut options = Box::new(chld_spawn_options::zeroed());
        options.size = size_of::<chld_spawn_options>();
        let argv = arguments(command, &mut options, &mut kept)?;
        let lists = environment(command, &mut options, &mut kept)?;
        if let Some(cwd) = &command.cwd {
            let cwd = c_string(cwd.as_os_str(), ffi::CHLD_STEP_CHDIR, 0)?;
            options.cwd = cwd.as_ptr();
            kept.push(cwd);
        }
        let streams = [&command.stdin, &command.stdout, &command.stderr];
        let places = [&mut options.r#in, &mut options.out, &mut options.err];
        for (index, (stream, place)) in streams.into_iter().zip(places).enumerate() {
            if let Some(stream) = stream {
                *place = stream.raw(index, &mut kept)?;
            }
        }
        let fds: Vec<_> = command
            .fds
            .iter()
            .map(|(fd, target)| ffi::chld_fd_map { source: fd.as_raw_fd(), target: *target })
            .collect();
        let limits = command.limits.clone();
        let cpus = cpu_set(&command.cpus);
        let groups = command.groups.clone();
        (options.fds, options.fds_count) = (fds.as_ptr(), fds.len());
        (options.limits, options.limits_count) = (limits.as_ptr(), limits.len());
        if !cpus.is_empty() {
            options.cpus = cpus.as_ptr().cast();
            options.cpus_size = size_of_val(&cpus[..]);
        }
        (options.groups, options.groups_count) = (groups.as_ptr(), groups.len());
        set_numbers(command, &mut options);
        Ok(Start {
            options,
            argv,
            _lists: lists,
            _strings: kept,
            _fds: fds,
            _limits: limits,
            _cpus: cpus,
            _groups: groups,
        })
    }

    /// As for `chld_run()`: without an input, stdin is empty and not this process's.
    pub fn of_capture(command: &Command) -> Result<Start> {
        let mut start = Start::new(command)?;
        if command.stdin.is_none() && command.capture.input.is_none() {
            start.options.r#in = Stdio::null().raw(0, &mut start._strings)?;
        }
        Ok(start)
    }

    pub fn options(&self) -> *const chld_spawn_options {
        &*self.options
    }

    /// What events have as the `user` pointer of the child.
    pub fn set_user(&mut self, token: usize) {
        self.options.user = std::ptr::without_provenance_mut(token);
    }

    pub fn argv(&self) -> *const *const c_char {
        self.argv.as_ptr()
    }
}

fn arguments(
    command: &Command,
    options: &mut chld_spawn_options,
    kept: &mut Vec<CString>,
) -> Result<Vec<*const c_char>> {
    let program = c_string(&command.program, ffi::CHLD_STEP_ARGUMENTS, 0)?;
    if command.arg0.is_some() {
        options.program = program.as_ptr();
        kept.push(program);
    }
    let first = command.arg0.as_ref().unwrap_or(&command.program);
    let words = std::iter::once(first).chain(&command.args);
    list(words.map(|word| &word[..]), ffi::CHLD_STEP_ARGUMENTS, kept)
}

/// A list that ends with NULL.
fn list<'a>(
    words: impl Iterator<Item = &'a OsStr>,
    step: i32,
    kept: &mut Vec<CString>,
) -> Result<Vec<*const c_char>> {
    let mut pointers = Vec::new();
    for (index, word) in words.enumerate() {
        let word = c_string(word, step, index)?;
        pointers.push(word.as_ptr());
        kept.push(word);
    }
    pointers.push(std::ptr::null());
    Ok(pointers)
}

fn environment(
    command: &Command,
    options: &mut chld_spawn_options,
    kept: &mut Vec<CString>,
) -> Result<Vec<Vec<*const c_char>>> {
    let (mut set, mut unset) = (Vec::new(), Vec::new());
    for (index, (name, value)) in command.env.iter().enumerate() {
        if name.is_empty() || name.as_bytes().contains(&b'=') {
            let why = "not a name of a variable";
            return Err(Error::refused(ffi::CHLD_STEP_ENVIRONMENT, index, name, why));
        }
        match value {
            None => unset.push(name.clone()),
            Some(value) => set.push([name, OsStr::new("="), value].into_iter().collect()),
        }
    }
    let mut lists = Vec::new();
    let places = [&mut options.env_set, &mut options.env_unset];
    for (words, place) in [set, unset].iter().zip(places) {
        let words = words.iter().map(OsString::as_os_str);
        let pointers = list(words, ffi::CHLD_STEP_ENVIRONMENT, kept)?;
        *place = pointers.as_ptr();
        lists.push(pointers);
    }
    if command.env_clear {
        lists.push(vec![std::ptr::null()]);
        options.env = lists[2].as_ptr();
    }
    Ok(lists)
}

/// As `sched_setaffinity()` has it: bits of unsigned longs.
fn cpu_set(cpus: &[usize]) -> Vec<c_ulong> {
    let bits = c_ulong::BITS as usize;
    let mut set = vec![0; cpus.iter().max().map_or(0, |most| most / bits + 1)];
    for cpu in cpus {
        set[cpu / bits] |= 1 << (cpu % bits);
    }
    set
}

fn set_numbers(command: &Command, options: &mut chld_spawn_options) {
    options.flags = command.flags;
    options.search = command.search;
    options.umask = command.umask;
    (options.rows, options.columns) = command.pty_size;
    (options.group_mode, options.group) = match command.group {
        None => (0, 0),
        Some(0) => (ffi::CHLD_GROUP_NEW, 0),
        Some(group) => (ffi::CHLD_GROUP_JOIN, group),
    };
    options.cgroup_fd = command.cgroup.as_ref().map_or(0, |fd| fd.as_raw_fd());
    (options.uid, options.gid) = (command.uid, command.gid);
    options.nice = command.nice;
    options.death_signal = command.death_signal;
    (options.signals_mode, options.ignored) = (command.signals_mode, command.ignored);
    (options.mask_mode, options.blocked) = (command.mask_mode, command.blocked);
    options.reset = command.reset;
}
