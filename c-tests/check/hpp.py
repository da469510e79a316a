"""chld.hpp: its tests in hpp/, the conformance list, its README, and its parts."""

import re
import shutil

from .conformance import compare
from .documented import blocks, dead_links
from .tools import (BUILD, HEADER, NO_PIDFDS, ROOT, WARNINGS, Skipped, can_deny_pidfds, check, need,
                    require, run, scratch)

BINDING = ROOT / "bindings/cpp"
TESTS = ROOT / "c-tests/check/hpp"
PARTS = sorted((ROOT / "include/chld").glob("*.hpp"))
STANDARDS = ["c++11", "c++14", "c++17", "c++20"]
STRICT = [*WARNINGS, "-Wshadow", "-Wconversion", "-Wold-style-cast", "-Wnon-virtual-dtor"]
SANITIZE = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]


def compilers():
    found = [compiler for compiler in ("g++", "clang++") if shutil.which(compiler)]
    if not found:
        raise Skipped("neither g++ nor clang++ is installed")
    return found


def compiled(compiler, standard, program, *words):
    run(compiler, f"-std={standard}", *STRICT, "-I", HEADER.parent, "-o", program, *words,
        BUILD / "libchld.a", "-pthread")


def sanitizers(compiler):
    """The flags for sanitizers, if the compiler can link a program with them."""
    probe = scratch() / "probe.cpp"
    probe.write_text("int main() {}\n")
    done = run(compiler, *SANITIZE, "-o", scratch() / "probe", probe, succeed=False)
    return SANITIZE if done.returncode == 0 else []


def test(compiler, standard):
    """Runs the tests of hpp/, file by file compiled."""
    folder = scratch() / f"hpp-{compiler}-{standard}"
    folder.mkdir()
    flags = sanitizers(compiler)
    for source in TESTS.glob("*.cpp"):
        run(compiler, f"-std={standard}", *STRICT, *flags, "-I", HEADER.parent, "-c",
            "-o", folder / f"{source.stem}.o", source)
    compiled(compiler, standard, folder / "tests", *flags, *folder.glob("*.o"))
    run(folder / "tests", cwd=folder, timeout=300)
    remark = f"{standard} by {compiler}{', with sanitizers' if flags else ''}"
    if not can_deny_pidfds():
        return f"{remark}; not seen without pidfds"
    run(*NO_PIDFDS, folder / "tests", cwd=folder, timeout=300)
    return f"{remark}, and where pidfds are denied"


@check("chld.hpp works as documented, in the oldest C++ that it is for")
def oldest():
    return test(compilers()[0], STANDARDS[0])


@check("chld.hpp works as documented, in the newest C++")
def newest():
    return test(compilers()[-1], STANDARDS[-1])


USER = """\
#include <{header}>
{included}
int {name}();
int {name}() {{ {body} }}
"""
# Each template of chld.hpp.
BODY = """\
    std::error_code code;
    auto ignore = [](const std::string &) {};
    chld::options how(chld::cwd("/"), chld::env({{"A", "1"}}), chld::out(chld::lines(ignore)));
    chld::child child({"true"}, how, chld::in(chld::pipe), code);
    child.capture(chld::input("x"), code);
    chld::set set;
    chld::child &run = set.run({"true"}, chld::out(chld::null));
    set.on_event(run, [](chld::event &event) { event.output(); });
    set.capture(chld::child({"true"}), code), set.capture(child, code);
    set.run_pipeline({{"true"}, {"cat"}}, how);
    chld::pipeline line({{"true"}, chld::stage({"cat"}, how)}, code);
    return chld::run_pipeline({{"true"}, {"cat"}}).failed;"""


@check("chld.hpp compiles as C++11 to C++20 with more warnings, and so does each part alone")
def standards():
    source = scratch() / "user.cpp"
    for compiler in compilers():
        for standard in STANDARDS:
            source.write_text(USER.format(header="chld.hpp", included="", name="use", body=BODY))
            run(compiler, f"-std={standard}", *STRICT, "-I", HEADER.parent, "-fsyntax-only", source)
    for part in PARTS:
        source.write_text(f"#include <chld/{part.name}>\n#include <chld.hpp>\n")
        run(compilers()[0], "-std=c++11", *STRICT, "-I", HEADER.parent, "-fsyntax-only", source)
    return f"{len(PARTS)} parts"


