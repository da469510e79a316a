"""A child by its handle: its status, and signals to it."""

from __future__ import annotations

import ctypes
import errno
import select
import signal as signals
import time
from typing import Any

from . import _abi
from ._errors import TimeoutExpired, spawn_error
from ._library import check, integer, lib, milliseconds
from ._status import State, Status, Usage


class Handle:
    """A child. A signal reaches this child or nobody, never another process.

    wait() and all that sleeps here sleeps in Python: signal handlers run, and Control-C ends
    the call.
    """

    def __init__(self, args: Any):
        #: As they were given; of a pipeline a list of lists.
        self.args = args
        self._handle = ctypes.c_uint64()  # written by the call that starts the child
        self._status: Status | None = None
        self._pid = 0
        self._closed = False

    def _started(self, result: int, error: Any) -> None:
        """After the call that starts the child."""
        if result < 0:
            raise spawn_error(error)
        self._pid = lib.chld_pid(self._handle)

    @property
    def pid(self) -> int:
        """The pid, for messages: send signals with kill()."""
        return self._pid

    def _see(self, status: Status) -> Status:
        """Keeps the status of a child that has terminated, which outlives the handle."""
        if status.state not in (State.RUNNING, State.STOPPED, State.CONTINUED):
            self._status = status
        return status

    def _look(self) -> bool:
        raw = _abi.status()
        result = lib.chld_wait(self._handle, 0, raw)
        if result == -errno.ETIMEDOUT:
            return False
        check(result)
        self._see(Status._of(raw))
        return True

    def wait(self, timeout: float | None = None) -> Status:
        """Waits for the exit. Raises TimeoutExpired, and leaves the child running then."""
        deadline = None if timeout is None else time.monotonic() + timeout
        poll = None
        while self._status is None and not self._look():
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise TimeoutExpired(self.args, timeout or 0.0)
            if poll is None:
                poll = select.poll()
                poll.register(check(lib.chld_exit_fd(self._handle)), select.POLLIN)
            poll.poll(milliseconds(left))
        assert self._status is not None
        return self._status

    def poll(self) -> int | None:
        """The return code if the child has exited, else None."""
        if self._status is None:
            self._look()
        return self.returncode

    @property
    def status(self) -> Status | None:
        """How the child exited, as far as a call has seen it."""
        return self._status

    @property
    def returncode(self) -> int | None:
        """As in subprocess: None until a call has seen the exit."""
        return None if self._status is None else self._status.returncode

    def usage(self) -> Usage:
        """What the child has used. After its exit was seen, and before close()."""
        raw = _abi.resources()
        check(lib.chld_usage(self._handle, raw))
        return Usage._of(raw)

    def fileno(self) -> int:
        """A descriptor that is readable once the child has exited. It belongs to the library."""
        return check(lib.chld_exit_fd(self._handle))

    def _signal(self, number: int) -> int:
        return integer(ctypes.c_int, number, "signal")

    def kill(self, signal: int = signals.SIGKILL) -> None:
        """Sends a signal. Raises ProcessLookupError if the child has exited."""
        check(lib.chld_kill(self._handle, self._signal(signal)))

    def terminate(self) -> None:
        """Sends SIGTERM."""
        self.kill(signals.SIGTERM)

    def kill_group(self, signal: int = signals.SIGKILL) -> None:
        """Sends a signal to the group that the child leads."""
        check(lib.chld_kill_group(self._handle, self._signal(signal)))

    def kill_tree(self, signal: int = signals.SIGKILL) -> int:
        """Sends a signal to the child and all its descendants. Returns the number of those
        that live when the call returns.
        """
        survivors = ctypes.c_uint32()
        check(lib.chld_kill_tree(self._handle, self._signal(signal), survivors))
        return survivors.value

    def resize(self, rows: int, columns: int) -> None:
        """Changes the size of the child's pseudo-terminal."""
        rows, columns = (integer(ctypes.c_uint16, one, "size") for one in (rows, columns))
        check(lib.chld_pty_resize(self._handle, rows, columns))

    def close(self) -> None:
        """Gives up the handle. A child that runs goes on, unless it has kill_on_close."""
        self._closed = True
        lib.chld_close(self._handle)

    def __del__(self) -> None:
        handle = getattr(self, "_handle", None)
        if handle:
            lib.chld_close(handle)

    def __repr__(self) -> str:
        state = self._status or "running"
        return f"<{type(self).__name__} {self.args!r}, pid {self._pid}: {state}>"
