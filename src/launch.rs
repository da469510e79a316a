//! Starting a child: from a request to a running slot, or to a failure that
//! leaves nothing behind.

use crate::by_pid;
use crate::child::{self, Plan, REPORT_BYTES, Report};
use crate::failure::{At, Failure, Step};
use crate::graveyard;
use crate::pin::Pin;
use crate::plan::{self, Group, Move, Opened, Program, Request};
use crate::reap;
use crate::sigchld;
use crate::sys::clone::{self, ChildStack, Legacy, Started};
use crate::sys::fd::{self, OwnedFd};
use crate::sys::memory::Scratch;
use crate::sys::signal::AllBlocked;
use crate::sys::wait::{self, Whom};
use crate::sys::{self, Errno, pidfd};
use crate::table;
use core::sync::atomic::{
    AtomicBool, AtomicU8,
    Ordering::{Relaxed, SeqCst},
};

/// Starts what `request` describes; returns the handle.
#[inline(never)]
pub fn spawn(request: &Request, user: usize) -> Result<u64, Failure> {
    graveyard::sweep();
    check(request)?;

    let mut inline = [core::ptr::null(); 64];
    let size = plan::environment_size(request);
    let mut places = Scratch::new(&mut inline, size, core::ptr::null).at(Step::Memory, 0)?;
    let env = plan::environment(request, &mut places)?;

    let pin = table::claim().at(Step::Memory, 0)?;
    let mut opened = Opened::default();
    match prepare_and_start(request, env, &mut opened) {
        Ok(started) => Ok(settle(pin, started, opened, request, user)),
        Err(failure) => {
            pin.abandon();
            Err(failure)
        }
    }
}

fn check(request: &Request) -> Result<(), Failure> {
    if request.argv.iter().next().is_none() {
        return Err(Failure::new(Step::Arguments, 0, Errno::EINVAL));
    }
    // A session leader cannot be in a group of another session.
    match request.group {
        Group::Join(group) if group <= 0 || request.session => {
            Err(Failure::new(Step::Group, 0, Errno::EINVAL))
        }
        _ => Ok(()),
    }
}

#[inline(never)]
fn prepare_and_start(
    request: &Request,
    env: sys::cstr::StrList,
    opened: &mut Opened,
) -> Result<Started, Failure> {
    let mut inline = [const { Move::NONE }; 8];
    let count = request.pairs.len().wrapping_add(request.stdio.len());
    let mut room = Scratch::new(&mut inline, count, || Move::NONE).at(Step::Memory, 0)?;
    let moves = room.get();
    let count = plan::descriptors(request, opened, moves)?;
    let moves = moves.get(..count).unwrap_or_default();

    let highest = moves.iter().fold(2, |highest, one| highest.max(one.source()));
    let mut plan = Plan {
        program: Program::find(request, env)?,
        argv: request.argv,
        env,
        moves,
        highest_needed: highest,
        shares_descriptors: false,
        inherit_fds: request.inherit_fds,
        subreaper: request.subreaper,
        // setsid makes a group too.
        session: request.session,
        group: if request.session { Group::Inherit } else { request.group },
        cwd: request.cwd,
        reset_handlers: false,
        report_pipe: -1,
        report: Report::default(),
    };
    start(&mut plan)
}

/// Whether a cloned child really runs in our memory. Under qemu-user and
/// valgrind it does not, whatever the flags say.
static MEMORY: AtomicU8 = AtomicU8::new(UNKNOWN);
const UNKNOWN: u8 = 0;
const SHARED: u8 = 1;
const COPIED: u8 = 2;

/// Starts the child and waits until it has exec'ed, or reaps it and says why
/// it has not. The child writes its report into our memory; as long as nobody
/// knows whether that reaches us, there is a close-on-exec pipe as well, and
/// the first start of a process decides.
#[inline(never)]
fn start(plan: &mut Plan) -> Result<Started, Failure> {
    let shared = MEMORY.load(Relaxed) == SHARED;
    if shared {
        let started = clone_best(plan).at(Step::Clone, 0)?;
        let failure = plan.report.failure();
        return confirm(started, failure);
    }
    let (read, write) = fd::pipe(0).at(Step::Clone, 0)?;
    plan.report_pipe = write.number();
    plan.highest_needed = plan.highest_needed.max(write.number());
    let started = clone_best(plan).at(Step::Clone, 0)?;
    drop(write);
    if plan.report.seen.load(Relaxed) != 0 {
        MEMORY.store(SHARED, Relaxed);
        let failure = plan.report.failure();
        return confirm(started, failure);
    }
    MEMORY.store(COPIED, Relaxed);
    let failure = read_report(&read);
    confirm(started, failure)
}

