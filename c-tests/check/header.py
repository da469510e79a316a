"""include/chld.h: current, clean in every language, and laid out as promised."""

import os
import re
import shutil
import time

from .tools import (BUILD, CARGO, CC, HEADER, ROOT, WARNINGS, Copy, Failed, Skipped, check, need,
                    require, run, scratch)

PROGRAM = """\
#include "chld.h"
#include "chld.h"

int main(void)
{
    chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT;
    const char *argv[] = { "true", 0 };
    chld_id id;

    return options.size == sizeof(chld_spawn_options) ? chld_spawn(&id, argv, &options, 0) : 1;
}
"""


def generator():
    """The folder in which cargo has built packaging/header."""
    target = ROOT / "target/header"
    done = run(*CARGO, "build", "--quiet", "--locked", "--target-dir", target,
               cwd=ROOT / "packaging/header", succeed=False)
    if re.search("failed to (download|get|load)|no matching package", done.stderr):
        raise Skipped("the crate cbindgen is not there, and cannot be fetched")
    require(done.returncode == 0, done.stderr)
    return target


def generated(tree):
    header = scratch() / "generated.h"
    run(generator() / "debug/chld-header", tree, header)
    return header.read_text()


ADDED = "\n/** Added by a check. */\npub const CHLD_ADDED: i32 = 7;\n"


@check("the committed header is what `make header` generates")
def current():
    made = generated(ROOT)
    if made != HEADER.read_text():
        (ROOT / "build").mkdir(exist_ok=True)
        (ROOT / "build/chld.h").write_text(made)
        raise Failed("include/chld.h is not what src/ffi says; build/chld.h is: run `make header`")
    copy = Copy("header-changed")
    copy.append("src/ffi/ask.rs", ADDED)
    require(generated(copy.root) != made, "a constant more in src/ffi makes no difference")


def newer(file):
    """Gives a file the time that an edit after the first `make` would."""
    later = time.time() + 120
    os.utime(file, (later, later))


@check("`make` regenerates the header after a change in src/ffi, if cbindgen can be had")
def regenerated():
    copy = Copy("header-made")
    header = copy.root / "include/chld.h"
    shutil.copytree(generator(), copy.target / "header", symlinks=True)
    with_nothing = {"CARGO_HOME": str(scratch() / "no-crates"), "CARGO_NET_OFFLINE": "true"}

    def make(*arguments, **more):
        done = run("make", *arguments, cwd=copy.root, succeed=False, **more)
        return done.returncode, "cbindgen" in done.stderr

    # Without a change nothing is generated, whatever else is in the header.
    copy.append("include/chld.h", "stale\n")
    require(make("include/chld.h") == (0, False), "an unchanged src/ffi is no reason to generate")
    require(header.read_text().endswith("stale\n"), "the header was generated for no reason")

    copy.append("src/ffi/ask.rs", ADDED)
    newer(copy.root / "src/ffi/ask.rs")
    without = (copy.target / "header").rename(copy.target / "header-away")
    require(make("include/chld.h", env=with_nothing) == (0, True),
            "without cbindgen, `make` does not go on, or does not say what to do")
    require(make("header", env=with_nothing)[0] != 0, "`make header` succeeds without cbindgen")
    require("CHLD_ADDED" not in header.read_text(), "this check has cbindgen all the same")
    shutil.rmtree(copy.target / "header", ignore_errors=True)
    without.rename(copy.target / "header")
    require(make("include/chld.h") == (0, False), "`make` fails after a change in src/ffi")
    require("CHLD_ADDED 7" in header.read_text(), "the header was not generated anew")


C, CPP = ["c99", "c11", "c17"], ["c++11", "c++17"]
COMPILERS = [(CC, C), (["clang"], C), (["g++"], CPP), (["clang++"], CPP)]


def compile_header(command, standard, header):
    """The header alone, and a program that includes it twice and uses it."""
    language = "c++" if "++" in standard else "c"
    file = scratch() / ("twice." + language)
    file.write_text(PROGRAM)
    flags = ["-std=" + standard, *WARNINGS, "-fsyntax-only", "-x", language]
    run(*command, *flags, "-I", header.parent, file)
    # What is behind the pragma would be spared.
    alone = scratch() / ("alone." + language)
    alone.write_text(header.read_text().replace("#pragma GCC system_header\n", ""))
    run(*command, *flags, alone)


def spoilt_header(old, new):
    folder = scratch() / "spoilt"
    folder.mkdir(exist_ok=True)
    text = HEADER.read_text()
    require(old in text, f"the header has no {old!r}: teach this check its new text")
    (folder / "chld.h").write_text(text.replace(old, new, 1))
    return folder / "chld.h"


def must_fail(action, *arguments):
    try:
        action(*arguments)
    except Failed:
        return
    raise Failed(f"this check does not fail when it should: {action.__name__}")


def with_each(compilers, action, *arguments):
    """Calls `action` with each compiler that is there, and each standard."""
    remarks = []
    for command, standards in compilers:
        try:
            need(command[0])
        except Skipped as why:
            remarks.append(f"skipped {', '.join(standards)}: {why}")
            continue
        for standard in standards:
            action(command, standard, *arguments)
        remarks.append(f"{command[0]}: {', '.join(standards)}")
    return "\n".join(remarks)


@check("the header compiles clean as C99, C11, C17, C++11 and C++17")
def clean():
    remarks = with_each(COMPILERS, compile_header, HEADER)
    unguarded = spoilt_header("#ifndef CHLD_H\n#define CHLD_H\n", "#ifndef CHLD_H\n")
    must_fail(compile_header, CC, "c11", unguarded)
    return remarks


