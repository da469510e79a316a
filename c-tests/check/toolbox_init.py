"""init: as the first process of a pid namespace, and as a subreaper."""

import os
import signal

from .tools import Skipped, check, need, require, run, scratch
from .toolbox import Tool, children, codes, end_of, path, same, until


def first(*arguments):
    """init with these arguments, as the first process of a pid namespace, under
    unshare. Without root, that needs a user namespace."""
    need("unshare")
    options = ["-pf", "--kill-child", "--mount-proc"]
    if os.getuid() != 0:
        options.insert(0, "-Ur")
    if run("unshare", *options, "true", succeed=False).returncode != 0:
        raise Skipped("unshare may not make a pid namespace")
    return Tool("init", *options, path("init"), *arguments, program="unshare")


# As in toolbox_timeout.py; $$ is 2 when init is 1.
SAYS = """
for name in HUP INT QUIT TERM USR1 USR2; do trap "echo $name; exit 7" $name; done
echo ready $$ $PPID
while :; do sleep 0.05; done"""


@check("init: the exit codes of the manual, as the first process and as a subreaper")
def exit_codes():
    table = [
        (["true"], 0),
        (["sh", "-c", "exit 3"], 3),
        (["sh", "-c", "kill -KILL $$"], 137),
        (["sh", "-c", "kill -SEGV $$"], 139),
        (["--", "sh", "-c", "kill -TERM $$"], 143),
        (["/etc/passwd"], 126),
        (["/no/such/command"], 127),
        (["no-such-command"], 127),
        ([], 125),
        (["-x", "true"], 125),
    ]
    codes("init", [(["-s", *arguments], code) for arguments, code in table])
    for arguments, code in table:
        with first(*arguments) as tool:
            same(f"init {arguments} as pid 1", tool.end()[0], code)


@check("init: the first process forwards signals, which the kernel would drop")
def forwarded():
    for name in ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2"):
        with first("sh", "-c", SAYS) as tool:
            same("first line", tool.line(), "ready 2 1")
            os.kill(children(tool.pid)[0], getattr(signal, f"SIG{name}"))
            same(f"after SIG{name}", tool.end()[:2], (7, f"{name}\n"))


# The descendant is told, and the command is, which then waits for the descendant.
FAMILY = """
sh -c 'trap "echo descendant; exit" USR1; trap "echo late; exit" TERM; touch $0
    while :; do sleep 0.05; done' $0 &
trap 'echo command; wait; exit 3' USR1
while [ ! -e $0 ]; do sleep 0.05; done
echo ready $!
while :; do sleep 0.05; done"""


@check("init: signals go to the command alone, or with --group to its descendants too")
def group():
    for options in (["-s"], ["-s", "-g"]):
        with Tool("init", *options, "sh", "-c", FAMILY, scratch() / "".join(options)) as tool:
            descendant = int(tool.line().split()[1])
            tool.send(signal.SIGUSR1)
            said = {tool.line()}
            if "-g" not in options:
                os.kill(descendant, signal.SIGTERM)
            code, rest, _ = tool.end()
            said |= set(rest.split())
            same(f"{options}", (code, said),
                 (3, {"command", "descendant" if "-g" in options else "late"}))


# Leaves three orphans that end as they are told when the command has gone on. Says
# what is left of them when all were reaped: a zombie has a folder in /proc, too.
ORPHANS = """
for way in 'exit 3' 'exit 0' 'kill -TERM $$'; do
    orphan=$( (exec >/dev/null; sleep 0.2; exec sh -c "$way") & echo $!)
    all="$all $orphan"
done
for orphan in $all; do
    while [ -e /proc/$orphan ]; do sleep 0.02; done
done
grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null
echo $all; exit 4"""


@check("init: orphans are reaped, and their ends told in words")
def orphans():
    words = ["exited with code 3", "exited with code 0", "killed by SIGTERM (terminated)"]
    with first("-v", "sh", "-c", ORPHANS) as tool:
        code, out, err = tool.end()
    same("the command", code, 4)
    pids = out.split()
    require(len(pids) == 3, f"there are zombies: {out}")
    said = err.splitlines()
    same("the last line", said.pop(), "init: command exited with code 4")
    same("orphans", sorted(said), sorted(f"init: orphan {pid} {how}"
                                         for pid, how in zip(pids, words)))


@check("init: a subreaper has the orphans as children, and leaves no zombie")
def subreaper():
    leaves = """orphan=$( (exec >/dev/null; exec sleep 600) & echo $!); echo $orphan
        while [ -e /proc/$orphan ]; do sleep 0.02; done; exit 4"""
    with Tool("init", "-s", "sh", "-c", leaves) as tool:
        orphan = int(tool.line())
        until(lambda: orphan in children(tool.pid), "the orphan is a child of init's")
        os.kill(orphan, signal.SIGTERM)
        same("the end", tool.end(), (4, "", ""))
    code, _, err = end_of("init", "true")
    require(code == 0 and "orphans will go elsewhere" in err, f"without -s it says {err!r}")


@check("init: what the command leaves behind ends with the namespace")
def left_behind():
    # stdout has no writer any more when the orphan has ended: end() waits for that.
    with first("sh", "-c", "setsid sleep 600 & exit 3") as tool:
        same("the end", tool.end()[:2], (3, ""))
