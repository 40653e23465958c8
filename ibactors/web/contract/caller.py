"""Who is calling: one key, or everybody without one; its scopes and what it has open."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import trio

from ibactors.errors import TooManySubscriptions
from ibactors.keys import ApiKey, Scope


@dataclass(slots=True, eq=False, kw_only=True)
class Caller:
    """One key, or everybody without one."""

    name: str
    scopes: frozenset[Scope]
    key: ApiKey | None = None
    streams: set[trio.CancelScope] = field(default_factory=set)
    """One for each open stream, WebSocket or events; cancelling it ends the stream."""
    subscriptions: int = 0
    """Of all its WebSockets together."""
    most_subscriptions: float = math.inf

    def check_subscriptions(self, beginning: int) -> None:
        """Raises TooManySubscriptions unless there is room for one more, besides those that are *beginning*."""
        if self.subscriptions + beginning >= self.most_subscriptions:
            raise TooManySubscriptions(f"The WebSockets of {self.name!r} have {self.subscriptions} subscriptions; more are not allowed.")

    @contextmanager
    def subscribed(self) -> Iterator[None]:
        """Counts one subscription while the block lasts."""
        self.subscriptions += 1
        try:
            yield
        finally:
            self.subscriptions -= 1
