use super::capture_options::chld_capture_result;
use super::capture_setup::Kept;
use super::pipeline::chld_pipeline_result;
use super::spawn::chld_id;
use super::wait::{changes_of, chld_event};
use super::{quietly, to_c, valid, write_out};
use crate::children::state;
use crate::set::event::{Event, Kind};
use crate::set::next;
use crate::set::task::{Purpose, Task};
use crate::set::{life, member};
use crate::sys::deadline::Deadline;
use crate::sys::paged::Paged;
use crate::sys::{Errno, Result};
use core::ffi::{c_int, c_void};

/// A set of children, as a number; -EBADF once it is closed.
///
/// A set is the process loop of a program. It collects everything that its children do,
/// as events with one file descriptor. Add that to your event loop; when it becomes
/// readable, call chld_set_next() until it returns -EAGAIN. A program without an event
/// loop calls chld_set_wait(). Events come in no particular order.
///
/// Descriptors: a set has two. It has one more when it first needs a timer
/// (chld_set_stop(), chld_set_capture(), stops), and two more when it first reports
/// stops. Each child that it captures or stops costs one, and two more if the child has
/// no pidfd, in addition to the pipes of the child. A call that fails keeps none.
pub type chld_set = u64;

/// The set depends on the SIGCHLD handler, as if the kernel had no pidfds.
pub const CHLD_SET_SIGCHLD: u32 = 1;

/// Opens a set.
///
/// `flags`: 0 or CHLD_SET_SIGCHLD.
/// `ret`: where the set goes. Must not be NULL.
///
/// Without pidfds, or with CHLD_SET_SIGCHLD, the set keeps the SIGCHLD handler installed:
/// see "SIGCHLD" in CONVENTIONS.md.
///
/// Returns 0, or
/// -EINVAL: unknown flags, or `ret` is NULL.
/// -EMFILE, -ENFILE: no descriptor left.
/// -ENOMEM: no memory left.
/// -EAGAIN: 4,194,272 sets are open.
/// -ENOSYS, -EPERM: a sandbox refuses epoll or eventfd.
///
/// Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
/// Stack: 6 KB.
/// Ownership: close the set with chld_set_close().
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_set_open(flags: u32, ret: *mut chld_set) -> c_int {
    quietly(|| {
        if flags & !CHLD_SET_SIGCHLD != 0 || ret.is_null() {
            return Err(Errno::EINVAL);
        }
        let set = life::open(flags & CHLD_SET_SIGCHLD != 0)?;
        // SAFETY: valid, by the header.
        unsafe { write_out(ret, set) };
        Ok(0)
    })
}

/// Adds a child to a set, which then reports its exit.
///
/// `set`: the set.
/// `id`: the child. It can be in many sets. chld_close() takes it out of all of them.
/// `watch`: 0, or CHLD_WATCH_STOPPED and CHLD_WATCH_CONTINUED to report these as well.
///
/// The set reports the exit once; then the child has left the set. A child that has
/// exited is reported at once.
///
/// Stops and continuations need SIGCHLD on every kernel: the set installs the handler,
/// which then only wakes the set. If the handler may not run, the set looks every 50
/// milliseconds.
///
/// Returns 0, or
/// -EEXIST: the child is in the set.
/// -EBADF: one of the two handles is not valid.
/// -EINVAL: unknown bits in `watch`.
/// -EMFILE, -ENFILE: the child was started when no descriptor was left, and there is
///   still none. Or none is left for the timer or the self-pipe that `watch` needs.
/// -ENOMEM: no memory left.
/// -ENOSPC: this user has too many epoll registrations.
///
/// Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
/// Stack: 6 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_set_add(set: chld_set, id: chld_id, watch: u32) -> c_int {
    quietly(|| member::add(valid(set)?, valid(id)?, changes_of(watch)?).map(|()| 0))
}

/// Takes a child out of a set, which then reports nothing of it any more.
///
/// `set`: the set.
/// `id`: the child.
///
/// A capture or a stop sequence of the set ends where it is.
///
/// Returns 0, or
/// -ENOENT: the child is not in the set.
/// -EBADF: one of the two handles is not valid.
///
/// Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
/// Stack: 2 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_set_remove(set: chld_set, id: chld_id) -> c_int {
    quietly(|| member::remove(valid(set)?, valid(id)?).map(|()| 0))
}

/// Returns the number of children in a set.
///
/// `set`: the set.
///
/// Returns the number, or
/// -EBADF: `set` is not a valid handle.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_set_count(set: chld_set) -> c_int {
    quietly(|| life::count(valid(set)?).map(|count| c_int::try_from(count).unwrap_or(c_int::MAX)))
}

/// Returns the file descriptor of a set, for poll(), epoll and every event loop.
///
/// `set`: the set.
///
/// The descriptor is level-triggered: it stays readable while events are pending. It also
/// works in edge-triggered loops if you call chld_set_next() until it returns -EAGAIN.
/// Spurious wakeups are possible.
///
/// Returns the descriptor, or
/// -EBADF: `set` is not a valid handle.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
/// Ownership: the descriptor belongs to the set. Do not read from it and do not close it.
/// Remove it from your loop before chld_set_close().
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_set_fd(set: chld_set) -> c_int {
    quietly(|| life::descriptor(valid(set)?))
}

