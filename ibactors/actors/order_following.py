"""Following the journal: a reader asks for the next page when it has room for it, and falls behind in the journal, not in memory."""

import trio

from ibactors.actors.orders import OrdersRef
from ibactors.errors import ActorError
from ibactors.orders.errors import CursorGone
from ibactors.orders.reader import Page, Snapshot, cursor_of

PAGE = 100
"""Events that one reader holds at most."""
AGAIN = 0.5
"""Seconds until the next question to an actor that was down, or had too much to do."""


class Follower:
    """One reader's place in the journal. Its methods may be cancelled at any time: what was not returned comes next."""

    def __init__(self, orders: OrdersRef, cursor: str, *, account: str | None = None, limit: int = PAGE) -> None:
        self.cursor = cursor
        """Behind the last event that was returned; empty for the beginning."""
        self._orders = orders
        self._account = account
        self._limit = limit
        self._at_end = False

    async def look(self) -> Page:
        """What there is behind the cursor, which may be nothing. Raises CursorGone, TradingOff and ActorError."""
        page = await self._orders.events(self.cursor, account=self._account, order_id=None, limit=self._limit)
        self.cursor, self._at_end = page.cursor, not page.more
        return page

    async def next(self) -> Page:
        """The next page that has something, whenever that comes."""
        while True:
            if self._at_end:
                await self._orders.next_change(behind=self.cursor)
            page = await self.look()
            if page.entries:
                return page


class Stream:
    """The same for a stream, which outlives the actor: it begins with the open orders where it cannot go on without a gap."""

    def __init__(self, orders: OrdersRef, cursor: str, *, account: str | None = None) -> None:
        self._orders = orders
        self._account = account
        self._follower: Follower | None = Follower(orders, cursor, account=account) if cursor else None
        self.was_reset = False
        """Whether the newest snapshot stands in for events that are not to be had any more."""

    async def next(self) -> Page | Snapshot:
        """What comes next, however long that takes. Raises TradingOff."""
        while True:
            try:
                return await self._begin() if self._follower is None else await self._follower.next()
            except CursorGone:
                self._follower, self.was_reset = None, True
            except ActorError:
                await trio.sleep(AGAIN)

    async def _begin(self) -> Snapshot:
        snapshot = await self._orders.snapshot(account=self._account)
        cursor = cursor_of(snapshot.journal_id, snapshot.sequence)
        self._follower = Follower(self._orders, cursor, account=self._account)
        return snapshot
