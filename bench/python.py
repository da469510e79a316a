"""Python's subprocess, as a contender of its own: the rows that it has."""

import concurrent.futures
import fcntl
import mmap
import os
import resource
import struct
import subprocess
import sys
import time

CHILD = os.environ["BENCH_CHILD"]
BUDGET = int(os.environ.get("BENCH_MS", 30)) * 1_000_000


def measured(once, least=2):
    """The typical one of what `once` returns, as often as there is time for it."""
    values, began = [], time.monotonic_ns()
    while len(values) < least or time.monotonic_ns() - began < BUDGET:
        values.append(once())
    return typical(values)


def typical(values):
    """As in main.c."""
    if "BENCH_CPU" in os.environ:
        return sorted(values)[len(values) // 4]
    return sum(values) / len(values)


def expect(code, wanted):
    if code != wanted:
        sys.exit(f"a child ended with {code}, not with {wanted}")


def timed(function):
    def once():
        start = time.monotonic_ns()
        function()
        return time.monotonic_ns() - start
    return once


def row_spawn(megabytes, descriptors, pipes):
    memory = mmap.mmap(-1, int(megabytes) << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    for at in range(0, len(memory), 4096):
        memory[at] = 1
    null = os.open("/dev/null", os.O_RDONLY)
    for _ in range(int(descriptors)):
        fcntl.fcntl(null, fcntl.F_DUPFD_CLOEXEC, 3)
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE if int(pipes) else None)

    def cycle():
        with subprocess.Popen([CHILD, "x"], **streams) as child:
            expect(child.wait(), 7)

    cycle()
    return {"wall": measured(timed(cycle))}


def stamped(wait):
    """From the last act of a child to the return of `wait`."""
    reader, writer = os.pipe()

    def once():
        child = subprocess.Popen([CHILD, "t", wait.ms], stdout=writer)
        code = wait(child)
        now = time.monotonic_ns()
        expect(code, 7)
        seconds, nanoseconds = struct.unpack("@ll", os.read(reader, 16))
        return now - (seconds * 1_000_000_000 + nanoseconds)

    return once


def row_wake(how):
    if how == "loop":
        return {}

    def wait(child):
        return child.wait()

    wait.ms = "1"
    return {"wall": measured(stamped(wait), 8)}


def woken():
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw


def row_limit():
    switches = []

    def wait(child):
        before = woken()
        code = child.wait(10)
        switches.append(woken() - before)
        return code

    wait.ms = "10"
    wall = measured(stamped(wait), 5)
    return {"wall": wall, "wakeups": typical(switches)}


def row_overshoot():
    switches = []
    child = subprocess.Popen([CHILD, "r"], stdin=subprocess.PIPE)

    def once():
        before, start = woken(), time.monotonic_ns()
        try:
            sys.exit(f"the child ended with {child.wait(0.02)}")
        except subprocess.TimeoutExpired:
            switches.append(woken() - before)
            return time.monotonic_ns() - start

    wall = measured(once, 3)
    child.terminate()
    expect(child.wait(), -15)
    return {"wall": wall, "wakeups": typical(switches)}


def row_capture(mebibytes, form, kibibytes):
    size, command = int(mebibytes) << 20, [CHILD, "w", mebibytes, kibibytes]
    # In memory already: a slice of it is written to each page.
    buffer = bytearray(size) if form == "into" else None
    if buffer:
        buffer[::4096] = bytes(size // 4096)

    def into_buffer():
        with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as child:
            got, view = 0, memoryview(buffer)
            while piece := child.stdout.readinto(view[got:]):
                got += piece
            expect(got, size)
            expect(child.stdout.read(1), b"")
            expect(child.wait(), 7)

    def growing():
        done = subprocess.run(command, stdout=subprocess.PIPE)
        expect((len(done.stdout), done.returncode), (size, 7))

    return {"wall": measured(timed(into_buffer if buffer else growing), 1)}


def row_runner(count, at_once):
    def run(_):
        done = subprocess.run([CHILD, "k"], stdout=subprocess.PIPE)
        expect((len(done.stdout), done.returncode), (4096, 7))

    def run_all():
        with concurrent.futures.ThreadPoolExecutor(int(at_once)) as pool:
            list(pool.map(run, range(int(count))))

    return {"wall": measured(timed(run_all))}


def row_pipeline(mebibytes):
    commands = [[CHILD, "w", mebibytes, "64"], [CHILD, "p"], [CHILD, "p"]]

    def run():
        children, before = [], None
        for command in commands:
            children.append(subprocess.Popen(command, stdin=before, stdout=subprocess.PIPE))
            if before:
                before.close()
            before = children[-1].stdout
        expect(len(before.read()), int(mebibytes) << 20)
        before.close()
        for child in children:
            expect(child.wait(), 7)

    return {"wall": measured(timed(run))}


def main(row, *arguments):
    if "BENCH_CPU" in os.environ:
        os.sched_setaffinity(0, {int(os.environ["BENCH_CPU"])})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    rows = {name[4:]: function for name, function in globals().items() if name.startswith("row_")}
    if row not in rows:
        return
    for name, value in rows[row](*arguments).items():
        print(name, value)


main(*sys.argv[1:])
