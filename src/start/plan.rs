//! From what the caller asked to what the child will do. Everything that can be
//! wrong is found here, in the parent, before a process exists.

use super::failure::{At, Failure, Reason, Step};
use super::report::Report;
use super::request::{Cwd, Request, Search, Stdio};
use crate::sys::birth::Birth;
use crate::sys::cstr::{self, ScriptArguments, StrList};
use crate::sys::fd::{self, OwnedFd};
use crate::sys::raw::Foreground;
use crate::sys::{Errno, Result, pty};
use core::cell::Cell;
use core::ffi::CStr;

/// What the child has to do: checked, complete, and read-only except for the
/// report and the numbers of descriptors.
pub struct Plan<'a> {
    pub request: &'a Request<'a>,
    pub program: Program<'a>,
    /// What /bin/sh is given for a file that is no program.
    pub script: Option<ScriptArguments<'a>>,
    pub env: StrList<'a>,
    pub moves: &'a [Move],
    /// The descriptors of program, directory and cgroup, and the write end of
    /// the report's pipe, or -1.
    pub kept: [Source; 4],
    /// The highest descriptor that is used before exec, 2 at least.
    pub highest_needed: i32,
    /// A path may lead to any descriptor of the caller's, as /proc/self/fd/9
    /// does: the child needs all of them until its exec.
    pub needs_whole_table: bool,
    /// What the kernel does for the child at its birth.
    pub birth: Birth,
    /// What it cannot do without.
    pub required: Birth,
    /// The table is the parent's own until the child has unshared it.
    pub shares_descriptors: bool,
    /// Handlers were not reset by the kernel.
    pub reset_handlers: bool,
    /// The cgroup kills what is born in it.
    pub born_outside_cgroup: bool,
    /// The child has to move itself into its cgroup.
    pub enter_cgroup: bool,
    /// What the caller has blocked.
    pub callers_mask: u64,
    /// The caller's process.
    pub parent: i32,
    pub report: Report,
    /// A stop signal may come at any moment of the start, and nobody would send
    /// the child SIGCONT.
    pub may_be_stopped: bool,
    /// Where the child's stack begins.
    pub stack_bottom: usize,
    /// Room for a path while the program is searched.
    pub candidate: Cell<&'a mut [u8]>,
    /// The group that the child has taken the terminal from.
    pub foreground: Cell<Option<Foreground>>,
}

/// The places in `Plan::kept`.
pub const PROGRAM: usize = 0;
pub const CWD: usize = 1;
pub const CGROUP: usize = 2;
pub const REPORT: usize = 3;

impl Plan<'_> {
    /// Where the child has a descriptor of `kept`; -1 if there is none.
    pub fn kept(&self, which: usize) -> i32 {
        self.kept.get(which).map_or(-1, Source::number)
    }

    /// Ready for a child: the one before has left its traces.
    pub fn renew(&mut self, report: i32) {
        self.report = Report::new();
        self.foreground = Cell::new(None);
        if let Some(place) = self.kept.get_mut(REPORT) {
            *place = Source::new(report);
        }
        self.highest_needed = self.highest_needed.max(report);
        self.kept.iter().chain(self.moves.iter().map(|one| &one.source)).for_each(Source::renew);
    }
}

/// A descriptor of the caller's, and the number at which the child has it.
pub struct Source {
    given: i32,
    now: Cell<i32>,
}

impl Source {
    pub const fn new(given: i32) -> Source {
        Source { given, now: Cell::new(given) }
    }

    pub fn number(&self) -> i32 {
        self.now.get()
    }

    /// The child has put a copy out of the way of its other descriptors.
    pub fn move_to(&self, copy: i32) {
        self.now.set(copy);
    }

    fn renew(&self) {
        self.now.set(self.given);
    }
}

/// How the child finds its program.
#[derive(Clone, Copy)]
pub enum Program<'a> {
    /// What is open at `Plan::kept`.
    Fd,
    At(&'a CStr),
    /// In the directories of a PATH.
    Named { name: &'a CStr, path: &'a CStr },
}

