"""chld-timeout: exit codes, values, signals, groups. What needs a terminal is in
toolbox_terminal.py.

Much here follows the tests of GNU coreutils for timeout(1), in substance:
tests/timeout/timeout.sh, -parameters, -large-parameters, -group, -blocked, init-parent.
"""

import os
import re
import signal
import subprocess

from .tools import Skipped, check, need, require, scratch
from .toolbox import (PATIENCE, Tool, codes, end_of, first_process, is_gnu, is_gone, path, same,
                      state, until)

TERM, KILL = -signal.SIGTERM, 137

# Prints the name of a signal that it gets, and exits with 7.
SAYS = """
for name in HUP INT QUIT TERM USR1 USR2 WINCH PWR RTMIN+3; do
    trap "echo $name; exit 7" $name
done
echo ready
while :; do sleep 0.05; done"""

# Its descendant ignores TERM, the command does not.
STUBBORN = """sh -c 'trap "" TERM; echo $$; exec sleep 600' &
exec sleep 600"""
DEAF = "trap '' TERM; echo ready; while :; do sleep 0.1; done"


def sent(err):
    """The signals that --verbose has printed."""
    return re.findall(r"^chld-timeout: sending signal (\S+) to command", err, re.M)


@check("timeout: the exit codes of the manual page")
def exit_codes():
    codes("chld-timeout", [
        (["10", "true"], 0),
        (["10", "sh", "-c", "exit 3"], 3),
        (["0.1", "sleep", "600"], 124),
        (["1", "sh", "-c", "trap 'exit 5' TERM; sleep 600 & wait"], 124),
        (["-p", "1", "sh", "-c", "trap 'exit 5' TERM; sleep 600 & wait"], 5),
        (["--preserve-status", "0.1", "sleep", "600"], TERM),
        (["-s", "KILL", "0.1", "sleep", "600"], KILL),
        (["-s", "9", "0.1", "sleep", "600"], KILL),
        (["-k", "0.1", "1", "sh", "-c", DEAF], KILL),
        (["-fk", "0.1", "1", "sh", "-c", DEAF], KILL),
        (["10", "sh", "-c", "kill -SEGV $$"], -signal.SIGSEGV),
        (["10", "sh", "-c", "kill -KILL $$"], -signal.SIGKILL),
        (["10", "/etc/passwd"], 126),
        (["10", "."], 126),
        (["10", "/no/such/command"], 127),
        (["10", "no-such-command"], 127),
        (["1"], 125),
        ([], 125),
    ])


LARGEST = "1.18973e+4932"  # of a long double


@check("timeout: durations, from those too small for a double to those too large")
def durations():
    codes("chld-timeout", [
        (["--signal=INT", ".1s", "sleep", "600"], 124),
        (["0.000001d", "sleep", "600"], 124),
        (["1e-1m", "true"], 0),
        (["1e-10000", "sleep", "600"], 124),
        (["1e-320d", "sleep", "600"], 124),
        (["-k", "1e-10000", "0.1", "sh", "-c", DEAF], KILL),
        (["9.999999999", "true"], 0),
        # No limit.
        (["0", "true"], 0),
        (["0e-10000", "sleep", "0.2"], 0),
        # Overflows of unsigned int, time_t, double and long double.
        (["4294967296", "sleep", "0.2"], 0),
        (["9223372036854775808", "sleep", "0.2"], 0),
        (["9223372036854775808d", "sleep", "0.2"], 0),
        (["2.34e+5d", "sleep", "0.2"], 0),
        ([LARGEST, "sleep", "0.2"], 0),
        (["inf", "sleep", "0.2"], 0),
    ])


@check("timeout: a wrong value is named with its option and the rule")
def wrong_values():
    unit = "must be a number with an optional unit: s, m, h or d"
    for value in ["", "ten", "-1", "1y", "1ss", "nan", "1 s", "42D", f"-{LARGEST}", "-1e-10000"]:
        expected = f"chld-timeout: invalid value '{value}' for DURATION: {unit}\n"
        same(value, end_of("chld-timeout", "--", value, "true"), (125, "", expected))
    for option, value, rule in [("--kill-after", "x", unit),
                                ("--signal", "NOSUCH", "must be a signal's name or number"),
                                ("--signal", "65", "must be a signal's name or number")]:
        same(value, end_of("chld-timeout", f"{option}={value}", "1", "true"),
             (125, "", f"chld-timeout: invalid value '{value}' for {option}: {rule}\n"))
    code, _, err = end_of("chld-timeout", "1", "no-such-command")
    same("no such command", (code, err),
         (127, "chld-timeout: exec no-such-command: No such file or directory\n"))


