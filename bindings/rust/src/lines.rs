//! Lines of a child, given to a function of Rust.

use crate::Stream;
use std::any::Any;
use std::ffi::{c_char, c_int, c_void};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::slice;

type LineFunction<'a> = &'a mut dyn FnMut(Stream, &[u8]) -> ControlFlow<()>;

/// Takes lines from C, and keeps a panic until C has returned.
pub(crate) struct LineSink<'a> {
    function: LineFunction<'a>,
    panic: Option<Box<dyn Any + Send>>,
}

impl<'a> LineSink<'a> {
    pub fn new(function: LineFunction<'a>) -> LineSink<'a> {
        LineSink { function, panic: None }
    }

    pub fn resume_panic(self) {
        if let Some(panic) = self.panic {
            resume_unwind(panic);
        }
    }

    fn take(&mut self, stream: Stream, line: &[u8]) -> c_int {
        match catch_unwind(AssertUnwindSafe(|| (self.function)(stream, line))) {
            Ok(ControlFlow::Continue(())) => 0,
            Ok(ControlFlow::Break(())) => 1,
            Err(panic) => {
                self.panic = Some(panic);
                1
            }
        }
    }

    /// For C: `to` must be a `LineSink`, on which nobody else works, and the line must have
    /// `size` bytes.
    pub unsafe extern "C" fn take_stdout(
        to: *mut c_void,
        line: *const c_char,
        size: usize,
    ) -> c_int {
        // SAFETY: the caller's promise: the sink outlives the capture, and one thread at a
        // time works on that.
        let (sink, line) = unsafe { parts(to, line, size) };
        sink.take(Stream::Stdout, line)
    }

    /// The same for stderr.
    pub unsafe extern "C" fn take_stderr(
        to: *mut c_void,
        line: *const c_char,
        size: usize,
    ) -> c_int {
        // SAFETY: as above.
        let (sink, line) = unsafe { parts(to, line, size) };
        sink.take(Stream::Stderr, line)
    }
}

/// # Safety
/// As for the functions above.
unsafe fn parts<'a>(
    to: *mut c_void,
    line: *const c_char,
    size: usize,
) -> (&'a mut LineSink<'a>, &'a [u8]) {
    // SAFETY: the caller's promise.
    unsafe { (&mut *to.cast::<LineSink>(), slice::from_raw_parts(line.cast(), size)) }
}
