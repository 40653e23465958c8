"""A symbol actor: one market-data line, the newest quote, and all who want it.

It finds the contract, opens the line in each new session and puts every change on its `QuoteBoard`, which publishes it on
`SymbolRef.updates`, where WebSocket clients listen; a REST request asks it and is answered at once from the newest quote, or when the first
set of values is in. What it holds is only ever shown while the session that it came from is up: on a break the quote is thrown away and
listeners get `Stale`.

When nobody has wanted it for a while it asks the market actor to be retired. When IB says that there is nothing to be had (no such
contract, no permission), it publishes `Failed` and retires soon, so that a later request tries again.
"""

from typing import Protocol, assert_never

import structlog
import trio

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.lookup import CONTRACT_LIFE, Found, find
from ibactors.actors.quote_board import QuoteBoard
from ibactors.actors.subscriber import COMPETING_WAIT, DOUBT_WAIT, REOPEN_WAIT, Directory, Due, SessionChanged, Subscriber
from ibactors.actors.symbol import (
    Feed,
    FirstSetDue,
    GetQuote,
    Interrupted,
    LineFailed,
    Moved,
    Resumed,
    SymbolMessage,
    SymbolNews,
    SymbolRef,
    Ticked,
    Verify,
    Widen,
)
from ibactors.bridge import codes
from ibactors.bridge.quote_line import QuoteLine
from ibactors.errors import (
    ActorError,
    CompetingSession,
    Doubtful,
    GatewayDisconnected,
    GatewayTimeout,
    IbactorsError,
    InvalidRequest,
    MarketDataNotSubscribed,
)
from ibactors.model.instruments import ContractInfo
from ibactors.model.sessions import SessionPhase, SessionStatus

log = structlog.get_logger(__name__)

FIRST_SET_WAIT = 0.5
"""Seconds after the first tick for the rest of the first set to arrive; IB sends it within a few packets."""
UNWANTED = 1.0
"""Seconds after which a symbol that nobody listens to and nobody asks for lets others go first in a new session."""
VERIFY_WAIT = 1.5
"""Seconds within which ticks must come again after IB said that data is back; a line without is opened anew."""


class Market(Directory, Protocol):
    """What a symbol needs of the market actor."""

    def resolved(self, ref: SymbolRef) -> SymbolRef:
        """Hear which contract the symbol means; tells the symbol that has its line."""


