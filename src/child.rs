//! The child's half: everything between clone and exec.
//!
//! It runs in the parent's memory, on a small stack, while the parent's thread
//! sleeps; other threads of the parent go on. So it makes raw system calls only
//! (`sys::raw`), takes no lock, allocates nothing, calls no function of libc,
//! and never returns. What fails is reported into the parent's memory, and into
//! a pipe as long as it is not known that the memory is shared.

use crate::failure::{Failure, Step};
use crate::plan::{CLOSE, Group, Move, Program};
use crate::sys::clone::ChildHalf;
use crate::sys::cstr::StrList;
use crate::sys::raw::{self, CLOSE_RANGE_CLOEXEC, CLOSE_RANGE_UNSHARE, DirectoryBuffer};
use crate::sys::{Errno, Result};
use core::ffi::CStr;
use core::sync::atomic::{AtomicI32, Ordering::Relaxed};

/// What the child is to do; checked, complete, and read-only but for the
/// report.
pub struct Plan<'a> {
    pub program: Program<'a>,
    pub argv: StrList<'a>,
    pub env: StrList<'a>,
    pub moves: &'a [Move],
    /// The highest descriptor that is used before exec, 2 at least.
    pub highest_needed: i32,
    /// The table is the parent's own until the child has unshared it.
    pub shares_descriptors: bool,
    pub inherit_fds: bool,
    pub subreaper: bool,
    pub session: bool,
    pub group: Group,
    pub cwd: Option<&'a CStr>,
    /// Handlers were not reset by the kernel.
    pub reset_handlers: bool,
    /// Write end, close-on-exec, or -1.
    pub report_pipe: i32,
    pub report: Report,
}

/// Written by the child, read by the parent.
#[derive(Default)]
pub struct Report {
    /// The child has written here: the memory is shared.
    pub seen: AtomicI32,
    words: [AtomicI32; 3],
}

impl Report {
    fn store(&self, words: [i32; 3]) {
        for (place, word) in self.words.iter().zip(words) {
            place.store(word, Relaxed);
        }
    }

    pub fn failure(&self) -> Option<Failure> {
        unpack(self.words.each_ref().map(|word| word.load(Relaxed)))
    }
}

/// The size of a report in the pipe: written by one call, so it comes whole.
pub const REPORT_BYTES: usize = 12;

fn pack(failure: Failure) -> [i32; 3] {
    [failure.step as i32, failure.index, failure.errno.0]
}

fn unpack([step, index, errno]: [i32; 3]) -> Option<Failure> {
    let step = Step::from_number(step).filter(|step| *step != Step::Nothing)?;
    Some(Failure { step, index, errno: Errno(errno) })
}

pub fn failure_from_pipe(bytes: [u8; REPORT_BYTES]) -> Option<Failure> {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
    let number = i32::from_ne_bytes;
    unpack([number([a, b, c, d]), number([e, f, g, h]), number([i, j, k, l])])
}

impl ChildHalf for Plan<'_> {
    fn run(&self) -> ! {
        self.report.seen.store(1, Relaxed);
        let failure = self.become_program();
        let words = pack(failure);
        self.report.store(words);
        if self.report_pipe >= 0 {
            let [[a, b, c, d], [e, f, g, h], [i, j, k, l]] = words.map(i32::to_ne_bytes);
            let _ = raw::write(self.report_pipe, &[a, b, c, d, e, f, g, h, i, j, k, l]);
        }
        raw::exit(127)
    }
}

