"""The output of a child, line by line, as it comes."""

from __future__ import annotations

from collections import deque
from typing import Any, AsyncIterator, Generic, Iterator, Mapping, TypeVar

from ._aio import until
from ._capture import Capture
from ._errors import TimeoutExpired
from ._handle import Handle
from ._result import Result
from ._set import Set

Item = TypeVar("Item")


class Lines(Generic[Item], Iterator[Item], AsyncIterator[Item]):
    """An iterator over lines, for `for` and for `async for`.

    All streams that are pipes are read, so that the child is never held up by one that
    nobody reads. While the caller does not ask for a line, nothing is read.
    """

    def __init__(self, child: Handle, streams: Mapping[str, Any], tagged: bool, **how: Any):
        self._child = child
        self._capture = capture = Capture(streams, on_line=self._piece, **how)
        self._tagged = tagged
        self._queue: deque[Any] = deque()
        self._partial = {False: b"", True: b""}
        #: What came of the child, once the lines have ended.
        self.result: Result[Any] | None = None
        self._set = Set()
        try:
            self._set._capture(child, capture)
        except BaseException:
            self._set.close()
            raise

    def _piece(self, stderr: bool, data: bytes) -> None:
        """The callback of the library: a line, or a piece of one that is longer than 64 KiB."""
        line = self._partial[stderr] + data
        self._partial[stderr] = b"" if line.endswith(b"\n") else line
        if line.endswith(b"\n"):
            self._queue.append((stderr, line))

    def _look(self) -> bool | None:
        """True if there is a line, False if there is none any more, else None."""
        if self._queue or self.result:
            return bool(self._queue)
        event = self._set.next()
        if event is not None:
            self.result = event.result
            self.close()
            self._queue.extend(part for part in self._partial.items() if part[1])
        return True if self._queue else False if self.result else None

    def _pop(self) -> Item:
        stderr, line = self._queue.popleft()
        decoded = self._capture.text.decode_line(line)
        item: Any = ("stderr" if stderr else "stdout", decoded) if self._tagged else decoded
        return item  # type: ignore[no-any-return]

    def _end(self) -> None:
        if self.result and self.result.timed_out:
            raise TimeoutExpired(self._child.args, self._capture.timeout or 0.0, self.result)

    def __next__(self) -> Item:
        if not self._queue and not self.result:
            self._set._wait(None, self._look)
        if self._queue:
            return self._pop()
        self._end()
        raise StopIteration

    async def __anext__(self) -> Item:
        if not self._queue and not self.result:
            await until(self._set, self._look)
        if self._queue:
            return self._pop()
        self._end()
        raise StopAsyncIteration

    def close(self) -> None:
        """Ends the reading. The child goes on."""
        self._set.close()
