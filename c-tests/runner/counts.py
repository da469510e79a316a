"""How many tests passed, failed and were skipped."""

import collections
import re

Counts = collections.namedtuple("Counts", "passed failed skipped")
NOTHING = Counts(0, 0, 0)
PASSED, FAILED, SKIPPED = Counts(1, 0, 0), Counts(0, 1, 0), Counts(0, 0, 1)


def plus(*counts):
    return Counts(*map(sum, zip(NOTHING, *counts)))


def sentence(counts):
    return "{} passed, {} failed, {} skipped".format(*counts)


def counts_in(text):
    """The counts at the end of a program's output, ours or those of `cargo test`,
    or None."""
    ours = re.findall(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", text, re.MULTILINE)
    cargos = re.findall(r"^test result: .* (\d+) passed; (\d+) failed; (\d+) ignored", text,
                        re.MULTILINE)
    found = ours[-1:] or cargos
    return plus(*(Counts(*map(int, numbers)) for numbers in found)) if found else None
