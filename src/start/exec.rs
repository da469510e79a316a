//! The child's half: becoming the program, or reporting why that failed.
//!
//! Every signal is blocked until exec. A child that a stop signal holds before
//! its exec also holds the thread that waits for it, and no caller has
//! the pid that SIGCONT would have to go to. So what can be found out about the
//! program is found out before; then pending stop signals are discarded, and
//! between the call that lets signals in and the exec there is nothing else.

use super::failure::{Failure, Step};
use super::interpreter;
use super::plan::{PROGRAM, Plan, Program, REPORT};
use super::report::{Progress, Word};
use super::request::Mask;
use crate::sys::cstr::{self, StrList};
use crate::sys::raw;
use crate::sys::{Errno, Result};
use core::ffi::CStr;

impl Plan<'_> {
    /// Returns only the reason why it could not.
    pub fn exec(&self) -> Failure {
        match self.program {
            Program::Fd => self.exec_descriptor(),
            Program::At(path) => self.exec_path(path),
            Program::Named { name, path } => self.search(name, path),
        }
    }

    /// Runs `exec` with the child's own signal mask, and blocks everything again
    /// if that returns.
    fn with_signals(&self, exec: impl FnOnce() -> Errno) -> Result<Errno, Failure> {
        let unblocked = self.let_signals_in();
        let errno = unblocked.map(|()| exec());
        let _ = raw::set_mask(!0);
        errno.map_err(|errno| Failure::new(Step::Signals, 0, errno))
    }

    fn let_signals_in(&self) -> Result<()> {
        let mask = match self.request.mask {
            Mask::Bits(bits) => bits,
            Mask::Inherit => self.callers_mask,
        };
        self.report.reach(Progress::ExecNext);
        self.send_report();
        if self.may_be_stopped {
            self.catch_stops();
        }
        while let Some(signal) = raw::take_pending(raw::STOP_SIGNALS) {
            let before = self.report.get(Word::Stopped);
            self.report.set(Word::Stopped, before | 1 << signal);
            self.send_report();
        }
        raw::set_mask(mask)
    }

    /// A stop signal that comes between the last look and the exec finds a
    /// handler, which does nothing and which exec takes away.
    fn catch_stops(&self) {
        if raw::use_rest_of_stack(self.stack_bottom).is_ok() {
            let stops = [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];
            stops.into_iter().filter(|stop| raw::is_default(*stop)).for_each(raw::catch);
        }
    }

    /// Writes the report into the pipe, if there is one.
    pub fn send_report(&self) {
        let pipe = self.kept(REPORT);
        if pipe >= 0 {
            self.report.send(pipe);
        }
    }

    fn exec_descriptor(&self) -> Failure {
        let tried = self.with_signals(|| {
            let fd = self.kept(PROGRAM);
            match raw::exec_descriptor(fd, self.request.argv, self.env) {
                // By name where the call is not there, as under qemu-user.
                Errno::ENOSYS => {
                    let mut buffer = [0u8; 32];
                    let path = cstr::numbered(&mut buffer, b"/proc/self/fd/", fd);
                    raw::execve(path, self.request.argv, self.env)
                }
                errno => errno,
            }
        });
        match tried {
            // A script, whose interpreter cannot open what closes at exec.
            Ok(Errno::ENOENT) => Failure::new(Step::Interpreter, 0, Errno::ENOENT),
            Ok(errno) => Failure::new(Step::Exec, 0, errno),
            Err(failure) => failure,
        }
    }

    fn exec_path(&self, path: &CStr) -> Failure {
        let argv: StrList = self.request.argv;
        let tried = self.with_signals(|| match (raw::execve(path, argv, self.env), &self.script) {
            (Errno::ENOEXEC, Some(script)) => {
                raw::execve(c"/bin/sh", script.for_script(path), self.env)
            }
            (errno, _) => errno,
        });
        let errno = match tried {
            Ok(errno) => errno,
            Err(failure) => return failure,
        };
        if let Some(item) = interpreter::at_fault(path, errno) {
            self.report.set_item(&item);
            return Failure::new(Step::Interpreter, 0, errno);
        }
        // The file is there, so what is missing is something that it names.
        let there = errno == Errno::ENOENT && raw::exists(path).is_ok();
        Failure::new(if there { Step::Interpreter } else { Step::Exec }, 0, errno)
    }

    /// execvp's rules: a directory that does not have the program is passed
    /// over; one that has it but may not run it is remembered while others are
    /// tried; any other failure is final. Without a program, the last errno
    /// counts. An empty entry is the working directory.
    fn search(&self, name: &CStr, path: &CStr) -> Failure {
        let mut answer = Failure::new(Step::Exec, 0, Errno::ENOENT);
        let room = self.candidate.take();
        for directory in path.to_bytes().split(|byte| *byte == b':') {
            let Some(candidate) = join(room, directory, name) else { continue };
            let item = self.report.item();
            let failure = match raw::exists(candidate) {
                // Not worth letting signals in for.
                Err(errno @ (Errno::ENOENT | Errno::ENOTDIR)) => {
                    Failure::new(Step::Exec, 0, errno)
                }
                _ => self.exec_path(candidate),
            };
            if !may_be_elsewhere(failure) {
                answer = failure;
                break;
            }
            if outweighs(answer, failure) {
                self.report.set_item(&item);
            } else {
                answer = failure;
            }
        }
        self.candidate.set(room);
        answer
    }
}

fn may_be_elsewhere(failure: Failure) -> bool {
    let passed_over = [
        Errno::EACCES, Errno::ENOENT, Errno::ENOTDIR, Errno::ESTALE, Errno::ENODEV,
        Errno::ETIMEDOUT,
    ];
    failure.step != Step::Signals && passed_over.contains(&failure.errno)
}

/// Whether a failure of a search stays its answer in spite of a later one.
fn outweighs(before: Failure, now: Failure) -> bool {
    before.errno == Errno::EACCES
        || before.step == Step::Interpreter && now.errno != Errno::EACCES
}

/// "directory/name" as a C string; `None` if it is longer than a path can be.
fn join<'b>(buffer: &'b mut [u8], directory: &[u8], name: &CStr) -> Option<&'b CStr> {
    let slash: &[u8] = if directory.is_empty() { b"" } else { b"/" };
    let mut rest = &mut *buffer;
    for part in [directory, slash, name.to_bytes_with_nul()] {
        let (head, tail) = rest.split_at_mut_checked(part.len())?;
        for (place, byte) in head.iter_mut().zip(part) {
            *place = *byte;
        }
        rest = tail;
    }
    cstr::until_nul(buffer)
}
