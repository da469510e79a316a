"""The items of bindings/conformance.txt, with the chld package that is installed.

Prints "ok NAME" or "not ok NAME: what happened" for each; c-tests/check compares the lines.
"""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback

import chld

ITEMS = {}
BYTES = b"\xff\xfe\x80"


def item(function):
    ITEMS[function.__name__.strip("_").replace("_", "-")] = function


def sh(script):
    return ["sh", "-c", script]


def refused(kind, function, *arguments, **options):
    """`kind` is raised. Returns the exception."""
    try:
        function(*arguments, **options)
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__} for {arguments} {options}")


def status_of(script):
    with chld.spawn(sh(script)) as child:
        return child.wait()


def gone(pid):
    """No process has this pid. The pid of a child that the library has reaped is free."""
    refused(ProcessLookupError, os.kill, int(pid), 0)


@item
def success():
    status = status_of("exit 0")
    assert (status.exit_code, status.signal, status.returncode) == (0, None, 0), status


@item
def failure():
    assert status_of("exit 1").exit_code == 1


@item
def pretender():
    status = status_of("exit 143")
    assert (status.exit_code, status.signal, status.returncode) == (143, None, 143), status


@item
def segfault():
    status = status_of("ulimit -c 0; kill -SEGV $$")
    assert (status.exit_code, status.signal, status.returncode) == (None, 11, -11), status
    assert str(status) == "killed by SIGSEGV (segmentation fault)", str(status)


@item
def abort():
    assert status_of("ulimit -c 0; kill -ABRT $$").signal == signal.SIGABRT


@item
def missing():
    error = refused(FileNotFoundError, chld.spawn, ["/no/such/program"])
    assert isinstance(error, chld.SpawnError)
    assert (error.errno, error.step, error.item) == (errno.ENOENT, "exec", "/no/such/program")


@item
def captured():
    done = chld.run(sh('echo "$PWD $CHILD $(tr a-z A-Z)"; head -c 100000 /dev/zero >&2; exit 3'),
                    cwd="/", env_set={"CHILD": "captured"}, input=b"captured")
    assert (done.returncode, done.stdout) == (3, b"/ captured CAPTURED\n"), done
    assert len(done.stderr) == 100000


@item
def slow():
    error = refused(chld.TimeoutExpired, chld.run, sh("exec sleep 60"), timeout=0.2,
                    stop=[(signal.SIGKILL, None)])
    assert error.result.timed_out and error.result.status.signal == signal.SIGKILL


def change(script):
    """The status at the first change, and the status after SIGTERM and SIGCONT."""
    with chld.spawn(sh(script)) as child:
        first = child.wait_change()
        child.kill(signal.SIGTERM)
        child.kill(signal.SIGCONT)
        return first, child.wait()


@item
def stopped():
    first, last = change("kill -STOP $$; exit 7")
    assert (first.state, first.signal) == (chld.State.STOPPED, signal.SIGSTOP), first
    assert last.signal == signal.SIGTERM, last


@item
def caught():
    first, last = change("trap 'exit 123' TERM; kill -STOP $$; exit 7")
    assert first.state == chld.State.STOPPED and last.exit_code == 123, last


@item
def merged_stderr():
    done = chld.run(sh("echo a; echo b >&2"), stderr=chld.STDOUT)
    assert (done.stdout, done.stderr) == (b"a\nb\n", None), done


@item
def discarded():
    done = chld.run(sh("echo a; echo b >&2"), stderr=chld.DEVNULL)
    assert (done.stdout, done.stderr) == (b"a\n", None), done
    done = chld.run(sh("echo a; echo b >&2"), stdout=chld.DEVNULL)
    assert (done.stdout, done.stderr) == (None, b"b\n"), done


@item
def redirected():
    with tempfile.TemporaryDirectory() as folder:
        one, two = os.path.join(folder, "one"), os.path.join(folder, "two")
        with open(one, "wb") as file:
            file.write(b"some\nlines\n")
        assert chld.run(["cat"], stdin=one, stdout=two).stdout is None
        with open(two, "rb") as file:
            assert file.read() == b"some\nlines\n"
        with open(one, "rb") as source, open(two, "wb") as target:
            assert chld.run(["cat"], stdin=source, stdout=target.fileno()).stdout is None
            os.fstat(source.fileno())
            os.fstat(target.fileno())
        with open(two, "rb") as file:
            assert file.read() == b"some\nlines\n"


@item
def large_output():
    done = chld.run(sh("head -c 10000000 /dev/zero >&2; cat"), input=b"x" * 10000000)
    assert done.stdout == b"x" * 10000000 and done.stderr == bytes(10000000)


