"""parallel: items, order, grouping, limits, halting, signals."""

import os
import signal
import subprocess
import tempfile

from .tools import check, require, scratch
from .toolbox import PATIENCE, Tool, codes, end_of, is_gone, path, same, until


def folder():
    """A directory in which the jobs of one check meet."""
    return tempfile.mkdtemp(dir=scratch())


def given(text, *arguments):
    """What parallel writes to stdout when this is its input."""
    done = subprocess.run([path("parallel"), *arguments], input=text, text=True, timeout=60,
                          capture_output=True)
    return done.stdout


@check("parallel: items come from lines, from NUL-separated input, or after :::")
def items():
    show = ["-k", "printf", "[%s]"]
    same("lines", given("a b\nc\n", *show), "[a b][c]")
    same("a last line without its end", given("a\nc", *show), "[a][c]")
    same("an empty line", given("a\n\nc\n", *show), "[a][][c]")
    same("NULs", given("a\nb\0c\0", "-0", *show), "[a\nb][c]")
    same("no input", given("", *show), "")
    same("arguments", given("x\n", *show, ":::", "a", "-b", "c d"), "[a][-b][c d]")
    same("no arguments", given("x\n", *show, ":::"), "")
    many = [str(number) for number in range(300)]
    same("300 lines", given("\n".join(many), "-kj8", "echo").split(), many)


@check("parallel: {} stands for the item everywhere, and the item comes last without")
def places():
    same("in words", given("", "-k", "echo", "a{}b{}", "{}", ":::", "1", "2"), "a1b1 1\na2b2 2\n")
    same("as the program", given("", "{}", "x", ":::", "echo"), "x\n")
    same("nowhere", given("", "-k", "echo", "a", ":::", "1", "2"), "a 1\na 2\n")
    same("no shell", given("", "echo", "$HOME", ":::", ";x"), "$HOME ;x\n")


# The job of the last item ends first: each waits until the next was reaped.
BACKWARDS = """echo begin $1; echo $$ >$0/$1
if [ $1 != 3 ]; then
    next=$0/$(($1 + 1))
    while [ ! -s $next ] || [ -e /proc/$(cat $next) ]; do sleep 0.01; done
fi
echo end $1; echo error $1 >&2"""


@check("parallel: output is in one piece for each job, in the order of ends or of items")
def order():
    pieces = [f"begin {n}\nend {n}\n" for n in (1, 2, 3)]
    command = ["sh", "-c", BACKWARDS]
    three = [":::", "1", "2", "3"]
    code, out, err = end_of("parallel", "-j3", *command, folder(), *three)
    same("by ends", (code, out), (0, "".join(reversed(pieces))))
    same("errors by ends", err, "error 3\nerror 2\nerror 1\n")
    code, out, err = end_of("parallel", "-kj3", *command, folder(), *three)
    same("by items", (code, out), (0, "".join(pieces)))
    same("errors by items", err, "error 1\nerror 2\nerror 3\n")
    out = end_of("parallel", "-k", "--tag", "printf", "a\\nb", ":::", "1", "2")[1]
    same("tagged", out, "1\ta\n1\tb\n2\ta\n2\tb\n")


# Says how many jobs there are when it has seen $1 of them, or has looked often enough.
COUNTS = """touch $0/$2; tries=0
while [ $(ls $0 | wc -l) -lt $1 ] && [ $((tries += 1)) -lt 500 ]; do sleep 0.01; done
ls $0 | wc -l; sleep 0.1; rm $0/$2"""


@check("parallel: as many jobs run at once as --jobs says, and no more")
def at_once():
    counts = ["sh", "-c", COUNTS]
    together = end_of("parallel", "-j3", *counts, folder(), "3", ":::", "1", "2", "3")[1]
    same("three of three", together.split(), ["3", "3", "3"])
    alone = end_of("parallel", "--jobs=1", *counts, folder(), "1", ":::", "1", "2", "3")[1]
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
        (["-j8", "false", ":::", *range(101)], 101),
        (["-j8", "false", ":::", *range(103)], 101),
        (["-j0", "true", ":::"], 125), (["-jx", "true"], 125), (["--halt=never", "true"], 125),
        (["-t", "1y", "true"], 125), ([":::", "1"], 125), ([], 125),
    ])
    code, _, err = end_of("parallel", "-kvj1", *exits, "0", "3", "3")
    lines = [line.split(": ", 1)[1] for line in err.splitlines()]
    same("in words", lines[:-1], ["3: exited with code 3", "3: exited with code 3",
                                  "1 exited with code 0", "2 exited with code 3"])
    require("CPU time" in lines[-1], f"the last line is {lines[-1]!r}")