impl<'a> Program<'a> {
    pub fn find(request: &Request<'a>, env: StrList<'a>) -> Result<Program<'a>, Failure> {
        if let Some(fd) = request.program_fd {
            fd::require_open(fd).at(Step::Exec, 0)?;
            return Ok(Program::Fd);
        }
        let name = request.name().at(Step::Arguments, 0)?;
        let list = match request.search {
            Search::No => return Ok(Program::At(name)),
            Search::ParentPath => cstr::environment(),
            Search::ChildPath => env,
        };
        // An empty name is no file of any directory: execve returns ENOENT.
        if cstr::has(name, b'/') || name.is_empty() {
            return Ok(Program::At(name));
        }
        if name.count_bytes() > NAME_MAX {
            return Err(Failure::new(Step::Exec, 0, Errno::ENAMETOOLONG));
        }
        let path = cstr::lookup(list, b"PATH").unwrap_or(DEFAULT_PATH);
        Ok(Program::Named { name, path })
    }
}

/// How many bytes the longest path of a search takes, as far as it can be one.
pub fn longest_candidate(program: Program) -> usize {
    let Program::Named { name, path } = program else { return 0 };
    let entries = path.to_bytes().split(|byte| *byte == b':');
    let longest = entries.map(<[u8]>::len).max().unwrap_or(0);
    longest.wrapping_add(name.count_bytes()).wrapping_add(2).min(libc::PATH_MAX as usize)
}

/// Whether a path of the request may lead to a descriptor of the caller's that
/// nothing else names. The text cannot show that of a symbolic link: see
/// `launch::try_again`. It shows the usual cases, without a second child, and
/// keeps the order of a PATH.
pub fn needs_whole_table(request: &Request, program: Program) -> bool {
    let path = match program {
        Program::Fd => c"",
        Program::At(path) | Program::Named { path, .. } => path,
    };
    request.inherit_fds
        || has_descriptors_below(path)
        || matches!(request.cwd, Cwd::Path(path) if has_descriptors_below(path))
}

fn has_descriptors_below(path: &CStr) -> bool {
    let mut rest = path.to_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'/' && (after.starts_with(b"proc/") || after.starts_with(b"dev/")) {
            return true;
        }
        rest = after;
    }
    false
}

/// Where to look when there is no PATH at all, as execvp does.
const DEFAULT_PATH: &CStr = c"/bin:/usr/bin";
/// No file has a longer name.
const NAME_MAX: usize = 255;
const DEV_NULL: &CStr = c"/dev/null";

/// One descriptor of the child.
pub struct Move {
    /// The parent's descriptor, or `CLOSE`.
    pub source: Source,
    pub target: i32,
    /// `source` is the target of another move: copy it out of the way first.
    pub relocate: bool,
    step: Step,
    index: i32,
}

pub const CLOSE: i32 = -1;

impl Move {
    /// A place that is not in use.
    pub const fn none() -> Move {
        let source = Source::new(CLOSE);
        Move { source, target: -1, relocate: false, step: Step::Map, index: 0 }
    }

    fn new(source: i32, target: i32, step: Step, index: usize) -> Move {
        let source = Source::new(source);
        Move { source, target, relocate: false, step, index: index as i32 }
    }

    pub fn source(&self) -> i32 {
        self.source.number()
    }

    pub fn failed(&self, errno: Errno) -> Failure {
        Failure::new(self.step, self.index as usize, errno)
    }
}

/// The descriptors that the child uses itself: see `Plan::kept`.
pub fn kept(request: &Request) -> Result<[i32; 4], Failure> {
    let cwd = match request.cwd {
        Cwd::Fd(fd) => Some(fd),
        _ => None,
    };
    let mut kept = [-1; 4];
    let given = [
        (request.program_fd, Step::Exec),
        (cwd, Step::Chdir),
        (request.cgroup, Step::Cgroup),
    ];
    for (place, (fd, step)) in kept.iter_mut().zip(given) {
        if let Some(fd) = fd {
            fd::require_open(fd).at(step, 0)?;
            *place = fd;
        }
    }
    Ok(kept)
}

