use super::capture_options::{chld_capture_options, chld_capture_result};
use super::capture_setup::{Kept, nothing, result_of, setup_of};
use super::error::{self, chld_error};
use super::set::chld_set;
use super::set_capture::require_open;
use super::spawn::{self, chld_id};
use super::spawn_options::chld_spawn_options;
use super::status::chld_status;
use super::wait::{chld_resources, resources_of};
use super::{to_c, valid, write_out};
use crate::capture::engine::{Capture, Setup};
use crate::children::child::Child;
use crate::pipeline::outcome::pipefail;
use crate::pipeline::stage::Stages;
use crate::pipeline::start;
use crate::pipeline::started::Started;
use crate::set::begin;
use crate::set::task::Purpose;
use crate::start::failure::{Failure, Item, NO_ITEM, Reason, Step};
use crate::status::word::Status;
use crate::sys::Result;
use crate::sys::host::Undisturbed;
use core::ffi::{c_char, c_int};
use core::iter::once;

/// One stage of a pipeline: a program, and its result. Zero is the default in
/// every member, so `{.argv = argv}` is a whole stage.
///
/// Only the first stage can have an `in` in its options, and only the last one an `out`:
/// the pipes between the stages replace the others. A later stage whose
/// `group_mode` is CHLD_GROUP_INHERIT is in the process group of the first stage. So
/// CHLD_GROUP_NEW for the first stage puts the whole pipeline into one group. (A stage
/// that begins a session is alone in it.) Such a first stage cannot be private: its
/// zombie keeps the group until all stages have started.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct chld_stage {
    /// The arguments of the program, as for chld_spawn().
    pub argv: *const *const c_char,
    /// NULL for the defaults.
    pub options: *const chld_spawn_options,
    /// Must be 0.
    pub flags: u32,
    /// The pid of the child, for messages. The functions below write this member and all
    /// that follow.
    pub pid: i32,
    /// The handle of the child, from chld_pipeline(). CHLD_NONE from the other functions,
    /// which close it.
    pub id: chld_id,
    /// How the child exited. CHLD_STATE_RUNNING if it has not, or was not started.
    pub status: chld_status,
    /// The resources that the child has used: see chld_usage(). All 0 if the child has
    /// not exited, or if the kernel could not be asked.
    pub usage: chld_resources,
    /// Must be 0.
    pub reserved: [u64; 4],
}

/// The result of a pipeline.
///
/// `pipefail` is `$?` in a shell with `set -o pipefail`. A stage that SIGPIPE killed,
/// because the next one did not read everything, counts as failed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct chld_pipeline_result {
    /// The result of the capture. `status`, `pid` and `usage` are those of the last stage;
    /// `in` is the first stage's.
    pub capture: chld_capture_result,
    /// The status of the rightmost stage that did not exit with 0. If all did, the status
    /// of the last stage.
    pub pipefail: chld_status,
    /// The stages with their pids, statuses and resource usage: those of the call; with an
    /// event, a copy, which belongs to the handle as the whole result does. NULL if nothing
    /// was captured.
    pub stages: *const chld_stage,
    /// The number of stages.
    pub count: usize,
    /// The number of the stage that `pipefail` is about, counted from 1. 0 if all stages
    /// exited with 0.
    pub failed: i32,
    /// Always 0.
    pub reserved: [u32; 5],
}

