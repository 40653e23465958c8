"""The newest value of something, told to everybody who listens."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Generic, TypeVar

import trio

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TopicName:
    """What a topic is about, for whoever tells others of it: a bus, a journal."""

    site: str
    """Which gateway's."""
    kind: str
    """What its values are: `quotes`, `session`, …"""
    key: str = ""
    """Which of the kind, where there are several."""


class Topic(Generic[T]):
    """The newest value of something, and the listeners that are called with each new one.

    A topic lives on an actor's `Ref`, so that listeners outlive a crash of the actor. Only its own actor publishes on it: listeners run
    in the publisher's task.
    """

    __slots__ = ("_listeners", "_telling", "_untold", "_value", "name", "sequence")

    def __init__(self, value: T, name: TopicName | None = None) -> None:
        self.name = name
        """None for one that nobody outside this process hears of. Two of a name are never published on at once, but the old one may still
        be listened to."""
        self.sequence = 0
        """The number of the value that listeners have been told last, or are being told: 1 for the first that was published, and one more
        for each. They begin anew with another topic of the name."""
        self._value = value
        self._untold: list[T] = []  # a deque has room for 64
        self._telling = False
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
        """Make *value* the newest and call each listener with it, in the order in which they came.

        All hear all values in the order in which they were published: what a listener publishes meanwhile is told after this one.
        """
        self._value = value
        self._untold.append(value)
        if self._telling:
            return
        self._telling = True
        try:
            while self._untold:
                told = self._untold.pop(0)
                self.sequence += 1
                for listener in tuple(self._listeners.values()):
                    listener(told)
        finally:
            self._telling = False
            self._untold.clear()  # only if a listener has failed; the publisher's crash tells its listeners what they must know

    def foresee(self, value: T) -> None:
        """Make *value* the newest for those who read it; listeners hear of it when it is published, which must come soon."""
        self._value = value

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

    def listening(self, listener: Callable[[T], None]) -> AbstractContextManager[T]:
        """Call *listener* with each value published inside the block; it must neither wait nor raise. `as` gives the newest value."""
        return _Listening(self, self._listeners, listener)


class _Listening(AbstractContextManager[T]):
    """The block of `Topic.listening`. Each symbol is in one all its life, and a generator would take half a KiB of it."""

    __slots__ = ("_listener", "_listeners", "_topic")

    def __init__(self, topic: Topic[T], listeners: dict[object, Callable[[T], None]], listener: Callable[[T], None]) -> None:
        self._topic = topic
        self._listeners = listeners
        self._listener = listener

    def __enter__(self) -> T:
        self._listeners[self] = self._listener
        return self._topic.value

    def __exit__(self, *_exception: object) -> None:
        del self._listeners[self]
