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


# "- `cwd`, `CHLD_SPAWN_CWD_FD` (step `chdir`)", and the items below it.
ITEM = re.compile(r"^- (.*?) \((no step|steps? .*?)\)\n((?:  .*\n)*)", re.M)


def items(text):
    """(option, its steps, [what stands below it]) of each item of the lists."""
    for option, steps, below in ITEM.findall(text):
        yield option, steps, [" ".join(line.split()) for line in re.split(r"^  - ", below, flags=re.M)[1:]]


def take(lines, word):
    """What stands after this word at the begin of a line, which is taken out."""
    found = [line for line in lines if line.startswith(word)]
    for line in found:
        lines.remove(line)
    return "; ".join(line[len(word):].strip() for line in found)


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
    for option, step, lines in items(text):
        if step == "no step":
            continue
        found = re.findall(r"`(\w+)`", step)
        if not found or not set(found) <= set(steps):
            raise Malformed(f"docs/options.md: {step} is no step")
        since, without = take(lines, "Linux ") or "any", take(lines, "Otherwise:")
        for name, its in zip(found, one_each(option, len(found))):
            steps[name].append(Row(its, ". ".join(lines), since, without))
    silent = [name for name, rows in steps.items() if not rows]
    if silent:
        raise Malformed(f"docs/options.md: nothing is said of {', '.join(silent)}")
    return steps