@check("timeout: output from before the timeout is complete, and --verbose prints the signal")
def partial_output():
    writes = ["sh", "-c", "echo start; sleep 600; echo end"]
    code, out, err = end_of("chld-timeout", "-v", "1", *writes)
    same("code and output", (code, out), (124, "start\n"))
    same("what --verbose prints", err, "chld-timeout: sending signal TERM to command 'sh'\n")


@check("timeout: signal 0 sends nothing, and the exit code is 124 all the same")
def signal_zero():
    for name in ("0", "EXIT"):
        code, _, err = end_of("chld-timeout", "-v", "-s", name, "0.2", "sleep", "0.5")
        same(f"-s {name}", (code, sent(err)), (124, ["EXIT"]))
    for options in ([], ["-f"]):
        code, _, err = end_of("chld-timeout", *options, "-vs0", "-k0.1", "0.1", "sleep", "600")
        same(f"{options} with -k", (code, sent(err)), (KILL, ["EXIT", "KILL"]))


@check("timeout: a command that starts a session of its own is still limited")
def new_session():
    same("setsid", end_of("chld-timeout", "0.5", "setsid", "sleep", "600")[0], 124)
    same("with -k", end_of("chld-timeout", "-k0.2", "0.5", "setsid", "sh", "-c", DEAF)[0], KILL)
    with Tool("chld-timeout", "600", "setsid", "sh", "-c", SAYS) as tool:
        same("first line", tool.line(), "ready")
        tool.send(signal.SIGUSR1)
        same("after SIGUSR1", tool.end()[:2], (7, "USR1\n"))


def script():
    file = scratch() / "no-interpreter"
    file.write_text("exit 4\n")
    file.chmod(0o755)
    return file


@check("timeout: a script without #! is run by sh")
def no_interpreter():
    same("the script", end_of("chld-timeout", "10", script())[0], 4)


def into_closed_pipe(*command):
    """The exit code of a command whose stderr is a pipe that nobody reads."""
    read, write = os.pipe()
    os.close(read)
    try:
        return subprocess.run(command, stderr=write, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, timeout=PATIENCE).returncode
    finally:
        os.close(write)


@check("timeout: messages that nobody reads do no harm")
def closed_pipe():
    tool = path("chld-timeout")
    same("--verbose", into_closed_pipe(tool, "-v", "0.2", "sleep", "600"), 124)
    same("a wrong value", into_closed_pipe(tool, "x", "true"), 125)
    # Such a SIGPIPE does not reach the command.
    says = "exec 2>/dev/null; trap 'exit 9' PIPE; trap 'exit 8' TERM; while :; do sleep 0.05; done"
    same("the command", into_closed_pipe(tool, "-pv", "0.5", "sh", "-c", says), 8)


@check("timeout: signals are forwarded, and the command's exit status is passed on")
def forwarded():
    for name in ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "WINCH", "PWR", "RTMIN+3"):
        number = (signal.SIGRTMIN + 3 if "+" in name else getattr(signal, f"SIG{name}"))
        with Tool("chld-timeout", "600", "bash", "-c", SAYS) as tool:
            same("first line", tool.line(), "ready")
            tool.send(number)
            same(f"after {name}", tool.end()[:2], (7, f"{name}\n"))
    with Tool("chld-timeout", "600", "sh", "-c", "echo ready; exec sleep 600") as tool:
        tool.line()
        tool.send(signal.SIGTERM)
        same("after SIGTERM", tool.end()[0], TERM)


