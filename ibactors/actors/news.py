"""Live headlines: one actor for each instrument and set of providers that somebody listens to; each takes a market-data line.

None is skipped. What comes during a break is not told by IB afterwards: listeners hear of a gap, and may ask for headlines of the past.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.directory import DirectoryActor, DirectoryRef, Room
from ibactors.actors.feed import Feed
from ibactors.actors.heard import HeardActor, HeardRef
from ibactors.actors.lookup import find
from ibactors.actors.subscriber import Directory
from ibactors.bridge.news import NewsLine
from ibactors.bridge.quote_line import origin_of
from ibactors.bridge.subscriptions import Subscription
from ibactors.errors import TooManyNews
from ibactors.kernel.supervisor import Supervisor
from ibactors.model.instruments import ContractInfo, Instrument, names_of
from ibactors.model.news import Headline
from ibactors.model.times import Value

MOST, SHARE, IDLE_WAIT = 20, 10, 15.0
"""Instruments at once; of one caller; seconds for which one is kept for the next."""
KEPT = 300
"""Headlines that are kept for who comes again."""


class NewsKey(Value, frozen=True, kw_only=True):
    """Whose headlines, and who writes them: codes joined by `+`, or empty for all."""

    instrument: Instrument
    providers: str = ""


class NewsRef(HeardRef):
    """The headlines of one instrument."""

    def __init__(self, key: NewsKey) -> None:
        super().__init__(":".join(filter(None, ("news", key.instrument.name, key.providers))), key, channel="news", most=KEPT)
        self.of = key
        self.contract: ContractInfo | None = None

    @property
    def names(self) -> dict[str, Any]:
        return names_of(self.of.instrument if self.contract is None else self.contract)


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


class NewsActor(HeardActor):
    """One incarnation."""

    def __init__(self, ref: NewsRef, connection: ConnectionRef, directory: Directory) -> None:
        super().__init__(ref, connection, directory, idle_seconds=IDLE_WAIT)
        self._me = ref

    async def subscription(self, feed: Feed) -> Subscription[Any]:
        reading, contract = await find(self._connection, self._me.of.instrument, caller=self._me.holder)
        self._me.contract = contract
        return NewsLine(
            contract,
            feed,
            providers=self._me.of.providers,
            origin=origin_of(reading, contract),
            proven=self._proven,
            caller=self._me.holder,
        )

    def took(self, value: dict[str, Any]) -> None:
        self._me.tell_gap()
        # It says itself when it was published: it is told, though the gateway may be silent.
        self._me.publish(Headline(**self._me.names, **value, sequence=self._me.tape.next))