class SymbolActor(Subscriber[SymbolMessage, SymbolNews]):
    """One incarnation: it begins without any value and requests everything anew."""

    has_children = False
    mailbox_size = 1024  # one ask per waiting REST request; more are refused with 503

    def __init__(
        self, ref: SymbolRef, connection: ConnectionRef, market: Market, *, idle_seconds: float, unsubscribed_hint: str | None = None
    ) -> None:
        super().__init__(ref, connection, market, idle_seconds=idle_seconds)
        self._me = ref
        self._market = market
        self._unsubscribed_hint = unsubscribed_hint
        ref.contract = None
        self._found_at = 0.0
        self._board = QuoteBoard(ref, connection.sessions)
        self._feed: Feed | None = None
        self._proven = False  # whether IB is known to have it, from a session before
        self._plain = False  # whether IB has refused to send more than quotes

    def stopped(self) -> None:
        self._me.shown = None  # before anything that could fail: no request is answered with it any more
        self._board.close()

    async def handle(self, msg: SymbolMessage) -> None:
        match msg:
            case GetQuote():
                self._board.answer_or_wait(msg.reply)
            case Due():
                await self.due(msg)
            case Verify():
                if msg.feed is self._feed and self._board.empty:
                    self._feed = None
                    await self.open()
            case FirstSetDue():
                if msg.feed is self._feed:
                    self._board.end_first_set()
            case _:
                assert_never(msg)

    def handle_newest(self, msg: SymbolNews) -> None:
        """A tick, or the news of a break, reaches those who listen in the step in which it is read from the gateway."""
        match msg:
            case SessionChanged():
                self._on_session(msg.session)
            case Widen():
                if self._feed is not None:
                    self._lose(None)
                    self._reopening.set(0.0)
            case Ticked():
                if msg.feed is self._feed and self._board.put(msg.quote):
                    self.after(FIRST_SET_WAIT, FirstSetDue(feed=msg.feed))
            case Interrupted():
                if msg.feed is self._feed:
                    self._lose(msg.error)
            case LineFailed():
                if msg.feed is self._feed:
                    self._on_line_error(msg.error)
            case Resumed():
                if msg.feed is self._feed:
                    self.after(VERIFY_WAIT, Verify(feed=msg.feed))
            case _:
                assert_never(msg)

    def _on_session(self, session: SessionStatus) -> None:
        if self._me.over:
            return  # it holds no line, and is not counted as one; whoever asks again later gets another one
        if not session.up:
            self._on_break(session)
        elif session.epoch != self._board.epoch or self._feed is None:
            # Those that somebody waits for come first: requests for all lines take seconds at the gateway's pace.
            self._lose(None)
            self._reopening.set(REOPEN_WAIT if self._me.idle_for() > UNWANTED else 0.0)
        elif not session.current:
            self._board.hide(session.reason or "The gateway is silent.")
        else:
            self._board.unhide()

    def _on_break(self, session: SessionStatus) -> None:
        if session.phase is not SessionPhase.LOST:
            self._feed = None
        self._lose(GatewayDisconnected(session.reason or "There is no session with the gateway."))

    async def open(self) -> None:
        """Open the line in the present session, whatever there was before."""
        session = self._connection.sessions.value
        if not session.up or self._me.over or (self._feed is not None and self._board.epoch == session.epoch):
            return
        self._lose(None)
        feed = Feed(self._me)
        try:
            contract = await self._look_up()
            leader = self._market.resolved(self._me)
            if leader is not self._me:
                self._move(leader)
                return
            await self.subscribe(contract, feed)
        except Doubtful as exc:
            self._try_again(exc)
        except GatewayTimeout as exc:
            # Slow, or told off for the pace: no caller's problem as long as the next try is in time.
            self._me.advisory = exc
            self._reopening.set(REOPEN_WAIT)
        except (GatewayDisconnected, ActorError) as exc:
            self._board.refuse_waiting(exc)
            self._reopening.set(REOPEN_WAIT)
        except IbactorsError as exc:
            self._fail(exc)
        else:
            self._board.epoch, self._feed = session.epoch, feed
            self._proven = True  # from the next session on
            self._me.advisory = None
            self.ref.status.epoch = session.epoch

    async def find(self, known: Found | None) -> Found:
        """The contract that is meant; *known* is what it was before."""
        return await find(self._connection, self._me.instrument, known, caller=self._me.holder)

    async def subscribe(self, contract: ContractInfo, feed: Feed) -> None:
        """Open the line, in place of the one before."""
        line = QuoteLine(
            self._me.reading,
            contract,
            feed,
            proven=self._proven,
            caller=self._me.holder,
            fields=self._me.fields,
            plain=self._plain,
        )
        await self._connection.subscribe(self._me, line)

    def _try_again(self, error: Doubtful) -> None:
        """IB refused it, but at a time at which that means nothing."""
        log.info("refusal_doubted", symbol=self._me.instrument.name, ib_code=error.ib_code)
        self._lose(error)
        self._feed = None  # the gateway holds no line
        self._reopening.set(REOPEN_WAIT if self._connection.sessions.value.sound else DOUBT_WAIT)

    async def _look_up(self) -> ContractInfo:
        contract = self._me.contract
        if contract is None or trio.current_time() - self._found_at > CONTRACT_LIFE:
            known = None if contract is None else (self._me.reading, contract)
            self._me.reading, contract = await self.find(known)
            self._me.contract, self._found_at = contract, trio.current_time()
        return contract

    def _move(self, leader: SymbolRef) -> None:
        """Send everybody to the symbol that has the contract's line, and end."""
        leader.take_over(self._me)
        leader.want(self._me.fields)
        moved = Moved(to=leader)
        self._me.problem = moved.error
        self._me.updates.publish(moved)
        self._board.refuse_waiting(moved.error)
        self._market.retire(self._me)

    def _on_line_error(self, error: IbactorsError) -> None:
        if isinstance(error, Doubtful):
            self._try_again(error)
        elif isinstance(error, InvalidRequest) and self._me.fields and not self._plain:
            # What somebody wants besides is not to cost the others their quotes: it is null then.
            log.info("fields_refused", symbol=self._me.instrument.name, fields=sorted(self._me.fields), ib_code=error.ib_code)
            self._plain = True
            self._lose(None)
            self._reopening.set(0.0)
        elif error.ib_code in codes.ADVISORY:
            self._me.advisory = error
        elif isinstance(error, CompetingSession):
            # The line lives on: ticks come again when the other session ends, or it takes a new request.
            self._lose(error)
            if self._feed is not None:
                self.after(COMPETING_WAIT, Verify(feed=self._feed))
        else:
            self._fail(error)

    def _lose(self, error: IbactorsError | None) -> None:
        """Throw away what is known; *error* is why, or None when a new line is about to be opened. The next tick ends it."""
        if error is None:
            self._feed = None
        self._board.lose(error)

    def _fail(self, error: IbactorsError) -> None:
        log.info("symbol_failed", symbol=self._me.instrument.name, code=error.code, ib_code=error.ib_code)
        if isinstance(error, MarketDataNotSubscribed) and self._unsubscribed_hint:
            error.extra["hint"] = self._unsubscribed_hint
        self._board.fail(error)
        self.forget_later()
