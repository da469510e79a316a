"""The binary interface against the one recorded in packaging/abi: docs/ABI.md."""

import platform
import re
import xml.etree.ElementTree as xml

from .built import LIBRARY
from .header import must_fail, spoilt_header
from .installed import SONAME
from .tools import BUILD, CC, HEADER, ROOT, Skipped, check, need, require, run, scratch

RECORDED = ROOT / "packaging/abi"
MACHINE = "x86_64"
HERE_NOW = BUILD / "abi"

CHANGED = "If docs/ABI.md allows the change: cp build/abi/* packaging/abi/"


def compare(found, recorded, what):
    """Two lists of lines, of which the recorded one may be only shorter."""
    gone = sorted(set(recorded) - set(found))
    require(not gone, f"{what} gone or changed, which breaks {SONAME}: {', '.join(gone)}")
    new = sorted(set(found) - set(recorded))
    require(not new, f"{what} not recorded: {', '.join(new)}\n{CHANGED}")


def symbols_of(library):
    lines = run(need("nm"), "-D", "--defined-only", library).stdout.splitlines()
    return {line.split()[2].replace("@@", "@") for line in lines if line.split()[1] == "T"}


def recorded_symbols():
    tree = xml.parse(RECORDED / f"{MACHINE}.abi")
    return {f"{symbol.get('name')}@{symbol.get('version')}" for symbol in tree.iter("elf-symbol")}


@check("abi: the symbols and their versions are the recorded ones")
def symbols():
    found, recorded = symbols_of(LIBRARY), recorded_symbols()
    compare(found, recorded, "symbols")
    must_fail(compare, found - {"chld_wait@CHLD_0.1"}, recorded, "symbols")
    must_fail(compare, found | {"chld_wait@CHLD_0.2"}, recorded, "symbols")
    return ", ".join(sorted({symbol.split("@")[1] for symbol in recorded}))


def constants_of(header):
    """"NAME value" of each constant of the header."""
    text = run(*CC, "-dM", "-E", "-x", "c", header).stdout
    found = dict(re.findall(r"^#define (CHLD_\w+) (.+)$", text, re.M))
    return sorted(f"{name} {value}" for name, value in found.items()
                  if not re.fullmatch(r"CHLD_VERSION_\w+|\w+_INIT", name))


@check("abi: the constants are the recorded ones")
def constants():
    found = constants_of(HEADER)
    HERE_NOW.mkdir(exist_ok=True)
    (HERE_NOW / "constants.txt").write_text("\n".join(found) + "\n")
    recorded = (RECORDED / "constants.txt").read_text().splitlines()
    compare(found, recorded, "constants")
    spoilt = constants_of(spoilt_header("CHLD_STATE_LOST 15", "CHLD_STATE_LOST 14"))
    must_fail(compare, spoilt, recorded, "constants")
    return f"{len(recorded)} constants"


def stub(header):
    """A library with the header's functions, empty, and all its types: what is
    shipped has no debug information, and its types are Rust's."""
    text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
    functions = re.findall(r"^((?:int |const char \*)(chld_\w+)\([^;{]*\));", text, re.M)
    here = scratch()
    (here / "stub.exports").write_text("\n".join(name for _, name in functions) + "\n")
    (here / "stub.map").write_text(run(
        "awk", "-f", ROOT / "packaging/symbol-versions.awk", here / "stub.exports", header).stdout)
    (here / "stub.c").write_text("\n".join(
        ['#include "chld.h"', *(f"{function} {{ return 0; }}" for function, _ in functions)]))
    run(*CC, "-std=c11", "-g", "-fPIC", "-shared", "-I", header.parent, "-o", SONAME, "stub.c",
        f"-Wl,-soname,{SONAME},--version-script=stub.map", cwd=here)
    return here / SONAME


def same_abi(header):
    done = run(need("abidiff"), RECORDED / f"{MACHINE}.abi", stub(header), succeed=False)
    require(done.returncode & 3 == 0, f"abidiff does not work: {done.stderr}")
    require(done.returncode == 0, f"{done.stdout.strip()}\n{CHANGED}")


LATER = ("int chld_pid(chld_id id);",
         "int chld_pid(chld_id id);\n/** Since 0.2. */\nint chld_new(int id);")


@check("abi: a program that needs a later version is not started")
def later_version():
    header, program = spoilt_header(*LATER), scratch() / "later"
    source = program.with_suffix(".c")
    source.write_text('#include "chld.h"\nint main(void) { return chld_new(0); }\n')
    library = stub(header)
    run(*CC, "-I", header.parent, "-o", program, source, library)
    run(program, env={"LD_LIBRARY_PATH": str(library.parent)})
    done = run(program, env={"LD_LIBRARY_PATH": str(BUILD)}, succeed=False)
    require(done.returncode != 0 and "CHLD_0.2" in done.stderr, f"it is started: {done.stderr}")


SEEN = [
    LATER,
    ("int chld_pid(chld_id id);", ""),
    ("int chld_pid(chld_id id);", "int chld_pid(int id);"),
    ("int32_t core;", "uint32_t core;"),
    ("int32_t wait_word;\n", "int32_t wait_word;\n    int32_t added;\n"),
    ("    size_t size;\n", "    size_t size;\n    int32_t added;\n"),
    ("} chld_spawn_options;", "    uint64_t added;\n} chld_spawn_options;"),
    ("int32_t cwd_fd;", "uint32_t cwd_fd;"),
    ("const char *cwd;", "const int *cwd;"),
    ("    int32_t program_fd;\n", ""),
    ("CHLD_ERROR_ITEM 112", "CHLD_ERROR_ITEM 108"),
]


@check("abi: abidiff finds the functions and structs as recorded")
def functions_and_structs():
    need("abidiff")
    if platform.machine() != MACHINE:
        raise Skipped(f"recorded for {MACHINE} only")
    HERE_NOW.mkdir(exist_ok=True)
    run("abidw", "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--no-elf-needed",
        "--out-file", HERE_NOW / f"{MACHINE}.abi", stub(HEADER))
    require(symbols_of(stub(HEADER)) == symbols_of(LIBRARY), "the stub has other symbols")
    same_abi(HEADER)
    for change in SEEN:
        must_fail(same_abi, spoilt_header(*change))
    return f"{len(SEEN)} seeded changes are seen"
