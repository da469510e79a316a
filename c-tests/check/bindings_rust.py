"""The crate in bindings/rust: its tests, and a program of a newcomer that has it."""

import shutil

from .newcomer import BINDINGS, blocks, conformance, environment, folder, prefix, printed
from .tools import BUILD, CARGO, HEADER, check, need, require, run, scratch

CRATE = BINDINGS / "rust"
CLEAN = {"CARGO_NET_OFFLINE": "true"}


def target():
    """Not in the source tree. All programs here share what is built."""
    return {**CLEAN, "CARGO_TARGET_DIR": str(scratch() / "rust-target")}


@check("the crate in bindings/rust passes its tests, and has the structs of the header")
def crate():
    copy = scratch() / "rust-crate"
    shutil.copytree(CRATE, copy, ignore=shutil.ignore_patterns("target", "Cargo.lock"))
    has = {**target(), "CHLD_LIB_DIR": str(BUILD), "CHLD_STATIC": "1",
           "CHLD_INCLUDE_DIR": str(HEADER.parent)}
    done = run(*CARGO, "test", "--quiet", "--tests", cwd=copy, env=has)
    require("0 failed" in done.stdout, done.stdout[-2000:])
    run(*CARGO, "test", "--quiet", "--doc", cwd=copy, env=has)
    # It builds from what a registry would get.
    run(*CARGO, "package", "--quiet", cwd=copy, env=has)
    if run(*CARGO, "clippy", "--version", succeed=False).returncode == 0:
        run(*CARGO, "clippy", "--quiet", "--all-targets", "--", "-D", "warnings", cwd=copy, env=has)


@check("a newcomer's program in Rust, as in the README, and the conformance list")
def newcomer():
    need("pkg-config")
    has = {**environment(), **target()}
    begin, finish = blocks("rust", "sh")
    first, examples = blocks("rust", "rust")
    run("sh", "-ec", begin, cwd=folder("rust"), env=has)
    project = folder("rust") / "sorted"
    (project / "src/main.rs").write_text(first)
    printed("rust", run("sh", "-ec", finish, cwd=project, env=has).stdout)
    # What the README shows compiles.
    main = "fn main() {\n    let _: fn() -> chld::Result<()> = examples;\n}\n"
    (project / "src/main.rs").write_text(f"{examples}\n{main}")
    run(*CARGO, "check", "--quiet", cwd=project, env=has)
    # The list, with the shared library that is installed.
    shutil.copy(CRATE / "examples/conformance.rs", project / "src/main.rs")
    run(*CARGO, "build", "--quiet", cwd=project, env=has)
    program = scratch() / "rust-target/debug/sorted"
    linked = run("ldd", program, env=has).stdout
    require(str(prefix() / "lib/libchld.so") in linked, f"it links another library:\n{linked}")
    return conformance(program, env=has)
