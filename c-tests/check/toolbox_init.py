"""chld-init: as the first process of a pid namespace, and as a subreaper. The terminal
is in toolbox_terminal.py.

Much here follows the tests of tini (test/run_inner_tests.py) and dumb-init (tests/*.py),
in substance.
"""

import ctypes
import os
import shutil
import signal
import sys

from .tools import check, need, require, scratch
from .toolbox import (Tool, children, codes, end_of, first_process, path, same, state,
                      until)
from .toolbox_timeout import bits, block, ignore, into_closed_pipe, script, with_closed


def first(*arguments):
    return first_process("chld-init", *arguments)


def both(*arguments):
    """The tool with these arguments, as the first process and as a subreaper."""
    yield first(*arguments)
    yield Tool("chld-init", "-s", *arguments)


def init_in(tool):
    """The pid of chld-init itself, which unshare may have started."""
    return tool.pid if tool.is_alone else until(lambda: children(tool.pid), "unshare starts it")[0]


# Prints the number of each signal that it gets.
LISTENS = """
import os, signal, sys
def got(number, frame): os.write(1, b"%d\\n" % number)
for number in set(range(1, signal.NSIG)) - {9, 17, 19, 32, 33}: signal.signal(number, got)
print("ready", os.getpid(), os.getppid(), flush=True)
while True: signal.pause()
"""
LISTENER = [sys.executable, "-c", LISTENS]
FORWARDED = sorted(set(range(1, signal.NSIG)) - {9, 17, 19, 32, 33})


@check("init: the exit codes of the manual page, as the first process and as a subreaper")
def exit_codes():
    table = [
        (["true"], 0),
        (["sh", "-c", "exit 3"], 3),
        (["sh", "-c", "exit 255"], 255),
        (["sh", "-c", "kill -KILL $$"], 137),
        (["sh", "-c", "kill -SEGV $$"], 139),
        (["--", "sh", "-c", "kill -TERM $$"], 143),
        (["/etc/passwd"], 126),
        (["/no/such/command"], 127),
        (["no-such-command"], 127),
        ([script()], 4),  # without "#!": sh runs it
        ([], 125),
        (["-x", "true"], 125),
    ]
    codes("chld-init", [(["-s", *arguments], code) for arguments, code in table])
    for arguments, code in table:
        with first(*arguments) as tool:
            same(f"init {arguments} as pid 1", tool.end()[0], code)


@check("init: a wrong value is named with its option and the rule")
def wrong_values():
    two = "must be FROM:TO, where FROM is not KILL, STOP or CHLD"
    wrong = [("--expect", value, "must be between 0 and 255") for value in ("", "x", "-1", "256")]
    wrong += [("--rewrite", value, two)
              for value in ("", "15", ":15", "0:15", "NOSUCH:1", "KILL:15", "CHLD:15",
                            "X" * 40 + ":1", "15:NOSUCH")]
    wrong += [("--death-signal", "NOSUCH", "must be a signal's name or number"),
              ("--grace", "x", "must be a number with an optional unit: s, m, h or d")]
    for option, value, rule in wrong:
        same(f"{option}={value}", end_of("chld-init", f"{option}={value}", "true"),
             (125, "", f"chld-init: invalid value '{value}' for {option}: {rule}\n"))


@check("init: every signal is forwarded, the real-time ones too")
def forwarded():
    for tool in both(*LISTENER):
        with tool:
            pid = tool.line().split()[2]
            require(pid == ("1" if not tool.is_alone else str(tool.pid)), f"its parent is {pid}")
            for number in FORWARDED:
                os.kill(init_in(tool), number)
                same("the signal that arrives", tool.line(), str(number))
    return f"{len(FORWARDED)} signals"


