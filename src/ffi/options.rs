//! From the C struct of options to a request.

use super::spawn_options::*;
use crate::start::failure::{Failure, OrMisuse, Reason};
use crate::start::request::{Cwd, Dispositions, FdPair, Group, Mask, Request, Search, Stdio};
use crate::sys::limit::Limit;
use crate::sys::pty;
use crate::sys::cstr::StrList;
use core::cell::OnceCell;
use core::ffi::{CStr, c_char};
use core::mem::size_of;

/// The highest flag, and all below it.
pub const FLAGS: u64 = CHLD_SPAWN_KILL_ON_DEATH | (CHLD_SPAWN_KILL_ON_DEATH - 1);

/// # Safety
/// Every pointer in `options` must be NULL or what the header requires, and
/// stay so for `'a`.
#[inline(never)]
pub unsafe fn request<'a>(
    argv: StrList<'a>,
    options: &chld_spawn_options,
) -> Result<Request<'a>, Failure> {
    if options.flags & !FLAGS != 0 {
        return Err(Failure::misuse(Reason::Flags, 0));
    }
    let has = |flag| options.flags & flag != 0;
    let mut stdio = [Stdio::Inherit; 3];
    let streams = [&options.r#in, &options.out, &options.err];
    for (i, (place, stream)) in stdio.iter_mut().zip(streams).enumerate() {
        // SAFETY: the path is NULL or a C string, by the contract.
        *place = unsafe { stdio_of(stream, i) }.map_err(|reason| Failure::misuse(reason, i))?;
    }
    if stdio.iter().filter(|stdio| matches!(stdio, Stdio::AsOther)).count() > 1 {
        return Err(Failure::misuse(Reason::StdioCircle, 2));
    }
    let terminal = stdio.iter().position(|stdio| matches!(stdio, Stdio::Pty));
    // SAFETY: all by the contract: NULL or what the header requires.
    unsafe {
        Ok(Request {
            argv,
            program: string(options.program),
            program_fd: has(CHLD_SPAWN_PROGRAM_FD).then_some(options.program_fd),
            search: search_of(options.search).or_misuse(Reason::Search)?,
            shell: has(CHLD_SPAWN_SHELL),
            env: list(options.env),
            env_set: list(options.env_set),
            env_unset: list(options.env_unset),
            cwd: match string(options.cwd) {
                _ if has(CHLD_SPAWN_CWD_FD) => Cwd::Fd(options.cwd_fd),
                Some(path) => Cwd::Path(path),
                None => Cwd::Inherit,
            },
            stdio,
            pty: pty::Look {
                window: [options.rows, options.columns],
                is_silent: has(CHLD_SPAWN_PTY_NO_ECHO),
            },
            pairs: slice(options.fds.cast::<FdPair>(), options.fds_count)
                .or_misuse(Reason::Fds)?,
            inherit_fds: has(CHLD_SPAWN_INHERIT_FDS),
            session: has(CHLD_SPAWN_SESSION) || terminal.is_some(),
            terminal: match terminal {
                None => has(CHLD_SPAWN_TERMINAL).then_some(0),
                stream => stream.map(|stream| stream as i32),
            },
            group: group_of(options).or_misuse(Reason::GroupMode)?,
            foreground: has(CHLD_SPAWN_FOREGROUND),
            cgroup: (has(CHLD_SPAWN_CGROUP) || has(CHLD_SPAWN_CGROUP_OWN))
                .then_some(options.cgroup_fd),
            owns_cgroup: has(CHLD_SPAWN_CGROUP_OWN),
            limits: slice(options.limits.cast::<Limit>(), options.limits_count)
                .or_misuse(Reason::Limits)?,
            nice: options.nice,
            cpus: slice(options.cpus.cast(), options.cpus_size).or_misuse(Reason::Cpus)?,
            groups: match has(CHLD_SPAWN_GROUPS) {
                false => None,
                true => Some(
                    slice(options.groups, options.groups_count).or_misuse(Reason::Groups)?,
                ),
            },
            gid: has(CHLD_SPAWN_GID).then_some(options.gid),
            uid: has(CHLD_SPAWN_UID).then_some(options.uid),
            umask: has(CHLD_SPAWN_UMASK).then_some(options.umask),
            no_new_privs: has(CHLD_SPAWN_NO_NEW_PRIVS),
            death_signal: options.death_signal,
            mask: mask_of(options).or_misuse(Reason::MaskMode)?,
            dispositions: dispositions_of(options).or_misuse(Reason::SignalsMode)?,
            reset: options.reset,
            kills_on_close: has(CHLD_SPAWN_KILL_ON_CLOSE) || has(CHLD_SPAWN_KILL_ON_DEATH),
            kills_on_death: has(CHLD_SPAWN_KILL_ON_DEATH),
            private: has(CHLD_SPAWN_PRIVATE),
            holds_group: false,
            detached: has(CHLD_SPAWN_DETACHED),
            subreaper: has(CHLD_SPAWN_SUBREAPER),
            interpreter: OnceCell::new(),
        })
    }
}

