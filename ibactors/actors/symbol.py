"""A symbol actor: one market-data line, the newest quote, and all who want it.

It finds the contract, opens the line in each new session and publishes every change on `SymbolRef.updates`, where WebSocket clients
listen; a REST request asks it and is answered at once from the newest quote, or when the first set of values is in. What it holds is only
ever shown while the session that it came from is up: on a break the quote is thrown away and listeners get `Stale`.

When nobody has wanted it for a while it asks the market actor to be retired. When IB says that there is nothing to be had (no such
contract, no permission), it publishes `Failed` and retires soon, so that a later request tries again.
"""

from dataclasses import dataclass
from typing import Protocol, assert_never

import msgspec
import structlog
import trio

from ibactors.actors.channels import Topic
from ibactors.actors.connection import ConnectionRef
from ibactors.actors.kernel import Actor, Ask, Mailbox, Ref, Reply
from ibactors.bridge.codes import ADVISORY
from ibactors.errors import (
    CompetingSession,
    ContractAmbiguous,
    ContractNotFound,
    GatewayDisconnected,
    GatewayTimeout,
    IbactorsError,
    NoMarketData,
)
from ibactors.model import ContractInfo, Encoded, Instrument, Quote, SessionStatus, Stale, now

log = structlog.get_logger(__name__)

FIRST_SET_WAIT = 0.5
"""Seconds after the first tick for the rest of the first set to arrive; IB sends it within a few packets."""
REOPEN_WAIT = 1.0
"""Seconds until a line that could not be opened in a live session is tried again."""
FAILED_LINGER = 5.0
"""Seconds for which a failure is remembered, so that clients that insist do not hammer IB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """IB has nothing for this symbol; the actor is about to end."""

    error: IbactorsError


Update = Encoded[Quote] | Encoded[Stale] | Failed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GetQuote(Ask[Encoded[Quote]]):
    """The newest quote, or the first one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChanged:
    """The session with the gateway came up or broke."""

    session: SessionStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """A line has a new newest quote."""

    feed: "_Feed"
    quote: Quote


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFailed:
    """IB sent an error for a line."""

    feed: "_Feed"
    error: IbactorsError


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSetDue:
    """Time to answer with what is there."""

    feed: "_Feed"


@dataclass(frozen=True, slots=True)
class IdleCheck:
    """Time to see whether anybody still wants the symbol."""


@dataclass(frozen=True, slots=True)
class Reopen:
    """Time to try again to open the line."""


@dataclass(frozen=True, slots=True)
class Forget:
    """Time to end after a failure, so that the next request tries anew."""


SymbolMessage = GetQuote | SessionChanged | Ticked | LineFailed | FirstSetDue | IdleCheck | Reopen | Forget


class SymbolRef(Ref[SymbolMessage]):
    """A symbol, as the market actor and the web layer see it."""

    def __init__(self, instrument: Instrument, *, patience: float) -> None:
        super().__init__(f"symbol:{instrument.name}")
        self.instrument = instrument
        self.updates: Topic[Update | None] = Topic(None)
        """Every change, and its newest value; outlives a crash of the actor."""
        self.advisory: IbactorsError | None = None
        """An error of IB's after which data may still come; it explains a wait that was in vain."""
        self._patience = patience
        self._last_used = trio.current_time()

    async def quote(self) -> Encoded[Quote]:
        """The newest quote; waits for the first one, up to the service's quote timeout.

        Raises what the symbol failed with (ContractNotFound, ContractAmbiguous, MarketDataNotSubscribed, CompetingSession, NoFreeLine),
        NoMarketData, GatewayDisconnected, GatewayTimeout or an ActorError.
        """
        self.touch()
        msg = GetQuote()
        try:
            with trio.fail_after(self._patience):
                return await self.ask(msg, msg.reply)
        except trio.TooSlowError:
            raise self.advisory or NoMarketData(f"No market data came for {self.instrument.name} within {self._patience:g} s.") from None

    def touch(self) -> None:
        """Note that somebody wants the symbol now."""
        self._last_used = trio.current_time()

    def idle_for(self) -> float:
        """Seconds for which nobody has wanted the symbol; 0 while somebody listens or waits for an answer."""
        if self.updates.listeners or self.open_asks:
            self.touch()
        return trio.current_time() - self._last_used


class Market(Protocol):
    """What a symbol needs of the market actor."""

    def retire(self, ref: SymbolRef) -> None:
        """Stop the symbol, unless somebody wants it again."""


class _Feed:
    """Carries what the bridge says about one opened line into the actor's mailbox; ticks are conflated there, newest value wins."""

    def __init__(self, ref: SymbolRef) -> None:
        self._ref = ref

    def ticked(self, quote: Quote) -> None:
        self._ref.tell_newest("ticked", Ticked(feed=self, quote=quote))

    def failed(self, error: IbactorsError) -> None:
        self._ref.tell_newest("failed", LineFailed(feed=self, error=error))


