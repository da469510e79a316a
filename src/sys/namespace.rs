//! PID namespaces.

use super::{Errno, fd};

/// Whether the calling thread has unshared its PID namespace, and the new one has
/// no init yet: its first process will be that. Linux has no name for such a
/// namespace (since 4.12), but always one for that of the thread itself.
pub fn lacks_init() -> bool {
    let has_name = |path| fd::read_link(path, &mut [0; 32]);
    has_name(c"/proc/thread-self/ns/pid_for_children") == Err(Errno::ENOENT)
        && has_name(c"/proc/thread-self/ns/pid").is_ok()
}
