"""Runs each contender of each row once, as small as can be: that it works and
that its children end as they should, not how fast. For CI."""

import argparse
import math
import os
import shutil
import sys

import bench
import footprint
import rows

COUNTS = {"PASS": 0, "FAIL": 0, "SKIP": 0}


def tell(verdict, name, why=""):
    COUNTS[verdict] += 1
    print(f"{verdict} {name}{': ' if why else ''}{why}", flush=True)


def try_row(runner, row):
    for name in row.contenders:
        case = f"{row.label}: {name}"
        if name in runner.absent:
            tell("SKIP", case, f"not built: {runner.absent[name]} is not installed")
            continue
        figures = runner.run(row, name)
        if (row.label, name) in runner.failed:
            tell("FAIL", case, runner.failed[row.label, name])
        elif not all(math.isfinite(figures[metric]) and figures[metric] >= 0
                     for metric in row.metrics):
            tell("FAIL", case, f"tells {figures}")
        else:
            tell("PASS", case)


def is_there(what, program):
    """Whether a part of the footprint can be measured; prints that if not."""
    if program:
        return True
    tell("SKIP", f"footprint: {what}", "what it needs is not installed, or was not built")
    return False


def built(build, name):
    return os.path.exists(os.path.join(build, name))


def try_footprint(runner, build):
    """Each contender that is built has one, as far as it can be measured."""
    wanted = {"threads", "faults", "child_faults"}
    wanted |= {"heap"} if is_there("heap calls", built(build, "heap_count.so")) else set()
    wanted |= {"parent", "child"} if is_there("strace", shutil.which("strace")) else set()
    sized = [name for name in footprint.SIZED if name in runner.programs
             and is_there(f"bytes of {name}",
                          shutil.which("size") and built(build, f"size_{name}"))]
    prints = footprint.measure(runner, build)
    for name in footprint.measured(runner):
        missing = wanted - set(prints[name])
        if name in sized and prints[name].get("bytes", 0) <= 0:
            missing.add("bytes")
        tell("FAIL" if missing else "PASS", f"footprint: {name}",
             f"no {' and no '.join(sorted(missing))}" if missing else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build/bench", help="where the contenders are")
    build = parser.parse_args().build
    runner = bench.Runner(build, 1)
    forgotten = rows.targets_without_row()
    tell("FAIL" if forgotten else "PASS", "each target has a row", "; ".join(forgotten))
    for row in rows.rows("smoke"):
        try_row(runner, row)
    try_footprint(runner, build)
    print("{PASS} passed, {FAIL} failed, {SKIP} skipped".format(**COUNTS))
    return 1 if COUNTS["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