fn mask_of(options: &chld_spawn_options) -> Option<Mask> {
    match options.mask_mode {
        CHLD_MASK_EMPTY => Some(Mask::Bits(0)),
        CHLD_MASK_INHERIT => Some(Mask::Inherit),
        CHLD_MASK_BLOCKED => Some(Mask::Bits(options.blocked)),
        _ => None,
    }
}

fn dispositions_of(options: &chld_spawn_options) -> Option<Dispositions> {
    match options.signals_mode {
        CHLD_SIGNALS_USUAL => Some(Dispositions::Usual),
        CHLD_SIGNALS_INHERIT => Some(Dispositions::Inherit),
        CHLD_SIGNALS_IGNORING => Some(Dispositions::Ignoring(options.ignored)),
        _ => None,
    }
}

/// # Safety
/// The path must be NULL or a C string that lasts for `'a`.
unsafe fn stdio_of<'a>(stream: &chld_stdio, i: usize) -> Result<Stdio<'a>, Reason> {
    Ok(match stream.mode {
        CHLD_STDIO_INHERIT => Stdio::Inherit,
        CHLD_STDIO_NULL => Stdio::Null,
        CHLD_STDIO_PIPE => Stdio::Pipe,
        CHLD_STDIO_FD => Stdio::Fd(stream.fd),
        CHLD_STDIO_PATH => Stdio::Path {
            // SAFETY: by the contract.
            path: unsafe { string(stream.path) }.ok_or(Reason::StdioPath)?,
            flags: match (stream.open_flags, i) {
                (0, 0) => libc::O_RDONLY,
                (0, _) => libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC,
                (flags, _) => flags,
            },
            mode: if stream.open_mode == 0 { 0o666 } else { stream.open_mode },
        },
        CHLD_STDIO_STDOUT if i == 2 => Stdio::AsOther,
        CHLD_STDIO_STDOUT => return Err(Reason::StdioStdout),
        CHLD_STDIO_STDERR if i == 1 => Stdio::AsOther,
        CHLD_STDIO_STDERR => return Err(Reason::StdioStderr),
        CHLD_STDIO_CLOSED => Stdio::Closed,
        CHLD_STDIO_PTY => Stdio::Pty,
        _ => return Err(Reason::StdioMode),
    })
}

fn search_of(search: u32) -> Option<Search> {
    match search {
        CHLD_SEARCH_PARENT => Some(Search::ParentPath),
        CHLD_SEARCH_CHILD => Some(Search::ChildPath),
        CHLD_SEARCH_NONE => Some(Search::No),
        _ => None,
    }
}

fn group_of(options: &chld_spawn_options) -> Option<Group> {
    match options.group_mode {
        CHLD_GROUP_INHERIT => Some(Group::Inherit),
        CHLD_GROUP_NEW => Some(Group::New),
        CHLD_GROUP_JOIN => Some(Group::Join(options.group)),
        _ => None,
    }
}

/// # Safety
/// `first` must be NULL or valid for `count` entries for `'a`.
unsafe fn slice<'a, T>(first: *const T, count: usize) -> Option<&'a [T]> {
    match count {
        0 => Some(&[]),
        _ if first.is_null() || count > i32::MAX as usize / size_of::<T>() => None,
        // SAFETY: by the contract.
        _ => Some(unsafe { core::slice::from_raw_parts(first, count) }),
    }
}

/// # Safety
/// `text` must be NULL or a C string that lasts for `'a`.
unsafe fn string<'a>(text: *const c_char) -> Option<&'a CStr> {
    // SAFETY: by the contract.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })
}

/// # Safety
/// `first` must be NULL or a NULL-terminated list of C strings lasting for `'a`.
unsafe fn list<'a>(first: *const *const c_char) -> Option<StrList<'a>> {
    // SAFETY: by the contract.
    (!first.is_null()).then(|| unsafe { StrList::new(first) })
}

/// The structs of the header are laid out as those of the logic.
const _: () = {
    assert!(size_of::<FdPair>() == size_of::<chld_fd_map>());
    assert!(size_of::<Limit>() == size_of::<chld_limit>());
};
