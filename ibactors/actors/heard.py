"""What actors have in common that tell what IB says as it comes, each by itself, none skipped: headlines and bulletins.

What IB has said stays true over a break; what it says during one is not told afterwards, or not for certain, which is a gap.
"""

import itertools
from typing import Any

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.feed import FedActor, FedRef, Feed, Told
from ibactors.actors.subscriber import Directory
from ibactors.actors.symbol import Failed
from ibactors.actors.tape import Tape
from ibactors.errors import IbactorsError
from ibactors.model.times import now


class HeardRef(FedRef):
    """Listeners of `updates` are told each message, gaps, and `Failed` when it is over."""

    def __init__(self, name: str, key: Any, *, channel: str, most: int) -> None:
        super().__init__(name, key)
        self.tape = Tape(channel, lambda: self.names, most=most)
        self.begun = False
        """Whether it has been subscribed to, ever; here, like the next, so that a crash of the actor is one more break."""
        self.broken_at: str | None = None
        """Since when something may have been missed that nobody has been told of."""

    @property
    def names(self) -> dict[str, Any]:
        """Which instrument it is, by the members of `Named`."""
        return {}

    def publish(self, message: Any) -> None:
        """Tell everybody, and keep it; its number is the next."""
        self.updates.publish(self.tape.keep(message))

    def tell_gap(self) -> None:
        """It is heard again: say that something may have been missed, if there was a break."""
        if self.broken_at is not None:
            self.publish(self.tape.gap("interrupted", self.broken_at, now()))
            self.broken_at = None


class _Each(Feed):
    """Carries messages into the mailbox, each by itself."""

    def __init__(self, ref: FedRef) -> None:
        super().__init__(ref)
        self._numbers = itertools.count()

    def told(self, value: dict[str, Any]) -> None:
        self._ref.tell_newest(("told", next(self._numbers)), Told(feed=self, outcome=value))


class HeardActor(FedActor[dict[str, Any]]):
    """One incarnation; what is subscribed to, and what is made of a message, is in its subclasses."""

    def __init__(self, ref: HeardRef, connection: ConnectionRef, directory: Directory, *, idle_seconds: float) -> None:
        super().__init__(ref, connection, directory, idle_seconds=idle_seconds)
        self._heard = ref

    def new_feed(self) -> Feed:
        return _Each(self._heard)

    def subscribed(self) -> None:
        self._heard.begun = True
        self._heard.tell_gap()

    def recovered(self, value: dict[str, Any] | None) -> None:  # noqa: ARG002  # what has been told is told
        self._heard.tell_gap()

    def void(self, error: IbactorsError) -> None:  # noqa: ARG002  # whatever it is
        if self._heard.broken_at is None and self._heard.begun:
            self._heard.broken_at = now()

    def ended(self, error: IbactorsError) -> Any:
        return Failed(error=error)
