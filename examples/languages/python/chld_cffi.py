"""Child processes by libchld, with cffi: chld.h itself is the declaration.

The same as chld.py, except for what it takes: nothing of the library is written down
a second time. The header is what CHLD_HEADER names, else /usr/include/chld.h; the
library is what CHLD_LIBRARY names, else libchld.so.0.
"""

import os
import re
import select
from typing import NamedTuple

import cffi


def declarations(header):
    """A C header as cffi reads it: of the preprocessor, plain numbers only."""
    header = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
    other = r"#if(def __cplusplus| defined\(__GNUC__\)).*?#(else|endif)"
    header = re.sub(other, r"#\2", header, flags=re.S)
    numbers = r"#define \w+ -?\d+$"
    return "\n".join(line for line in header.splitlines()
                     if not line.startswith("#") or re.match(numbers, line))


ffi = cffi.FFI()
with open(os.environ.get("CHLD_HEADER", "/usr/include/chld.h"), encoding="utf-8") as file:
    ffi.cdef(declarations(file.read()))
lib = ffi.dlopen(os.environ.get("CHLD_LIBRARY", "libchld.so.0"))


def check(result):
    """Raises what Python has for the errno: TimeoutError, ProcessLookupError, …"""
    if result < 0:
        raise OSError(-result, os.strerror(-result))
    return result


def text(function, thing):
    buffer = ffi.new("char[512]")
    check(function(thing, buffer, len(buffer)))
    return os.fsdecode(ffi.string(buffer))


class Status:
    """How a child is, or how it exited. str() has it in words."""

    def __init__(self, raw):
        self.raw = raw
        self.state, self.code, self.core = raw.state, raw.code, raw.core
        self.wait_word = raw.wait_word

    def __str__(self):
        return text(lib.chld_status_text, ffi.addressof(self.raw))

    @property
    def shell_code(self):
        """What a shell's $? would be."""
        return check(lib.chld_status_shell_code(ffi.addressof(self.raw)))


class SpawnError(OSError):
    """A child could not be started: errno, step ("exec", "chdir", …) and index."""

    def __init__(self, error):
        super().__init__(error.code, os.strerror(error.code))
        self.step = ffi.string(lib.chld_step_name(error.step)).decode()
        self.index = error.index
        self.text = text(lib.chld_error_text, error)

    def __str__(self):
        return self.text


class Arguments:
    """Pointers for the library, and what they point to, which cffi frees otherwise."""

    def __init__(self):
        self.kept = []

    def new(self, type, *value):
        self.kept.append(ffi.new(type, *value))
        return self.kept[-1]

    def string(self, word):
        return self.new("char[]", os.fsencode(word))

    def strings(self, words):
        return self.new("char *[]", [self.string(word) for word in words] + [ffi.NULL])

    def options(self, cwd=None, env=None, stdin=None, stdout=None, stderr=None, **members):
        """chld_spawn_options: a stream is a dict of members of chld_stdio; `env` is a dict
        of what to set on top of our own environment."""
        members.update({name: value for name, value in {
            "size": ffi.sizeof("chld_spawn_options"),
            "in": stdin, "out": stdout, "err": stderr,
            "cwd": None if cwd is None else self.string(cwd),
            "env_set": env and self.strings(f"{name}={value}" for name, value in env.items()),
        }.items() if value is not None})
        return self.new("chld_spawn_options *", members)

    def plan(self, steps):
        """(signal, seconds to wait after it, None for any time) each."""
        steps = self.new("chld_stop_step[]", [(signal, milliseconds(wait)) for signal, wait in steps])
        return self.new("chld_stop_plan *", {
            "size": ffi.sizeof("chld_stop_plan"), "steps": steps, "steps_count": len(steps)})


def milliseconds(seconds):
    return -1 if seconds is None else max(0, round(seconds * 1000))


class Child:
    """A child, until the end of its `with` block or close(), which does not end it."""

    id = 0

    def __init__(self, argv, **how):
        child, error, keep = ffi.new("chld_id *"), ffi.new("chld_error *"), Arguments()
        if lib.chld_spawn(child, keep.strings(argv), keep.options(**how), error) < 0:
            raise SpawnError(error)
        self.id = child[0]

    def wait(self, timeout=None):
        """Its Status when it has exited. Raises TimeoutError. Control-C gets through:
        poll() is Python's own, where a wait in C would not be interrupted."""
        poll = select.poll()
        poll.register(check(lib.chld_exit_fd(self.id)), select.POLLIN)
        poll.poll(milliseconds(timeout))
        status = ffi.new("chld_status *")
        check(lib.chld_wait(self.id, 0, status))
        return Status(status[0])

    def wait_change(self, timeout=None):
        """The next stop, continuation, or its end."""
        status = ffi.new("chld_status *")
        check(lib.chld_wait_change(self.id, 0, milliseconds(timeout), status))
        return Status(status[0])

    def kill(self, signal):
        """Raises ProcessLookupError if it has exited, and never hits anybody else."""
        check(lib.chld_kill(self.id, signal))

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
    result, error, keep = ffi.new("chld_capture_result *"), ffi.new("chld_error *"), Arguments()
    grow = {"mode": lib.CHLD_SINK_GROW}
    what = keep.new("chld_capture_options *", {
        "size": ffi.sizeof("chld_capture_options"),
        "timeout_ms": -1 if timeout is None else max(1, milliseconds(timeout)),  # 0: no limit
        "in": {"mode": lib.CHLD_FEED_BUFFER, "data": keep.new("char[]", input),
               "size": len(input)},
        "out": grow, "err": grow, "stop": keep.plan(stop)})
    failed = lib.chld_run(keep.strings(argv), keep.options(**how), what, result, error)
    try:
        if failed < 0 and error.step != lib.CHLD_STEP_CAPTURE:
            raise SpawnError(error)
        check(failed)
        return Output(Status(result.status), taken(result.out), taken(result.err),
                      bool(result.timed_out))
    finally:
        lib.chld_buffer_free(result.out.data)
        lib.chld_buffer_free(result.err.data)


def taken(captured):
    return ffi.buffer(captured.data, captured.kept)[:] if captured.data else b""


class Set:
    """Ends of many children, for an event loop: when fileno() is readable, iterate."""

    def __init__(self, flags=0):
        opened = ffi.new("chld_set *")
        check(lib.chld_set_open(flags, opened))
        self.set = opened[0]

    def add(self, child):
        check(lib.chld_set_add(self.set, child.id, 0))

    def fileno(self):
        return check(lib.chld_set_fd(self.set))

    def __iter__(self):
        """(id of the child, Status) of each that has exited and was not reported yet."""
        event = ffi.new("chld_event *")
        while lib.chld_set_next(self.set, event) == 0:
            yield event.id, Status(event.status)
            event = ffi.new("chld_event *")

    def close(self):
        lib.chld_set_close(self.set)


def engine():
    return {lib.CHLD_ENGINE_PIDFD: "pidfd", lib.CHLD_ENGINE_SIGCHLD: "sigchld"}[lib.chld_engine()]
