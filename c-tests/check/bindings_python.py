"""bindings/python: the wheel is built, installed into a scratch environment, and tested there."""

import ctypes
import functools
import importlib.util
import os
import re
import shutil
import sys
import zipfile

from . import conformance
from .documented import dead_links
from .tools import (BUILD, CC, HEADER, NO_PIDFDS, ROOT, Skipped, can_deny_pidfds, check, need,
                    require, run, scratch)

PACKAGE = ROOT / "bindings/python"
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_CACHE_DIR": "1",
           "PYTHONDONTWRITEBYTECODE": "1"}


def make_wheel(folder):
    """The wheel, as `make wheel` builds it."""
    if sys.version_info < (3, 11):
        raise Skipped("building the wheel needs Python 3.11")
    run(sys.executable, PACKAGE / "backend.py", folder, env=OFFLINE)
    (path,) = folder.glob("*.whl")
    return path


@functools.cache
def python():
    """The interpreter of a virtual environment in which the wheel is installed."""
    if run(sys.executable, "-c", "import ensurepip, venv", succeed=False).returncode:
        raise Skipped("python3 has no venv with pip: Debian has them in python3-venv")
    run(sys.executable, "-m", "venv", scratch() / "venv", env=OFFLINE)
    program = scratch() / "venv/bin/python"
    run(program, "-m", "pip", "install", "--quiet", make_wheel(scratch() / "wheel"), env=OFFLINE)
    return program


def installed(*words, before=(), **how):
    """Runs Python with the installed package, outside of the tree."""
    return run(*before, python(), "-W", "error", *words, cwd=scratch(), env=OFFLINE, **how)


def declared(parsed, module):
    """What C must print of structs and constants, and the lines of a program that prints it."""
    want, program = [], []

    def line(text, *expressions):
        program.append(f'printf("{text}\\n", {", ".join(f"(long)({one})" for one in expressions)});')

    for name in parsed.structs:
        struct = module[name.removeprefix("chld_")]
        want.append(f"{name} {ctypes.sizeof(struct)}")
        line(f"{name} %ld", f"sizeof({name})")
        for field, _ in struct._fields_:
            place, member = getattr(struct, field), field.rstrip("_")
            want.append(f"{name}.{member} {place.offset} {place.size}")
            line(f"{name}.{member} %ld %ld", f"offsetof({name}, {member})",
                 f"sizeof((({name} *)0)->{member})")
    for name, value in parsed.constants.items():
        want.append(f"{name} {value}")
        line(f"{name} %ld", f"CHLD_{name}")
    return want, program


@check("Python: the structs, constants and functions are those of chld.h")
def layout():
    spec = importlib.util.spec_from_file_location("header", PACKAGE / "header.py")
    translator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(translator)
    parsed, module = translator.Header(HEADER.read_text()), {}
    exec(parsed.module(), module)
    want, program = declared(parsed, module)
    source = scratch() / "layout.c"
    source.write_text("#include <chld.h>\n#include <stdio.h>\nint main(void)\n{\n"
                      + "\n".join(program) + "\nreturn 0;\n}\n")
    run(*CC, "-I", HEADER.parent, "-o", source.with_suffix(""), source)
    wrong = set(run(source.with_suffix("")).stdout.splitlines()) ^ set(want)
    require(not wrong, f"in C or in Python only: {sorted(wrong)[:6]}")
    strange = set(module["FUNCTIONS"]) ^ set((BUILD / "exports").read_text().split())
    require(not strange, f"declared or exported only: {sorted(strange)}")
    return f"{len(want)} sizes, places and numbers; {len(module['FUNCTIONS'])} functions"


@check("Python: the wheel has the same bytes each time, and the tag that auditwheel wants")
def wheel():
    first, second = make_wheel(scratch() / "first"), make_wheel(scratch() / "second")
    require(first.read_bytes() == second.read_bytes(), "two builds differ")
    names = zipfile.ZipFile(first).namelist()
    for name in ("chld/__init__.py", "chld/_abi.py", "chld/py.typed", "chld/libchld.so.0"):
        require(name in names, f"the wheel has no {name}")
    tag = first.stem.split("-")[-1]
    size = f"{first.name}, {first.stat().st_size // 1024} KiB"
    if not shutil.which("auditwheel"):
        return f"{size}; auditwheel is not installed"
    said = re.search(r'platform tag: "(\w+)"', " ".join(
        run("auditwheel", "show", first).stdout.split())).group(1)
    require(said in tag.split("."), f"the tag is {tag}, and auditwheel says {said}")
    return f"{size}; so says auditwheel"


@check("Python: the conformance list, with pidfds and without")
def conform():
    program = PACKAGE / "tests/conformance.py"
    remark = conformance.compare(installed(program, succeed=False).stdout)
    if not can_deny_pidfds():
        return f"{remark}; not without pidfds: c-tests/deny is not built, or not allowed"
    conformance.compare(installed(program, before=NO_PIDFDS, succeed=False).stdout)
    return remark


@check("Python: the tests of the package")
def tests():
    done = installed("-m", "unittest", "discover", "-s", PACKAGE / "tests")
    return re.search(r"^Ran \d+ tests", done.stderr, re.M).group()


@check("Python: the types, by mypy")
def types():
    version = run(need("mypy"), "--version").stdout.split()[1]
    strict = ["mypy", "--strict", "--cache-dir", os.devnull]
    if tuple(map(int, version.split(".")[:2])) < (1, 5):
        strict.append("--enable-incomplete-feature=Unpack")
    code = "import chld; print(chld.__path__[0])"
    run(*strict, installed("-c", code).stdout.strip())
    run(*strict, "--python-executable", python(), PACKAGE / "tests/typed.py")
    return f"mypy {version}"


@check("Python: the lines of bindings/python/README.md, from nothing to an answer")
def readme():
    """The blocks of the page in their order, in a folder that has the tree's files."""
    python()
    folder = scratch() / "newcomer"
    folder.mkdir()
    for path in ROOT.iterdir():
        (folder / path.name).symlink_to(path)
    text = (PACKAGE / "README.md").read_text()
    dead = list(dead_links(PACKAGE / "README.md", text))
    require(not dead, f"it leads to {dead}")
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S)
    require([kind for kind, _ in blocks[:2]] == ["sh", "text"], "it does not begin with sh, text")
    for number, (kind, block) in enumerate(blocks):
        if kind == "sh":
            said = run("sh", "-ec", block, cwd=folder, env=OFFLINE).stdout
        elif kind == "python":
            said = installed("-c", block).stdout
        else:
            require(kind == "text", f"a block in {kind}: this check cannot run it")
            require(said.endswith(block), f"block {number + 1} prints\n{said[-500:]}")
    return f"{len(blocks)} blocks"