/// Starts a pipeline: each stage reads on its stdin what the one before it writes to its
/// stdout.
///
/// `stages`, `count`: the stages, the first one first, at least 1. The handle and the pid
/// of each child are written there.
/// `reterr`: what failed, and the number of the stage; may be NULL. Written on failure
/// only.
///
/// Each stage is a child like any other. The first stage can have a pipe on its stdin
/// (chld_stdin_fd()), the last one on its stdout, and each on its stderr. Wait for each
/// of them, or add each to a set. If the pipeline has a group, chld_kill_group() of the
/// first stage signals it.
///
/// What the options alone show to be wrong is found before anything is started. If a
/// stage cannot be started, the earlier ones get SIGKILL and are reaped. If the pipeline
/// has a group, all of that gets SIGKILL; if it had taken the terminal
/// (CHLD_SPAWN_FOREGROUND), the group that had it before gets it back.
///
/// Returns 0, or
/// -EINVAL: `stages` is NULL, or `count` is 0 or too large ("arguments"). Or a stage has
///   a wrong option: `in` in a later stage, `out` in an earlier one ("stdio");
///   CHLD_SPAWN_DETACHED, a private first stage that leads the group of others, or
///   `flags` or `reserved` that is not 0 ("options").
/// -EMFILE, -ENFILE: no descriptor left for a pipe ("pipe").
/// -ENOMEM: no memory left ("memory").
/// The errors of chld_spawn(), for a stage.
///
/// Thread-safe, as chld_spawn() is. Not async-signal-safe. Blocks as chld_spawn() does
/// for each stage, and up to two seconds until stages that were killed have exited. Not a
/// cancellation point. Stack: 16 KB.
/// Ownership: the handles are yours until chld_close(). The library keeps nothing of
/// `stages`. Descriptors in the options stay yours.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_pipeline(
    stages: *mut chld_stage,
    count: usize,
    reterr: *mut chld_error,
) -> c_int {
    let _host = Undisturbed::enter();
    // SAFETY: all is what the header requires, for the length of this call.
    unsafe {
        let mut item = NO_ITEM;
        let started = match begin(stages, count, None, &mut item) {
            Ok(started) => started,
            Err(failure) => return refuse(failure, &item, reterr),
        };
        for (stage, child) in places(stages, count).iter_mut().zip(started.stages()) {
            stage.id = child.handle();
        }
    }
    0
}

/// Starts a pipeline, captures it and closes it: what chld_run() is for one child.
///
/// `stages`, `count`: as for chld_pipeline(). The pid, the status and the resource usage
/// of each child are written there, even if the call fails.
/// `capture_options`: as for chld_capture(). `in` feeds the first stage, `out` reads the
/// last one. They get a pipe if their options leave the stream at CHLD_STDIO_INHERIT.
/// `err` reads the stderr of the last stage in the same way, and all stages whose options
/// leave stderr at CHLD_STDIO_INHERIT then share that pipe.
/// `ret`: the result; may be NULL. Always written. If nothing was captured, all members
/// are 0, with CHLD_STATE_RUNNING.
/// `reterr`: as for chld_pipeline(), and written whenever this call fails. The step is
/// CHLD_STEP_CAPTURE if the start did not fail.
///
/// The call returns when all stages have exited and everything that they wrote is read.
/// If the last stage exits first, the others get SIGPIPE when they write, as in a shell.
///
/// The timeout, `cancel_fd` and the stop plan are those of the whole pipeline: a signal
/// is sent to each stage, the last one first, or to its tree. CHLD_TARGET_GROUP needs
/// stages that are all in groups of the pipeline's own.
///
/// If the capture fails after the start, the stages get SIGKILL, as chld_run() does with
/// its child.
///
/// Returns 0 when all stages have exited, whatever their statuses, or
/// -EINVAL: an earlier stage has CHLD_STDIO_PIPE or CHLD_STDIO_PTY for stderr, which
///   nobody would read ("stdio").
/// The errors of chld_pipeline(), if a stage could not be started.
/// The errors of chld_capture() ("capture").
///
/// Thread-safe, as chld_run() is. Not async-signal-safe. Blocks as chld_run() does. Not a
/// cancellation point. Stack: 20 KB, and what the callbacks need.
/// Ownership: a growing buffer is yours, for chld_buffer_free(); without `ret` it is
/// freed. There are no handles to close.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_run_pipeline(
    stages: *mut chld_stage,
    count: usize,
    capture_options: *const chld_capture_options,
    ret: *mut chld_pipeline_result,
    reterr: *mut chld_error,
) -> c_int {
    let _host = Undisturbed::enter();
    // SAFETY: all is what the header requires, for the length of this call.
    unsafe {
        write_out(ret, nothing_of_all());
        let mut item = NO_ITEM;
        let begun = begin_captured(stages, count, capture_options, &mut item);
        let (started, setup) = match begun {
            Ok(both) => both,
            Err(failure) => return refuse(failure, &item, reterr),
        };
        let result = capture_own(&started, setup, ret);
        report(places(stages, count), started.stages().iter(), ret.as_mut());
        started.close();
        match result {
            Ok(()) => 0,
            Err(errno) => refuse(Failure::new(Step::Capture, 0, errno), &NO_ITEM, reterr),
        }
    }
}

