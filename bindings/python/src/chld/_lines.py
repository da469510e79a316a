"""The output of a child, line by line, as it comes."""

from __future__ import annotations

import ctypes
import errno
import os
from collections import deque
from typing import Any, AsyncIterator, Generic, Iterator, Mapping, TypeVar, cast

from . import _abi
from ._capture import Capture
from ._errors import TimeoutExpired
from ._handle import Handle
from ._library import check, lib
from ._options import PIPE, PTY
from ._result import Result, members
from ._sleep import Polled, sleep, sleep_async

Item = TypeVar("Item")


class _Relay:
    """A pipe of our own, to which the library passes a stream on.

    A callback would be simpler. But a signal handler that runs in a callback of ctypes cannot
    raise an exception: Control-C would be lost.
    """

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.pieces: list[bytes] = []  # of a line that has not ended

    def lines(self) -> Iterator[bytes]:
        """The lines that have come. Each is copied once, however long it is."""
        while True:
            try:
                first, *more = os.read(self.reader, 1 << 16).split(b"\n")
            except BlockingIOError:
                return
            self.pieces.append(first)
            if more:
                yield b"".join(self.pieces) + b"\n"
                yield from (line + b"\n" for line in more[:-1])
                self.pieces = more[-1:]

    def last(self) -> bytes:
        """What came after the last newline."""
        return b"".join(self.pieces)

    def __del__(self) -> None:
        os.close(self.reader)
        os.close(self.writer)


class Lines(Generic[Item], Iterator[Item], AsyncIterator[Item]):
    """An iterator over lines, for `for` and for `async for`.

    All streams that are pipes are read, so that the child is never held up by one that
    nobody reads. As long as there are lines, nothing more is read: 64 KiB of a stream are held,
    or a line that is longer.
    """

    def __init__(self, child: Handle, id: ctypes.c_uint64, streams: Mapping[str, Any],
                 tagged: bool, **how: Any):
        self._child = child
        self._id = id
        self._tagged = tagged
        self._queue: deque[tuple[str, bytes]] = deque()
        #: What came of the child, once the lines have ended. Its stdout and stderr are None.
        self.result: Result[Any] | None = None
        self._relays = {name: _Relay() for name in ("stdout", "stderr")
                        if streams[name] in (PIPE, PTY)}
        self._capture = Capture(streams, pass_to={name: relay.writer for name, relay
                                                  in self._relays.items()}, **how)
        check(lib.chld_capture_open(child._handle, self._capture.raw, self._id))

    def _step(self) -> tuple[Polled, int] | None:
        """Reads what there is. Returns what to wait for if that has made no line."""
        wait = _abi.capture_wait()
        done = lib.chld_capture_step(self._id, wait)
        for name, relay in self._relays.items():
            self._queue.extend((name, line) for line in relay.lines())
        if done == 0:
            fds = [(wait.fds[at].fd, wait.fds[at].events) for at in range(wait.count)]
            return None if self._queue else (fds, wait.timeout_ms)
        if done != -errno.ETIMEDOUT:  # that is one that survives its stop plan
            check(done)
        raw = _abi.capture_result()
        check(lib.chld_capture_close(self._id, raw))
        self.result = Result(**members(self._child.args, raw, self._capture.text))
        self._child._see(self.result.status)
        self._queue.extend((name, relay.last()) for name, relay in self._relays.items()
                           if relay.last())
        return None

    def _item(self, line: tuple[str, bytes]) -> Item:
        text = self._capture.text.decode_line(line[1])
        return cast(Item, (line[0], text) if self._tagged else text)

    def _check(self) -> None:
        """At the end of the lines."""
        if self.result and self.result.timed_out:
            raise TimeoutExpired(self._child.args, self._capture.timeout or 0.0, self.result)

    def __next__(self) -> Item:
        while not self._queue:
            if self.result:
                self._check()
                raise StopIteration
            wait = self._step()
            if wait:
                sleep(*wait)
        return self._item(self._queue.popleft())

    async def __anext__(self) -> Item:
        while not self._queue:
            if self.result:
                self._check()
                raise StopAsyncIteration
            wait = self._step()
            if wait:
                await sleep_async(*wait)
        return self._item(self._queue.popleft())

    def close(self) -> None:
        """Ends the reading. The child goes on."""
        lib.chld_capture_close(self._id, None)

    def __del__(self) -> None:
        if getattr(self, "_id", None):
            self.close()
