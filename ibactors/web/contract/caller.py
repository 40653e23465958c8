"""Who is calling: one key, or everybody without one; its scopes and what it has open."""

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import trio

from ibactors.errors import TooManySubscriptions
from ibactors.keys import ApiKey, Scope


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stream:
    """One open stream, WebSocket or events."""

    number: int
    """Of its kind, since the start; names its tasks."""
    ending: ExitStack
    """What is closed with it, however it ends."""


@dataclass(slots=True, eq=False, kw_only=True)
class Caller:
    """One key, or everybody without one."""

    name: str
    scopes: frozenset[Scope]
    key: ApiKey | None = None
    streams: int = 0
    """How many are open."""
    subscriptions: int = 0
    """Of all its streams together."""
    most_subscriptions: float = math.inf
    _under_way: set[trio.CancelScope] = field(default_factory=set)
    """One for each request and each stream."""

    @contextmanager
    def until_revoked(self) -> Iterator[trio.CancelScope]:
        """Everything that is done for it: the block ends with its key.

        It must be entered in the step that has found the caller: a key that is revoked between the two would stay good for what follows.
        """
        with trio.CancelScope() as ending:
            self._under_way.add(ending)
            try:
                yield ending
            finally:
                self._under_way.discard(ending)

    def revoke(self, reason: str) -> None:
        """End all that is under way; nobody may find this caller any more."""
        for ending in self._under_way:
            ending.cancel(reason=reason)

    @contextmanager
    def subscribed(self, *, again: bool = False) -> Iterator[None]:
        """Counts one subscription while the block lasts; one that takes another's place, *again*, needs no free one.

        Raises TooManySubscriptions.
        """
        if self.subscriptions >= self.most_subscriptions and not again:
            raise TooManySubscriptions(f"The streams of {self.name!r} have {self.subscriptions} subscriptions; more are not allowed.")
        self.subscriptions += 1
        try:
            yield
        finally:
            self.subscriptions -= 1
