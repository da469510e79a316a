"""Checks that the C program in README.md is examples/first.c, letter by letter, and that what
docs/event-loops.md shows stands in examples/loops."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
program = (root / "examples/first.c").read_text().split(" */\n", 1)[1]
shown = re.findall(r"^```c\n(.*?)^```$", (root / "README.md").read_text(), re.M | re.S)
if shown != [program]:
    sys.exit("README.md: its C program is not that of examples/first.c")

loops = "".join(path.read_text() for path in sorted(root.glob("examples/loops/*.[ch]")))
shown = re.findall(r"^```c\n(.*?)^```$", (root / "docs/event-loops.md").read_text(), re.M | re.S)
if not shown or not all(block in loops for block in shown):
    sys.exit("docs/event-loops.md: it shows C that does not stand in examples/loops")
