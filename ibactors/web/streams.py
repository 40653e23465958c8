"""The streams that are open, WebSockets and server-sent events alike, and how many there may be: in all, and of one key."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ibactors.errors import TooManyStreams
from ibactors.web.contract.caller import Caller, Stream

WEBSOCKETS, EVENTS = "websocket", "events"
"""The kinds of streams."""


class Streams:
    """Counts each stream as long as it is open."""

    def __init__(self, *, most: int, most_per_key: int) -> None:
        self._most = most
        self._most_per_key = most_per_key
        self.open: Counter[str] = Counter()
        """By kind."""
        self.opened: Counter[str] = Counter()
        """By kind, since the start."""

    @contextmanager
    def place(self, caller: Caller, kind: str) -> Iterator[Stream]:
        """One stream of *caller* lasts as long as the block. Raises TooManyStreams."""
        # Checked and taken in one step: between two, others could take the last place as well.
        if self.open.total() >= self._most:
            raise TooManyStreams(f"{self._most} streams are open, which is as many as may be.")
        if caller.key is not None and caller.streams >= self._most_per_key:
            raise TooManyStreams(f"{caller.name!r} has {self._most_per_key} streams already.")
        self.open[kind] += 1
        self.opened[kind] += 1
        caller.streams += 1
        try:
            with ExitStack() as ending:
                yield Stream(number=self.opened[kind], ending=ending)
        finally:
            caller.streams -= 1
            self.open[kind] -= 1