@check("timeout: SIGALRM means that the time is over")
def alarm():
    for options, command, code in [([], ["sleep", "600"], 124), (["-p"], ["sleep", "600"], TERM),
                                   (["-f"], ["sleep", "600"], 124)]:
        with Tool("chld-timeout", *options, "600", "sh", "-c", "echo ready; exec $0 $1",
                  *command) as tool:
            tool.line()
            tool.send(signal.SIGALRM)
            same(f"{options} {command}", tool.end()[0], code)
    with Tool("chld-timeout", "-vk", "600", "600", "sh", "-c", DEAF) as tool:
        tool.line()
        tool.send(signal.SIGALRM)
        require(until(lambda: select_line(tool), "TERM is sent") == "TERM", "not TERM")
        tool.send(signal.SIGALRM)
        same("the second SIGALRM", (tool.process.wait(PATIENCE)), KILL)


def select_line(tool):
    """The signal in the next line of stderr."""
    return (sent(tool.process.stderr.readline().decode()) or [None])[0]


def bits(line):
    """The signals of a line of /proc/self/status, with its name or without."""
    mask = int(line.split()[-1], 16)
    return [number for number in range(1, 65) if mask >> (number - 1) & 1]


def block(*numbers):
    return lambda: signal.pthread_sigmask(signal.SIG_BLOCK, numbers)


def ignore(*names):
    return lambda: [signal.signal(getattr(signal, f"SIG{name}"), signal.SIG_IGN)
                    for name in names]


@check("timeout: signals that are blocked at the start delay nothing, and the command has them so")
def blocked():
    numbers = {signal.SIGALRM, signal.SIGTERM, signal.SIGCHLD, signal.SIGRTMAX}
    before = block(*numbers)
    # A shell would change its mask.
    with Tool("chld-timeout", "10", "grep", "SigBlk", "/proc/self/status", before=before) as tool:
        same("blocked", set(bits(tool.end()[1])), numbers)
    with Tool("chld-timeout", "-s", "INT", "0.1", "sleep", "600", before=before) as tool:
        same("the limit", tool.end()[0], 124)
    # What the caller ignores, SIGCHLD for one, loses no status.
    with Tool("chld-timeout", "10", "sh", "-c", "exit 3", before=ignore("CHLD")) as tool:
        same("with SIGCHLD ignored", tool.end()[0], 3)


@check("timeout: a signal that was ignored stays ignored, but not the signal of the limit")
def nohup():
    look = "grep SigIgn /proc/self/status; exec sleep 600"
    with Tool("chld-timeout", "-vk", "0.1", "600", "sh", "-c", look, before=ignore("HUP")) as tool:
        require(signal.SIGHUP in bits(tool.line()), "the command does not ignore SIGHUP")
        tool.send(signal.SIGHUP)
        tool.send(signal.SIGTERM)
        code, _, err = tool.end()
        same("after SIGHUP and SIGTERM", (code, sent(err)), (TERM, ["TERM"]))
    # The inner one is asked by the outer one, as in a script's background: there, the
    # shell has made everybody ignore SIGINT.
    both = ["-s", "ALRM", "600", path("chld-timeout"), "-s", "INT", "600", "sh", "-c", SAYS]
    with Tool("chld-timeout", *both, before=ignore("INT", "QUIT")) as tool:
        same("first line", tool.line(), "ready")
        tool.send(signal.SIGALRM)
        same("the end", tool.end()[:2], (124, "INT\n"))
    # With --foreground the keys' signals arrive. This one comes to the group, twice if
    # it is forwarded before the command has acted on the first.
    with Tool("chld-timeout", "-f", "600", "sh", "-c", SAYS, before=ignore("INT", "QUIT")) as tool:
        same("first line", tool.line(), "ready")
        os.killpg(tool.pid, signal.SIGINT)
        same("the end", tool.end()[0], 7)


@check("timeout: the limit holds after a forwarded signal, and KILL follows only fatal ones")
def limit_after_signal():
    handles = "trap : HUP USR1; echo ready; while :; do sleep 0.05; done"
    with Tool("chld-timeout", "-v", "1", "sh", "-c", handles) as tool:
        tool.line()
        tool.send(signal.SIGHUP)
        code, _, err = tool.end()
        same("after SIGHUP", (code, sent(err)), (124, ["HUP", "TERM"]))
    with Tool("chld-timeout", "-vk", "0.1", "1", "sh", "-c", handles) as tool:
        tool.line()
        tool.send(signal.SIGUSR1)
        code, _, err = tool.end()
        same("after SIGUSR1", (code, sent(err)), (124, ["USR1", "TERM"]))


