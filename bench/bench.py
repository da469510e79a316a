"""Runs the contenders against each other, pinned to one CPU, and shows how many
times the cost of raw system calls each one has.

A round runs every contender of every row once, each in a process of its own, in
random order; contenders of a row run one after the other, and each is compared
with the raw one of its own round. What is shown is the median of those ratios
over the rounds, and half the distance of their quartiles."""

import argparse
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
    parser.add_argument("--seconds", type=int, default=480, help="stop after about so long")
    parser.add_argument("--ms", type=int, default=30, help="how long each process measures")
    parser.add_argument("--megabytes", type=int, default=0, help="the size of the large parent")
    parser.add_argument("--only", default="", help="only rows with this in their name")
    parser.add_argument("--page", default="", help="put the results into this page as well")
    parser.add_argument("--no-footprint", action="store_true")
    return parser.parse_args()


class Runner:
    def __init__(self, options):
        self.options = options
        self.cpu = max(os.sched_getaffinity(0))
        self.programs, self.absent = {}, {}
        for name, package in rows.CONTENDERS.items():
            program = os.path.join(options.build, name)
            if name == "python":
                self.programs[name] = [sys.executable, os.path.join(HERE, "python.py")]
            elif os.path.exists(program):
                self.programs[name] = [program]
            else:
                self.absent[name] = package
        # Why a contender is out of a row, by both.
        self.failed = {}

    def run(self, row, name):
        """One contender in one row: its figures by metric."""
        environment = dict(os.environ, BENCH_CHILD=os.path.join(self.options.build, "child"),
                           BENCH_MS=str(self.options.ms), BENCH_CPU=str(self.cpu))
        if row.deny:
            environment["BENCH_DENY"] = row.deny
        command = [*self.programs[name], *row.command.split()]
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True,
                                  stdin=subprocess.DEVNULL, timeout=120)
        except subprocess.TimeoutExpired:
            self.failed[row.label, name] = "did not end in two minutes"
            return {}
        if done.returncode:
            self.failed[row.label, name] = done.stderr.strip() or f"exit code {done.returncode}"
            return {}
        return {key: float(value) for key, value in map(str.split, done.stdout.splitlines())}

    def round(self, table, number, ratios, progress):
        """Peers take part in every third round, as heavy rows do: it is our own
        figures that have to be exact."""
        table = [row for row in table if number % 3 == 0 or not row.heavy]
        for row in random.sample(table, len(table)):
            names = [name for name in row.contenders
                     if name in self.programs and (row.label, name) not in self.failed
                     and (number % 3 == 0 or name == "raw" or name in rows.OURS)]
            figures = {}
            for name in random.sample(names, len(names)):
                if progress(row.label, name):
                    return
                figures[name] = self.run(row, name)
            # Once more, to show how far two runs of the same program differ.
            figures["raw again"] = self.run(row, "raw")
            for name, mine in figures.items():
                for metric in row.metrics:
                    raw = figures["raw"].get(metric)
                    if name != "raw" and raw and metric in mine:
                        ratios[row.label, metric, name].append(mine[metric] / raw)


def fits(row):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return hard == resource.RLIM_INFINITY or row.needs + 100 <= hard


def measure(runner, table, seconds):
    ratios, began = defaultdict(list), time.monotonic()
    number = 0
    live = sys.stderr.isatty()

    def progress(label, name):
        spent = time.monotonic() - began
        if live:
            print(f"\r\033[K{spent:4.0f} of {seconds} s  round {number + 1}  {label}: {name}",
                  end="", file=sys.stderr, flush=True)
        return spent > seconds

    while time.monotonic() - began < seconds:
        runner.round(table, number, ratios, progress)
        number += 1
    if live:
        print("\r\033[K", end="", file=sys.stderr)
    return ratios


def summary(values):
    """The median and half the distance of the quartiles."""
    if len(values) < 2:
        return values[0], 0.0, len(values)
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return middle, (high - low) / 2, len(values)


def main():
    options = arguments()
    runner = Runner(options)
    if not {"raw", "chld"} <= set(runner.programs):
        sys.exit("the contenders are not built: make bench")
    for name, package in runner.absent.items():
        print(f"left out: {name} (not built: {package} is not installed)")
    table = rows.rows(options.quick, options.megabytes)
    table = [row for row in table if options.only in row.label]
    for row in [row for row in table if not fits(row)]:
        print(f"left out: {row.label} (RLIMIT_NOFILE is too low)")
    table = [row for row in table if fits(row)]
    ratios = measure(runner, table, options.seconds)
    for (label, name), why in runner.failed.items():
        print(f"failed: {label}: {name}: {why}")
    results = {key: summary(values) for key, values in ratios.items()}
    prints = {} if options.no_footprint else footprint.measure(runner, options.build)
    show.everything(table, results, prints, [*runner.programs], options.page)
    broken = [name for _, name in runner.failed if name == "raw" or name in rows.OURS]
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
