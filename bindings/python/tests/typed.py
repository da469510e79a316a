"""What a type checker must find in the annotations of the package. Never run."""

import asyncio

import chld
from typing_extensions import assert_type

assert_type(chld.run(["a"]), chld.Result[bytes])
assert_type(chld.run(["a"], text=True), chld.Result[str])
assert_type(chld.run(["a"], encoding="utf-8"), chld.Result[str])
assert_type(chld.run(["a"]).stdout, "bytes | None")
assert_type(chld.run(["a"], input="b", text=True, timeout=1, cwd="/").returncode, "int | None")
assert_type(asyncio.run(chld.run_async(["a"], text=True)), chld.Result[str])

with chld.spawn(["a"], stdout=chld.PIPE, text=True, stop=[(15, 1.5), (9, None)]) as child:
    for line in child:
        assert_type(line, str)
    for name, text in child.tagged_lines():
        assert_type((name, text), tuple[str, str])
    assert_type(child.wait(), chld.Status)


async def main() -> None:
    assert_type(await chld.spawn(["a"]), chld.Status)
    async for line in chld.spawn(["a"], stdout=chld.PIPE):
        assert_type(line, bytes)


chld.run(["a"], no_such_option=1)  # type: ignore[call-overload]
chld.run(["a"], env=3)  # type: ignore[call-overload]
chld.run(["a"], input="text")  # type: ignore[call-overload]
