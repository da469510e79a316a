"""chld-timeout and chld-init at a terminal: the keys, the foreground, stopping and
continuing under a shell with jobs, which is played by a few lines of Python."""

import os
import pty
import select
import signal
import sys
import time

from .tools import Failed, check, need, require, run
from .toolbox import (ENVIRONMENT, PATIENCE, children, end_marked, forget_ignored, new_mark, path,
                      same, state, until)

INTERRUPT, QUIT, SUSPEND = "\x03", "\x1c", "\x1a"

# Runs its arguments as a job in the foreground, and prints "shell: exec" right before.
# When the job has stopped, it prints so, and continues it at the line "fg", or in the
# background at the line "bg".
SHELL = """
import os, signal, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's handler would lose one before the exec
    os.write(1, b"shell: exec\\n")
    os.execvp(sys.argv[1], sys.argv[1:])
while True:
    _, status = os.waitpid(job, os.WUNTRACED)
    os.tcsetpgrp(0, os.getpgrp())
    if not os.WIFSTOPPED(status):
        break
    print("shell: stopped", flush=True)
    if input() == "fg":
        os.tcsetpgrp(0, job)
    os.killpg(job, signal.SIGCONT)
print("shell: ended", os.waitstatus_to_exitcode(status), flush=True)
"""


class Terminal:
    """A program that leads a session of its own, with a terminal."""

    def __init__(self, *command):
        self.mark = name, value = new_mark()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            forget_ignored()
            os.execvpe(command[0], command, {**ENVIRONMENT, name: value})
        self.text = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end_marked(self.mark)
        os.close(self.fd)
        os.waitpid(self.pid, 0)

    def type(self, text):
        os.write(self.fd, text.encode())

    def read_to(self, text, patience=PATIENCE):
        """Reads on until it has seen this, which then counts as read."""
        end = time.monotonic() + patience
        while text not in self.text:
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            try:
                new = os.read(self.fd, 4096).decode() if ready else ""
            except OSError:  # everybody has closed it
                new = ""
            if not new:
                raise Failed(f"the terminal has {self.text!r}, and nothing with {text!r}")
            self.text += new
        before, self.text = self.text.split(text, 1)
        return before

    def job(self):
        """The shell's only child."""
        return until(lambda: children(self.pid), "the shell has a child")[0]

    def foreground(self):
        return os.tcgetpgrp(self.fd)


def name_of(pid):
    try:
        return open(f"/proc/{pid}/comm").read().strip()
    except FileNotFoundError:
        return None


def under_shell(*command):
    return Terminal(sys.executable, "-SE", "-c", SHELL, *command)


def command_of(terminal):
    """The tool's child that is no zombie: one leads the group of chld-timeout's command."""
    return until(lambda: [child for child in children(terminal.job()) if state(child) != "Z"],
                 "the tool has a child")[0]


WAITS = ["sh", "-c", "echo ready; exec sleep 600"]
# Reads two lines.
ASKS = ["sh", "-c", "echo ready; read a; echo got $a; read b; echo got $b; exit 5"]


@check("terminal: the interrupt key ends the command and timeout alike")
def interrupt():
    for command in (["600"], ["-f", "600"]):
        with under_shell(path("chld-timeout"), *command, *WAITS) as terminal:
            terminal.read_to("ready")
            terminal.type(INTERRUPT)
            terminal.read_to(f"shell: ended {-signal.SIGINT}")


@check("terminal: with --foreground a key's signal comes once")
def once():
    counts = ["sh", "-c", """trap 'echo "interrupt"' INT; trap 'exit 9' TERM; echo ready
        while :; do sleep 0.05; done"""]
    with under_shell(path("chld-timeout"), "-f", "600", *counts) as terminal:
        terminal.read_to("ready")
        terminal.type(INTERRUPT)
        terminal.read_to("interrupt")
        os.kill(terminal.job(), signal.SIGTERM)
        between = terminal.read_to("shell: ended 9")
        same("interrupts after the first", between.count("interrupt"), 0)


@check("terminal: a command in a script can read it, and the keys end the script")
def script():
    with Terminal("sh", "-c", '"$0" 600 "$@"; echo after', path("chld-timeout"), *ASKS) as terminal:
        terminal.read_to("ready")
        terminal.type("one\n")
        terminal.read_to("got one")
        require(terminal.foreground() != os.getpgid(terminal.pid), "it was not lent the terminal")
        terminal.type(INTERRUPT)
        look = os.WEXITED | os.WNOWAIT | os.WNOHANG
        end = until(lambda: os.waitid(os.P_PID, terminal.pid, look), "the script ends")
        same("how the script ended", (end.si_code, end.si_status), (os.CLD_KILLED, signal.SIGINT))


@check("terminal: it is given back when the command has exited")
def given_back():
    reads = '"$0" 600 sh -c "read a; echo got \\$a"; read b; echo then $b'
    with Terminal("sh", "-c", reads, path("chld-timeout")) as terminal:
        terminal.type("one\n")
        terminal.read_to("got one")
        terminal.type("two\n")
        terminal.read_to("then two")


@check("terminal: the suspend key stops command and timeout, and both go on")
def suspend():
    for options in ([], ["-f"]):
        with under_shell(path("chld-timeout"), *options, "600", *ASKS) as terminal:
            terminal.read_to("ready")
            command = command_of(terminal)
            for line in ("one", "two"):
                terminal.type(SUSPEND)
                terminal.read_to("shell: stopped")
                until(lambda: state(command) == "T", "the command stops")
                terminal.type("fg\n")
                until(lambda: state(command) == "S", "the command goes on")
                terminal.type(f"{line}\n")
                terminal.read_to(f"got {line}")
            terminal.read_to("shell: ended 5")


