#!/usr/bin/env python3
"""Runs the tests that `make test` has built: lanes (c-tests/runner/lanes.py) and
steps (c-tests/runner/steps.py). The last line has the sums:

    N passed, N failed, N skipped

With --minutes, what would probably not be done by then is left out, and counted as
skipped. What `make test` runs is run first and to its end, whatever the time; then
all else, the shortest first.
"""

import argparse
import dataclasses
import math
import signal
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True

from runner import keys, lanes, report, steps
from runner.counts import NOTHING, SKIPPED, plus, sentence


LONG = 900  # seconds; no step that takes no longer than this hangs


class Clock:
    """How much time there is, and how much of it an item will take."""

    def __init__(self, minutes):
        self.left_at_start = math.inf if minutes is None else minutes * 60
        self.began = time.monotonic()
        self.took = self.estimated = 0

    def left(self):
        return self.left_at_start - (time.monotonic() - self.began)

    def is_over(self):
        return self.left() <= 0

    def learn(self, item, took):
        self.took += took
        self.estimated += item.takes

    def estimate(self, item):
        """At this machine's speed, which is that of what has run so far."""
        return item.takes * max(1, self.took / (self.estimated or 1))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build", help="where the library was built")
    parser.add_argument("--unit", metavar="COMMAND", help="the command of the unit tests")
    parser.add_argument("--all", action="store_true", help="not only what `make test` runs")
    parser.add_argument("--longer", action="store_true", help="only what `make test` does not run")
    parser.add_argument("--minutes", type=float, help="leave out what takes longer")
    parser.add_argument("--lane", action="append", metavar="NAME",
                        help="only this lane or step; may be repeated")
    parser.add_argument("-k", default="", metavar="SUBSTRING",
                        help='only tests with this in "PROGRAM TEST", and no steps')
    for name, help in (("seconds", "each test's alarm, in all lanes"),
                       ("percent", "how much of the tests' loops is run at most"),
                       ("at-once", "the number of tests that run at once")):
        parser.add_argument(f"--{name}", type=int, metavar="N", help=help)
    return parser.parse_args()


def with_limits(lane, arguments):
    return dataclasses.replace(lane, seconds=arguments.seconds or lane.seconds,
                               percent=min(lane.percent, arguments.percent or 100))


def chosen(arguments, build):
    """The lanes and steps to run, in order."""
    items = [*steps.steps(arguments.unit),
             *(with_limits(lane, arguments) for lane in lanes.lanes(build))]
    if arguments.lane:
        unknown = set(arguments.lane) - {item.name for item in items}
        if unknown:
            sys.exit(f"there is no lane or step {', '.join(sorted(unknown))}; there are: "
                     + ", ".join(item.name for item in items))
        items = [item for item in items if item.name in arguments.lane]
    elif not arguments.all:
        items = [item for item in items if item.quick != arguments.longer]
    if arguments.k:
        items = [item for item in items if isinstance(item, lanes.Lane)]
    return sorted(items, key=lambda item: (not item.quick, item.takes if not item.quick else 0))


def run_item(item, build, arguments, clock):
    if not item.quick and clock.estimate(item) > clock.left():
        report.skipped(item.name, report.NO_TIME)
        return SKIPPED
    began = time.monotonic()
    if isinstance(item, lanes.Lane):
        is_over = (lambda: False) if item.quick else clock.is_over
        counts = lanes.run_lane(item, build, arguments.k, is_over)
    else:
        most = max(LONG, 8 * clock.estimate(item))
        counts = steps.run_step(item, most, math.inf if item.quick else clock.left())
    took = time.monotonic() - began
    clock.learn(item, took)
    report.say(f"{item.name}: {sentence(counts)} ({took:.0f} s)")
    return counts


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    keys.heed()
    arguments = parse_arguments()
    build = Path(arguments.build).resolve()
    lanes.AT_ONCE = arguments.at_once or lanes.AT_ONCE
    clock, total = Clock(arguments.minutes), NOTHING
    items = chosen(arguments, build)
    for number, item in enumerate(items, 1):
        report.begin(number, len(items), item.name)
        total = plus(total, run_item(item, build, arguments, clock))
    report.end_progress()
    report.summary()
    report.say(sentence(total))
    return 1 if total.failed or total == NOTHING else 0


if __name__ == "__main__":
    sys.exit(main())
