use super::spawn::chld_id;
use super::status::chld_status;
use super::{growth, quietly, to_c, valid, write_out};
use crate::start::failure::{Failure, OrMisuse, Reason};
use crate::stop::sequence::{self, Plan, Step, Steps, Target};
use crate::stop::signal;
use crate::sys::{Errno, Result};
use crate::stop::tree;
use core::ffi::c_int;
use core::mem::size_of;

/// Sends a signal to a child, and never to another process that has its pid by now.
///
/// `id`: the child.
/// `signal`: 1 to SIGRTMAX. 0 sends nothing and checks whether the child runs.
///
/// Returns 0, for signal 0 even if the child may not be signalled, or
/// -ESRCH: the child has exited, whether or not a call has waited for it. Nothing is
///   sent. The call does not record the exit: see chld_kill_group().
/// -EPERM: the child runs as another user by now.
/// -EINVAL: `signal` is not a signal.
/// -EBADF: `id` is not a valid handle.
///
/// Thread-safe, even while another thread waits for the child. Async-signal-safe. Never
/// blocks. Not a cancellation point. Stack: 3 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_kill(id: chld_id, signal: c_int) -> c_int {
    quietly(|| signal::kill(valid(id)?, signal).map(|()| 0))
}

/// Sends a signal to the process group of a child that was started as the leader of one:
/// to the child and to its descendants that have not moved to another group.
///
/// `id`: a child that was started with CHLD_GROUP_NEW, CHLD_SPAWN_SESSION or
/// CHLD_STDIO_PTY.
/// `signal`: 1 to SIGRTMAX.
///
/// It never reaches another group that has the number by now. Since Linux 6.9 a pidfd
/// names the group: it can be signalled after the exit of the child, until chld_close().
/// Before that, the number stays taken until the child is reaped. So the group of a child
/// that has exited can be signalled as long as:
/// - no call has returned the exit, and
/// - no SIGCHLD handler reaps (CHLD_ENGINE_SIGCHLD, chld_sigchld_install()).
///
/// Returns 0, or
/// -EINVAL: the child leads no group of its own: its group is the caller's, or that of
///   another process. Or `signal` is not a signal; 0 is not allowed.
/// -ESRCH: nobody is left in the group; or, before Linux 6.9, a call has returned the
///   exit.
/// -EPERM: none of the processes may be signalled.
/// -EBADF: `id` is not a valid handle.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 3 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_kill_group(id: chld_id, signal: c_int) -> c_int {
    quietly(|| signal::kill_group(valid(id)?, signal).map(|()| 0))
}

/// Sends a signal to a child and all its descendants, including those in groups and
/// sessions of their own, and returns how many of them are left.
///
/// `id`: the child.
/// `signal`: as for chld_kill(). With SIGKILL, every process is stopped first, so that
/// none can start more, and the call waits until they are gone.
/// `survivors`: the number of processes of the tree that live when the call returns:
/// those that have not exited, and those that cannot be signalled. May be NULL.
///
/// The descendants are found in /proc. A process is in the tree if its parent is. It is
/// also in the tree if its group or session is led by a process of the tree, even if that
/// one has exited and its parent has not waited for it yet.
///
/// A process whose parent has exited ("double fork"), and which has a group and a session
/// of its own, is found only if the child was started with CHLD_SPAWN_SUBREAPER and still
/// runs. Otherwise it has become a child of init, and is neither found nor counted. If
/// the caller is a subreaper or init itself, it has become a child of the caller. It
/// cannot be assigned to a tree, so it gets no signal, but it is counted. So is every
/// other child that the program has started after this one without this library.
///
/// A cgroup of the child's own (CHLD_SPAWN_CGROUP_OWN) has no such gaps. SIGKILL reaches
/// all processes in it and in the cgroups below it, even after the child's exit was
/// reported, until chld_close(). It takes one write to cgroup.kill (since Linux 5.14).
/// Without that file, the cgroup is frozen and its processes are killed one after the
/// other.
///
/// Signals go to exactly the processes that were found, by pidfd; before Linux 5.3, by
/// pid right after a look.
///
/// A process that neither runs nor stops is waited for 50 ms, and then killed as it is:
/// the parent in a vfork(), a process in a frozen cgroup.
///
/// The number of survivors is true, or the call fails. It is written if the call returns
/// 0 or -ETIMEDOUT. If the search fails, SIGKILL still goes to the processes that were
/// found up to then, at least to the child. Another signal is not sent at all.
///
/// Returns 0, or
/// -ETIMEDOUT: the search was not complete after a second. The processes found by then
///   got the signal, and `survivors` counts those of them that live.
/// -ESRCH: a call has reported the child's exit. Before that, what is left of its group
///   and session is found.
/// -ENOSYS: /proc is not there, belongs to another pid namespace, or hides the child. The
///   child's group got the signal if the child leads one, else the child alone.
/// -EPERM, -EACCES: /proc hides processes from the caller, by its mount option hidepid or
///   by a security module. They may be in the tree; all others got the signal.
/// -EINVAL: `signal` is not a signal.
/// -EBADF: `id` is not a valid handle.
/// -EMFILE, -ENFILE: two descriptors for the search were not left.
/// -ENOMEM: no memory left for the search.
///
/// Thread-safe. Not async-signal-safe. Blocks for a second at most, and while the signals
/// are sent; reads all of /proc. Not a cancellation point. Stack: 6 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_kill_tree(
    id: chld_id,
    signal: c_int,
    survivors: *mut u32,
) -> c_int {
    quietly(|| {
        let count = tree::kill(valid(id)?, signal)?;
        // SAFETY: NULL or valid, by the header.
        unsafe { write_out(survivors, count.living) };
        if count.timed_out { Err(Errno::ETIMEDOUT) } else { Ok(0) }
    })
}

