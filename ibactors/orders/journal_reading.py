"""Reading the journal from the event loop: in a thread, one at a time on each connection."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import trio

from ibactors.orders.reader import Reader

T = TypeVar("T")

LAST_READ = 5.0
"""Seconds that a look has to end when its reader is closed."""


class Reading:
    """A connection that reads, and the turns on it: whoever looks for long has a `Reading` of his own, and nobody else waits for him."""

    def __init__(self, path: Path) -> None:
        self.reader = Reader(path)
        self.turn = trio.CapacityLimiter(1)

    async def look(self, look: Callable[..., T], *arguments: object) -> T:
        """What *look*, a method of the reader or a function that uses it, finds."""
        return await trio.to_thread.run_sync(look, *arguments, limiter=self.turn, abandon_on_cancel=False)


@asynccontextmanager
async def reading(path: Path) -> AsyncIterator[Reading]:
    """A `Reading` within the block. A thread that looks at its end has its time, and none begins after it."""
    opened = Reading(path)
    try:
        yield opened
    finally:
        with trio.move_on_after(LAST_READ, shield=True):
            await opened.turn.acquire()  # never given back
        opened.reader.close()
