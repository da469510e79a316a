"""Programs that do not know the library run on it, with examples/preload: they do the same
as without it."""

from .tools import BUILD, CC, HEADER, ROOT, WARNINGS, check, need, require, run, scratch

FILES = 30
RULES = """\
CC = {cc}
all: program
program: {objects}
\t$(CC) -o $@ $^
%.o: %.c
\t$(CC) -c -o $@ $<
"""
NINJA = """\
rule compile
  command = {cc} -c -o $out $in
rule link
  command = {cc} -o $out $in
build program: link {objects}
{compiles}
"""


def interposer():
    library = scratch() / "preload.so"
    if not library.exists():
        run(*CC, "-std=c11", "-O2", *WARNINGS, "-fPIC", "-shared", "-pthread", "-I", HEADER.parent,
            "-Wl,--exclude-libs,ALL", "-o", library, *sorted((ROOT / "examples/preload").glob("*.c")),
            BUILD / "libchld.a")
    return library


def write_sources(directory):
    """A program of many files, which prints their sum; and how to build it."""
    directory.mkdir()
    names = [f"part{number}" for number in range(FILES)]
    for number, name in enumerate(names):
        (directory / f"{name}.c").write_text(f"int {name}(void) {{ return {number}; }}\n")
    (directory / "main.c").write_text(
        "#include <stdio.h>\n" + "".join(f"int {name}(void);\n" for name in names)
        + f"int main(void) {{ printf(\"%d\\n\", {' + '.join(f'{name}()' for name in names)}); }}\n")
    sources = ["main", *names]
    objects = " ".join(f"{name}.o" for name in sources)
    compiles = "\n".join(f"build {name}.o: compile {name}.c" for name in sources)
    cc = " ".join(CC)
    (directory / "Makefile").write_text(RULES.format(cc=cc, objects=objects))
    (directory / "build.ninja").write_text(NINJA.format(cc=cc, objects=objects, compiles=compiles))


def build(name, command, environment):
    """The lines that a build prints, sorted, and the bytes of all that it makes."""
    directory = scratch() / name
    write_sources(directory)
    done = run(*command, cwd=directory, env=environment)
    require(run(directory / "program").stdout == f"{sum(range(FILES))}\n", "a wrong program")
    made = {path.name: path.read_bytes() for path in directory.glob("*.o")}
    require(len(made) == FILES + 1, f"{len(made)} objects")
    return sorted(done.stdout.splitlines()), sorted(done.stderr.splitlines()), made


def preloaded(log):
    """The dynamic linker writes down which functions it takes from where."""
    return {"LD_PRELOAD": str(interposer()), "LD_DEBUG": "bindings", "LD_DEBUG_OUTPUT": str(log)}


def require_bound(log, program, function):
    """It did start its children by the library."""
    wanted = f"binding file {program} [0] to {interposer()} [0]: normal symbol `{function}'"
    files = list(log.parent.glob(log.name + ".*"))
    require(any(wanted in path.read_text(errors="replace") for path in files),
            f"{program} does not use the {function}() of {interposer()}")


def compare_builds(tool, *arguments):
    need(tool)
    log = scratch() / f"{tool}.log"
    without_numbers = {"NINJA_STATUS": ""}
    plain = build(f"{tool}-plain", [tool, *arguments], without_numbers)
    there = build(f"{tool}-preloaded", [tool, *arguments], {**without_numbers, **preloaded(log)})
    require(there == plain, f"not the same:\n{there[:2]}\n{plain[:2]}")
    require_bound(log, tool, "posix_spawn")
    return f"{FILES + 1} objects and {len(plain[0])} lines"


@check("preload: posix_spawn, popen and system do what libc's do")
def calls():
    program = scratch() / "preloaded"
    run(*CC, "-std=c11", *WARNINGS, "-Wno-unused-result", "-o", program,
        ROOT / "c-tests/check/preloaded.c")
    plain = run(program)
    there = run(program, env={"LD_PRELOAD": str(interposer())})
    require(len(plain.stdout.splitlines()) > 20, f"it prints too little: {plain.stdout}")
    require((there.stdout, there.stderr) == (plain.stdout, plain.stderr),
            f"with the library:\n{there.stdout}{there.stderr}\nwithout:\n{plain.stdout}"
            f"{plain.stderr}")
    return f"{len(plain.stdout.splitlines())} lines are the same"


@check("preload: GNU make builds the same")
def gnu_make():
    return compare_builds("make", "-j4")


@check("preload: ninja builds the same")
def ninja():
    return compare_builds("ninja", "-j4", "-v")
