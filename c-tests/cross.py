#!/usr/bin/env python3
"""Builds the library and its tests for other machines and libcs, and runs them.

    c-tests/cross.py            all targets
    c-tests/cross.py WORD...    those with one of these words in their names

Of each target: the layout of the public structs, what the library imports, and
the tests, in the kernel here or in qemu-user. What has no compiler here is
skipped aloud. Ends with "N passed, N failed, N skipped".
"""

import collections
import concurrent.futures
import ctypes
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True

from check import tools
from check.header import must_fail, spoilt_header
from runner import report
from runner.counts import FAILED, NOTHING, PASSED, SKIPPED, plus, sentence
from runner.lanes import Lane, listed, run_tests

# A target as Rust names it; the prefix of its C compiler and binutils, and for
# musl the compiler's own name; the emulator, or None where the kernel of an
# x86_64 runs it; how much of the tests' loops.
Target = collections.namedtuple("Target", "name rust prefix compiler emulator percent")

TARGETS = [
    Target("i686", "i686-unknown-linux-gnu", "i686-linux-gnu-", None, None, 100),
    Target("musl", "x86_64-unknown-linux-musl", "", "musl-gcc", None, 100),
    Target("aarch64", "aarch64-unknown-linux-gnu", "aarch64-linux-gnu-", None, "qemu-aarch64", 4),
    Target("armv7", "armv7-unknown-linux-gnueabihf", "arm-linux-gnueabihf-", None, "qemu-arm", 4),
    Target("riscv64", "riscv64gc-unknown-linux-gnu", "riscv64-linux-gnu-", None, "qemu-riscv64", 4),
]

OUT = tools.ROOT / "target" / "cross"
SECONDS = 600  # the most that a build may take

# What the linker adds.
NO_IMPORTS = {"_GLOBAL_OFFSET_TABLE_"}


def compiler(target):
    return target.compiler or target.prefix + "gcc"


def driver(target):
    """The C compiler; programs find the target's own libc where it lies."""
    libc = Path("/usr") / target.prefix.rstrip("-") / "lib"
    loaders = sorted(libc.glob("ld-linux*.so.*")) if target.prefix else []
    if not loaders:
        return compiler(target)
    # The older tag counts for what libc loads by itself, too: libgcc_s.
    return f"{compiler(target)} -Wl,-dynamic-linker,{loaders[0]} -Wl,-rpath,{libc}" \
           " -Wl,--disable-new-dtags"


def sysroot(rustc):
    asked = subprocess.run([rustc, "--print", "sysroot"], capture_output=True, text=True)
    return Path(asked.stdout.strip()) / "lib" / "rustlib"


def rust_for(target):
    """(compiler, cargo's flags): one that has core for the target, or its source."""
    known = [os.environ.get("CROSS_RUSTC"), shutil.which("rustc"), "/usr/bin/rustc"]
    roots = {rustc: sysroot(rustc) for rustc in known if rustc and os.path.exists(rustc)}
    for rustc, root in roots.items():
        if (root / target.rust / "lib").is_dir():
            return rustc, ""
    for rustc, root in roots.items():
        if (root / "src/rust/library/core/Cargo.toml").exists():
            return rustc, " -Z build-std=core"
    raise tools.Skipped("no Rust compiler has core for it, nor core's source")


def build(target):
    """The library, the tests and what they start, each as `make` makes it."""
    rustc, flags = rust_for(target)
    out = OUT / target.name
    flags = f"--locked{flags} --target {target.rust} --target-dir {out}"
    linker = f"CARGO_TARGET_{target.rust.upper().replace('-', '_')}_LINKER"
    environment = {"RUSTC": rustc, "RUSTC_BOOTSTRAP": "1", linker: compiler(target),
                   "PKG_CONFIG_LIBDIR": "/nowhere"}  # its libraries are this machine's
    binutils = {name: target.prefix + name.lower()
                for name in ("AR", "LD", "NM", "OBJCOPY", "STRIP")}
    variables = {"O": out, "RAW": out / target.rust / "release/libchld.a", "CARGOFLAGS": flags,
                 "CC": driver(target), "LOOPS": "poll epoll", **binutils}
    if target.emulator:
        variables["TEST_HELPERS"] = ""  # the kernel starts them, so they are this machine's
        shutil.copytree(tools.BUILD / "c-tests/helpers", out / "c-tests/helpers",
                        dirs_exist_ok=True)
    tools.run("make", "-s", *(f"{name}={value}" for name, value in variables.items()),
              "all", "test-static", env=environment, timeout=SECONDS)
    return out


