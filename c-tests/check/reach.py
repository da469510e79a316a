"""What the child's half, and code that runs in signal handlers, can reach in
the object that is shipped. See elf.py for how."""

import re

from . import elf
from .built import seeded_object
from .tools import BUILD, HEADER, LISTS, ROOT, Failed, Skipped, check, need, require, run, words

CHILD = ["sys::clone::enter"]
HANDLERS = ["handler::on_sigchld"]


def readable(names):
    """Rust paths for mangled names."""
    plain = run(need("nm"), "-C", BUILD / "chld.o").stdout.splitlines()
    mangled = run("nm", BUILD / "chld.o").stdout.splitlines()
    path = {m.split()[-1]: p.split(None, 2)[-1] for m, p in zip(mangled, plain)}
    return [re.sub(r"::h[0-9a-f]{16}$", "", path.get(name, name)) for name in names]


def reached(path, entries):
    """(imports, functions with branches by pointer) of what the entries reach.
    Whatever code can take the address of counts as reached, so a branch by
    pointer adds nothing, unless the pointer came from elsewhere."""
    made = elf.Object(path)
    names = []
    for entry in entries:
        found = made.functions(entry)
        require(found, f"{path.name} has no function {entry}: was it renamed?")
        names += found
    sections, imports = made.reach(names)
    code = run(need("objdump"), "-d", "--no-show-raw-insn", path).stdout
    return imports, elf.by_pointer(code, {made.sections[section] for section in sections})


def calls_only(path, entries, section):
    imports, pointers = reached(path, entries)
    wrong = imports - set(words(LISTS / "handler-safe.txt", section))
    require(not wrong, f"{', '.join(entries)} can call {', '.join(sorted(wrong))}")
    return imports, pointers


def remark(imports, pointers):
    functions = sorted(set(readable(place.split(": ")[0] for place in pointers)))
    return "\n".join([f"reaches {', '.join(sorted(imports)) or 'nothing'} of libc",
                      *(f"branches by pointer in {name}" for name in functions)])


@check("the child's half calls no function of libc")
def child():
    try:
        calls_only(seeded_object(), CHILD, "child")
    except Failed as why:
        require("getpid" in str(why), f"the seeded call of getpid gives: {why}")
    else:
        raise Failed("this check does not see a seeded call of getpid")
    imports, pointers = calls_only(BUILD / "chld.o", CHILD, "child")
    # A pointer could only be one that the parent put into the plan. The process
    # between caller and detached child clones once more: the call in arch.rs
    # enters that child's half, which is an entry of this check itself.
    enters = re.compile(r"(Between|arch.*clone).*: (call +\*%r14|blr +x22|jalr +s4|blx +r5)")
    calls = [place for place in pointers
             if re.search(r": (call|bl)", place) and not enters.search(place)]
    require(not calls, "calls through pointers:\n" + "\n".join(calls))
    return remark(imports, pointers)


@check("the SIGCHLD handler calls async-signal-safe functions only")
def handler():
    return remark(*calls_only(BUILD / "chld.o", HANDLERS, "handler"))


def promised():
    """The functions that are async-signal-safe by their comment in the header."""
    function = r"/\*\*((?:(?!\*/).)*)\*/\s[^;/#]*?\b(chld_\w+)\([^;]*;"
    for comment, name in re.findall(function, HEADER.read_text(), re.S):
        says = re.sub(r"\s*\n \*\s*", " ", comment)
        if re.search(r"(?<!not )async-signal-safe", says, re.I):
            yield name


@check("functions that the header calls async-signal-safe are that")
def promises():
    names = list(promised())
    require("chld_kill" in names and "chld_spawn" not in names, "the comments are not understood")
    unsafe = calls_only_fails(["chld_spawn"])
    require(unsafe, "this check takes chld_spawn for async-signal-safe")
    wrong = [why for why in (calls_only_fails([name]) for name in names) if why]
    require(not wrong, "\n".join(wrong))
    return f"{len(names)} functions"


def calls_only_fails(entries):
    try:
        calls_only(BUILD / "chld.o", entries, "handler")
    except Failed as why:
        return str(why)
    return None
