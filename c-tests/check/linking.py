"""Programs that link the library: beside another Rust library, static, as
installed."""

import os

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


# The aim is 16 KB: docs/performance.md says what is in the way. This is to see
# when it grows.
LIMIT = 40 * 1024


@check("a static program that spawns, waits and decodes grows by less than 40 KB")
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


class Installed:
    """A tree that `make install` filled: built under one prefix, installed
    under another, as people do."""

    def __init__(self):
        self.root = scratch() / "installed"
        self.words = [f"O={scratch() / 'made'}", f"DESTDIR={self.root}", "PREFIX=/usr"]

    def make(self, goal, *more):
        run("make", goal, *self.words, *more, cwd=ROOT)

    def files(self):
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*")
                if path.is_symlink() or not path.is_dir()}

    def compile(self, name, *flags):
        """Builds a program with the flags that pkg-config tells, and runs it."""
        environment = {
            "PKG_CONFIG_LIBDIR": str(self.root / "usr/lib/pkgconfig"),
            "PKG_CONFIG_SYSROOT_DIR": str(self.root),
            "PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1",
            "PKG_CONFIG_ALLOW_SYSTEM_LIBS": "1",
        }
        told = run(need("pkg-config"), "--cflags", "--libs", *flags, "chld", env=environment)
        source, program = scratch() / f"{name}.c", scratch() / name
        source.write_text(USES)
        static = ["-static"] if "--static" in flags else []
        run(*CC, *STRICT, *static, "-o", program, source, *told.stdout.split())
        run(program, env={"LD_LIBRARY_PATH": str(self.root / "usr/lib")})
        return run(need("readelf"), "-dW", program).stdout


@check("make install lays everything out, and make uninstall leaves no file")
def install():
    installed = Installed()
    run("make", "all", installed.words[0], cwd=ROOT)
    installed.make("install")
    version = next(line.split('"')[1] for line in (ROOT / "Cargo.toml").read_text().splitlines()
                   if line.startswith("version"))
    soname = f"libchld.so.{version.split('.')[0]}"
    expected = {"usr/include/chld.h", "usr/lib/libchld.a", f"usr/lib/libchld.so.{version}",
                f"usr/lib/{soname}", "usr/lib/libchld.so", "usr/lib/pkgconfig/chld.pc"}
    there = installed.files()
    require(there == expected, f"installed: {sorted(there)}")
    for link in (soname, "libchld.so"):
        path = installed.root / "usr/lib" / link
        require(path.resolve().name == f"libchld.so.{version}", f"{link} leads elsewhere")
        require(not os.path.isabs(os.readlink(path)), f"{link} is an absolute link")
    told = (installed.root / "usr/lib/pkgconfig/chld.pc").read_text()
    require(told.startswith("prefix=/usr\n"),
            f"after make, then make install PREFIX=/usr, chld.pc has {told.splitlines()[0]}")
    remark = programs(installed)
    installed.make("uninstall")
    require(not installed.files(), f"uninstall left {sorted(installed.files())}")
    return remark


def programs(installed):
    try:
        need("pkg-config")
    except Skipped as why:
        return f"skipped programs that use it: {why}"
    require("libchld.so." in installed.compile("with_shared"), "the program is not linked to it")
    require("libchld" not in installed.compile("with_static", "--static"), "it is not static")
    return "programs built with what pkg-config tells, shared and static, work"
