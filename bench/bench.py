"""Runs the contenders against each other, and shows how many times the cost of raw
system calls each one has. Most rows are pinned to one CPU: two copies of the same
program differ less there. The rows whose names begin with "not pinned" are about two
processes at work at the same time.

A round visits every row, in random order; those on which two runs have to agree
three times. In a visit each contender runs in a process of its own, in random
order, with a raw one before and after it; its figure is divided by the geometric
mean of those two. What is shown is the median of these ratios over all visits, and
half the distance of their quartiles."""

import argparse
import itertools
import math
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from collections import defaultdict

import footprint
import rows
import show

HERE = os.path.dirname(os.path.abspath(__file__))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build/bench", help="where the contenders are")
    parser.add_argument("--quick", action="store_true", help="smaller rows")
    parser.add_argument("--seconds", type=int, default=540, help="stop after about so long")
    parser.add_argument("--ms", type=int, default=15, help="how long each process measures")
    parser.add_argument("--only", default="", help="only rows with this in their name")
    parser.add_argument("--page", default="", help="put the results into this page as well")
    parser.add_argument("--no-footprint", action="store_true")
    return parser.parse_args()


class Runner:
    """Runs one contender in one row."""

    def __init__(self, build, ms):
        self.environment = dict(os.environ, BENCH_CHILD=os.path.join(build, "child"),
                                BENCH_CPU=str(max(os.sched_getaffinity(0))))
        self.ms, self.prefer = ms, may_be_preferred()
        self.programs, self.absent = {}, {}
        for name, package in rows.CONTENDERS.items():
            program = os.path.join(build, name)
            if name == "python":
                self.programs[name] = [sys.executable, os.path.join(HERE, "python.py")]
            elif os.path.exists(program):
                self.programs[name] = [program]
            else:
                self.absent[name] = package
        # Why a contender is out of a row, by both.
        self.failed = {}

    def contenders(self, row):
        """Those that raw is compared with."""
        return [name for name in row.contenders
                if name != "raw" and name in self.programs and (row.label, name) not in self.failed]

    def run(self, row, name):
        """Its figures by metric; none if it failed, for which see `failed`."""
        environment = dict(self.environment, BENCH_MS=str(self.ms * row.longer))
        if row.deny:
            environment["BENCH_DENY"] = row.deny
        if not row.pinned:
            del environment["BENCH_CPU"]
        command = [*self.programs[name], *row.command.split()]
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True,
                                  stdin=subprocess.DEVNULL, timeout=120,
                                  preexec_fn=self.prefer if row.pinned else None)
        except subprocess.TimeoutExpired:
            self.failed[row.label, name] = "did not end in two minutes"
            return {}
        if done.returncode:
            said = " ".join(done.stderr.split())[:200]
            self.failed[row.label, name] = said or f"exit code {done.returncode}"
            return {}
        figures = {key: float(value) for key, value in map(str.split, done.stdout.splitlines())}
        missing = [metric for metric in row.metrics if metric not in figures]
        if missing:
            self.failed[row.label, name] = f"does not tell its {' and '.join(missing)}"
        return figures


class Progress:
    """One line on a terminal; elsewhere one each half minute."""

    def __init__(self, seconds):
        self.seconds, self.began = seconds, time.monotonic()
        self.live, self.told = sys.stderr.isatty(), self.began

    def over(self):
        return time.monotonic() - self.began > self.seconds

    def tell(self, text):
        now = time.monotonic()
        line = f"{now - self.began:4.0f} of {self.seconds} s  {text}"
        if self.live:
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
        elif now - self.told > 30:
            self.told = now
            print(line, file=sys.stderr, flush=True)

    def clear(self):
        if self.live:
            print("\r\033[K", end="", file=sys.stderr)


def visit(runner, row, names, progress, ratios):
    """raw, one, raw, another, raw: what drifts slowly is on both sides of each.
    Ends early, with what it has, when the time is over."""
    raws = [runner.run(row, "raw")]
    for number, name in enumerate(names):
        progress.tell(f"{row.label}: {name}")
        mine = runner.run(row, name)
        raws.append(runner.run(row, "raw"))
        for metric in row.metrics:
            compare(ratios[row.label, metric, name], mine, raws[number], raws[number + 1], metric)
        if progress.over():
            break
    # raw itself, likewise: how far two runs of the same program differ.
    for before, middle, after in zip(raws, raws[1:], raws[2:]):
        for metric in row.metrics:
            compare(ratios[row.label, metric, "raw again"], middle, before, after, metric)


def compare(ratios, mine, before, after, metric):
    if all(metric in figures for figures in (mine, before, after)):
        # Of ratios the geometric mean: noise then does not shift the median.
        mean = math.sqrt(before[metric] * after[metric])
        if mean:
            ratios.append(mine[metric] / mean)


def measure(runner, table, progress):
    """Peers take part in every third round only, and in the heavy rows in every
    ninth, as heavy rows do in every third: our own figures have to be exact."""
    ratios = defaultdict(list)
    for number in itertools.count():
        visits = [row for row in table for _ in range(row.visits)]
        for row in random.sample(visits, len(visits)):
            if row.heavy and number % 3:
                continue
            names = runner.contenders(row)
            if number % (9 if row.heavy else 3):
                names = [name for name in names if name in rows.OURS]
            visit(runner, row, random.sample(names, len(names)), progress, ratios)
            if progress.over():
                progress.clear()
                return ratios


def summary(values):
    """The median and half the distance of the quartiles."""
    if len(values) < 2:
        return values[0], 0.0, len(values)
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return middle, (high - low) / 2, len(values)


def why_not(row):
    """Why a row cannot be measured here, or None."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and row.descriptors + 100 > hard:
        return "RLIMIT_NOFILE is too low"
    with open("/proc/meminfo", encoding="ascii") as file:
        fields = dict(line.split(":") for line in file)
    if row.megabytes * 1.5 > int(fields["MemAvailable"].split()[0]) / 1024:
        return "too little memory"
    return None


def be_preferred():
    """Before what else runs on this CPU: in turns with nobody but its own children."""
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def may_be_preferred():
    """What a pinned contender begins with, or None. Never this process: the scheduler
    places the descendants of one that has had real-time priority in another way, even
    if they are ordinary again."""
    try:
        subprocess.run(["true"], preexec_fn=be_preferred, check=True)
    except subprocess.SubprocessError:
        print("left out: real-time priority (not permitted)")
        return None
    return be_preferred


def main():
    options = arguments()
    runner = Runner(options.build, options.ms)
    if not {"raw", "chld"} <= set(runner.programs):
        sys.exit("the contenders are not built: make bench")
    for name, package in runner.absent.items():
        print(f"left out: {name} (not built: {package} is not installed)")
    table = []
    for row in rows.rows("quick" if options.quick else "full"):
        reason = why_not(row)
        if options.only in row.label and reason:
            print(f"left out: {row.label} ({reason})")
        elif options.only in row.label:
            table.append(row)
    ratios = measure(runner, table, Progress(options.seconds))
    for (label, name), why in runner.failed.items():
        print(f"failed: {label}: {name}: {why}")
    results = {key: summary(values) for key, values in ratios.items() if values}
    prints = {} if options.no_footprint else footprint.measure(runner, options.build)
    show.everything(table, results, prints, [*runner.programs], options)
    broken = [name for _, name in runner.failed if name == "raw" or name in rows.OURS]
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