/// The child alone.
pub const CHLD_TARGET_CHILD: u32 = 0;

/// The group that the child leads: see chld_kill_group().
pub const CHLD_TARGET_GROUP: u32 = 1;

/// The child and its descendants: see chld_kill_tree().
pub const CHLD_TARGET_TREE: u32 = 2;

/// When the child has exited, the rest of its group or tree gets SIGKILL. Of a tree, that
/// is then the child's own group and session: the others cannot be found any more. To let
/// no process survive, use SIGKILL as the first step. A capture sweeps only if a step was
/// taken. Has no effect with CHLD_TARGET_CHILD.
pub const CHLD_STOP_SWEEP: u32 = 1;

/// One step of a plan.
#[repr(C)]
pub struct chld_stop_step {
    /// The signal; 0 sends none, and only waits. SIGCONT follows each signal whose
    /// default action is to terminate, except SIGKILL: a stopped process acts on
    /// the signal only when it continues.
    pub signal: i32,
    /// How long to wait for the exit after it, in milliseconds; -1 waits forever, 0
    /// goes on at once.
    pub wait_ms: i32,
}

/// How to stop a child: a sequence of signals. Begin with CHLD_STOP_PLAN_INIT.
#[repr(C)]
pub struct chld_stop_plan {
    /// sizeof(chld_stop_plan), set by CHLD_STOP_PLAN_INIT.
    pub size: usize,
    /// One of CHLD_TARGET_*: which processes get the signals.
    pub target: u32,
    /// CHLD_STOP_* bits.
    pub flags: u32,
    /// The steps, in their order, at most 16.
    pub steps: *const chld_stop_step,
    /// The number of steps. 0: SIGTERM, 2000 ms, SIGKILL, 2000 ms.
    pub steps_count: usize,
}

// SAFETY: numbers and a pointer, the size first.
unsafe impl growth::Growing for chld_stop_plan {
    const FIRST_SIZE: usize = size_of::<chld_stop_plan>();
}

/// Stops a child by a sequence of signals: sends the first signal, waits, sends the next.
///
/// `id`: the child.
/// `plan`: NULL for SIGTERM and, two seconds later, SIGKILL, to the child alone.
/// `ret`: how the child exited; may be NULL. Written on success only.
///
/// The call returns as soon as the child has exited; at once if it has already.
///
/// A stopped child is continued after each signal that is meant to terminate it, so that
/// it can act on it: see chld_stop_step.
///
/// The child is not reaped before the call returns, so its group can be signalled up to
/// then. After that it cannot: use CHLD_STOP_SWEEP for what may be left of it.
///
/// Returns 0, or
/// -ETIMEDOUT: the child has not exited after the last step. It sleeps in the kernel, or
///   the plan has no SIGKILL.
/// -EPERM: the last signal could not be sent. Other errors of sending are possible.
/// -EINVAL: a member of `plan` is wrong: `size`; an unknown `target` or `flags`; `steps`
///   is NULL, or `steps_count` above 16; an unknown `signal`; `wait_ms` below -1. Or
///   `target` is CHLD_TARGET_GROUP and the child leads no group.
/// -E2BIG: `plan` has a member of a later version.
/// -EBADF: `id` is not a valid handle.
///
/// Thread-safe. Not async-signal-safe. Blocks no longer than the waits of the plan
/// together, and the time that chld_kill_tree() takes. Not a cancellation point.
/// Stack: 6 KB.
/// Ownership: the library keeps nothing of `plan`.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_stop(
    id: chld_id,
    plan: *const chld_stop_plan,
    ret: *mut chld_status,
) -> c_int {
    quietly(|| {
        // SAFETY: NULL or what the header requires, for the length of this call.
        let status = sequence::stop(valid(id)?, unsafe { plan_of(plan) }?)?;
        // SAFETY: NULL or valid, by the header.
        unsafe { write_out(ret, to_c(status)) };
        Ok(0)
    })
}

const PLAN_SIZES: [Reason; 3] = [Reason::PlanSizeZero, Reason::PlanSize, Reason::PlanNewer];

/// # Safety
/// `plan` must be NULL or what the header requires.
pub unsafe fn plan_of(plan: *const chld_stop_plan) -> Result<Plan, Failure> {
    const {
        assert!(size_of::<Step>() == size_of::<chld_stop_step>());
    }
    if plan.is_null() {
        let steps = Steps::copy(Plan::STEPS).or_misuse(Reason::PlanSteps)?;
        return Ok(Plan { target: Target::Child, sweep: false, steps });
    }
    // SAFETY: by the contract.
    let plan = unsafe { growth::checked(plan, PLAN_SIZES) }?;
    let target = match plan.target {
        CHLD_TARGET_CHILD => Target::Child,
        CHLD_TARGET_GROUP => Target::Group,
        CHLD_TARGET_TREE => Target::Tree,
        _ => return Err(Failure::misuse(Reason::PlanTarget, 0)),
    };
    let steps = match plan.steps_count {
        0 => Plan::STEPS,
        count if plan.steps.is_null() || count > Steps::MOST => {
            return Err(Failure::misuse(Reason::PlanSteps, 0));
        }
        // SAFETY: valid by the contract; the two types are both two ints.
        count => unsafe { core::slice::from_raw_parts(plan.steps.cast(), count) },
    };
    if plan.flags & !CHLD_STOP_SWEEP != 0 {
        return Err(Failure::misuse(Reason::PlanFlags, 0));
    }
    let sweep = plan.flags & CHLD_STOP_SWEEP != 0;
    let steps = Steps::copy(steps).or_misuse(Reason::PlanSteps)?;
    Ok(Plan { target, sweep, steps })
}
