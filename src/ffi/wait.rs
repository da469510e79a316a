use super::capture_options::chld_capture_result as LaterCaptureResult;
use super::pipeline::chld_pipeline_result as LaterPipelineResult;
use super::spawn::chld_id;
use super::status::chld_status;
use super::{quietly, to_c, valid, write_out};
use crate::children::slot::Usage;
use crate::sys::deadline::Deadline;
use crate::sys::{Errno, Result};
use crate::wait::change::{self, Changes};
use crate::wait::any::{self, Exit};
use crate::wait::{ask, one};
use core::ffi::{c_int, c_void};

/// The resources that a child has used, as wait4() returns them: those of the child
/// itself, and of its own children that it has waited for.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct chld_resources {
    /// CPU time in user mode, in microseconds.
    pub user_us: u64,
    /// CPU time in the kernel, in microseconds.
    pub system_us: u64,
    /// The largest resident set, in KiB. It is at least the parent's own size at the
    /// start, because the process shares its parent's memory until exec.
    pub max_resident_kib: u64,
    /// The number of page faults that needed no reading.
    pub minor_faults: u64,
    /// The number of page faults that needed reading.
    pub major_faults: u64,
    /// The number of blocks read, of 512 bytes.
    pub blocks_in: u64,
    /// The number of blocks written, of 512 bytes.
    pub blocks_out: u64,
    /// How often the child gave up the CPU to wait.
    pub voluntary_switches: u64,
    /// How often the CPU was taken from the child.
    pub involuntary_switches: u64,
}

/// The child has exited.
pub const CHLD_EVENT_EXITED: u32 = 1;

/// The child has stopped.
pub const CHLD_EVENT_STOPPED: u32 = 2;

/// The child was continued.
pub const CHLD_EVENT_CONTINUED: u32 = 3;

/// The capture of the child is complete. `status` and `capture` have its result.
pub const CHLD_EVENT_CAPTURED: u32 = 4;

/// chld_set_wake() was called. `id` is CHLD_NONE.
pub const CHLD_EVENT_WOKEN: u32 = 5;

/// The child still runs after the last step of chld_set_stop().
pub const CHLD_EVENT_SURVIVED: u32 = 6;

/// An event of one of several children.
#[repr(C)]
pub struct chld_event {
    /// One of CHLD_EVENT_*.
    pub kind: u32,
    /// 1 if the child has left the set with this event, else 0. chld_wait_any()
    /// sets it to 0.
    pub last: i32,
    /// The child.
    pub id: chld_id,
    /// The `user` pointer that the child was started with.
    pub user: *mut c_void,
    /// The position in the list of chld_wait_any(); 0 for a set.
    pub index: usize,
    /// How the child exited, or which signal stopped or continued it.
    pub status: chld_status,
    /// The result of the capture, with CHLD_EVENT_CAPTURED; else NULL. It belongs to
    /// the handle of the child: chld_close() frees it, with the buffers in it. See
    /// chld_capture_take().
    pub capture: *const LaterCaptureResult,
    /// The result of the capture of a pipeline; else NULL. It belongs to the handle as
    /// `capture` does. See chld_set_run_pipeline().
    pub pipeline: *const LaterPipelineResult,
    /// Always 0.
    pub reserved: [u64; 4],
}

fn exit_to_c(exit: &Exit) -> chld_event {
    chld_event {
        kind: CHLD_EVENT_EXITED,
        last: 0,
        id: exit.child,
        user: exit.user as *mut c_void,
        index: exit.position,
        status: to_c(exit.status),
        capture: core::ptr::null(),
        pipeline: core::ptr::null(),
        reserved: [0; 4],
    }
}

/// Report the stops of a child.
pub const CHLD_WATCH_STOPPED: u32 = 1;

/// Report the continuations of a child.
pub const CHLD_WATCH_CONTINUED: u32 = 2;

/// Waits until a child has exited, and returns its status.
///
/// `id`: the child.
/// `timeout_ms`: the most milliseconds to wait, on the monotonic clock. Use -1 to wait
/// forever and 0 to check without waiting.
/// `ret`: where the status goes; may be NULL. Written on success only.
///
/// You can call it again, and from several threads at once: each call returns the same
/// status until chld_close(). The zombie is gone when the call returns, unless another
/// call needs it.
///
/// Signal handlers run during the wait, and the call goes on after them. There is no
/// -EINTR. A signal that the calling thread has blocked stays blocked. Without pidfds, a
/// thread that has SIGCHLD blocked looks at the child every 10 to 50 milliseconds.
///
/// Returns 0, or
/// -ETIMEDOUT: the child has not exited before the timeout.
/// -EBADF: `id` is not a valid handle.
/// -EINVAL: `timeout_ms` is below -1.
/// -EMFILE, -ENFILE, -ENOMEM: no descriptor or memory left for the self-pipe. Only with a
///   timeout and without pidfds.
///
/// Thread-safe. Not async-signal-safe: see chld_peek(). Blocks, no longer than the
/// timeout. Not a cancellation point. Stack: 6 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_wait(
    id: chld_id,
    timeout_ms: c_int,
    ret: *mut chld_status,
) -> c_int {
    quietly(|| {
        let status = one::wait(valid(id)?, Deadline::after_ms(timeout_ms)?)?;
        // SAFETY: NULL or valid, by the header.
        unsafe { write_out(ret, to_c(status)) };
        Ok(0)
    })
}

