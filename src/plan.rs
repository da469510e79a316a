//! From what the caller asked to what the child will do. Everything that can be
//! wrong is found here, in the parent, before a process exists.

use crate::failure::{At, Failure, Step};
use crate::sys::cstr::{self, ListBuilder, StrList};
use crate::sys::fd::{self, OwnedFd};
use crate::sys::memory::Scratch;
use crate::sys::{Errno, Result};
use core::ffi::{CStr, c_char};
use core::sync::atomic::{AtomicI32, Ordering::Relaxed};

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
    /// Where stdout goes; for stderr only.
    AsStdout,
    Closed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Inherit,
    /// A group of its own, with the child as leader.
    New,
    Join(i32),
}

/// The parent's descriptor `source` shall be the child's `target`.
#[derive(Clone, Copy)]
pub struct FdPair {
    pub source: i32,
    pub target: i32,
}

/// A start as the caller wants it.
pub struct Request<'a> {
    pub argv: StrList<'a>,
    pub program: Option<&'a CStr>,
    pub search: Search,
    pub env: Option<StrList<'a>>,
    pub env_set: Option<StrList<'a>>,
    pub env_unset: Option<StrList<'a>>,
    pub cwd: Option<&'a CStr>,
    pub stdio: [Stdio<'a>; 3],
    pub pairs: &'a [FdPair],
    pub group: Group,
    pub session: bool,
    pub inherit_fds: bool,
    /// Its orphaned descendants become its own children.
    pub subreaper: bool,
}

impl<'a> Request<'a> {
    pub fn plain(argv: StrList<'a>) -> Request<'a> {
        Request {
            argv,
            program: None,
            search: Search::ParentPath,
            env: None,
            env_set: None,
            env_unset: None,
            cwd: None,
            stdio: [Stdio::Inherit; 3],
            pairs: &[],
            group: Group::Inherit,
            session: false,
            inherit_fds: false,
            subreaper: false,
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

    pub fn name(&self) -> Result<&'a CStr> {
        self.program.or_else(|| self.argv.iter().next()).ok_or(Errno::EINVAL)
    }

    /// What a person would call the thing that `failure` was about.
    pub fn item(&self, failure: &Failure) -> &'a [u8] {
        let item = match failure.step {
            Step::Open => match self.stdio.get(failure.index as usize) {
                Some(Stdio::Path { path, .. }) => Some(*path),
                Some(Stdio::Null) => Some(DEV_NULL),
                _ => None,
            },
            Step::Chdir => self.cwd,
            Step::Exec | Step::Interpreter => self.name().ok(),
            _ => None,
        };
        item.map_or(b"", CStr::to_bytes)
    }
}

/// How the child finds its program.
#[derive(Clone, Copy)]
pub enum Program<'a> {
    At(&'a CStr),
    /// In the directories of a PATH.
    Named { name: &'a CStr, path: &'a CStr },
}

impl<'a> Program<'a> {
    pub fn find(request: &Request<'a>, env: StrList<'a>) -> Result<Program<'a>, Failure> {
        let name = request.name().at(Step::Arguments, 0)?;
        let list = match request.search {
            Search::No => return Ok(Program::At(name)),
            Search::ParentPath => cstr::environment(),
            Search::ChildPath => env,
        };
        // An empty name is no file of any directory: execve says ENOENT.
        if name.to_bytes().contains(&b'/') || name.is_empty() {
            return Ok(Program::At(name));
        }
        let path = cstr::lookup(list, b"PATH").unwrap_or(DEFAULT_PATH);
        Ok(Program::Named { name, path })
    }
}

/// Where to look when there is no PATH at all, as execvp does.
const DEFAULT_PATH: &CStr = c"/bin:/usr/bin";
const DEV_NULL: &CStr = c"/dev/null";

/// One descriptor of the child.
pub struct Move {
    /// The parent's descriptor, or `CLOSE`. The child may put a copy here.
    pub source: AtomicI32,
    pub target: i32,
    /// `source` is the target of another move: copy it out of the way first.
    pub relocate: bool,
    step: Step,
    index: i32,
}

pub const CLOSE: i32 = -1;

impl Move {
    pub const NONE: Move =
        Move { source: AtomicI32::new(CLOSE), target: -1, relocate: false, step: Step::Map, index: 0 };

    fn new(source: i32, target: i32, step: Step, index: usize) -> Move {
        let source = AtomicI32::new(source);
        Move { source, target, relocate: false, step, index: index as i32 }
    }

    pub fn source(&self) -> i32 {
        self.source.load(Relaxed)
    }

    pub fn failed(&self, errno: Errno) -> Failure {
        Failure { step: self.step, index: self.index, errno }
    }
}

/// The files and pipes that a start opens, which close again unless they are
/// kept: the child's ends always, the parent's ends when the start fails.
#[derive(Default)]
pub struct Opened {
    pub childs: [Option<OwnedFd>; 3],
    pub parents: [Option<OwnedFd>; 3],
}