impl Plan<'_> {
    /// Returns only the reason why it could not.
    fn become_program(&self) -> Failure {
        match self.prepare() {
            Ok(()) => self.exec(),
            Err(failure) => failure,
        }
    }

    /// The order matters. Descriptors come first, so that the parent's table is
    /// left alone from the second call on. The session before the group: setsid
    /// fails for a group leader. The directory after both, and signals last: a
    /// signal that is pending, and kills, must not hide a failure before it.
    fn prepare(&self) -> Result<(), Failure> {
        let failed = |step| move |errno| Failure::new(step, 0, errno);
        self.isolate_descriptors().map_err(failed(Step::Descriptors))?;
        self.place_descriptors()?;
        if self.session {
            raw::setsid().map_err(failed(Step::Session))?;
        }
        match self.group {
            Group::Inherit => {}
            Group::New => raw::join_group(0).map_err(failed(Step::Group))?,
            Group::Join(group) => raw::join_group(group).map_err(failed(Step::Group))?,
        }
        if self.subreaper {
            raw::set_subreaper().map_err(failed(Step::Session))?;
        }
        if let Some(path) = self.cwd {
            raw::chdir(path).map_err(failed(Step::Chdir))?;
        }
        self.reset_signals().map_err(failed(Step::Signals))
    }

    /// Makes the table the child's own, and everything in it but 0, 1 and 2
    /// close at exec. (What the caller mapped is opened up again afterwards.)
    fn isolate_descriptors(&self) -> Result<()> {
        if self.shares_descriptors {
            // One call leaves the table behind: only what lies below is copied,
            // so the parent's open descriptors cost nothing. Since Linux 5.9.
            let above = self.highest_needed.wrapping_add(1) as u32;
            if raw::close_range(above, !0, CLOSE_RANGE_UNSHARE).is_err() {
                raw::unshare_descriptors()?;
            } else if self.highest_needed <= 2 {
                return Ok(());
            }
        }
        if self.inherit_fds {
            return Ok(());
        }
        // CLOSE_RANGE_CLOEXEC since Linux 5.11.
        if raw::close_range(3, !0, CLOSE_RANGE_CLOEXEC).is_err() && mark_listed().is_err() {
            mark_possible();
        }
        Ok(())
    }

    fn place_descriptors(&self) -> Result<(), Failure> {
        let top = self.moves.iter().fold(2, |top, one| top.max(one.target));
        for one in self.moves.iter().filter(|one| one.relocate && one.source() != CLOSE) {
            let copy = raw::dup_above(one.source(), top.wrapping_add(1));
            one.source.store(copy.map_err(|errno| one.failed(errno))?, Relaxed);
        }
        for one in self.moves {
            let placed = match one.source() {
                CLOSE => raw::close(one.target).or_else(already_closed),
                source if source == one.target => raw::set_close_on_exec(source, false),
                source => raw::dup_onto(source, one.target),
            };
            placed.map_err(|errno| one.failed(errno))?;
        }
        Ok(())
    }

    /// SIGPIPE and SIGCHLD as a program expects them at its start; no handler;
    /// what else is ignored stays so (nohup); nothing blocked.
    fn reset_signals(&self) -> Result<()> {
        raw::set_default(libc::SIGPIPE)?;
        raw::set_default(libc::SIGCHLD)?;
        if self.reset_handlers {
            for signal in 1..=64 {
                if raw::has_handler(signal) {
                    raw::set_default(signal)?;
                }
            }
        }
        raw::set_mask(0)
    }

    fn exec(&self) -> Failure {
        match self.program {
            Program::At(path) => self.try_exec(path),
            Program::Named { name, path } => self.search(name, path),
        }
    }

    /// The kernel says ENOENT too when the script is there, but what its first
    /// line names is not.
    fn try_exec(&self, path: &CStr) -> Failure {
        let errno = raw::execve(path, self.argv, self.env);
        let found = errno == Errno::ENOENT && raw::exists(path);
        Failure::new(if found { Step::Interpreter } else { Step::Exec }, 0, errno)
    }

    /// execvp's rules: a directory that does not have the program is passed
    /// over; one that has it but may not run it is remembered while others are
    /// tried; any other failure is final. An empty entry is the working
    /// directory.
    fn search(&self, name: &CStr, path: &CStr) -> Failure {
        let mut answer = Errno::ENOENT;
        let mut buffer = [0u8; libc::PATH_MAX as usize];
        for directory in path.to_bytes().split(|byte| *byte == b':') {
            let Some(candidate) = join(&mut buffer, directory, name) else { continue };
            match raw::execve(candidate, self.argv, self.env) {
                Errno::EACCES => answer = Errno::EACCES,
                Errno::ENOENT | Errno::ENOTDIR | Errno::ESTALE | Errno::ENODEV
                | Errno::ETIMEDOUT => {}
                errno => return Failure::new(Step::Exec, 0, errno),
            }
        }
        // Only now is there time to ask why: was one of them there after all?
        let there = answer == Errno::ENOENT
            && path.to_bytes().split(|byte| *byte == b':').any(|directory| {
                join(&mut buffer, directory, name).is_some_and(raw::exists)
            });
        Failure::new(if there { Step::Interpreter } else { Step::Exec }, 0, answer)
    }
}

/// To have closed what was not open is what was wanted.
fn already_closed(errno: Errno) -> Result<()> {
    if errno == Errno::EBADF { Ok(()) } else { Err(errno) }
}

/// "directory/name" as a C string; `None` if it is longer than a path can be.
fn join<'b>(buffer: &'b mut [u8], directory: &[u8], name: &CStr) -> Option<&'b CStr> {
    let slash: &[u8] = if directory.is_empty() { b"" } else { b"/" };
    let mut rest = &mut *buffer;
    for part in [directory, slash, name.to_bytes_with_nul()] {
        let (head, tail) = rest.split_at_mut_checked(part.len())?;
        for (place, byte) in head.iter_mut().zip(part) {
            *place = *byte;
        }
        rest = tail;
    }
    CStr::from_bytes_until_nul(buffer).ok()
}

/// Without close_range: asks /proc which descriptors are open. Not a loop to
/// RLIMIT_NOFILE, which may be a billion.
fn mark_listed() -> Result<()> {
    let directory = raw::open(c"/proc/self/fd", libc::O_RDONLY | libc::O_DIRECTORY)?;
    let mut buffer = DirectoryBuffer([0; 1024]);
    let result = loop {
        match raw::read_directory(directory, &mut buffer) {
            Ok(0) => break Ok(()),
            Ok(size) => mark_entries(buffer.0.get(..size).unwrap_or_default()),
            Err(errno) => break Err(errno),
        }
    };
    let _ = raw::close(directory);
    result
}

fn mark_entries(entries: &[u8]) {
    raw::each_number(entries, &mut |fd| {
        if fd > 2 {
            let _ = raw::set_close_on_exec(fd, true);
        }
    });
}

/// Without /proc either: the numbers that programs use in practice.
fn mark_possible() {
    const BOUND: i32 = 65536;
    for fd in 3..BOUND {
        let _ = raw::set_close_on_exec(fd, true);
    }
}
