#!/usr/bin/env python3
"""Checks of what is built and of how it is written, that need no running child.

    c-tests/checks.py           all of them, on build/ as `make` left it
    c-tests/checks.py WORD...   those with one of these words in their names

Ends with "N passed, N failed, N skipped", and fails if one of them failed.
"""

import signal
import sys
import time

sys.dont_write_bytecode = True

from check import tools
# These register their checks.
from check import source, header, built, linking, reach
from check import manual, documented, makefile
from check import installed, abi, packages
from check import languages
from check import toolbox, toolbox_manual, toolbox_timeout, toolbox_init, toolbox_terminal
from check import toolbox_parallel, toolbox_supervise, examples


def verdict(function):
    """(passed, failed or skipped; what to say about it)"""
    try:
        return "ok", function()
    except tools.Skipped as why:
        return "skipped", str(why)
    except tools.Failed as why:
        return "FAILED", str(why)
    except Exception as error:  # a check that breaks is no check
        return "FAILED", f"{type(error).__name__}: {error}"


def main(wanted):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    counts = {"ok": 0, "FAILED": 0, "skipped": 0}
    try:
        for name, function in tools.CHECKS:
            if wanted and not any(word in name for word in wanted):
                continue
            start = time.monotonic()
            result, remark = verdict(function)
            counts[result] += 1
            lines = (remark or "").splitlines()
            if result == "skipped":
                name, lines = f"{name}: {' '.join(lines)}", []
            print(f"{result:8}{name} ({time.monotonic() - start:.1f} s)")
            for line in lines:
                print(f"            {line}")
            sys.stdout.flush()
    finally:
        tools.clean()
    print("{ok} passed, {FAILED} failed, {skipped} skipped".format(**counts))
    return 1 if counts["FAILED"] or not any(counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
