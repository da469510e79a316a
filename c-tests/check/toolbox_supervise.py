"""supervise, an example: the list, pauses, stopping all at once, reading the list again, and
what becomes of everybody when something else goes wrong."""

import os
import re
import signal
import tempfile
import time
from pathlib import Path

from .tools import check, require, scratch
from .toolbox import Tool, children, end_of, first_process, is_gone, same, state, until


class Supervisor(Tool):
    """supervise with this list, and its log in a file."""

    def __init__(self, *lines, options=(), before=None):
        self.folder = Path(tempfile.mkdtemp(dir=scratch()))
        self.list, self.log = self.folder / "list", self.folder / "log"
        self.write(*lines)

        def prepare():
            log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 2)
            if before:
                before()
        super().__init__("supervise", *options, self.list, before=prepare)

    def write(self, *lines):
        self.list.write_text("".join(f"{line}\n" for line in lines))

    def lines(self, name=None):
        """The log, or that of one program, without what differs from run to run."""
        text = self.log.read_text() if self.log.exists() else ""
        said = [line.removeprefix("supervise: ") for line in text.splitlines()]
        said = [re.sub(r"pid \d+", "pid N", re.sub(r"after [\d.]+ s", "after T", line))
                for line in said]
        return [line for line in said if not name or line.startswith(f"{name}: ")]

    def said(self, text, times=1):
        """Waits until the log has this so often."""
        until(lambda: sum(text in line for line in self.lines()) >= times,
              f"{text!r} in the log, {times} times")

    def program(self, name):
        """The pid of a program, as it was last started."""
        self.said(f"{name}: started, pid ")
        return int(re.findall(rf"{name}: started, pid (\d+)", self.log.read_text())[-1])

    def worker(self):
        """The process that has the programs."""
        return until(lambda: children(self.pid), "the process that does the work")[0]

    def stop(self):
        self.send(signal.SIGTERM)
        return self.end()[0]


@check("supervise: a program is started again after pauses that double, up to a cap")
def pauses():
    with Supervisor("fails: exit 3", options=["-d0.02"]) as tool:
        tool.said("again in 0.16 s")
        same("the end", tool.stop(), 0)
        lines = tool.lines("fails")
    same("pauses", [line.split()[-2] for line in lines if "again in" in line][:4],
         ["0.02", "0.04", "0.08", "0.16"])
    same("a start, then an exit", lines[:3], ["fails: started, pid N",
                                              "fails: exited with code 3 after T",
                                              "fails: again in 0.02 s"])
    with Supervisor("fails: exit 3", options=["-d100"]) as tool:
        tool.said("again in 100 s")
        same("while it waits", tool.stop(), 0)
    with Supervisor("fails: exit 3", options=["-d0"]) as tool:
        tool.said("fails: again in 0 s", 20)
        same("without a pause", tool.stop(), 0)


@check("supervise: a program of restart=never is tried once, even if it is not there")
def never():
    with Supervisor("never restart=never: exit 3", "missing restart=never: exec ./no-such",
                    "good restart=never: true") as tool:
        same("it ends when nothing is left to run", tool.end()[0], 0)
        same("never", tool.lines("never"), ["never: started, pid N",
                                            "never: exited with code 3 after T"])
        same("missing", tool.lines("missing"), ["missing: started, pid N",
                                                "missing: exited with code 127 after T"])
        require("no-such" in tool.log.read_text(), "nobody says what is missing")


@check("supervise: a command is what sh takes it for")
def command():
    line = """a restart=never: printf '[%s]' 'b  c' "d'e" f\\ g "x\\.y \\"q\\"" ': ' h'i j'k"""
    with Supervisor(line) as tool:
        same("quotes, backslashes and a colon", tool.end()[1], "[b  c][d'e][f g][x\\.y \"q\"][: ][hi jk]")


UP = "echo up; while :; do sleep 0.05; done"


