"""The ten children of children.txt, in Python, and asyncio's own beside chld's.

    python3 children.py ../children.txt           with chld.py (ctypes)
    python3 children.py --cffi ../children.txt    with chld_cffi.py
"""

import asyncio
import importlib
import signal
import sys

chld = importlib.import_module("chld_cffi" if "--cffi" in sys.argv else "chld")

BESIDE = 40


def describe(status):
    return (f" {status} (state {status.state}, code {status.code}, "
            f"word 0x{status.wait_word:04x}, $? {status.shell_code})")


def wait(argv, name):
    with chld.spawn(argv) as child:
        return describe(child.wait())


def run(argv, name):
    done = chld.run(argv, input=name.encode(), cwd="/", env={"CHILD": name})
    line = done.stdout.decode().rstrip("\n")
    return f"{describe(done.status)} out: {line} err: {len(done.stderr)} bytes"


def limit(argv, name):
    done = chld.run(argv, timeout=0.2, stop=[(signal.SIGKILL, None)])
    return describe(done.status) + (" at the limit" if done.timed_out else " by itself")


def stop(argv, name):
    with chld.spawn(argv) as child:
        stopped = child.wait_change()
        child.kill(signal.SIGTERM)
        child.kill(signal.SIGCONT)
        return describe(stopped) + describe(child.wait())


def ten(path):
    ways = {"wait": wait, "exec": wait, "run": run, "limit": limit, "stop": stop}
    with open(path) as file:
        lines = [line for line in file if line.strip() and not line.startswith("#")]
    for line in lines:
        name, way, what = line.strip().split(maxsplit=2)
        argv = [what] if way == "exec" else ["sh", "-c", what]
        try:
            said = ways[way](argv, name)
        except chld.SpawnError as error:
            said = f" {error} (step {error.step}, index {error.index}, errno {error.errno})"
        print(f"{name}:{said}")


async def own(code):
    """A child of asyncio's."""
    process = await asyncio.create_subprocess_exec("sh", "-c", f"sleep 0.1; exit {code}")
    return await process.wait() == code


class Children:
    """chld's children in an asyncio loop: one descriptor, however many they are."""

    def __init__(self):
        self.set = chld.Set()
        self.waiting = {}
        asyncio.get_running_loop().add_reader(self.set, self.ended)

    def ended(self):
        for id, status in self.set:
            self.waiting.pop(id).set_result(status)

    async def wait(self, child):
        future = asyncio.get_running_loop().create_future()
        self.waiting[child.id] = future
        self.set.add(child)
        return await future

    def close(self):
        asyncio.get_running_loop().remove_reader(self.set)
        self.set.close()


async def ours(code, children):
    with chld.spawn(["sh", "-c", f"sleep 0.1; exit {code}"]) as child:
        return (await children.wait(child)).code == code


async def beside():
    children = Children()
    right = await asyncio.wait_for(asyncio.gather(
        *[task for n in range(BESIDE) for task in (own(n), ours(100 + n, children))]), 60)
    children.close()
    print(f"beside: {sum(right[::2])} of {BESIDE} of its own, "
          f"{sum(right[1::2])} of {BESIDE} of chld")


ten(sys.argv[-1])
asyncio.run(beside())
print("engine:", chld.engine())
