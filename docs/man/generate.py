#!/usr/bin/env python3
"""The manual: pages of section 3 from the header's comments and from
docs/options.md, and the hand-written ones with their examples put in.

A comment that lacks what a page needs stops it.
"""

import argparse
import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import header
import sections
import steps
from header import Malformed
from pages import PAGES

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
EXAMPLES = HERE / "examples"
# A line of a hand-written page that a program of examples/ takes the place of.
EXAMPLE = re.compile(r'^\.\\" EXAMPLE (\w+\.c)\n', re.M)


def placed_once(kind, there, placed):
    for name in sorted(set(there) | set(placed)):
        if there.count(name) != 1 or placed.count(name) != 1:
            raise Malformed(f"{kind} {name}: {there.count(name)} times in the header, "
                            f"{placed.count(name)} times in pages.py")


def claim(constants, prefixes):
    """{prefix: its constants}: each goes to the longest prefix it has."""
    claimed = {prefix: [] for prefix in prefixes}
    for one in constants:
        fitting = [prefix for prefix in prefixes if one.name.startswith(prefix)]
        if not fitting:
            raise Malformed(f"no page of pages.py has {one.name}")
        claimed[max(fitting, key=len)].append(one)
    for prefix, group in claimed.items():
        if not group or not group[0].text:
            raise Malformed(f"nothing is said of the first of {prefix}*")
    return claimed


def together(group):
    """[([names], text)]: a constant without a comment goes with the one above."""
    pairs = []
    for one in group:
        if one.text:
            pairs.append(([one.name], one.text))
        else:
            pairs[-1][0].append(one.name)
    return pairs


def write_page(page, manual, head):
    claimed, types, functions, rows = manual
    functions = [functions[name] for name in page.functions]
    types = [types[name] for name in page.types]
    # The steps have a section of their own.
    groups = [(prefix, together(claimed[prefix])) for prefix in page.prefixes
              if prefix != "CHLD_STEP_"]
    lines = [*sections.name(page), *sections.synopsis(functions),
             *sections.description(functions, types, groups, page),
             *sections.returns(functions, page), *sections.errors(functions, page)]
    if "CHLD_STEP_" in page.prefixes:
        lines += sections.steps(claimed["CHLD_STEP_"], rows, page)
    lines += [*sections.attributes(functions, page), *sections.history(functions),
              *sections.notes(functions, page),
              *sections.examples((EXAMPLES / f"{page.example}.c").read_text()),
              *sections.see_also(page)]
    return "\n".join([head(page.name, 3), *lines]) + "\n"


def shown_by_hand(name):
    """A program in a page that is written by hand, right after its heading."""
    return sections.example((EXAMPLES / name).read_text())[1:]


def generate(output, header_text, options_text):
    constants, types, functions = header.parse(header_text)
    placed_once("function", [one.name for one in functions],
                [name for page in PAGES for name in page.functions])
    placed_once("type", [one.name for one in types], [name for page in PAGES for name in page.types])
    claimed = claim(constants, [prefix for page in PAGES for prefix in page.prefixes])
    names = [one.name[len("CHLD_STEP_"):].lower() for one in claimed["CHLD_STEP_"]]
    rows = steps.parse(options_text, names)

    version = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M).group(1)
    # All pages have the date of the one that is written by hand.
    date = re.search(r"^\.TH CHLD 7 (\S+)", (HERE / "chld.7").read_text(), re.M).group(1)

    def head(title, section):
        return f'.TH {title.upper()} {section} {date} "libchld {version}" "libchld Manual"'

    manual = (claimed, {one.name: one for one in types}, {one.name: one for one in functions},
              rows)
    made = {}
    for page in PAGES:
        made[f"{page.name}.3"] = write_page(page, manual, head)
        for other in [*page.functions[1:], *page.types]:
            made[f"{other}.3"] = f".so man3/{page.name}.3\n"
    for file in HERE.glob("*.[1-8]"):
        made[file.name] = EXAMPLE.sub(
            lambda match: "\n".join(shown_by_hand(match.group(1))) + "\n",
            file.read_text()).replace("VERSION", version, 1)
    output.mkdir(parents=True, exist_ok=True)
    for stale in {file.name for file in output.glob("*.[1-8]")} - set(made):
        (output / stale).unlink()
    for name, text in made.items():
        (output / name).write_text(text)


def main():
    parser = argparse.ArgumentParser(description="Writes the manual of libchld.")
    parser.add_argument("output", type=Path)
    parser.add_argument("--header", type=Path, default=ROOT / "include/chld.h")
    parser.add_argument("--options", type=Path, default=ROOT / "docs/options.md")
    given = parser.parse_args()
    try:
        generate(given.output, given.header.read_text(), given.options.read_text())
    except Malformed as why:
        sys.exit(f"docs/man/generate.py: {why}")


if __name__ == "__main__":
    main()
