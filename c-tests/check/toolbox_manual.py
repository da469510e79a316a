"""The manual pages of the tools: each is shown by man and compared with its source, and
its examples are run."""

import os
import re
from collections import Counter

from .manual import readers, shown
from .tools import LISTS, check, need, require, run, scratch, words
from .toolbox import TOOLS, page, place, same

ESCAPES = {r"\(dq": '"', r"\(aq": "'", r"\-": "-", r"\e": "\\", r"\&": ""}


def plain(text):
    """What a line of a page's source stands for, if it has no macros."""
    for escape, character in ESCAPES.items():
        text = text.replace(escape, character)
    return text


def literal_blocks(source):
    """The lines that must be shown exactly as they are written, block by block."""
    pattern = r"^\.Dl (?P<line>.*)$|^\.Bd -literal.*\n(?P<lines>(?:.*\n)*?)\.Ed$"
    return [[plain(line) for line in (match["line"] or match["lines"]).splitlines()]
            for match in re.finditer(pattern, source, re.M)]


def cells(source):
    """The cells of the tables."""
    return [plain(text) for text in re.findall(r"\bT\{\n(.*?)\nT\}", source, re.S)]


def wrong_in(source, text):
    """What of a page's source is not in the text that is shown."""
    lines = Counter(line.strip() for line in text.splitlines())
    for block in literal_blocks(source):
        yield from (line for line in block if lines[line] == 0)
    missing = Counter(" ".join(cells(source)).split()) - Counter(text.split())
    yield from (f"the table's {word!r}" for word in missing)


def tree(name, source):
    """A tree of pages with this one, as man wants it."""
    root = scratch() / "tool-pages"
    (root / "man1").mkdir(parents=True, exist_ok=True)
    (root / f"man1/{name}.1").write_text(source)
    return root


# What roff makes something else of.
SPOILT = [
    ("chld-timeout", "find \\&. -name", "find . -name"),
    ("chld-timeout", "\\(aqsleep\\(aq\n124", "'sleep'\n'124"),
    ("chld-init", "\\(dq-g\\(dq,", '"-g",'),
    ("chld-init", "given up for", "'given up for"),
]


@check("tools: their manual pages are shown as they are written")
def rendered():
    count = 0
    for program, reader in readers().items():
        for name in TOOLS:
            source = page(name).read_text()
            text = shown(reader, tree(name, source), name)
            require(len(literal_blocks(source)) >= 3 and len(cells(source)) >= 40,
                    f"{name}: this check does not see the examples or the table")
            wrong = list(wrong_in(source, text))
            require(not wrong, f"{program} {name} does not show: " + "; ".join(wrong))
            count += 1
        for name, old, new in SPOILT:
            source = page(name).read_text()
            require(old in source, f"{name} has no {old!r}: teach this check its new text")
            source = source.replace(old, new, 1)
            require(list(wrong_in(source, shown(reader, tree(name, source), name))),
                    f"{program} {name}: this check does not see {new!r}")
    return f"{count} pages shown"


def from_synopsis(text):
    return text[text.index("SYNOPSIS"):].strip()


@check("tools: all programs that show manual pages show the same words")
def same_words():
    for name in TOOLS:
        texts = {program: shown(reader, tree(name, page(name).read_text()), name)
                 for program, reader in readers().items()}
        # The first and the last lines are each program's own, and so are the rules of tables.
        counts = {program: Counter(word for line in from_synopsis(text).splitlines()[:-1]
                                   for word in line.split()
                                   if not re.fullmatch("[-_\u2500]{3,}", word))
                  for program, text in texts.items()}
        first = next(iter(counts))
        for program, count in counts.items():
            other = counts[first]
            same(f"{name}: only {first} or {program}", (count - other) + (other - count), Counter())
    return ", ".join(texts)


@check("tools: the examples of their manual pages print what the pages show")
def examples():
    count = 0
    tools = os.pathsep.join([str(place(TOOLS[0]).parent), os.environ["PATH"]])
    for name in TOOLS:
        for first, *expected in literal_blocks(page(name).read_text()):
            if first.startswith("$ ") and expected:
                done = run("sh", "-c", f"{{ {first[2:]}\n}} 2>&1", env={"PATH": tools})
                same(first, done.stdout.splitlines(), expected)
                count += 1
    require(count >= len(TOOLS), f"only {count} examples were run")
    return f"{count} examples"


def faults(name, source):
    """What mandoc finds, and functions that do not exist. Other pages need not be there."""
    file = tree(name, source) / f"man1/{name}.1"
    done = run(need("mandoc"), "-Tlint", "-Wstyle", file, succeed=False)
    lines = [line for line in (done.stdout + done.stderr).splitlines()
             if not re.search("referenced manual not found|outdated mandoc.db", line)]
    functions = words(LISTS / "exports.txt")
    return lines + [named for named in re.findall(r"^\.Xr (chld_\w+) 3", source, re.M)
                    if named not in functions]


@check("tools: mandoc -Wstyle reports nothing about their manual pages")
def clean():
    for name in TOOLS:
        source = page(name).read_text()
        same(name, faults(name, source), [])
        for old, new in ((".It Fl -help", ".It Fl -help\n.Xx"), (".Xr chld_", ".Xr chld_no_")):
            require(faults(name, source.replace(old, new, 1)), f"{name}: this check takes {new!r}")
