"""What runs in addition to the lanes: commands with counts of their own. Each closes its
output with "N passed, N failed, N skipped", or as `cargo test` does."""

import dataclasses
import math
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

from . import report
from .counts import FAILED, NOTHING, SKIPPED, counts_in, plus

HERE = Path(__file__).resolve().parents[1]


@dataclasses.dataclass(frozen=True)
class Step:
    name: str
    command: list
    takes: int  # seconds on two quiet cores
    quick: bool = False  # part of `make test`


def python(program, *arguments):
    return [sys.executable, str(HERE / program), *arguments]


def make(target):
    return ["make", "-s", target]


def steps(unit):
    """`unit` is the command of the unit tests, or None."""
    return [
        *([Step("unit", shlex.split(unit), 10, quick=True)] if unit else []),
        Step("demo", make("demo"), 15, quick=True),
        Step("checks", [*make("check"), "CHECKS=--quick"], 90, quick=True),
        Step("faults", python("faults.py", "--short"), 30, quick=True),
        Step("packages", [*make("check"), "CHECKS=--packages"], 240),
        Step("faults: all else", python("faults.py", "--long"), 240),
        Step("container", python("sandboxes/container.py"), 50),
        Step("fuzz", [*make("fuzz"), "SECONDS=60"], 100),
        Step("coverage", make("coverage"), 420),
        Step("bench-smoke", make("bench-smoke"), 60),
        Step("peers", make("peers"), 50),
        Step("cross", make("cross"), 600),
        Step("kernels", [*make("kernels"), "KERNELS=5.10 newest"], 600),
    ]


def run_command(name, command, seconds):
    """(exit status, or None if it took more than `seconds`; output)"""
    began = time.monotonic()
    process = subprocess.Popen(command, text=True, errors="replace", stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True)
    try:
        while (took := time.monotonic() - began) < seconds:
            report.progress(f"{name}: for {report.clock(took)}")
            try:
                output, _ = process.communicate(timeout=min(5, seconds - took))
                return process.returncode, output
            except subprocess.TimeoutExpired:
                pass
        return None, ""
    finally:
        if process.poll() is None:
            end_group(process)


def end_group(process):
    """Ends a process that leads a group, and what else is in that group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        os.killpg(process.pid, number)
        try:
            process.communicate(timeout=5)
            return
        except subprocess.TimeoutExpired:
            pass


def run_step(step, most=math.inf, left=math.inf):
    """The counts of a step. If it takes more than `most` seconds it has failed; if it is
    not done in the time that is left, it counts as skipped."""
    code, output = run_command(step.name, step.command, min(most, left))
    if code is None and left < most:
        report.skipped(step.name, report.NO_TIME)
        return SKIPPED
    if code is None:
        report.failed(step.name, f"it did not exit within {most:.0f} s")
        return FAILED
    counts = counts_in(output)
    if counts is None or (code != 0 and counts.failed == 0):
        counts = plus(counts or NOTHING, FAILED)
    report.skips_of(step.name, output)
    if counts.failed:
        report.say(output.rstrip())
        report.failed(step.name, f"{shlex.join(step.command)}: exit {code}\n"
                      + report.indented(report.failures_of(output)))
    return counts