/// The files and pipes that a start opens, which close again unless they are
/// kept: the child's ends always, the parent's ends when the start fails.
#[derive(Default)]
pub struct Opened {
    pub childs: [Option<OwnedFd>; 3],
    pub parents: [Option<OwnedFd>; 3],
    /// The child's side of its pseudo-terminal, the same for every stream, and
    /// which of `parents` has the other side.
    terminal: Option<(OwnedFd, usize)>,
}

impl Opened {
    /// One pseudo-terminal serves all the streams that ask for one; the caller
    /// gets a descriptor of its master for each.
    fn pty(&mut self, request: &Request, i: usize) -> Result<i32, Failure> {
        let first = self.terminal.as_ref().and_then(|(_, first)| self.parents.get(*first));
        let master = match first {
            Some(Some(master)) => master.duplicate().at(Step::Pty, i)?,
            _ => {
                let (master, terminal) = pty::open(request.pty).at(Step::Pty, i)?;
                give(&terminal, request.uid).at(Step::Pty, i)?;
                self.terminal = Some((terminal, i));
                master
            }
        };
        if let Some(place) = self.parents.get_mut(i) {
            *place = Some(master);
        }
        Ok(self.terminal.as_ref().map_or(CLOSE, |(terminal, _)| terminal.number()))
    }
}

/// Fills `moves` with what the child does to its descriptors, and opens what
/// has to be opened for it. Returns how many moves there are.
#[inline(never)]
pub fn descriptors(
    request: &Request,
    opened: &mut Opened,
    moves: &mut [Move],
) -> Result<usize, Failure> {
    if request.leaves_descriptors() {
        return Ok(0);
    }
    let mut count = 0usize;
    let mut push = |one: Move| {
        if let Some(place) = moves.get_mut(count) {
            *place = one;
            count = count.wrapping_add(1);
        }
    };
    // What the stream before will be, for one that goes there, too; so stderr
    // comes before a stdout that refers to it.
    let out_refers = matches!(request.stdio, [_, Stdio::AsOther, _]);
    let order = if out_refers { [0, 2, 1] } else { [0, 1, 2] };
    let mut other = CLOSE;
    for i in order {
        let Some(stdio) = request.stdio.get(i) else { continue };
        let source = stdio_source(request, *stdio, i, other, opened)?;
        if let Some(source) = source {
            push(Move::new(source, i as i32, Step::Stdio, i));
        }
        let mapped = request.pairs.iter().find(|pair| pair.target == i as i32);
        other = source.or(mapped.map(|pair| pair.source)).unwrap_or(i as i32);
    }
    for (i, pair) in request.pairs.iter().enumerate() {
        fd::require_open(pair.source).at(Step::Map, i)?;
        if pair.target < 0 {
            return Err(Failure::misuse(Reason::MapTarget, i));
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
    request: &Request,
    stdio: Stdio,
    i: usize,
    other: i32,
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
        Stdio::AsOther => {
            fd::require_open(other).at(Step::Stdio, i)?;
            return Ok(Some(other));
        }
        Stdio::Null => {
            let flags = if reads { libc::O_RDONLY } else { libc::O_WRONLY };
            fd::open(DEV_NULL, flags, 0).at(Step::Open, i)?
        }
        Stdio::Path { path, flags, mode } => fd::open(path, flags, mode).at(Step::Open, i)?,
        Stdio::Pty => return opened.pty(request, i).map(Some),
        Stdio::Pipe => {
            let (read, write) = fd::pipe(0).at(Step::Pipe, i)?;
            give(&read, request.uid).at(Step::Pipe, i)?;
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

/// Lets a child that runs as another user open its streams again by name, as
/// /dev/stdin. Both ends of a pipe are one file to the system.
pub fn give(file: &OwnedFd, owner: Option<u32>) -> Result<()> {
    owner.map_or(Ok(()), |uid| file.give_to(uid))
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
                return Err(Failure::misuse(Reason::MapTwice, one.index as usize));
            }
            relocate |= other.target == one.source();
        }
        if let Some(one) = moves.get_mut(i) {
            one.relocate = relocate;
        }
    }
    Ok(())
}