@check("init: signals are rewritten with --rewrite, or dropped")
def rewritten():
    rewrites = {"TERM": "INT", "2": "SIGTERM", "1": "31", "31": "1", "TSTP": "HUP", "WINCH": "0",
                "RTMIN+3": "QUIT"}
    options = [f"-r{old}:{new}" for old, new in rewrites.items()]
    sequence = [(15, 2), (2, 15), (1, 31), (31, 1), (20, 1), (28, None),
                (signal.SIGRTMIN + 3, 3), (10, 10)]
    with Tool("chld-init", "-s", *options, *LISTENER) as tool:
        tool.line()
        for number, expected in sequence:
            tool.send(number)
            if expected:
                same(f"for signal {number}", tool.line(), str(expected))
    with Tool("chld-init", "-s", "-r", "TERM:KILL", *LISTENER) as tool:
        tool.line()
        tool.send(signal.SIGTERM)
        same("with -r TERM:KILL", tool.end()[0], 137)


@check("init: --expect turns exit codes into 0")
def expected():
    codes("chld-init", [
        (["-s", "-e", "143", "sh", "-c", "kill -TERM $$"], 0),
        (["-se3", "--expect=4", "sh", "-c", "exit 3"], 0),
        (["-se3", "--expect=4", "sh", "-c", "exit 4"], 0),
        (["-se3", "--expect=4", "sh", "-c", "exit 5"], 5),
        (["-se0", "--expect=255", "sh", "-c", "exit 255"], 0),
        (["-se127", "no-such-command"], 127),
    ])


# Starts its arguments, and exits when its stdin does.
PARENT = "import os, sys; os.spawnvp(os.P_NOWAIT, sys.argv[1], sys.argv[1:]); input()"


@check("init: with --death-signal the command gets a signal when the parent has exited")
def parent_dies():
    for number in (signal.SIGUSR1, signal.SIGKILL):
        read, write = os.pipe()
        with Tool("chld-init", "-c", PARENT, path("chld-init"), "-sp", number, *LISTENER,
                  stdin=read, program=sys.executable) as tool:
            command = int(tool.line().split()[1])
            os.close(read)
            os.close(write)
            tool.process.wait(60)
            if number == signal.SIGKILL:
                until(lambda: state(command) in (None, "Z"), "the command is killed")
            else:
                same("the signal that arrives", tool.line(), str(int(number)))


# The descendant gets the signal too or not; the command then waits for the descendant.
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
        with Tool("chld-init", *options, "sh", "-c", FAMILY, scratch() / "".join(options)) as tool:
            descendant = int(tool.line().split()[1])
            tool.send(signal.SIGUSR1)
            said = {tool.line()}
            if "-g" not in options:
                os.kill(descendant, signal.SIGTERM)
            code, rest, _ = tool.end()
            said |= set(rest.split())
            same(f"{options}", (code, said),
                 (3, {"command", "descendant" if "-g" in options else "late"}))


@check("init: blocked and ignored signals are the command's, as they were at the start")
def signals_of_command():
    ignored = ("TTOU", "SEGV", "INT", "HUP", "PIPE")
    numbers = {getattr(signal, f"SIG{name}") for name in ignored}
    blocked = {signal.SIGTTIN, signal.SIGILL, signal.SIGTERM, signal.SIGRTMIN}

    def before():
        ignore(*ignored)()
        block(*blocked)()
    with Tool("chld-init", "-s", "cat", "/proc/self/status", before=before) as tool:
        lines = dict(line.split(":", 1) for line in tool.end()[1].splitlines())
    same("blocked", set(bits(lines["SigBlk"])), blocked)
    # posix_spawn() of glibc, and so make, has libc's own signals ignored.
    same("ignored", set(bits(lines["SigIgn"])) - {32, 33}, numbers)


# Leaves three orphans with chosen exit codes that exit when the command has gone on. Prints
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