@check("parallel: at the limit a job ends with its descendants, and its output stays")
def limit():
    job = "echo start $0; sleep $0 & wait; echo end $0"
    code, out, err = end_of("parallel", "-kj2", "-t1", "sh", "-c", job, ":::", "0", "600")
    same("code and output", (code, out), (1, "start 0\nend 0\nstart 600\n"))
    same("words", err, "parallel: 600: killed by SIGTERM (terminated), at the time limit\n")
    # Who ignores TERM: the job itself, and a descendant whose parent does not.
    for stubborn in ("trap '' TERM; echo $$; while :; do sleep 0.1; done",
                     "sh -c 'trap \"\" TERM; echo $$; exec sleep 600' & sleep 600"):
        with Tool("parallel", "-t1", "-g0.2", "sh", "-c", stubborn, ":::", "1") as tool:
            code, out, _ = tool.end()
            same(stubborn, code, 1)
            until(lambda: is_gone(int(out)), f"{stubborn}: it is gone")


# a fails when b is there; b ends when a was reaped, or not at all.
HALTS = """case $1 in
a) echo $$ >$0/a; while [ ! -e $0/b ]; do sleep 0.01; done; exit 3 ;;
b) echo start; while [ ! -s $0/a ]; do sleep 0.01; done; touch $0/b
   while [ -e /proc/$(cat $0/a) ]; do sleep 0.01; done
   [ $2 = soon ] || exec sleep 600
   sleep 0.2; echo end ;;
*) echo $1 ;;
esac"""


@check("parallel: a failure halts those to come, or also those that run")
def halt():
    for option, out in (("--halt", "start\n"), ("--halt=now", "start\n"),
                        ("--halt=soon", "start\nend\n")):
        when = "soon" if option.endswith("soon") else "now"
        result = end_of("parallel", "-j2", option, "sh", "-c", HALTS, folder(), "{}", when,
                        ":::", *"abcd")
        same(option, result[:2], (1, out))


@check("parallel: a job that fails is tried again, and its last output counts")
def retries():
    job = "echo try >>$0/tries; wc -l <$0/tries; [ $(wc -l <$0/tries) = 3 ]"
    same("the third succeeds", end_of("parallel", "-r2", "sh", "-c", job, folder())[:2], (0, ""))
    run = ["sh", "-c", job, "FOLDER", ":::", "x"]
    for count, result in ((1, (1, "2\n")), (2, (0, "3\n")), (5, (0, "3\n"))):
        arguments = [folder() if word == "FOLDER" else word for word in run]
        same(f"--retries={count}", end_of("parallel", f"-r{count}", *arguments)[:2], result)


@check("parallel: jobs are done as their items come")
def slow_input():
    with Tool("parallel", "echo", stdin=subprocess.PIPE) as tool:
        for item in ("one", "two"):
            tool.process.stdin.write(item.encode() + b"\n")
            same("its output, while the input is open", tool.line(), item)
        same("the end", tool.end()[0], 0)


CLEANS = """trap 'echo cleaned up; exit' TERM; echo start; touch $0/$1
while :; do sleep 0.05; done"""


@check("parallel: told to end, it stops the jobs, prints what they wrote, and ends by the signal")
def ended():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        place = folder()
        with Tool("parallel", "-j2", "sh", "-c", CLEANS, place, ":::", *"abcd") as tool:
            until(lambda: len(os.listdir(place)) == 2, "two jobs run")
            tool.send(number)
            same("the end", tool.end()[:2], (-number, "start\ncleaned up\n" * 2))
        same("jobs that were started", sorted(os.listdir(place)), ["a", "b"])


@check("parallel: told twice, it kills the jobs at once")
def killed():
    place = folder()
    job = "trap 'touch $0/told' TERM; echo start; touch $0/on; while :; do sleep 0.05; done"
    with Tool("parallel", "-g0", "sh", "-c", job, place, ":::", "x") as tool:
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

