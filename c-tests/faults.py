#!/usr/bin/env python3
"""Runs every fault scenario with system calls that fail.

    faults.py [--short | --long | --lane WORD] [PROGRAM-DIRECTORY]

--short runs the lanes of `make test`, --long all others.

Two kinds of lanes, both around the same scenarios (faults_*.c):
- inject: each system call of the library fails, one run for each call and each
  errno, on kernels with and without the newer calls;
- deny: calls are refused throughout, as by an old kernel or a sandbox.
Ends with a line "N passed, N failed, N skipped"; exits 1 if any failed.
"""

import concurrent.futures
import functools
import itertools
import os
import subprocess
import sys
import time

PROGRAMS = ("faults_spawn", "faults_refused", "faults_wait", "faults_stray",
            "faults_options", "faults_sets", "faults_loop", "faults_capture", "faults_kill",
            "faults_tree", "faults_own", "faults_pipeline")
SKIPPED = 77
# These look at every process in /proc: they get a pid namespace of their own.
TREES = ("kill_tree", "stop_tree", "kill_cgroup", "kill_scattered_tree", "term_scattered_tree",
         "stop_scattered_tree")
TREE_LANES = ("as it is", "once refused, refused for ever", "no pidfd", "unprivileged")
ALONE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
SECONDS = 150  # for one process; its own alarms bound it long before

NO_PIDFD = "clone3:library={0},clone:pidfd={0},pidfd_open={0}"

# Ways in which a kernel or a sandbox is less than the library likes best.
INJECT_LANES = {
    "as it is": [],
    "once refused, refused forever": ["--persist"],
    "no clone3": "clone3:library=ENOSYS",
    "only fork": "clone3:library=EPERM,clone:vm=EPERM",
    "no pidfd": NO_PIDFD.format("EPERM"),
    "no close_range": "close_range=ENOSYS,madvise:wipeonfork=EINVAL",
}

RULES = ("clone3:library", "clone:pidfd", "clone:vm", "pidfd_open", "pidfd_send_signal",
         "waitid:pidfd", "close_range", "close_range:unshare", "close_range:cloexec", "unshare",
         "epoll_create1", "madvise:wipeonfork", "ioctl:pidfd")
ERRNOS = ("ENOSYS", "EPERM", "EINVAL")


def deny_lanes():
    """The groups of deny lanes: a name and the rules of each lane."""
    return {
        "one rule": [f"{rule}={errno}" for rule in RULES for errno in ERRNOS],
        "two rules": [f"{one}=EPERM,{other}=EPERM"
                      for one, other in itertools.combinations(RULES, 2)],
        "no pidfd": [NO_PIDFD.format(errno) for errno in ERRNOS],
        "all rules": [",".join(f"{rule}={errno}" for rule in RULES) for errno in ERRNOS],
    }


# Every call and every errno, on the kernel as it is, and the two kernels that
# differ most from it.
SHORT = ("inject: as it is", "deny: no pidfd", "deny: all rules")