@check("init: orphans are reaped, and --verbose prints how they have exited")
def orphans():
    words = ["exited with code 3", "exited with code 0", "killed by SIGTERM (terminated)"]
    with first("-v", "sh", "-c", ORPHANS) as tool:
        code, out, err = tool.end()
    same("the command", code, 4)
    pids = out.split()
    require(len(pids) == 3, f"there are zombies: {out}")
    lines = err.splitlines()
    same("the first line", lines.pop(0), "chld-init: command 'sh' is pid 2")
    same("the last line", lines.pop(), "chld-init: command exited with code 4")
    same("orphans", sorted(lines), sorted(f"chld-init: orphan {pid} {how}"
                                          for pid, how in zip(pids, words)))


# A thousand orphans, most of them at once. Prints the zombies that stay.
THOUSAND = """
import os, time
for i in range(20):
    if os.fork() == 0:
        for j in range(50):
            if os.fork() == 0: os._exit(j)
        os._exit(0)
for i in range(20): os.wait()
def zombies():
    found = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try: found += open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError: pass
    return found
def processes(): return len([pid for pid in os.listdir("/proc") if pid.isdigit()])
end = time.monotonic() + 30
while processes() > 2 and time.monotonic() < end: time.sleep(0.02)
print(zombies(), processes())
"""


@check("init: a thousand orphans leave no zombie")
def thousand():
    with first(sys.executable, "-c", THOUSAND) as tool:
        same("zombies and processes", tool.end(), (0, "0 2\n", ""))
    with first("-v", sys.executable, "-c", THOUSAND) as tool:
        code, out, err = tool.end()
        same("reaped", (code, out, err.count("orphan")), (0, "0 2\n", 1000))


def be_subreaper():
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER, which exec keeps


@check("init: a subreaper has the orphans as children, and leaves no zombie")
def subreaper():
    leaves = """orphan=$( (exec >/dev/null; exec sleep 600) & echo $!); echo $orphan
        while [ -e /proc/$orphan ]; do sleep 0.02; done; exit 4"""
    for options, before in ((["-s"], None), ([], be_subreaper)):
        with Tool("chld-init", *options, "sh", "-c", leaves, before=before) as tool:
            orphan = int(tool.line())
            until(lambda: orphan in children(tool.pid), "the orphan is a child of init's")
            os.kill(orphan, signal.SIGTERM)
            same("the end", tool.end(), (4, "", ""))


@check("init: it warns if it gets no orphans, unless it must be quiet")
def warning():
    code, _, err = end_of("chld-init", "true")
    require(code == 0 and "--subreaper" in err, f"without -s it prints {err!r}")
    for options in (["-q"], ["-s"], ["-sq"]):
        same(f"{options}", end_of("chld-init", *options, "true"), (0, "", ""))
    with first("true") as tool:
        same("as pid 1", tool.end(), (0, "", ""))


@check("init: messages that nobody reads do no harm")
def closed_pipe():
    tool = path("chld-init")
    same("-sv", into_closed_pipe(tool, "-sv", "sh", "-c", "sleep 0.1; exit 5"), 5)
    same("a warning", into_closed_pipe(tool, "sh", "-c", "exit 5"), 5)
    same("a wrong value", into_closed_pipe(tool, "-e", "x", "true"), 125)


@check("init: descriptors that are closed at the start stay closed for the command")
def closed_descriptors():
    same("with 0 and 2 closed", with_closed("chld-init", "-sv"), (3, "0 2\n", ""))


@check("init: the command starts in the working directory, init itself in /")
def directory():
    here = scratch() / "here"
    here.mkdir(exist_ok=True)
    program = here / "program"
    program.write_text("#!/bin/sh\nreadlink /proc/$PPID/cwd /proc/$$/cwd\n")
    program.chmod(0o755)
    with Tool("chld-init", "-s", "./program", before=lambda: os.chdir(here)) as tool:
        same("directories", tool.end(), (0, f"/\n{here}\n", ""))


def leaving(name, on_term, before=""):
    """A command that exits with 3 and leaves a descendant behind, with its pid in a file
    of that name. The descendant prints TERM when it gets it, and then does `on_term`; it
    exits at SIGPROF."""
    file = scratch() / name
    code = (f"trap 'echo TERM; {on_term}' TERM; trap exit PROF; echo $$ >{file}\n"
            "while :; do sleep 0.05; done")
    return ["sh", "-c", f'{before} sh -c "$0" & while [ ! -s {file} ]; do sleep 0.02; done; exit 3',
            code]


