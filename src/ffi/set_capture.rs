use super::act::{chld_stop_plan, plan_of};
use super::capture_options::{chld_capture_options, chld_capture_result};
use super::capture_setup::{self, Kept};
use super::error::{self, chld_error};
use super::set::chld_set;
use super::spawn::chld_id;
use super::spawn_options::chld_spawn_options;
use super::{chld_argv, quietly, valid, write_out};
use crate::capture::engine::{Capture, Setup};
use crate::children::state;
use crate::set::begin;
use crate::set::life;
use crate::set::task::Purpose;
use crate::start::failure::{Failure, Reason, Step};
use crate::stop::sequence;
use crate::sys::deadline::Deadline;
use crate::sys::host::Undisturbed;
use crate::sys::{Errno, Result};
use crate::wait::ask;
use core::ffi::c_int;

/// Stops a child in a set, without blocking.
///
/// `set`: the set.
/// `id`: the child. It is added to the set if it is not a member.
/// `after_ms`: the stop sequence begins after this number of milliseconds. 0 begins it at
/// once.
/// `plan`: as for chld_stop(); NULL for the default.
///
/// If the child exits before or during the sequence, the set reports CHLD_EVENT_EXITED,
/// or CHLD_EVENT_CAPTURED. If it survives the last step, the set reports
/// CHLD_EVENT_SURVIVED, and the child stays in the set.
///
/// A later call replaces the earlier one. For a child that the set captures, the call
/// replaces the timeout and the stop sequence of the capture. The sequence goes on in
/// chld_set_next() and chld_set_wait().
///
/// Returns 0, or
/// -EINVAL: `after_ms` is negative, or a member of `plan` is wrong: see chld_stop().
/// -E2BIG: `plan` has a member of a later version.
/// -EBUSY: another call or set captures or stops the child.
/// -EBADF: one of the two handles is not valid.
/// -EMFILE, -ENFILE, -ENOMEM: as for chld_set_add().
///
/// Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
/// Stack: 8 KB.
/// Ownership: `plan` and its steps are copied.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_set_stop(
    set: chld_set,
    id: chld_id,
    after_ms: c_int,
    plan: *const chld_stop_plan,
) -> c_int {
    quietly(|| {
        if after_ms < 0 {
            return Err(Errno::EINVAL);
        }
        // SAFETY: NULL or what the header requires.
        let plan = unsafe { plan_of(plan) }?;
        let first = Deadline::after_ms(after_ms)?;
        begin::stop(valid(set)?, valid(id)?, plan, first).map(|()| 0)
    })
}

/// Captures a child in a set: the set feeds it and reads its output.
///
/// `set`: the set.
/// `id`: the child. It is added to the set if it is not a member.
/// `options`: as for chld_capture().
///
/// The capture goes on in chld_set_next() and chld_set_wait(). When it is complete, the
/// set reports CHLD_EVENT_CAPTURED with the status and the result. There is no other
/// event for the exit of this child.
///
/// Returns 0, or
/// -EBUSY: the child is being captured or stopped, by another call or in another set.
/// -EINVAL: a member of `options` is wrong: see chld_capture(). chld_set_run() names the
///   member.
/// -E2BIG: `options` has a member of a later version.
/// -ENOENT: a stream that the options feed or read has no pipe.
/// -EBADF: one of the two handles is not valid, or a descriptor in the options is not
///   open.
/// -EMFILE, -ENFILE, -ENOMEM: as for chld_set_add().
///
/// Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
/// Stack: 10 KB.
/// Ownership: `options` and its stop plan are copied. The buffers, the input and the
/// arguments of callbacks stay yours, and must stay valid until the last event of this
/// child, or until chld_close(), chld_set_remove() or chld_set_close() has returned.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_set_capture(
    set: chld_set,
    id: chld_id,
    options: *const chld_capture_options,
) -> c_int {
    quietly(|| {
        // SAFETY: what it points to stays until the last event, by the header.
        let setup = unsafe { capture_setup::setup_of(options) }?;
        capture(valid(set)?, valid(id)?, setup).map(|()| 0)
    })
}

fn capture(set: u64, child: u64, setup: Setup<'static>) -> Result<()> {
    let purpose = Purpose::Capture(Kept::room(&[])?);
    begin::start(set, child, purpose, || Capture::begin(child, setup))
}

/// Starts a child and captures it in a set: chld_spawn() and chld_set_capture() in one.
///
/// `set`: the set.
/// `argv`, `spawn_options`: as for chld_run().
/// `capture_options`: as for chld_set_capture().
/// `ret`: where the handle goes; may be NULL, because each event has it.
/// `reterr`: as for chld_run().
///
/// Errors in the capture options and in `set` are found before the start. On failure no
/// child is left: one that could not be captured is killed, as by chld_run().
///
/// Returns 0, or
/// -EBADF: `set` is not a valid handle ("capture").
/// The errors of chld_run(), and of chld_set_capture().
///
/// Thread-safe, as chld_spawn() is. Not async-signal-safe. Blocks, as chld_spawn() does.
/// Not a cancellation point. Stack: 16 KB.
/// Ownership: as for chld_spawn() and chld_set_capture(). Close the handle.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_set_run(
    set: chld_set,
    argv: chld_argv,
    spawn_options: *const chld_spawn_options,
    capture_options: *const chld_capture_options,
    ret: *mut chld_id,
    reterr: *mut chld_error,
) -> c_int {
    let _host = Undisturbed::enter();
    // SAFETY: all is what the header requires; what the capture points to stays.
    unsafe {
        if let Err(failure) = require_open(set) {
            return error::failed(failure, b"", reterr);
        }
        let (child, setup) =
            match capture_setup::start_captured(argv, spawn_options, capture_options, reterr) {
                Ok(started) => started,
                Err(code) => return code,
            };
        let target = setup.plan.target;
        if let Err(errno) = valid(set).and_then(|set| capture(set, child, setup)) {
            let _ = sequence::kill(child, target);
            let _ = ask::close(child);
            return error::failed(Failure::new(Step::Capture, 0, errno), b"", reterr);
        }
        write_out(ret, child);
        0
    }
}

/// Before anything is started.
pub fn require_open(set: chld_set) -> Result<(), Failure> {
    life::count(set).map(drop).or(Err(Failure::misuse(Reason::SetClosed, 0)))
}

/// Moves the result of a capture in a set from the child's handle to the caller.
///
/// `id`: the child.
/// `ret`: where the result goes. Must not be NULL.
///
/// What `event.capture` and `event.pipeline` pointed to is no longer valid.
///
/// Returns 0, or
/// -ENODATA: the handle has no result, or no longer.
/// -EINVAL: `ret` is NULL.
/// -EBADF: `id` is not a valid handle.
///
/// Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
/// Stack: 2 KB.
/// Ownership: the buffers in the result are yours: free each with chld_buffer_free().
/// chld_close() no longer frees them.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_capture_take(id: chld_id, ret: *mut chld_capture_result) -> c_int {
    quietly(|| {
        if ret.is_null() {
            return Err(Errno::EINVAL);
        }
        let mut section = state::enter_if_used()?;
        let (_, slot) = section.find(valid(id)?)?;
        let kept = slot.result.take::<Kept>();
        drop(section);
        // SAFETY: valid, by the header.
        unsafe { write_out(ret, kept.ok_or(Errno::ENODATA)?.give_away()) };
        Ok(0)
    })
}
