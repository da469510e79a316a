"""The examples that need a terminal, or programs to run: shell, expect, pager, runtests."""

import os
import signal
import subprocess
import tempfile
import termios
from pathlib import Path

from .tools import ENVIRONMENT, ROOT, check, require, scratch
from .toolbox import PATIENCE, children, end_of, path, same, state, until
from .toolbox_terminal import INTERRUPT, SUSPEND, Terminal, name_of

MOST_LINES = {"parallel": 250, "supervise": 250, "runtests": 60, "shell": 120, "expect": 120,
              "pager": 120, "services": 120}


@check("examples: each is as short as it should be")
def length():
    for name, most in MOST_LINES.items():
        count = len((ROOT / f"examples/{name}.c").read_text().splitlines())
        require(count <= most, f"{name}.c has {count} lines, not {most}")
    return f"{len(MOST_LINES)} examples"


class Shell(Terminal):
    """The example, as the leader of a session with a terminal."""

    def __init__(self):
        super().__init__(path("shell"))
        self.read_to("$ ")

    def run(self, line):
        """Types a line, and returns what comes before the next prompt."""
        self.type(f"{line}\n")
        self.read_to(f"{line}\r\n")
        return self.read_to("$ ")

    def begin(self, line, name, count):
        """Types a line, and waits until it has this number of programs of this name."""
        self.type(f"{line}\n")
        self.read_to(f"{line}\r\n")
        return until(lambda: len(found := self.jobs(name)) == count and found, f"{line} runs")

    def jobs(self, name):
        return [pid for pid in children(self.pid) if state(pid) != "Z" and name_of(pid) == name]

    def press(self, key):
        """Types a key for the job, and returns what comes before the next prompt."""
        self.type(key)
        return self.read_to("$ ")

    def code(self):
        return int(self.run("echo $?"))

    def is_idle(self):
        """It has the terminal back, and no children."""
        return self.foreground() == self.pid and not children(self.pid)


@check("shell: pipelines, and the status of the last stage")
def pipelines():
    with Shell() as shell:
        same("three stages", shell.run("printf %s\\n b a b | sort | uniq"), "a\r\nb\r\n")
        for line, code in (("false", 1), ("false | true", 0), ("true | false", 1),
                           ("yes | head -n 1", 0), ("head -n 1 | true", 0)):
            shell.type(f"{line}\n" + "x\n" * line.startswith("head"))
            shell.read_to("$ ")
            same(line, shell.code(), code)
        same("one that is not there", shell.run("sleep 600 | no-such-program | cat"),
             "no-such-program: No such file or directory\r\n")
        require(shell.is_idle(), "the other stages are left")
        same("its status", shell.code(), 127)
        same("an empty line", shell.run(""), "")


@check("shell: jobs in the background, which are reported when they have exited")
def background():
    with Shell() as shell:
        same("its start", shell.run("sleep 600 | sleep 601 &"), "")
        same("the foreground", shell.foreground(), shell.pid)
        jobs = until(lambda: len(found := shell.jobs("sleep")) == 2 and found, "two run")
        same("their groups", {os.getpgid(pid) for pid in jobs}, {jobs[0]})
        for pid in jobs:
            os.kill(pid, signal.SIGTERM)
        until(lambda: not shell.jobs("sleep"), "they have ended")
        same("the report", shell.run("true"), "exited with 143: sleep\r\n")
        require(shell.is_idle(), "something is left")


@check("shell: Ctrl-Z stops a job, fg and bg continue it")
def suspend():
    with Shell() as shell:
        jobs = shell.begin("cat | cat", "cat", 2)
        until(lambda: shell.foreground() == jobs[0], "it has the terminal")
        for text in ("one", "two"):
            same("what is said", shell.press(SUSPEND).removeprefix("^Z"), "stopped: cat\r\n")
            same("the foreground", shell.foreground(), shell.pid)
            until(lambda: {state(pid) for pid in jobs} == {"T"}, "both are stopped")
            same("$?", shell.code(), 128 + signal.SIGTSTP)
            shell.type(f"fg\n{text}\n")
            shell.read_to(f"{text}\r\n{text}\r\n")  # the echo, and the job's own
        same("at the end of its input", shell.press("\4").replace("^D\b\b", ""), "")
        same("$?", shell.code(), 0)
        require(shell.is_idle(), "something is left")
        jobs = shell.begin("true | sleep 600", "sleep", 1)
        shell.press(SUSPEND)
        same("bg", shell.run("bg"), "")
        until(lambda: state(jobs[0]) == "S", "it goes on")
        shell.type("fg\n")
        until(lambda: shell.foreground() == os.getpgid(jobs[0]), "it has the terminal")
        shell.press(INTERRUPT)
        same("$?", shell.code(), 128 + signal.SIGINT)
        require(shell.is_idle(), "something is left")


@check("shell: the keys end a job and not the shell, whose terminal is as it was")
def keys():
    with Shell() as shell:
        for key, number in ((INTERRUPT, signal.SIGINT), ("\x1c", signal.SIGQUIT)):
            shell.begin("sleep 600 | sleep 601", "sleep", 2)
            shell.press(key)
            same("$?", shell.code(), 128 + number)
            same("the same at the prompt", shell.press(key + "\n").count("$"), 0)
        before = termios.tcgetattr(shell.fd)
        shell.run("stty -echo -icanon")
        same("modes", termios.tcgetattr(shell.fd), before)


