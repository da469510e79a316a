"""The results: a table on the terminal and in results.txt, results.tsv, chart.svg."""

import os
import platform
import shutil
import subprocess
import time

import rows

HERE = os.path.dirname(os.path.abspath(__file__))
SHORT = {"chld_sigchld": "sigchld", "posix_spawn": "posix", "raw_all": "P_ALL",
         "raw again": "(raw)"}


def label_of(row, metric):
    return row.label if metric == "wall" else f"{row.label}, {metric}"


def figure(ratio):
    """Three digits that matter."""
    return f"{ratio:.2f}" if ratio < 9.995 else f"{ratio:.1f}" if ratio < 99.95 else f"{ratio:.0f}"


def lines_of(table):
    return [(row, metric) for row in table for metric in row.metrics]


def ratios(table, results, names):
    names = [*(name for name in names if name != "raw"), "raw again"]
    width = max(len(label_of(*line)) for line in lines_of(table))
    yield " " * width + "".join(f"{SHORT.get(name, name):>9}" for name in names)
    for row, metric in lines_of(table):
        cells = [results.get((row.label, metric, name)) for name in names]
        yield f"{label_of(row, metric):{width}}" + "".join(
            f"{figure(cell[0]) if cell else '':>9}" for cell in cells)


def targets(table, results, prints):
    """The aims. They inform; nothing fails by them."""
    width = max(len(label_of(*line)) for line in lines_of(table))
    yield f"{'':{width}}{'ratio':>9}{'+-':>7}{'limit':>7}"
    for row, metric in lines_of(table):
        mine, limit = results.get((row.label, metric, "chld")), row.limits.get(metric)
        if mine and limit:
            verdict = "ok" if mine[0] <= limit + 0.005 else "missed"
            yield (f"{label_of(row, metric):{width}}{figure(mine[0]):>9}{mine[1]:7.2f}"
                   f"{limit:7.2f}  {verdict}")
    for name, limit in rows.FOOTPRINT_TARGETS.items():
        mine = prints.get("chld", {}).get(name)
        if mine is not None:
            verdict = "ok" if mine <= limit else "missed"
            yield f"{FOOTPRINT[name]:{width}}{mine:9.0f}{'':7}{limit:7}  {verdict}"


FOOTPRINT = {
    "bytes": "bytes added to a static program",
    "heap": "heap calls per child",
    "threads": "threads",
    "faults": "page faults per child, caller",
    "child_faults": "page faults per child, child",
    "parent": "system calls per child, caller",
    "child": "system calls per child, child",
}


def footprints(prints, names):
    width = max(map(len, FOOTPRINT.values()))
    names = [name for name in names if name in prints]
    yield " " * width + "".join(f"{SHORT.get(name, name):>9}" for name in names)
    for key, label in FOOTPRINT.items():
        cells = [prints[name].get(key) for name in names]
        if any(cell is not None for cell in cells):
            yield f"{label:{width}}" + "".join(
                f"{'' if cell is None else format(cell, '.0f'):>9}" for cell in cells)


def write_tsv(path, heading, results, prints):
    with open(path, "w", encoding="utf-8") as file:
        print(f"# {heading}", file=file)
        print("row", "metric", "contender", "ratio", "spread", "rounds", sep="\t", file=file)
        for (label, metric, name), (ratio, spread, count) in results.items():
            print(label, metric, name, f"{ratio:.4f}", f"{spread:.4f}", count, sep="\t",
                  file=file)
        for name, figures in prints.items():
            for key, value in figures.items():
                print(FOOTPRINT[key], key, name, f"{value:.1f}", "", "", sep="\t", file=file)


def draw(path, table, results, names):
    """The chart, by gnuplot: the few rows and columns that have a place in it."""
    if not shutil.which("gnuplot"):
        print("left out: the chart (gnuplot is not installed)")
        return
    labels = {row.label: words for row in table for beginning, words in rows.CHARTED.items()
              if row.label.startswith(beginning)}
    names = [name for name in names if name in rows.IN_CHART
             and any((label, "wall", name) in results for label in labels)]
    if not names:
        return
    data = os.path.splitext(path)[0] + ".dat"
    with open(data, "w", encoding="utf-8") as file:
        print("row", *names, sep="\t", file=file)
        for label, words in labels.items():
            cells = [results.get((label, "wall", name)) for name in names]
            print(f'"{words}"', *(f"{cell[0]:.3f}" if cell else "NaN" for cell in cells), sep="\t",
                  file=file)
    subprocess.run(["gnuplot", "-e", f"data='{data}'; chart='{path}'; last={len(names) + 1}",
                    os.path.join(HERE, "chart.gp")], check=True)


MARKS = "<!-- results -->", "<!-- end of results -->"


def document(path, text, chart):
    """Puts the results between two marks of a page, and the chart beside it."""
    with open(path, encoding="utf-8") as file:
        before, _, rest = file.read().partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    block = "\n".join(("```", *text, "```"))
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{MARKS[0]}\n{block}\n{MARKS[1]}{after}")
    if os.path.exists(chart):
        shutil.copy(chart, os.path.join(os.path.dirname(path), "bench.svg"))


def everything(table, results, prints, names, options):
    """The TSV is kept under its date as well, for agree.py."""
    now = time.localtime()
    heading = (f"{time.strftime('%Y-%m-%d', now)}, Linux {platform.release()}, "
               f"{platform.machine()}{', --quick' if options.quick else ''}")
    text = [f"{heading}: times the cost of raw system calls", ""]
    text += ratios(table, results, names)
    text += ["", "What the library is to reach", ""]
    text += targets(table, results, prints)
    if prints:
        text += ["", "Footprint", "", *footprints(prints, names)]
    print("\n".join(text))
    with open(os.path.join(options.build, "results.txt"), "w", encoding="utf-8") as file:
        print("\n".join(text), file=file)
    kept = os.path.join(options.build, time.strftime("results-%Y%m%d-%H%M%S.tsv", now))
    write_tsv(kept, heading, results, prints)
    shutil.copy(kept, os.path.join(options.build, "results.tsv"))
    chart = os.path.join(options.build, "chart.svg")
    draw(chart, table, results, names)
    if options.page:
        document(options.page, text, chart)