@check("init: what the command leaves behind gets TERM, time to clean up, and KILL")
def left_behind():
    tidy, deaf = "sleep 0.3; echo clean; exit", ":"
    for number, (how, before) in enumerate((("first", ""), ("first", "setsid"), ("subreaper", ""))):
        start = (lambda *words: first(*words)) if how == "first" else (
            lambda *words: Tool("chld-init", "-s", *words))
        # stdout has no writer any more when all have exited: end() waits for that.
        with start("-t60", *leaving(f"tidy-{number}", tidy, before)) as tool:
            same(f"{how} {before}: one that cleans up", tool.end()[:2], (3, "TERM\nclean\n"))
        with start("-t0.5", *leaving(f"deaf-{number}", deaf, before)) as tool:
            same(f"{how} {before}: one that does not", tool.end()[:2], (3, "TERM\n"))
    with first("-t0", *leaving("at-once", tidy)) as tool:
        same("with no time", tool.end()[:2], (3, ""))
    # A second signal goes to what is left.
    with Tool("chld-init", "-s", "-t60", *leaving("hurried", "exec sleep 600")) as tool:
        same("first line", tool.line(), "TERM")
        tool.send(signal.SIGUSR1)
        same("the end", tool.end()[:2], (3, ""))


@check("init: a subreaper leaves alone what has left the command's group")
def daemon():
    command = ("setsid sh -c 'echo $$; touch $0; exec sleep 600' $0 &"
               "while [ ! -e $0 ]; do sleep 0.02; done")
    with Tool("chld-init", "-s", "sh", "-c", command, scratch() / "daemon") as tool:
        pid = int(tool.line())
        same("the end", tool.process.wait(60), 0)
        require(state(pid) not in (None, "Z"), "the daemon was ended")


def start_state(*command):
    """What is blocked and ignored in the command of an init, and the init's directory."""
    look = """import os
print(open("/proc/self/status").read(), "Cwd:", os.readlink(f"/proc/{os.getppid()}/cwd"))"""

    def before():
        ignore("HUP")()
        block(signal.SIGTERM)()
        os.chdir("/usr")
    with Tool("init", *command[1:], sys.executable, "-c", look, program=command[0],
              before=before) as tool:
        lines = dict(line.strip().split(":", 1)
                     for line in tool.end()[1].splitlines() if ":" in line)
    return (signal.SIGTERM in bits(lines["SigBlk"]), signal.SIGHUP in bits(lines["SigIgn"]),
            lines["Cwd"].strip())


def ends_what_is_left(name, *command):
    """Whether what the command leaves behind gets SIGTERM."""
    with Tool("init", *command[1:], *leaving(name, ""), program=command[0]) as tool:
        tool.process.wait(60)
        try:
            # A shell that has got both acts on SIGTERM first: its number is lower.
            os.kill(int((scratch() / name).read_text()), signal.SIGPROF)
        except ProcessLookupError:
            pass
        return tool.end()[1] == "TERM\n"


@check("init: it differs from tini and dumb-init in what its manual page lists")
def against_peers():
    ours = [path("chld-init"), "-s"]
    same("ours at the start", start_state(*ours), (True, True, "/"))
    same("ours, what is left behind", ends_what_is_left("ours", *ours, "-t0.2"), True)
    tini, dumb = [shutil.which(need("tini")), "-s", "--"], [shutil.which(need("dumb-init"))]
    same("tini at the start", start_state(*tini), (True, True, "/usr"))
    same("tini, what is left behind", ends_what_is_left("tini", *tini), False)
    same("dumb-init at the start", start_state(*dumb), (False, False, "/"))
    same("dumb-init, what is left behind", ends_what_is_left("dumb", *dumb), True)
