"""What run() returns."""

from __future__ import annotations

import codecs
import ctypes
import locale
from dataclasses import dataclass
from typing import Any, AnyStr, Generic, Sequence

from ._errors import CalledProcessError, Cancelled, TimeoutExpired
from ._library import StrPath
from ._status import Status, Usage


class Text:
    """How bytes become what the caller gets: bytes as they are, or text."""

    def __init__(self, text: bool, encoding: str | None, errors: str | None):
        self.encoding: str | None = None
        self.errors = errors or "strict"
        if text or encoding or errors:
            self.encoding = encoding or locale.getpreferredencoding(False)
            codecs.lookup(self.encoding)

    def decode(self, data: bytes) -> Any:
        """As subprocess does it: every line end becomes a newline."""
        if self.encoding is None:
            return data
        decoded = data.decode(self.encoding, self.errors)
        return decoded.replace("\r\n", "\n").replace("\r", "\n")

    def decode_line(self, line: bytes) -> Any:
        """One line: only its end becomes a newline. A progress bar keeps its \\r."""
        if self.encoding is None:
            return line
        if line.endswith(b"\r\n"):
            line = line[:-2] + b"\n"
        return line.decode(self.encoding, self.errors)

    def encode(self, data: Any) -> bytes:
        if not isinstance(data, str):
            return bytes(memoryview(data))
        if self.encoding is None:
            raise TypeError("input is str: encode it, or use text=True")
        return data.encode(self.encoding, self.errors)


@dataclass
class Result(Generic[AnyStr]):
    """What came of a child: as subprocess.CompletedProcess, and more."""

    args: Sequence[StrPath]
    #: The exit code, or -N if signal N killed the child; None if it still runs.
    returncode: int | None
    #: None if the stream was not captured.
    stdout: AnyStr | None
    stderr: AnyStr | None
    status: Status
    #: For messages: another process may have the number by now.
    pid: int
    #: Seconds from the call until everything was read.
    elapsed: float
    usage: Usage
    timed_out: bool
    cancelled: bool
    #: The output was longer than max_output.
    truncated: bool
    #: Another process still had one of the streams open.
    held: bool
    #: The last signal of the stop plan that was sent, else None.
    stop_signal: int | None

    @property
    def failure(self) -> str:
        """A sentence: how the child exited."""
        return str(self.status)

    @property
    def success(self) -> bool:
        """It exited with 0."""
        return self.status.exit_code == 0

    def check_returncode(self) -> None:
        """Raises CalledProcessError unless the child exited with 0."""
        if not self.success:
            raise CalledProcessError(self)


def data_of(stream: Any) -> bytes | None:
    """A copy of the bytes of a chld_stream_result; None if nothing was kept."""
    return ctypes.string_at(stream.data, stream.kept) if stream.data else None


def members(args: Any, raw: Any, text: Text) -> dict[str, Any]:
    """The members of a Result, from a chld_capture_result."""
    status = Status._of(raw.status)
    out, err = data_of(raw.out), data_of(raw.err)
    return {
        "args": args, "returncode": status.returncode, "status": status, "pid": raw.pid,
        "stdout": None if out is None else text.decode(out),
        "stderr": None if err is None else text.decode(err),
        "elapsed": raw.elapsed_ns / 1e9, "usage": Usage._of(raw.usage),
        "timed_out": bool(raw.timed_out), "cancelled": bool(raw.cancelled),
        "truncated": bool(raw.out.truncated or raw.err.truncated),
        "held": bool(raw.out.held or raw.err.held),
        "stop_signal": raw.signal if raw.step else None,
    }


def finish(result: Result[Any], timeout: float | None, check: bool) -> None:
    """Raises what the caller of run() must not overlook."""
    if result.cancelled:
        raise Cancelled(result)
    if result.timed_out:
        raise TimeoutExpired(result.args, timeout or 0.0, result)
    if check:
        result.check_returncode()
