"""The conformance list of the bindings: what the test program of a binding printed is
compared with bindings/conformance.txt.
"""

import re

from .tools import ROOT, Failed, check, require

LIST = ROOT / "bindings/conformance.txt"
ITEM = re.compile(r"[a-z][a-z0-9-]*$")


def items():
    """The names in the list: the lines that are neither indented nor comments."""
    lines = [line for line in LIST.read_text().splitlines() if line and line[0] not in " #"]
    wrong = [line for line in lines if not ITEM.match(line)]
    require(not wrong, f"conformance.txt: not a name: {wrong}")
    require(len(lines) == len(set(lines)), "conformance.txt has a name twice")
    return lines


def compare(output):
    """Fails unless `output` has "ok NAME" exactly once for each item. Returns a remark."""
    passed, failed = [], []
    for line in output.splitlines():
        if line.startswith("ok "):
            passed.append(line.split()[1])
        elif line.startswith("not ok "):
            failed.append(line)
    require(not failed, "\n".join(failed))
    missing = [name for name in items() if name not in passed]
    require(not missing, f"no line for {', '.join(missing)}")
    unknown = [name for name in passed if name not in items()]
    require(not unknown, f"not in conformance.txt: {', '.join(unknown)}")
    repeated = sorted({name for name in passed if passed.count(name) > 1})
    require(not repeated, f"twice: {', '.join(repeated)}")
    return f"{len(passed)} items"


@check("the conformance list of the bindings is compared item by item")
def compared():
    complete = [f"ok {name}" for name in items()]
    compare("\n".join(["# a comment", *complete]))
    first = complete[0]
    for name, lines in {
        "a missing item": complete[1:],
        "a failed item": [first.replace("ok", "not ok", 1) + ": why", *complete[1:]],
        "an unknown item": [*complete, "ok no-such-item"],
        "an item that is there twice": [*complete, first],
    }.items():
        try:
            compare("\n".join(lines))
        except Failed:
            continue
        raise Failed(f"{name} passes")
    return f"{len(complete)} items"