@item
def bytes_():
    words = ["sh", "-c", "printf '%s|%s' \"$1\" \"$BYTES\"", "sh", BYTES]
    done = chld.run(words, env_set={"BYTES": BYTES})
    assert done.stdout == BYTES + b"|" + BYTES, done
    done = chld.run(words[:4] + [os.fsdecode(BYTES)], env_set={"BYTES": BYTES},
                    encoding="utf-8", errors="surrogateescape")
    assert os.fsencode(done.stdout) == BYTES + b"|" + BYTES
    refused(UnicodeDecodeError, chld.run, words, env_set={"BYTES": BYTES}, encoding="utf-8")
    refused(ChildProcessError, os.waitpid, -1, 0)


def nothing_started(function, *arguments, **options):
    refused(ValueError, function, *arguments, **options)
    refused(ChildProcessError, os.waitpid, -1, 0)


@item
def nul_argument():
    nothing_started(chld.run, ["echo", "shown\0cut"])
    nothing_started(chld.spawn, [b"echo", b"shown\0cut"])


@item
def nul_environment():
    for name in ("env", "env_set"):
        nothing_started(chld.run, ["true"], **{name: {"NAME\0": "value"}})
        nothing_started(chld.run, ["true"], **{name: {"NAME": b"value\0more"}})
    nothing_started(chld.run, ["true"], env_unset=["NAME\0"])


@item
def nul_path():
    nothing_started(chld.run, ["true"], cwd="/\0etc")
    nothing_started(chld.run, ["true"], stdout="/tmp/\0file")
    nothing_started(chld.run, ["true"], program="true\0")


@item
def string_for_list():
    for wrong in ("true", b"true"):
        refused(TypeError, chld.run, wrong)
        refused(TypeError, chld.spawn, wrong)
        refused(TypeError, chld.run_pipeline, [wrong])


@item
def timeout_partial():
    begun = time.monotonic()
    error = refused(chld.TimeoutExpired, chld.run, sh("echo begun; exec sleep 60"), timeout=0.3)
    assert time.monotonic() - begun < 5
    assert error.result.timed_out and error.result.stdout == error.stdout == b"begun\n"
    assert isinstance(error, subprocess.TimeoutExpired)


@item
def cancel():
    """A task of asyncio, and a descriptor for the synchronous call."""
    async def main(file):
        task = asyncio.create_task(chld.run_async(sh("echo $$ >&3; exec sleep 60"),
                                                  fds={3: file.fileno()}))
        await asyncio.sleep(0.3)
        begun = time.monotonic()
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return time.monotonic() - begun
        raise AssertionError("not cancelled")

    with tempfile.TemporaryFile() as file:
        assert asyncio.run(main(file)) < 2
        file.seek(0)
        gone(file.read())
    reader, writer = os.pipe()
    os.close(writer)
    error = refused(chld.Cancelled, chld.run, ["sleep", "60"], cancel=reader)
    os.close(reader)
    assert error.result.cancelled and error.result.status.signal == signal.SIGTERM


INTERRUPTED = """
import chld, sys, time
try:
    chld.run(["sh", "-c", "echo $$ >&2; exec sleep 60"], stderr=None)
except KeyboardInterrupt:
    sys.exit(42)
"""


@item
def ctrl_c():
    program = subprocess.Popen([sys.executable, "-c", INTERRUPTED], stderr=subprocess.PIPE)
    with program:
        pid = program.stderr.readline()
        time.sleep(0.5)
        program.send_signal(signal.SIGINT)
        begun = time.monotonic()
        assert program.wait(timeout=10) == 42
        assert time.monotonic() - begun < 2
        gone(pid)


async def own(code):
    process = await asyncio.create_subprocess_exec("sh", "-c", f"sleep 0.1; exit {code}")
    return await process.wait() == code


async def ours(code):
    done = await chld.run_async(sh(f"sleep 0.1; exit {code % 256}"), stdout=None, stderr=None)
    return done.returncode == code % 256


@item
def beside():
    async def main():
        return await asyncio.gather(*[ours(n) for n in range(200)], *[own(n) for n in range(40)])

    right = asyncio.run(asyncio.wait_for(main(), 60))
    assert right.count(True) == 240, f"{right.count(True)} of 240 codes are right"


@item
def error_step():
    error = refused(FileNotFoundError, chld.run, ["true"], cwd="/no/such/directory")
    assert isinstance(error, chld.SpawnError)
    assert (error.errno, error.step, error.item) == (errno.ENOENT, "chdir", "/no/such/directory")
    assert str(error) == "chdir /no/such/directory: No such file or directory", str(error)


def main():
    failed = 0
    for name, function in ITEMS.items():
        try:
            function()
        except Exception as error:
            failed += 1
            where = traceback.extract_tb(error.__traceback__)[-1].lineno
            print(f"not ok {name}: {type(error).__name__}: {error} (line {where})", flush=True)
        else:
            print(f"ok {name}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