/// Waits until one of several children has exited.
///
/// `ids`, `count`: the children. Entries that are CHLD_NONE are skipped, so that you can
/// strike out the children that you are done with.
/// `timeout_ms`: as for chld_wait().
/// `ret`: which child, and how it exited; may be NULL. Written on success only.
///
/// If several children have exited, the first in the list is reported. A child that was
/// reported is reported again.
///
/// Each call looks at every child. If your program has hundreds of children, use a set.
///
/// Returns 0, or
/// -ETIMEDOUT: no child has exited before the timeout.
/// -ECHILD: the list has no child.
/// -EBADF: one of the handles is not valid.
/// -EINVAL: `ids` is NULL and `count` is not 0, `count` is above 4,194,304, or
///   `timeout_ms` is below -1.
/// -ENOMEM: no memory left for a long list.
/// -EMFILE, -ENFILE: no descriptor left. Only with more than 32 children, or without
///   pidfds.
///
/// Thread-safe. Not async-signal-safe. Blocks, no longer than the timeout. Not a
/// cancellation point. Stack: 8 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_wait_any(
    ids: *const chld_id,
    count: usize,
    timeout_ms: c_int,
    ret: *mut chld_event,
) -> c_int {
    quietly(|| {
        let deadline = Deadline::after_ms(timeout_ms)?;
        // SAFETY: valid for `count` entries, by the header.
        let ids = unsafe { list(ids, count) }?;
        let event = exit_to_c(&any::wait(ids, deadline)?);
        // SAFETY: NULL or valid, by the header.
        unsafe { write_out(ret, event) };
        Ok(0)
    })
}

/// EINVAL for unknown bits.
pub fn changes_of(watch: u32) -> Result<Changes> {
    if watch & !(CHLD_WATCH_STOPPED | CHLD_WATCH_CONTINUED) != 0 {
        return Err(Errno::EINVAL);
    }
    Ok(Changes {
        stopped: watch & CHLD_WATCH_STOPPED != 0,
        continued: watch & CHLD_WATCH_CONTINUED != 0,
    })
}

/// # Safety
/// `ids` must be NULL or valid for `count` entries for `'a`.
unsafe fn list<'a>(ids: *const chld_id, count: usize) -> Result<&'a [chld_id]> {
    match count {
        0 => Ok(&[]),
        _ if ids.is_null() || count > (1 << 22) => Err(Errno::EINVAL),
        // SAFETY: by this function's contract, and the size is within bounds.
        _ => Ok(unsafe { core::slice::from_raw_parts(ids, count) }),
    }
}

/// Waits until a child has stopped, was continued, or has exited.
///
/// `id`: the child.
/// `changes`: CHLD_WATCH_STOPPED, CHLD_WATCH_CONTINUED, both, or 0 for both. The exit is
/// always reported.
/// `timeout_ms`: as for chld_wait().
/// `ret`: what happened; may be NULL. Written on success only.
///
/// Each stop and each continuation is reported once, to one caller; the kernel keeps only
/// the latest. The exit is reported as by chld_wait().
///
/// With a timeout the call installs the SIGCHLD handler, which then only wakes the call.
///
/// Returns 0, or
/// -ETIMEDOUT: nothing happened before the timeout.
/// -EBADF: `id` is not a valid handle.
/// -EINVAL: unknown bits in `changes`, or `timeout_ms` is below -1.
/// -EMFILE, -ENFILE, -ENOMEM: no descriptor or memory left for the self-pipe. Only with a
///   timeout.
///
/// Thread-safe. Not async-signal-safe. Blocks, no longer than the timeout. Not a
/// cancellation point. Stack: 6 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_wait_change(
    id: chld_id,
    changes: u32,
    timeout_ms: c_int,
    ret: *mut chld_status,
) -> c_int {
    quietly(|| {
        let both = CHLD_WATCH_STOPPED | CHLD_WATCH_CONTINUED;
        let changes = changes_of(if changes == 0 { both } else { changes })?;
        let status = change::wait(valid(id)?, changes, Deadline::after_ms(timeout_ms)?)?;
        // SAFETY: NULL or valid, by the header.
        unsafe { write_out(ret, to_c(status)) };
        Ok(0)
    })
}

/// Returns what the library knows about a child without asking the kernel.
///
/// `id`: the child.
/// `ret`: where the status goes; may be NULL. It is CHLD_STATE_RUNNING until a call or
/// the SIGCHLD handler has seen the exit.
///
/// Returns 0, or
/// -EBADF: `id` is not a valid handle.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_peek(id: chld_id, ret: *mut chld_status) -> c_int {
    quietly(|| {
        let status = ask::peek(valid(id)?)?;
        // SAFETY: NULL or valid, by the header.
        unsafe { write_out(ret, to_c(status)) };
        Ok(0)
    })
}

/// Returns the resources that a child has used, as wait4() does.
///
/// `id`: a child whose exit was reported.
/// `ret`: where they go; may be NULL.
///
/// Returns 0, or
/// -EBUSY: no call has seen the exit yet.
/// -ENODATA: the kernel could not be asked, because other code reaped the child, or
///   because the child is private.
/// -EBADF: `id` is not a valid handle.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_usage(id: chld_id, ret: *mut chld_resources) -> c_int {
    quietly(|| {
        let resources = resources_of(ask::usage(valid(id)?)?);
        // SAFETY: NULL or valid, by the header.
        unsafe { write_out(ret, resources) };
        Ok(0)
    })
}

pub const fn resources_of(usage: Usage) -> chld_resources {
    let [user_us, system_us, max_resident_kib, minor_faults, major_faults, rest @ ..] = usage;
    let [blocks_in, blocks_out, voluntary_switches, involuntary_switches] = rest;
    chld_resources {
        user_us,
        system_us,
        max_resident_kib,
        minor_faults,
        major_faults,
        blocks_in,
        blocks_out,
        voluntary_switches,
        involuntary_switches,
    }
}