/// Wakes a set: one CHLD_EVENT_WOKEN is reported to one waiter.
///
/// `set`: the set.
///
/// The event is kept if nobody waits. Several calls before it is reported are one.
///
/// Returns 0, or
/// -EBADF: `set` is not a valid handle.
///
/// Thread-safe. Async-signal-safe. Never blocks. Not a cancellation point. Stack: 2 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_set_wake(set: chld_set) -> c_int {
    quietly(|| life::wake(valid(set)?).map(|()| 0))
}

/// Returns the next event of a set, without blocking.
///
/// `set`: the set.
/// `ret`: where the event goes; may be NULL. Written on success only.
///
/// Captures and stop sequences of the set go on in this call: a bounded number of bytes
/// is moved.
///
/// Returns 0, or
/// -EAGAIN: there is no event now. If there is work left, the descriptor has become
///   readable anew.
/// -EDEADLK: the call was made in a callback of a capture of this set.
/// -EBADF: `set` is not a valid handle.
/// -ENOMEM: no memory left.
///
/// Thread-safe: several threads share the events of a set, and each event is reported
/// once. Not async-signal-safe. Never blocks, except in your callbacks. Not a
/// cancellation point. Stack: 6 KB, and what the callbacks need.
/// Ownership: `event.capture` and `event.pipeline` belong to the handle of the child: see
/// chld_event.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_set_next(set: chld_set, ret: *mut chld_event) -> c_int {
    quietly(|| {
        let event = next::next(valid(set)?, Deadline::Now).map_err(|errno| match errno {
            Errno::ETIMEDOUT => Errno::EAGAIN,
            other => other,
        })?;
        // SAFETY: NULL or valid, by the header.
        unsafe { report(event, ret) }
    })
}

/// Waits for the next event of a set.
///
/// `set`: the set.
/// `timeout_ms`: as for chld_wait().
/// `ret`: where the event goes; may be NULL. Written on success only.
///
/// Signal handlers run during the wait, and the call goes on after them. There is no
/// -EINTR.
///
/// Returns 0, or
/// -ETIMEDOUT: there was no event before the timeout.
/// -EINVAL: `timeout_ms` is below -1.
/// -EBADF: `set` is not a valid handle, or was closed while the call waited.
/// -EDEADLK: the call was made in a callback of a capture of this set.
/// -ENOMEM: no memory left.
///
/// Thread-safe, as chld_set_next() is. Not async-signal-safe. Blocks, no longer than the
/// timeout. Not a cancellation point. Stack: 6 KB, and what the callbacks need.
/// Ownership: as for chld_set_next().
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_set_wait(
    set: chld_set,
    timeout_ms: c_int,
    ret: *mut chld_event,
) -> c_int {
    quietly(|| {
        let event = next::next(valid(set)?, Deadline::after_ms(timeout_ms)?)?;
        // SAFETY: NULL or valid, by the header.
        unsafe { report(event, ret) }
    })
}

/// # Safety
/// `ret` must be NULL or valid for a write.
unsafe fn report(event: Event, ret: *mut chld_event) -> Result<c_int> {
    let (capture, pipeline) = match event.task {
        Some(task) => keep_result(event.child, task)?,
        None => (core::ptr::null(), core::ptr::null()),
    };
    let Event { kind, is_last, child, user, status, .. } = event;
    let (status, last) = (to_c(status), is_last as i32);
    let user = user as *mut c_void;
    let (kind, id, reserved) = (kind as u32, child, [0; 4]);
    let event = chld_event { kind, last, id, user, index: 0, status, capture, pipeline, reserved };
    // SAFETY: by this function's contract.
    unsafe { write_out(ret, event) };
    Ok(0)
}

type Results = (*const chld_capture_result, *const chld_pipeline_result);

/// The result belongs to the child's handle.
fn keep_result(child: u64, mut task: Paged<Task>) -> Result<Results> {
    let kept = match &mut task.purpose {
        Purpose::Capture(room) => room.take::<Kept>(),
        Purpose::Stop => None,
    };
    let Some(mut kept) = kept else { return Ok((core::ptr::null(), core::ptr::null())) };
    kept.fill(&mut task.capture);
    drop(task); // lets go of the child
    let results = (kept.result(), kept.pipeline_result());
    let mut section = state::enter_if_used()?;
    let (_, slot) = section.find(child)?;
    let old = slot.result.take_any();
    slot.result.put(kept);
    drop(section);
    drop(old);
    Ok(results)
}

/// Closes a set.
///
/// `set`: the set.
///
/// Its children go on, and their handles stay valid. Captures and stop sequences of the
/// set end where they are. Every chld_set_wait() returns -EBADF.
///
/// In a callback of a capture of this set, the capture ends when the callback returns.
///
/// Returns 0, or
/// -EBADF: `set` is not a valid handle.
///
/// Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
/// Stack: 2 KB.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn chld_set_close(set: chld_set) -> c_int {
    quietly(|| life::close(valid(set)?).map(|()| 0))
}

const _: () = assert!(Kind::Survived as u32 == super::wait::CHLD_EVENT_SURVIVED);