@check("terminal: the suspend key works while somebody else has stopped the command")
def suspend_stopped():
    with under_shell(path("chld-timeout"), "600", *WAITS) as terminal:
        terminal.read_to("ready")
        command = command_of(terminal)
        os.kill(command, signal.SIGSTOP)
        until(lambda: state(command) == "T", "the command stops")
        terminal.type(SUSPEND)
        terminal.read_to("shell: stopped")
        terminal.type("fg\n")
        until(lambda: state(command) == "S", "the command goes on")
        terminal.type(INTERRUPT)
        terminal.read_to(f"shell: ended {-signal.SIGINT}")


@check("terminal: the suspend key works at any moment of the start")
def suspend_at_start():
    for number in range(60):
        with under_shell(path("chld-timeout"), "600", "sleep", "600") as terminal:
            terminal.read_to("shell: exec")
            time.sleep(number / 10000)  # up to 6 ms: the moment, not a wait for anything
            terminal.type(SUSPEND)
            terminal.read_to("shell: stopped", patience=10)
            terminal.type("fg\n")
            until(lambda: terminal.foreground() == terminal.job(), "it is in the foreground")
            terminal.type(INTERRUPT)
            terminal.read_to(f"shell: ended {-signal.SIGINT}", patience=10)


@check("terminal: a command that reads in the background stops, and can be brought back")
def background():
    with under_shell(path("chld-timeout"), "600", *ASKS) as terminal:
        terminal.read_to("ready")
        terminal.type(SUSPEND)
        terminal.read_to("shell: stopped")
        terminal.type("bg\n")
        terminal.read_to("shell: stopped")
        terminal.type("fg\n")
        terminal.type("one\ntwo\n")
        terminal.read_to("got two")
        terminal.read_to("shell: ended 5")


@check("terminal: in a group that no shell continues, the suspend key stops nobody for good")
def orphaned():
    with Terminal(path("chld-timeout"), "600", *ASKS) as terminal:
        terminal.read_to("ready")
        terminal.type(SUSPEND)
        terminal.type("one\ntwo\n")
        terminal.read_to("got two")


@check("terminal: init gives it to the command, and stops and goes on with it")
def init():
    with under_shell(path("chld-init"), "-s", *ASKS) as terminal:
        terminal.read_to("ready")
        command = command_of(terminal)
        same("the group in the foreground", terminal.foreground(), command)
        terminal.type("one\n")
        terminal.read_to("got one")
        terminal.type(SUSPEND)
        terminal.read_to("shell: stopped")
        terminal.type("fg\n")
        terminal.type("two\n")
        terminal.read_to("got two")
        terminal.read_to("shell: ended 5")
    with under_shell(path("chld-init"), "-s", *WAITS) as terminal:
        terminal.read_to("ready")
        terminal.type(QUIT)
        terminal.read_to(f"shell: ended {128 + signal.SIGQUIT}")


@check("terminal: an interactive shell under init has job control")
def shell_under_init():
    bash = ["bash", "--norc", "--noprofile", "-i"]
    with Terminal(path("chld-init"), "-s", *bash) as terminal:
        terminal.type('echo "fl"ags "[$-]"\n')
        terminal.read_to("flags [")
        require("m" in terminal.read_to("]"), "it has no job control")
        terminal.type("sleep 600\n")
        terminal.read_to("sleep 600")
        # Until the exec, a job of bash ignores the key.
        until(lambda: name_of(terminal.foreground()) == "sleep", "its job runs")
        terminal.type(SUSPEND)
        terminal.read_to("Stopped")
        terminal.type("kill -KILL %1\nexit 5\nexit 5\n")  # the second one if it asks
        look = os.WEXITED | os.WNOWAIT | os.WNOHANG
        end = until(lambda: os.waitid(os.P_PID, terminal.pid, look), "it exits")
        same("exit code", end.si_status, 5)


@check("terminal: init gives it back, in a pid namespace of its own too")
def given_back_by_init():
    need("unshare")
    # The group of init has no number there, if unshare does not lead one inside.
    apart = "unshare -pf --kill-child --mount-proc".split()
    if os.getuid() != 0:
        apart.insert(1, "-Ur")
    starts = [[path("chld-init"), "-s"]]
    if run(*apart, "true", succeed=False).returncode == 0:
        starts.append([*apart, path("chld-init")])
    reads = '"$@" sh -c "read a; echo got \\$a"; read b; echo then $b'
    for start in starts:
        with Terminal("sh", "-c", reads, "-", *start) as terminal:
            terminal.type("one\n")
            terminal.read_to("got one")
            terminal.type("two\n")
            terminal.read_to("then two")


@check("terminal: the suspend key stops parallel and its jobs, and they go on with it")
def parallel():
    with under_shell(path("parallel"), "-j2", "sleep", ":::", "600", "601") as terminal:
        jobs = until(lambda: len(children(terminal.job())) == 2 and children(terminal.job()),
                     "two jobs run")
        until(lambda: all(state(job) == "S" for job in jobs), "they sleep")
        terminal.type(SUSPEND)
        terminal.read_to("shell: stopped")
        until(lambda: all(state(job) == "T" for job in jobs), "they stop")
        terminal.type("fg\n")
        until(lambda: all(state(job) == "S" for job in jobs), "they go on")
        terminal.type(INTERRUPT)
        terminal.read_to(f"shell: ended {-signal.SIGINT}")
        same("what is left of them", [state(job) for job in jobs], [None, None])