/// Waits for the end of the pipe, which is the exec, or for a report.
#[inline(never)]
fn read_report(pipe: &OwnedFd) -> Option<Failure> {
    let mut bytes = [0u8; REPORT_BYTES];
    match fd::read_full(pipe.number(), &mut bytes) {
        Ok(REPORT_BYTES) => child::failure_from_pipe(bytes),
        _ => None,
    }
}

/// A child that failed is reaped before anybody hears of it.
fn confirm(started: Started, failure: Option<Failure>) -> Result<Started, Failure> {
    let Some(failure) = failure else { return Ok(started) };
    let whom = Whom::best(started.pid, started.pidfd.as_ref().map(OwnedFd::number));
    // It is past its last step, so this does not block for long. ECHILD: a
    // handler of the program's own that reaps everything was faster.
    let reaped = sys::retry(|| wait::waitid(whom, wait::EXITED));
    if reaped.is_err() {
        // Or P_PIDFD was refused; nobody has reaped it then, so the pid is its own.
        let _ = sys::retry(|| wait::waitid(Whom::Pid(started.pid), wait::EXITED));
    }
    Err(failure)
}

/// The best way that this kernel, or the sandbox in front of it, has not
/// refused yet.
static MECHANISM: AtomicU8 = AtomicU8::new(CLONE3);
const CLONE3: u8 = 0;
const CLONE: u8 = 1;
const FORK: u8 = 2;

fn clone_best(plan: &mut Plan) -> sys::Result<Started> {
    let mut stack = ChildStack::new();
    loop {
        let mechanism = MECHANISM.load(Relaxed);
        let started = match mechanism {
            CLONE3 => {
                plan.shares_descriptors = !plan.inherit_fds;
                clone::clone3(plan.shares_descriptors, &mut stack, plan)
            }
            _ => clone_blocked(plan, mechanism == CLONE, &mut stack),
        };
        match started {
            Err(errno) if errno.means_unsupported() && mechanism != FORK => {
                MECHANISM.fetch_max(mechanism.wrapping_add(1), SeqCst);
            }
            other => return other,
        }
    }
}

/// Set once the kernel has refused CLONE_PIDFD itself.
static NO_CLONE_PIDFD: AtomicBool = AtomicBool::new(false);

/// By clone, or as a fork. Every signal is blocked meanwhile: a handler of the
/// parent's must not run in the child, on a stack this small.
fn clone_blocked(
    plan: &mut Plan,
    share_memory: bool,
    stack: &mut ChildStack,
) -> sys::Result<Started> {
    let _blocked = AllBlocked::enter()?;
    plan.shares_descriptors = false;
    plan.reset_handlers = true;
    let want_pidfd = !NO_CLONE_PIDFD.load(Relaxed);
    let started = clone::clone(Legacy { share_memory, want_pidfd }, stack, plan);
    match started {
        Err(errno) if errno.means_unsupported() && want_pidfd => {
            let started = clone::clone(Legacy { share_memory, want_pidfd: false }, stack, plan)?;
            NO_CLONE_PIDFD.store(true, Relaxed);
            Ok(started)
        }
        other => other,
    }
}

/// The kernel's own, or one asked for afterwards. Not having one (out of
/// descriptors, say) is no failure: the child is then known by its pid.
#[inline(never)]
fn pidfd_of(started: &mut Started) -> Option<OwnedFd> {
    let given = started.pidfd.take();
    given.or_else(|| pidfd::available().then(|| pidfd::open(started.pid).ok())?)
}

/// Writes a running child into its slot. From the last line on, everybody sees
/// it.
#[inline(never)]
fn settle(
    pin: Pin,
    mut started: Started,
    opened: Opened,
    request: &Request,
    user: usize,
) -> u64 {
    let slot = pin.slot;
    let leads_group = request.session || request.group == Group::New;
    slot.leads_group.store(leads_group as u32, SeqCst);
    slot.pid.store(started.pid, SeqCst);
    if let Some(fd) = pidfd_of(&mut started) {
        slot.pidfd.store(fd.release(), SeqCst);
    }
    for (place, end) in slot.streams.iter().zip(opened.parents) {
        if let Some(end) = end {
            place.store(end.release(), SeqCst);
        }
    }
    slot.user.store(user, SeqCst);
    slot.life.update(|word| Some(word.running()));
    if sigchld::running().is_some() {
        by_pid::note(&pin);
        // Its SIGCHLD may have come before anybody knew whose it was.
        let _ = reap::look(&pin);
    }
    pin.handle()
}
