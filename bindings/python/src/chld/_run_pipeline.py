"""run_pipeline() and spawn_pipeline(): a | b | c"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _abi
from ._capture import RunOptions
from ._child import Child
from ._library import lib
from ._options import SpawnOptions
from ._pipeline import (PipelineCapture, PipelineResult, StageArray, Stages, options_of,
                        stages_of)
from ._plan import Plan
from ._run import complete, complete_async

if TYPE_CHECKING:
    from typing_extensions import Unpack


def run_pipeline(stages: Stages, *, input: Any = None, text: bool = False,
                 encoding: str | None = None, errors: str | None = None,
                 timeout: float | None = None, stop: Plan = None, check: bool = False,
                 **options: Unpack[RunOptions]) -> PipelineResult[Any]:
    """Runs programs of which each reads what the one before it writes. See run().

        chld.run_pipeline([["grep", "x"], ["sort"], ["uniq", "-c"]], stdin="words").stdout

    The stages share the pipe of stderr. The timeout and the stop plan are those of all. With
    group=chld.NEW the pipeline is in one process group. `check` raises CalledProcessError
    unless all stages exit with 0.
    """
    capture = PipelineCapture(stages, options, input=input, text=text, encoding=encoding,
                              errors=errors, timeout=timeout, stop=stop)
    return complete(capture.args, capture, stop, check)  # type: ignore[no-any-return]


async def run_pipeline_async(stages: Stages, *, input: Any = None, text: bool = False,
                             encoding: str | None = None, errors: str | None = None,
                             timeout: float | None = None, stop: Plan = None,
                             check: bool = False,
                             **options: Unpack[RunOptions]) -> PipelineResult[Any]:
    """run_pipeline() in asyncio."""
    capture = PipelineCapture(stages, options, input=input, text=text, encoding=encoding,
                              errors=errors, timeout=timeout, stop=stop)
    return await complete_async(capture.args, capture, stop, check)  # type: ignore[no-any-return]


def spawn_pipeline(stages: Stages, *, text: bool = False, encoding: str | None = None,
                   errors: str | None = None, stop: Plan = None,
                   **options: Unpack[SpawnOptions]) -> list[Child[Any]]:
    """Starts a pipeline, and returns its children. `stdin` is that of the first one, `stdout`
    that of the last one; all else is for each. With group=chld.NEW for the first stage, the
    pipeline is in one process group: use kill_group() of the first child.
    """
    found = stages_of(stages)
    each: list[Any] = [options_of(found, number, options) for number in range(len(found))]
    children = [Child[Any](stage.args, text=text, encoding=encoding, errors=errors, stop=stop,
                           options=each[number]) for number, stage in enumerate(found)]
    array, error = StageArray(found, each), _abi.error()
    result = lib.chld_pipeline(array.raw, len(array.raw), error)
    for child, stage in zip(children, array.raw):
        child._handle.value = stage.id if result == 0 else 0
        child._started(result, error)
    return children