/// Starts a pipeline and captures it in a set: what chld_set_run() is for one child.
///
/// `set`: the set.
/// `stages`, `count`: as for chld_pipeline(). The pid of each child is written there. The
/// statuses of the stages are in `event.pipeline->stages`.
/// `capture_options`: as for chld_run_pipeline().
/// `ret`: where the handle of the last stage goes; may be NULL, because each event has
/// it.
/// `reterr`: as for chld_run_pipeline().
///
/// In the set the pipeline is one child, the last stage: that is the only handle. When
/// all stages have exited and everything is read, the set reports CHLD_EVENT_CAPTURED for
/// it, with the result in `event.pipeline`. chld_set_stop() for it stops all stages.
/// chld_set_remove() and chld_close() leave the stages running, except those with
/// CHLD_SPAWN_KILL_ON_CLOSE.
///
/// On failure no child is left.
///
/// Returns 0, or
/// -EBADF: `set` is not a valid handle ("capture").
/// The errors of chld_run_pipeline(), and of chld_set_capture().
///
/// Thread-safe, as chld_spawn() is. Not async-signal-safe. Blocks as chld_pipeline()
/// does. Not a cancellation point. Stack: 20 KB.
/// Ownership: as for chld_set_run(). The library keeps a copy of `stages`, and does not
/// use the `argv` and `options` in it after the call.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_set_run_pipeline(
    set: chld_set,
    stages: *mut chld_stage,
    count: usize,
    capture_options: *const chld_capture_options,
    ret: *mut chld_id,
    reterr: *mut chld_error,
) -> c_int {
    let _host = Undisturbed::enter();
    // SAFETY: all is what the header requires; what the capture points to stays.
    unsafe {
        let mut item = NO_ITEM;
        let begun = require_open(set)
            .and_then(|()| begin_captured(stages, count, capture_options, &mut item));
        let (started, setup) = match begun {
            Ok(both) => both,
            Err(failure) => return refuse(failure, &item, reterr),
        };
        let target = setup.plan.target;
        let last = started.stages().last().map_or(0, Child::handle);
        let entered = valid(set).and_then(|set| {
            let purpose = Purpose::Capture(Kept::room(places(stages, count))?);
            begin::start(set, last, purpose, || started.capture(setup))
        });
        if let Err(errno) = entered {
            started.kill(target);
            started.close();
            return refuse(Failure::new(Step::Capture, 0, errno), &NO_ITEM, reterr);
        }
        write_out(ret, last);
    }
    0
}

/// # Safety
/// `stages` must be valid for `count` stages for `'a`, or NULL.
unsafe fn places<'a>(stages: *mut chld_stage, count: usize) -> &'a mut [chld_stage] {
    if stages.is_null() || count > isize::MAX as usize / size_of::<chld_stage>() {
        return &mut [];
    }
    // SAFETY: by this function's contract, and the size is one a slice can have.
    unsafe { core::slice::from_raw_parts_mut(stages, count) }
}

/// # Safety
/// `stages` must be what the header requires, for the length of the call.
unsafe fn begin(
    stages: *mut chld_stage,
    count: usize,
    setup: Option<&Setup>,
    item: &mut Item,
) -> Result<Started, Failure> {
    // SAFETY: by the contract.
    let places = unsafe { places(stages, count) };
    if places.is_empty() {
        return Err(Failure::misuse(Reason::Stages, 0));
    }
    for stage in places.iter_mut() {
        (stage.id, stage.pid, stage.status) = (0, 0, to_c(Status::RUNNING));
        stage.usage = resources_of([0; 9]);
    }
    // SAFETY: by the contract.
    let started = start::start(count, unsafe { requests_of(places) }, setup, item)?;
    for (stage, child) in places.iter_mut().zip(started.stages()) {
        stage.pid = child.pid();
    }
    Ok(started)
}

