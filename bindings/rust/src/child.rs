//! A child that was started.

use crate::capture::{Capture, Memory, Output, Wants};
use crate::error::check;
use crate::ffi::{self, chld_id, chld_status};
use crate::stop::milliseconds;
use crate::{ExitStatus, Result, Signal, State, StopPlan, Usage};
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::{BorrowedFd, FromRawFd};
use std::time::Duration;

/// A handle of a child, as a number: to recognize the child in an [`Event`](crate::Event).
/// Once the child is dropped, it is no child's, ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChildId(pub(crate) chld_id);

impl ChildId {
    /// Sends a signal to the child, and to nobody else. The error is `ESRCH` if it has exited.
    pub fn signal(self, signal: impl Into<Signal>) -> Result<()> {
        check("chld_kill", ffi::chld_kill(self.0, signal.into().0)).map(drop)
    }

    /// The pid, for messages.
    pub fn pid(self) -> Result<i32> {
        check("chld_pid", ffi::chld_pid(self.0))
    }
}

/// A child, in the manner of [`std::process::Child`].
///
/// Dropping it leaves the child running, unless it was started with
/// [`kill_on_drop`](crate::Command::kill_on_drop). It never becomes a zombie.
///
/// All methods can be called from several threads at the same time.
#[derive(Debug)]
pub struct Child {
    id: chld_id,
}

impl Child {
    pub(crate) fn owning(id: chld_id) -> Child {
        Child { id }
    }

    /// Takes over a child that other code of this process has started, and not waited for.
    pub fn adopt(pid: i32) -> Result<Child> {
        let mut id = 0;
        check("chld_adopt", ffi::chld_adopt(&mut id, pid))?;
        Ok(Child { id })
    }

    /// Gives the child back, without waiting: wait for the pid that this returns.
    pub fn release(self) -> std::result::Result<i32, (Child, crate::Error)> {
        let mut pid = 0;
        match check("chld_release", ffi::chld_release(self.id, &mut pid)) {
            Ok(_) => Ok(pid),
            Err(error) => Err((self, error)),
        }
    }

    /// Its handle as a number.
    pub fn handle(&self) -> ChildId {
        ChildId(self.id)
    }

    /// Its pid, for messages. Use [`signal`](Child::signal) to send it a signal.
    pub fn id(&self) -> u32 {
        u32::try_from(ffi::chld_pid(self.id)).unwrap_or(0)
    }

    /// The other end of its stdin, if that is [piped](crate::Stdio::piped) and was not taken.
    pub fn take_stdin(&mut self) -> Option<File> {
        self.take(ffi::CHLD_STDIN)
    }

    /// The other end of its stdout.
    pub fn take_stdout(&mut self) -> Option<File> {
        self.take(ffi::CHLD_STDOUT)
    }

    /// The other end of its stderr.
    pub fn take_stderr(&mut self) -> Option<File> {
        self.take(ffi::CHLD_STDERR)
    }

    fn take(&mut self, which: i32) -> Option<File> {
        let fd = ffi::chld_take_fd(self.id, which);
        // SAFETY: the library has opened the descriptor, and given it away.
        (fd >= 0).then(|| unsafe { File::from_raw_fd(fd) })
    }

