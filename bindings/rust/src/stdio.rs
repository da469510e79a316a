//! The standard streams of a child.

use crate::Result;
use crate::error::c_string;
use crate::ffi::{self, chld_stdio};
use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a stream of a child comes from or goes to.
///
/// A `File`, or anything else that converts into an `OwnedFd`, converts into this.
#[derive(Clone, Debug)]
pub struct Stdio(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Simple(u32),
    Descriptor(Arc<OwnedFd>),
    Path { path: PathBuf, flags: i32, mode: u32 },
}

impl Stdio {
    /// The stream of the calling process.
    pub fn inherit() -> Stdio {
        Stdio(Kind::Simple(ffi::CHLD_STDIO_INHERIT))
    }

    /// `/dev/null`.
    pub fn null() -> Stdio {
        Stdio(Kind::Simple(ffi::CHLD_STDIO_NULL))
    }

    /// A new pipe: see [`Child::take_stdout`](crate::Child::take_stdout).
    pub fn piped() -> Stdio {
        Stdio(Kind::Simple(ffi::CHLD_STDIO_PIPE))
    }

    /// A new pseudo-terminal, the same for all streams that ask for one. The child begins a
    /// session that it controls.
    pub fn pty() -> Stdio {
        Stdio(Kind::Simple(ffi::CHLD_STDIO_PTY))
    }

    /// Closed in the child.
    pub fn closed() -> Stdio {
        Stdio(Kind::Simple(ffi::CHLD_STDIO_CLOSED))
    }

    /// The child's stdout: `2>&1`. For stderr only.
    pub fn stdout() -> Stdio {
        Stdio(Kind::Simple(ffi::CHLD_STDIO_STDOUT))
    }

    /// The child's stderr: `>&2`. For stdout only.
    pub fn stderr() -> Stdio {
        Stdio(Kind::Simple(ffi::CHLD_STDIO_STDERR))
    }

    /// A file, opened as a shell does: for reading as stdin, else created or truncated.
    pub fn path(path: impl AsRef<Path>) -> Stdio {
        Stdio::path_with(path, 0, 0)
    }

    /// A file, opened with these flags of `open()`, and with these permissions (less the
    /// umask) if it is created. 0 means the default of each.
    pub fn path_with(path: impl AsRef<Path>, flags: i32, mode: u32) -> Stdio {
        Stdio(Kind::Path { path: path.as_ref().to_owned(), flags, mode })
    }

    /// Whether a capture can read or feed it; a stream that the program has not set counts.
    pub(crate) fn captured(stdio: &Option<Stdio>) -> bool {
        let pipes = [ffi::CHLD_STDIO_PIPE, ffi::CHLD_STDIO_PTY];
        match stdio {
            None => true,
            Some(Stdio(Kind::Simple(mode))) => pipes.contains(mode),
            Some(_) => false,
        }
    }

    /// For C. It points to a string that `kept` receives.
    pub(crate) fn raw(&self, index: usize, kept: &mut Vec<CString>) -> Result<chld_stdio> {
        let mut raw = chld_stdio::zeroed();
        match &self.0 {
            Kind::Simple(mode) => raw.mode = *mode,
            Kind::Descriptor(fd) => {
                raw.mode = ffi::CHLD_STDIO_FD;
                raw.fd = fd.as_raw_fd();
            }
            Kind::Path { path, flags, mode } => {
                let path = c_string(path.as_os_str(), ffi::CHLD_STEP_OPEN, index)?;
                raw.mode = ffi::CHLD_STDIO_PATH;
                raw.path = path.as_ptr();
                raw.open_flags = *flags;
                raw.open_mode = *mode;
                kept.push(path);
            }
        }
        Ok(raw)
    }
}

impl From<OwnedFd> for Stdio {
    fn from(fd: OwnedFd) -> Stdio {
        Stdio(Kind::Descriptor(Arc::new(fd)))
    }
}

impl From<File> for Stdio {
    fn from(file: File) -> Stdio {
        OwnedFd::from(file).into()
    }
}

impl From<std::process::ChildStdout> for Stdio {
    fn from(pipe: std::process::ChildStdout) -> Stdio {
        OwnedFd::from(pipe).into()
    }
}
