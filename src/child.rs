//! The child's half: everything between clone and exec.
//!
//! It runs in the parent's memory, on a small stack, while the parent's thread
//! sleeps; other threads of the parent go on. So it makes raw system calls only
//! (`sys::raw`), takes no lock, allocates nothing, calls no function of libc,
//! and never returns. What fails is reported into the parent's memory, and into
//! a pipe as long as it is not known that the memory is shared.

use crate::failure::{At, Failure, Step};
use crate::plan::{CLOSE, Move, Program};
use crate::request::{Cwd, Dispositions, Group, Mask, Request};
use crate::sys::clone::{self, ChildHalf, ChildStack};
use crate::sys::cstr::{self, ScriptArguments, StrList};
use crate::sys::directory;
use crate::sys::raw::{self, CLOSE_RANGE_CLOEXEC, CLOSE_RANGE_UNSHARE};
use crate::sys::{Errno, Result};
use core::cell::Cell;
use core::ffi::CStr;
use core::sync::atomic::{AtomicI32, Ordering::Relaxed};

/// What the child is to do; checked, complete, and read-only but for the
/// report.
pub struct Plan<'a> {
    pub request: &'a Request<'a>,
    pub program: Program<'a>,
    /// What /bin/sh is given for a file that is no program.
    pub script: Option<ScriptArguments<'a>>,
    pub env: StrList<'a>,
    pub moves: &'a [Move],
    /// The descriptors of program, directory and cgroup, and the write end of
    /// the report's pipe, or -1. The child may have to move them out of the way.
    pub kept: [AtomicI32; 4],
    /// The highest descriptor that is used before exec, 2 at least.
    pub highest_needed: i32,
    /// The table is the parent's own until the child has unshared it.
    pub shares_descriptors: bool,
    /// Handlers were not reset by the kernel.
    pub reset_handlers: bool,
    /// The child has to move itself into its cgroup.
    pub enter_cgroup: bool,
    /// What the caller has blocked.
    pub callers_mask: u64,
    /// The caller's process.
    pub parent: i32,
    pub report: Report,
}

/// In `Report::seen`: the descriptor table is the child's own by now.
pub const ISOLATED: i32 = 2;

/// The places in `Plan::kept`.
pub const PROGRAM: usize = 0;
pub const CWD: usize = 1;
pub const CGROUP: usize = 2;
pub const REPORT: usize = 3;

/// Written by the child, read by the parent.
#[derive(Default)]
pub struct Report {
    /// The child has written here: the memory is shared.
    pub seen: AtomicI32,
    words: [AtomicI32; 3],
    /// The pid of the process between caller and detached child, as it knows it.
    between: AtomicI32,
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

/// A report in the pipe, in ints: written by one call, so it comes whole.
pub const REPORT_INTS: usize = 5;

fn pack(failure: Failure) -> [i32; 3] {
    [failure.step as i32, failure.index, failure.errno.0]
}

fn unpack([step, index, errno]: [i32; 3]) -> Option<Failure> {
    let step = Step::from_number(step).filter(|step| *step != Step::Nothing)?;
    Some(Failure { step, index, errno: Errno(errno) })
}

/// The failure, and who has failed if that is not the process `started` but one
/// below it. (In a pid namespace of their own they know other numbers than we.)
pub fn failure_from_pipe(
    [step, index, errno, between, pid]: [i32; REPORT_INTS],
    started: i32,
) -> Option<(Failure, Option<i32>)> {
    let failure = unpack([step, index, errno])?;
    Some((failure, (between == started && pid != started).then_some(pid)))
}

impl ChildHalf for Plan<'_> {
    fn run(&self) -> ! {
        self.report.seen.store(1, Relaxed);
        self.fail(self.become_program())
    }
}

/// The half of a process between caller and detached child: it starts that and
/// dies, which makes the child an orphan that init reaps.
pub struct Between<'a> {
    plan: &'a Plan<'a>,
    share_memory: bool,
    stack: Cell<Option<&'a mut ChildStack>>,
}

impl<'a> Between<'a> {
    pub fn new(plan: &'a Plan<'a>, share_memory: bool, stack: &'a mut ChildStack) -> Self {
        Between { plan, share_memory, stack: Cell::new(Some(stack)) }
    }
}

