"""Every test of every program in c-tests/, each a process of its own, in one of
several surroundings: against the static or the shared library, with sanitizers,
under valgrind, with system calls refused, in a sandbox."""

import concurrent.futures
import dataclasses
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from . import report
from .alone import run_alone
from .counts import FAILED, NOTHING, PASSED, SKIPPED, plus

HERE = Path(__file__).resolve().parents[1]
AT_ONCE = 2


@dataclasses.dataclass(frozen=True)
class Lane:
    name: str
    directory: str  # of the programs, below build/c-tests
    prefix: list = ()  # what stands before the program
    seconds: int = 20  # each test's alarm
    percent: int = 100  # how much of the loops is run
    environment: dict = dataclasses.field(default_factory=dict)  # more variables
    takes: int = 8  # seconds, all of it, on two quiet cores
    quick: bool = False  # part of `make test`
    except_for: str = ""  # a list of tests that are left out, in c-tests/lists


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
                   "close_range", "waitid:pidfd", "madvise:wipeonfork", "pwritev2"],
}

# What a sandbox kills for, that the library built without probes must not try.
# (pidfd_open is left out: the tests use it themselves.)
KILLED = ["clone3:library", "clone:pidfd", "pidfd_send_signal", "close_range", "waitid:pidfd",
          "ioctl:pidfd"]


# A root that is the only user there is, in namespaces of its own.
BWRAP = ["bwrap", "--unshare-all", "--new-session", "--die-with-parent", "--ro-bind", "/", "/",
         "--dev", "/dev", "--proc", "/proc", "--bind", "/tmp", "/tmp"]


def lanes(build):
    valgrind = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full",
                "--child-silent-after-fork=yes"]
    # A cancelled thread ends on its alternate signal stack, which gcc 12's
    # runtime takes for an error of its own.
    sanitizers = {"ASAN_OPTIONS": "use_sigaltstack=0:detect_leaks=1"}
    shared = {"LD_LIBRARY_PATH": str(build)}
    return [
        Lane("static", "static", takes=35, quick=True),
        Lane("sanitize", "sanitize", [], 60, 20, sanitizers, takes=30, quick=True),
        Lane("hooks", "hooks", [], 60, 50, takes=12, quick=True),
        Lane("shared", "shared", [], 20, 20, shared, takes=20),
        Lane("valgrind", "static", valgrind, 120, 4, takes=300),
        *(fallback(build, name, errno)
          for name in FALLBACKS for errno in ("ENOSYS", "EPERM", "EINVAL")),
        without_probes(build),
        Lane("tsan", "tsan", [], 120, 10, {"TSAN_OPTIONS": "die_after_fork=0"}, takes=120,
             except_for="tsan.txt"),
        Lane("bwrap", "static", BWRAP, 20, 20, takes=30),
        Lane("chroot", "static", ["sh", str(HERE / "sandboxes/chroot.sh"), str(build)], 20, 20,
             takes=200, except_for="chroot.txt"),
    ]


def fallback(build, name, errno):
    rules = ",".join(f"{call}={errno}" for call in FALLBACKS[name])
    return Lane(f"fallback:{name}={errno}", "static", denied(build, rules), 20, 10,
                {"CHLD_TEST_FALLBACK": name})


def without_probes(build):
    rules = ",".join(f"{call}=KILL" for call in KILLED)
    return Lane("fallback:no-probes", "no-probes", denied(build, rules), 20, 10,
                {"CHLD_TEST_FALLBACK": "no-probes"})


def denied(build, rules):
    return [str(build / "c-tests" / "deny"), rules, "--"]


UNBUILT = {"sanitize": "this compiler has no sanitizers",
           "tsan": "it cannot be built here: c-tests/tsan.sh says why"}


def why_not(lane, build):
    """The reason why a lane cannot run here, or None."""
    if not (build / "c-tests" / lane.directory).is_dir():
        return UNBUILT.get(lane.name, "nothing is built")
    if not lane.prefix:
        return None
    if not shutil.which(lane.prefix[0]):
        return f"{lane.prefix[0]} is not installed"
    status, text = run_alone([*lane.prefix, "true"], {}, 60)
    if status != 0:
        return f"it cannot run here: {' '.join(text.split()) or outcome(status, 60)}"
    return None