/// Fills `moves` with what the child does to its descriptors, and opens what
/// has to be opened for it. Returns how many moves there are.
#[inline(never)]
pub fn descriptors(
    request: &Request,
    opened: &mut Opened,
    moves: &mut [Move],
) -> Result<usize, Failure> {
    let mut count = 0usize;
    let mut push = |one: Move| {
        if let Some(place) = moves.get_mut(count) {
            *place = one;
            count = count.wrapping_add(1);
        }
    };
    let mut stdout = 1;
    for (i, stdio) in request.stdio.iter().enumerate() {
        let Some(source) = stdio_source(*stdio, i, stdout, opened)? else { continue };
        if i == 1 {
            stdout = source;
        }
        push(Move::new(source, i as i32, Step::Stdio, i));
    }
    for (i, pair) in request.pairs.iter().enumerate() {
        fd::require_open(pair.source).at(Step::Map, i)?;
        if pair.target < 0 {
            return Err(Failure::new(Step::Map, i, Errno::EBADF));
        }
        push(Move::new(pair.source, pair.target, Step::Map, i));
    }
    let moves = moves.get_mut(..count).unwrap_or_default();
    check_targets(moves)?;
    Ok(count)
}

/// The parent's descriptor that becomes the child's standard descriptor `i`;
/// `None` where there is nothing to do.
#[inline(never)]
fn stdio_source(
    stdio: Stdio,
    i: usize,
    stdout: i32,
    opened: &mut Opened,
) -> Result<Option<i32>, Failure> {
    let reads = i == 0;
    let file = match stdio {
        Stdio::Inherit => return Ok(None),
        Stdio::Closed => return Ok(Some(CLOSE)),
        Stdio::Fd(fd) => {
            fd::require_open(fd).at(Step::Stdio, i)?;
            return Ok(Some(fd));
        }
        Stdio::AsStdout => {
            fd::require_open(stdout).at(Step::Stdio, i)?;
            return Ok(Some(stdout));
        }
        Stdio::Null => {
            let flags = if reads { libc::O_RDONLY } else { libc::O_WRONLY };
            fd::open(DEV_NULL, flags, 0).at(Step::Open, i)?
        }
        Stdio::Path { path, flags, mode } => fd::open(path, flags, mode).at(Step::Open, i)?,
        Stdio::Pipe => {
            let (read, write) = fd::pipe(0).at(Step::Pipe, i)?;
            let (parents, childs) = if reads { (write, read) } else { (read, write) };
            if let Some(place) = opened.parents.get_mut(i) {
                *place = Some(parents);
            }
            childs
        }
    };
    let number = file.number();
    if let Some(place) = opened.childs.get_mut(i) {
        *place = Some(file);
    }
    Ok(Some(number))
}

/// Two sources for one target contradict each other; a source that is another
/// move's target has to be saved before it is overwritten.
#[inline(never)]
fn check_targets(moves: &mut [Move]) -> Result<(), Failure> {
    for i in 0..moves.len() {
        let Some(one) = moves.get(i) else { break };
        let mut relocate = false;
        for (j, other) in moves.iter().enumerate().filter(|(j, _)| *j != i) {
            if other.target == one.target && j < i {
                return Err(one.failed(Errno::EINVAL));
            }
            relocate |= other.target == one.source();
        }
        if let Some(one) = moves.get_mut(i) {
            one.relocate = relocate;
        }
    }
    Ok(())
}

/// How many places `environment` needs for its list.
#[inline(never)]
pub fn environment_size(request: &Request) -> usize {
    if request.env_set.is_none() && request.env_unset.is_none() {
        return 0;
    }
    let base = request.env.unwrap_or_else(cstr::environment);
    let set = request.env_set.map_or(0, |set| set.iter().count());
    base.iter().count().wrapping_add(set).wrapping_add(1)
}

/// The child's environment: the caller's list or its own environment, with
/// `env_unset` taken out and `env_set` put in.
#[inline(never)]
pub fn environment<'a>(
    request: &Request<'a>,
    places: &'a mut Scratch<'_, *const c_char>,
) -> Result<StrList<'a>, Failure> {
    let base = request.env.unwrap_or_else(cstr::environment);
    if request.env_set.is_none() && request.env_unset.is_none() {
        return Ok(base);
    }
    check_names(request)?;
    let sets = || request.env_set.into_iter().flat_map(StrList::iter);
    let unsets = || request.env_unset.into_iter().flat_map(StrList::iter);
    let mut list = ListBuilder::new(places.get());
    for entry in base.iter() {
        let name = name_of(entry);
        let gone = unsets().any(|unset| unset.to_bytes() == name);
        if !gone && !sets().any(|set| name_of(set) == name) {
            list.push(entry);
        }
    }
    sets().for_each(|entry| list.push(entry));
    list.finish().ok_or(Failure::new(Step::Environment, 0, Errno::ENOMEM))
}

/// What is set must be NAME=VALUE, what is unset must be a NAME.
#[inline(never)]
fn check_names(request: &Request) -> Result<(), Failure> {
    for (i, set) in request.env_set.into_iter().flat_map(StrList::iter).enumerate() {
        if matches!(set.to_bytes().iter().position(|byte| *byte == b'='), None | Some(0)) {
            return Err(Failure::new(Step::Environment, i, Errno::EINVAL));
        }
    }
    for (i, unset) in request.env_unset.into_iter().flat_map(StrList::iter).enumerate() {
        if unset.is_empty() || unset.to_bytes().contains(&b'=') {
            return Err(Failure::new(Step::Environment, i, Errno::EINVAL));
        }
    }
    Ok(())
}

fn name_of(entry: &CStr) -> &[u8] {
    entry.to_bytes().split(|byte| *byte == b'=').next().unwrap_or_default()
}