class SymbolActor(Actor[SymbolMessage]):
    """One incarnation: it begins without any value and requests everything anew."""

    mailbox_size = 1024  # one ask a waiting REST request; more are refused with 503

    def __init__(self, ref: SymbolRef, connection: ConnectionRef, market: Market, *, idle_seconds: float) -> None:
        super().__init__(ref)
        self._me = ref
        self._connection = connection
        self._market = market
        self._idle_seconds = idle_seconds
        self._contract: ContractInfo | None = None
        self._epoch = 0
        self._feed: _Feed | None = None
        self._quote: Encoded[Quote] | None = None
        self._first_set_over = False
        self._problem: IbactorsError | None = None
        self._waiting: list[Reply[Encoded[Quote]]] = []
        self._reopening = False

    async def run(self, mailbox: Mailbox[SymbolMessage]) -> None:
        self.after(self._idle_seconds, IdleCheck())
        with self._connection.sessions.listening(self._session_changed) as session:
            self._session_changed(session)
            try:
                await self.serve(mailbox)
            finally:
                self._connection.close_line(self._me.name)
                if self._quote is not None:
                    self._go_stale("actor_down", "The symbol's actor stopped.")

    async def handle(self, msg: SymbolMessage) -> None:
        match msg:
            case GetQuote():
                self._answer_or_wait(msg.reply)
            case SessionChanged():
                await self._on_session(msg.session)
            case Ticked():
                if msg.feed is self._feed:
                    self._on_quote(msg.feed, msg.quote)
            case LineFailed():
                if msg.feed is self._feed:
                    self._on_line_error(msg.error)
            case FirstSetDue():
                if msg.feed is self._feed:
                    self._first_set_over = True
                    self._answer_waiting()
            case IdleCheck():
                self._check_idle()
            case Reopen():
                self._reopening = False
                await self._open()
            case Forget():
                self._market.retire(self._me)
            case _:
                assert_never(msg)

    def _session_changed(self, session: SessionStatus) -> None:
        self._me.tell_newest("session", SessionChanged(session=session))

    async def _on_session(self, session: SessionStatus) -> None:
        if session.up and session.epoch != self._epoch:
            await self._open()
        elif not session.up:
            self._lose(GatewayDisconnected(session.reason or "There is no session with the gateway."))

    async def _open(self) -> None:
        """Open the line in the present session, whatever there was before."""
        session = self._connection.sessions.value
        if not session.up or (self._feed is not None and self._epoch == session.epoch):
            return
        self._lose(None)
        feed = _Feed(self._me)
        try:
            self._contract = self._contract or await self._find_contract()
            await self._connection.open_line(self._me.name, self._me.instrument, self._contract, feed)
        except (GatewayDisconnected, GatewayTimeout) as exc:
            self._refuse_waiting(exc)
            self._reopen_later()
        except IbactorsError as exc:
            self._fail(exc)
        else:
            self._epoch, self._feed = session.epoch, feed

    def _reopen_later(self) -> None:
        if not self._reopening:
            self._reopening = True
            self.after(REOPEN_WAIT, Reopen())

    async def _find_contract(self) -> ContractInfo:
        found = await self._connection.find_contracts(self._me.instrument)
        if not found:
            raise ContractNotFound(f"The gateway knows no contract for {self._me.instrument.name}.")
        if len(found) > 1:
            raise ContractAmbiguous(
                f"{len(found)} contracts fit {self._me.instrument.name}.", extra={"candidates": msgspec.to_builtins(found)}
            )
        return found[0]

    def _on_quote(self, feed: _Feed, quote: Quote) -> None:
        if self._quote is None:
            self.after(FIRST_SET_WAIT, FirstSetDue(feed=feed))
        self._problem = self._me.advisory = None
        self._quote = Encoded(quote)
        self._me.updates.publish(self._quote)
        if self._waiting:
            self._answer_waiting()

    def _on_line_error(self, error: IbactorsError) -> None:
        if error.ib_code in ADVISORY:
            self._me.advisory = error
        elif isinstance(error, CompetingSession):
            # The line lives on: ticks come again when the other session ends.
            self._lose(error)
        else:
            self._fail(error)

    def _answer_or_wait(self, reply: Reply[Encoded[Quote]]) -> None:
        session = self._connection.sessions.value
        if not session.up:
            reply.fail(GatewayDisconnected(session.reason or "There is no session with the gateway."))
        elif self._problem is not None:
            reply.fail(self._problem)
        elif self._quote is not None and self._epoch == session.epoch and (self._first_set_over or self._quote.value.complete):
            reply.send(self._quote)
        else:
            reply.defer()
            self._waiting = [waiting for waiting in self._waiting if not waiting.settled]
            self._waiting.append(reply)

    def _answer_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for reply in waiting:
            self._answer_or_wait(reply)

    def _refuse_waiting(self, error: IbactorsError) -> None:
        waiting, self._waiting = self._waiting, []
        for reply in waiting:
            reply.fail(error)

    def _lose(self, error: IbactorsError | None) -> None:
        """Throw away what is known; *error* is why, or None when a new line is about to be opened."""
        had_quote = self._quote is not None
        self._quote = None
        self._first_set_over = False
        if error is None:
            self._feed = self._problem = None
        elif isinstance(error, GatewayDisconnected):
            self._feed = self._problem = None
            self._refuse_waiting(error)
        else:
            self._problem = error
            self._refuse_waiting(error)
        if had_quote:
            self._go_stale(*((error.code, str(error)) if error else ("gateway_disconnected", "The session was replaced.")))

    def _fail(self, error: IbactorsError) -> None:
        log.info("symbol_failed", symbol=self._me.instrument.name, code=error.code, ib_code=error.ib_code)
        self._problem = error
        self._quote = None
        self._refuse_waiting(error)
        self._me.updates.publish(Failed(error=error))
        self.after(FAILED_LINGER, Forget())

    def _go_stale(self, code: str, reason: str) -> None:
        self._me.updates.publish(Encoded(Stale(symbol=self._me.instrument.symbol, code=code, reason=reason, since=now())))

    def _check_idle(self) -> None:
        remaining = self._idle_seconds - self._me.idle_for()
        if remaining <= 0:
            self._market.retire(self._me)
        self.after(max(remaining, 1.0), IdleCheck())
