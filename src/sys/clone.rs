//! Starting a process: clone3, clone, and the plain fork that is left.
//!
//! With CLONE_VM and CLONE_VFORK the child borrows the parent's memory, and the
//! calling thread sleeps until the child has exec'ed or died. The child's stack
//! is a `StackRoom` in the caller's own frame: the sleeping frame keeps it
//! alive, so there is nothing to map, to lock or to free.

use super::arch::{self, Entry};
use super::fd::OwnedFd;
use super::{Errno, Result};
use core::marker::PhantomData;
use core::mem::MaybeUninit;

/// How a child is born: flags of clone3 since Linux 7.1.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Birth(u64);

impl Birth {
    pub const PLAIN: Birth = Birth(0);
    /// The child never becomes a zombie and raises no signal at its exit. Nobody can
    /// wait for it; its pidfd keeps the status.
    pub const AUTOREAP: Birth = Birth(1 << 34);
    pub const NO_NEW_PRIVS: Birth = Birth(1 << 35);
    /// It is killed when the last reference to its pidfd is closed. With AUTOREAP only;
    /// EPERM without CAP_SYS_ADMIN, unless NO_NEW_PRIVS is there, too.
    pub const AUTOKILL: Birth = Birth(1 << 36);

    pub fn flags(self) -> u64 {
        self.0
    }

    pub fn has(self, other: Birth) -> bool {
        self.0 & other.0 == other.0
    }

    pub const fn with(self, other: Birth) -> Birth {
        Birth(self.0 | other.0)
    }
}

/// What a child does between clone and exec. It must make raw system calls
/// only: see `sys::raw`.
pub trait ChildHalf {
    fn run(&self) -> !;
}

/// In a build for tests, the runtime of ThreadSanitizer may run on these stacks, too.
const FOR_TESTS: usize = if cfg!(feature = "hooks") { 32 * 1024 } else { 0 };

/// Room for the child's half, whose frames take 2 KB at most, with the beginning
/// of a file or of a directory.
pub const CHILD_BYTES: usize = 4 * 1024 + FOR_TESTS;

/// The same with the frame of a signal below what an exec needs. Linux demands
/// 5 KB for that on Arm, and writes 3.5 KB with AVX-512.
pub const SIGNALLED_CHILD_BYTES: usize = 7 * 1024 + 512 + FOR_TESTS;

/// Room for a process that only clones another one, or exits.
pub const SMALL_BYTES: usize = 1024 + FOR_TESTS;

/// Memory for a child's stack, in the frame of the thread that waits for it.
#[repr(C, align(16))]
pub struct StackRoom<const BYTES: usize>(MaybeUninit<[u8; BYTES]>);

impl<const BYTES: usize> StackRoom<BYTES> {
    pub fn new() -> Self {
        StackRoom(MaybeUninit::uninit())
    }

    pub fn stack(&mut self) -> Stack<'_> {
        Stack { bottom: self.0.as_mut_ptr().cast(), bytes: BYTES, room: PhantomData }
    }
}

/// A stack for one child at a time.
pub struct Stack<'a> {
    bottom: *mut u8,
    bytes: usize,
    room: PhantomData<&'a mut u8>,
}

impl Stack<'_> {
    pub fn bottom(&self) -> usize {
        self.bottom as usize
    }

    /// The same for one more child, when the one before has left it.
    pub fn again(&mut self) -> Stack<'_> {
        Stack { bottom: self.bottom, bytes: self.bytes, room: PhantomData }
    }
}

/// A process that was just started.
pub struct Started {
    pub pid: i32,
    pub pidfd: Option<OwnedFd>,
    /// It leaves no zombie: nobody can wait for it, and after its exit the pid may be
    /// another process's at any moment.
    pub is_private: bool,
}

extern "C" fn enter<C: ChildHalf>(argument: *const u8) -> ! {
    // SAFETY: `argument` is the `&C` given to one of the functions below, whose
    // frame is suspended (CLONE_VFORK), or copied with the rest of the memory.
    unsafe { &*argument.cast::<C>() }.run()
}

fn entry<C: ChildHalf>(stack: &Stack, child: &C) -> Entry {
    Entry {
        // The top of an array of 16-aligned size at a 16-aligned place.
        stack_top: stack.bottom.wrapping_add(stack.bytes),
        run: enter::<C>,
        argument: (&raw const *child).cast(),
    }
}

fn started(result: isize, pidfd: i32) -> Result<Started> {
    let pid = pid_of(result)?;
    let pidfd = (pidfd >= 0).then(|| OwnedFd::own_above(pidfd));
    Ok(Started { pid, pidfd, is_private: false })
}

/// What a child has of its parent's memory, and whether the calling thread
/// sleeps until the child has exec'ed or died.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// The memory itself. The caller sleeps.
    Shared,
    /// A copy. The caller sleeps all the same.
    CopiedAsleep,
    /// A copy, as of a plain fork.
    Copied,
}

impl Memory {
    pub fn is_shared(self) -> bool {
        self == Memory::Shared
    }

    fn flags(self) -> u64 {
        match self {
            Memory::Shared => (libc::CLONE_VM | libc::CLONE_VFORK) as u64,
            Memory::CopiedAsleep => libc::CLONE_VFORK as u64,
            Memory::Copied => 0,
        }
    }
}

const PIDFD: u64 = libc::CLONE_PIDFD as u64;
const FILES: u64 = libc::CLONE_FILES as u64;
const CLEAR_SIGHAND: u64 = 0x1_0000_0000;

