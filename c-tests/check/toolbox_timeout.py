"""timeout: exit codes, signals, groups; the terminal is in toolbox_terminal.py."""

import re
import signal
import subprocess

from .tools import check, require
from .toolbox import (PATIENCE, Tool, codes, end_of, is_gnu, is_gone, path, same, state,
                      until)

# What it says of a signal, and that it then ends with 7.
SAYS = """
for name in HUP INT QUIT TERM USR1 USR2; do trap "echo $name; exit 7" $name; done
echo ready
while :; do sleep 0.05; done"""

# Its descendant ignores TERM, the command does not.
STUBBORN = """sh -c 'trap "" TERM; echo $$; exec sleep 600' &
exec sleep 600"""


@check("timeout: the exit codes of the manual")
def exit_codes():
    stubborn = "trap '' TERM; sleep 600; sleep 600"
    codes("timeout", [
        (["10", "true"], 0),
        (["10", "sh", "-c", "exit 3"], 3),
        (["0", "true"], 0),
        (["0.1", "sleep", "600"], 124),
        (["--signal=INT", ".1s", "sleep", "600"], 124),
        (["0.000001d", "sleep", "600"], 124),
        (["1", "sh", "-c", "trap 'exit 5' TERM; sleep 600 & wait"], 124),
        (["-p", "1", "sh", "-c", "trap 'exit 5' TERM; sleep 600 & wait"], 5),
        (["--preserve-status", "0.1", "sleep", "600"], -signal.SIGTERM),
        (["-s", "KILL", "0.1", "sleep", "600"], 137),
        (["-s", "9", "0.1", "sleep", "600"], 137),
        (["-k", "0.1", "1", "sh", "-c", stubborn], 137),
        (["-fk", "0.1", "1", "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"], 137),
        (["10", "sh", "-c", "kill -SEGV $$"], -signal.SIGSEGV),
        (["10", "sh", "-c", "kill -KILL $$"], -signal.SIGKILL),
        (["10", "/etc/passwd"], 126),
        (["10", "/no/such/command"], 127),
        (["10", "no-such-command"], 127),
    ])
    wrong = ["", "ten", "-1", "1y", "1ss", "nan", "1 s"]
    codes("timeout", [(["--", text, "true"], 125) for text in wrong]
          + [(["-k", "x", "1", "true"], 125), (["-s", "NOSUCH", "1", "true"], 125),
             (["1"], 125), ([], 125)])


@check("timeout: what was written before the limit is there")
def partial_output():
    code, out, err = end_of("timeout", "-v", "1", "sh", "-c", "echo start; sleep 600; echo end")
    same("code and output", (code, out), (124, "start\n"))
    same("what --verbose says", err, "timeout: sending signal TERM to command 'sh'\n")


@check("timeout: signals are passed on, and the command's end is its own")
def forwarded():
    for name in ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2"):
        with Tool("timeout", "600", "sh", "-c", SAYS) as tool:
            same("first line", tool.line(), "ready")
            tool.send(getattr(signal, f"SIG{name}"))
            same(f"after SIG{name}", tool.end()[:2], (7, f"{name}\n"))
    with Tool("timeout", "600", "sh", "-c", "echo ready; exec sleep 600") as tool:
        tool.line()
        tool.send(signal.SIGTERM)
        same("after SIGTERM", tool.end()[0], -signal.SIGTERM)


@check("timeout: a signal that was ignored stays ignored")
def nohup():
    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    look = "grep SigIgn /proc/self/status; exec sleep 600"
    with Tool("timeout", "-v", "600", "sh", "-c", look, before=ignore) as tool:
        ignored = int(tool.line().split()[1], 16)
        require(ignored & 1 << (signal.SIGHUP - 1), "the command does not ignore SIGHUP")
        tool.send(signal.SIGHUP)
        tool.send(signal.SIGTERM)
        code, _, err = tool.end()
        same("after SIGHUP and SIGTERM", (code, err.split()[3:4], err.count("sending")),
             (-signal.SIGTERM, ["TERM"], 1))


