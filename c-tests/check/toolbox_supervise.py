"""supervise: the list, back-off, stopping in order, the log, reading the list again."""

import os
import re
import signal
import tempfile
from pathlib import Path

from .tools import check, require, scratch
from .toolbox import Tool, children, end_of, is_gone, same, state, until

STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ")


class Supervisor(Tool):
    """supervise with this list, and a log in a file."""

    def __init__(self, *lines, before=None):
        self.folder = Path(tempfile.mkdtemp(dir=scratch()))
        self.list, self.log = self.folder / "list", self.folder / "log"
        self.write(*lines)
        super().__init__("supervise", "-l", self.log, self.list, before=before)

    def write(self, *lines):
        self.list.write_text("".join(f"{line}\n" for line in lines))

    def lines(self, name=None, log=None):
        """What was logged, of one program if `name` says so, without the time."""
        log = log or self.log
        text = log.read_text() if log.exists() else ""
        for line in text.splitlines():
            require(STAMP.match(line), f"a line without a time: {line!r}")
        said = [STAMP.sub("", line) for line in text.splitlines()]
        return [line for line in said if not name or line.startswith(f"{name}: ")]

    def said(self, text, times=1):
        """Waits until the log has this so often."""
        until(lambda: sum(text in line for line in self.lines()) >= times,
              f"{text!r} in the log, {times} times")

    def program(self, name):
        """The pid of a program, as it was last started."""
        self.said(f"{name}: started, pid ")
        return int([line for line in self.lines(name) if "started" in line][-1].split()[-1])

    def stop(self):
        self.send(signal.SIGTERM)
        return self.end()[0]


def without_pids(lines):
    """Lines without what differs from run to run."""
    return [re.sub(r"pid \d+", "pid N", re.sub(r"after [\d.]+ s", "after T", line))
            for line in lines]


@check("supervise: a program is started again after pauses that double up to a cap")
def back_off():
    with Supervisor("fails delay=0.02 most=0.1: sh -c 'exit 3'") as tool:
        tool.said("again in 0.1 s", 3)
        same("the end", tool.stop(), 0)
        lines = without_pids(tool.lines("fails"))
    pauses = [line.split()[-2] for line in lines if "again in" in line]
    require(pauses[:5] == ["0.02", "0.04", "0.08", "0.1", "0.1"] and set(pauses[5:]) <= {"0.1"},
            f"pauses: {pauses}")
    pair = ["fails: started, pid N", "fails: exited with code 3 after T; again in P s"]
    same("a start, then an end", [re.sub(r"in [\d.]+ s", "in P s", line) for line in lines[:6]],
         pair * 3)
    with Supervisor("runs delay=0.01 most=1 reset=0.05: sh -c 'sleep 0.1; kill -SEGV $$'") as tool:
        tool.said("; again in", 4)
        same("the end", tool.stop(), 0)
        ends = [line for line in without_pids(tool.lines()) if "again" in line]
    same("pauses after runs that were long enough", set(ends),
         {"runs: killed by SIGSEGV (segmentation fault) after T; again in 0.01 s"})


@check("supervise: a program is started again as its line says")
def restart():
    with Supervisor("never restart=never: sh -c 'exit 3'", "good restart=failure: true",
                    "bad restart=failure delay=0.01: sh -c '[ -e $0 ] || { touch $0; exit 1; }' "
                    + str(scratch() / "tried")) as tool:
        same("it ends when nothing is left to run", tool.end()[0], 0)
        said = without_pids(tool.lines())
    same("never", [line for line in said if line.startswith("never")],
         ["never: started, pid N", "never: exited with code 3 after T"])
    same("good", [line for line in said if line.startswith("good")],
         ["good: started, pid N", "good: exited with code 0 after T"])
    same("bad", [line for line in said if line.startswith("bad")],
         ["bad: started, pid N", "bad: exited with code 1 after T; again in 0.01 s",
          "bad: started, pid N", "bad: exited with code 0 after T"])
    with Supervisor("missing delay=0.01 most=0.02: /no/such/program") as tool:
        tool.said("again in 0.02 s")
        same("the end", tool.stop(), 0)
        same("first line", tool.lines()[0],
             "missing: exec /no/such/program: No such file or directory; again in 0.01 s")


