"""Two ways to hand on a value that has a newest version: tell everybody who listens, and keep only the newest for a slow reader.

Ticks and states are never queued: a reader that is late gets the newest value and skips the rest. Both classes are plain objects for use
within one trio run; their methods that do not wait may also be called from an asyncio callback of the bridge.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Generic, TypeVar

import trio

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")


class Topic(Generic[T]):
    """The newest value of something, and the listeners that are called with each new one.

    A topic lives on an actor's `Ref`, so that listeners outlive a crash of the actor.
    """

    def __init__(self, value: T) -> None:
        self._value = value
        self._listeners: dict[object, Callable[[T], None]] = {}

    @property
    def value(self) -> T:
        """The newest value."""
        return self._value

    @property
    def listeners(self) -> int:
        """How many listen at the moment."""
        return len(self._listeners)

    def publish(self, value: T) -> None:
        """Make *value* the newest and call each listener with it, in the order in which they came."""
        self._value = value
        for listener in tuple(self._listeners.values()):
            listener(value)

    async def until(self, fits: Callable[[T], bool]) -> T:
        """The newest value if it fits, else the first one published that does; no value is missed, however short-lived."""
        found: list[T] = []
        event = trio.Event()

        def look(value: T) -> None:
            if not found and fits(value):
                found.append(value)
                event.set()

        with self.listening(look) as newest:
            look(newest)
            if not found:
                await event.wait()
        return found[0]

    @contextmanager
    def listening(self, listener: Callable[[T], None]) -> Iterator[T]:
        """Call *listener* with each value published inside the block; it must neither wait nor raise. Yields the newest value."""
        key = object()
        self._listeners[key] = listener
        try:
            yield self._value
        finally:
            del self._listeners[key]


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