@check("supervise: at a signal it stops all programs at once, with one grace")
def stop():
    stubborn = [f"s{number}: trap '' TERM; {UP}" for number in range(10)]
    with Supervisor("gentle: trap 'echo bye; exit 0' TERM; " + UP, *stubborn,
                    options=["-g0.5"]) as tool:
        for _ in range(11):
            same("a program's first line", tool.line(), "up")
        began = time.monotonic()
        tool.send(signal.SIGTERM)
        same("the end", tool.end()[:2], (0, "bye\n"))
        took = time.monotonic() - began
        require(took < 4, f"ten stubborn programs took {took:.1f} s, not the time of one")
        same("the gentle one", tool.lines("gentle")[1:], ["gentle: exited with code 0 after T"])
        same("a stubborn one", tool.lines("s3")[1:], ["s3: killed by SIGKILL after T"])


@check("supervise: a second SIGTERM within a second is the same request, a later one is not")
def twice():
    with Supervisor("one: trap 'sleep 0.5; exit 7' TERM; " + UP, options=["-g30"]) as tool:
        tool.line()
        tool.send(signal.SIGTERM)
        tool.said("SIGTERM: all stop")
        tool.send(signal.SIGTERM)
        same("the end", tool.end()[0], 0)
        same("its exit", tool.lines("one")[-1], "one: exited with code 7 after T")
    with Supervisor(f"one: trap '' TERM; {UP}", options=["-g600"]) as tool:
        tool.line()
        tool.send(signal.SIGTERM)
        tool.said("SIGTERM: all stop")
        time.sleep(1.1)  # the time that makes another request of it
        tool.send(signal.SIGTERM)
        same("the end of a stubborn one", tool.end()[0], 0)
        same("its end", tool.lines("one")[-1], "one: killed by SIGKILL after T")


@check("supervise: SIGTERM ends programs although it was ignored when supervise was started")
def ignored():
    with Supervisor("one: sleep 600",
                    before=lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN)) as tool:
        tool.program("one")
        same("the end", tool.stop(), 0)
        same("its end", tool.lines("one")[-1], "one: killed by SIGTERM (terminated) after T")


@check("supervise: what a program leaves behind is gone before it is started again")
def strays():
    leaves = "trap '' TERM; sleep 600 & echo $!; setsid sleep 601 & echo $!; exit 1"
    with Supervisor(f"one: {leaves}", options=["-d0.05"]) as tool:
        before = []
        for _ in range(3):
            left = [int(tool.line()) for _ in range(2)]
            require(all(is_gone(pid) for pid in before), f"one of {before} lives beside {left}")
            before = left
        same("the end", tool.stop(), 0)
        require(all(is_gone(pid) for pid in before), f"one of {before} has outlived supervise")


@check("supervise: SIGHUP reads the list again; what has not changed goes on")
def reloaded():
    with Supervisor("same: sleep 600", "changes: sleep 601", "goes: sleep 602") as tool:
        same_, changes, goes = map(tool.program, ("same", "changes", "goes"))
        tool.write("new: sleep 603", "# a comment", "", "changes restart=never: sleep 601",
                   "same: sleep 600")
        tool.send(signal.SIGHUP)
        tool.said("new: started")
        tool.said("changes: started", 2)
        until(lambda: len(children(tool.worker())) == 3, "three programs run")
        require(state(same_) == "S" and is_gone(changes) and is_gone(goes), "the wrong ones run")
        same("the changed one", tool.lines("changes"), [
            "changes: started, pid N", "changes: killed by SIGTERM (terminated) after T",
            "changes: started, pid N"])
        same("the end", tool.stop(), 0)


@check("supervise: a list that cannot be read, is wrong or is empty changes nothing")
def unreadable():
    with Supervisor("one: sleep 600") as tool:
        pid = tool.program("one")
        for number, spoil in enumerate((lambda: tool.write("one"), lambda: tool.write("# nothing"),
                                        tool.list.unlink, tool.list.mkdir), 1):
            spoil()
            tool.send(signal.SIGHUP)
            until(lambda: sum(f"{tool.list}:" in line for line in tool.lines()) >= number,
                  "a message about the list")
            same("the program", state(pid), "S")
        same("the end", tool.stop(), 0)