@check("supervise: told to end, it stops the last program first, and one after the other")
def stop_order():
    says = "trap 'echo %s; exit 0' %s; echo up; while :; do sleep 0.05; done"
    lines = [f'{name} stop={how}: sh -c "{says % (name, how)}"'
             for name, how in (("one", "TERM"), ("two", "INT"), ("three", "USR2"))]
    with Supervisor(*lines) as tool:
        for _ in range(3):
            same("a program's first line", tool.line(), "up")
        tool.send(signal.SIGTERM)
        same("the end", tool.end()[:2], (0, "three\ntwo\none\n"))
        said = without_pids(tool.lines())
    ends = [[f"{name}: sent SIG{how}", f"{name}: exited with code 0 after T"]
            for name, how in (("three", "USR2"), ("two", "INT"), ("one", "TERM"))]
    same("the log", said[3:], ["supervise: SIGTERM: stopping", *sum(ends, []),
                               "supervise: all have ended"])


STUBBORN = "sh -c 'trap : TERM; setsid sleep 600 & echo up; while :; do sleep 0.1; done'"


@check("supervise: a program that does not stop is killed, with all its descendants")
def ladder():
    with Supervisor("one: sleep 600", f"two grace=0.2: {STUBBORN}") as tool:
        same("first line", tool.line(), "up")
        # Two has written to stdout with all its descendants: the end needs theirs.
        same("the end", tool.stop(), 0)
        said = without_pids(tool.lines())[2:]
    same("the log", said, ["supervise: SIGTERM: stopping", "two: sent SIGTERM",
                           "two: sent SIGKILL", "two: killed by SIGKILL (killed) after T",
                           "one: sent SIGTERM", "one: killed by SIGTERM (terminated) after T",
                           "supervise: all have ended"])
    with Supervisor("one grace=0: " + STUBBORN, f"two grace=0: {STUBBORN}") as tool:
        for _ in range(2):
            tool.line()
        tool.send(signal.SIGINT)
        tool.said("two: sent SIGTERM")
        tool.send(signal.SIGINT)
        same("told twice", tool.end()[0], 0)
        require("one: sent SIGKILL" in tool.lines(), "one was not killed")


@check("supervise: what a program leaves in its group is gone before it is started again")
def swept():
    leaves = "sh -c 'trap \"\" TERM; sleep 600 & echo $!; exit 1'"
    with Supervisor(f"one delay=0.05 most=0.05: {leaves}") as tool:
        before = None
        for _ in range(3):
            left = int(tool.line())
            require(before is None or is_gone(before), f"{before} lives beside {left}")
            before = left
        same("the end", tool.stop(), 0)


@check("supervise: SIGHUP opens the log anew")
def reopened():
    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does: it is meant all the same
    with Supervisor("one: sleep 600", before=ignore) as tool:
        tool.program("one")
        old = tool.log.rename(tool.folder / "log.1")
        tool.send(signal.SIGHUP)
        tool.said("supervise: read ")
        before = old.read_text()
        tool.send(signal.SIGUSR1)
        tool.said("one: runs since ")
        same("the end", tool.stop(), 0)
        same("the old log", old.read_text(), before)
        require("supervise: all have ended" in tool.lines(), "the new log lacks the end")
        require("one: started" in before, "the old log lacks the start")


@check("supervise: SIGHUP reads the list again; what has not changed goes on")
def reloaded():
    with Supervisor("same: sleep 600", "changes: sleep 601", "goes: sleep 602") as tool:
        same_, changes, goes = map(tool.program, ("same", "changes", "goes"))
        tool.write("new: sleep 603", "# a comment", "", "changes stop=INT: sleep 601",
                   "same: sleep 600")
        tool.send(signal.SIGHUP)
        tool.said("new: started")
        tool.said("changes: started", 2)
        until(lambda: len(children(tool.pid)) == 3, "three programs run")
        require(state(same_) == "S" and is_gone(changes) and is_gone(goes), "the wrong ones run")
        said = without_pids(tool.lines("changes"))
        same("the changed one", said, [
            "changes: started, pid N", "changes: is not in the list any more",
            "changes: sent SIGTERM", "changes: killed by SIGTERM (terminated) after T",
            "changes: started, pid N"])
        before = sorted(children(tool.pid))
        tool.write("same: sleep 600", "same: sleep 600")
        tool.send(signal.SIGHUP)
        tool.said("the list stays as it was")
        same("programs after a list that is wrong", sorted(children(tool.pid)), before)
        same("the end", tool.stop(), 0)
        ends = [line.split(":")[0] for line in tool.lines() if "sent SIG" in line]
        same("the order of the stops", ends[-3:], ["same", "changes", "new"])


