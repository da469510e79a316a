"""What is raised."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

from ._library import lib, text

if TYPE_CHECKING:
    from ._result import Result


class SpawnError(OSError):
    """A child could not be started. Nothing is left of it.

    It is also an instance of the exception that Python has for its errno, so that `except
    FileNotFoundError` catches a missing program.
    """

    #: What failed: "exec", "chdir", "open", ... The names do not change.
    step: str
    #: The path, program, directory or entry at which the step failed; "" if there is none.
    item: str
    #: The position of the item in its list, else 0.
    index: int
    #: The stage of a pipeline that could not be started, counted from 1; else 0.
    stage: int
    _text: str

    def __str__(self) -> str:
        return self._text

    def __reduce__(self) -> Any:
        return _make, (self.errno, self.step, self.item, self.index, self.stage, self._text)


_classes: dict[type, type[SpawnError]] = {OSError: SpawnError}


def _make(code: int, step: str, item: str, index: int, stage: int, sentence: str) -> SpawnError:
    kind = type(OSError(code, ""))
    if kind not in _classes:
        _classes[kind] = type("SpawnError", (SpawnError, kind), {"__module__": "chld"})
    error = _classes[kind](code, os.strerror(code))
    error.step, error.item, error.index, error.stage = step, item, index, stage
    error._text = sentence
    if item:
        error.filename = item
    return error


def spawn_error(raw: Any) -> SpawnError:
    """The exception for a chld_error."""
    step = lib.chld_step_name(raw.step).decode()
    return _make(raw.code, step, os.fsdecode(raw.item), raw.index, raw.stage,
                 text(lib.chld_error_text, raw))


class TimeoutExpired(subprocess.TimeoutExpired):
    """The timeout was reached. `result` has what run() got until then, and how the child was
    stopped. It is None for waits, which leave the child running.
    """

    def __init__(self, args: Any, timeout: float, result: Result[Any] | None = None):
        super().__init__(args, timeout)
        if result is not None:
            self.output, self.stderr = result.stdout, result.stderr
        self.result = result

    def __reduce__(self) -> Any:
        return type(self), (self.cmd, self.timeout, self.result)


class CalledProcessError(subprocess.CalledProcessError):
    """With check=True: the child did not exit with 0. `result` has everything."""

    def __init__(self, result: Result[Any]):
        super().__init__(0, result.args, result.stdout, result.stderr)
        self.returncode = result.returncode  # type: ignore[assignment]  # None: it still runs
        self.result = result

    def __str__(self) -> str:
        return f"{self.cmd!r}: {self.result.failure}"

    def __reduce__(self) -> Any:
        return type(self), (self.result,)


class Cancelled(Exception):
    """The descriptor `cancel` of run() became readable. `result` has what came until then."""

    def __init__(self, result: Result[Any]):
        super().__init__(f"{result.args!r} was cancelled: {result.failure}")
        self.result = result

    def __reduce__(self) -> Any:
        return type(self), (self.result,)
