"""Child processes by libchld, with ctypes: nothing to build.

    with chld.spawn(["ls", "-l"]) as ls:
        print("ls", ls.wait())

    sorted = chld.run(["sort"], input=b"pear\nfig\n", timeout=5)

The library is what CHLD_LIBRARY names, else libchld.so.0.
"""

import ctypes
import os
import select
from ctypes import POINTER, Structure, byref, c_char, c_char_p, c_int, c_size_t, c_void_p
from ctypes import c_int16, c_int32, c_uint16, c_uint32, c_uint64
from typing import NamedTuple

RUNNING, EXITED, KILLED, DUMPED, STOPPED, CONTINUED, LOST = 0, 1, 2, 3, 5, 6, 15
INHERIT, NULL, PIPE, FD, PATH, STDOUT, CLOSED = range(7)  # CHLD_STDIO_*


class Stdio(Structure):
    _fields_ = [("mode", c_uint32), ("fd", c_int32), ("path", c_char_p),
                ("open_flags", c_int32), ("open_mode", c_uint32)]


class SpawnOptions(Structure):
    _fields_ = [
        ("size", c_size_t), ("flags", c_uint64), ("program", c_char_p), ("program_fd", c_int32),
        ("search", c_uint32), ("env", c_void_p), ("env_set", c_void_p), ("env_unset", c_void_p),
        ("cwd", c_char_p), ("cwd_fd", c_int32), ("umask", c_uint32), ("stdin", Stdio),
        ("stdout", Stdio), ("stderr", Stdio), ("fds", c_void_p), ("fds_count", c_size_t),
        ("rows", c_uint16), ("columns", c_uint16), ("group_mode", c_uint32), ("group", c_int32),
        ("cgroup_fd", c_int32), ("limits", c_void_p), ("limits_count", c_size_t),
        ("cpus", c_void_p), ("cpus_size", c_size_t), ("groups", c_void_p),
        ("groups_count", c_size_t), ("gid", c_uint32), ("uid", c_uint32), ("nice", c_int32),
        ("death_signal", c_int32), ("signals_mode", c_uint32), ("mask_mode", c_uint32),
        ("ignored", c_uint64), ("blocked", c_uint64), ("reset", c_uint64),
        ("user", c_void_p)]


STEP_CAPTURE = 29  # of chld_run(): it was not the start that failed


class StartError(Structure):
    _fields_ = [("code", c_int32), ("step", c_int32), ("index", c_int32), ("item", c_char * 112),
                ("reason", c_int32), ("stage", c_int32)]


class Feed(Structure):
    _fields_ = [("mode", c_uint32), ("flags", c_uint32), ("data", c_char_p),
                ("size", c_size_t), ("callback", c_void_p), ("argument", c_void_p),
                ("reserved", c_uint32 * 4)]


class Sink(Structure):
    _fields_ = [("mode", c_uint32), ("flags", c_uint32), ("buffer", c_void_p),
                ("size", c_size_t), ("callback", c_void_p), ("argument", c_void_p),
                ("fd", c_int32), ("reserved", c_uint32 * 5)]


class Step(Structure):
    _fields_ = [("signal", c_int32), ("wait_ms", c_int32)]


class StopPlan(Structure):
    _fields_ = [("size", c_size_t), ("target", c_uint32), ("flags", c_uint32),
                ("steps", POINTER(Step)), ("steps_count", c_size_t)]


class CaptureOptions(Structure):
    _fields_ = [("size", c_size_t), ("flags", c_uint32), ("timeout_ms", c_int32), ("stdin", Feed),
                ("stdout", Sink), ("stderr", Sink), ("stop", POINTER(StopPlan)),
                ("cancel_fd", c_int32), ("reserved", c_uint32)]


class Captured(Structure):
    _fields_ = [("total", c_uint64), ("kept", c_uint64), ("from_head", c_uint64),
                ("passed", c_uint64), ("data", c_void_p), ("truncated", c_int32),
                ("held", c_int32), ("error", c_int32), ("stopped", c_int32),
                ("pass_error", c_int32), ("reserved", c_uint32 * 5)]


class Status(Structure):
    """How a child is, or how it exited. str() has it in words."""
    _fields_ = [("state", c_int32), ("code", c_int32), ("core", c_int32), ("wait_word", c_int32)]

    def __str__(self):
        return text(lib.chld_status_text, self)

    @property
    def shell_code(self):
        """What a shell's $? would be."""
        return check(lib.chld_status_shell_code(byref(self)))


