"""a | b | c"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, AnyStr, Generic, Mapping, NamedTuple, Sequence, Union

from . import _abi
from ._capture import Capture
from ._handle import Handle
from ._library import StrPath, lib, strings, words
from ._options import PIPE, PTY, Builder, SpawnOptions
from ._result import Result, members
from ._status import Status, Usage

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Stage:
    """A program of a pipeline with options of its own:

    chld.run_pipeline([chld.Stage(["make"], cwd="src"), ["tail"]])
    """

    def __init__(self, args: Sequence[StrPath], **options: Unpack[SpawnOptions]):
        self.args = args
        self.options: Mapping[str, Any] = options


Stages = Sequence[Union[Stage, Sequence[StrPath]]]


class StageResult(NamedTuple):
    """What came of a stage."""

    args: Sequence[StrPath]
    pid: int
    status: Status
    usage: Usage

    @property
    def returncode(self) -> int | None:
        return self.status.returncode


@dataclass
class PipelineResult(Result[AnyStr], Generic[AnyStr]):
    """What came of a pipeline: `stdout` and `stderr` of the last stage, and all statuses.

    `status`, `pid` and `usage` are those of the last stage. `returncode` is that of the
    rightmost stage that failed, as `$?` in a shell with `set -o pipefail`.
    """

    stages: Sequence[StageResult]
    #: The status of the rightmost stage that did not exit with 0, else that of the last one.
    pipefail: Status
    #: The number of that stage, counted from 1; 0 if all exited with 0.
    failed: int

    @property
    def failure(self) -> str:
        return f"stage {self.failed} {self.pipefail}" if self.failed else str(self.status)

    @property
    def success(self) -> bool:
        return self.pipefail.exit_code == 0


def stages_of(stages: Stages) -> list[Stage]:
    found = [one if isinstance(one, Stage) else Stage(one) for one in stages]
    if not found:
        raise ValueError("a pipeline must have a stage")
    return found


def options_of(stages: Sequence[Stage], number: int, common: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a stage: those of the call, except the streams that it does not have."""
    missing = {"stdin"} if number > 0 else set()
    if number < len(stages) - 1:
        missing.add("stdout")
    return {**{name: value for name, value in common.items() if name not in missing},
            **stages[number].options}


class StageArray:
    """A chld_stage[], with what it points to."""

    def __init__(self, stages: Sequence[Stage], options: Sequence[Mapping[str, Any]]):
        self.kept = [(Builder(options[at]), strings(words(stage.args)))
                     for at, stage in enumerate(stages)]
        self.raw = (_abi.stage * len(stages))()
        for at, (builder, argv) in enumerate(self.kept):
            self.raw[at].argv = argv
            self.raw[at].options = ctypes.pointer(builder.raw)


class PipelineCapture(Capture):
    """As Capture. The options of the call are those of each stage that has no others; stdin is
    the first stage's, stdout the last one's.
    """

    def __init__(self, stages: Stages, options: Mapping[str, Any], **how: Any):
        super().__init__(options, **how)
        self.stages = stages_of(stages)
        self.args = [stage.args for stage in self.stages]

    def start(self, set: Any, child: Handle) -> None:
        # The library makes the pipe of stderr that all stages share.
        common = {name: value for name, value in self.spawn.items()
                  if not (name == "stderr" and value in (PIPE, PTY))}
        array = StageArray(self.stages, [options_of(self.stages, number, common)
                                         for number in range(len(self.stages))])
        error = _abi.error()
        child._started(lib.chld_set_run_pipeline(set, array.raw, len(array.raw), self.raw,
                                                 child._handle, error), error)

    def take(self, child: Handle, event: Any) -> Result[Any]:
        raw = event.pipeline.contents
        pipefail = Status._of(raw.pipefail)
        found = members(child.args, raw.capture, self.text)
        found["returncode"] = pipefail.returncode
        stages = [StageResult(stage.args, raw.stages[at].pid, Status._of(raw.stages[at].status),
                              Usage._of(raw.stages[at].usage))
                  for at, stage in enumerate(self.stages)]
        return PipelineResult(**found, stages=stages, pipefail=pipefail, failed=raw.failed)