def run(command, seconds, user=None):
    """Returns (exit code, output); None for one that hung."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=seconds, user=user, group=user,
                              extra_groups=[] if user else None, text=True, errors="replace",
                              check=False)
    except subprocess.TimeoutExpired:
        return None, "hung\n"
    return done.returncode, done.stdout


class Injected:
    """One scenario, with every fault that its calls can have."""

    def __init__(self, lane, name, command, user=None):
        self.lane, self.name, self.command, self.user = lane, name, command, user

    def outcome(self):
        code, output = run(self.command, SECONDS, self.user)
        return {0: "passed", SKIPPED: "skipped"}.get(code, "failed"), output


class Denied:
    """One scenario, once in each of several lanes."""

    def __init__(self, lane, name, commands):
        self.lane, self.name, self.commands = lane, name, commands

    def outcome(self):
        codes, wrong, why = [], {}, ""
        for rules, command in self.commands.items():
            code, output = run(command, 20)
            codes.append(code)
            why = output if code == SKIPPED else why
            if code not in (0, SKIPPED):
                wrong.setdefault(output.strip() or f"ended with {code}", []).append(rules)
        if wrong:
            return "failed", "".join(f"    {what}\n        with {rules[0]}"
                                     + (f" and {len(rules) - 1} more\n" if rules[1:] else "\n")
                                     for what, rules in wrong.items())
        return ("passed", "") if 0 in codes else ("skipped", why)


def scenarios(directory, program):
    listed = subprocess.run([f"{directory}/{program}", "--list"], check=True, text=True,
                            stdout=subprocess.PIPE)
    return listed.stdout.split()


@functools.cache
def can_be_alone():
    try:
        done = subprocess.run([*ALONE, "true"], check=False, stderr=subprocess.DEVNULL)
        return done.returncode == 0
    except OSError:
        return False


def inject_tests(directory, lanes, user=None):
    for (lane, how), program in itertools.product(lanes.items(), PROGRAMS):
        for scenario in scenarios(directory, program):
            if scenario in TREES and lane not in TREE_LANES:
                continue
            command = [f"{directory}/{program}", scenario]
            if isinstance(how, str):
                command = [f"{directory}/deny", how, "--", *command]
            else:
                command = [*how, *command]
            alone = ALONE if scenario in TREES and user is None and can_be_alone() else []
            yield Injected(f"inject: {lane}", f"{program} {scenario}",
                           [*alone, f"{directory}/inject", *command], user)


def deny_tests(directory):
    for (lane, several), program in itertools.product(deny_lanes().items(), PROGRAMS):
        for scenario in scenarios(directory, program):
            end = ["--", f"{directory}/{program}", scenario]
            yield Denied(f"deny: {lane}", f"{program} {scenario}",
                         {rules: [f"{directory}/deny", rules, *end] for rules in several})


def unprivileged_tests(directory):
    """Root's lanes again as nobody, if nobody can get at the programs."""
    nobody = 65534
    if os.geteuid() != 0:
        print("skipped: unprivileged: all lanes are that, this is not root")
        return
    try:
        subprocess.run([f"{directory}/deny", "--list"], user=nobody, group=nobody, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"skipped: unprivileged: nobody cannot run {directory}/deny: {error}")
        return
    yield from inject_tests(directory, {"unprivileged": []}, nobody)


def report(test, outcome, text, counts):
    lane = counts.setdefault(test.lane, {"passed": 0, "failed": 0, "skipped": 0})
    lane[outcome] += 1
    if outcome == "skipped":
        print(f"skipped: {test.lane}, {test.name}: "
              + " ".join(text.split()).split("skipped: ")[-1], flush=True)
    elif outcome == "failed":
        print(f"failed: {test.lane}, {test.name}\n{text}", end="", flush=True)


def total(counts, outcome):
    return sum(lane[outcome] for lane in counts.values())


def parse(arguments):
    """(whether a lane of this name is wanted, the other arguments)"""
    if arguments[:1] == ["--lane"]:
        return lambda lane: arguments[1] in lane, arguments[2:]
    if arguments[:1] in (["--short"], ["--long"]):
        return lambda lane: (lane in SHORT) == (arguments[0] == "--short"), arguments[1:]
    return lambda lane: True, arguments


def main(arguments):
    is_wanted, arguments = parse(arguments)
    directory = os.path.abspath(arguments[0] if arguments else "build/c-tests")
    tests = [*inject_tests(directory, INJECT_LANES), *unprivileged_tests(directory),
             *deny_tests(directory)]
    tests = [test for test in tests if is_wanted(test.lane)]
    began, counts, calls = time.monotonic(), {}, 0
    # More than there are cores: most of the time they wait for a timeout.
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for test, (outcome, text) in zip(tests, pool.map(lambda test: test.outcome(), tests)):
            report(test, outcome, text, counts)
            calls += sum(int(line.split()[2]) for line in text.splitlines() if " faults, " in line)
    for lane, outcomes in counts.items():
        print(f"{lane}: " + ", ".join(f"{n} {name}" for name, n in outcomes.items() if n))
    print(f"{calls} single faults in {time.monotonic() - began:.0f} s")
    passed, failed, skipped = (total(counts, name) for name in ("passed", "failed", "skipped"))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed + skipped else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
