//! Making the process that a request describes, and detecting whether it has exec'ed.

use super::birth;
use super::environment;
use super::failure::{At, Failure, Step};
use super::mechanism::{self, Way};
use super::plan::{self, Move, Opened, Plan, Program, Source};
use super::report::{Progress, Report};
use super::request::{Group, Request};
use super::starting::Starting;
use crate::sys::birth::Birth;
use crate::sys::clone::{Memory, Started};
use crate::sys::cstr::ScriptArguments;
use crate::sys::fd::{self, OwnedFd};
use crate::sys::memory::{Inline, Scratch};
use crate::sys::signal::AllBlocked;
use crate::sys::wait::{self, WaitId};
use crate::sys::{self, Errno, host, pidfd, poll, raw, signal};
use core::cell::Cell;

/// A process between us and the child has done its work when `prepare` returns, and
/// is reaped. None is needed where the kernel reaps the child.
pub fn detached(request: &Request) -> Result<(), Failure> {
    let mut opened = Opened::default();
    let (_guards, started) = prepare(request, &mut opened)?;
    if !started.is_private {
        reap_now(&started);
    }
    Ok(())
}

/// What a start holds from before its child exists until the child is in the
/// table. Signals come last: a handler may look for the child.
pub struct Guards {
    pub starting: Starting,
    pub blocked: AllBlocked,
}

/// Computes the plan, and starts it. To open a stream may take long, so no signal
/// is blocked, and no start is announced, before that is done.
pub fn prepare(request: &Request, opened: &mut Opened) -> Result<(Guards, Started), Failure> {
    let mut inline = Inline::<_, 64>::new();
    let size = environment::size(request);
    let mut places = Scratch::new(&mut inline, size, core::ptr::null).at(Step::Memory, 0)?;
    let env = environment::build(request, &mut places)?;

    let mut inline = Inline::<_, 16>::new();
    let size = if request.shell { request.argv.iter().count().wrapping_add(2) } else { 0 };
    let mut places = Scratch::new(&mut inline, size, core::ptr::null).at(Step::Memory, 0)?;
    let script = ScriptArguments::new(places.get(), request.argv);

    let mut inline = Inline::<_, 8>::new();
    let count = request.pairs.len().wrapping_add(request.stdio.len());
    let mut room = Scratch::new(&mut inline, count, Move::none).at(Step::Memory, 0)?;
    let moves = room.get();
    let count = plan::descriptors(request, opened, moves)?;
    let moves = moves.get(..count).unwrap_or_default();

    let program = Program::find(request, env)?;
    let mut inline = Inline::<_, 256>::new();
    let size = plan::longest_candidate(program);
    let mut candidate = Scratch::new(&mut inline, size, || 0).at(Step::Memory, 0)?;

    let required = birth::required(request);
    let kept = plan::kept(request)?;
    let highest = moves.iter().fold(2, |highest, one| highest.max(one.source()));
    start(&mut Plan {
        request,
        program,
        script: script.filter(|_| request.shell),
        env,
        moves,
        highest_needed: kept.iter().fold(highest, |highest, fd| highest.max(*fd)),
        kept: kept.map(Source::new),
        needs_whole_table: plan::needs_whole_table(request, program),
        birth: birth::of(request, required)?,
        required,
        shares_descriptors: false,
        reset_handlers: false,
        born_outside_cgroup: false,
        enter_cgroup: false,
        callers_mask: 0,
        parent: if request.death_signal == 0 { 0 } else { host::pid() },
        report: Report::new(),
        may_be_stopped: false,
        stack_bottom: 0,
        candidate: Cell::new(candidate.get()),
        foreground: Cell::new(None),
    })
}