@check("timeout: descendants in the group are ended, the stubborn ones by --kill-after")
def descendants():
    both = "sleep 600 & echo ready; exec sleep 600"
    same("a limit", end_of("timeout", "1", "sh", "-c", both)[:2], (124, "ready\n"))
    same("--kill-after", end_of("timeout", "-k", "0.2", "1", "sh", "-c", STUBBORN)[0], 124)
    with Tool("timeout", "-vk", "0.2", "600", "sh", "-c", STUBBORN) as tool:
        tool.line()
        tool.send(signal.SIGINT)
        code, _, err = tool.end()
        same("--kill-after when told to end", code, -signal.SIGINT)
        same("signals", [line.split()[3] for line in err.splitlines()], ["INT", "KILL"])
    # With time enough they may end by themselves: no SIGKILL then.
    slow = """sh -c 'trap "sleep 0.3; echo cleaned up; exit" TERM; sleep 600 & echo ready; wait' &
        exec sleep 600"""
    code, out, err = end_of("timeout", "-vk", "60", "1", "sh", "-c", slow)
    same("a descendant that cleans up", (code, out), (124, "ready\ncleaned up\n"))
    same("signals", err.count("sending"), 1)


def is_spared(pid):
    """Whether a process lives, and no signal that would end it is on its way."""
    try:
        status = open(f"/proc/{pid}/status").read()
    except FileNotFoundError:
        return False
    pending = [int(word, 16) for word in re.findall(r"^S(?:hd|ig)Pnd:\s*(\w+)", status, re.M)]
    deadly = 1 << (signal.SIGTERM - 1) | 1 << (signal.SIGKILL - 1)
    return not is_gone(pid) and not any(word & deadly for word in pending)


def spares_neighbour(program):
    """Runs a timeout that leads a group with somebody else in it, as the first of
    a pipeline does under a shell with jobs."""
    pipeline = 'sleep 600 >&2 & echo $!; exec "$0" 0.3 sleep 600'
    with Tool("timeout", "-c", pipeline, program, program="sh") as tool:
        pid = int(tool.line())
        same("the end", tool.process.wait(PATIENCE), 124)
        return is_spared(pid)


def spares_descendant(program):
    """The same with a descendant that ignores TERM, whose parent does not."""
    with Tool("timeout", "-k", "0.2", "1", "sh", "-c", STUBBORN, program=program) as tool:
        pid = int(tool.line())
        same("the end", tool.process.wait(PATIENCE), 124)
        return is_spared(pid)


@check("timeout: it differs from that of GNU where its manual says so")
def against_gnu():
    require(spares_neighbour(path("timeout")), "the rest of the pipeline was signalled")
    require(not spares_descendant(path("timeout")), "a descendant has outlived --kill-after")
    gnu = is_gnu("timeout")
    require(not spares_neighbour(gnu), "GNU's does not signal the rest of its pipeline")
    require(spares_descendant(gnu), "GNU's leaves nothing behind after --kill-after")


@check("timeout: the command has a group of its own, or with --foreground not")
def groups():
    group = "cut -d' ' -f5 /proc/self/stat; echo $$; exec sleep 600"
    with Tool("timeout", "600", "sh", "-c", group) as tool:
        same("its group", tool.line(), tool.line())
    with Tool("timeout", "-f", "600", "sh", "-c", group) as tool:
        same("its group", int(tool.line()), tool.pid)
        command = int(tool.line())
        tool.send(signal.SIGTERM)
        same("the end", (tool.end()[0], is_gone(command)), (-signal.SIGTERM, True))


@check("timeout: descriptors go to the command as they are, and no others")
def descriptors():
    listing = "exec ls /proc/self/fd"
    code, out, _ = end_of("timeout", "10", "sh", "-c", listing)
    same("descriptors", (code, out.split()), (0, ["0", "1", "2", "3"]))  # 3 is that of ls
    reads = 'exec 7</dev/null; exec "$0" 10 test -e /proc/self/fd/7'
    done = subprocess.run(["sh", "-c", reads, path("timeout")], timeout=60)
    same("a descriptor of the caller's", done.returncode, 0)


@check("timeout: when it is killed, its command gets the signal")
def killed():
    with Tool("timeout", "-s", "INT", "600", "sh", "-c", SAYS) as tool:
        same("first line", tool.line(), "ready")
        tool.send(signal.SIGKILL)
        same("the command's last line", tool.line(), "INT")


@check("timeout: a command that somebody else has stopped is ended at the limit")
def stopped():
    with Tool("timeout", "1", "sh", "-c", "echo $$; kill -STOP $$; sleep 600") as tool:
        pid = int(tool.line())
        until(lambda: state(pid) in ("T", None), "the command stops")
        same("the end", tool.end()[0], 124)