class CaptureResult(Structure):
    _fields_ = [("status", Status), ("stdout", Captured), ("stderr", Captured),
                ("fed", c_uint64), ("feed_error", c_int32), ("timed_out", c_int32),
                ("cancelled", c_int32), ("step", c_int32), ("signal", c_int32),
                ("pid", c_int32), ("elapsed_ns", c_uint64), ("usage", c_uint64 * 9),
                ("reserved", c_uint64 * 4)]


class Event(Structure):
    _fields_ = [("kind", c_uint32), ("last", c_int32), ("id", c_uint64), ("user", c_void_p),
                ("index", c_size_t), ("status", Status), ("capture", c_void_p),
                ("pipeline", c_void_p), ("reserved", c_uint64 * 4)]


def check(result):
    """Raises what Python has for the errno: TimeoutError, ProcessLookupError, …"""
    if result < 0:
        raise OSError(-result, os.strerror(-result))
    return result


def text(function, thing):
    buffer = ctypes.create_string_buffer(512)
    check(function(byref(thing), buffer, len(buffer)))
    return os.fsdecode(buffer.value)


class SpawnError(OSError):
    """A child could not be started: errno, step ("exec", "chdir", …) and index."""

    def __init__(self, error):
        super().__init__(error.code, os.strerror(error.code))
        self.step = lib.chld_step_name(error.step).decode()
        self.index = error.index
        self.text = text(lib.chld_error_text, error)

    def __str__(self):
        return self.text


def load():
    library = ctypes.CDLL(os.environ.get("CHLD_LIBRARY", "libchld.so.0"))
    handle, string, strings = c_uint64, c_char_p, POINTER(c_char_p)
    for name, arguments in {
        "chld_spawn": [POINTER(handle), strings, POINTER(SpawnOptions), POINTER(StartError)],
        "chld_run": [strings, POINTER(SpawnOptions), POINTER(CaptureOptions),
                     POINTER(CaptureResult), POINTER(StartError)],
        "chld_wait": [handle, c_int, POINTER(Status)],
        "chld_wait_change": [handle, c_uint32, c_int, POINTER(Status)],
        "chld_kill": [handle, c_int],
        "chld_stop": [handle, POINTER(StopPlan), POINTER(Status)],
        "chld_close": [handle],
        "chld_pid": [handle],
        "chld_exit_fd": [handle],
        "chld_stdin_fd": [handle],
        "chld_stdout_fd": [handle],
        "chld_stderr_fd": [handle],
        "chld_close_fd": [handle, c_int],
        "chld_set_open": [c_uint32, POINTER(handle)],
        "chld_set_add": [handle, handle, c_uint32],
        "chld_set_fd": [handle],
        "chld_set_next": [handle, POINTER(Event)],
        "chld_set_close": [handle],
        "chld_status_text": [POINTER(Status), string, c_size_t],
        "chld_status_shell_code": [POINTER(Status)],
        "chld_error_text": [POINTER(StartError), string, c_size_t],
        "chld_step_name": [c_int],
        "chld_buffer_free": [c_void_p],
        "chld_engine": [],
    }.items():
        getattr(library, name).argtypes = arguments
    library.chld_step_name.restype = c_char_p
    return library


lib = load()


def strings(words):
    """A char *[] with NULL at its end."""
    words = [os.fsencode(word) for word in words]
    return (c_char_p * (len(words) + 1))(*words, None)


def options(cwd=None, env=None, stdin=INHERIT, stdout=INHERIT, stderr=INHERIT, **members):
    """chld_spawn_options: a stream is a mode, a descriptor's Stdio(FD, 5), …; `env` is a
    dict of what to set on top of our own environment; others are members of the struct."""
    all = SpawnOptions(size=ctypes.sizeof(SpawnOptions), **members)
    all.cwd = os.fsencode(cwd) if cwd is not None else None
    for name, stream in ("stdin", stdin), ("stdout", stdout), ("stderr", stderr):
        setattr(all, name, stream if isinstance(stream, Stdio) else Stdio(stream))
    if env:
        all.environment = strings(f"{name}={value}" for name, value in env.items())
        all.env_set = ctypes.cast(all.environment, c_void_p)
    return all


