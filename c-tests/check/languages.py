"""The library from other languages: the programs in examples/languages print the
same of the same ten children, beside children of their runtimes' own.
"""

import difflib
import functools
import os
import subprocess
import sys

from .hpp import compiled, compilers
from .tools import (BUILD, CC, HEADER, NO_PIDFDS, ROOT, WARNINGS, Skipped, can_deny_pidfds, check,
                    need, require, run, scratch)

LANGUAGES = ROOT / "examples/languages"
CHILDREN = LANGUAGES / "children.txt"
FETCHED = BUILD / "languages/node/node_modules"  # by examples/languages/setup.sh

ENVIRONMENT = {
    "CHLD_LIBRARY": str(BUILD / "libchld.so.0"),
    "CHLD_HEADER": str(HEADER),
    "LD_LIBRARY_PATH": str(BUILD),
    "NODE_PATH": str(FETCHED),
    "PYTHONDONTWRITEBYTECODE": "1",
    "GODEBUG": "cgocheck=2",
}


def output(*command):
    """The lines that a program prints: its command, and the file with the children."""
    done = run(*command, CHILDREN, env=ENVIRONMENT)
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


@check("ten children in Python, with ctypes")
def ctypes():
    return same(sys.executable, "-W", "error", LANGUAGES / "python/children.py")


@check("ten children in Python, with cffi")
def cffi():
    for python in (sys.executable, "/usr/bin/python3"):
        has = [python, "-c", "import cffi"]
        if os.path.exists(python) and run(*has, succeed=False).returncode == 0:
            return same(python, "-W", "error", LANGUAGES / "python/children.py", "--cffi")
    raise Skipped("no python3 has cffi")


@check("ten children in LuaJIT")
def lua():
    return same(need("luajit"), LANGUAGES / "lua/children.lua")


@check("ten children in Node, with koffi")
def node():
    if run(need("node"), "-e", "require('koffi')", env=ENVIRONMENT, succeed=False).returncode:
        raise Skipped("koffi is not there: examples/languages/setup.sh gets it")
    return same("node", LANGUAGES / "node/children.js")


@check("ten children in Go, with cgo")
def go():
    program = scratch() / "children-go"
    environment = {
        "CGO_ENABLED": "1",
        "CGO_CFLAGS": f"-I{HEADER.parent}",
        "CGO_LDFLAGS": f"-L{BUILD}",
        "GOCACHE": str(scratch() / "go-cache"),
        "GOPATH": str(scratch() / "go"),
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
    }
    run(need("go"), "build", "-o", program, ".", cwd=LANGUAGES / "go", env=environment)
    run("go", "vet", "./...", cwd=LANGUAGES / "go", env=environment)
    return same(program)


@check("ten children in Ruby, with ffi")
def ruby():
    if run(need("ruby"), "-e", "require 'ffi'", succeed=False).returncode:
        raise Skipped("ruby has no ffi")
    return same("ruby", "-w", LANGUAGES / "ruby/children.rb")


@check("ten children in Perl, with FFI::Platypus")
def perl():
    if run(need("perl"), "-MFFI::Platypus", "-e", "1", succeed=False).returncode:
        raise Skipped("perl has no FFI::Platypus")
    return same("perl", LANGUAGES / "perl/children.pl")
