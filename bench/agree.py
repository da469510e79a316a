"""How far two runs of the benchmark differ, by their TSV files; without any, by
the last two that were kept. Fails if a spawn row of the library's own differs by
more than 3 %."""

import csv
import glob
import sys

import rows

MOST = 0.03


def read(path):
    """The ratios by row, metric and contender."""
    with open(path, encoding="utf-8") as file:
        lines = [line for line in file if not line.startswith("#")]
    return {(line["row"], line["metric"], line["contender"]): float(line["ratio"])
            for line in csv.DictReader(lines, delimiter="\t") if line["spread"]}


def steady_rows():
    return {row.label for size in ("quick", "full") for row in rows.rows(size) if row.steady}


def main(paths):
    paths = paths or sorted(glob.glob("build/bench/results-*.tsv"))[-2:]
    if len(paths) != 2:
        sys.exit("two files are needed")
    first, second = map(read, paths)
    both, steady = [key for key in first if key in second], steady_rows()
    width = max((len(", ".join(key)) for key in both), default=0)
    compared = wrong = 0
    for key in both:
        differs = second[key] / first[key] - 1
        row, _, contender = key
        mark = ""
        if row in steady and contender in rows.OURS:
            compared += 1
            wrong += abs(differs) > MOST
            mark = "  differs" if abs(differs) > MOST else "  agrees"
        print(f"{', '.join(key):{width}}{first[key]:9.3f}{second[key]:9.3f}"
              f"{100 * differs:+8.1f} %{mark}")
    print(f"{paths[0]} and {paths[1]}: {compared - wrong} of {compared} agree within 3 %")
    return 1 if wrong or not compared else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
