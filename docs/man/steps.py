"""docs/options.md as data: which option fails at which step, and how."""

import re
from dataclasses import dataclass

from header import Malformed


@dataclass
class Row:
    option: str
    errnos: str
    since: str
    without: str


COLUMNS = ["Option", "Step", "Errnos", "Since", "Without"]


def tables(text):
    """The cells of each row of each table."""
    for line in text.splitlines():
        if line.startswith("| "):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if len(cells) != len(COLUMNS):
                raise Malformed(f"docs/options.md: not five columns: {line}")
            if cells != COLUMNS:
                yield cells


def one_each(option, count):
    """"`a`, `b`: not open" for two steps is "`a`: not open" and "`b`: not open"."""
    names, colon, rest = option.partition(":")
    names = names.split(", ")
    if count > 1 and count == len(names):
        return [name + colon + rest for name in names]
    return [option] * count


def parse(text, names):
    """{step: its rows}, for each of `names` but "none"."""
    steps = {name: [] for name in names if name != "none"}
    for option, step, errnos, since, without in tables(text):
        if step in ("none", "as for any child"):
            continue
        found = re.findall(r"`(\w+)`", step)
        if not found or not set(found) <= set(steps):
            raise Malformed(f"docs/options.md: {step} is no step")
        for name, its in zip(found, one_each(option, len(found))):
            steps[name].append(Row(its, errnos, since, without))
    silent = [name for name, rows in steps.items() if not rows]
    if silent:
        raise Malformed(f"docs/options.md: nothing is said of {', '.join(silent)}")
    return steps