/// # Safety
/// All must be NULL or what the header requires; what the capture points to stays for
/// `'a`.
unsafe fn begin_captured<'a>(
    stages: *mut chld_stage,
    count: usize,
    options: *const chld_capture_options,
    item: &mut Item,
) -> Result<(Started, Setup<'a>), Failure> {
    // SAFETY: by the contract.
    unsafe {
        let setup = setup_of(options).inspect_err(|failure| *item = failure.capture_item())?;
        Ok((begin(stages, count, Some(&setup), item)?, setup))
    }
}

/// # Safety
/// What the stages point to must be what the header requires, for the length of the call.
unsafe fn requests_of<'a>(stages: &[chld_stage]) -> impl Stages<'a> {
    move |number| {
        let stage = stages.get(number).ok_or(Failure::misuse(Reason::Stages, 0))?;
        if stage.flags != 0 || stage.reserved != [0; 4] {
            return Err(Failure::misuse(Reason::StageFlags, 0));
        }
        // SAFETY: by the contract.
        unsafe { spawn::request_of(stage.argv, stage.options) }
    }
}

/// # Safety
/// `reterr` must be NULL or valid for a write.
unsafe fn refuse(failure: Failure, item: &Item, reterr: *mut chld_error) -> c_int {
    let item = item.split(|byte| *byte == 0).next().unwrap_or_default();
    // SAFETY: by this function's contract.
    unsafe { error::failed(failure, item, reterr) }
}

/// For stages whose handles nobody else has: they must not go on running, unless the
/// stop plan is to blame.
///
/// # Safety
/// `ret` must be NULL or valid for a write.
unsafe fn capture_own(
    started: &Started,
    setup: Setup,
    ret: *mut chld_pipeline_result,
) -> Result<()> {
    let target = setup.plan.target;
    let mut has_given_up = false;
    let result = started.capture(setup).and_then(|mut capture| {
        let result = capture.run();
        has_given_up = capture.outcome().is_err();
        // SAFETY: by the contract.
        if let Some(ret) = unsafe { ret.as_mut() } {
            ret.capture = result_of(&mut capture);
        }
        result
    });
    if result.is_err() && !has_given_up {
        started.kill(target);
        let last = started.stages().last().map_or(Status::RUNNING, Child::status);
        // SAFETY: by the contract; it was written.
        if let Some(ret) = unsafe { ret.as_mut() } {
            ret.capture.status = to_c(last);
        }
    }
    result
}

/// Writes what has become of the stages.
fn report<'c>(
    stages: &mut [chld_stage],
    children: impl Iterator<Item = &'c Child>,
    ret: Option<&mut chld_pipeline_result>,
) {
    let statuses = children.zip(stages.iter_mut()).map(|(child, stage)| {
        let status = child.status();
        stage.status = to_c(status);
        stage.usage = resources_of(child.usage().unwrap_or_default());
        status
    });
    let (status, failed) = pipefail(statuses);
    if let Some(ret) = ret {
        (ret.pipefail, ret.failed) = (to_c(status), failed as i32);
        (ret.stages, ret.count) = (stages.as_ptr(), stages.len());
    }
}

/// The same for a capture in a set.
pub fn report_captured(
    stages: &mut [chld_stage],
    capture: &Capture,
    ret: &mut chld_pipeline_result,
) {
    let children = capture.earlier.children().iter().chain(once(capture.child()));
    report(stages, children, Some(ret));
}

pub fn nothing_of_all() -> chld_pipeline_result {
    let (capture, pipefail) = (nothing(), to_c(Status::RUNNING));
    let (stages, count, failed, reserved) = (core::ptr::null(), 0, 0, [0; 5]);
    chld_pipeline_result { capture, pipefail, stages, count, failed, reserved }
}
