"""The programs in examples/languages print the same of the same ten children, beside
children of their runtimes' own; and chld.hpp.
"""

import difflib
import functools
import shutil
import subprocess

from .newcomer import DENY, NO_PIDFDS
from .tools import BUILD, CC, HEADER, ROOT, WARNINGS, Skipped, check, require, run, scratch

LANGUAGES = ROOT / "examples/languages"
CHILDREN = LANGUAGES / "children.txt"
SANITIZE = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]

ENVIRONMENT = {
    "CHLD_LIBRARY": str(BUILD / "libchld.so.0"),
    "CHLD_HEADER": str(HEADER),
    "LD_LIBRARY_PATH": str(BUILD),
    "PYTHONDONTWRITEBYTECODE": "1",
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
    if not DENY.exists() or run(*NO_PIDFDS, "true", succeed=False).returncode:
        return f"{want[-1]}; not seen without pidfds: c-tests/deny is not built, or not allowed"
    compare([*want[:-1], "engine: sigchld"], *NO_PIDFDS, *command)
    return "engine: pidfd, and sigchld where pidfds are denied"


@check("ten children in C")
def c():
    return same(scratch() / "children-c")


def compilers():
    found = [compiler for compiler in ("g++", "clang++") if shutil.which(compiler)]
    if not found:
        raise Skipped("neither g++ nor clang++ is installed")
    return found


def compiled(compiler, source, *flags):
    program = scratch() / source.stem
    run(compiler, "-std=c++17", *WARNINGS, *flags, "-I", HEADER.parent, "-o", program, source,
        BUILD / "libchld.a")
    return program


@check("ten children in C++, with chld.hpp")
def cpp():
    for compiler in compilers():
        same(compiled(compiler, LANGUAGES / "cpp/children.cpp"))
    return f"by {' and '.join(compilers())}"


def sanitizes(compiler):
    probe = scratch() / "probe.cpp"
    probe.write_text("int main() {}\n")
    try:
        compiled(compiler, probe, *SANITIZE)
    except Exception:
        return False
    return True


@check("chld.hpp owns, throws and frees as documented")
def hpp():
    source = ROOT / "c-tests/check/hpp.cpp"
    remarks = []
    for compiler in compilers():
        flags = SANITIZE if sanitizes(compiler) else []
        run(compiled(compiler, source, *flags))
        remarks.append(f"by {compiler}{', with sanitizers' if flags else ''}")
    return "\n".join(remarks)


@check("chld.hpp can be included by several files, in later C++ as well, with more warnings")
def included():
    text = '#include <chld.hpp>\nint {}() {{ return chld::child().id() != CHLD_NONE; }}\n'
    files = []
    for name in ("one", "main"):
        files.append(scratch() / f"{name}.cpp")
        files[-1].write_text(text.format(name))
    more = ["-Wshadow", "-Wconversion", "-Wold-style-cast", "-Wnon-virtual-dtor"]
    for compiler in compilers():
        for standard in ("c++17", "c++20"):
            run(compiler, f"-std={standard}", *WARNINGS, *more, "-I", HEADER.parent,
                "-fsyntax-only", files[0])
    program = scratch() / "included"
    run(compilers()[0], "-std=c++17", "-I", HEADER.parent, "-o", program, *files,
        BUILD / "libchld.a")
    run(program)


