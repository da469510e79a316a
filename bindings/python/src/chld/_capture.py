"""What a child reads and what becomes of its output: chld_capture_options."""

from __future__ import annotations

import ctypes
from typing import Any, Mapping, TypedDict

from . import _abi
from ._handle import Handle
from ._library import integer, lib, milliseconds, strings, words
from ._options import PIPE, PTY, Builder, HasFileno, SpawnOptions
from ._plan import Plan, plan_of
from ._result import Result, Text, members

class CaptureOptions(TypedDict, total=False):
    """The keyword arguments of run() and all others that capture output."""

    #: The number of bytes that are kept of each stream. The rest is read and dropped.
    max_output: int | None
    #: Which bytes these are: "head", "tail", or "ends" (half of each).
    keep: str
    #: A file or descriptor that also gets what is written to stdout, as it comes.
    tee_stdout: int | HasFileno | None
    tee_stderr: int | HasFileno | None
    #: Also waits for the end of the pipes, which descendants of the child may have open.
    until_eof: bool
    #: A descriptor. When it becomes readable, the child is stopped and Cancelled is raised.
    cancel: int | HasFileno | None


class RunOptions(SpawnOptions, CaptureOptions, total=False):
    """Both."""


_OWN = frozenset(CaptureOptions.__annotations__)
_KEEPS = {"head": _abi.SINK_HEAD, "tail": _abi.SINK_TAIL, "ends": _abi.SINK_HEAD_TAIL}


def _descriptor(value: Any, what: str) -> int:
    if hasattr(value, "flush"):
        value.flush()
    return integer(ctypes.c_int, value if isinstance(value, int) else value.fileno(), what)


class Capture:
    """Options of a capture. `spawn` are those of the start: stdout and stderr are pipes
    unless the caller has chosen something else.
    """

    def __init__(self, options: Mapping[str, Any], *, input: Any = None, text: bool = False,
                 encoding: str | None = None, errors: str | None = None,
                 timeout: float | None = None, stop: Plan = None,
                 pass_to: Mapping[str, int] | None = None):
        own = {name: value for name, value in options.items() if name in _OWN}
        self.spawn = {"stdout": PIPE, "stderr": PIPE}
        self.spawn.update((name, value) for name, value in options.items() if name not in _OWN)
        self.text = Text(text, encoding, errors)
        self.timeout = timeout
        self.raw = _abi.capture_options(size=ctypes.sizeof(_abi.capture_options))
        # To the library 0 is no timeout.
        self.raw.timeout_ms = -1 if timeout is None else max(1, milliseconds(timeout))
        plan = plan_of(stop)
        if plan is not None:
            self.raw.stop = ctypes.pointer(plan)
        if own.get("until_eof"):
            self.raw.flags |= _abi.CAPTURE_EOF
        if own.get("cancel") is not None:
            self.raw.flags |= _abi.CAPTURE_CANCEL
            self.raw.cancel_fd = _descriptor(own["cancel"], "cancel")
        if input is not None:
            self.feed(input)
        self.buffers: list[Any] = []
        self.raw.out = self.sink("stdout", own, pass_to)
        self.raw.err = self.sink("stderr", own, pass_to)

    def feed(self, input: Any) -> None:
        if self.spawn.get("stdin", PIPE) not in (PIPE, PTY):
            raise ValueError("stdin and input exclude each other")
        data = self.text.encode(input)
        self.raw.in_ = _abi.feed(mode=_abi.FEED_BUFFER, data=data, size=len(data))
        self.spawn.setdefault("stdin", PIPE)

    def sink(self, name: str, own: Mapping[str, Any], pass_to: Mapping[str, int] | None) -> Any:
        if self.spawn[name] not in (PIPE, PTY):
            return _abi.sink()
        if pass_to is not None:
            return _abi.sink(mode=_abi.SINK_FD, fd=pass_to[name])
        sink = self.memory(own.get("keep", "head"), own.get("max_output"))
        tee = own.get(f"tee_{name}")
        if tee is not None:
            sink.flags, sink.fd = _abi.SINK_TEE, _descriptor(tee, f"tee_{name}")
        return sink

    def memory(self, keep: str, limit: int | None) -> Any:
        """What keeps the bytes: memory that grows, except for the last bytes of a stream."""
        if keep not in _KEEPS:
            raise ValueError(f"keep is {keep!r}, and must be one of {', '.join(_KEEPS)}")
        if limit is not None and limit < 1:
            raise ValueError(f"max_output must be at least 1: {limit}")
        if keep == "head":
            return _abi.sink(mode=_abi.SINK_GROW, size=limit or 0)
        if limit is None:
            raise ValueError(f"keep={keep!r} needs max_output")
        self.buffers.append(ctypes.create_string_buffer(limit))
        return _abi.sink(mode=_KEEPS[keep], buffer=ctypes.addressof(self.buffers[-1]), size=limit)

    def start(self, set: Any, child: Handle) -> None:
        """Starts the child in a set, which then captures it."""
        argv = strings(words(child.args))
        builder, error = Builder(self.spawn), _abi.error()
        child._started(lib.chld_set_run(set, argv, builder.raw, self.raw, child._handle, error),
                       error)

    def take(self, child: Handle, event: Any) -> Result[Any]:
        """The result of a capture that is complete."""
        return Result(**members(child.args, event.capture.contents, self.text))

    def taken(self, child: Handle, event: Any) -> Result[Any]:
        """The same, and what the library had for it is freed."""
        try:
            return self.take(child, event)
        finally:
            raw = _abi.capture_result()
            if lib.chld_capture_take(child._handle, raw) == 0 and not self.buffers:
                lib.chld_buffer_free(raw.out.data)
                lib.chld_buffer_free(raw.err.data)
