"""How a child is, how it exited, and what it has used."""

from __future__ import annotations

import enum
import signal as signals
from typing import Any, NamedTuple, NoReturn

from . import _abi
from ._library import check, lib, text


class State(enum.IntEnum):
    """The state of a child: CHLD_STATE_* of chld.h."""

    RUNNING = _abi.STATE_RUNNING
    EXITED = _abi.STATE_EXITED
    KILLED = _abi.STATE_KILLED
    DUMPED = _abi.STATE_DUMPED
    STOPPED = _abi.STATE_STOPPED
    CONTINUED = _abi.STATE_CONTINUED
    LOST = _abi.STATE_LOST


class Status(NamedTuple):
    """How a child is, or how it exited. str() is a sentence: "killed by SIGKILL".

    `code` is the exit code or the signal, as `state` says; -1 for a child that runs or whose
    status is lost. `wait_word` is what os.waitpid() would have returned; -1 if there is none.
    """

    state: State
    code: int
    core_dumped: bool
    wait_word: int

    @classmethod
    def _of(cls, raw: Any) -> Status:
        return cls(State(raw.state), raw.code, bool(raw.core), raw.wait_word)

    @property
    def _raw(self) -> Any:
        return _abi.status(self.state, self.code, self.core_dumped, self.wait_word)

    @property
    def exit_code(self) -> int | None:
        """The exit code of a child that has exited; else None."""
        return self.code if self.state == State.EXITED else None

    @property
    def signal(self) -> int | None:
        """The signal that killed, stopped or continued the child; else None."""
        if self.state in (State.RUNNING, State.EXITED, State.LOST):
            return None
        try:
            return signals.Signals(self.code)
        except ValueError:  # a real-time signal that has no name in Python
            return self.code

    @property
    def returncode(self) -> int | None:
        """As in subprocess: the exit code, or -N if signal N killed the child. None if the
        child has not terminated. -128, which is no signal, if the status is lost.
        """
        if self.state in (State.RUNNING, State.STOPPED, State.CONTINUED):
            return None
        if self.state in (State.KILLED, State.DUMPED):
            return -self.code
        return self.code if self.state == State.EXITED else -128

    @property
    def shell_code(self) -> int:
        """What `$?` is in a shell: the exit code, or 128 + N for signal N."""
        return check(lib.chld_status_shell_code(self._raw))

    def reproduce(self) -> NoReturn:
        """Terminates this process in the same way: with the exit code, or by the signal. For a
        program that stands in for its child. Flush your files before: no exit handler runs.
        """
        check(lib.chld_status_raise(self._raw))
        raise AssertionError("chld_status_raise() has returned")

    def __str__(self) -> str:
        return text(lib.chld_status_text, self._raw)


class Usage(NamedTuple):
    """The resources that a child has used, with the descendants that it has waited for."""

    user_seconds: float
    system_seconds: float
    max_resident_kib: int
    minor_faults: int
    major_faults: int
    blocks_in: int
    blocks_out: int
    voluntary_switches: int
    involuntary_switches: int

    @classmethod
    def _of(cls, raw: Any) -> Usage:
        counts = (getattr(raw, name) for name in cls._fields[2:])
        return cls(raw.user_us / 1e6, raw.system_us / 1e6, *counts)