/// Starts the child and waits until it has exec'ed, or reaps it and returns why
/// it has not. Every signal is blocked meanwhile: a handler of the program's must
/// not run in the child, and a stop signal must not hold it.
fn start(plan: &mut Plan) -> Result<(Guards, Started), Failure> {
    let blocked = AllBlocked::enter().at(Step::Clone, 0)?;
    plan.callers_mask = blocked.before();
    plan.may_be_stopped = may_be_stopped(plan.request, plan.callers_mask);
    let guards = Guards { starting: Starting::enter(&blocked).at(Step::Memory, 0)?, blocked };
    loop {
        let mut orphan = None;
        let Some(started) = attempt(plan, &mut orphan)? else { continue };
        let failure = plan.report.failure();
        if failure.is_none() && !was_killed_by_its_cgroup(plan) {
            // The process in between has done that.
            if !plan.request.detached || started.is_private {
                plan.each_stop(|signal| send(&started, signal));
            }
            return Ok((guards, started));
        }
        reap_now(&started);
        if let Some(pid) = orphan {
            reap_orphan(pid);
        }
        match failure {
            None => plan.born_outside_cgroup = true,
            Some(failure) if may_try_again(plan, failure) => {}
            Some(failure) => {
                let _ = plan.request.interpreter.set(plan.report.item());
                return Err(failure);
            }
        }
    }
}

/// Whether the terminal may stop the child while the caller goes on: because the
/// child is in the foreground, or in another group that may be stopped alone, or
/// because the caller does not stop with its group. Otherwise SIGCONT comes to both
/// of them. (A detached child has no room for it.)
fn may_be_stopped(request: &Request, callers_mask: u64) -> bool {
    let is_blocked = callers_mask & 1 << (libc::SIGTSTP - 1) != 0;
    let is_elsewhere = request.foreground || matches!(request.group, Group::Join(_));
    !request.detached
        && (is_elsewhere
            || !request.leads_group() && (is_blocked || !raw::is_default(libc::SIGTSTP)))
}

/// A child that was killed before its first instruction, where it was born: the
/// kernel does that in a cgroup that once had cgroup.kill, but lets processes move
/// there. The next attempt, which moves in, stands whatever becomes of it.
fn was_killed_by_its_cgroup(plan: &Plan) -> bool {
    plan.request.cgroup.is_some() && !plan.enter_cgroup && !plan.report.has_reached(Progress::Runs)
}

/// Whether the failure may be due to the descriptor table, and another attempt
/// would have another one.
fn may_try_again(plan: &mut Plan, failure: Failure) -> bool {
    let is_path = matches!(failure.step, Step::Exec | Step::Interpreter | Step::Chdir);
    if !plan.shares_descriptors {
        return false;
    }
    if failure.step == Step::Descriptors && !plan.report.has_reached(Progress::Isolated) {
        mechanism::never_share_table();
        return true;
    }
    // The path may lead to a descriptor that the child has left behind.
    plan.needs_whole_table = is_path && failure.errno == Errno::ENOENT;
    plan.needs_whole_table
}

/// Makes one process and takes in what it reports, by memory or by a pipe that
/// closes at exec. `None`: it has to be made in another way.
fn attempt(plan: &mut Plan, orphan: &mut Option<i32>) -> Result<Option<Started>, Failure> {
    let way = mechanism::way(plan.request.changes_ids());
    let pipe = match way {
        Way { memory: Memory::Shared, is_certain: true } => None,
        // What the child has written is there when the caller goes on.
        Way { memory: Memory::CopiedAsleep, .. } => Some(fd::pipe(libc::O_NONBLOCK)),
        _ => Some(fd::pipe(0)),
    };
    let pipe = pipe.transpose().at(Step::Clone, 0)?;
    plan.renew(pipe.as_ref().map_or(-1, |(_, write)| write.number()));
    let started = mechanism::start(plan, way).map_err(|errno| blame(plan, errno))?;
    let Some(started) = started else { return Ok(None) };
    let Some((read, write)) = pipe else { return Ok(Some(started)) };
    drop(write);
    if way.memory.is_shared() && plan.report.has_reached(Progress::Runs) {
        mechanism::memory_was_shared(true);
        return Ok(Some(started));
    }
    read_report(plan, &read, &started);
    *orphan = plan.report.orphan(started.pid);
    // One that has not run shows nothing.
    if way.memory.is_shared() && plan.report.has_reached(Progress::Runs) {
        mechanism::memory_was_shared(false);
    }
    Ok(Some(started))
}

