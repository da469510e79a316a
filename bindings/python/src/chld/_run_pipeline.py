"""run_pipeline(): a | b | c"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._options import SpawnOptions
from ._pipeline import PipelineCapture, PipelineResult, Stages
from ._plan import Plan
from ._run import complete, complete_async

if TYPE_CHECKING:
    from typing_extensions import Unpack


def run_pipeline(stages: Stages, *, input: Any = None, text: bool = False,
                 encoding: str | None = None, errors: str | None = None,
                 timeout: float | None = None, stop: Plan = None, check: bool = False,
                 max_output: int | None = None, cancel: Any = None,
                 **options: Unpack[SpawnOptions]) -> PipelineResult[Any]:
    """Runs programs of which each reads what the one before it writes. See run().

        chld.run_pipeline([["grep", "x"], ["sort"], ["uniq", "-c"]], stdin="words").stdout

    The stages share the pipe of stderr. The timeout and the stop plan are those of all. With
    group=chld.NEW the pipeline is in one process group. `check` raises CalledProcessError
    unless all stages exit with 0.
    """
    capture = PipelineCapture(stages, options, input=input, text=text, encoding=encoding,
                              errors=errors, timeout=timeout, stop=stop, max_output=max_output,
                              cancel=cancel)
    return complete(capture.args, capture, stop, check)  # type: ignore[no-any-return]


async def run_pipeline_async(stages: Stages, *, input: Any = None, text: bool = False,
                             encoding: str | None = None, errors: str | None = None,
                             timeout: float | None = None, stop: Plan = None,
                             check: bool = False, max_output: int | None = None,
                             cancel: Any = None,
                             **options: Unpack[SpawnOptions]) -> PipelineResult[Any]:
    """run_pipeline() in asyncio."""
    capture = PipelineCapture(stages, options, input=input, text=text, encoding=encoding,
                              errors=errors, timeout=timeout, stop=stop, max_output=max_output,
                              cancel=cancel)
    return await complete_async(capture.args, capture, stop, check)  # type: ignore[no-any-return]
