//! How a process is made: the best way that this kernel, or the sandbox in
//! front of it, has not refused yet; and whether its memory is ours.

use super::child::{Between, Plan, REPORT};
use crate::sys::clone::{self, ChildHalf, ChildStack, Started};
use crate::sys::signal::AllBlocked;
use crate::sys::{Errno, Result};
use core::sync::atomic::{
    AtomicBool, AtomicU8,
    Ordering::{Relaxed, SeqCst},
};

/// What is refused once is not tried again.
static BEST: AtomicU8 = AtomicU8::new(if cfg!(feature = "no-probes") { CLONE } else { CLONE3 });
const CLONE3: u8 = 0;
const CLONE: u8 = 1;
const FORK: u8 = 2;

/// Whether a child really runs in our memory. A fork's does not, and under
/// qemu-user and valgrind nobody's does, whatever the flags say.
static MEMORY: AtomicU8 = AtomicU8::new(UNKNOWN);
const UNKNOWN: u8 = 0;
const SHARED: u8 = 1;
const COPIED: u8 = 2;

/// The child's report may not reach our memory: it needs a pipe.
pub fn needs_pipe() -> bool {
    MEMORY.load(Relaxed) != SHARED
}

/// What the first start has shown.
pub fn memory_was_shared(shared: bool) {
    MEMORY.store(if shared { SHARED } else { COPIED }, Relaxed);
}

/// Set once a child could not leave the descriptor table that it shared.
static KEEPS_TABLE: AtomicBool = AtomicBool::new(false);

/// A sandbox refuses both ways to unshare it; a copy it must be, then.
pub fn never_share_table() {
    KEEPS_TABLE.store(true, Relaxed);
}

/// Makes the process. `None`: only a fork is left, and the plan has no pipe.
pub fn start(plan: &mut Plan) -> Result<Option<Started>> {
    if plan.request.detached {
        return start_between(plan);
    }
    let mut stack = ChildStack::new();
    let cgroup = plan.request.cgroup;
    let mut best = BEST.load(Relaxed);
    loop {
        let started = if best == CLONE3 {
            plan.shares_descriptors =
                !plan.request.needs_whole_table() && !KEEPS_TABLE.load(Relaxed);
            plan.enter_cgroup = false;
            clone::clone3(plan.shares_descriptors, cgroup, &mut stack, plan)
        } else {
            prepare_legacy(plan);
            legacy(best == CLONE, &mut stack, plan)
        };
        match started {
            Err(errno) if refused(errno, cgroup) && best != FORK => {
                best = best.wrapping_add(1);
                // What was refused may have been only the cgroup.
                if cgroup.is_none() {
                    BEST.fetch_max(best, SeqCst);
                }
                if best == FORK && plan.kept(REPORT) < 0 {
                    memory_was_shared(false);
                    return Ok(None);
                }
            }
            other => return other.map(Some),
        }
    }
}

/// E2BIG: clone3 of Linux 5.5 and 5.6, which does not know of cgroups.
fn refused(errno: Errno, cgroup: Option<i32>) -> bool {
    errno.means_unsupported() || errno == Errno::E2BIG && cgroup.is_some()
}

/// The same for a detached child, by way of a process in between. It costs a
/// process more anyway, so the older call, which every kernel has, will do.
#[inline(never)]
fn start_between(plan: &mut Plan) -> Result<Option<Started>> {
    let (mut stack, mut second) = (ChildStack::new(), ChildStack::new());
    prepare_legacy(plan);
    let mut refusal = Errno::EPERM;
    for share_memory in [true, false] {
        if !share_memory && plan.kept(REPORT) < 0 {
            memory_was_shared(false);
            return Ok(None);
        }
        match legacy(share_memory, &mut stack, &Between::new(plan, share_memory, &mut second)) {
            Err(errno) if errno.means_unsupported() => refusal = errno,
            other => return other.map(Some),
        }
    }
    Err(refusal)
}

fn prepare_legacy(plan: &mut Plan) {
    plan.shares_descriptors = false;
    plan.reset_handlers = true;
    plan.enter_cgroup = plan.request.cgroup.is_some();
}

/// Set once the kernel has refused CLONE_PIDFD itself.
static NO_CLONE_PIDFD: AtomicBool = AtomicBool::new(cfg!(feature = "no-probes"));

/// By clone, or as a fork. Every signal is blocked meanwhile: a handler of the
/// parent's must not run in the child, on a stack this small.
fn legacy<C: ChildHalf>(
    share_memory: bool,
    stack: &mut ChildStack,
    child: &C,
) -> Result<Started> {
    let _blocked = AllBlocked::enter()?;
    let want_pidfd = !NO_CLONE_PIDFD.load(Relaxed);
    let started = clone::clone(share_memory, want_pidfd, stack, child);
    match started {
        Err(errno) if errno.means_unsupported() && want_pidfd => {
            let started = clone::clone(share_memory, false, stack, child)?;
            NO_CLONE_PIDFD.store(true, Relaxed);
            Ok(started)
        }
        other => other,
    }
}
