"""The newest value of something, told to everybody who listens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import trio

T = TypeVar("T")


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
