"""A symbol's address and messages; the actor itself is in `symbol_actor.py`.

`SymbolRef` is what the market actor and the web layer hold: a REST request asks it for a quote, WebSocket clients listen to its `updates`.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

import trio

from ibactors.actors.subscriber import Due, SessionChanged
from ibactors.errors import GatewayDisconnected, IbactorsError, NoMarketData
from ibactors.kernel.pool import MemberRef
from ibactors.kernel.ref import Ask
from ibactors.kernel.topic import Topic, TopicName
from ibactors.model.encoded import Encoded
from ibactors.model.instruments import ContractInfo, Instrument, names_of
from ibactors.model.quotes import Quote, Stale
from ibactors.model.sessions import SessionStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """IB has nothing for this symbol; the actor is about to end."""

    error: IbactorsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved(Failed):
    """The symbol turned out to be another name of a contract that has an actor; this one is about to end."""

    error: IbactorsError = field(default_factory=lambda: Renamed("It has another name."))
    to: "SymbolRef"


class Renamed(IbactorsError):
    """Whoever waits is to ask where the symbol has moved to."""


_NONE: frozenset[str] = frozenset()
"""One for all symbols: Python makes a new one each time."""
Update = Encoded[Quote] | Encoded[Stale] | Failed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GetQuote(Ask[Encoded[Quote]]):
    """The newest quote, or the first one."""


@dataclass(frozen=True, slots=True)
class Widen:
    """More is wanted of the line than it was requested with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedMessage:
    """Base of what concerns one opened line; dropped when the actor has another one by then."""

    feed: "Feed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked(FeedMessage):
    """A line has a new newest quote."""

    quote: Quote


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFailed(FeedMessage):
    """IB sent an error for a line."""

    error: IbactorsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted(FeedMessage):
    """Data stopped behind a line that stays open."""

    error: IbactorsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(FeedMessage):
    """Data should come again on a line that was interrupted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verify(FeedMessage):
    """Time to see whether ticks really came again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSetDue(FeedMessage):
    """Time to answer with what is there."""


SymbolMessage = GetQuote | Verify | FirstSetDue | Due
"""Asks and timers."""
SymbolNews = SessionChanged | Widen | Ticked | LineFailed | Interrupted | Resumed
"""Conflated: only the newest of each counts."""


class SymbolRef(MemberRef[SymbolMessage, SymbolNews]):
    """A symbol, as the market actor and the web layer see it."""

    def __init__(self, instrument: Instrument, sessions: Topic[SessionStatus], *, timeout: float) -> None:
        super().__init__(f"symbol:{instrument.name}", instrument)
        site = sessions.name.site if sessions.name else ""
        self.instrument = instrument
        self.contract: ContractInfo | None = None
        """What IB has found, by its `reading`; None until then."""
        self.reading: Instrument = instrument
        self.shown: tuple[int, Encoded[Quote]] | None = None
        """The quote that a request would be answered with at once, and the epoch it belongs to."""
        self._sessions = sessions
        self.updates: Topic[Update | None] = Topic(None, TopicName(site, "quotes", instrument.name))
        """Every change, and its newest value; outlives a crash of the actor."""
        self.problem: IbactorsError | None = None
        """Why its line, which stays open, has no data now; None while it has or may have."""
        self.advisory: IbactorsError | None = None
        """An error of IB's after which data may still come; it explains why none came."""
        self._timeout = timeout
        self.fields = _NONE
        """What is wanted besides, by anybody since it was started: a line is requested with all of it."""

    def want(self, fields: AbstractSet[str]) -> None:
        """Have quotes show *fields* too; they are requested anew if they do not yet."""
        if not fields <= self.fields:
            self.fields |= fields
            self.tell_newest("widen", Widen())

    @property
    def wanted(self) -> bool:
        """Somebody listens or waits for an answer."""
        return self.updates.listeners > 0 or super().wanted

    @property
    def over(self) -> bool:
        """IB has nothing for it; it holds no line."""
        return isinstance(self.updates.value, Failed)

    @property
    def names(self) -> dict[str, Any]:
        """Which instrument it is, by the members of `Named`: as IB has it, or what was asked for until that is known."""
        if self.contract is None:
            return names_of(self.instrument)
        return names_of(self.contract) | {"exchange": self.reading.exchange or self.contract.exchange}

    @property
    def successor(self) -> "SymbolRef | None":
        """Where it has moved to, if its contract has another actor."""
        return self.updates.value.to if isinstance(self.updates.value, Moved) else None

    @property
    def newest(self) -> Encoded[Quote] | None:
        """The newest quote, if there is one that may be shown."""
        session = self._sessions.value
        if self.shown is None or not session.current or self.shown[0] != session.epoch:
            return None
        self.touch()
        return self.shown[1]

    async def quote(self) -> Encoded[Quote]:
        """The newest quote; waits for the first one, up to the service's quote timeout.

        Raises what the symbol failed with (ContractNotFound, ContractAmbiguous, MarketDataNotSubscribed, CompetingSession, NoFreeLine),
        NoMarketData, GatewayDisconnected, GatewayTimeout or an ActorError.
        """
        self.touch()
        msg = GetQuote()
        try:
            with trio.fail_after(self._timeout):
                return await self.ask(msg, msg.reply)
        except Renamed:
            if self.successor is None:
                raise
            return await self.successor.quote()
        except trio.TooSlowError:
            raise self._vain() from None

    def _vain(self) -> IbactorsError:
        """Why no quote came."""
        session, nothing = self._sessions.value, f"No market data came for {self.instrument.name} within {self._timeout:g} s."
        return self.advisory or (NoMarketData(nothing) if session.sound else GatewayDisconnected(f"{nothing} {session.reason}"))


class Feed:
    """Carries what the bridge says about one opened line into the actor's mailbox; ticks are conflated there, newest value wins."""

    __slots__ = ("_ref",)

    def __init__(self, ref: SymbolRef) -> None:
        self._ref = ref

    def ticked(self, quote: Quote) -> None:
        self._ref.tell_newest("ticked", Ticked(feed=self, quote=quote))

    def failed(self, error: IbactorsError) -> None:
        self._ref.shown = None
        self._ref.tell_newest("failed", LineFailed(feed=self, error=error))

    def interrupted(self, error: IbactorsError) -> None:
        # What is shown, and a quote that waits, are from before the break.
        self._ref.shown = None
        self._ref.tell_newest("ticked", Interrupted(feed=self, error=error))

    def resumed(self) -> None:
        self._ref.tell_newest("resumed", Resumed(feed=self))
