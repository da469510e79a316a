"""A set of children: everything that they do, as events with one descriptor."""

from __future__ import annotations

import ctypes
import enum
import errno
import select
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, AsyncIterator, Iterator, NamedTuple, Sequence

from . import _abi
from ._capture import Capture, RunOptions
from ._errors import TimeoutExpired
from ._handle import Handle
from ._library import StrPath, check, lib, milliseconds
from ._pipeline import PipelineCapture, Stages
from ._plan import Plan, plan_of
from ._result import Result
from ._sleep import sleep, sleep_async
from ._status import Status

if TYPE_CHECKING:
    from typing_extensions import Unpack


class EventKind(enum.IntEnum):
    """What an event is about: CHLD_EVENT_* of chld.h."""

    EXITED = _abi.EVENT_EXITED
    STOPPED = _abi.EVENT_STOPPED
    CONTINUED = _abi.EVENT_CONTINUED
    CAPTURED = _abi.EVENT_CAPTURED
    WOKEN = _abi.EVENT_WOKEN
    SURVIVED = _abi.EVENT_SURVIVED


class Event(NamedTuple):
    """Something that happened to a child of a set."""

    kind: EventKind
    #: None if the set was woken.
    child: Handle | None
    status: Status | None
    #: With EventKind.CAPTURED.
    result: Result[Any] | None
    #: The child has left the set with this event.
    last: bool


class Set:
    """The process loop of a program.

        with chld.Set() as loop:
            for command in commands:
                loop.run(command, timeout=5)
            for event in loop:
                print(event.child.args, event.result)

    For another event loop: when fileno() is readable, call next() until it returns None.
    Several threads may wait for a set: each event is reported to one of them. A `for` loop is
    for one thread. Close a set after its last waiter: wake() makes wait() return.
    """

    def __init__(self) -> None:
        self._set = ctypes.c_uint64()
        check(lib.chld_set_open(0, self._set))
        # Children and what C reads and writes for them, until their last events. Another
        # thread may take the event of a child before the call that adds it has returned. It
        # waits for that call, and no other thread does: a start may take long.
        self._members: dict[int, tuple[Handle, Capture | None]] = {}
        self._calls = 0
        self._changed = threading.Condition()

    @contextmanager
    def _adding(self) -> Iterator[None]:
        """Around a call that adds a child, and the line that notes it."""
        with self._changed:
            self._calls += 1
        try:
            yield
        finally:
            with self._changed:
                self._calls -= 1
                self._changed.notify_all()

    def add(self, child: Handle, *, stops: bool = False, continuations: bool = False) -> None:
        """Reports the exit of a child and, if asked, its stops and continuations."""
        watch = ((_abi.WATCH_STOPPED if stops else 0)
                 | (_abi.WATCH_CONTINUED if continuations else 0))
        with self._adding():
            check(lib.chld_set_add(self._set, child._handle, watch))
            self._members[child._handle.value] = child, None

    def remove(self, child: Handle) -> None:
        """Nothing of the child is reported any more."""
        check(lib.chld_set_remove(self._set, child._handle))
        self._forget(child)

    def stop(self, child: Handle, plan: Plan = None, *, after: float = 0.0) -> None:
        """Stops a child after some seconds, without blocking. A later call replaces an
        earlier one.
        """
        with self._adding():
            check(lib.chld_set_stop(self._set, child._handle, milliseconds(after), plan_of(plan)))
            self._members.setdefault(child._handle.value, (child, None))

    def run(self, args: Sequence[StrPath], *, input: Any = None, text: bool = False,
            encoding: str | None = None, errors: str | None = None,
            timeout: float | None = None, stop: Plan = None,
            **options: Unpack[RunOptions]) -> Handle:
        """Starts a child and captures its output in this set: the event has the result. The
        arguments are those of chld.run().
        """
        return self._run(Handle(args), Capture(
            options, input=input, text=text, encoding=encoding, errors=errors, timeout=timeout,
            stop=stop))

    def run_pipeline(self, stages: Stages, *, input: Any = None, text: bool = False,
                     encoding: str | None = None, errors: str | None = None,
                     timeout: float | None = None, stop: Plan = None,
                     **options: Unpack[RunOptions]) -> Handle:
        """The same for a pipeline. In the set it is one child, the last stage."""
        capture = PipelineCapture(
            stages, options, input=input, text=text, encoding=encoding, errors=errors,
            timeout=timeout, stop=stop)
        return self._run(Handle(capture.args), capture)

    def _run(self, child: Handle, capture: Capture) -> Handle:
        with self._adding():
            try:
                capture.start(self._set, child)
            finally:  # also if a signal handler has raised after the start
                if child._handle.value:
                    self._members[child._handle.value] = child, capture
        return child

    def _capture(self, child: Handle, capture: Capture) -> None:
        with self._adding():
            check(lib.chld_set_capture(self._set, child._handle, capture.raw))
            self._members[child._handle.value] = child, capture

    def _forget(self, child: Handle) -> None:
        self._members.pop(child._handle.value, None)

    def wake(self) -> None:
        """Makes one waiter return EventKind.WOKEN. Any thread may call this."""
        check(lib.chld_set_wake(self._set))

    def fileno(self) -> int:
        """The descriptor of the set. It belongs to the library."""
        return check(lib.chld_set_fd(self._set))

    def __len__(self) -> int:
        return check(lib.chld_set_count(self._set))

    def next(self) -> Event | None:
        """The next event, or None if there is none now."""
        raw = _abi.event()
        result = lib.chld_set_next(self._set, raw)
        if result == -errno.EAGAIN:
            return None
        check(result)
        return self._event(raw)

    def _event(self, raw: Any) -> Event:
        kind = EventKind(raw.kind)
        if kind == EventKind.WOKEN:
            return Event(kind, None, None, None, False)
        with self._changed:
            self._changed.wait_for(lambda: raw.id in self._members or not self._calls)
            child, capture = self._members[raw.id]
            if raw.last:
                del self._members[raw.id]
        status = child._see(Status._of(raw.status))
        result = None
        if kind == EventKind.CAPTURED and capture is not None:
            result = capture.taken(child, raw)
        return Event(kind, child, status, result, bool(raw.last))

    def _left(self, deadline: float | None) -> int:
        """The milliseconds that are left for a wait."""
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutExpired("a set of children", 0.0)
        return milliseconds(left)

    def wait(self, timeout: float | None = None) -> Event:
        """Waits for the next event. Raises TimeoutExpired."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            event = self.next()
            if event is not None:
                return event
            sleep([(self.fileno(), select.POLLIN)], self._left(deadline))

    async def wait_async(self) -> Event:
        """wait() in asyncio. One task at a time waits for a set."""
        while True:
            event = self.next()
            if event is not None:
                return event
            await sleep_async([(self.fileno(), select.POLLIN)], -1)

    def __iter__(self) -> Iterator[Event]:
        """The events, until the set is empty."""
        while len(self):
            yield self.wait()

    async def __aiter__(self) -> AsyncIterator[Event]:
        while len(self):
            yield await self.wait_async()

    def close(self) -> None:
        """Closes the set. Its children go on."""
        lib.chld_set_close(self._set)
        self._members.clear()

    def __enter__(self) -> Set:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_set", None):
            lib.chld_set_close(self._set)
