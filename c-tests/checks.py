#!/usr/bin/env python3
"""Checks of what is built and of how it is written, that need no running child.

    c-tests/checks.py           all of them, on build/ as `make` left it, except those of peers
    c-tests/checks.py WORD...   those with one of these words in their names

Ends with "N passed, N failed, N skipped", and fails if one of them failed.
"""

import multiprocessing
import signal
import sys
import time

sys.dont_write_bytecode = True

from runner import keys
from check import tools
# These register their checks.
from check import tests, source, header, built, linking, reach, stack, stops
from check import manual, documented, makefile
from check import imports, prose
from check import installed, abi, packages
from check import conformance, hpp, languages, bindings_python, peers, preload
from check import bindings_rust, bindings_go, bindings_node, bindings_small
from check import toolbox, toolbox_manual, toolbox_timeout, toolbox_init, toolbox_terminal
from check import toolbox_parallel, toolbox_supervise, examples


AT_ONCE = 2
# Modules that run only if a word asks for one of their checks: they take minutes.
LONGER = {"check.peers"}
# Each builds a package, installs it, and runs its tests.
PACKAGES = {"check.hpp", "check.conformance", "check.bindings_python", "check.bindings_rust",
            "check.bindings_go", "check.bindings_node", "check.bindings_small", "check.packages"}
# Modules that share an object that takes long to build.
TOGETHER = {"check.reach": "check.built"}
# {module: its checks}: those of a module share what they build, and run in order,
# in one process.
GROUPS = {}


def is_wanted(name, module, wanted):
    if wanted == ["--quick"]:
        return module not in LONGER | PACKAGES
    if wanted == ["--packages"]:
        return module in PACKAGES
    return any(word in name for word in wanted) if wanted else module not in LONGER


def form_groups(wanted):
    for name, function in tools.CHECKS:
        if is_wanted(name, function.__module__, wanted):
            module = TOGETHER.get(function.__module__, function.__module__)
            GROUPS.setdefault(module, []).append((name, function))


def verdict(function):
    """(passed, failed or skipped; a remark)"""
    try:
        return "ok", function()
    except tools.Skipped as why:
        return "skipped", str(why)
    except tools.Failed as why:
        return "FAILED", str(why)
    except Exception as error:  # a check that breaks is no check
        return "FAILED", f"{type(error).__name__}: {error}"


def run_group(module):
    """The verdicts of a group's checks, each of which is printed as it comes."""
    verdicts = []
    try:
        for name, function in GROUPS[module]:
            start = time.monotonic()
            result, remark = verdict(function)
            verdicts.append(result)
            lines = (remark or "").splitlines()
            if result == "skipped":
                name, lines = f"{name}: {' '.join(lines)}", []
            text = f"{result:8}{name} ({time.monotonic() - start:.1f} s)\n"
            text += "".join(f"            {line}\n" for line in lines)
            with output:
                print(text, end="", flush=True)
    finally:
        tools.clean()
    return verdicts


def begin(lock):
    """In each process that runs groups."""
    global output
    output = lock
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def main(wanted):
    keys.heed()
    form_groups(wanted)
    counts = {"ok": 0, "FAILED": 0, "skipped": 0}
    fork = multiprocessing.get_context("fork")
    with fork.Pool(AT_ONCE, begin, [fork.Lock()], maxtasksperchild=1) as pool:
        for verdicts in pool.imap_unordered(run_group, GROUPS):
            for result in verdicts:
                counts[result] += 1
    print("{ok} passed, {FAILED} failed, {skipped} skipped".format(**counts))
    return 1 if counts["FAILED"] or not any(counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
