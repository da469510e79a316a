"""The programs in examples/languages print the same of the same ten children, beside
children of their own.
"""

import difflib
import functools
import subprocess

from .hpp import compiled, compilers
from .tools import (BUILD, CC, HEADER, NO_PIDFDS, ROOT, WARNINGS, can_deny_pidfds, check, require,
                    run, scratch)

LANGUAGES = ROOT / "examples/languages"
CHILDREN = LANGUAGES / "children.txt"


def output(*command):
    """The lines that a program prints: its command, and the file with the children."""
    done = run(*command, CHILDREN)
    require(not done.stderr, f"it complains:\n{done.stderr[-2000:]}")
    return done.stdout.splitlines()


def listed():
    """name -> (way, what), as children.txt has them."""
    lines = (line.split(maxsplit=2) for line in CHILDREN.read_text().splitlines())
    return {words[0]: (words[1], words[2]) for words in lines if words and words[0] != "#"}


@functools.cache
def reference():
    """What the C program prints; it must agree with Python's results for the same scripts."""
    program = scratch() / "children-c"
    run(*CC, "-std=c11", *WARNINGS, "-I", HEADER.parent, "-o", program,
        LANGUAGES / "c/children.c", BUILD / "libchld.a")
    lines = output(program)
    children = listed()
    require(len(children) == 10, f"children.txt has {len(children)} children")
    told = dict(line.split(":", 1) for line in lines)
    require([*told] == [*children, "beside", "engine"], f"it tells of {[*told]}")
    for name, (way, what) in children.items():
        if way == "wait":
            code = subprocess.run(["sh", "-c", what], stderr=subprocess.DEVNULL).returncode
            state = f"state {1 if code >= 0 else 2}, code {abs(code)},"
            require(state in told[name], f"{name} is{told[name]}, and by Python {state}")
    require(told["beside"] == " 40 of 40 of its own, 40 of 40 of chld", f"beside{told['beside']}")
    return lines


def compare(want, *command):
    got = output(*command)
    difference = difflib.unified_diff(want, got, "as in C", str(command[-1]), lineterm="", n=0)
    require(got == want, "\n".join([*difference][:12]))


def same(*command):
    """The program prints what the C program does, with pidfds and without."""
    want = reference()
    compare(want, *command)
    if want[-1] != "engine: pidfd":
        return f"{want[-1]}; there are no pidfds here"
    if not can_deny_pidfds():
        return f"{want[-1]}; not seen without pidfds: c-tests/deny is not built, or not allowed"
    compare([*want[:-1], "engine: sigchld"], *NO_PIDFDS, *command)
    return "engine: pidfd, and sigchld where pidfds are denied"


@check("ten children in C")
def c():
    return same(scratch() / "children-c")


@check("ten children in C++, with chld.hpp")
def cpp():
    for compiler in compilers():
        program = scratch() / f"children-{compiler}"
        compiled(compiler, "c++11", program, LANGUAGES / "cpp/children.cpp")
        same(program)
    return f"by {' and '.join(compilers())}"


