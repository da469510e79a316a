#!/usr/bin/env python3
"""Runs the fuzz targets (c-tests/fuzz/*.c), each with its corpus, two at once.

    fuzz.py --build DIR [--seconds N] [--seed N] [--keep]

--seconds is the time of all of them together; --keep adds the inputs that reach new code to
the corpus, and takes out those that others make needless. The last line has the sums: N passed, N failed, N skipped.
"""

import argparse
import concurrent.futures
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGETS = ("signals", "sigsets", "status", "durations", "stat", "interpreter", "environment",
           "options", "captures")
AT_ONCE = 2


def corpus_of(target):
    return HERE / "corpus" / f"{target}.txt"


def run(target, arguments, seconds=None):
    """(exit code, the new inputs, its messages)"""
    if seconds is None:
        seconds = max(1, arguments.seconds * AT_ONCE // len(TARGETS))
    command = [Path(arguments.build) / "c-tests/fuzz", target, corpus_of(target), str(seconds),
               str(arguments.seed)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=seconds + 120)
    except subprocess.TimeoutExpired:
        return 1, "", f"{target}: it hangs\n"
    return done.returncode, done.stdout, done.stderr


def keep(target, inputs, arguments):
    """The shortest come first, so that the longer ones are those that become needless."""
    file = corpus_of(target)
    lines = (file.read_text() if file.exists() else "") + inputs
    file.write_text("".join(f"{line}\n" for line in sorted(set(lines.split()), key=len)))
    code, needed, _ = run(target, arguments, 0)
    if code == 0:
        file.write_text(needed)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true")
    arguments = parser.parse_args()
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = pool.map(lambda target: run(target, arguments), TARGETS)
        for target, (code, inputs, text) in zip(TARGETS, outcomes):
            print(("failed: " if code else "") + text.rstrip(), flush=True)
            failed += code != 0
            if arguments.keep and not code:
                keep(target, inputs, arguments)
    print(f"{len(TARGETS) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
