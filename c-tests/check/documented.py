"""The code in the documents is compiled and run, and prints the output that they show.

In README.md and docs/*.md a block is fenced and names its language, or is
indented, and then is `cmake` if it looks like that, else `sh`.

    c        a program, if it has a main(). A part of a file in examples/ or
             frames/ that has more than two lines is compiled there. Otherwise
             the block stands between the braces of main(), after the usual
             #includes; or in the place of the line @ of a file, if a comment
             <!-- in FILE --> above the block names one.
    cmake    the part of a project that builds program.c with the installed tree.
    python   a program. It finds libchld.so in LD_LIBRARY_PATH, and the package
             of bindings/python in PYTHONPATH.
    sh       commands in a folder with include/, build/, examples/ and program.c
             (examples/first.c); pkg-config finds an installed tree, and what cc
             makes is run.
    text     what the block above it prints, letter for letter.

A program must end with 0. A block of another language is a failure, as is one
that is in EXEMPT and no longer in its file.
"""

import re
import shlex
import shutil
import sys
import textwrap
import zipfile
from dataclasses import dataclass

from .tools import (BUILD, CC, HEADER, ROOT, WARNINGS, Failed, Skipped, check, need, require, run,
                    scratch)

# (file, what its block begins with): why it is not run.
EXEMPT = {
    ("README.md", "make demo"): "make demo and make test are steps of .ci/run",
    ("docs/testing.md", "python3 c-tests/run.py"): "for one test; make test runs all of them",
    ("docs/performance.md", "20"): "figures that make bench wrote, with their date",
    ("docs/platforms.md", "rustup"): "installs packages",
    ("docs/platforms.md", "apt-get"): "installs packages; .ci/run does, by these names",
    ("docs/platforms.md", "export CARGO_TARGET"): "needs a cross compiler; make cross does the same",
}

FRAMES = ROOT / "c-tests/check/frames"
# The packages of event loops, by their headers.
PACKAGES = {"chld-glib.h": "glib-2.0", "chld-uv.h": "libuv", "event2/event.h": "libevent_core"}

PRELUDE = """\
#define _GNU_SOURCE
#include <chld.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
"""


@dataclass
class Block:
    line: int
    language: str
    code: str
    frame: str = "@"
    prints: str = None


BLOCK = re.compile(r"""
    ^<!--\ in\ (?P<frame>\S+)\ -->\n
  | ^(?P<fence>```+)(?P<language>\w*)\n(?P<fenced>.*?)^(?P=fence)$
  | (?:(?<=\n\n)|\A)(?P<indented>(?:\ {4}[^\n]*\n|\n(?=\ {4}))+)
""", re.X | re.M | re.S)


def blocks(text):
    """The blocks of a document. The output of a block belongs to it."""
    found, frame = [], Block.frame
    for match in BLOCK.finditer(text):
        if match["frame"]:
            frame = (ROOT / match["frame"]).read_text()
            continue
        code = match["fenced"] if match["fence"] else re.sub("^ {4}", "", match["indented"], flags=re.M)
        language = match["language"] if match["fence"] else indented_language(code)
        if language == "text" and found and found[-1].prints is None:
            found[-1].prints = code
            continue
        found.append(Block(text.count("\n", 0, match.start()) + 1, language, code, frame))
        frame = Block.frame
    return found


def indented_language(code):
    return "cmake" if re.match(r"(find_package|add_|target_)\w*\(", code) else "sh"


def of_an_example(code):
    files = [*ROOT.glob("examples/**/*.[ch]"), *FRAMES.glob("*.h")]
    return code.count("\n") > 2 and any(code in file.read_text() for file in files)


def flags(code):
    """(compiler flags, linker flags) for the event loop that a program includes."""
    for header, package in PACKAGES.items():
        if f"#include <{header}>" not in code:
            continue
        if run("pkg-config", "--exists", package, succeed=False).returncode != 0:
            raise Skipped(f"{package} is not installed")
        compiling, linking = (run("pkg-config", option, package).stdout.split()
                              for option in ("--cflags", "--libs"))
        return [flag.replace("-I", "-isystem") for flag in compiling], linking
    if "#include <ev.h>" in code:  # libev has no file for pkg-config
        if run(*CC, "-E", "-include", "ev.h", "-x", "c", "/dev/null", succeed=False).returncode != 0:
            raise Skipped("libev is not installed")
        return [], ["-lev"]
    return [], []