@check("supervise: SIGUSR1 tells what each program does")
def told():
    with Supervisor("runs: sleep 600", "waits delay=60: false", "done restart=never: true") as tool:
        tool.said("done: exited")
        tool.said("waits: exited")
        tool.send(signal.SIGUSR1)
        tool.said("done: is finished")
        said = [re.sub(r"[\d.]+ s", "T", line) for line in without_pids(tool.lines())[-3:]]
        same("the log", said, ["runs: runs since T, pid N; starts so far: 1",
                               "waits: waits for its start in T; starts so far: 1",
                               "done: is finished; starts so far: 1"])
        same("the end", tool.stop(), 0)


@check("supervise: no zombie stays, and no descriptor is passed on or lost")
def tidy():
    with Supervisor("fails delay=0.01 most=0.01: false", "lists: sh -c 'ls /proc/self/fd; exec "
                    "sleep 600'") as tool:
        same("descriptors of a program", [tool.line() for _ in range(4)], list("0123"))
        tool.said("fails: started", 3)
        count = len(os.listdir(f"/proc/{tool.pid}/fd"))
        tool.said("fails: started", 20)
        until(lambda: all(state(pid) != "Z" for pid in children(tool.pid)), "no zombie is there")
        require(len(os.listdir(f"/proc/{tool.pid}/fd")) <= count + 1, "descriptors are lost")
        same("the end", tool.stop(), 0)


@check("supervise: when it is killed, its programs are told to stop")
def killed():
    with Supervisor("one stop=USR1: sh -c 'trap \"echo told; exit\" USR1; echo up; "
                    "while :; do sleep 0.05; done'") as tool:
        same("first line", tool.line(), "up")
        tool.send(signal.SIGKILL)
        same("the last line", tool.line(), "told")


@check("supervise: what is wrong with a list is said with its line")
def wrong_lists():
    file = scratch() / "wrong"
    for text, why in [
        ("a\n", "1: no colon after the name"),
        ("a:b\n", "1: no colon after the name"),
        ("a: true\n: true\n", "2: there is no name"),
        ("delay=1: true\n", "1: there is no name"),
        ("a:\n", "1: there is no command"),
        ("a b: true\n", "1: an option without a value"),
        ("a b=c: true\n", "1: no such option"),
        ("# a\n\na delay=x: true\n", "3: no such duration"),
        ("a delay=2 most=1: true\n", "1: most is less than delay"),
        ("a stop=NONE: true\n", "1: no such signal"),
        ("a restart=now: true\n", "1: restart is always, failure or never"),
        ("a: 'b\n", "1: a quote is not closed"),
        ("a: true\na: false\n", "2: this name was there before"),
    ]:
        file.write_text(text)
        for options in ([], ["-c"]):
            code, out, err = end_of("supervise", *options, file)
            same(repr(text), (code, out, STAMP.sub("", err)),
                 (125, "", f"supervise: {file}:{why}\n"))
    same("no list", end_of("supervise", "/no/such/list")[0], 125)
    file.write_text("# nothing\n")
    same("an empty list", end_of("supervise", file)[0], 125)
    file.write_text("a restart=never: printf [%s] 'b  c' \"d'e\" f\\ g\\\\ '' \"\\\"\" h'i j'k '\\l'\n")
    same("quotes", end_of("supervise", file)[1], "[b  c][d'e][f g\\][][\"][hi jk][\\l]")
    same("--check of a list that is right", end_of("supervise", "--check", file), (0, "", ""))
