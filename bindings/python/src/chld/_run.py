"""run(): start a child, feed it, keep its output, wait for it."""

from __future__ import annotations

import signal as signals
from typing import TYPE_CHECKING, Any, Literal, Sequence, overload

from ._capture import Capture, RunOptions
from ._child import INTERRUPTED
from ._errors import TimeoutExpired
from ._handle import Handle
from ._library import StrPath, lib
from ._plan import Plan
from ._result import Result, finish
from ._set import Event, Set

if TYPE_CHECKING:
    from ._aio import Reactor
    from typing_extensions import Unpack


def _result(event: Event, capture: Capture, check: bool) -> Any:
    """The result that the caller of run() gets, or what it must not overlook."""
    if event.result is None:  # it has survived its stop plan
        assert event.child is not None
        raise TimeoutExpired(event.child.args, capture.timeout or 0.0)
    finish(event.result, capture.timeout, check)
    return event.result


def complete(args: Any, capture: Capture, stop: Plan, check: bool) -> Any:
    """Runs what `capture` starts. If the caller is interrupted, it is stopped."""
    child = Handle(args)
    with Set() as set:
        try:
            set._run(child, capture)
            event = set.wait()
        except BaseException:
            if child._handle.value and child.status is None:
                _abandon(set, child, stop)
            raise
        finally:
            child.close()
    return _result(event, capture, check)


def _abandon(set: Set, child: Handle, stop: Plan) -> None:
    """Stops the child and waits until it has exited. A second Control-C kills it."""
    try:
        set.stop(child, stop or INTERRUPTED)
        set.wait()
    except BaseException:
        lib.chld_kill(child._handle, signals.SIGKILL)
        raise


async def complete_async(args: Any, capture: Capture, stop: Plan, check: bool) -> Any:
    """The same in asyncio, where the interruption is a cancelled task."""
    from ._aio import reactor  # slow to import, and most programs do without

    child = Handle(args)
    with reactor() as loop:
        try:
            loop.set._run(child, capture)
            event = await loop.event(child)
        except BaseException:
            if child._handle.value and child.status is None:
                await _abandon_async(loop, child, stop)
            raise
        finally:
            loop.set._forget(child)
            child.close()
    return _result(event, capture, check)


async def _abandon_async(loop: Reactor, child: Handle, stop: Plan) -> None:
    try:
        loop.set.stop(child, stop or INTERRUPTED)
        await loop.event(child)
    except BaseException:
        lib.chld_kill(child._handle, signals.SIGKILL)
        raise


@overload
def run(args: Sequence[StrPath], *, text: Literal[True], input: str | bytes | None = None,
        encoding: str | None = None, errors: str | None = None, timeout: float | None = None,
        stop: Plan = None, check: bool = False,
        **options: Unpack[RunOptions]) -> Result[str]: ...
@overload
def run(args: Sequence[StrPath], *, encoding: str, text: bool = False,
        input: str | bytes | None = None, errors: str | None = None,
        timeout: float | None = None, stop: Plan = None, check: bool = False,
        **options: Unpack[RunOptions]) -> Result[str]: ...
@overload
def run(args: Sequence[StrPath], *, text: Literal[False] = False, encoding: None = None,
        errors: None = None, input: bytes | None = None, timeout: float | None = None,
        stop: Plan = None, check: bool = False,
        **options: Unpack[RunOptions]) -> Result[bytes]: ...


def run(args: Sequence[StrPath], *, input: Any = None, text: bool = False,
        encoding: str | None = None, errors: str | None = None, timeout: float | None = None,
        stop: Plan = None, check: bool = False, **options: Unpack[RunOptions]) -> Result[Any]:
    """Runs a child, and returns what it has written and how it exited.

        chld.run(["sort"], input="pear\\nfig\\n", text=True, timeout=5, check=True).stdout

    `args`: a list, the program and its arguments.
    `input`: what the child reads on its stdin. Without it, stdin is inherited.
    `stdout`, `stderr`: captured, unless they are something else: chld.STDOUT, chld.DEVNULL,
        a path, a descriptor, a file, None to inherit.
    `text`, `encoding`, `errors`: input and output are str, as in subprocess.
    `timeout`: seconds for everything. Then the child is stopped and TimeoutExpired is raised;
        its `result` has what was written until then.
    `stop`: how the child is stopped: see StopPlan. By default SIGTERM, and SIGKILL after two
        seconds.
    `check`: raises CalledProcessError unless the child exits with 0.

    CaptureOptions describes `max_output`, `tee_stdout`, `cancel` and more; SpawnOptions
    describes `env`, `cwd` and all else. Raises SpawnError if the program cannot be run.
    Control-C stops the child; if you gave no plan, it has a quarter of a second for SIGTERM.
    """
    capture = Capture(options, input=input, text=text, encoding=encoding, errors=errors,
                      timeout=timeout, stop=stop)
    return complete(args, capture, stop, check)  # type: ignore[no-any-return]


@overload
async def run_async(args: Sequence[StrPath], *, text: Literal[True],
                    input: str | bytes | None = None, encoding: str | None = None,
                    errors: str | None = None, timeout: float | None = None,
                    stop: Plan = None, check: bool = False,
                    **options: Unpack[RunOptions]) -> Result[str]: ...
@overload
async def run_async(args: Sequence[StrPath], *, encoding: str, text: bool = False,
                    input: str | bytes | None = None, errors: str | None = None,
                    timeout: float | None = None, stop: Plan = None, check: bool = False,
                    **options: Unpack[RunOptions]) -> Result[str]: ...
@overload
async def run_async(args: Sequence[StrPath], *, text: Literal[False] = False,
                    encoding: None = None, errors: None = None, input: bytes | None = None,
                    timeout: float | None = None, stop: Plan = None, check: bool = False,
                    **options: Unpack[RunOptions]) -> Result[bytes]: ...


async def run_async(args: Sequence[StrPath], *, input: Any = None, text: bool = False,
                    encoding: str | None = None, errors: str | None = None,
                    timeout: float | None = None, stop: Plan = None, check: bool = False,
                    **options: Unpack[RunOptions]) -> Result[Any]:
    """run() in asyncio. A task that is cancelled stops the child first, by its plan."""
    capture = Capture(options, input=input, text=text, encoding=encoding, errors=errors,
                      timeout=timeout, stop=stop)
    return await complete_async(args, capture, stop, check)  # type: ignore[no-any-return]
