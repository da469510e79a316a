"""CPython's own test_subprocess, with the package chld as the process layer of subprocess.

    python3 cpython_subprocess.py           the whole suite
    python3 cpython_subprocess.py NAME...   these tests of it
    python3 cpython_subprocess.py --plain NAME...   without chld, to compare

It replaces what the module takes from the operating system: fork_exec(), os.waitpid() and
os.kill(). Prints the result of unittest, the tests that failed, and how often each function
was at work. Needs Python 3.11 or later with the package `test`.
"""

import os
import signal
import sys
import unittest

assert "subprocess" not in sys.modules, "it has bound os.waitpid() already"

real_waitpid, real_kill = os.waitpid, os.kill
children = {}  # pid -> Child: those that nobody has waited for
# The pids of children that could not be started. Linux has no such numbers.
NEVER = range(5_000_000, 10**9)
never = iter(NEVER)
counts = {"fork_exec": 0, "preexec": 0, "failed": 0, "waitpid": 0, "kill": 0}


def waitpid(pid, options):
    if pid in NEVER:
        return pid, 255 << 8
    child = children.get(pid)
    if child is None:
        return real_waitpid(pid, options)
    counts["waitpid"] += 1
    if options & os.WNOHANG and child.poll() is None:
        return 0, 0
    status = child.wait()
    if children.pop(pid, None) is None:
        raise ChildProcessError(f"another thread has waited for {pid}")
    child.close()
    if status.wait_word < 0:
        raise ChildProcessError(f"{pid} was reaped by other code")
    return pid, status.wait_word


def kill(pid, number):
    child = children.get(pid)
    if child is None:
        return real_kill(pid, number)
    counts["kill"] += 1
    child.kill(number)


def fork_exec(args, executables, close_fds, fds_to_keep, cwd, env, p2cread, p2cwrite, c2pread,
              c2pwrite, errread, errwrite, errpipe_read, errpipe_write, restore_signals,
              start_new_session, process_group, gid, gids, uid, umask, preexec_fn, *rest):
    """_posixsubprocess.fork_exec()."""
    if preexec_fn is not None:  # runs Python in the child, for which only fork() will do
        pid = real_fork_exec(
            args, executables, close_fds, fds_to_keep, cwd, env, p2cread, p2cwrite, c2pread,
            c2pwrite, errread, errwrite, errpipe_read, errpipe_write, restore_signals,
            start_new_session, process_group, gid, gids, uid, umask, preexec_fn, *rest)
        counts["preexec"] += 1
        children[pid] = chld.adopt(pid)
        return pid
    options = {
        "stdin": inherited(p2cread), "stdout": inherited(c2pwrite), "stderr": inherited(errwrite),
        "cwd": cwd, "inherit_fds": not close_fds, "session": start_new_session,
        "inherit_signals": not restore_signals, "inherit_mask": True, "search": "none",
        "pass_fds": [fd for fd in fds_to_keep if fd != errpipe_write],
    }
    if env is not None:
        options["env"] = dict(entry.split(b"=", 1) for entry in env)
    if process_group >= 0:
        options["group"] = process_group or chld.NEW
    if any(one >= 2**32 for one in gids or ()):
        raise ValueError("invalid group id")
    optional = {"gid": gid, "uid": uid, "groups": gids, "umask": umask if umask >= 0 else None}
    options.update({name: value for name, value in optional.items() if value is not None})
    return first_that_runs(args, executables, options, errpipe_write)


def inherited(fd):
    return None if fd == -1 else fd


def first_that_runs(args, executables, options, errpipe_write):
    """Tries one path after the other, as execvp() does, and reports as the child does."""
    worst = None
    for path in executables:
        try:
            child = chld.spawn(args, program=path, **options)
        except chld.SpawnError as error:
            if error.step not in ("exec", "interpreter"):
                worst = error
                break
            if worst is None or isinstance(worst, (FileNotFoundError, NotADirectoryError)):
                worst = error
        else:
            counts["fork_exec"] += 1
            children[child.pid] = child
            return child.pid
    counts["failed"] += 1
    message = "" if worst.step in ("exec", "interpreter") else NOT_EXECUTED.get(worst.step, "noexec")
    os.write(errpipe_write, f"OSError:{worst.errno:x}:{message}".encode())
    return next(never)


def install():
    """Before subprocess is imported, as it binds the functions."""
    global chld, real_fork_exec, NOT_EXECUTED
    os.waitpid, os.kill = waitpid, kill
    import subprocess
    real_fork_exec = subprocess._fork_exec
    subprocess._fork_exec = fork_exec
    subprocess._USE_POSIX_SPAWN = False
    # Since Python 3.12 a failed chdir() has a word of its own.
    NOT_EXECUTED = {"chdir": "noexec:chdir"} if sys.version_info >= (3, 12) else {}
    import chld


def main(names):
    if "--plain" in names:
        names.remove("--plain")
    else:
        install()
    from test import test_subprocess
    loader = unittest.TestLoader()
    suite = (loader.loadTestsFromNames(names, test_subprocess) if names
             else loader.loadTestsFromModule(test_subprocess))
    result = unittest.TextTestRunner(verbosity=1).run(suite)
    for test, _ in result.failures + result.errors:
        print("failed:", ".".join(test.id().split(".")[-2:]))
    print(f"{result.testsRun} tests, {len(result.skipped)} skipped;", counts)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    signal.alarm(900)
    sys.exit(main(sys.argv[1:]))