LOGIN = """printf 'Name: '; read name; stty -echo; printf 'Password: '; read word; stty echo
[ "$word" = secret ] && [ -t 0 ] && printf 'Welcome, %s\\n' "$name" && exit 3
exit 4"""


@check("expect: it answers the questions that a program asks on its terminal")
def answers():
    login = ["--", "sh", "-c", LOGIN]
    code, out, err = end_of("expect", "Name: ", "Ada", "Password: ", "secret", *login)
    same("code and errors", (code, err), (3, ""))
    same("what it shows", out.split("\n"), ["Name: Ada\r", "Password: Welcome, Ada\r", ""])
    same("a wrong answer", end_of("expect", "Name: ", "Ada", "word: ", "x", *login)[0], 4)
    same("no question", end_of("expect", "--", "sh", "-c", "test -t 1 && exit 5")[0], 5)


@check("expect: it drives an interactive shell")
def shell_under_expect():
    code, out, _ = end_of("expect", "$ ", "echo one | tr a-z A-Z", "ONE", "false", "$ ", "\4",
                          "--", path("shell"))
    same("code", code, 1)
    require("ONE\r\n" in out, f"it shows {out!r}")


@check("expect: a question that does not come ends it, and the command")
def no_question():
    same("the command exits", end_of("expect", "x", "y", "--", "true")[0], 125)
    same("it is not there", end_of("expect", "--", "/no/such/command")[0], 125)
    for wrong in ([], ["x"], ["--"], ["x", "--", "true"]):
        same(f"expect {wrong}", end_of("expect", *wrong)[0], 125)
    code, out, err = end_of("expect", "x", "y", "--", "sh", "-c", "echo $$; sleep 600 & wait")
    same("it stays", (code, "has not come in time" in err), (124, True))
    until(lambda: state(int(out)) is None, "the command is gone")


class Pager(Terminal):
    """The example on a terminal, with a pager and its file."""

    def __init__(self, pager, file):
        super().__init__("env", f"PAGER={pager}", path("pager"), str(file))

    def end(self):
        """Its exit code, once it has exited."""
        look = os.WEXITED | os.WNOWAIT | os.WNOHANG
        end = until(lambda: os.waitid(os.P_PID, self.pid, look), "it exits")
        return end.si_status if end.si_code == os.CLD_EXITED else -end.si_status


@check("pager: its output goes through $PAGER if stdout is a terminal")
def through_pager():
    file = scratch() / "lines"
    file.write_text("".join(f"line {number}\n" for number in range(1, 50001)))
    with Pager("tail -n 1", file) as pager:
        same("the pager's output", pager.read_to("\n").strip(), "50000  line 50000")
        same("code", pager.end(), 0)
    with Pager("head -n 1", file) as pager:  # quits long before the end
        same("the first line", pager.read_to("\n").strip(), "1  line 1")
        same("code", pager.end(), 0)
    with Pager("/no/such/pager", file) as pager:
        pager.read_to("pager: exec /no/such/pager: No such file or directory")
        pager.read_to("50000  line 50000")
        same("code", pager.end(), 0)
    with Pager("sh -c 'trap \"echo caught; exit\" INT; echo on; while :; do sleep 0.05; done'",
               "/dev/null") as pager:
        pager.read_to("on")
        pager.type(INTERRUPT)
        pager.read_to("caught")
        same("code", pager.end(), 0)


@check("pager: without a terminal there is no pager")
def without_pager():
    done = subprocess.run([path("pager"), "/dev/stdin", "/no/such/file"], input="one\ntwo", text=True,
                          capture_output=True, timeout=PATIENCE,
                          env={**ENVIRONMENT, "PAGER": "/no/such/pager"})
    same("stdout", done.stdout, "     1  one\n     2  two")
    same("the file that is missing", (done.returncode, "/no/such/file" in done.stderr), (1, True))
    with open("/dev/full", "w") as full:
        done = subprocess.run([path("pager"), path("pager")], stdout=full, timeout=PATIENCE)
    same("a full disk", done.returncode, 1)


def scripts(**texts):
    """A folder of test programs."""
    folder = Path(tempfile.mkdtemp(dir=scratch()))
    for name, text in texts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return folder


@check("runtests: it shows the output of programs that fail, and counts them")
def runner():
    folder = scripts(good="echo not shown", bad="echo shown; echo errors >&2; exit 3",
                     crash="kill -KILL $$", hangs="echo begun; sleep 600 & sleep 600")
    names = [folder / name for name in ("good", "bad", "crash", "hangs", "missing")]
    code, out, err = end_of("runtests", *names)
    same("code and errors", (code, err), (4, ""))
    for part in ("bad: exited with code 3 after 0.0 s\nshown\nerrors\n",
                 "crash: killed by SIGKILL after", "4 of 5 programs failed\n",
                 "hangs: killed by SIGTERM (terminated) after 5.", "s\nbegun\n",
                 "missing: No such file or directory\n"):
        require(part in out, f"{part!r} is not in {out!r}")
    require("not shown" not in out, "it shows the output of one that does not fail")


@check("runtests: a hundred programs, eight at a time")
def hundred():
    folder = scripts(test="cd ${0%/*}; mkdir $$.on; ls -d *.on | wc -l >>counts; sleep 0.1; rmdir $$.on")
    same("code and output", end_of("runtests", *[folder / "test"] * 100),
         (0, "0 of 100 programs failed\n", ""))
    counts = list(map(int, (folder / "counts").read_text().split()))
    require(len(counts) == 100 and max(counts) <= 8, f"{max(counts)} at a time")
    require(max(counts) >= 4, f"only {max(counts)} at a time")