@check("supervise: when nobody reads its log, the programs go on")
def unread():
    ours, its = os.pipe()
    with Supervisor("fails: sleep 0.1", "stays: sleep 600", options=["-d0.1"],
                    before=lambda: os.dup2(its, 2)) as tool:
        os.close(its)
        log = b""
        while b"fails: started" not in log:
            log += os.read(ours, 4096)
        os.close(ours)
        worker = tool.worker()
        fails = until(lambda: [pid for pid in children(worker)], "its programs")
        until(lambda: any(pid not in fails for pid in children(worker)), "one is started again")
        same("the end", tool.stop(), 0)


@check("supervise: if it is killed, its programs are stopped, with all they have started")
def killed():
    script = "trap 'echo told; exit' TERM; sleep 600 & echo $!; while :; do sleep 0.05; done"
    with Supervisor(f"one: {script}", "two: trap '' TERM; " + UP, options=["-g0.2"]) as tool:
        lines = sorted([tool.line(), tool.line()])
        same("the second one", lines[1], "up")
        tool.send(signal.SIGKILL)
        same("the last line", tool.line(), "told")
        until(lambda: is_gone(int(lines[0])), "its sleep is gone")
        same("the end of the others", tool.end()[1], "")  # nobody has stdout any more
    with Supervisor("one: setsid sleep 600 & echo $!; exec sleep 601") as tool:
        left = int(tool.line())
        program = tool.program("one")
        os.kill(tool.worker(), signal.SIGKILL)
        same("the end of the one that waits", tool.end()[0], 125)
        require(is_gone(left) and is_gone(program), "somebody has outlived the other process")


@check("supervise: as the first process of a container it leaves no zombies")
def first():
    folder = Path(tempfile.mkdtemp(dir=scratch()))
    orphan = "(setsid sh -c 'sleep 0.05' &); exit 0"
    count = "sleep 1; ps -eo stat= | grep -c Z; kill 1"
    (folder / "list").write_text(f"leaves: {orphan}\nlooks restart=never: {count}\n")
    with first_process("supervise", "-d0.1", folder / "list") as tool:
        code, out, _ = tool.end()
    same("code", code, 0)
    require(int(out) <= 2, f"{out.strip()} zombies")


@check("supervise: no zombie stays, and no descriptor is passed on or lost")
def tidy():
    with Supervisor("fails: false", "lists: ls /proc/self/fd; exec sleep 600",
                    options=["-d0"]) as tool:
        same("descriptors of a program", [tool.line() for _ in range(4)], list("0123"))
        tool.said("fails: started", 3)
        count = len(os.listdir(f"/proc/{tool.worker()}/fd"))
        tool.said("fails: started", 20)
        until(lambda: all(state(pid) != "Z" for pid in children(tool.worker())), "no zombie is there")
        require(len(os.listdir(f"/proc/{tool.worker()}/fd")) <= count + 1, "descriptors are lost")
        same("the end", tool.stop(), 0)


@check("supervise: an error in a list is reported with its line")
def wrong_lists():
    file = scratch() / "wrong"
    for text, line in (("a\n", 1), ("a:b\n", 1), ("a: true\n: true\n", 2), ("# a\n\na b: true\n", 3),
                       ("a restart=now: true\n", 1), ("a restart=never : true\n", 1)):
        file.write_text(text)
        same(repr(text), end_of("supervise", file),
             (125, "", f"supervise: {file}:{line}: a line is NAME [restart=never]: COMMAND\n"))
    file.write_text("# nothing\n")
    for arguments in ([file], ["/no/such/list"], [scratch()], [], ["-dx", file], ["-z", file]):
        code, out, err = end_of("supervise", *arguments)
        same(f"supervise {arguments}", (code, out, "supervise: " in err), (125, "", True))

