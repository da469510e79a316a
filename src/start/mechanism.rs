//! How a process is made: the best way that this kernel, or the sandbox in
//! front of it, has not refused yet; and whether its memory is ours.

use super::birth;
use super::child::Between;
use super::plan::Plan;
use crate::sys::birth::Birth;
use crate::sys::clone::{
    self, CHILD_BYTES, ChildHalf, Memory, SIGNALLED_CHILD_BYTES, SMALL_BYTES, Stack, StackRoom,
    Started,
};
use crate::sys::{Errno, Result, clock, namespace, raw};
use core::sync::atomic::{
    AtomicBool, AtomicU8,
    Ordering::{Relaxed, SeqCst},
};

/// What is refused once is not tried again.
static NO_CLONE3: AtomicBool = AtomicBool::new(cfg!(feature = "no-probes"));

/// Whether a child really runs in our memory. Under qemu-user and valgrind none
/// does, whatever the flags are.
static MEMORY: AtomicU8 = AtomicU8::new(UNKNOWN);
const UNKNOWN: u8 = 0;
const SHARED: u8 = 1;
const COPIED: u8 = 2;
/// CLONE_VM was refused.
const REFUSED: u8 = 3;

/// Whether the caller sleeps if the child has a copy of its memory.
static SLEEPS: AtomicU8 = AtomicU8::new(UNKNOWN);
const YES: u8 = 1;
const NO: u8 = 2;

/// How the next child is made.
#[derive(Clone, Copy)]
pub struct Way {
    pub memory: Memory,
    /// It is known that this is so, and not only what the flags ask for.
    pub is_certain: bool,
}

/// A child that changes its ids never shares our memory, to which the new user
/// could get access through it.
pub fn way(changes_ids: bool) -> Way {
    let memory = match MEMORY.load(Relaxed) {
        UNKNOWN | SHARED if !changes_ids => Memory::Shared,
        _ if caller_sleeps() => Memory::CopiedAsleep,
        _ => Memory::Copied,
    };
    Way { memory, is_certain: !memory.is_shared() || MEMORY.load(Relaxed) == SHARED }
}

/// What the first start has shown.
pub fn memory_was_shared(shared: bool) {
    MEMORY.store(if shared { SHARED } else { COPIED }, Relaxed);
}

/// The caller of a `Memory::CopiedAsleep` did not sleep until the exec.
pub fn caller_was_awake() {
    SLEEPS.store(NO, Relaxed);
}

/// Set once a child could not leave the descriptor table that it shared.
static KEEPS_TABLE: AtomicBool = AtomicBool::new(false);

/// A sandbox refuses both ways to unshare it; a copy it must be, then.
pub fn never_share_table() {
    KEEPS_TABLE.store(true, Relaxed);
}

/// Makes the process. `None`: not in this way, but there is another one.
pub fn start(plan: &mut Plan, way: Way) -> Result<Option<Started>> {
    match plan.request.detached && !plan.birth.has(Birth::AUTOREAP) {
        true => start_between(plan, way.memory),
        false => start_directly(plan, way.memory),
    }
}

#[inline(never)]
fn start_directly(plan: &mut Plan, memory: Memory) -> Result<Option<Started>> {
    let mut room = StackRoom::<SIGNALLED_CHILD_BYTES>::new();
    let mut stack = room.stack();
    plan.stack_bottom = stack.bottom();
    if NO_CLONE3.load(Relaxed) {
        if plan.birth != Birth::PLAIN {
            return with_less(plan, Errno::ENOSYS);
        }
    } else {
        match by_clone3(plan, memory, stack.again()) {
            Err(errno) if plan.birth != Birth::PLAIN && refused(errno, plan.request.cgroup) => {
                return with_less(plan, errno);
            }
            Err(errno) if refused(errno, plan.request.cgroup) => {
                // What was refused may have been only the cgroup.
                if plan.request.cgroup.is_none() {
                    NO_CLONE3.store(true, SeqCst);
                }
            }
            other => return other.map(Some),
        }
    }
    prepare_legacy(plan);
    otherwise(legacy(memory, stack, plan), memory)
}

fn by_clone3(plan: &mut Plan, memory: Memory, stack: Stack) -> Result<Started> {
    // A copy of the memory costs more than one of the table.
    plan.shares_descriptors =
        memory.is_shared() && !plan.needs_whole_table && !KEEPS_TABLE.load(Relaxed);
    plan.reset_handlers = false;
    plan.enter_cgroup = plan.request.cgroup.is_some() && plan.born_outside_cgroup;
    let cgroup = plan.request.cgroup.filter(|_| !plan.enter_cgroup);
    clone::clone3(memory, plan.birth, plan.shares_descriptors, cgroup, stack, plan)
}

/// The next attempt asks for less, unless all of that is required. This proves nothing
/// about clone3 itself.
#[cold]
fn with_less(plan: &mut Plan, errno: Errno) -> Result<Option<Started>> {
    if plan.request.cgroup.is_some() && !plan.born_outside_cgroup {
        plan.born_outside_cgroup = true;
        return Ok(None);
    }
    if errno == Errno::EPERM && plan.birth.has(Birth::AUTOKILL) {
        birth::may_not_autokill();
    }
    if plan.birth == plan.required {
        return Err(errno);
    }
    plan.birth = plan.required;
    Ok(None)
}