impl ChildHalf for Between<'_> {
    fn run(&self) -> ! {
        self.plan.report.seen.store(1, Relaxed);
        self.plan.report.between.store(raw::pid(), Relaxed);
        let Some(stack) = self.stack.take() else { raw::exit(0) };
        match clone::clone_on(self.share_memory, stack, self.plan) {
            Err(errno) => self.plan.fail(Failure::new(Step::Clone, 0, errno)),
            // One that failed must not become an orphan: its new parent may be
            // the caller, who knows nothing of it. (Where the memory is a copy,
            // this is not heard of here: the caller's half sees to it.)
            Ok(pid) if self.plan.report.failure().is_some() => raw::reap(pid),
            Ok(_) => {}
        }
        raw::exit(0)
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

    fn fail(&self, failure: Failure) -> ! {
        let words = pack(failure);
        self.report.store(words);
        if self.kept(REPORT) >= 0 {
            let [step, index, errno] = words;
            let between = self.report.between.load(Relaxed);
            let report = [step, index, errno, between, raw::pid()].map(i32::to_ne_bytes);
            let report = report.as_flattened();
            // An empty pipe takes it at once, but for a signal or bad luck.
            let _ = (0..100).find(|_| raw::write(self.kept(REPORT), report).is_ok());
        }
        raw::exit(127)
    }

    /// The order matters. Descriptors come first, so that the parent's table is
    /// left alone from the second call on, and the terminal is in its place. The
    /// session before the group: setsid fails for a group leader. Limits,
    /// niceness and cgroup while the privileges are there; of the ids the user
    /// last, because it takes the right to change the others along. The
    /// directory as the new user may enter it. The death signal after the ids,
    /// whose change clears it. Signals last: one that is pending, and kills, must
    /// not hide a failure before it.
    fn prepare(&self) -> Result<(), Failure> {
        self.isolate_descriptors().at(Step::Descriptors, 0)?;
        self.report.seen.store(ISOLATED, Relaxed);
        self.place_descriptors()?;
        self.enter_session()?;
        self.limit()?;
        self.change_ids()?;
        self.settle_in()?;
        self.reset_signals().at(Step::Signals, 0)
    }

    fn enter_session(&self) -> Result<(), Failure> {
        let request = self.request;
        if request.session {
            raw::setsid().at(Step::Session, 0)?;
        }
        if let Some(fd) = request.terminal {
            raw::make_controlling(fd).at(Step::Terminal, 0)?;
        }
        if request.subreaper {
            raw::set_subreaper().at(Step::Session, 0)?;
        }
        match request.group {
            // setsid made one already, and a leader cannot change it.
            Group::New if !request.session => raw::join_group(0).at(Step::Group, 0)?,
            Group::Join(group) => raw::join_group(group).at(Step::Group, 0)?,
            _ => {}
        }
        if request.foreground {
            // A background process that asks for this gets SIGTTOU: not now.
            raw::set_mask(!0).at(Step::Foreground, 0)?;
            raw::take_foreground().at(Step::Foreground, 0)?;
        }
        Ok(())
    }

    fn limit(&self) -> Result<(), Failure> {
        let request = self.request;
        if self.enter_cgroup {
            raw::enter_cgroup(self.kept(CGROUP)).at(Step::Cgroup, 0)?;
        }
        for (index, limit) in request.limits.iter().enumerate() {
            raw::set_limit(limit).at(Step::Limit, index)?;
        }
        if request.nice != 0 {
            raw::add_niceness(request.nice).at(Step::Nice, 0)?;
        }
        if !request.cpus.is_empty() {
            raw::set_affinity(request.cpus).at(Step::Affinity, 0)?;
        }
        Ok(())
    }

    fn change_ids(&self) -> Result<(), Failure> {
        let request = self.request;
        if let Some(groups) = request.groups {
            raw::setgroups(groups).at(Step::Setgroups, 0)?;
        }
        if let Some(gid) = request.gid {
            raw::setgid(gid).at(Step::Setgid, 0)?;
        }
        if let Some(uid) = request.uid {
            raw::setuid(uid).at(Step::Setuid, 0)?;
        }
        Ok(())
    }

    fn settle_in(&self) -> Result<(), Failure> {
        let request = self.request;
        match request.cwd {
            Cwd::Inherit => {}
            Cwd::Path(path) => raw::chdir(path).at(Step::Chdir, 0)?,
            Cwd::Fd(_) => raw::fchdir(self.kept(CWD)).at(Step::Chdir, 0)?,
        }
        if let Some(umask) = request.umask {
            raw::umask(umask);
        }
        if request.no_new_privs {
            raw::forbid_new_privileges().at(Step::NoNewPrivs, 0)?;
        }
        if request.death_signal != 0 {
            raw::set_death_signal(request.death_signal).at(Step::DeathSignal, 0)?;
            // It may have died before there was a signal to send.
            // (0 is one in another pid namespace: nobody can tell.)
            if !matches!(raw::parent(), parent if parent == 0 || parent == self.parent) {
                return Err(Failure::new(Step::DeathSignal, 0, Errno::ESRCH));
            }
        }
        Ok(())
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
        if self.request.inherit_fds {
            return Ok(());
        }
        // CLOSE_RANGE_CLOEXEC since Linux 5.11.
        if raw::close_range(3, !0, CLOSE_RANGE_CLOEXEC).is_err() && mark_listed().is_err() {
            mark_possible();
        }
        Ok(())
    }

    pub fn kept(&self, which: usize) -> i32 {
        self.kept.get(which).map_or(-1, |fd| fd.load(Relaxed))
    }

    /// A copy of `fd` that is no target. There are free numbers between the
    /// targets more often than above them, where the limit may be.
    fn out_of_the_way(&self, fd: i32) -> Result<i32> {
        let mut least = 3;
        loop {
            let copy = raw::dup_above(fd, least)?;
            if !self.moves.iter().any(|one| one.target == copy) {
                return Ok(copy);
            }
            let _ = raw::close(copy);
            least = copy.wrapping_add(1);
        }
    }

    /// All moves take effect at once: what would be overwritten before its turn
    /// is first copied out of the way.
    fn place_descriptors(&self) -> Result<(), Failure> {
        for fd in &self.kept {
            let number = fd.load(Relaxed);
            if number >= 0 && self.moves.iter().any(|one| one.target == number) {
                fd.store(self.out_of_the_way(number).at(Step::Descriptors, 0)?, Relaxed);
            }
        }
        for one in self.moves.iter().filter(|one| one.relocate && one.source() != CLOSE) {
            let copy = self.out_of_the_way(one.source());
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

    /// exec resets handlers and keeps what is ignored, so only that is decided
    /// here; the handlers go before the mask does.
    fn reset_signals(&self) -> Result<()> {
        match self.request.dispositions {
            // nohup's SIGHUP stays ignored; the two that break programs do not.
            Dispositions::Usual => {
                raw::set_default(libc::SIGPIPE)?;
                raw::set_default(libc::SIGCHLD)?;
            }
            Dispositions::Inherit => {}
            Dispositions::Ignoring(ignored) => return self.ignore_only(ignored),
        }
        if self.reset_handlers {
            for signal in (1..=64).filter(|signal| raw::has_handler(*signal)) {
                raw::set_default(signal)?;
            }
        }
        self.set_mask()
    }

    fn ignore_only(&self, ignored: u64) -> Result<()> {
        for signal in (1..=64).filter(|signal| !matches!(*signal, libc::SIGKILL | libc::SIGSTOP)) {
            if ignored & 1 << (signal - 1) != 0 {
                raw::set_ignored(signal)?;
            } else {
                raw::set_default(signal)?;
            }
        }
        self.set_mask()
    }

    fn set_mask(&self) -> Result<()> {
        raw::set_mask(match self.request.mask {
            Mask::Bits(bits) => bits,
            Mask::Inherit => self.callers_mask,
        })
    }

    fn exec(&self) -> Failure {
        match self.program {
            // ENOENT: a script, whose interpreter cannot open what closes at exec.
            Program::Fd => match self.exec_descriptor() {
                Errno::ENOENT => Failure::new(Step::Interpreter, 0, Errno::ENOENT),
                errno => Failure::new(Step::Exec, 0, errno),
            },
            Program::At(path) => {
                let errno = self.try_exec(path);
                // ENOENT too when the script is there, but what its first line
                // names is not.
                let there = errno == Errno::ENOENT && raw::exists(path);
                Failure::new(if there { Step::Interpreter } else { Step::Exec }, 0, errno)
            }
            Program::Named { name, path } => self.search(name, path),
        }
    }

    /// By name where the call is not there, as under qemu-user.
    fn exec_descriptor(&self) -> Errno {
        let fd = self.kept(PROGRAM);
        match raw::exec_descriptor(fd, self.argv(), self.env) {
            Errno::ENOSYS => {
                let mut buffer = [0u8; 32];
                let path = cstr::numbered(&mut buffer, b"/proc/self/fd/", fd);
                raw::execve(path, self.argv(), self.env)
            }
            errno => errno,
        }
    }

    fn argv(&self) -> StrList<'_> {
        self.request.argv
    }

    fn try_exec(&self, path: &CStr) -> Errno {
        match (raw::execve(path, self.argv(), self.env), &self.script) {
            (Errno::ENOEXEC, Some(script)) => {
                raw::execve(c"/bin/sh", script.for_script(path), self.env)
            }
            (errno, _) => errno,
        }
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
            match self.try_exec(candidate) {
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
    cstr::until_nul(buffer)
}

/// Without close_range: asks /proc which descriptors are open. Not a loop to
/// RLIMIT_NOFILE, which may be a billion.
fn mark_listed() -> Result<()> {
    let listed = raw::open(c"/proc/self/fd", libc::O_RDONLY | libc::O_DIRECTORY)?;
    let result = directory::each(listed, |entry| {
        if let Some(fd) = entry.number().filter(|fd| *fd > 2) {
            let _ = raw::set_close_on_exec(fd, true);
        }
        Ok(())
    });
    let _ = raw::close(listed);
    result
}

/// Without /proc either: the numbers that programs use in practice.
fn mark_possible() {
    const BOUND: i32 = 65536;
    for fd in 3..BOUND {
        let _ = raw::set_close_on_exec(fd, true);
    }
}
