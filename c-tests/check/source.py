"""How the Rust source is written: layers, and unsafe code."""

import re
from collections import Counter

from .tools import CARGO, ROOT, Copy, check, need, require, run

# Comments, strings and characters; what is left is code.
NO_CODE = re.compile(r"""//[^\n]*|/\*.*?\*/|[bc]*"(?:\\.|[^"\\])*"|b?'(?:\\[^']*|[^'\\])'""", re.S)
TESTS = re.compile(r"^#\[cfg\(test\)\]\nmod tests \{.*\Z", re.S | re.M)


def blank(match):
    return "\n" * match.group().count("\n")


def code(text):
    """The text without comments, strings and unit tests, line for line."""
    return NO_CODE.sub(blank, TESTS.sub("", text))


def sources():
    """The library's own source: path -> text. src/oracle.rs is a test."""
    files = {str(path.relative_to(ROOT)): path.read_text() for path in ROOT.glob("src/**/*.rs")}
    files.pop("src/oracle.rs", None)
    return files


def layer(path):
    return {"src/sys": "sys", "src/ffi": "ffi"}.get(path.rsplit("/", 1)[0], "logic")


def named_modules(path, text):
    """The modules of the crate that a file names: the X of each `crate::X`."""
    home = re.sub(r"(/mod)?\.rs$", "", path).split("/")[1:]
    for match in re.finditer(r"\b(crate|(?:super::)*super)::(?=\{|\w)", text):
        start = match.group(1)
        depth = 0 if start == "crate" else len(home) - start.count("super")
        if depth > 0:
            yield home[0]
        else:
            yield from first_names(text[match.end():])


def first_names(path):
    """What a path goes on with: "a::b" with a, "{a::{b, c}, d}" with a and d."""
    if not path.startswith("{"):
        return [re.match(r"\w+", path).group()]
    names, depth = [], 0
    for token in re.findall(r"[{}]|(?<![:\w])\w+", path):
        depth += (token == "{") - (token == "}")
        if depth == 0:
            break
        if depth == 1 and token not in "{}":
            names.append(token)
    return names


LIBC_CALL = re.compile(r"\blibc::[a-z_0-9]+\(|\buse libc\b")
ASSEMBLY = re.compile(r"\b(?:global_|naked_)?asm!")
EXTERN_BLOCK = re.compile(r'\bextern\s*\{')


def misplaced(files):
    """Everything in `files` that is against the layers, a sentence each."""
    wrong = []
    for path, text in sorted(files.items()):
        text = code(text)
        place = layer(path)
        names = set(named_modules(path, text))
        if place == "sys":
            # model: what the model checker has in place of the kernel, under its cfg.
            wrong += [f"{path} uses crate::{name}" for name in names - {"sys", "model"}]
            continue
        if place == "logic" and "ffi" in names:
            wrong.append(f"{path} uses crate::ffi")
        wrong += [f"{path} has {match.group()}" for pattern in (LIBC_CALL, ASSEMBLY)
                  for match in pattern.finditer(text)]
        # lib.rs names the function that only the proof against panics needs.
        if path != "src/lib.rs" and EXTERN_BLOCK.search(text):
            wrong.append(f"{path} declares functions of C")
    return wrong


@check("layers point one way: ffi, logic, sys")
def layers():
    for path, text in {
        "src/sys/fd.rs": "use crate::table;",
        "src/sys/poll.rs": "use super::super::{slot, sys};",
        "src/sys/mod.rs": "use super::table::root;",
        "src/reap.rs": "use crate::{sys::{fd, poll}, ffi::wait};",
        "src/wait.rs": "fn f() { super::ffi::g() }",
        "src/pin.rs": "unsafe { libc::close(1) };",
        "src/ffi/ask.rs": 'core::arch::asm!("nop")',
        "src/slot.rs": 'unsafe extern "C" { fn close(fd: i32); }',
    }.items():
        require(misplaced({path: text}), f"this check does not see what is wrong with {text!r}")
    files = sources()
    wrong = misplaced(files)
    require(not wrong, "\n".join(wrong))
    count = Counter(map(layer, files))
    return ", ".join(f"{count[place]} files of {place}" for place in ("ffi", "logic", "sys"))


UNSAFE = re.compile(r"\bunsafe\b(?!\(no_mangle\))")
NEEDS_REASON = re.compile(r"\bunsafe\s*(?:\{|impl\b)")


def unexplained(path, text):
    """The unsafe blocks above which no comment has SAFETY."""
    lines, wrong = text.splitlines(), []
    for number, line in enumerate(code(text).splitlines()):
        if not NEEDS_REASON.search(line):
            continue
        # Up to the statement's first line, then through the comment above it.
        above = number
        while above > 0 and number - above < 12:
            above -= 1
            if "SAFETY:" in lines[above]:
                break
            if re.search(r"[;}]\s*$", lines[above]) and "//" not in lines[above]:
                above = -1
                break
        if above < 0 or "SAFETY:" not in lines[above] and "SAFETY:" not in line:
            wrong.append(f"{path}:{number + 1}: no SAFETY comment")
    return wrong


@check("unsafe code stands where it may, with the reason why it is sound")
def unsafe_code():
    require(unexplained("x", "fn f() {\n    let a = 1;\n    unsafe { g() };\n}"),
            "this check does not see a block without a comment")
    files = sources()
    require("#![deny(unsafe_code)]" in files["src/lib.rs"], "src/lib.rs does not deny unsafe_code")
    wrong, count, elsewhere = [], {"sys": 0, "ffi": 0}, []
    for path, text in sorted(files.items()):
        wrong += unexplained(path, text)
        bare, place = code(text), layer(path)
        if place == "logic" and re.search(r"#!\[allow\([^)]*unsafe_code", bare):
            wrong.append(f"{path} allows unsafe code as a whole")
        for number, line in enumerate(bare.splitlines(), 1):
            if not UNSAFE.search(line):
                continue
            if place in count:
                count[place] += 1
                continue
            elsewhere.append(f"{path}:{number}: {line.strip()}")
    require(not wrong, "\n".join(wrong))
    return "\n".join([f"in src/sys {count['sys']} times, in src/ffi {count['ffi']}; elsewhere:",
                      *elsewhere])


@check("clippy reports nothing")
def clippy():
    need("cargo-clippy")
    copy = Copy("clippy")
    # Some casts of system call numbers are needed on other architectures only.
    allowed = ["-A", "dead_code", "-A", "clippy::unnecessary_cast"]
    run(*CARGO, "clippy", "--release", "--locked", "--all-targets", "--features", "oracle", "--",
        "-D", "warnings", *allowed, cwd=copy.root)