def run_c(block, name):
    if block.prints is None and of_an_example(block.code):
        return None
    source, program = scratch() / f"{name}.c", scratch() / name
    code = re.sub(r"^( *)@$", lambda place: textwrap.indent(block.code, place[1]), block.frame,
                  flags=re.M)
    if not re.search(r"^int main\(", code, re.M):
        code = f"{PRELUDE}\nint main(void)\n{{\n{code}\nreturn 0;\n}}\n"
    source.write_text(code)
    compiling, linking = flags(code)
    run(*CC, "-std=gnu11", *WARNINGS, *compiling, "-I", HEADER.parent, "-I", FRAMES, "-o", program,
        source, BUILD / "libchld.a", *linking)
    return run(program, cwd=workplace("documented", ROOT), timeout=60).stdout


def run_python(block, name):
    source = scratch() / f"{name}.py"
    source.write_text(block.code)
    package = python_package() if "import chld\n" in block.code else ""
    return run(sys.executable, source, timeout=60, env={
        "LD_LIBRARY_PATH": str(BUILD), "PYTHONPATH": str(package)}).stdout


def python_package():
    """The folder with the package chld, as its wheel has it."""
    builder, folder = ROOT / "bindings/python/backend.py", scratch() / "python"
    if not builder.exists():
        raise Skipped("bindings/python is not there")
    if not folder.exists():
        run(sys.executable, builder, folder)
        wheel, = folder.glob("*.whl")
        zipfile.ZipFile(wheel).extractall(folder)
    return folder


def run_sh(block, name):
    return run_commands(block.code, name, workplace("documented", ROOT), installed()).stdout


def run_commands(code, name, folder, prefix, within=()):
    if "pkg-config" in code:
        need("pkg-config")
    source = scratch() / f"{name}.sh"
    source.write_text(code)
    return run(*within, "sh", "-eu", source, cwd=folder, env={
        "PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig"),
        "LD_LIBRARY_PATH": str(prefix / "lib"),
        "PATH": f"{folder / 'bin'}:{prefix / 'bin'}:/usr/local/bin:/usr/bin:/bin"})


PROJECT = """\
cmake_minimum_required(VERSION 3.13)
project(documented C)
add_executable(program program.c)
"""


def run_cmake(block, name):
    need("cmake")
    source, built = scratch() / name, scratch() / f"{name}-built"
    source.mkdir()
    (source / "CMakeLists.txt").write_text(PROJECT + block.code)
    shutil.copy(ROOT / "examples/first.c", source / "program.c")
    run("cmake", "-S", source, "-B", built, f"-DCMAKE_PREFIX_PATH={installed()}")
    run("cmake", "--build", built)
    return run(built / "program", env={"LD_LIBRARY_PATH": str(installed() / "lib")}).stdout


def installed():
    prefix = scratch() / "documented-install"
    if not prefix.exists():
        run("make", "install", f"O={scratch() / 'documented-made'}", f"PREFIX={prefix}")
    return prefix


def workplace(name, tree):
    """The folder that the reader of a tree's documents is in."""
    folder = scratch() / name
    if not folder.exists():
        (folder / "bin").mkdir(parents=True)
        for part in ("include", "build", "examples"):
            (folder / part).symlink_to(tree / part)
        shutil.copy(tree / "examples/first.c", folder / "program.c")
        compiler = folder / "bin/cc"
        compiler.write_text(f'#!/bin/sh\n{shlex.join(CC)} "$@" && ./a.out >&2\n')
        compiler.chmod(0o755)
    return folder


RUN = {"c": run_c, "cmake": run_cmake, "python": run_python, "sh": run_sh}


def exemption(path, block):
    for (file, start), why in EXEMPT.items():
        if file == path and block.code.lstrip().startswith(start):
            return why
    return None


def try_block(path, block):
    """None, or why it was not run."""
    why = exemption(path, block)
    if why:
        return f"line {block.line} is not run: {why}"
    require(block.language in RUN,
            f"{path}:{block.line}: there is no rule for a block of {block.language or 'no language'}")
    try:
        name = re.sub(r"\W", "-", f"{path}-{block.line}")
        printed = RUN[block.language](block, name)
    except Skipped as missing:
        return f"skipped {path}:{block.line}: {missing}"
    except Failed as broken:
        raise Failed(f"{path}:{block.line}: {broken}") from None
    require(block.prints in (None, printed),
            f"{path}:{block.line} prints:\n{printed}instead of:\n{block.prints}")
    return None


