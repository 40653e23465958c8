"""The book of one instrument: its address and messages; the actor is in `depth_actor.py`.

All who want it share one subscription, however many rows they want: each number of rows is a view of its own, cut and encoded once.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import msgspec
import trio

from ibactors.actors.lookup import Found
from ibactors.actors.ordered import OrderedRef
from ibactors.actors.symbol import Failed
from ibactors.bridge.depth_line import ROWS
from ibactors.errors import GatewayDisconnected, IbactorsError, NoMarketData
from ibactors.kernel.ref import Ask
from ibactors.kernel.topic import Topic
from ibactors.model.depth import Depth, DepthReset, DepthStale, delta
from ibactors.model.encoded import Encoded
from ibactors.model.sessions import SessionStatus

FIRST_ROW_WAIT = 15.0
"""Seconds for the first row: a book of all exchanges begins after 6 to 13."""
News = Depth | DepthReset | DepthStale


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GetBook(Ask[Depth]):
    """The newest book, or the first one."""


class DepthRef(OrderedRef):
    """One book, as the web layer sees it."""

    sort: ClassVar[str] = "depth"

    def __init__(self, key: Any, found: Found, sessions: Topic[SessionStatus], *, smart: bool) -> None:
        super().__init__(key, f"{found[0].name}{',smart' if smart else ''}", found, sessions)
        self.smart = smart
        self.newest: News | Failed | None = None
        self._views: dict[int, Topic[Any]] = {}
        """By number of rows."""

    @property
    def wanted(self) -> bool:
        return any(view.listeners for view in self._views.values()) or super().wanted

    def view(self, rows: int) -> Topic[Any]:
        """Where the newest book is published, with so many rows of a side."""
        self.touch()
        rows = min(rows, ROWS)
        view = self._views.get(rows)
        if view is None:
            self._views = {number: known for number, known in self._views.items() if known.listeners}
            view = self._views[rows] = Topic(_cut(self.newest, rows), self.updates.name)
        elif not view.listeners:
            view.foresee(_cut(self.newest, rows))
        return view

    def publish(self, news: News) -> None:
        """Tell everybody."""
        self.newest = news
        self._tell(news)

    def fail(self, error: IbactorsError) -> None:
        self.newest = Failed(error=error)
        super().fail(error)
        self._tell(self.newest)

    def _tell(self, news: News | Failed) -> None:
        for rows, view in tuple(self._views.items()):
            if view.listeners:
                view.publish(_cut(news, rows))

    async def book(self) -> Depth:
        """The newest book; waits for the first rows.

        Raises what it failed with, GatewayDisconnected, NoMarketData or an ActorError.
        """
        self.touch()
        msg = GetBook()
        try:
            with trio.fail_after(FIRST_ROW_WAIT):
                return await self.ask(msg, msg.reply)
        except trio.TooSlowError:
            nothing = f"No row of the book of {self.reading.name} came within {FIRST_ROW_WAIT:g} s."
            session = self.sessions.value
            raise (NoMarketData(nothing) if session.sound else GatewayDisconnected(f"{nothing} {session.reason}")) from None


def cut(book: Depth, rows: int) -> Depth:
    """So many rows of each side."""
    if max(len(book.bids), len(book.asks)) <= rows:
        return book
    return msgspec.structs.replace(book, bids=book.bids[:rows], asks=book.asks[:rows])


@lru_cache(maxsize=256)  # the same for all clients that are as far as each other
def change(old: Encoded[Any] | None, new: Encoded[Any]) -> Encoded[Any]:
    """What a client is sent that has one book and is to have another: what makes one into the other, where that is shorter."""
    if old is None or not isinstance(old.value, Depth) or not isinstance(new.value, Depth):
        return new
    changes = Encoded(delta(old.value, new.value))
    return changes if len(changes.frame) < len(new.frame) else new


def _cut(news: News | Failed | None, rows: int) -> Encoded[Any] | Failed | None:
    if news is None or isinstance(news, Failed):
        return news
    return Encoded(cut(news, rows) if isinstance(news, Depth) else news)
