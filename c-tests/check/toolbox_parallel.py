"""parallel, an example: items, grouping, limits, signals, and what it does when it is
started badly."""

import os
import pty
import resource
import signal
import subprocess
import tempfile

from .tools import check, require, scratch
from .toolbox import PATIENCE, Tool, codes, end_of, is_gone, path, same, until


def folder():
    """A directory in which the jobs of one check meet."""
    return tempfile.mkdtemp(dir=scratch())


def done(*arguments, given="", **more):
    """One run with this input: its exit code, stdout and stderr, as text or bytes."""
    end = subprocess.run([path("parallel"), *map(str, arguments)], input=given, timeout=PATIENCE,
                         capture_output=True, text=isinstance(given, str), **more)
    return end.returncode, end.stdout, end.stderr


def given(text, *arguments):
    """What parallel writes to stdout when this is its input."""
    return done(*arguments, given=text)[1]


@check("parallel: items come from lines, from NUL-separated input, or after :::")
def items():
    show = ["-j1", "printf", "[%s]"]
    same("lines", given("a b\nc\n", *show), "[a b][c]")
    same("a last line without its end", given("a\nc", *show), "[a][c]")
    same("an empty line", given("a\n\nc\n", *show), "[a][][c]")
    same("NULs", given("a\nb\0c\0", "-0", *show), "[a\nb][c]")
    same("no input", given("", *show), "")
    same("arguments", given("x\n", *show, ":::", "a", "-b", "c d"), "[a][-b][c d]")
    same("no arguments", given("x\n", *show, ":::"), "")
    many = [str(number) for number in range(300)]
    same("300 lines", sorted(given("\n".join(many), "-j8", "echo").split()), sorted(many))


@check("parallel: an argument {} is the item, which comes last without")
def places():
    same("twice", given("", "-j1", "echo", "{}", "a", "{}", ":::", "1", "2"), "1 a 1\n2 a 2\n")
    same("as the program", given("", "{}", "x", ":::", "echo"), "x\n")
    same("nowhere", given("", "-j1", "echo", "a", ":::", "1", "2"), "a 1\na 2\n")
    same("no shell", given("", "echo", "$HOME", ":::", ";x"), "$HOME ;x\n")
    script = scratch() / "script"
    script.write_text("echo $1\n")
    script.chmod(0o755)
    same("a script without #!", given("", script, ":::", "x"), "x\n")


# The job of the last item ends first: each waits until the next was reaped.
BACKWARDS = """echo begin $1; echo $$ >$0/$1
if [ $1 != 3 ]; then
    next=$0/$(($1 + 1))
    while [ ! -s $next ] || [ -e /proc/$(cat $next) ]; do sleep 0.01; done
fi
echo end $1; echo error $1 >&2"""


@check("parallel: the output of each job is in one piece")
def pieces():
    three = [":::", "1", "2", "3"]
    code, out, err = end_of("parallel", "-j3", "sh", "-c", BACKWARDS, folder(), *three)
    same("stdout", (code, out), (0, "".join(f"begin {n}\nend {n}\n" for n in (3, 2, 1))))
    same("stderr", err, "error 3\nerror 2\nerror 1\n")


@check("parallel: with -l each line has its label, whatever bytes it is made of")
def labels():
    same("two lines, the last without its end", given("", "-lj1", "printf", "a\\nb", ":::", "1"),
         "1\ta\n1\tb\n")
    same("a NUL", given(b"", "-l", "sh", "-c", "printf 'a\\0b\\n'", ":::", "x"), b"x\ta\0b\n")
    long = given("", "-l", "sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x", ":::", "1")
    same("a line of three million bytes", long == "1\t" + "x" * 3000000 + "\n", True)


# Prints how many jobs there are when it has seen $1 of them, or has looked often enough.
COUNTS = """touch $0/$2; tries=0
while [ $(ls $0 | wc -l) -lt $1 ] && [ $((tries += 1)) -lt 500 ]; do sleep 0.01; done
ls $0 | wc -l; sleep 0.1; rm $0/$2"""


@check("parallel: -j jobs run at once, and no more")
def at_once():
    counts = ["sh", "-c", COUNTS]
    together = end_of("parallel", "-j3", *counts, folder(), "3", ":::", "1", "2", "3")[1]
    same("three of three", together.split(), ["3", "3", "3"])
    alone = end_of("parallel", "-j1", *counts, folder(), "1", ":::", "1", "2", "3")[1]
    same("one of three", alone.split(), ["1", "1", "1"])
    two = end_of("parallel", "-j2", *counts, folder(), "2", ":::", *"123456")[1].split()
    require(len(two) == 6 and set(two) <= {"1", "2"} and two[:2] == ["2", "2"], f"two: {two}")


@check("parallel: the exit code is the number of jobs that failed, 101 at most")
def exit_codes():
    exits = ["sh", "-c", "exit $0", ":::"]
    codes("parallel", [
        (["true", ":::", "1", "2"], 0),
        ([*exits, "0", "3", "0", "5"], 2),
        (["sh", "-c", "kill -KILL $$", ":::", "1"], 1),
        (["/no/such/command", ":::", "1", "2"], 2),
        (["-j8", "false", ":::", *range(100)], 100),
        (["-j8", "false", ":::", *range(103)], 101),
        (["-j0", "true", ":::"], 125), (["-jx", "true"], 125), (["-t", "1y", "true"], 125),
        (["-z", "true"], 125), ([":::", "1"], 125), ([], 125),
    ])
    same("in words", end_of("parallel", "-j1", *exits, "0", "3")[2],
         "parallel: 3: exited with code 3\n")


