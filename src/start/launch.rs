//! Making the process that a request describes, and learning whether it has exec'ed.

use super::child::{self, Plan, REPORT, REPORT_INTS, Report};
use super::environment;
use super::failure::{At, Failure, Step};
use super::mechanism;
use super::plan::{self, Move, Opened, Program};
use super::request::{Mask, Request};
use super::starting::Starting;
use crate::sys::clone::Started;
use crate::sys::cstr::ScriptArguments;
use crate::sys::fd::{self, OwnedFd};
use crate::sys::memory::{Inline, Scratch};
use crate::sys::wait::{self, Whom};
use crate::sys::{self, Errno, host, raw, signal};
use core::sync::atomic::{AtomicI32, Ordering::Relaxed};

/// The process between us and the child has done its work when `prepare`
/// returns, and is reaped.
pub fn detached(request: &Request) -> Result<(), Failure> {
    let mut opened = Opened::default();
    let (_starting, between) = prepare(request, &mut opened)?;
    reap_now(&between);
    Ok(())
}

/// Computes the plan, and starts it. To open a stream may take long, so nobody is
/// told of a start before that is done.
pub fn prepare(request: &Request, opened: &mut Opened) -> Result<(Starting, Started), Failure> {
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

    let kept = plan::kept(request)?;
    let highest = moves.iter().fold(2, |highest, one| highest.max(one.source()));
    start(&mut Plan {
        request,
        program: Program::find(request, env)?,
        script: script.filter(|_| request.shell),
        env,
        moves,
        highest_needed: kept.iter().fold(highest, |highest, fd| highest.max(*fd)),
        kept: kept.map(AtomicI32::new),
        shares_descriptors: false,
        reset_handlers: false,
        enter_cgroup: false,
        callers_mask: callers_mask(request),
        parent: if request.death_signal == 0 { 0 } else { host::pid() },
        report: Report::default(),
    })
}

/// Only asked for where it is needed: it costs a system call.
fn callers_mask(request: &Request) -> u64 {
    match request.mask {
        Mask::Inherit => raw::mask().unwrap_or(0),
        Mask::Bits(_) => 0,
    }
}

/// Starts the child and waits until it has exec'ed, or reaps it and says why
/// it has not. The child writes its report into our memory; as long as nobody
/// knows whether that reaches us, there is a close-on-exec pipe as well, and
/// the first start of a process decides.
fn start(plan: &mut Plan) -> Result<(Starting, Started), Failure> {
    let starting = Starting::enter().at(Step::Memory, 0)?;
    let _dumpable = match plan.request.changes_ids() {
        true => Some(host::DUMPABLE.keep()),
        false => None,
    };
    loop {
        let pipe = match mechanism::needs_pipe() {
            true => Some(fd::pipe(0).at(Step::Clone, 0)?),
            false => None,
        };
        let report = pipe.as_ref().map_or(-1, |(_, write)| write.number());
        if let Some(place) = plan.kept.get_mut(REPORT) {
            *place.get_mut() = report;
        }
        plan.highest_needed = plan.highest_needed.max(report);
        let started = mechanism::start(plan).map_err(|errno| blame(plan.request, errno))?;
        let Some(started) = started else { continue };
        let mut orphan = None;
        let failure = match pipe {
            None => plan.report.failure(),
            Some((read, write)) => {
                drop(write);
                let shared = plan.report.seen.load(Relaxed) != 0;
                mechanism::memory_was_shared(shared);
                match shared {
                    true => plan.report.failure(),
                    false => read_report(&read, &started, &mut orphan),
                }
            }
        };
        let Some(failure) = failure else { return Ok((starting, started)) };
        reap_now(&started);
        if let Some(pid) = orphan {
            reap_orphan(pid);
        }
        // Once the table was the child's own, the plan may name descriptors that
        // only it had; and another try would be no better.
        let isolated = plan.report.seen.load(Relaxed) == child::ISOLATED;
        if failure.step != Step::Descriptors || !plan.shares_descriptors || isolated {
            return Err(failure);
        }
        mechanism::never_share_table();
        plan.report = Report::default();
    }
}

/// clone3 answers for the cgroup too.
fn blame(request: &Request, errno: Errno) -> Failure {
    let of_clone = [Errno::EAGAIN, Errno::ENOMEM, Errno::EMFILE, Errno::ENFILE];
    let cgroup = request.cgroup.is_some() && !of_clone.contains(&errno);
    Failure::new(if cgroup { Step::Cgroup } else { Step::Clone }, 0, errno)
}

/// Waits for the end of the pipe, which is the exec, or for a report. A child of
/// which neither can be known must not run.
#[inline(never)]
fn read_report(
    pipe: &OwnedFd,
    started: &Started,
    orphan: &mut Option<i32>,
) -> Option<Failure> {
    let mut report = [[0u8; 4]; REPORT_INTS];
    let bytes = report.as_flattened_mut();
    let size = bytes.len();
    match fd::read_full(pipe.number(), bytes) {
        Ok(count) if count == size => {
            let report = report.map(i32::from_ne_bytes);
            let failure;
            (failure, *orphan) = child::failure_from_pipe(report, started.pid)?;
            Some(failure)
        }
        Ok(_) => None,
        Err(errno) => {
            // Not reaped yet, so the pid is its own.
            let _ = signal::kill(started.pid, libc::SIGKILL);
            Some(Failure::new(Step::Clone, 0, errno))
        }
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
