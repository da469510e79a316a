//! From the C struct of options to a request.

use super::spawn::*;
use crate::failure::{At, Failure, Step};
use crate::plan::{FdPair, Group, Request, Search, Stdio};
use crate::sys::cstr::StrList;
use crate::sys::{Errno, Result};
use core::ffi::{CStr, c_char};
use core::mem::size_of;

const FLAGS: u64 = CHLD_SPAWN_SESSION | CHLD_SPAWN_INHERIT_FDS | CHLD_SPAWN_SUBREAPER;

/// # Safety
/// Every pointer in `options` must be NULL or what the header says it is, and
/// stay so for `'a`.
#[inline(never)]
pub unsafe fn request<'a>(
    argv: StrList<'a>,
    options: &chld_spawn_options,
) -> core::result::Result<Request<'a>, Failure> {
    if options.flags & !FLAGS != 0 || options.reserved != 0 {
        return Err(Failure::new(Step::Options, 0, Errno::EINVAL));
    }
    let mut stdio = [Stdio::Inherit; 3];
    let streams = [&options.r#in, &options.out, &options.err];
    for (i, (place, stream)) in stdio.iter_mut().zip(streams).enumerate() {
        // SAFETY: the path is NULL or a C string, by the contract.
        *place = unsafe { stdio_of(stream, i) }.at(Step::Stdio, i)?;
    }
    // SAFETY: all by the contract: NULL or what the header says.
    unsafe {
        Ok(Request {
            argv,
            program: string(options.program),
            search: search_of(options.search).at(Step::Options, 0)?,
            env: list(options.env),
            env_set: list(options.env_set),
            env_unset: list(options.env_unset),
            cwd: string(options.cwd),
            stdio,
            pairs: pairs_of(options).at(Step::Map, 0)?,
            group: group_of(options).at(Step::Group, 0)?,
            session: options.flags & CHLD_SPAWN_SESSION != 0,
            inherit_fds: options.flags & CHLD_SPAWN_INHERIT_FDS != 0,
            subreaper: options.flags & CHLD_SPAWN_SUBREAPER != 0,
        })
    }
}

/// # Safety
/// The path must be NULL or a C string that lasts for `'a`.
unsafe fn stdio_of<'a>(stream: &chld_stdio, i: usize) -> Result<Stdio<'a>> {
    Ok(match stream.mode {
        CHLD_STDIO_INHERIT => Stdio::Inherit,
        CHLD_STDIO_NULL => Stdio::Null,
        CHLD_STDIO_PIPE => Stdio::Pipe,
        CHLD_STDIO_FD => Stdio::Fd(stream.fd),
        CHLD_STDIO_PATH => Stdio::Path {
            // SAFETY: by the contract.
            path: unsafe { string(stream.path) }.ok_or(Errno::EINVAL)?,
            flags: match (stream.open_flags, i) {
                (0, 0) => libc::O_RDONLY,
                (0, _) => libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC,
                (flags, _) => flags,
            },
            mode: if stream.open_mode == 0 { 0o666 } else { stream.open_mode },
        },
        CHLD_STDIO_STDOUT if i == 2 => Stdio::AsStdout,
        CHLD_STDIO_CLOSED => Stdio::Closed,
        _ => return Err(Errno::EINVAL),
    })
}

fn search_of(search: u32) -> Result<Search> {
    match search {
        CHLD_SEARCH_PARENT => Ok(Search::ParentPath),
        CHLD_SEARCH_CHILD => Ok(Search::ChildPath),
        CHLD_SEARCH_NONE => Ok(Search::No),
        _ => Err(Errno::EINVAL),
    }
}

fn group_of(options: &chld_spawn_options) -> Result<Group> {
    match options.group_mode {
        CHLD_GROUP_INHERIT => Ok(Group::Inherit),
        CHLD_GROUP_NEW => Ok(Group::New),
        CHLD_GROUP_JOIN => Ok(Group::Join(options.group)),
        _ => Err(Errno::EINVAL),
    }
}

/// # Safety
/// `fds` must be valid for `fds_count` entries for `'a`.
unsafe fn pairs_of<'a>(options: &chld_spawn_options) -> Result<&'a [FdPair]> {
    const {
        assert!(size_of::<FdPair>() == size_of::<chld_fd_map>());
    }
    match options.fds_count {
        0 => Ok(&[]),
        count if options.fds.is_null() || count > i32::MAX as usize => Err(Errno::EINVAL),
        // SAFETY: valid by the contract; the two types are both two ints.
        count => Ok(unsafe { core::slice::from_raw_parts(options.fds.cast(), count) }),
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

/// The numbers of the header are those of the logic.
const _: () = {
    use CHLD_STEP_ARGUMENTS as A;
    assert!(A == Step::Arguments as i32 && CHLD_STEP_NONE == Step::Nothing as i32);
    assert!(CHLD_STEP_OPTIONS == Step::Options as i32);
    assert!(CHLD_STEP_ENVIRONMENT == Step::Environment as i32);
    assert!(CHLD_STEP_MEMORY == Step::Memory as i32);
    assert!(CHLD_STEP_STDIO == Step::Stdio as i32);
    assert!(CHLD_STEP_OPEN == Step::Open as i32);
    assert!(CHLD_STEP_PIPE == Step::Pipe as i32);
    assert!(CHLD_STEP_CLONE == Step::Clone as i32);
    assert!(CHLD_STEP_DESCRIPTORS == Step::Descriptors as i32);
    assert!(CHLD_STEP_MAP == Step::Map as i32);
    assert!(CHLD_STEP_SESSION == Step::Session as i32);
    assert!(CHLD_STEP_GROUP == Step::Group as i32);
    assert!(CHLD_STEP_CHDIR == Step::Chdir as i32);
    assert!(CHLD_STEP_SIGNALS == Step::Signals as i32);
    assert!(CHLD_STEP_EXEC == Step::Exec as i32);
    assert!(CHLD_STEP_INTERPRETER == Step::Interpreter as i32);
};