def check_layout(target):
    def compile_layout(header):
        tools.run(compiler(target), "-std=c11", *tools.WARNINGS, "-fsyntax-only", "-I",
                  header.parent, "c-tests/abi_layout.c")
    compile_layout(tools.HEADER)
    must_fail(compile_layout, spoilt_header("int32_t core;", "int64_t core;"))


def check_imports(target, out):
    """What the library needs is libc's, and no other library's."""
    nm = target.prefix + "nm"
    listed = set(tools.words(tools.LISTS / "imports.txt")) | NO_IMPORTS
    text = tools.run(nm, "-u", "--format=posix", out / "chld.o").stdout
    used = {line.split()[0] for line in text.splitlines()}
    tools.require(used, f"{nm} sees no import")
    tools.require(used <= listed, f"not listed: {', '.join(sorted(used - listed))}")
    needed = [line for line in tools.run(target.prefix + "readelf", "-dW", out / "libchld.so").stdout
              .splitlines() if "(NEEDED)" in line]
    tools.require(len(needed) == 1 and "[libc.so" in needed[0], "\n".join(needed))


def tests_of(target, out):
    prefix = [target.emulator] if target.emulator else []
    for program in sorted((out / "c-tests/static").glob("test_*")):
        if program.name.startswith("test_loops_"):
            continue  # other people's libraries, which are this machine's only
        listed = tools.run(*prefix, program, "--list").stdout.split()
        yield from ((program, test) for test in listed)


def without_left_out(tests):
    """The tests that an emulator can run; a line that names none is an error."""
    out, names = listed("emulated.txt"), {program.name for program, _ in tests}
    there = {(program.name, test) for program, test in tests} | {(name, "*") for name in names}
    tools.require(set(out) <= there, f"emulated.txt lists what is not there: {set(out) - there}")
    return [(program, test) for program, test in tests
            if not {(program.name, test), (program.name, "*")} & set(out)]


def let_libcs_signals_in():
    """make's children ignore both signals that glibc keeps for itself: its
    posix_spawn() has it so. Tests on a kernel undo it, an emulator lets none."""
    rt_sigaction = {"x86_64": 13, "aarch64": 134, "riscv64": 134}.get(platform.machine())
    default = ctypes.create_string_buffer(64)
    for number in (32, 33):
        if rt_sigaction:
            ctypes.CDLL(None).syscall(rt_sigaction, number, default, None, ctypes.c_size_t(8))


def run_target(target, out):
    tests = list(tests_of(target, out))
    environment = {}
    if target.emulator:
        tests = without_left_out(tests)
        environment["CHLD_TEST_EMULATED"] = "1"
    return run_tests(Lane(target.name, "static", [target.emulator] if target.emulator else [], 60,
                          target.percent, environment), tests)


def verdict(name, action, *arguments):
    """(counts, what the action returned)"""
    try:
        result = action(*arguments)
        return PASSED, result
    except tools.Skipped as why:
        report.skipped(name, why)
        return SKIPPED, None
    except tools.Failed as why:
        report.failed(name, why)
        return FAILED, None


def why_not_run(target):
    if target.emulator and not shutil.which(target.emulator):
        return f"{target.emulator} is not installed"
    if not target.emulator and platform.machine() != "x86_64":
        return "this is no x86_64"
    return None


def judge(target, building):
    """The counts of one target."""
    total, out = verdict(f"{target.name} build", building.result)
    if shutil.which(compiler(target)):
        total = plus(total, verdict(f"{target.name} layout", check_layout, target)[0])
    if out is None:
        return total
    total = plus(total, verdict(f"{target.name} imports", check_imports, target, out)[0])
    reason = why_not_run(target)
    if reason:
        report.skipped(f"{target.name} tests", reason)
        return plus(total, SKIPPED)
    began = time.monotonic()
    counts, tests = verdict(f"{target.name} tests", run_target, target, out)
    report.say(f"{target.name}: tests took {time.monotonic() - began:.0f} s")
    return plus(total, tests or counts)


def start(target):
    tools.need(compiler(target))
    return build(target)


def main(words):
    wanted = [target for target in TARGETS
              if not words or any(word in target.name for word in words)]
    if any(target.emulator for target in wanted):
        let_libcs_signals_in()
        for (program, test), why in listed("emulated.txt").items():
            report.say(f"left out: {program} {test}: {why}")
    total = NOTHING
    # One build is a compiler that is busy with one crate most of the time.
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        building = [pool.submit(start, target) for target in wanted]
        concurrent.futures.wait(building)
    for target, done in zip(wanted, building):
        counts = judge(target, done)
        report.say(f"{target.name}: {sentence(counts)}")
        total = plus(total, counts)
    tools.clean()
    report.end_progress()
    report.say(sentence(total))
    return 1 if total.failed or total == NOTHING else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