const INTO_CGROUP: u64 = 0x2_0000_0000;

/// The kernel's struct clone_args. Its first version (Linux 5.3) ends with
/// `tls`, the third (Linux 5.7) with `cgroup`.
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: [u64; 2],
    cgroup: u64,
}

impl CloneArgs {
    fn new(birth: Birth, stack: &Stack) -> CloneArgs {
        let is_silent = birth.has(Birth::AUTOREAP);
        CloneArgs {
            exit_signal: if is_silent { 0 } else { libc::SIGCHLD as u64 },
            stack: stack.bottom as u64,
            stack_size: stack.bytes as u64,
            ..CloneArgs::default()
        }
    }
}

/// The size of the first version.
const WITHOUT_CGROUP: usize = 64;

/// 435 on every architecture that this library knows; since Linux 5.3.
const SYS_CLONE3: i64 = 435;

/// The fast way, since Linux 5.5. With `share_descriptors` the child begins in
/// its parent's descriptor table. The kernel resets every handler, so that none
/// can run on the child's small stack. The child is born into the cgroup whose
/// directory is open at `cgroup`.
pub fn clone3<C: ChildHalf>(
    memory: Memory,
    birth: Birth,
    share_descriptors: bool,
    cgroup: Option<i32>,
    stack: Stack,
    child: &C,
) -> Result<Started> {
    let mut pidfd = -1i32;
    let mut flags = memory.flags() | PIDFD | CLEAR_SIGHAND | birth.flags();
    if share_descriptors {
        flags |= FILES;
    }
    if cgroup.is_some() {
        flags |= INTO_CGROUP;
    }
    let args = CloneArgs {
        flags,
        pidfd: &raw mut pidfd as u64,
        cgroup: cgroup.unwrap_or(0) as u64,
        ..CloneArgs::new(birth, &stack)
    };
    let size = if cgroup.is_some() { size_of::<CloneArgs>() } else { WITHOUT_CGROUP };
    let a = [&raw const args as usize, size, 0, 0, 0];
    // SAFETY: `args` and `pidfd` are live locals of this frame, which sleeps
    // while the child lives in its memory, or has been copied for the child; the
    // stack is exclusively borrowed.
    let result = unsafe { arch::clone(SYS_CLONE3, a, entry(&stack, child)) };
    let is_private = birth.has(Birth::AUTOREAP);
    started(result, pidfd).map(|started| Started { is_private, ..started })
}

/// Fails with EFAULT if the kernel knows all flags of `birth`: there is no place for
/// the pidfd.
pub fn clone3_in_vain<C: ChildHalf>(birth: Birth, stack: Stack, child: &C) -> Result<i32> {
    let flags = Memory::Shared.flags() | PIDFD | CLEAR_SIGHAND | birth.flags();
    let args = CloneArgs { flags, pidfd: u64::MAX, ..CloneArgs::new(birth, &stack) };
    let a = [&raw const args as usize, WITHOUT_CGROUP, 0, 0, 0];
    // SAFETY: as above. No memory of a process is at the last address.
    pid_of(unsafe { arch::clone(SYS_CLONE3, a, entry(&stack, child)) })
}

/// The older call. Handlers stay installed in the child until it resets them
/// itself; the caller has blocked all signals, so that none runs before.
pub fn clone<C: ChildHalf>(
    memory: Memory,
    want_pidfd: bool,
    stack: Stack,
    child: &C,
) -> Result<Started> {
    let mut pidfd = -1i32;
    let mut flags = memory.flags() | libc::SIGCHLD as u64;
    if want_pidfd {
        flags |= PIDFD;
    }
    // Ignored before Linux 5.2: `pidfd` then stays -1.
    let place = if want_pidfd { &raw mut pidfd } else { core::ptr::null_mut() };
    started(legacy(flags, place, stack, child), pidfd)
}

/// The same out of a cloned process, which must not own anything that libc
/// would have to close. Returns the pid.
pub fn clone_on<C: ChildHalf>(memory: Memory, stack: Stack, child: &C) -> Result<i32> {
    let flags = memory.flags() | libc::SIGCHLD as u64;
    pid_of(legacy(flags, core::ptr::null_mut(), stack, child))
}

/// The same for a child that nobody else notices: it raises no signal at its exit,
/// and wait() passes over it without __WALL.
pub fn clone_unnoticed<C: ChildHalf>(memory: Memory, stack: Stack, child: &C) -> Result<i32> {
    pid_of(legacy(memory.flags(), core::ptr::null_mut(), stack, child))
}

fn pid_of(result: isize) -> Result<i32> {
    if result < 0 { Err(Errno(-result as i32)) } else { Ok(result as i32) }
}

fn legacy<C: ChildHalf>(flags: u64, pidfd: *mut i32, stack: Stack, child: &C) -> isize {
    let entry = entry(&stack, child);
    // With no stack named, a fork's child begins on a copy of the caller's; it
    // moves to the copy of `stack` at once, as `arch::clone` has it.
    let is_shared = flags & libc::CLONE_VM as u64 != 0;
    let top = if is_shared { entry.stack_top as usize } else { 0 };
    // SAFETY: as in `clone3`; `pidfd` is NULL or a live local of the caller.
    // Without shared memory the child has copies of all of it. The order of the
    // last two arguments differs between architectures; both are 0.
    unsafe { arch::clone(libc::SYS_clone as i64, [flags as usize, top, pidfd as usize, 0, 0], entry) }
}
