"""One slot per key for a reader that may be slow: a newer value replaces the unread one."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import trio

K = TypeVar("K")


V = TypeVar("V")


class Newest(Generic[K, V]):
    """A channel that holds one value a key: a newer one replaces it, the writer never waits, memory never grows.

    *on_skip* is called for each value that is replaced before it was taken, *on_filled* when something comes where there was nothing.
    """

    def __init__(self, on_skip: Callable[[], None] = lambda: None, on_filled: Callable[[], None] = lambda: None) -> None:
        self._on_skip = on_skip
        self._on_filled = on_filled
        self._values: dict[K, V] = {}
        self._filled: trio.Event | None = None
        """What a reader waits for; None while none does."""

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: K) -> bool:
        return key in self._values

    def put(self, key: K, value: V) -> None:
        """Store *value* in place of an unread older one."""
        if key in self._values:
            self._on_skip()
        elif not self._values:
            self._on_filled()
            if self._filled is not None:
                self._filled.set()
        self._values[key] = value

    def put_back(self, values: Mapping[K, V]) -> None:
        """Store what was taken in vain, before what has come since; a newer value has replaced it."""
        for _ in values.keys() & self._values.keys():
            self._on_skip()
        self._values = {**values, **self._values}

    def discard(self, key: K) -> None:
        """Forget an unread value."""
        self._values.pop(key, None)

    def drain(self) -> dict[K, V]:
        """Take all there is, in the order of first arrival."""
        values, self._values = self._values, {}
        return values

    async def take(self) -> dict[K, V]:
        """Wait until there is something, then take all of it."""
        if self._values:
            await trio.lowlevel.checkpoint()
        while not self._values:
            self._filled = trio.Event()
            try:
                await self._filled.wait()
            finally:
                self._filled = None
        return self.drain()
