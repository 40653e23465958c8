"""Live headlines: one actor for each instrument and set of providers that somebody listens to; each takes a market-data line.

None is skipped. What comes during a break is not told by IB afterwards: listeners hear of a gap, and may ask for headlines of the past.
"""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.directory import DirectoryActor, DirectoryRef, Room
from ibactors.actors.feed import FedActor, FedRef, Feed, Told
from ibactors.actors.lookup import find
from ibactors.actors.subscriber import Directory
from ibactors.actors.symbol import Failed
from ibactors.bridge.news import NewsLine
from ibactors.bridge.quote_line import origin_of
from ibactors.bridge.subscriptions import Subscription
from ibactors.errors import IbactorsError, TooManyNews
from ibactors.kernel.supervisor import Supervisor
from ibactors.model.encoded import Encoded
from ibactors.model.gaps import Gap
from ibactors.model.instruments import ContractInfo, Instrument, names_of
from ibactors.model.news import Headline
from ibactors.model.times import Value, now

MOST, SHARE, IDLE_WAIT = 20, 10, 15.0
"""Instruments at once; of one caller; seconds for which one is kept for the next."""


class NewsKey(Value, frozen=True, kw_only=True):
    """Whose headlines, and who writes them: codes joined by `+`, or empty for all."""

    instrument: Instrument
    providers: str = ""


class NewsRef(FedRef):
    """The headlines of one instrument. Listeners of `updates` are told each, gaps, and `Failed` when it is over."""

    def __init__(self, key: NewsKey) -> None:
        super().__init__(":".join(filter(None, ("news", key.instrument.name, key.providers))), key)
        self.of = key
        self.contract: ContractInfo | None = None
        self.sequence = 0
        """Of the last message; here, like the next, so that a crash of the actor is one more break."""
        self.broken_at: str | None = None
        """Since when headlines may have been missed that nobody has been told of."""

    @property
    def names(self) -> dict[str, Any]:
        """Which instrument it is, by the members of `Named`."""
        return names_of(self.of.instrument if self.contract is None else self.contract)

    def next_sequence(self) -> int:
        """The number of the next message."""
        self.sequence += 1
        return self.sequence


class NewsRefs(DirectoryRef[NewsRef]):
    """Where the web layer asks for headlines."""

    def __init__(self) -> None:
        super().__init__("news")

    async def of(self, key: NewsKey, *, caller: str) -> NewsRef:
        """Who keeps them. Raises TooManyNews."""
        return await self.open(key, partial(NewsRef, key), caller=caller)


class NewsDirectory(DirectoryActor[NewsRef]):
    """One incarnation of the directory."""

    def __init__(self, ref: NewsRefs, connection: ConnectionRef, supervisor: Supervisor) -> None:
        def builder(news: NewsRef) -> Callable[[], NewsActor]:
            return lambda: NewsActor(news, connection, ref)

        room = Room(most=MOST, share=SHARE, idle_seconds=IDLE_WAIT)
        super().__init__(ref, supervisor, NewsRef, builder, room, lambda why: TooManyNews(f"Of instruments with live headlines {why}"))


class _NewsFeed(Feed):
    """Carries headlines into the mailbox, each by itself."""

    def __init__(self, ref: FedRef) -> None:
        super().__init__(ref)
        self._numbers = itertools.count()

    def told(self, value: dict[str, Any]) -> None:
        self._ref.tell_newest(("told", next(self._numbers)), Told(feed=self, outcome=value))


class NewsActor(FedActor[dict[str, Any]]):
    """One incarnation."""

    def __init__(self, ref: NewsRef, connection: ConnectionRef, directory: Directory) -> None:
        super().__init__(ref, connection, directory, idle_seconds=IDLE_WAIT)
        self._me = ref

    def new_feed(self) -> Feed:
        return _NewsFeed(self._me)

    async def subscription(self, feed: Feed) -> Subscription[Any]:
        reading, contract = await find(self._connection, self._me.of.instrument, caller=self._me.holder)
        self._me.contract = contract
        return NewsLine(contract, feed, providers=self._me.of.providers, origin=origin_of(reading, contract), caller=self._me.holder)

    def subscribed(self) -> None:
        self._tell_gap()

    def recovered(self, value: dict[str, Any] | None) -> None:  # noqa: ARG002  # what has been told is told
        self._tell_gap()

    def took(self, value: dict[str, Any]) -> None:
        self._tell_gap()
        # It says itself when it was published: it is told, though the gateway may be silent.
        self._me.updates.publish(Encoded(Headline(**self._me.names, **value, sequence=self._me.next_sequence())))

    def void(self, error: IbactorsError) -> None:  # noqa: ARG002  # whatever it is
        if self._me.broken_at is None and self._me.contract is not None:
            self._me.broken_at = now()

    def ended(self, error: IbactorsError) -> Any:
        return Failed(error=error)

    def _tell_gap(self) -> None:
        """There was a break, in which headlines may have been published."""
        if self._me.broken_at is not None:
            gap = Gap(
                **self._me.names,
                channel="news",
                lost=None,
                begin=self._me.broken_at,
                end=now(),
                sequence=self._me.next_sequence(),
                timestamp=now(),
                code="interrupted",
            )
            self._me.broken_at = None
            self._me.updates.publish(Encoded(gap))