def try_document(path, text):
    there = blocks(text)
    for file, start in EXEMPT:
        require(file != path or any(exemption(path, one) for one in there),
                f"{path} has no block any more that begins with {start!r}")
    remarks = [try_block(path, one) for one in there]
    done = sum(remark is None for remark in remarks)
    return "\n".join([f"{done} blocks", *filter(None, remarks)])


WRONG = {
    "a language without a rule": "```perl\nexit 0\n```\n",
    "no language": "```\nx\n```\n",
    "a program that does not compile": "```c\nint main(void)\n{\n    return chld();\n}\n```\n",
    "a program that fails": "```c\nexit(1);\n```\n",
    "other output": '```c\nprintf("1\\n");\n```\n\n```text\n2\n```\n',
    "a part of no example": "```c\nstatic int show(void)\n{\n    return 0;\n}\n```\n",
    "CMake that fails": "To do:\n\n    find_package(no_such_package REQUIRED)\n",
    "Python that fails": "```python\nraise SystemExit(1)\n```\n",
    "a command that fails": "To do:\n\n    false\n    true\n",
}


@check("code in documents is seen to be wrong where it is")
def wrong():
    unseen = []
    for what, text in WRONG.items():
        try:
            remark = try_document("wrong.md", text)
        except Failed:
            continue
        require("\nskipped" in remark, f"this check does not see {what}")
        unseen += remark.splitlines()[1:]
    good = """<!-- in c-tests/check/frames/poll.c -->
```c
while (chld_set_count(set) > 0)
    take_events(set);
```

Prints:

```text
exit code 3
```
"""
    require(try_document("right.md", good) == "1 blocks", "what is right is not seen to be")
    return "\n".join([f"{len(WRONG) - len(unseen)} of {len(WRONG)}", *unseen])


def document(path):
    @check(f"the code in {path} runs, and prints what it shows")
    def runs():
        return try_document(path, (ROOT / path).read_text())


DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*.md")])

for file in DOCUMENTS:
    if "examples" not in file.parts and blocks(file.read_text()):
        document(str(file.relative_to(ROOT)))


def anchors(text):
    """The headings of a document, as links name them."""
    return {re.sub(r"[^\w\- ]", "", heading.replace("`", "")).lower().replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", text, re.M)}


def dead_links(file, text):
    """The files and headings that a document leads to, and that are not there."""
    for target, heading in re.findall(r"\]\(([^)#:\s]*)(?:#([^)\s]*))?\)", text):
        place = file.parent / target if target else file
        if not place.exists():
            yield target
        elif heading and heading not in anchors(text if place == file else place.read_text()):
            yield f"{target}#{heading}"


@check("documents lead to files and headings that are there")
def links():
    for text in ("[x](docs/no-such.md)", "[x](docs/guide.md#no-such)", "# Here\n[x](#there)"):
        require(list(dead_links(ROOT / "README.md", text)), f"{text!r} is not seen to be dead")
    dead = [f"{file.name} leads to {target}" for file in DOCUMENTS
            for target in dead_links(file, file.read_text())]
    require(not dead, "\n".join(dead))
    return f"{len(DOCUMENTS)} documents"


@check("the program in README.md is examples/first.c, letter by letter")
def first():
    program = (ROOT / "examples/first.c").read_text().split(" */\n", 1)[1]
    shown = [one.code for one in blocks((ROOT / "README.md").read_text()) if one.language == "c"]
    require(shown == [program], "README.md: its C program is not that of examples/first.c")


@check("the examples of the manual run, and print what it shows")
def manual():
    sources = sorted(ROOT.glob("docs/man/examples/*.c"))
    for file in sources:
        comment, _ = (text := file.read_text()).split(" */\n", 1)
        _, prints = comment.split("Prints:\n")
        said = re.sub(r"^ \*   ", "", prints, flags=re.M)
        try_block(str(file.relative_to(ROOT)), Block(1, "c", text, prints=said))
    # A page written by hand takes its code from there, too.
    for page in ROOT.glob("docs/man/*.[1-8]"):
        require(".EX" not in page.read_text(), f"{page.name} has code of its own")
    require(sources, "there are none")
    return f"{len(sources)} programs"


@check("the declarations in the header's comments compile")
def initialisers():
    found = re.findall(r"^/\*\* (chld_\w+ (\w+) = \w+;) \*/$", HEADER.read_text(), re.M)
    require(len(found) >= 3, "the header's comments are not understood")
    for declaration, name in found:
        try_block("include/chld.h", Block(
            1, "c", f"{declaration}\nreturn {name}.size != sizeof {name};"))
    return f"{len(found)} declarations"
