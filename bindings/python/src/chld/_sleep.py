"""Sleeping in Python, so that signal handlers run, or in asyncio."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Sequence

if TYPE_CHECKING:
    import asyncio

#: (descriptor, select.POLLIN or select.POLLOUT)
Polled = Sequence["tuple[int, int]"]


def sleep(fds: Polled, timeout_ms: int) -> None:
    """Until one of the descriptors is ready or the time is over; -1 is no timeout."""
    poll = select.poll()
    for fd, events in fds:
        poll.register(fd, events)
    poll.poll(timeout_ms)


async def sleep_async(fds: Polled, timeout_ms: int) -> None:
    """The same in asyncio. Nobody else may wait for these descriptors."""
    from asyncio import get_running_loop  # slow to import, and most programs do without

    loop = get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    def ready() -> None:
        if not future.done():
            future.set_result(None)

    timer = loop.call_later(timeout_ms / 1000, ready) if timeout_ms >= 0 else None
    for fd, events in fds:
        (loop.add_reader if events == select.POLLIN else loop.add_writer)(fd, ready)
    try:
        await future
    finally:
        for fd, events in fds:
            (loop.remove_reader if events == select.POLLIN else loop.remove_writer)(fd)
        if timer:
            timer.cancel()