def plan(steps):
    """chld_stop_plan: (signal, seconds to wait after it, None for any time) each."""
    steps = (Step * len(steps))(*[(signal, milliseconds(wait)) for signal, wait in steps])
    return StopPlan(size=ctypes.sizeof(StopPlan), steps=steps, steps_count=len(steps))


def milliseconds(seconds):
    return -1 if seconds is None else max(0, round(seconds * 1000))


class Child:
    """A child, until the end of its `with` block or close(), which does not end it."""

    def __init__(self, argv, **how):
        self.id = 0
        child, error = c_uint64(), StartError()
        if lib.chld_spawn(byref(child), strings(argv), options(**how), error) < 0:
            raise SpawnError(error)
        self.id = child.value

    def wait(self, timeout=None):
        """Its Status when it has exited. Raises TimeoutError. Control-C gets through:
        poll() is Python's own, where a wait in C would not be interrupted."""
        poll = select.poll()
        poll.register(self.exit_fd, select.POLLIN)
        poll.poll(milliseconds(timeout))
        status = Status()
        check(lib.chld_wait(self.id, 0, status))
        return status

    def wait_change(self, timeout=None):
        """The next stop, continuation, or its end."""
        status = Status()
        check(lib.chld_wait_change(self.id, 0, milliseconds(timeout), status))
        return status

    def kill(self, signal):
        """Raises ProcessLookupError if it has exited, and never hits anybody else."""
        check(lib.chld_kill(self.id, signal))

    def stop(self, *steps):
        status = Status()
        check(lib.chld_stop(self.id, plan(steps), status))
        return status

    pid = property(lambda self: check(lib.chld_pid(self.id)))
    exit_fd = property(lambda self: check(lib.chld_exit_fd(self.id)))
    stdin_fd = property(lambda self: check(lib.chld_stdin_fd(self.id)))
    stdout_fd = property(lambda self: check(lib.chld_stdout_fd(self.id)))
    stderr_fd = property(lambda self: check(lib.chld_stderr_fd(self.id)))

    def close(self):
        lib.chld_close(self.id)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    __del__ = close


spawn = Child


class Output(NamedTuple):
    status: Status
    stdout: bytes
    stderr: bytes
    timed_out: bool


def run(argv, input=b"", timeout=None, stop=(), **how):
    """Runs a child and keeps what it writes. At the timeout it is ended by `stop`, by
    default SIGTERM and, two seconds later, SIGKILL; what it had written is returned."""
    result, error = CaptureResult(), StartError()
    limit = -1 if timeout is None else max(1, milliseconds(timeout))  # 0 would be no limit
    what = CaptureOptions(size=ctypes.sizeof(CaptureOptions), timeout_ms=limit,
                          stop=ctypes.pointer(plan(stop)))
    what.stdin = Feed(mode=1 if input else 0, data=input, size=len(input))
    what.stdout = what.stderr = Sink(mode=4)
    failed = lib.chld_run(strings(argv), options(**how), what, result, error)
    try:
        if failed < 0 and error.step != STEP_CAPTURE:
            raise SpawnError(error)
        check(failed)
        return Output(result.status, taken(result.stdout), taken(result.stderr),
                      bool(result.timed_out))
    finally:
        lib.chld_buffer_free(result.stdout.data)
        lib.chld_buffer_free(result.stderr.data)


def taken(captured):
    return ctypes.string_at(captured.data, captured.kept) if captured.data else b""


class Set:
    """Ends of many children, for an event loop: when fileno() is readable, iterate."""

    def __init__(self, flags=0):
        self.set = 0
        opened = c_uint64()
        check(lib.chld_set_open(flags, byref(opened)))
        self.set = opened.value

    def add(self, child):
        check(lib.chld_set_add(self.set, child.id, 0))

    def fileno(self):
        return check(lib.chld_set_fd(self.set))

    def __iter__(self):
        """(id of the child, Status) of each that has exited and was not reported yet."""
        event = Event()
        while lib.chld_set_next(self.set, event) == 0:
            yield event.id, Status.from_buffer_copy(event.status)

    def close(self):
        lib.chld_set_close(self.set)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def engine():
    return {1: "pidfd", 2: "sigchld"}[lib.chld_engine()]
