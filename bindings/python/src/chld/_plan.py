"""How to stop a child."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, Sequence, Union

from . import _abi
from ._library import array, integer, milliseconds

#: (signal, seconds to wait for the exit after it; None waits forever)
Step = tuple[int, Union[float, None]]

_TARGETS = {"child": _abi.TARGET_CHILD, "group": _abi.TARGET_GROUP, "tree": _abi.TARGET_TREE}


@dataclass(frozen=True)
class StopPlan:
    """A sequence of signals, each with the time to wait after it.

    StopPlan([(SIGINT, 1), (SIGTERM, 5), (SIGKILL, 2)], target="tree")

    No steps are the default: SIGTERM, 2 seconds, SIGKILL, 2 seconds. A list of steps does as
    well wherever a plan is wanted.
    """

    steps: Sequence[Step] = ()
    #: "child", "group" (the child must lead it) or "tree" (all descendants).
    target: str = "child"
    #: SIGKILL for what is left of the group or tree when the child has exited.
    sweep: bool = False


Plan = Union[StopPlan, Sequence[Step], None]


def plan_of(plan: Plan) -> Any:
    """A chld_stop_plan, or None for the default."""
    if plan is None:
        return None
    if not isinstance(plan, StopPlan):
        plan = StopPlan(tuple(plan))
    if plan.target not in _TARGETS:
        raise ValueError(f"target is {plan.target!r}, and must be one of {', '.join(_TARGETS)}")
    steps = [(integer(ctypes.c_int, signal, "signal"), milliseconds(wait))
             for signal, wait in plan.steps]
    return _abi.stop_plan(
        size=ctypes.sizeof(_abi.stop_plan), target=_TARGETS[plan.target],
        flags=_abi.STOP_SWEEP if plan.sweep else 0,
        steps=array(_abi.stop_step, steps), steps_count=len(steps))