    /// The other end of its stdout, if it was not taken. The end of a pseudo-terminal can be
    /// read and written. Use this if you want to [resize](Child::resize_pty) the terminal.
    pub fn stdout(&self) -> Option<BorrowedFd<'_>> {
        self.borrow(ffi::chld_stdout_fd(self.id))
    }

    /// The same for its stderr.
    pub fn stderr(&self) -> Option<BorrowedFd<'_>> {
        self.borrow(ffi::chld_stderr_fd(self.id))
    }

    fn borrow(&self, fd: i32) -> Option<BorrowedFd<'_>> {
        // SAFETY: only methods with `&mut self` give these two away, and only the end of the
        // child closes them.
        (fd >= 0).then(|| unsafe { BorrowedFd::borrow_raw(fd) })
    }

    /// Waits for its exit. Closes its stdin before, unless that was taken.
    pub fn wait(&self) -> Result<ExitStatus> {
        ffi::chld_close_fd(self.id, ffi::CHLD_STDIN); // an error if there is none
        let mut status = chld_status::zeroed();
        check("chld_wait", ffi::chld_wait(self.id, -1, &mut status))?;
        Ok(ExitStatus(status))
    }

    /// Waits up to this time (24 days at most). `None` if it has not exited by then.
    pub fn wait_timeout(&self, timeout: Duration) -> Result<Option<ExitStatus>> {
        let mut status = chld_status::zeroed();
        let result = ffi::chld_wait(self.id, milliseconds(timeout), &mut status);
        in_time(check("chld_wait", result).map(|_| ExitStatus(status)))
    }

    /// How it exited, or `None` if it has not.
    pub fn try_wait(&self) -> Result<Option<ExitStatus>> {
        self.wait_timeout(Duration::ZERO)
    }

    /// Waits until it stops, is continued, or exits; `None` if nothing happened in this time.
    pub fn wait_change(&self, timeout: Option<Duration>) -> Result<Option<ExitStatus>> {
        let mut status = chld_status::zeroed();
        let timeout = timeout.map_or(-1, milliseconds);
        let result = ffi::chld_wait_change(self.id, 0, timeout, &mut status);
        in_time(check("chld_wait_change", result).map(|_| ExitStatus(status)))
    }

    /// Feeds it, reads what it writes, and waits for its exit, all at once. Streams that are
    /// not pipes, or were taken, are left alone.
    pub fn capture(&mut self, capture: &Capture) -> Result<Output> {
        let stdout = ffi::chld_stdout_fd(self.id) >= 0;
        let stderr = ffi::chld_stderr_fd(self.id) >= 0;
        let mut memory = Memory::new(capture, Wants::these(stdout, stderr));
        let mut result = ffi::chld_capture_result::zeroed();
        // SAFETY: `memory` owns what the pointers lead to.
        let failed = unsafe {
            let options = memory.options();
            ffi::chld_capture(self.id, &options, &mut result)
        };
        let output = Output::take(&mut result, &memory);
        check("chld_capture", failed).map(|_| output)
    }

    /// The same without an input and without a timeout, as in `std`.
    pub fn wait_with_output(mut self) -> Result<Output> {
        self.capture(&Capture::new())
    }

    /// Kills it. No error if it has exited.
    pub fn kill(&self) -> Result<()> {
        if self.try_wait()?.is_some() {
            return Ok(());
        }
        match self.signal(Signal::KILL) {
            Err(_) if self.try_wait()?.is_some() => Ok(()),
            result => result,
        }
    }

    /// Sends a signal to it, and to nobody else.
    pub fn signal(&self, signal: impl Into<Signal>) -> Result<()> {
        self.handle().signal(signal)
    }

    /// Sends a signal to the process group that it leads.
    pub fn signal_group(&self, signal: impl Into<Signal>) -> Result<()> {
        check("chld_kill_group", ffi::chld_kill_group(self.id, signal.into().0)).map(drop)
    }

    /// Sends a signal to it and all its descendants. Returns how many of them are left.
    pub fn signal_tree(&self, signal: impl Into<Signal>) -> Result<u32> {
        let mut survivors = 0;
        let result = ffi::chld_kill_tree(self.id, signal.into().0, &mut survivors);
        check("chld_kill_tree", result).map(|_| survivors)
    }

    /// Stops it by a sequence of signals, and returns how it exited.
    pub fn stop(&self, plan: &StopPlan) -> Result<ExitStatus> {
        let mut status = chld_status::zeroed();
        // SAFETY: `plan` owns the steps.
        let result = unsafe { ffi::chld_stop(self.id, &plan.raw(), &mut status) };
        check("chld_stop", result).map(|_| ExitStatus(status))
    }

    /// What it has used up. An error until a call has returned its exit.
    pub fn usage(&self) -> Result<Usage> {
        Usage::of(self.id)
    }

    /// Whether it runs, without asking the kernel to reap it.
    pub fn is_running(&self) -> Result<bool> {
        Ok(self.try_wait()?.is_none_or(|status| status.state() == State::Running))
    }

    /// A descriptor that is readable once it has exited, for an event loop. Do not read it.
    pub fn exit_fd(&self) -> Result<BorrowedFd<'_>> {
        let fd = check("chld_exit_fd", ffi::chld_exit_fd(self.id))?;
        // SAFETY: it stays open until chld_close(), which needs the end of this borrow.
        Ok(unsafe { BorrowedFd::borrow_raw(fd) })
    }

    /// Changes the size of its pseudo-terminal. An error once all ends of that were taken.
    pub fn resize_pty(&self, rows: u16, columns: u16) -> Result<()> {
        check("chld_pty_resize", ffi::chld_pty_resize(self.id, rows, columns)).map(drop)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        ffi::chld_close(self.id); // an error if it was released
    }
}

impl From<&Child> for ChildId {
    fn from(child: &Child) -> ChildId {
        child.handle()
    }
}

/// `None` instead of the error of a timeout.
pub(crate) fn in_time<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::TimedOut => Ok(None),
        result => result.map(Some),
    }
}
