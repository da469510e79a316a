"""What a contender costs apart from time: bytes in a static program, system
calls, heap calls and threads per start and wait."""

import os
import re
import shutil
import subprocess

CYCLES = 50
# Those that are linked statically too: BENCH_SIZES in bench.mk.
SIZED = "raw", "chld", "posix_spawn", "skalibs", "libuv", "glib", "apr"


def program_bytes(path):
    """Code and data, as far as they are in the file."""
    done = subprocess.run(["size", path], capture_output=True, text=True)
    if done.returncode:
        return None
    text, data = done.stdout.splitlines()[1].split()[:2]
    return int(text) + int(data)


def sizes(build):
    empty = os.path.join(build, "size_empty")
    if not shutil.which("size") or not os.path.exists(empty):
        print("left out: bytes (binutils' size or the static programs are missing)")
        return {}
    base = program_bytes(empty)
    programs = {name: os.path.join(build, f"size_{name}") for name in SIZED}
    return {name: program_bytes(program) - base
            for name, program in programs.items() if os.path.exists(program)}


def cycles(runner, build, name, count, wrapper=(), **environment):
    environment = dict(os.environ, BENCH_CHILD=os.path.join(build, "child"), **environment)
    command = [*wrapper, *runner.programs[name], "cycles", str(count)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=120)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {' '.join(done.stderr.split())[:200]}")
    return {key: float(value) for key, value in map(str.split, done.stdout.splitlines())}


def heap_and_threads(runner, build, name):
    counter = os.path.join(build, "heap_count.so")
    preload = {"LD_PRELOAD": counter} if os.path.exists(counter) else {}
    return cycles(runner, build, name, CYCLES, **preload)


def count_calls(trace):
    """How many calls the first process made, and how many all others."""
    counts, first = {}, None
    for line in open(trace, encoding="utf-8", errors="replace"):
        # A call that was interrupted is shown twice; it counts where it begins.
        match = re.match(r"(\d+) +\w+\(", line)
        if match:
            first = first or match[1]
            counts[match[1]] = counts.get(match[1], 0) + 1
    parent = counts.pop(first)
    return parent, sum(counts.values())


def system_calls(runner, build, name):
    """Per cycle, by the difference of a short run and a longer one. The child's
    include its exec and its own exit."""
    results = []
    for count in (CYCLES, 2 * CYCLES):
        trace = os.path.join(build, "strace.out")
        cycles(runner, build, name, count, ("strace", "-f", "-qq", "-o", trace))
        results.append(count_calls(trace))
        os.unlink(trace)
    (parent, child), (parents, children) = results
    return (parents - parent) / CYCLES, (children - child) / CYCLES


def measured(runner):
    """Python has no such row, and raw_all is raw in it."""
    return [name for name in runner.programs if name not in ("python", "raw_all")]


def measure(runner, build):
    """By contender: the figures for bytes, heap calls, threads, page faults and
    system calls."""
    prints = {name: {"bytes": size} for name, size in sizes(build).items()}
    strace = shutil.which("strace")
    if not strace:
        print("left out: system calls (strace is not installed)")
    for name in measured(runner):
        mine = prints.setdefault(name, {})
        try:
            mine.update(heap_and_threads(runner, build, name))
            if strace:
                mine["parent"], mine["child"] = system_calls(runner, build, name)
        except RuntimeError as error:
            print(f"left out: footprint of {name}: {error}")
    return prints
