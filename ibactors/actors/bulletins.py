"""What IB tells everybody, such as that an exchange does not work: heard from the beginning of each session on, and kept for who asks.

At its beginning a session brings all bulletins of the day, so that a break loses none unless a day ends in it.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import trio

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.feed import Feed
from ibactors.actors.heard import HeardActor, HeardRef
from ibactors.bridge.news import BulletinLine
from ibactors.bridge.subscriptions import Subscription
from ibactors.errors import IbactorsError
from ibactors.model.news import Bulletin

KEPT = 200
"""Bulletins that are kept; IB sends a few in a day."""
REFUSED_WAIT = 600.0
"""Seconds after which they are asked for again when IB refuses them, or sends some that cannot be read."""
_IB = ZoneInfo("America/New_York")


class BulletinsRef(HeardRef):
    """All bulletins."""

    def __init__(self) -> None:
        super().__init__("bulletins", "bulletins", channel="bulletins", most=KEPT)

    @property
    def known(self) -> list[Bulletin]:
        """Those that are kept, the oldest first."""
        return [kept.value for kept in self.tape.newest() if isinstance(kept.value, Bulletin)]


class _Ever:
    """In place of a directory: it is never retired."""

    def retire(self, _ref: Any) -> None:
        """Somebody may ask for it at any time."""


class BulletinsActor(HeardActor):
    """One incarnation."""

    def __init__(self, ref: BulletinsRef, connection: ConnectionRef) -> None:
        super().__init__(ref, connection, _Ever(), idle_seconds=3600.0)
        self._me = ref

    async def subscription(self, feed: Feed) -> Subscription[Any]:
        await trio.lowlevel.checkpoint()
        return BulletinLine(feed)

    def subscribed(self) -> None:
        broken_at = self._me.broken_at
        if broken_at is None or _day(datetime.fromisoformat(broken_at)) == _day(datetime.now(_IB)):
            self._me.broken_at = None
        super().subscribed()

    def recovered(self, value: dict[str, Any] | None) -> None:  # noqa: ARG002  # all of the day come anew
        if self._me.broken_at is not None:
            self.reopen()

    def wait_after(self, error: IbactorsError) -> float | None:
        return super().wait_after(error) or REFUSED_WAIT

    def took(self, value: dict[str, Any]) -> None:
        today = [known for known in self._me.known if _day(datetime.fromisoformat(known.timestamp)) == _day(datetime.now(_IB))]
        if all((known.bulletin_id, known.text) != (value["bulletin_id"], value["text"]) for known in today):
            self._me.publish(Bulletin(**value, sequence=self._me.tape.next))


def _day(at: datetime) -> object:
    return at.astimezone(_IB).date()
