//! Starting a child: from a request to a running slot, or to a failure that
//! leaves nothing behind.

use crate::by_pid;
use crate::environment;
use crate::failure::{At, Failure, Reason, Step};
use crate::graveyard;
use crate::mechanism::{self, Way};
use crate::pin::Pin;
use crate::plan::{self, Move, Opened, Plan, Program, Source};
use crate::reap;
use crate::report::{Progress, Report};
use crate::request::Request;
use crate::sigchld::{self, Locked, Starting};
use crate::sys::clone::{Memory, Started};
use crate::sys::cstr::ScriptArguments;
use crate::sys::fd::{self, OwnedFd};
use crate::sys::memory::{Inline, Scratch};
use crate::sys::signal::AllBlocked;
use crate::sys::wait::{self, Whom};
use crate::sys::{self, Errno, host, pidfd, raw, signal};
use crate::table;
use core::cell::Cell;
use core::sync::atomic::Ordering::Relaxed;

/// Starts what `request` describes; returns the handle, or 0 for a detached
/// child.
pub fn spawn(request: &Request, user: usize) -> Result<u64, Failure> {
    graveyard::sweep();
    request.check()?;
    if request.detached {
        return spawn_detached(request).map(|()| 0);
    }
    let pin = table::claim().at(Step::Memory, 0)?;
    let mut opened = Opened::default();
    match prepare(request, &mut opened) {
        Ok((_guards, started)) => {
            pin.slot.leads_group.store(request.leads_group() as u32, Relaxed);
            if let Some(fd) = request.cgroup.filter(|_| request.owns_cgroup) {
                // Without a descriptor to spare, its tree is found in /proc.
                pin.slot.cgroup.store(raw::dup_above(fd, 3).unwrap_or(-1), Relaxed);
            }
            Ok(settle(pin, started, opened, user))
        }
        Err(failure) => {
            pin.abandon();
            Err(failure)
        }
    }
}

/// The process between us and the child has done its work when `prepare`
/// returns, and is reaped.
fn spawn_detached(request: &Request) -> Result<(), Failure> {
    let mut opened = Opened::default();
    let (_guards, between) = prepare(request, &mut opened)?;
    reap_now(&between);
    Ok(())
}

/// What a start holds from before its child exists until the child is in the
/// table. Signals come last: a handler may look for the child.
pub struct Guards {
    _starting: Starting,
    _blocked: AllBlocked,
}

