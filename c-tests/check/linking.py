"""Programs that link the library: beside another Rust library, and static."""

from signal import SIGSEGV

from .tools import (BUILD, CC, HEADER, ROOT, WARNINGS, Failed, Skipped, check, need, require, run,
                    scratch)

BESIDE = ROOT / "c-tests/beside"
RAW = ROOT / "target/release/libchld.a"
STRICT = ["-std=c11", *WARNINGS, "-O2"]


def link_beside(*archives):
    program = scratch() / "beside"
    run(*CC, *STRICT, "-I", HEADER.parent, "-o", program, BESIDE / "main.c", *archives)
    require(run(program, succeed=False).returncode == 0, "the program does not work")


@check("the library links beside another Rust static library")
def beside():
    other = scratch() / "libother.a"
    run("rustc", "--edition=2024", "--crate-type=staticlib", "-Cpanic=abort", "-O", "-Clto",
        "-o", other, BESIDE / "other.rs")
    link_beside(BUILD / "libchld.a", other)
    link_beside(other, BUILD / "libchld.a")
    link_beside("-Wl,--whole-archive", BUILD / "libchld.a", other, "-Wl,--no-whole-archive")
    try:
        link_beside("-Wl,--whole-archive", RAW, other, "-Wl,--no-whole-archive")
    except Failed as why:
        require("multiple definition" in str(why), f"cargo's own archive gives: {why}")
        return "also as whole archives, where what cargo itself makes clashes"
    raise Failed("cargo's own archive links as well: this check shows nothing")


EMPTY = "int main(void)\n{\n    return 0;\n}\n"

USES = """\
#include "chld.h"

int main(void)
{
    const char *argv[] = { "true", NULL };
    chld_status status, again;
    chld_id id;

    if (chld_spawn(&id, argv, NULL, NULL) || chld_wait(id, 60000, &status))
        return 1;
    return chld_status_decode(status.wait_word, &again) || again.code;
}
"""


def static_program(name, text, *libraries):
    source, program = scratch() / f"{name}.c", scratch() / name
    source.write_text(text)
    run(*CC, *STRICT, "-static", "-Wl,--gc-sections", "-I", HEADER.parent, "-o", program, source,
        *libraries)
    require(run(program, succeed=False).returncode == 0, f"{name} does not work")
    return program


def sizes(program):
    """(text + data + bss, bytes of the stripped file)"""
    sections = int(run(need("size"), program).stdout.splitlines()[1].split()[3])
    run(need("strip"), program)
    return sections, program.stat().st_size


# The aim is 24 KB: docs/performance.md lists what is in the way. This shows when it
# grows.
LIMIT = 57 * 1024


@check("a static program that spawns, waits and decodes grows by less than 57 KB")
def growth():
    try:
        empty = static_program("empty", EMPTY)
    except Failed:
        raise Skipped("there is no static C library") from None
    (before, file_before), (after, file_after) = map(
        sizes, (empty, static_program("uses", USES, BUILD / "libchld.a")))
    grown = after - before
    remark = (f"{grown:,} bytes of text, data and bss, linked with --gc-sections; "
              f"{file_after - file_before:,} of stripped file")
    require(0 < grown < LIMIT, remark)
    return remark


def closed_with(library):
    """How a program exits that closes the library while its handler is installed."""
    program = scratch() / "unloaded"
    run(*CC, *STRICT, "-o", program, BESIDE / "unloaded.c", "-ldl")
    return run(program, library, succeed=False).returncode


@check("a SIGCHLD after dlclose() finds the handler")
def unloaded():
    library = BUILD / "libchld.so"
    code = closed_with(library.resolve())
    require(code == 0, f"the program ends with {code}")
    # The same without the flag that the Makefile gives.
    bare = scratch() / "libbare.so"
    run(*CC, "-shared", "-nostartfiles", "-o", bare, BUILD / "chld.o",
        f"-Wl,--version-script={BUILD / 'chld.map'}")
    code = closed_with(bare)
    if code == 0:
        return "dlclose() of this C library unloads nothing"
    require(code == -SIGSEGV, f"without nodelete the program ends with {code}")
