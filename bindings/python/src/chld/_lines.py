"""The output of a child, line by line, as it comes."""

from __future__ import annotations

import ctypes
import errno
from collections import deque
from typing import Any, AsyncIterator, Generic, Iterator, Mapping, TypeVar

from . import _abi
from ._capture import Capture
from ._errors import TimeoutExpired
from ._handle import Handle
from ._library import check, lib
from ._result import Result, members
from ._sleep import Polled, sleep, sleep_async

Item = TypeVar("Item")


class _Queue:
    """The lines that were read and not yet taken: pairs (is it stderr, the bytes)."""

    def __init__(self) -> None:
        self.whole: deque[tuple[bool, bytes]] = deque()
        self.partial: dict[bool, list[bytes]] = {False: [], True: []}

    def add(self, stderr: bool, data: bytes) -> None:
        """Whatever was read at once. A line of any length is copied once."""
        first, *more = data.split(b"\n")
        self.partial[stderr].append(first)
        if more:
            self.whole.append((stderr, b"".join(self.partial[stderr]) + b"\n"))
            self.whole.extend((stderr, line + b"\n") for line in more[:-1])
            self.partial[stderr] = more[-1:]

    def end(self) -> None:
        for stderr, pieces in self.partial.items():
            if any(pieces):
                self.whole.append((stderr, b"".join(pieces)))


class Lines(Generic[Item], Iterator[Item], AsyncIterator[Item]):
    """An iterator over lines, for `for` and for `async for`.

    All streams that are pipes are read, so that the child is never held up by one that
    nobody reads. As long as there are lines, nothing more is read: at most 512 KiB are held.
    """

    def __init__(self, child: Handle, streams: Mapping[str, Any], tagged: bool, **how: Any):
        self._child = child
        self._tagged = tagged
        self._queue = _Queue()
        #: What came of the child, once the lines have ended. Its stdout and stderr are None.
        self.result: Result[Any] | None = None
        self._capture = Capture(streams, on_data=self._queue.add, **how)
        self._id = ctypes.c_uint64()
        check(lib.chld_capture_open(child._handle, self._capture.raw, self._id))

    def _step(self) -> tuple[Polled, int] | None:
        """Reads what there is. Returns what to wait for if that has made no line."""
        wait = _abi.capture_wait()
        done = lib.chld_capture_step(self._id, wait)
        if done == 0:
            fds = [(wait.fds[at].fd, wait.fds[at].events) for at in range(wait.count)]
            return None if self._queue.whole else (fds, wait.timeout_ms)
        if done != -errno.ETIMEDOUT:  # that is one that survives its stop plan
            check(done)
        raw = _abi.capture_result()
        check(lib.chld_capture_close(self._id, raw))
        self.result = Result(**members(self._child.args, raw, self._capture.text))
        self._child._see(self.result.status)
        self._queue.end()
        return None

    def _take(self, end: type[Exception]) -> Item:
        """The next line, or an exception at the end of them."""
        if self._queue.whole:
            stderr, line = self._queue.whole.popleft()
            decoded = self._capture.text.decode_line(line)
            item: Any = ("stderr" if stderr else "stdout", decoded) if self._tagged else decoded
            return item  # type: ignore[no-any-return]
        if self.result and self.result.timed_out:
            raise TimeoutExpired(self._child.args, self._capture.timeout or 0.0, self.result)
        raise end

    def __next__(self) -> Item:
        while not self._queue.whole and not self.result:
            wait = self._step()
            if wait:
                sleep(*wait)
        return self._take(StopIteration)

    async def __anext__(self) -> Item:
        while not self._queue.whole and not self.result:
            wait = self._step()
            if wait:
                await sleep_async(*wait)
        return self._take(StopAsyncIteration)

    def close(self) -> None:
        """Ends the reading. The child goes on."""
        lib.chld_capture_close(self._id, None)

    def __del__(self) -> None:
        if getattr(self, "_id", None):
            self.close()
