"""asyncio: one set for all children of an event loop."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

from ._handle import Handle
from ._set import Event, EventKind, Set


class Reactor:
    """The set of an event loop. It exists while somebody waits for one of its children."""

    _of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Reactor] = WeakKeyDictionary()

    def __init__(self) -> None:
        self.set = Set()
        self.users = 0
        self.waiting: dict[int, list[asyncio.Future[Event]]] = {}

    def ready(self) -> None:
        while True:
            try:
                event = self.set.next()
            except Exception as error:  # such as output that cannot be decoded
                self.fail(error)
                continue
            if event is None:
                return
            if event.child is not None and (event.last or event.kind == EventKind.SURVIVED):
                for future in self.waiting.pop(event.child._handle.value, []):
                    if not future.done():
                        future.set_result(event)

    def fail(self, error: Exception) -> None:
        """The set has removed a child and could not make its result."""
        for id in [id for id in self.waiting if id not in self.set._members]:
            for future in self.waiting.pop(id):
                if not future.done():
                    future.set_exception(error)

    async def event(self, child: Handle) -> Event:
        """The last event of a member of the set."""
        future: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self.waiting.setdefault(child._handle.value, []).append(future)
        try:
            return await future
        finally:
            futures = self.waiting.get(child._handle.value, [])
            if future in futures:
                futures.remove(future)

    async def wait(self, child: Handle) -> None:
        """Waits until a child has exited."""
        if not self.waiting.get(child._handle.value):
            self.set.add(child)
        try:
            await self.event(child)
        finally:
            if self.waiting.get(child._handle.value) == []:
                del self.waiting[child._handle.value]
                self.set.remove(child)

    def __enter__(self) -> Reactor:
        self.users += 1
        if self.users == 1:
            loop = asyncio.get_running_loop()
            loop.add_reader(self.set.fileno(), self.ready)
            Reactor._of_loop[loop] = self
        return self

    def __exit__(self, *_: object) -> None:
        self.users -= 1
        if self.users == 0:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self.set.fileno())
            del Reactor._of_loop[loop]
            self.set.close()


def reactor() -> Reactor:
    """That of the running loop. Use it in a `with` block."""
    return Reactor._of_loop.get(asyncio.get_running_loop()) or Reactor()
