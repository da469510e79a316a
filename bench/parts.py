#!/usr/bin/env python3
"""What one start and wait costs, part by part: each alone on top of raw, all of
them together, and the library, which does the same and also keeps a table.

    bench/parts.py [SECONDS]
"""

import math
import os
import random
import sys
import time
from collections import defaultdict

import bench
import rows

PARTS = {
    "clone instead of vfork": "",
    "a pidfd, and its close": "p",
    "close_range": "r",
    "close_range, and a table shared until then": "rf",
    "two sigactions": "a",
    "a sigprocmask": "m",
    "a pidfd, and a look before the reap": "pl",
    "all of these": "prfaml",
}


def main():
    runner = bench.Runner("build/bench", 15)
    runner.programs["parts"] = [os.path.join(os.path.dirname(runner.programs["raw"][0]), "parts")]
    row = next(row for row in rows.rows("quick") if row.command.startswith("spawn "))

    def cost(program, parts=""):
        runner.environment["BENCH_PARTS"] = parts
        return runner.run(row, program)["wall"]

    ratios = defaultdict(list)
    end = time.monotonic() + float(sys.argv[1] if len(sys.argv) > 1 else 40)
    before = cost("raw")
    while time.monotonic() < end:
        for label in random.sample([*PARTS, "the library"], len(PARTS) + 1):
            mine = cost("parts", PARTS[label]) if label in PARTS else cost("chld")
            after = cost("raw")
            ratios[label].append(mine / math.sqrt(before * after))
            before = after
    for label in [*PARTS, "the library"]:
        middle, spread, count = bench.summary(ratios[label])
        print(f"{label:<45}{middle:6.3f} +- {spread:.3f}  ({count})")


if __name__ == "__main__":
    main()
