//! The child's half: everything between clone and exec, in its order.
//!
//! It runs in the parent's memory or in a copy of it, on a small stack, while the
//! parent's thread sleeps; other threads of the parent go on. So it makes raw
//! system calls only (`sys::raw`), takes no lock, allocates nothing, calls no
//! function of libc, and never returns. What fails is reported: see `report`.

use super::failure::{At, Failure, Reason, Step};
use super::plan::{CGROUP, CWD, Plan};
use super::report::{Progress, Word};
use super::request::{Cwd, Dispositions, Group};
use crate::sys::birth::Birth;
use crate::sys::clone::{self, ChildHalf, Memory, Stack};
use crate::sys::{Errno, Result, raw};
use core::cell::Cell;

impl ChildHalf for Plan<'_> {
    fn run(&self) -> ! {
        self.begin();
        let failure = match self.prepare() {
            Ok(()) => self.exec(),
            Err(failure) => failure,
        };
        if let Some(foreground) = self.foreground.get() {
            raw::give_back_foreground(foreground);
        }
        self.fail(failure)
    }
}

/// The half of a process between caller and detached child: it starts that and
/// dies, which makes the child an orphan that init reaps.
pub struct Between<'p, 'a> {
    plan: &'p Plan<'a>,
    memory: Memory,
    stack: Cell<Option<Stack<'p>>>,
}

impl<'p, 'a> Between<'p, 'a> {
    pub fn new(plan: &'p Plan<'a>, memory: Memory, stack: Stack<'p>) -> Self {
        Between { plan, memory, stack: Cell::new(Some(stack)) }
    }
}

impl ChildHalf for Between<'_, '_> {
    fn run(&self) -> ! {
        let plan = self.plan;
        let pid = raw::pid();
        plan.report.set(Word::Between, pid);
        plan.begin();
        if pid == 1 {
            // The kernel kills what is left in a PID namespace without its init.
            plan.fail(Failure::misuse(Reason::NoInit, 0));
        }
        let Some(stack) = self.stack.take() else { raw::exit(0) };
        match clone::clone_on(self.memory, stack, plan) {
            Err(errno) => plan.fail(Failure::new(Step::Clone, 0, errno)),
            // One that failed must not become an orphan: its new parent may be
            // the caller, who knows nothing of it. (Where the memory is a copy,
            // the failure is not visible here: the caller's half handles it.)
            Ok(pid) if plan.report.failure().is_some() => raw::reap(pid),
            Ok(pid) => plan.each_stop(|signal| raw::kill(pid, signal)),
        }
        raw::exit(0)
    }
}

impl Plan<'_> {
    /// The first act: a child that has not come so far was killed at its birth.
    fn begin(&self) {
        self.report.reach(Progress::Runs);
        self.send_report();
    }

    fn fail(&self, failure: Failure) -> ! {
        self.report.fail(failure);
        self.send_report();
        raw::exit(127)
    }

    /// The stop signals that the child has discarded and that are meant for it.
    pub fn each_stop(&self, send: impl Fn(i32)) {
        let stopped = self.report.get(Word::Stopped);
        if stopped != 0 && self.request.takes_stops() {
            (1..32).filter(|signal| stopped & 1 << signal != 0).for_each(send);
        }
    }

    /// The order matters. Descriptors come first, so that the parent's table is
    /// left alone from the second call on, and the terminal is in its place. The
    /// session before the group: setsid fails for a group leader. Limits,
    /// niceness and cgroup while the privileges are there; of the ids the user
    /// last, because it takes the right to change the others along. The ids as
    /// late as can be, as the new user may hold up what comes after. The
    /// directory as the new user may enter it. The death signal after the ids,
    /// whose change clears it. Signals last: one that is pending, and kills, must
    /// not hide a failure before it.
    fn prepare(&self) -> Result<(), Failure> {
        self.isolate_descriptors().at(Step::Descriptors, 0)?;
        self.report.reach(Progress::Isolated);
        self.place_descriptors()?;
        self.enter_session()?;
        self.limit()?;
        self.give_up_rights()?;
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
            // A background process that asks for this gets SIGTTOU, unless that
            // is blocked.
            self.foreground.set(Some(raw::take_foreground().at(Step::Foreground, 0)?));
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

    fn give_up_rights(&self) -> Result<(), Failure> {
        let request = self.request;
        if let Some(umask) = request.umask {
            raw::umask(umask);
        }
        if request.no_new_privs && !self.birth.has(Birth::NO_NEW_PRIVS) {
            raw::forbid_new_privileges().at(Step::NoNewPrivs, 0)?;
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
        if request.death_signal != 0 {
            raw::set_death_signal(request.death_signal).at(Step::DeathSignal, 0)?;
            // It may have died before there was a signal to send.
            // (0 is one in another pid namespace, which cannot be identified.)
            if !matches!(raw::parent(), parent if parent == 0 || parent == self.parent) {
                return Err(Failure::new(Step::DeathSignal, 0, Errno::ESRCH));
            }
        }
        Ok(())
    }

    /// exec resets handlers and keeps what is ignored, so only that is decided
    /// here. Handlers go before `exec` lets signals in.
    fn reset_signals(&self) -> Result<()> {
        match self.request.dispositions {
            // nohup's SIGHUP stays ignored; the two that break programs do not.
            Dispositions::Usual => {
                raw::set_default(libc::SIGPIPE)?;
                raw::set_default(libc::SIGCHLD)?;
            }
            Dispositions::Inherit => {}
            Dispositions::Ignoring(ignored) => self.ignore_only(ignored)?,
        }
        let reset = self.request.reset;
        for signal in changeable().filter(|signal| reset & 1 << (signal - 1) != 0) {
            raw::set_default(signal)?;
        }
        let reset = self.request.reset;
        for signal in (1..=64).filter(|signal| reset & 1 << (signal - 1) != 0) {
            if !matches!(signal, libc::SIGKILL | libc::SIGSTOP) {
                raw::set_default(signal)?;
            }
        }
        if self.reset_handlers {
            for signal in (1..=64).filter(|signal| raw::has_handler(*signal)) {
                raw::set_default(signal)?;
            }
        }
        Ok(())
    }

    fn ignore_only(&self, ignored: u64) -> Result<()> {
        for signal in changeable() {
            if ignored & 1 << (signal - 1) != 0 {
                raw::set_ignored(signal)?;
            } else {
                raw::set_default(signal)?;
            }
        }
        Ok(())
    }
}

/// The signals whose disposition can be changed.
fn changeable() -> impl Iterator<Item = i32> {
    (1..=64).filter(|signal| !matches!(*signal, libc::SIGKILL | libc::SIGSTOP))
}
