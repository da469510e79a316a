"""Why a start and a wait cost what they cost: per cycle, for some contenders, the
system calls of caller and child, page faults, and instructions in user space.
All are counts: they are the same on a busy machine."""

import argparse
import collections
import os
import re
import shutil
import subprocess
import sys

import bench
import footprint

CYCLES = 50
NAMES = "raw", "chld", "posix_spawn"


def per_cycle(measure, *arguments):
    """By key, what a cycle adds: the difference of a short run and a longer one."""
    short, long = measure(CYCLES, *arguments), measure(2 * CYCLES, *arguments)
    return {key: (long[key] - short[key]) / CYCLES for key in long}


def system_calls(count, runner, build, name):
    """By process (caller, child) and system call."""
    trace = os.path.join(build, "strace.out")
    footprint.cycles(runner, build, name, count, ("strace", "-f", "-qq", "-o", trace))
    calls, first = collections.Counter(), None
    with open(trace, encoding="utf-8", errors="replace") as file:
        for line in file:
            # A call that was interrupted is shown twice; it counts where it begins.
            match = re.match(r"(\d+) +(\w+)\(", line)
            if match:
                first = first or match[1]
                calls["caller" if match[1] == first else "child", match[2]] += 1
    os.unlink(trace)
    return calls


def instructions(count, runner, build, name):
    environment = dict(os.environ, BENCH_CHILD=os.path.join(build, "child"))
    done = subprocess.run([os.path.join(build, "steps"), *runner.programs[name], "cycles",
                           str(count)], env=environment, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=300)
    if done.returncode:
        sys.exit(f"steps {name}: {done.stderr}")
    return {"instructions": int(done.stderr)}


def functions(runner, build, name):
    """Where valgrind sees the instructions: a list of lines."""
    out = os.path.join(build, "callgrind.out")
    cycles = 20 * CYCLES
    footprint.cycles(runner, build, name, cycles,
                     ("valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}"))
    text = subprocess.run(["callgrind_annotate", out], capture_output=True, text=True,
                          check=True).stdout
    found = re.findall(r"^ *([\d,]+) \([ \d.]+%\) +[^:]*:(\S.*?) \[", text, re.MULTILINE)
    return [f"{int(count.replace(',', '')) / cycles:8.0f}  {function}"
            for count, function in found if not function.startswith(("_dl_", "do_lookup"))][:15]


def table(title, columns):
    """One line a key, in the order of the first that has it."""
    print(f"\n{title:34}" + "".join(f"{name:>13}" for name in NAMES))
    for key in dict.fromkeys(key for column in columns for key in column):
        label = key if isinstance(key, str) else key[1]
        cells = [column.get(key, 0) for column in columns]
        if any(cells):
            print(f"  {label:32}" + "".join(f"{cell:13.1f}" for cell in cells))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build/bench", help="where the contenders are")
    build = parser.parse_args().build
    runner = bench.Runner(build, 1)
    print("Per start and wait of one child that ends at once")
    table("in user space", [per_cycle(instructions, runner, build, name) for name in NAMES])
    faults = [footprint.cycles(runner, build, name, 20 * CYCLES) for name in NAMES]
    table("page faults", [{"caller": each["faults"], "child": each["child_faults"]}
                          for each in faults])
    if shutil.which("strace"):
        calls = [per_cycle(system_calls, runner, build, name) for name in NAMES]
        for side in ("caller", "child"):
            table(f"system calls, {side}",
                  [{key: value for key, value in each.items() if key[0] == side}
                   for each in calls])
    else:
        print("left out: system calls (strace is not installed)")
    if shutil.which("valgrind"):
        print("\nchld, instructions by function (valgrind has no clone3: that refused)")
        print("\n".join(functions(runner, build, "chld")))
    else:
        print("left out: functions (valgrind is not installed)")


if __name__ == "__main__":
    main()
