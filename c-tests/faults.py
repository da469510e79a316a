#!/usr/bin/env python3
"""Runs every fault scenario with system calls that fail.

    faults.py [--lane WORD] [PROGRAM-DIRECTORY]

Two kinds of lanes, both around the same scenarios (faults_*.c):
- inject: each system call of the library fails, one run for each call and each
  errno, on kernels with and without the newer calls;
- deny: calls are refused throughout, as by an old kernel or a sandbox.
Ends with a line "N passed, N failed, N skipped"; exits 1 if any failed.
"""

import concurrent.futures
import itertools
import os
import subprocess
import sys
import time

PROGRAMS = ("faults_spawn", "faults_refused", "faults_wait")
SKIPPED = 77
SECONDS = {"inject": 150, "deny": 20}  # for one process, bounded from within by alarms

NO_PIDFD = "clone3:library={0},clone:pidfd={0},pidfd_open={0}"

# Ways in which a kernel or a sandbox is less than the library likes best.
INJECT_LANES = {
    "as it is": [],
    "once refused, refused for ever": ["--persist"],
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
    """Name and rules of every deny lane: single, all together, in pairs."""
    for errno in ERRNOS:
        for rule in RULES:
            yield f"{rule}={errno}", f"{rule}={errno}"
    for errno in ERRNOS:
        yield f"no pidfd, {errno}", NO_PIDFD.format(errno)
        yield f"all {errno}", ",".join(f"{rule}={errno}" for rule in RULES)
    for one, other in itertools.combinations(RULES, 2):
        rules = f"{one}=EPERM,{other}=EPERM"
        yield rules, rules


class Test:
    """One or more processes that must all end with 0."""

    def __init__(self, lane, name, kind, commands, user=None):
        self.lane, self.name, self.kind = lane, name, kind
        self.commands, self.user = commands, user

    def run(self):
        """Returns (outcome, text)."""
        outcomes, text = set(), ""
        for command in self.commands:
            outcome, output = self.run_one(command)
            outcomes.add(outcome)
            if outcome != "passed" or self.kind == "inject":
                text += output
        for outcome in ("failed", "passed", "skipped"):
            if outcome in outcomes:
                return outcome, text
        return "failed", "no scenario"

    def run_one(self, command):
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=SECONDS[self.kind],
                                  user=self.user, group=self.user, text=True, errors="replace",
                                  extra_groups=[] if self.user else None, check=False)
        except subprocess.TimeoutExpired:
            return "failed", f"    {command[-1]}: hung\n"
        if done.returncode == SKIPPED:
            return "skipped", done.stdout
        if done.returncode == 0:
            return "passed", done.stdout
        output = "".join(f"    {line.strip()}\n" if self.kind == "deny" else f"{line}\n"
                         for line in done.stdout.splitlines())
        return "failed", output + ("" if output else f"    {command[-1]}: {done.returncode}\n")


def scenarios(directory, program):
    listed = subprocess.run([f"{directory}/{program}", "--list"], check=True, text=True,
                            stdout=subprocess.PIPE)
    return listed.stdout.split()


def inject_tests(directory, user=None, lanes=INJECT_LANES):
    for (lane, how), program in itertools.product(lanes.items(), PROGRAMS):
        for scenario in scenarios(directory, program):
            command = [f"{directory}/{program}", scenario]
            if isinstance(how, str):
                command = [f"{directory}/deny", how, "--", *command]
            else:
                command = [*how, *command]
            yield Test(f"inject: {lane}", f"{program} {scenario}", "inject",
                       [[f"{directory}/inject", *command]], user)


def deny_tests(directory):
    for (lane, rules), program in itertools.product(deny_lanes(), PROGRAMS):
        deny = [f"{directory}/deny", rules, "--", f"{directory}/{program}"]
        yield Test(f"deny: {lane}", program, "deny",
                   [[*deny, scenario] for scenario in scenarios(directory, program)])


def unprivileged_tests(directory):
    """Root's lanes again as nobody, if nobody can get at the programs."""
    nobody = 65534
    if os.geteuid() != 0:
        print("The unprivileged lane is skipped: all lanes are that, this is not root.")
        return
    try:
        subprocess.run([f"{directory}/deny", "--list"], user=nobody, group=nobody, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"The unprivileged lane is skipped: nobody cannot run {directory}/deny: {error}")
        return
    yield from inject_tests(directory, nobody, {"unprivileged": []})


def report(test, outcome, text, counts):
    lane = counts.setdefault(test.lane, {"passed": 0, "failed": 0, "skipped": 0})
    lane[outcome] += 1
    if outcome != "passed":
        print(f"{outcome}: {test.lane}, {test.name}\n{text}", end="", flush=True)


def total(counts, outcome):
    return sum(lane[outcome] for lane in counts.values())


def main(arguments):
    wanted = ""
    if arguments[:1] == ["--lane"]:
        wanted, arguments = arguments[1], arguments[2:]
    directory = os.path.abspath(arguments[0] if arguments else "build/c-tests")
    tests = [*inject_tests(directory), *unprivileged_tests(directory), *deny_tests(directory)]
    tests = [test for test in tests if wanted in test.lane]
    began, counts, calls = time.monotonic(), {}, 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for test, (outcome, text) in zip(tests, pool.map(Test.run, tests)):
            report(test, outcome, text, counts)
            calls += sum(int(line.split()[2]) for line in text.splitlines() if " faults, " in line)
    for lane, outcomes in counts.items():
        print(f"{lane}: " + ", ".join(f"{n} {name}" for name, n in outcomes.items() if n))
    print(f"{calls} single faults in {time.monotonic() - began:.0f} s")
    passed, failed, skipped = (total(counts, name) for name in ("passed", "failed", "skipped"))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