@check("parallel: at the limit a job is stopped with its descendants, and its output stays")
def limit():
    job = "echo start $0; sleep $0 & wait; echo end $0"
    code, out, err = end_of("parallel", "-j2", "-t1", "sh", "-c", job, ":::", "0", "600")
    same("code and output", (code, out), (1, "start 0\nend 0\nstart 600\n"))
    same("words", err, "parallel: 600: killed by SIGTERM (terminated), at the time limit\n")
    # Who ignores TERM: the job itself, and a descendant whose parent does not.
    for stubborn in ("trap '' TERM; echo $$; while :; do sleep 0.1; done",
                     "sh -c 'trap \"\" TERM; echo $$; exec sleep 600' & sleep 600"):
        with Tool("parallel", "-t1", "sh", "-c", stubborn, ":::", "1") as tool:
            code, out, _ = tool.end()
            same(stubborn, code, 1)
            until(lambda: is_gone(int(out)), f"{stubborn}: it is gone")


@check("parallel: jobs are done as their items come")
def slow_input():
    with Tool("parallel", "echo", stdin=subprocess.PIPE) as tool:
        for item in ("one", "two"):
            tool.process.stdin.write(item.encode() + b"\n")
            same("its output, while the input is open", tool.line(), item)
        same("the end", tool.end()[0], 0)


CLEANS = """trap 'echo cleaned up; exit' TERM; echo start; touch $0/$1
while :; do sleep 0.05; done"""


@check("parallel: a signal stops the jobs, their output is printed, and the signal terminates it")
def ended():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        place = folder()
        with Tool("parallel", "-j2", "sh", "-c", CLEANS, place, ":::", *"abcd") as tool:
            until(lambda: len(os.listdir(place)) == 2, "two jobs run")
            tool.send(number)
            same("the end", tool.end()[:2], (-number, "start\ncleaned up\n" * 2))
        same("jobs that were started", sorted(os.listdir(place)), ["a", "b"])


@check("parallel: at a second signal it kills the jobs at once")
def killed():
    place = folder()
    job = """trap 'touch $0/told; while :; do sleep 0.05; done' TERM; echo start; touch $0/on
        while :; do sleep 0.05; done"""
    with Tool("parallel", "sh", "-c", job, place, ":::", "x") as tool:
        until(lambda: os.path.exists(f"{place}/on"), "the job runs")
        tool.send(signal.SIGTERM)
        until(lambda: os.path.exists(f"{place}/told"), "the job is told")
        tool.send(signal.SIGTERM)
        same("the end", tool.end()[:2], (-signal.SIGTERM, "start\n"))


@check("parallel: when nobody reads its output, the jobs are stopped")
def unread():
    go = os.path.join(folder(), "go")
    job = """[ $1 = b ] && exec sleep 600
        while [ ! -e $0 ]; do sleep 0.01; done; echo x"""
    with Tool("parallel", "-j2", "sh", "-c", job, go, ":::", *"ab") as tool:
        tool.process.stdout.close()
        open(go, "w").close()
        code = tool.process.wait(PATIENCE)
        same("the end", (code, b"Broken pipe" in tool.process.stderr.read()), (125, True))
        tool.process.stdout = open(os.devnull)


# What it once did wrong.

@check("parallel: closed standard descriptors are not taken for others")
def closed():
    code, _, err = done("echo", preexec_fn=lambda: os.close(0))
    same("stdin", (code, "stdin: Bad file descriptor" in err), (1, True))
    code, _, err = done("echo", ":::", "a", preexec_fn=lambda: os.close(1))
    same("stdout", (code, "stdout: Bad file descriptor" in err), (125, True))
    same("stderr", done("echo", ":::", "a", preexec_fn=lambda: os.close(2))[:2], (0, "a\n"))


@check("parallel: without descriptors, a job waits until another one has exited")
def few_descriptors():
    def limited():
        resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    code, out, err = done("-j40", "sh", "-c", "sleep 0.1; echo $0", ":::", *range(40),
                          preexec_fn=limited)
    same("all of them", (code, sorted(out.split()), err), (0, sorted(map(str, range(40))), ""))
    code, out, _ = done("-j40", "sh", "-c", "sleep 0.1; echo $0", preexec_fn=limited,
                        given="\n".join(map(str, range(40))))
    same("from stdin", (code, len(out.split())), (0, 40))


@check("parallel: why a job failed is not cut off, however long its item is")
def long_item():
    code, _, err = done("true", given="x" * 200000)
    same("code and reason", (code, "Argument list too long" in err, len(err) < 300), (1, True, True))


@check("parallel: a NUL in a line is not passed over in silence")
def forgotten_option():
    code, _, err = done("true", given=b"./a\0./b\0./c\0")
    same("code and message", (code, b"is -0 meant?" in err), (1, True))


@check("parallel: the output of a job may be larger than its memory")
def large_output():
    def limited():
        resource.setrlimit(resource.RLIMIT_AS, (64 << 20, 64 << 20))
    code, out, _ = done("head", "-c", "{}", "/dev/zero", ":::", 100 << 20, given=b"",
                        preexec_fn=limited)
    same("code and length", (code, len(out)), (0, 100 << 20))


@check("parallel: on a terminal each message is a line of its own")
def messages():
    ours, its = pty.openpty()
    subprocess.run([path("parallel"), "-j2", "false", ":::", *"abcde"], stdin=subprocess.DEVNULL,
                   stdout=its, stderr=its, timeout=PATIENCE)
    os.close(its)
    text = os.read(ours, 65536).decode()
    os.close(ours)
    same("lines", sorted(text.splitlines()),
         [f"parallel: {item}: exited with code 1" for item in "abcde"])