def without_leaks_if_impossible(lane, program):
    """The leak checker stops its process by ptrace, which a container may forbid."""
    environment = {**os.environ, **lane.environment}
    done = subprocess.run([program, "--list"], env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode == 0:
        return lane
    report.say(f"{lane.name}: without the leak checker, which does not work here")
    options = lane.environment["ASAN_OPTIONS"].replace("detect_leaks=1", "detect_leaks=0")
    return dataclasses.replace(lane, environment={**lane.environment, "ASAN_OPTIONS": options})


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


def left_out(lane, program):
    """Whether a lane is without a whole program."""
    if lane.name == "valgrind":
        return program.name in NOT_UNDER_VALGRIND
    if lane.name.startswith("fallback:") and program.name.startswith(NOT_REFUSED):
        return True
    return (lane.name.endswith(("=EPERM", "=EINVAL"))
            and program.name.startswith(REFUSED_ONE_WAY))


def listed(name):
    """{(program, test or "*"): why} of a list in c-tests/lists."""
    found, why = {}, None
    for line in (HERE / "lists" / name).read_text().splitlines():
        if line.startswith("["):
            why = line.strip("[]")
        elif line and not line.startswith("#"):
            found[tuple(line.split())] = why
    return found


def tests_of(lane, build, substring):
    """(program, test) of all whose name has `substring` in it."""
    environment = {**os.environ, **lane.environment}
    without = listed(lane.except_for) if lane.except_for else {}
    for program in sorted((build / "c-tests" / lane.directory).glob("test_*")):
        if left_out(lane, program):
            continue
        names = subprocess.run([program, "--list"], env=environment, text=True, check=True,
                               stdout=subprocess.PIPE).stdout.split()
        for test in names:
            if {(program.name, test), (program.name, "*")} & set(without):
                continue
            if substring in f"{program.name} {test}":
                yield program, test


def outcome(status, seconds):
    if status == "left":
        return "it left processes"
    if status == -signal.SIGALRM:
        return f"it did not exit within {seconds} s"
    if isinstance(status, int) and status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return f"exit {status}"


def run_test(lane, program, test):
    """The counts of one test, which is reported unless it passed."""
    environment = {**lane.environment, "CHLD_TEST_SECONDS": str(lane.seconds),
                   "CHLD_TEST_PERCENT": str(lane.percent)}
    # The outer limit is for tests that block or ignore their alarm.
    status, text = run_alone([*lane.prefix, str(program), test], environment, lane.seconds + 60)
    name = f"{lane.name} {program.name} {test}"
    if status == 0:
        return PASSED
    if status == 77:
        report.skipped(name, text.strip().removeprefix("skipped: "))
        return SKIPPED
    if lane.name == "valgrind" and VALGRINDS_OWN.search(text):
        report.skipped(name, "valgrind has lost the mask of a ppoll under a signal")
        return SKIPPED
    report.failed(name, f"{outcome(status, lane.seconds)}\n{report.indented(text)}")
    return FAILED


def run_tests(lane, tests, is_over=lambda: False):
    """The sums of tests, each a program and a test's name; two run at once."""
    def run_one(test):
        if is_over():
            report.skipped(f"{lane.name} {test[0].name} {test[1]}", report.NO_TIME)
            return SKIPPED
        return run_test(lane, *test)

    total, tests = NOTHING, list(tests)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for done, counts in enumerate(pool.map(run_one, tests), 1):
            total = plus(total, counts)
            report.progress(f"{lane.name}: {done} of {len(tests)} tests")
    return total


def run_lane(lane, build, substring="", is_over=lambda: False):
    reason = why_not(lane, build)
    if reason:
        report.skipped(lane.name, reason)
        return SKIPPED
    tests = list(tests_of(lane, build, substring))
    if lane.name == "sanitize" and tests:
        lane = without_leaks_if_impossible(lane, tests[0][0])
    return run_tests(lane, tests, is_over)
