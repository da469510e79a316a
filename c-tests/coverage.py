#!/usr/bin/env python3
"""How much of the library's source the C tests and the fault scenarios run.

    coverage.py --can         exits with 1 and prints why if this cannot run here
    coverage.py --build DIR   runs them; prints a figure for each folder of src/

The lines that no test runs are in DIR/coverage/missed.txt. A test that fails here has
failed, but the result of the fault scenarios is that of `make faults`. The last line has the
sums: N passed, N failed, N skipped.
"""

import argparse
import collections
import dataclasses
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True

from runner import lanes, report
from runner.counts import NOTHING, plus, sentence

ROOT = Path(__file__).resolve().parents[1]
# As the machine is, and what an older kernel or a sandbox makes of it.
FALLBACKS = (("everything", "ENOSYS"), ("fork_only", "EPERM"), ("pidfd_open", "EPERM"))
FAULT_LANES = ("inject: as it is", "inject: only fork", "deny: no pidfd")


def output_of(*command):
    return subprocess.run(command, text=True, stdout=subprocess.PIPE, check=True).stdout


def major(text):
    found = re.search(r"LLVM version:? (\d+)", text)
    return int(found[1]) if found else 0


def tool(name):
    """The path of an LLVM tool that reads what this rustc writes, or None."""
    version = output_of("rustc", "-vV")
    host = re.search(r"^host: (.*)", version, re.M)[1]
    own = Path(output_of("rustc", "--print", "sysroot").strip()) / "lib/rustlib" / host / "bin" / name
    if own.exists():
        return str(own)
    found = shutil.which(name) or shutil.which(f"{name}-{major(version)}")
    return found if found and major(output_of(found, "--version")) >= major(version) else None


def why_not():
    if not shutil.which("rustc"):
        return "rustc is not installed"
    root = Path(output_of("rustc", "--print", "sysroot").strip())
    if not list(root.glob("lib/rustlib/*/lib/libprofiler_builtins-*.rlib")):
        return "this rustc has no profiler runtime"
    missing = [name for name in ("llvm-profdata", "llvm-cov") if not tool(name)]
    if missing:
        return (f"no {' and no '.join(missing)} for the LLVM of this rustc: "
                "rustup component add llvm-tools")
    return None


def run_lanes(build, environment):
    plain = lanes.Lane("coverage", "coverage", [], 60, 20, environment)
    total = lanes.run_lane(plain, build)
    for name, errno in FALLBACKS:
        lane = lanes.fallback(build, name, errno)
        total = plus(total, lanes.run_lane(
            dataclasses.replace(lane, name=f"coverage {lane.name}", directory="coverage",
                                seconds=60, environment={**lane.environment, **environment}),
            build))
    return total


def run_faults(build, environment):
    for lane in FAULT_LANES:
        report.progress(f"coverage: {lane}")
        subprocess.run([sys.executable, ROOT / "c-tests/faults.py", "--lane", lane,
                        build / "c-tests/coverage-faults"], env={**os.environ, **environment},
                       stdout=subprocess.DEVNULL, check=False)


def lines_of(build):
    """{file: {line: the number of times it has run}}, of the files in src/"""
    directory = build / "coverage"
    merged = directory / "all.profdata"
    subprocess.run([tool("llvm-profdata"), "merge", "-sparse", "-o", merged,
                    *directory.glob("raw/*.profraw")], check=True)
    programs = [*(build / "c-tests/coverage").glob("test_*"),
                *(build / "c-tests/coverage-faults").glob("faults_*")]
    objects = [word for program in programs if program.name != "faults_child"
               for word in ("-object", str(program))]
    exported = output_of(tool("llvm-cov"), "export", "-format=lcov", "-instr-profile", str(merged),
                         *objects)
    files, lines = {}, {}
    for line in exported.splitlines():
        if line.startswith("SF:"):
            path = Path(line[3:])
            inside = path.is_relative_to(ROOT / "src")
            lines = files.setdefault(str(path.relative_to(ROOT)), {}) if inside else {}
        elif line.startswith("DA:"):
            number, count = map(int, line[3:].split(",")[:2])
            lines[number] = max(count, lines.get(number, 0))
    return {name: counted for name, counted in sorted(files.items()) if counted}


def percent(counts):
    return 100 * counts[0] / counts[1]


def print_folders(files):
    folders = collections.defaultdict(lambda: [0, 0])
    for name, lines in files.items():
        for folder in ("/".join(name.split("/")[:2]) if name.count("/") > 1 else "src", "all"):
            folders[folder][0] += sum(count > 0 for count in lines.values())
            folders[folder][1] += len(lines)
    for folder, counts in sorted(folders.items(), key=lambda one: (one[0] == "all", one[0])):
        report.say(f"{folder:14} {percent(counts):5.1f} %  {counts[0]} of {counts[1]} lines")


def write_missed(files, path):
    with open(path, "w") as out:
        for name, lines in files.items():
            text = (ROOT / name).read_text().splitlines()
            for number, count in sorted(lines.items()):
                if count == 0:
                    print(f"{name}:{number}: {text[number - 1].strip()}", file=out)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--can", action="store_true")
    parser.add_argument("--build", default="build")
    arguments = parser.parse_args()
    if arguments.can:
        reason = why_not()
        print(reason or "it can")
        return 1 if reason else 0
    build = Path(arguments.build).resolve()
    raw = build / "coverage/raw"
    shutil.rmtree(raw, ignore_errors=True)
    raw.mkdir(parents=True)
    raw.chmod(0o777)  # tests become other users
    environment = {"LLVM_PROFILE_FILE": f"{raw}/%m%c.profraw"}
    total = plus(NOTHING, run_lanes(build, environment))
    run_faults(build, environment)
    files = lines_of(build)
    report.end_progress()
    report.summary()
    print_folders(files)
    missed = build / "coverage/missed.txt"
    write_missed(files, missed)
    report.say(f"The lines that no test runs are in {missed}")
    report.say(sentence(total))
    return 1 if total.failed or total == NOTHING else 0


if __name__ == "__main__":
    sys.exit(main())