@check("chld.hpp: files compiled as C++11 and as C++20 are one program")
def mixed():
    program, objects = scratch() / "mixed", []
    for name, standard, command, code in (("other", "c++11", '"false"', 1),
                                          ("main", "c++20", '"true"', 0)):
        body = "return chld::child({%s}).wait(chld::milliseconds(30000))->code == %d ? 0 : 1;" % (
            command, code)
        if name == "main":
            body = f"if (other()) return 2; {body}"
        source = scratch() / f"mixed-{name}.cpp"
        source.write_text(USER.format(header="chld.hpp", included="int other();", name=name,
                                      body=body))
        objects.append(source.with_suffix(".o"))
        run(compilers()[0], f"-std={standard}", "-I", HEADER.parent, "-c", "-o", objects[-1],
            source)
    run(compilers()[0], "-o", program, *objects, BUILD / "libchld.a")
    run(program)


PROGRAM = "#include <chld.hpp>\n#include <iostream>\n\nint main()\n{{\n{}}}\n"


def block_prints(number, block, place):
    """What a block of the README prints: a program, a part of one, or commands."""
    if block.language == "sh":
        return run("sh", "-eu", "-c", block.code, cwd=place, env={"HOME": str(place)}).stdout
    require(block.language == "cpp", f"there is no rule for a block of {block.language}")
    if "int main()" in block.code:
        (place / "program.cpp").write_text(block.code)
        return None
    source, program = place / f"block-{number}.cpp", place / f"block-{number}"
    source.write_text(PROGRAM.format(block.code))
    compiled(compilers()[0], "c++14", program, source)
    return run(program).stdout


@check("chld.hpp: a newcomer types the lines of bindings/cpp/README.md, and they work")
def newcomer():
    place, readme = scratch() / "newcomer", BINDING / "README.md"
    place.mkdir()
    need("pkg-config")
    text = readme.read_text()
    dead = list(dead_links(readme, text))
    require(not dead, f"README.md leads to {dead}")
    made, *others = blocks(text)
    commands = made.code.replace("make\nmake install ", f"make -C {ROOT} install ")
    require(commands != made.code, "README.md does not begin with make and make install")
    run("sh", "-eu", "-c", commands, cwd=place, env={"HOME": str(place)})
    for number, block in enumerate(others):
        printed = block_prints(number, block, place)
        require(block.prints in (None, printed),
                f"README.md:{block.line} prints:\n{printed}instead of:\n{block.prints}")
    return f"{len(others) + 1} blocks"


@check("bindings/cpp/README.md lists every setting and stream of chld.hpp")
def settings():
    text = (BINDING / "README.md").read_text()
    table = text[text.index("| setting |"):text.index("## Lines")]
    there = set(re.findall(r"`(\w+)", table))
    detail = r"^namespace detail \{.*?^\} // namespace detail$"
    parts = {part.name: re.sub(detail, "", part.read_text(), flags=re.M | re.S) for part in PARTS}
    names = set(re.findall(r"^inline options (\w+)\(", parts["options.hpp"], re.M))
    names |= set(re.findall(r"^(?:inline|template <typename Take>) (?:stream|sink) (\w+)\(",
                            parts["stream.hpp"], re.M))
    names |= set(re.findall(r"^    (\w+) = CHLD_STDIO_", parts["stream.hpp"], re.M))
    require(len(names) > 40, f"this check sees only {names}")
    wrong = names ^ (there - {"chld_spawn_options"})
    require(not wrong, f"only in the README, or only in the header: {sorted(wrong)}")
    return f"{len(names)} names"


@check("chld.hpp passes the conformance list of the bindings")
def conformance():
    for compiler in compilers():
        program = scratch() / f"conformance-{compiler}"
        compiled(compiler, "c++11", program, BINDING / "conformance.cpp")
        for before in ([], NO_PIDFDS) if can_deny_pidfds() else ([],):
            done = run(*before, program, cwd=scratch(), succeed=False)
            remark = compare(done.stdout)
            require(done.returncode == 0, done.stdout + done.stderr)
    return f"{remark} by {' and '.join(compilers())}"


@check("chld.hpp: each part is of at most 400 lines and 100 columns")
def sizes():
    for part in [*PARTS, ROOT / "include/chld.hpp"]:
        lines = part.read_text().splitlines()
        require(len(lines) <= 400, f"{part.name} has {len(lines)} lines")
        wide = [number + 1 for number, line in enumerate(lines) if len(line) > 100]
        require(not wide, f"{part.name} is too wide in line {wide}")
