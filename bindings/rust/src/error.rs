//! What went wrong.

use crate::ffi::{self, chld_error};
use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::{fmt, io};

/// The result of a call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call failed. For a child that could not be started it has the step that failed, and
/// the item: `chdir /nowhere: No such file or directory`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: i32,
    step: Option<&'static str>,
    index: usize,
    item: OsString,
    stage: Option<usize>,
    text: String,
}

const EINVAL: i32 = 22;

impl Error {
    /// The errno value.
    pub fn raw_os_error(&self) -> i32 {
        self.code
    }

    /// The same as `std` groups them.
    pub fn kind(&self) -> io::ErrorKind {
        io::Error::from_raw_os_error(self.code).kind()
    }

    /// The step of the start that failed: `"exec"`, `"chdir"`, … `"capture"` if the child
    /// was started and its capture failed. `None` for a call that starts nothing.
    pub fn step(&self) -> Option<&'static str> {
        self.step
    }

    /// The path, program, directory or entry at which the step failed; may be empty.
    pub fn item(&self) -> &OsStr {
        &self.item
    }

    /// The position of the item, for a step that goes through a list.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The stage of a pipeline that could not be started, counted from 0.
    pub fn stage(&self) -> Option<usize> {
        self.stage
    }

    /// Made of what a start reported.
    pub(crate) fn of_start(raw: &chld_error) -> Error {
        let text = text(|buffer, size| {
            // SAFETY: `buffer` has `size` bytes.
            unsafe { ffi::chld_error_text(raw, buffer, size) }
        });
        let item = raw.item.iter().map(|&byte| byte as u8).take_while(|&byte| byte != 0);
        Error {
            code: raw.code,
            step: step_name(raw.step),
            index: usize::try_from(raw.index).unwrap_or(0),
            item: OsString::from_vec(item.collect()),
            stage: usize::try_from(raw.stage).ok().and_then(|stage| stage.checked_sub(1)),
            text,
        }
    }

    /// Made of a negative errno, which `function` returned.
    pub(crate) fn of_call(function: &str, result: c_int) -> Error {
        let why = io::Error::from_raw_os_error(-result);
        Error {
            code: -result,
            step: None,
            index: 0,
            item: OsString::new(),
            stage: None,
            text: format!("{function}: {why}"),
        }
    }

    /// A value that cannot be passed on: the library never sees it.
    pub(crate) fn refused(step: c_int, index: usize, item: &OsStr, why: &str) -> Error {
        let step = step_name(step);
        let text = format!("{} {item:?}: {why}", step.unwrap_or(""));
        Error { code: EINVAL, step, index, item: item.to_owned(), stage: None, text }
    }

    pub(crate) fn in_stage(self, stage: usize) -> Error {
        let text = format!("stage {}: {}", stage + 1, self.text);
        Error { stage: Some(stage), text, ..self }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        io::Error::new(error.kind(), error)
    }
}

/// `Ok` of a result that is not negative.
pub(crate) fn check(function: &str, result: c_int) -> Result<c_int> {
    if result < 0 { Err(Error::of_call(function, result)) } else { Ok(result) }
}

/// What a function writes that works as `snprintf()` does.
pub(crate) fn text(write: impl Fn(*mut c_char, usize) -> c_int) -> String {
    let mut buffer = [0 as c_char; 512];
    let length = usize::try_from(write(buffer.as_mut_ptr(), buffer.len())).unwrap_or(0);
    let kept = &buffer[..length.min(buffer.len() - 1)];
    let bytes: Vec<u8> = kept.iter().map(|&byte| byte as u8).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A constant string of the library, or `None` for NULL.
pub(crate) fn constant(name: *const c_char) -> Option<&'static str> {
    if name.is_null() {
        return None;
    }
    // SAFETY: the library's names are constant strings that end with a NUL.
    unsafe { CStr::from_ptr(name) }.to_str().ok()
}

fn step_name(step: c_int) -> Option<&'static str> {
    constant(ffi::chld_step_name(step))
}

/// A string for C, or an error if it has a NUL in it: C would see only what is before.
pub(crate) fn c_string(text: &OsStr, step: c_int, index: usize) -> Result<std::ffi::CString> {
    std::ffi::CString::new(text.as_bytes())
        .map_err(|_| Error::refused(step, index, text, "it contains a NUL"))
}
