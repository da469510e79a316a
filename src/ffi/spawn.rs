use super::error::{chld_error, failed};
use super::spawn_options::chld_spawn_options;
use super::{chld_argv, growth, options, quietly, write_out};
use crate::start::failure::{Failure, Reason};
use crate::start::request::Request;
use crate::start::spawn as start;
use crate::sys::Errno;
use crate::sys::cstr::StrList;
use crate::sys::host::Undisturbed;
use core::ffi::c_int;

/// The handle of a child: a number that you can copy, store and pass to other
/// threads. After chld_close() it is -EBADF forever.
pub type chld_id = u64;

/// No child. Never a valid handle.
pub const CHLD_NONE: u64 = 0;

/// Starts a child.
///
/// `ret`: where the handle of the child goes. Must not be NULL unless CHLD_SPAWN_DETACHED
/// is set.
/// `argv`: the arguments, NULL at the end. argv[0] is the program unless the options name
/// another one.
/// `options`: NULL for the defaults. The child then has the caller's environment, working
/// directory, standard streams, group, session and limits, and no other descriptors. It
/// starts with an empty signal mask and no handlers. SIGPIPE and SIGCHLD are reset to
/// their defaults; other signals that the caller ignores stay ignored.
/// `reterr`: where the step that failed goes; may be NULL. Written on failure only.
///
/// The call returns when the child has executed its program, or when that has failed. A
/// program that cannot be run is an error of this call, not an exit code later. On
/// failure nothing is left: no child, no zombie, no descriptor, no handle.
///
/// A program without a slash in its name is searched along PATH by execvp()'s rules. If a
/// directory may not be searched and no other directory has the program, the error is
/// -EACCES. Otherwise the error of the last directory counts.
///
/// If a signal kills the child before its exec, or the kernel does (out of memory, a CPU
/// limit, cgroup.kill), the start succeeds and the status has the signal.
///
/// All signals are blocked in the calling thread during a start, and in the child until
/// its exec. A stop signal that comes meanwhile (^Z) stops the program right after its
/// exec if the child is in the caller's group or has the terminal. Otherwise it is
/// discarded. These can still hold a child before its exec, and with it the calling
/// thread, until SIGCONT or SIGKILL comes: SIGSTOP, a freezer, a debugger.
///
/// A child that changes its user or groups does not share the caller's memory, so that
/// the new user gets no access to it. Such a start costs what fork() costs, which is more
/// if the caller is large. The new user can delay the start by SIGSTOP, or by a file
/// system of their own in `cwd` or PATH.
///
/// Libraries in LD_PRELOAD that intercept exec functions do not see a start, because the
/// child makes system calls only. A program that needs them uses posix_spawn() and
/// chld_adopt().
///
/// Under valgrind and qemu-user a start also waits for copies of the process that other
/// threads fork() meanwhile, until these exec or exit.
///
/// The quoted words below are the steps in `reterr`. The section STEPS of the manual
/// page, and docs/options.md, list every option with its step, errors and kernel version.
///
/// Returns 0, or
/// -EINVAL: `ret` or `argv` is NULL, or `argv` is empty ("arguments"). Or an option has a
///   wrong value or contradicts another one; chld_error_text() names the member.
/// -E2BIG: options of a later version are set ("options"), or the arguments are too long
///   for the kernel ("exec").
/// -EBADF: a descriptor in the options is not open ("stdio", "map", "chdir", "exec",
///   "cgroup").
/// -ENOENT: there is no such program ("exec"), interpreter ("interpreter"), file ("open")
///   or directory ("chdir").
/// -EACCES: the program or its interpreter may not be executed ("exec", "interpreter"),
///   or a path may not be opened ("open", "chdir").
/// -ENOEXEC: the file is not a program ("exec").
/// -ENOTDIR, -ELOOP: a path leads nowhere ("exec", "interpreter", "open", "chdir").
/// -ENOMEM: no memory left ("memory", "clone").
/// -EAGAIN: no process or no place in the table of children left ("clone", "memory").
/// -EMFILE, -ENFILE: no descriptor left ("pipe", "pty", "open", "clone").
/// -EPERM: the caller may not do what the step is named for.
/// -ENOSYS: the kernel does not have what a flag needs ("clone", "session"): see
///   chld_supports().
/// The errors of the system call that the step is named for.
///
/// Thread-safe, but it reads the environment, so do not call setenv() meanwhile. Not
/// async-signal-safe. Blocks until the exec, and while it opens a path, as open() does.
/// Not a cancellation point. Stack: 15 KB.
/// Ownership: the handle is yours until chld_close(). The caller's ends of pipes and
/// pseudo-terminals belong to the library: chld_close_fd() or chld_close() closes them.
/// Descriptors that you pass stay yours. The library keeps nothing else that you pass.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_spawn(
    ret: *mut chld_id,
    argv: chld_argv,
    options: *const chld_spawn_options,
    reterr: *mut chld_error,
) -> c_int {
    let _host = Undisturbed::enter();
    // SAFETY: all of it is what the header requires, for the length of this call.
    unsafe {
        // By reference: a request is large.
        match &request_of(argv, options) {
            Err(failure) => failed(*failure, b"", reterr),
            Ok((request, _)) if ret.is_null() && !request.detached => {
                failed(Failure::misuse(Reason::RetNull, 0), b"", reterr)
            }
            Ok((request, user)) => match start::spawn(request, *user) {
                Ok(handle) => {
                    write_out(ret, handle);
                    0
                }
                Err(failure) => failed(failure, request.item(&failure), reterr),
            },
        }
    }
}

/// What to start, and the `user` pointer.
///
/// # Safety
/// All must be NULL or what the header requires, and stay so for `'a`.
pub unsafe fn request_of<'a>(
    argv: chld_argv,
    options: *const chld_spawn_options,
) -> Result<(Request<'a>, usize), Failure> {
    if argv.is_null() {
        return Err(Failure::misuse(Reason::ArgvNull, 0));
    }
    // SAFETY: by the contract.
    unsafe {
        let argv = StrList::new(argv);
        if options.is_null() {
            return Ok((Request::plain(argv), 0));
        }
        let options = growth::checked(options, SIZES)?;
        Ok((options::request(argv, &options)?, options.user as usize))
    }
}

const SIZES: [Reason; 3] = [Reason::SizeZero, Reason::Size, Reason::Newer];

/// Takes over a child that the calling process has started by other means, for example by
/// fork().
///
/// `ret`: where the handle of the child goes. Must not be NULL.
/// `pid`: the child. Nobody may have reaped it.
///
/// From then on only the library may wait for the child. Its chld_user() is NULL, and it
/// has no pipes. The library does not know whether it leads a group, so chld_kill_group()
/// and CHLD_TARGET_GROUP treat it as if it led none.
///
/// Returns 0, or
/// -ECHILD: `pid` is not a child of this process.
/// -EEXIST: the library has this child already. This includes a child whose handle was
///   closed while it ran.
/// -EINVAL: `ret` is NULL.
/// -ENOMEM: no memory left.
/// -EAGAIN: no place in the table of children left.
///
/// Thread-safe. Not async-signal-safe. Never blocks. Not a cancellation point.
/// Stack: 3 KB.
/// Ownership: the handle is yours until chld_close().
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chld_adopt(ret: *mut chld_id, pid: c_int) -> c_int {
    quietly(|| {
        if ret.is_null() {
            return Err(Errno::EINVAL);
        }
        let handle = start::adopt(pid)?;
        // SAFETY: valid, by the header.
        unsafe { ret.write(handle) };
        Ok(0)
    })
}
