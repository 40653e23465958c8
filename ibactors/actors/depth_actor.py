"""An actor that follows one book: it has the rows, and publishes the whole of it when it changes, not more often than clients can see.

A book is only shown while the session that it came from is current; on a break, and when IB throws it away (317), listeners are told at
once.
"""

import math
from dataclasses import dataclass
from typing import Any, NoReturn

import trio

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.depth import DepthRef, GetBook
from ibactors.actors.ordered import OrderedActor, OrderedFeed, OrderedNews, Swamped
from ibactors.actors.subscriber import Directory
from ibactors.bridge.depth_line import FIRST_ROW_LIMIT, DepthLine
from ibactors.errors import GatewayDisconnected, IbactorsError
from ibactors.kernel.mailbox import Mailbox
from ibactors.kernel.ref import Reply
from ibactors.model.depth import Depth, DepthReset, DepthRow, DepthStale
from ibactors.model.sessions import SessionStatus
from ibactors.model.times import now, rfc3339

INTERVAL = 0.05
"""Seconds between two published books, at least."""
SETTLE = 0.005
"""Seconds after a change for the rest of it: IB does not say which rows belong together, and a packet may end between them."""
FIRST_SET_WAIT = 0.3
"""Seconds after the first row for the rest of the first rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The book after a packet."""

    bids: tuple[DepthRow, ...]
    asks: tuple[DepthRow, ...]
    arrived: float
    changes: int


@dataclass(frozen=True, slots=True)
class WasReset:
    """IB has thrown the book away."""


@dataclass(frozen=True, slots=True)
class Publish:
    """Time to publish what has changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSetDue:
    """Time to answer with what is there."""

    feed: OrderedFeed


class DepthActor(OrderedActor):
    """One incarnation: it begins without rows."""

    def __init__(self, ref: DepthRef, connection: ConnectionRef, directory: Directory, *, idle_seconds: float) -> None:
        super().__init__(ref, connection, directory, idle_seconds=idle_seconds)
        self._book = ref
        self._rows: Changed | None = None
        self._settled = False
        """Whether the first rows are in."""
        newest = ref.newest
        self._sequence = newest.sequence if isinstance(newest, Depth | DepthReset) else 0
        self._published_at = -math.inf
        self._published = -1
        """The number of the book that was published last."""
        self._changed = trio.Event()
        self._waiting: list[Reply[Depth]] = []

    async def run(self, mailbox: Mailbox[Any, OrderedNews]) -> None:
        self.nursery.start_soon(self._pace, name=f"actor:{self.ref.name}/pace")
        await super().run(mailbox)

    def subscription(self, feed: OrderedFeed) -> DepthLine:
        me = self._book
        me.pinned_until = trio.current_time() + FIRST_ROW_LIMIT  # or the first row: IB would not let go of it
        return DepthLine(me.reading, me.contract, _Listener(feed), smart=me.smart, proven=self._proven, caller=me.holder)

    def took(self, item: Any) -> None:
        if isinstance(item, Changed):
            self._book.pinned_until = -math.inf
            if self._rows is None and self._feed is not None:
                self.after(FIRST_SET_WAIT, FirstSetDue(feed=self._feed))
            self._rows = item
            self._sequence += item.changes
            self._publish_soon()
        elif isinstance(item, WasReset):
            self._book.pinned_until = -math.inf
            self._sequence += 1
            self._empty()
            self._book.publish(DepthReset(**self._book.names, smart=self._book.smart, sequence=self._sequence, timestamp=now()))
        elif isinstance(item, Swamped):  # each item was a whole book, and the newest are lost
            self._feed = None
            self.broke(GatewayDisconnected("More rows came than could be taken in."))
            self._reopen(0.0)

    def broke(self, error: IbactorsError) -> None:
        self._empty()
        self._stale(error)

    def gave_up(self, error: IbactorsError) -> None:
        waiting, self._waiting = self._waiting, []
        for reply in waiting:
            reply.fail(error)

    def session_seen(self, session: SessionStatus) -> None:
        if not session.current:
            self._stale(GatewayDisconnected(session.reason or "The gateway is silent."))
        elif self._rows is not None and not isinstance(self._book.newest, Depth):
            self._published = -1
            self._publish_soon()

    async def act(self, msg: Any) -> None:
        match msg:
            case GetBook():
                self._answer_or_wait(msg.reply)
            case Publish():
                if self._sequence != self._published:
                    self._publish()
            case FirstSetDue():
                if msg.feed is self._feed and self._rows is not None:
                    self._settled = True
                    waiting, self._waiting = self._waiting, []
                    for reply in waiting:
                        self._answer_or_wait(reply)

    def _empty(self) -> None:
        self._rows, self._settled = None, False

    def _stale(self, error: IbactorsError) -> None:
        if isinstance(self._book.newest, Depth | DepthReset):
            me = self._book
            me.publish(DepthStale(**me.names, smart=me.smart, code=error.code, reason=str(error), since=now()))

    def _publish_soon(self) -> None:
        self._changed.set()

    async def _pace(self) -> NoReturn:
        """Have what has changed published, but not too often."""
        while True:
            await self._changed.wait()
            await trio.sleep(max(SETTLE, self._published_at + INTERVAL - trio.current_time()))
            # From here on a change asks for another turn, which is in vain if this one shows it.
            self._changed = trio.Event()
            await self.ref.post(Publish())

    def _publish(self) -> None:
        if self._rows is not None and self._connection.sessions.value.current:
            self._published_at, self._published = trio.current_time(), self._sequence
            self._book.publish(self._newest(self._rows))

    def _newest(self, rows: Changed) -> Depth:
        me = self._book
        return Depth(**me.names, smart=me.smart, sequence=self._sequence, bids=rows.bids, asks=rows.asks, timestamp=rfc3339(rows.arrived))

    def _answer_or_wait(self, reply: Reply[Depth]) -> None:
        session = self._connection.sessions.value
        if self._me.over:
            reply.fail(self._me.updates.value.error)
        elif not session.current:
            reply.fail(GatewayDisconnected(session.reason or "There is no session with the gateway."))
        elif self._rows is not None and self._settled and self._epoch == session.epoch:
            reply.send(self._newest(self._rows))
        else:
            reply.defer()
            self._waiting = [waiting for waiting in self._waiting if not waiting.settled]
            self._waiting.append(reply)


class _Listener:
    """Puts what comes of a book into the actor's feed."""

    def __init__(self, feed: OrderedFeed) -> None:
        self._feed = feed
        self.failed = feed.failed
        self.interrupted = feed.interrupted
        self.resumed = feed.resumed

    def changed(self, bids: tuple[DepthRow, ...], asks: tuple[DepthRow, ...], arrived: float, changes: int) -> None:
        self._feed.hear(Changed(bids=bids, asks=asks, arrived=arrived, changes=changes))

    def reset(self) -> None:
        self._feed.hear(WasReset())
