"""Checks that the C program in README.md is examples/first.c, letter by letter."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
program = (root / "examples/first.c").read_text().split(" */\n", 1)[1]
shown = re.findall(r"^```c\n(.*?)^```$", (root / "README.md").read_text(), re.M | re.S)
if shown != [program]:
    sys.exit("README.md: its C program is not that of examples/first.c")
