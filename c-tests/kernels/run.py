#!/usr/bin/env python3
"""Runs the static lane and the demo under other kernels, in virtual machines.

    c-tests/kernels/run.py [--cache DIRECTORY] [NAME]...

The kernels are those of the file "versions" beside this one, or those named.
Kernels and the machines' disk are downloaded once, and kept in DIRECTORY
(~/.cache/libchld). Ends with "N passed, N failed, N skipped".
"""

import argparse
import hashlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))
sys.dont_write_bytecode = True

from runner import report
from runner.counts import NOTHING, SKIPPED, plus, sentence
from runner.steps import Step, run_step

PROGRAMS = ("qemu-system-x86_64", "mkfs.ext4", "cpio", "depmod", "debootstrap", "busybox")
AT_ONCE = 2
CANNOT = 77  # the scripts' exit code

# What the virtual machine has of the tree.
TREE = "c-tests examples build/examples build/c-tests/static build/c-tests/helpers"

# Translated code is about ten times slower.
LANE = ["python3", "c-tests/run.py", "--lane", "static", "--seconds", "120", "--percent", "5"]


class CannotRun(Exception):
    pass


def versions():
    """{name: version}, in the order of the file."""
    lines = (HERE / "versions").read_text().splitlines()
    return {words[0]: words[2] for words in map(str.split, lines)
            if words and not words[0].startswith("#")}


def need_programs():
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    missing = [name for name in PROGRAMS if not shutil.which(name, path=path)]
    if missing:
        raise CannotRun(f"not installed: {', '.join(missing)}")


def script(name, *arguments):
    done = subprocess.run(["sh", HERE / name, *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode == CANNOT:
        raise CannotRun(done.stderr.strip().splitlines()[-1])
    if done.returncode != 0:
        raise CannotRun(f"{name} failed: {done.stderr.strip()}")


def kernel(cache, name):
    directory = cache / f"kernel-{versions()[name]}"
    if not (directory / "modules/order").exists():
        script("fetch.sh", name, directory)
    return directory


def disk(cache):
    """The disk that this rootfs.sh makes; those of earlier ones are removed."""
    made_by = hashlib.sha256((HERE / "rootfs.sh").read_bytes()).hexdigest()[:12]
    file = cache / f"disk-{made_by}"
    if not file.exists():
        script("rootfs.sh", file)
        for other in set(cache.glob("disk*")) - {file}:
            other.unlink()
    return file


def machine_of(name, cache):
    """The beginning of a command line, or None if the kernel is skipped."""
    try:
        need_programs()
        return [*map(str, ["sh", HERE / "vm.sh", kernel(cache, name), disk(cache)])]
    except CannotRun as why:
        report.skipped(f"kernel {name}", str(why))
        return None


def run_kernel(name, machine, demo):
    total = NOTHING
    for what, command in (("static lane", LANE), ("demo", demo)):
        step = Step(f"kernel {name}, {what}", [*machine, *command], 300)
        counts = run_step(step)
        report.say(f"{step.name}: {sentence(counts)}")
        total = plus(total, counts)
    return total


def end_at_sigterm():
    """And the virtual machine with it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def main():
    end_at_sigterm()
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/libchld")
    parser.add_argument("--examples", default="", help="what `make demo` runs")
    parser.add_argument("name", nargs="*", help=", ".join(versions()))
    arguments = parser.parse_args()
    unknown = set(arguments.name) - set(versions())
    if unknown:
        sys.exit(f"c-tests/kernels/versions has no {', '.join(sorted(unknown))}")
    os.chdir(ROOT)
    os.environ["TREE"] = TREE
    arguments.cache.mkdir(parents=True, exist_ok=True)
    demo = ["sh", "examples/demo.sh", *arguments.examples.split()]
    machines = {name: machine_of(name, arguments.cache) for name in arguments.name or versions()}
    runs = [(name, machine, demo) for name, machine in machines.items() if machine]
    total = NOTHING
    for _ in range(len(machines) - len(runs)):
        total = plus(total, SKIPPED)
    # A machine has one CPU.
    fork = multiprocessing.get_context("fork")
    with fork.Pool(min(os.cpu_count() or 1, AT_ONCE), end_at_sigterm) as pool:
        for counts in pool.starmap(run_kernel, runs, chunksize=1):
            total = plus(total, counts)
    report.end_progress()
    report.say(sentence(total))
    return 1 if total.failed or total == NOTHING else 0


if __name__ == "__main__":
    sys.exit(main())