/// clone3 answers for the cgroup too, and for what is required of it.
fn blame(plan: &Plan, errno: Errno) -> Failure {
    if plan.required != Birth::PLAIN && errno.means_unsupported() {
        return birth::refused(plan, errno);
    }
    let request = plan.request;
    let of_clone = [Errno::EAGAIN, Errno::ENOMEM, Errno::EMFILE, Errno::ENFILE];
    let cgroup = request.cgroup.is_some() && !of_clone.contains(&errno);
    Failure::new(if cgroup { Step::Cgroup } else { Step::Clone }, 0, errno)
}

/// Takes over the last report in the pipe. Where the caller has slept until the
/// exec, the pipe has all of it, even if a copy of the process still has the other
/// end open; else the end of the pipe is the exec. A child of which nothing can be
/// known must not run.
#[inline(never)]
fn read_report(plan: &Plan, pipe: &OwnedFd, started: &Started) {
    loop {
        match plan.report.receive(pipe.number()) {
            Ok(true) => {}
            Ok(false) => return,
            Err(Errno::EAGAIN) if is_settled(plan, started) => return,
            // It goes on, and so did the caller: this is no vfork.
            Err(Errno::EAGAIN) => {
                mechanism::caller_was_awake();
                let _ = fd::set_mode(pipe.number(), 0);
            }
            Err(errno) => {
                send(started, libc::SIGKILL);
                return plan.report.fail(Failure::new(Step::Clone, 0, errno));
            }
        }
    }
}

/// Whether the child has come to its exec, or to its end.
fn is_settled(plan: &Plan, started: &Started) -> bool {
    plan.report.has_reached(Progress::ExecNext)
        || plan.report.failure().is_some()
        || !matches!(wait::waitid(WaitId::Pid(started.pid), LOOK), Ok(None))
}

const LOOK: i32 = wait::EXITED | wait::NO_HANG | wait::PEEK;

/// Not reaped yet, so even the pid is its own, unless the kernel reaps it.
fn send(started: &Started, signal: i32) {
    let by_pidfd = started.pidfd.as_ref().map(|fd| pidfd::send_signal(fd.number(), signal));
    if !matches!(by_pidfd, Some(Ok(()))) && !started.is_private {
        let _ = signal::kill(started.pid, signal);
    }
}

/// Reaps a process that is past its last step, so this does not block for
/// long: a child that failed, before anybody has its handle.
fn reap_now(started: &Started) {
    if let (true, Some(fd)) = (started.is_private, &started.pidfd) {
        let _ = sys::retry(|| poll::poll(&mut [poll::readable(fd.number())], None));
        pidfd::exit_word(fd.number()); // that is known when the process is gone
        return;
    }
    let wait_id = WaitId::best(started.pid, started.pidfd.as_ref().map(OwnedFd::number));
    match sys::retry(|| wait::waitid(wait_id, wait::EXITED)) {
        // P_PIDFD was refused. Nobody has reaped it then, so the pid is its own.
        Err(errno) if errno != Errno::ECHILD => {
            let _ = sys::retry(|| wait::waitid(WaitId::Pid(started.pid), wait::EXITED));
        }
        // Or a handler of the program's own, which reaps everything, was faster.
        _ => {}
    }
}

/// A detached child that has failed as a copy, which the process in between does
/// not detect. It is ours to reap if orphans are; then its pid is its own until
/// that is done.
#[cold]
fn reap_orphan(pid: i32) {
    if host::is_subreaper() {
        let _ = sys::retry(|| wait::waitid(WaitId::Pid(pid), wait::EXITED));
    }
}
