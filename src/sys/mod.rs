//! The system's side: one file per kernel facility, one call and one errno
//! check per function. Nothing above this layer names `libc::` or writes
//! assembly, and nothing here knows what a child of this library is.

pub mod arch;
pub mod birth;
pub mod bytes;
pub mod clock;
pub mod clone;
pub mod cstr;
pub mod directory;
pub mod epoll;
mod errno;
pub mod fd;
pub mod heap;
mod hook;
pub mod host;
pub mod inherited;
pub mod deadline;
pub mod kept;
pub mod limit;
pub mod list;
pub mod lock;
pub mod memory;
pub mod namespace;
pub mod paged;
pub mod pidfd;
pub mod pipe;
pub mod poll;
pub mod pty;
pub mod raw;
pub mod select;
pub mod signal;
pub mod terminal;
pub mod timer;
pub mod wait;
pub mod zeroed;

/// A positive errno value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errno(pub i32);

pub type Result<T, E = Errno> = core::result::Result<T, E>;

macro_rules! errnos {
    ($($name:ident)*) => {
        impl Errno { $(pub const $name: Errno = Errno(libc::$name);)* }
    };
}
errnos! {
    E2BIG EAGAIN EACCES EBADF EBUSY ECHILD EDEADLK EEXIST EFAULT EINTR EINVAL EIO ELOOP EMFILE
    ENAMETOOLONG ENFILE ENODATA ENODEV ENOENT ENOEXEC ENOMEM ENOSYS ENOTDIR ENOTTY EOPNOTSUPP
    EPERM EPIPE ESRCH ESTALE ETIMEDOUT
}

impl Errno {
    /// The errors of a kernel, or of a sandbox in front of it, that does not
    /// offer a call or one of its flags. Container profiles return EPERM where
    /// an old kernel returns ENOSYS or, for a flag, EINVAL.
    pub fn means_unsupported(self) -> bool {
        matches!(self, Errno::ENOSYS | Errno::EPERM | Errno::EINVAL)
    }
}

/// The result of a libc function: -1 means "look at errno".
fn check(returned: i64) -> Result<i64> {
    if returned == -1 { Err(Errno(errno::get())) } else { Ok(returned) }
}

/// The same for functions whose success value is an int, or means nothing.
fn check_int(returned: i32) -> Result<i32> {
    check(returned as i64).map(|value| value as i32)
}

/// Runs a call again as long as a signal interrupts it.
pub fn retry<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => continue,
            other => return other,
        }
    }
}