# For each header: the library that it needs, by the name of pkg-config, and a program.
ADAPTERS = {
    "chld-glib.h": ("glib-2.0", """\
static void on_event(const chld_event *event, gpointer data)
{
    *(int *)data += (int)event->kind;
}

int main(void)
{
    int sum = 0;
    return (int)chld_glib_source(CHLD_NONE, on_event, &sum);
}
"""),
    "chld-uv.h": ("libuv", """\
static void on_event(chld_uv *watcher, const chld_event *event)
{
    chld_uv_close(watcher, NULL);
    chld_close(event->id);
}

int main(void)
{
    chld_uv watcher;
    return chld_uv_init(&watcher, uv_default_loop(), CHLD_NONE, on_event) != UV_EBADF;
}
"""),
}


@check("chld-glib.h and chld-uv.h compile clean in C and C++, with these libraries")
def adapters():
    remarks = []
    for header, (package, program) in ADAPTERS.items():
        if run(need("pkg-config"), "--exists", package, succeed=False).returncode:
            remarks.append(f"skipped {header}: {package} is not installed")
            continue
        flags, libraries = (run("pkg-config", option, package).stdout.split()
                            for option in ("--cflags", "--libs"))
        flags = [flag.replace("-I", "-isystem", 1) for flag in flags]
        for command, standards in COMPILERS:
            if not shutil.which(command[0]):
                continue
            for standard in standards:
                language = "c++" if "++" in standard else "c"
                file = scratch() / f"adapter.{language}"
                # uv.h needs what POSIX adds to C.
                file.write_text("#define _POSIX_C_SOURCE 200809L\n" * ("++" not in standard)
                                + f"#include <{header}>\n" * 2 + program)
                run(*command, "-std=" + standard, *WARNINGS, "-Wshadow", "-Wconversion",
                    "-I", HEADER.parent, *flags, "-x", language, file, "-x", "none",
                    "-o", scratch() / "adapter", BUILD / "libchld.a", *libraries)
                run(scratch() / "adapter")
        remarks.append(f"{header} with {package}")
    return "\n".join(remarks)


ARGUMENTS = """\
#include <chld.h>

int main(int argc, char *argv[])
{
    char name[] = "true", *variable[] = { name, 0 }, *const fixed[] = { name, 0 };
    const char *constant[] = { "true", 0 };
    const char *const both[] = { "true", 0 }, *const *pointer = constant;
    chld_id id;

    return argc + chld_spawn(&id, variable, 0, 0) + chld_spawn(&id, constant, 0, 0)
        + chld_spawn(&id, both, 0, 0) + chld_spawn(&id, fixed, 0, 0)
        + chld_spawn(&id, pointer, 0, 0) + chld_spawn(&id, 0, 0, 0)
        + chld_spawn(&id, argv, 0, 0) + chld_run(argv + 1, 0, 0, 0, 0);
}
"""
EVERY_C, EVERY_CPP = [*C, "c2x"], ["c++11", "c++14", "c++17", "c++20"]


def pass_arguments(command, standard, program, *more):
    language = "c++" if "++" in standard else "c"
    pointers = [] if language == "c++" else ["-Wincompatible-pointer-types"]
    file = scratch() / ("arguments." + language)
    file.write_text(program)
    run(*command, "-std=" + standard, *WARNINGS, "-Wpedantic", "-Wcast-qual", *pointers, *more,
        "-fsyntax-only", "-x", language, "-I", HEADER.parent, file)


@check("argv is taken without a cast, as main() has it and as constants")
def arguments():
    remarks = with_each([(CC, EVERY_C), (["clang"], EVERY_C), (["g++"], EVERY_CPP),
                         (["clang++"], EVERY_CPP)], pass_arguments, ARGUMENTS)
    must_fail(pass_arguments, CC, "c11", ARGUMENTS, "-DCHLD_PLAIN_ARGV")
    must_fail(pass_arguments, CC, "c11", ARGUMENTS.replace("(&id, argv,", "(&id, name,"))
    return remarks


def members(text):
    """"type.member" of every struct in the header."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    for body, name in re.findall(r"typedef struct \w+ \{(.*?)\} (\w+);", text, re.S):
        for declaration in body.split(";")[:-1]:
            function = re.search(r"\(\*(\w+)\)", declaration)
            plain = re.search(r"(\w+)(?:\[\w+\])?\s*$", declaration)
            yield name, (function or plain).group(1)


def compile_layout(header, *flags):
    run(*CC, "-std=c11", *WARNINGS, "-fsyntax-only", "-I", header.parent, *flags,
        "c-tests/abi_layout.c")


@check("structs are laid out as promised, with 64 and 32 bit")
def layout():
    asserts = (ROOT / "c-tests/abi_layout.c").read_text()
    promised = set(re.findall(r"^AT\((\w+), (\w+),", asserts, re.M))
    there = set(members(HEADER.read_text()))
    require(there == promised, f"c-tests/abi_layout.c and the header differ: "
            f"{sorted('.'.join(pair) for pair in there ^ promised)}")
    compile_layout(HEADER)
    must_fail(compile_layout, spoilt_header("int32_t core;", "int64_t core;"))
    remarks = ["this machine's own"]
    for flags in (["-m32"], ["-m32", "-malign-double"]):
        # Freestanding: gcc's own headers do, those of a 32-bit libc may be missing.
        flags.append("-ffreestanding")
        if run(*CC, *flags, "-fsyntax-only", "-x", "c", "/dev/null", succeed=False).returncode:
            remarks.append(f"skipped {' '.join(flags)}: {CC[0]} cannot")
            continue
        compile_layout(HEADER, *flags)
        remarks.append(" ".join(flags))
    return "\n".join(remarks)
