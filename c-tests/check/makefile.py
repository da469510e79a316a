"""`make help`, and the targets that documents name."""

import re

from .documented import DOCUMENTS
from .tools import ROOT, check, require, run

# Parts of other targets.
INTERNAL = {"FORCE", "bench-build", "test-all-programs", "test-programs", "test-sanitize",
            "test-hooks", "test-no-probes", "test-static", "test-tsan-programs"}


def phony():
    files = [ROOT / "Makefile", *ROOT.glob("*/*.mk"), *ROOT.glob("c-tests/*/*.mk")]
    return {name for file in files
            for line in re.findall(r"^\.PHONY: (.*)", file.read_text(), re.M)
            for name in line.split()}


@check("`make help` has a line for each target, and documents name no other")
def targets():
    listed = dict(re.findall(r"^  make (\S+) +(\S.*)$", run("make", "help").stdout, re.M))
    there = phony() - INTERNAL
    require(set(listed) == there, f"only listed, or not listed: {sorted(set(listed) ^ there)}")
    for file in DOCUMENTS:
        if file.name == "CHANGELOG.md":
            continue  # it names what once was
        named = set(re.findall(r"(?:`| {4})make ([a-z][a-z-]*)", file.read_text()))
        require(named <= there | INTERNAL,
                f"{file.name} names {sorted(named - there - INTERNAL)}, which are no targets")
    return f"{len(listed)} targets"
