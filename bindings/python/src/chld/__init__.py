"""Child processes that never lose a status, by libchld.

    result = chld.run(["sort"], input="pear\\nfig\\n", text=True, timeout=5, check=True)

    with chld.spawn(["make"], stdout=chld.PIPE, text=True) as make:
        for line in make:
            print(line, end="")

    status = await chld.spawn(["make"])             # asyncio
    result = await chld.run_async(["make"])

    chld.run_pipeline([["grep", "x"], ["sort"], ["uniq", "-c"]], stdin="words")

    with chld.Set() as loop:                        # many children, one descriptor
        for command in commands:
            loop.run(command, timeout=5)
        for event in loop:
            print(event.child.args, event.result)
"""

from ._capture import CaptureOptions, RunOptions
from ._child import Child, adopt, spawn, spawn_detached
from ._errors import CalledProcessError, Cancelled, SpawnError, TimeoutExpired
from ._handle import Handle
from ._library import StrPath, engine, version
from ._lines import Lines
from ._options import (CLOSED, DEVNULL, NEW, NULL, PIPE, PTY, STDERR, STDOUT, SpawnOptions,
                       Stream, supports)
from ._pipeline import PipelineResult, Stage, StageResult
from ._plan import Plan, Step, StopPlan
from ._result import Result
from ._run import run, run_async
from ._run_pipeline import run_pipeline, run_pipeline_async, spawn_pipeline
from ._set import Event, EventKind, Set
from ._status import State, Status, Usage
from ._system import (environment, reap, reap_foreign, sigchld_install, sigchld_remove, subreaper,
                      take_terminal)

__version__ = version()

__all__ = [
    "CLOSED", "CalledProcessError", "Cancelled", "CaptureOptions", "Child", "DEVNULL", "Event",
    "EventKind", "Handle", "Lines", "NEW", "NULL", "PIPE", "PTY", "PipelineResult", "Plan",
    "Result", "RunOptions", "STDERR", "STDOUT", "Set", "SpawnError", "SpawnOptions", "Stage",
    "StageResult", "State", "Status", "Step", "StopPlan", "StrPath", "Stream", "TimeoutExpired",
    "Usage", "adopt", "engine", "environment", "reap", "reap_foreign", "run", "run_async",
    "run_pipeline", "run_pipeline_async", "sigchld_install", "sigchld_remove", "spawn",
    "spawn_detached", "spawn_pipeline", "subreaper", "supports", "take_terminal", "version",
]