/// E2BIG: clone3 of Linux 5.5 and 5.6, which does not support cgroups.
fn refused(errno: Errno, cgroup: Option<i32>) -> bool {
    errno.means_unsupported() || errno == Errno::E2BIG && cgroup.is_some()
}

/// If the memory cannot be shared, there is one more way: a copy; at last a plain
/// fork.
fn otherwise(started: Result<Started>, memory: Memory) -> Result<Option<Started>> {
    match started {
        Err(errno) if errno.means_unsupported() && memory == Memory::Shared => {
            MEMORY.store(REFUSED, Relaxed);
            Ok(None)
        }
        Err(errno) if errno.means_unsupported() && memory == Memory::CopiedAsleep => {
            SLEEPS.store(NO, Relaxed);
            Ok(None)
        }
        other => other.map(Some),
    }
}

/// The same for a detached child, by way of a process in between. It costs a
/// process more anyway, so the older call, which every kernel has, will do.
#[inline(never)]
fn start_between(plan: &mut Plan, memory: Memory) -> Result<Option<Started>> {
    let mut room = StackRoom::<SMALL_BYTES>::new();
    let mut childs = StackRoom::<CHILD_BYTES>::new();
    prepare_legacy(plan);
    let between = Between::new(plan, memory, childs.stack());
    otherwise(legacy(memory, room.stack(), &between), memory)
}

fn prepare_legacy(plan: &mut Plan) {
    plan.shares_descriptors = false;
    plan.reset_handlers = true;
    plan.enter_cgroup = plan.request.cgroup.is_some();
}

/// Set once the kernel has refused CLONE_PIDFD itself.
static NO_CLONE_PIDFD: AtomicBool = AtomicBool::new(cfg!(feature = "no-probes"));

/// By clone, or as a fork.
fn legacy<C: ChildHalf>(memory: Memory, mut stack: Stack, child: &C) -> Result<Started> {
    let want_pidfd = !NO_CLONE_PIDFD.load(Relaxed);
    let started = clone::clone(memory, want_pidfd, stack.again(), child);
    match started {
        Err(errno) if errno.means_unsupported() && want_pidfd => {
            let started = clone::clone(memory, false, stack, child)?;
            NO_CLONE_PIDFD.store(true, Relaxed);
            Ok(started)
        }
        other => other,
    }
}

/// Whether CLONE_VFORK holds the caller without CLONE_VM, too. A kernel that
/// shares memory is no emulator: it does. An emulator does not, and valgrind dies
/// of being asked. Where CLONE_VM is refused, a child that sleeps shows it.
fn caller_sleeps() -> bool {
    if MEMORY.load(Relaxed) == UNKNOWN {
        try_memory();
    }
    if MEMORY.load(Relaxed) == REFUSED && SLEEPS.load(Relaxed) == UNKNOWN {
        try_sleep();
    }
    match MEMORY.load(Relaxed) {
        SHARED => SLEEPS.load(Relaxed) != NO,
        REFUSED => SLEEPS.load(Relaxed) == YES,
        _ => false,
    }
}

/// A child for a trial. The first process of a PID namespace would be its init,
/// and no other could follow: then there is none.
fn try_with<C: ChildHalf>(memory: Memory, child: &C) -> Result<i32> {
    if namespace::lacks_init() {
        return Err(Errno::EAGAIN);
    }
    clone::clone_unnoticed(memory, StackRoom::<SMALL_BYTES>::new().stack(), child)
}

/// A child that only shows where it runs.
struct Trial(AtomicBool);

impl ChildHalf for Trial {
    fn run(&self) -> ! {
        self.0.store(true, Relaxed);
        raw::exit(0)
    }
}

#[cold]
#[inline(never)]
fn try_memory() {
    let trial = Trial(AtomicBool::new(false));
    match try_with(Memory::Shared, &trial) {
        Ok(pid) => {
            raw::reap(pid);
            memory_was_shared(trial.0.load(Relaxed));
        }
        Err(errno) if errno.means_unsupported() => MEMORY.store(REFUSED, Relaxed),
        // Out of processes or memory: the start itself will report that.
        Err(_) => {}
    }
}

/// A child that takes a millisecond to exit.
struct Sleeper;

impl ChildHalf for Sleeper {
    fn run(&self) -> ! {
        raw::sleep_a_millisecond();
        raw::exit(0)
    }
}

const MILLISECOND_NS: u64 = 1_000_000;

/// Whether the caller sleeps until the child has exited.
///
/// It does if clone takes as long as the child, and the child is a zombie soon after. Not
/// at once: the caller is woken while the child still exits. To copy a large process also
/// takes long, but the child then begins after that. On a busy machine nothing is soon,
/// hence several trials.
#[cold]
#[inline(never)]
fn try_sleep() {
    for _ in 0..5 {
        let begin = clock::now_ns();
        let Ok(pid) = try_with(Memory::CopiedAsleep, &Sleeper) else { return };
        let cloned = clock::now_ns();
        raw::reap(pid);
        if cloned.wrapping_sub(begin) < MILLISECOND_NS {
            break;
        }
        if clock::now_ns().wrapping_sub(cloned) < MILLISECOND_NS / 2 {
            SLEEPS.store(YES, Relaxed);
            return;
        }
    }
    SLEEPS.store(NO, Relaxed);
}