@check("timeout: a stopped command is continued, so that it acts on the signal")
def stopped():
    for options in ([], ["-f"]):
        stops = ["sh", "-c", "echo $$; kill -STOP $$; sleep 600"]
        with Tool("chld-timeout", *options, "1", *stops) as tool:
            pid = int(tool.line())
            until(lambda: state(pid) in ("T", None), "the command stops")
            same(f"{options}", tool.end()[0], 124)
    # But a signal that stops is not undone.
    waits = ["sh", "-c", "echo $$; exec sleep 600"]
    with Tool("chld-timeout", "-s", "STOP", "-k", "1", "0.1", *waits) as tool:
        pid = int(tool.line())
        until(lambda: state(pid) == "T", "the command stops")
        same("with -s STOP", tool.end()[0], KILL)


def status_of(*command):
    """The wait status of a command that may write a core file, and its stderr."""
    read, write = os.pipe()
    folder = scratch() / "core"
    folder.mkdir(exist_ok=True)
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", 'ulimit -c unlimited; cd "$0"; exec "$@"', folder,
                                     *command], os.environ,
                         file_actions=[(os.POSIX_SPAWN_DUP2, write, 2)])
    os.close(write)
    with open(read) as err:
        return os.waitpid(pid, 0)[1], err.read()


@check("timeout: a core dump of the command is mentioned, and there is no second one")
def core_dump():
    crash = ["sh", "-c", "kill -SEGV $$"]
    if not os.WCOREDUMP(status_of(*crash)[0]):
        raise Skipped("the kernel writes no core files here")
    status, err = status_of(path("chld-timeout"), "10", *crash)
    same("stderr", err, "chld-timeout: the command dumped core\n")
    same("the end", (os.WTERMSIG(status), os.WCOREDUMP(status)), (signal.SIGSEGV, False))


@check("timeout: descendants in the group are ended, and stubborn ones by --kill-after")
def descendants():
    both = "sleep 600 & echo ready; exec sleep 600"
    same("a limit", end_of("chld-timeout", "1", "sh", "-c", both)[:2], (124, "ready\n"))
    same("--kill-after", end_of("chld-timeout", "-k", "0.2", "1", "sh", "-c", STUBBORN)[0], 124)
    with Tool("chld-timeout", "-vk", "0.2", "600", "sh", "-c", STUBBORN) as tool:
        tool.line()
        tool.send(signal.SIGINT)
        code, _, err = tool.end()
        same("--kill-after a forwarded signal", (code, sent(err)),
             (-signal.SIGINT, ["INT", "KILL"]))
    # With time enough they may exit by themselves: no SIGKILL then.
    slow = """sh -c 'trap "sleep 0.3; echo cleaned up; exit" TERM; sleep 600 & echo ready; wait' &
        exec sleep 600"""
    code, out, err = end_of("chld-timeout", "-vk", "60", "1", "sh", "-c", slow)
    same("a descendant that cleans up", (code, out, sent(err)),
         (124, "ready\ncleaned up\n", ["TERM"]))


def is_spared(pid):
    """Whether a process lives, and no signal that would end it is pending."""
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
    with Tool("chld-timeout", "-c", pipeline, program, program="sh") as tool:
        pid = int(tool.line())
        same("the end", tool.process.wait(PATIENCE), 124)
        return is_spared(pid)


def spares_descendant(program):
    """The same with a descendant that ignores TERM, whose parent does not."""
    with Tool("chld-timeout", "-k", "0.2", "1", "sh", "-c", STUBBORN, program=program) as tool:
        pid = int(tool.line())
        same("the end", tool.process.wait(PATIENCE), 124)
        return is_spared(pid)


def keeps_ignoring(program):
    with Tool("chld-timeout", "10", "grep", "SigIgn", "/proc/self/status", program=program,
              before=ignore("HUP")) as tool:
        return signal.SIGHUP in bits(tool.end()[1])


