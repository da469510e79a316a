#!/usr/bin/env python3
"""Runs the tests that `make test` has built.

Every test of every program in c-tests/ is a process of its own, in each lane:
against the static and the shared library, with sanitizers, under valgrind.
Further steps (the unit tests, the static checks, the injected faults) are
commands with counts of their own. The last line has the sums:

    N passed, N failed, N skipped
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
AT_ONCE = 2
MOST_LINES = 60

# What runs besides the lanes, if it is there: name and command. Each closes its
# output with a line "N passed, N failed, N skipped", or as `cargo test` does.
STEPS = [
    ("demo", ["make", "-s", "demo"]),
    ("checks", [sys.executable, str(HERE / "checks.py")]),
    ("faults", [sys.executable, str(HERE / "faults.py")]),
]

# What a kernel, or a sandbox in front of it, may refuse: each is refused to the
# whole suite, alone and together. (clone3:library spares glibc's own clone3.)
FALLBACKS = {
    "clone3": ["clone3:library"],
    "clone_pidfd": ["clone3:library", "clone:pidfd"],
    "pidfd_open": ["pidfd_open"],
    "close_range": ["close_range"],
    "waitid_pidfd": ["waitid:pidfd"],
    "fork_only": ["clone3:library", "clone:vm"],
    "everything": ["clone3:library", "clone:pidfd", "pidfd_open", "pidfd_send_signal",
                   "close_range", "waitid:pidfd", "epoll_create1", "madvise:wipeonfork",
                   "pwritev2"],
}

# What a sandbox kills for, that the library built without probes must not try.
# (pidfd_open is left out: the tests use it themselves.)
KILLED = ["clone3:library", "clone:pidfd", "pidfd_send_signal", "close_range", "waitid:pidfd",
          "ioctl:pidfd"]

# PATH of the tests: that of the tester may have directories that not every user
# may search, which shows in the answer to a program that is missing.
TOOLS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

Counts = collections.namedtuple("Counts", "passed failed skipped")
NOTHING = Counts(0, 0, 0)
PASSED, FAILED, SKIPPED = Counts(1, 0, 0), Counts(0, 1, 0), Counts(0, 0, 1)

# directory: that of the programs below build/c-tests; seconds: each test's
# alarm; percent: how much of the loops is run; environment: more variables.
Lane = collections.namedtuple("Lane", "name directory prefix seconds percent environment")


def plus(*counts):
    return Counts(*map(sum, zip(NOTHING, *counts)))


def sentence(counts):
    return "{} passed, {} failed, {} skipped".format(*counts)


def say(text):
    print(text, flush=True)


def lanes(build):
    valgrind = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full",
                "--child-silent-after-fork=yes"]
    # A cancelled thread ends on its alternate signal stack, which gcc 12's
    # runtime takes for an error of its own.
    sanitizers = {"ASAN_OPTIONS": "use_sigaltstack=0:detect_leaks=1"}
    shared = {"LD_LIBRARY_PATH": str(build)}
    return [
        Lane("static", "static", [], 20, 100, {}),
        Lane("shared", "shared", [], 20, 20, shared),
        Lane("sanitize", "sanitize", [], 60, 20, sanitizers),
        Lane("valgrind", "static", valgrind, 120, 4, {}),
        *(Lane(f"fallback:{name}={errno}", "static", [str(build / "c-tests" / "deny"), ",".join(
            f"{call}={errno}" for call in calls), "--"], 20, 10, {"CHLD_TEST_FALLBACK": name})
          for name, calls in FALLBACKS.items() for errno in ("ENOSYS", "EPERM", "EINVAL")),
        Lane("fallback:no-probes", "no-probes", [str(build / "c-tests" / "deny"), ",".join(
            f"{call}=KILL" for call in KILLED), "--"], 20, 10, {"CHLD_TEST_FALLBACK": "no-probes"}),
    ]


def why_not(lane, build):
    """The reason why a lane cannot run here, or None."""
    if not (build / "c-tests" / lane.directory).is_dir():
        return "this compiler has no sanitizers" if lane.name == "sanitize" else "nothing is built"
    if lane.prefix and not shutil.which(lane.prefix[0]):
        return f"{lane.prefix[0]} is not installed"
    return None


def without_leaks_if_impossible(lane, program):
    """The leak checker stops its process by ptrace, which a container may forbid."""
    environment = {**os.environ, **lane.environment}
    done = subprocess.run([program, "--list"], env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode == 0:
        return lane
    say(f"skipped: {lane.name}: the leak checker does not work here")
    options = lane.environment["ASAN_OPTIONS"].replace("detect_leaks=1", "detect_leaks=0")
    return lane._replace(environment={**lane.environment, "ASAN_OPTIONS": options})


# Emulators need themselves what is refused. Event loops are put beside each
# engine; which errno brought that about is the other tests' matter.
NOT_REFUSED = ("test_opt_emulated", "test_harness")
REFUSED_ONE_WAY = ("test_loops_",)

# What valgrind would make minutes of without seeing more: whole suites under
# another emulator, crowds of children whose code is that of a few, and another
# library with leaks of its own.
NOT_UNDER_VALGRIND = ("test_opt_emulated", "test_opt_threads", "test_races", "test_sets_scale",
                      "test_harness", "test_loops_glib")


# A signal that comes as a ppoll begins makes valgrind (3.19) begin it again with
# its own copy of the mask, which it has freed: EFAULT. Only valgrind itself has
# memory in that arena.
VALGRINDS_OWN = re.compile(r"ppoll\(sigmask\) points to unaddressable(?s:.*) in arena \"core\"")


def tests_of(lane, build, substring):
    """(program, test) of all whose name has `substring` in it."""
    environment = {**os.environ, **lane.environment}
    for program in sorted((build / "c-tests" / lane.directory).glob("test_*")):
        if lane.name == "valgrind" and program.name in NOT_UNDER_VALGRIND:
            say(f"left out: valgrind {program.name}: it would take minutes and see no more")
            continue
        if lane.name.startswith("fallback:") and program.name.startswith(NOT_REFUSED):
            continue
        if lane.name.endswith(("=EPERM", "=EINVAL")) and program.name.startswith(REFUSED_ONE_WAY):
            continue
        listed = subprocess.run([program, "--list"], env=environment, text=True, check=True,
                                stdout=subprocess.PIPE)
        for test in listed.stdout.split():
            if substring in f"{program.name} {test}":
                yield program, test


def living_members(session):
    """The processes of a session that have not ended, its leader left out."""
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == session:
            continue
        try:
            name, rest = (entry / "stat").read_text(errors="replace").rsplit(")", 1)
        except OSError:
            continue  # it has ended meanwhile
        state, _, _, of_session = rest.split()[:4]
        if int(of_session) == session and state not in "ZX":
            yield name + ")"


def what_stays(session):
    """Its living members; those that are just ending are given two seconds."""
    for _ in range(100):
        left = list(living_members(session))
        if not left:
            break
        time.sleep(0.02)
    return left


def run_alone(command, environment, seconds):
    """Runs a command in a session of its own; (exit status, output).

    Until the very end the leader is a zombie at least, so its group cannot be
    anybody else's when it is killed.
    """
    with tempfile.TemporaryDirectory(prefix="chld-test-") as directory:
        os.chmod(directory, 0o777)  # some tests go on as another user
        environment = {**os.environ, **environment, "TMPDIR": directory, "PATH": TOOLS}
        with open(os.path.join(directory, "output"), "w+b") as output:
            process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL,
                                       stdout=output, stderr=subprocess.STDOUT,
                                       start_new_session=True)
            kill = lambda: os.killpg(process.pid, signal.SIGKILL)
            timer = threading.Timer(seconds, kill)
            timer.start()
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            timer.cancel()
            timer.join()
            left = what_stays(process.pid)
            if left:
                kill()
            status = process.wait()
            output.seek(0)
            text = output.read().decode(errors="replace")
    if left:
        text += f"left running: {len(left)} processes, the first is {left[0]}\n"
    return (status or "left") if left else status, text


def outcome(status, seconds):
    if status == "left":
        return "it left processes"
    if status == -signal.SIGALRM:
        return f"it did not end within {seconds} s"
    if isinstance(status, int) and status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return f"exit {status}"


def run_test(lane, program, test):
    """(counts, what to print)."""
    environment = {**lane.environment, "CHLD_TEST_SECONDS": str(lane.seconds),
                   "CHLD_TEST_PERCENT": str(lane.percent)}
    # The outer limit is for tests that block or ignore their alarm.
    status, text = run_alone([*lane.prefix, str(program), test], environment, lane.seconds + 60)
    name = f"{lane.name} {program.name} {test}"
    if status == 0:
        return PASSED, None
    if status == 77:
        return SKIPPED, f"skipped: {name}: {text.strip().removeprefix('skipped: ')}"
    if lane.name == "valgrind" and VALGRINDS_OWN.search(text):
        return SKIPPED, f"skipped: {name}: valgrind has lost the mask of a ppoll under a signal"
    return FAILED, f"FAILED: {name}: {outcome(status, lane.seconds)}\n{shortened(text)}"


def shortened(text):
    lines = text.splitlines()
    if len(lines) > MOST_LINES:
        lines[MOST_LINES:] = [f"... and {len(lines) - MOST_LINES} lines more"]
    return "\n".join("    " + line for line in lines)


def run_lane(lane, build, substring):
    reason = why_not(lane, build)
    if reason:
        say(f"skipped: {lane.name}: {reason}")
        return SKIPPED
    tests = list(tests_of(lane, build, substring))
    if lane.name == "sanitize" and tests:
        lane = without_leaks_if_impossible(lane, tests[0][0])
    total = NOTHING
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for counts, text in pool.map(lambda test: run_test(lane, *test), tests):
            total = plus(total, counts)
            if text:
                say(text)
    say(f"{lane.name}: {sentence(total)}")
    return total


def counts_in(text):
    """The counts that a step closes with, or None."""
    ours = re.findall(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", text, re.MULTILINE)
    cargos = re.findall(r"^test result: .* (\d+) passed; (\d+) failed; (\d+) ignored", text,
                        re.MULTILINE)
    found = ours[-1:] or cargos
    return plus(*(Counts(*map(int, numbers)) for numbers in found)) if found else None


def run_step(name, command):
    if command[-1].endswith(".py") and not os.path.exists(command[-1]):
        say(f"skipped: {name}: {os.path.basename(command[-1])} is not there")
        return SKIPPED
    done = subprocess.run(command, text=True, errors="replace", stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    counts = counts_in(done.stdout)
    if counts is None or (done.returncode != 0 and counts.failed == 0):
        counts = plus(counts or NOTHING, FAILED)
    if counts.failed:
        say(f"FAILED: {name}: {shlex.join(command)}: exit {done.returncode}")
        say(done.stdout.rstrip())
    else:
        for line in done.stdout.splitlines():
            if line.strip().startswith("skipped"):
                say(line.strip())
    say(f"{name}: {sentence(counts)}")
    return counts


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build", help="where the library was built")
    parser.add_argument("--unit", metavar="COMMAND", help="the command of the unit tests")
    parser.add_argument("--lane", action="append", metavar="NAME",
                        help="only this lane or step; may be repeated")
    parser.add_argument("-k", default="", metavar="SUBSTRING",
                        help='only tests with this in "PROGRAM TEST", and no steps')
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    build = pathlib.Path(arguments.build).resolve()
    steps = [("unit", shlex.split(arguments.unit))] if arguments.unit else []
    steps += STEPS
    all_lanes = lanes(build)
    known = [lane.name for lane in all_lanes] + [name for name, _ in steps]
    wanted = arguments.lane or known
    for name in wanted:
        if name not in known:
            sys.exit(f"no lane or step {name}; there are: {' '.join(known)}")
    total = NOTHING
    for name, command in steps:
        if name in wanted and not arguments.k:
            total = plus(total, run_step(name, command))
    for lane in all_lanes:
        if lane.name in wanted:
            total = plus(total, run_lane(lane, build, arguments.k))
    say(sentence(total))
    return 1 if total.failed or total == NOTHING else 0


if __name__ == "__main__":
    sys.exit(main())
