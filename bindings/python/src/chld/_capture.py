"""What a child reads and what becomes of its output: chld_capture_options."""

from __future__ import annotations

import ctypes
from typing import Any, Mapping

from . import _abi
from ._handle import Handle
from ._library import lib, milliseconds, strings, words
from ._options import PIPE, PTY, Builder
from ._plan import Plan, plan_of
from ._result import Result, Text, members

_NAMES = ("input", "text", "encoding", "errors", "timeout", "stop", "max_output", "cancel")


def capture_arguments(how: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of Capture, from keyword arguments like those of run()."""
    spawn = {name: value for name, value in how.items() if name not in _NAMES}
    return {"spawn": spawn, **{name: how[name] for name in _NAMES if name in how}}


class Capture:
    """Options of a capture. `spawn` are those of the start: stdout and stderr are pipes
    unless the caller has chosen something else.
    """

    def __init__(self, spawn: Mapping[str, Any], *, input: Any = None, text: bool = False,
                 encoding: str | None = None, errors: str | None = None,
                 timeout: float | None = None, stop: Plan = None,
                 max_output: int | None = None, cancel: Any = None,
                 pass_to: Mapping[str, int] | None = None):
        self.spawn = {"stdout": PIPE, "stderr": PIPE, **spawn}
        self.text = Text(text, encoding, errors)
        self.timeout = timeout
        self.raw = _abi.capture_options(size=ctypes.sizeof(_abi.capture_options))
        # To the library 0 is no timeout.
        self.raw.timeout_ms = -1 if timeout is None else max(1, milliseconds(timeout))
        plan = plan_of(stop)
        if plan is not None:
            self.raw.stop = ctypes.pointer(plan)
        if cancel is not None:
            self.raw.flags |= _abi.CAPTURE_CANCEL
            self.raw.cancel_fd = cancel if isinstance(cancel, int) else cancel.fileno()
        if input is not None:
            self.feed(input)
        if self.spawn["stdout"] in (PIPE, PTY):
            self.raw.out = self.sink("stdout", max_output, pass_to)
        if self.spawn["stderr"] in (PIPE, PTY):
            self.raw.err = self.sink("stderr", max_output, pass_to)

    def feed(self, input: Any) -> None:
        if self.spawn.get("stdin", PIPE) not in (PIPE, PTY):
            raise ValueError("stdin and input exclude each other")
        data = self.text.encode(input)
        self.raw.in_ = _abi.feed(mode=_abi.FEED_BUFFER, data=data, size=len(data))
        self.spawn.setdefault("stdin", PIPE)

    def sink(self, name: str, limit: int | None, pass_to: Mapping[str, int] | None) -> Any:
        if pass_to is None:
            return _abi.sink(mode=_abi.SINK_GROW, size=limit or 0)
        return _abi.sink(mode=_abi.SINK_FD, fd=pass_to[name])

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
            if lib.chld_capture_take(child._handle, raw) == 0:
                lib.chld_buffer_free(raw.out.data)
                lib.chld_buffer_free(raw.err.data)