@check("timeout: it differs from GNU's in what its manual page lists")
def against_gnu():
    ours = path("chld-timeout")
    require(spares_neighbour(ours), "the rest of the pipeline was signalled")
    require(not spares_descendant(ours), "a descendant has outlived --kill-after")
    require(keeps_ignoring(ours), "SIGHUP is not ignored any more")
    gnu = is_gnu("timeout")
    require(not spares_neighbour(gnu), "GNU's does not signal the rest of its pipeline")
    require(spares_descendant(gnu), "GNU's leaves nothing behind after --kill-after")
    require(not keeps_ignoring(gnu), "GNU's keeps SIGHUP ignored")


@check("timeout: the command has a group of its own, or with --foreground not")
def groups():
    group = "cut -d' ' -f5 /proc/self/stat; exec sleep 600"
    with Tool("chld-timeout", "600", "sh", "-c", group) as tool:
        require(int(tool.line()) not in (tool.pid, 0), "it is in the group of its caller")
    with Tool("chld-timeout", "-f", "600", "sh", "-c", f"echo $$; {group}") as tool:
        command = int(tool.line())
        same("its group", int(tool.line()), tool.pid)
        tool.send(signal.SIGTERM)
        same("the end", (tool.end()[0], is_gone(command)), (TERM, True))


@check("timeout: children from before the exec do not confuse it")
def earlier_child():
    inherits = 'sleep 0.1 & exec "$0" 0.5 sh -c "sleep 600; echo late"'
    with Tool("chld-timeout", "-c", inherits, path("chld-timeout"), program="sh") as tool:
        same("the end", tool.end()[:2], (124, ""))


@check("timeout: it works as the first process of a pid namespace")
def as_init():
    for arguments, code in [(["10", "sleep", "0.2"], 0), (["0.1", "sleep", "600"], 124),
                            (["-p", "0.1", "sleep", "600"], 128 + signal.SIGTERM)]:
        with first_process("chld-timeout", *arguments) as tool:
            same(f"{arguments}", tool.end()[0], code)


@check("timeout: it reports when it may not signal the command")
def not_permitted():
    need("setpriv")
    if os.getuid() != 0:
        raise Skipped("only root can start a program as somebody else")
    # Both are another user's, and only the command's is changed again.
    change = ["--clear-groups", "--inh-caps", "+setuid", "--ambient-caps", "+setuid"]
    again = ["setpriv", "--reuid", "65533", "sleep", "1"]
    with Tool("chld-timeout", "--reuid", "65534", *change, path("chld-timeout"), "0.1", *again,
              program="setpriv") as tool:
        same("the end", tool.end(),
             (124, "", "chld-timeout: cannot send signal TERM: Operation not permitted\n"))


@check("timeout: descriptors go to the command as they are, and no others")
def descriptors():
    listing = "exec ls /proc/self/fd"
    code, out, _ = end_of("chld-timeout", "10", "sh", "-c", listing)
    same("descriptors", (code, out.split()), (0, ["0", "1", "2", "3"]))  # 3 is that of ls
    reads = 'exec 7</dev/null; exec "$0" 10 test -e /proc/self/fd/7'
    done = subprocess.run(["sh", "-c", reads, path("chld-timeout")], timeout=60)
    same("a descriptor of the caller's", done.returncode, 0)
    same("with 0 and 2 closed", with_closed("chld-timeout", "-v", "10"), (3, "0 2\n", ""))


def with_closed(name, *options):
    """A tool whose stdin and stderr are closed; its command prints which it finds closed."""
    look = "for fd in 0 1 2; do [ -e /proc/$$/fd/$fd ] || closed=$closed$space$fd space=' '; done"
    starts = 'exec "$@" <&- 2>&-'
    with Tool(name, "-c", starts, "-", path(name), *options, "sh", "-c",
              f"{look}; echo $closed; exit 3", program="sh") as tool:
        return tool.end()


@check("timeout: when it is killed, its command gets the signal")
def killed():
    with Tool("chld-timeout", "-s", "INT", "600", "sh", "-c", SAYS) as tool:
        same("first line", tool.line(), "ready")
        tool.send(signal.SIGKILL)
        same("the command's last line", tool.line(), "INT")