/// Computes the plan, and starts it. To open a stream may take long, so no signal
/// is blocked, and nobody is told of a start, before that is done.
fn prepare(request: &Request, opened: &mut Opened) -> Result<(Guards, Started), Failure> {
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

/// Starts the child and waits until it has exec'ed, or reaps it and says why
/// it has not. Every signal is blocked meanwhile: a handler of the program's must
/// not run in the child, and a stop signal must not hold it.
fn start(plan: &mut Plan) -> Result<(Guards, Started), Failure> {
    if plan.request.detached && host::lacks_init() {
        return Err(Failure::misuse(Reason::NoInit, 0));
    }
    let blocked = AllBlocked::enter().at(Step::Clone, 0)?;
    plan.callers_mask = blocked.before();
    plan.may_be_stopped = may_be_stopped(plan.request, plan.callers_mask);
    let guards = Guards { _starting: Starting::enter().at(Step::Memory, 0)?, _blocked: blocked };
    loop {
        let mut orphan = None;
        let Some(started) = attempt(plan, &mut orphan)? else { continue };
        let failure = plan.report.failure();
        if failure.is_none() && !was_killed_by_its_cgroup(plan) {
            if !plan.request.detached {
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
/// child is in the foreground, or because the caller does not stop with its group.
/// Otherwise SIGCONT comes to both of them. (A detached child has no room for it.)
fn may_be_stopped(request: &Request, callers_mask: u64) -> bool {
    let is_blocked = callers_mask & 1 << (libc::SIGTSTP - 1) != 0;
    !request.detached
        && (request.foreground
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
    let started = mechanism::start(plan, way).map_err(|errno| blame(plan.request, errno))?;
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

/// clone3 answers for the cgroup too.
fn blame(request: &Request, errno: Errno) -> Failure {
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
        || !matches!(wait::waitid(Whom::Pid(started.pid), LOOK), Ok(None))
}

const LOOK: i32 = wait::EXITED | wait::NO_HANG | wait::PEEK;

/// Not reaped yet, so even the pid is its own.
fn send(started: &Started, signal: i32) {
    let by_pidfd = started.pidfd.as_ref().map(|fd| pidfd::send_signal(fd.number(), signal));
    if !matches!(by_pidfd, Some(Ok(()))) {
        let _ = signal::kill(started.pid, signal);
    }
}

/// Reaps a process that is past its last step, so this does not block for
/// long: a child that failed, before anybody hears of it.
fn reap_now(started: &Started) {
    let whom = Whom::best(started.pid, started.pidfd.as_ref().map(OwnedFd::number));
    match sys::retry(|| wait::waitid(whom, wait::EXITED)) {
        // P_PIDFD was refused. Nobody has reaped it then, so the pid is its own.
        Err(errno) if errno != Errno::ECHILD => {
            let _ = sys::retry(|| wait::waitid(Whom::Pid(started.pid), wait::EXITED));
        }
        // Or a handler of the program's own, which reaps everything, was faster.
        _ => {}
    }
}

/// A detached child that has failed as a copy, which the process in between does
/// not hear of. It is ours to reap if orphans are; then its pid is its own until
/// that is done.
#[cold]
fn reap_orphan(pid: i32) {
    if host::is_subreaper() {
        let _ = sys::retry(|| wait::waitid(Whom::Pid(pid), wait::EXITED));
    }
}

/// The kernel's own, or one asked for afterwards. Not having one (out of
/// descriptors, say) is no failure: the child is then known by its pid.
#[inline(never)]
fn pidfd_of(started: &mut Started) -> Option<OwnedFd> {
    let given = started.pidfd.take();
    given.or_else(|| {
        let asked = pidfd::available().then(|| pidfd::open(started.pid).ok())??;
        // Where the kernel reaps by itself (SIGCHLD ignored), the pid may be a
        // foreign child's by now; only a child of ours can be waited for.
        let whom = Whom::Pidfd(asked.number());
        let peeked = wait::waitid(whom, wait::EXITED | wait::NO_HANG | wait::PEEK);
        (!matches!(peeked, Err(Errno::ECHILD))).then_some(asked)
    })
}

/// Takes over a child of this process that was started by other means. ECHILD if
/// it is none, or somebody has reaped it.
pub fn adopt(pid: i32) -> sys::Result<u64> {
    graveyard::sweep();
    // Of two who ask at once, the second finds it in the table.
    let _locked = Locked::enter()?;
    if by_pid::find(pid).is_some() {
        return Err(Errno::EEXIST);
    }
    wait::waitid(Whom::Pid(pid), wait::EXITED | wait::NO_HANG | wait::PEEK)?;
    Ok(settle(table::claim()?, Started { pid, pidfd: None }, Opened::default(), 0))
}

/// Writes a running child into its slot. From the change of its life on,
/// everybody sees it, and with it what was stored before.
#[inline(never)]
fn settle(pin: Pin, mut started: Started, opened: Opened, user: usize) -> u64 {
    let slot = pin.slot;
    slot.pid.store(started.pid, Relaxed);
    slot.held_pid.store(started.pid, Relaxed);
    if let Some(fd) = pidfd_of(&mut started) {
        slot.pidfd.store(fd.release(), Relaxed);
    }
    for (place, end) in slot.streams.iter().zip(opened.parents) {
        if let Some(end) = end {
            place.store(end.release(), Relaxed);
        }
    }
    slot.user.store(user, Relaxed);
    slot.life.update(|word| Some(word.running()));
    if sigchld::running().is_some() {
        by_pid::note(&pin);
        // Its SIGCHLD may have come before anybody knew whose it was.
        let _ = reap::look(&pin);
    }
    pin.handle()
}
