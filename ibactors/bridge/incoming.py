"""Where answers of the gateway arrive: each is routed to the subscription, the request or the listener it belongs to.

The methods have the names and parameters of IB's EWrapper, because ib_async's decoder calls them by name. They run in the step that has
read a network packet, and none of them waits.
"""

import time
from collections.abc import Callable
from typing import Any, Protocol

import structlog
import trio
from ib_async.contract import Contract

from ibactors.bridge import codes
from ibactors.bridge.answers import Answer
from ibactors.bridge.connectivity import SOCKET_RESET, Connectivity, Effect
from ibactors.bridge.contracts import float_or_none, position_of
from ibactors.bridge.decoder import Calls
from ibactors.bridge.quote_line import QuoteLine
from ibactors.bridge.requests import Requests
from ibactors.bridge.subscriptions import Subscription, Subscriptions
from ibactors.bridge.tally import GatewayTally
from ibactors.errors import GatewayDisconnected, GatewayTimeout
from ibactors.model.accounts import Figure, PortfolioItem, Position

log = structlog.get_logger(__name__)

_ACCOUNT_ROWS = {"61": "positions", "7": "positions", "63": "summary"}
"""What a message is a row of."""


class AccountListener(Protocol):
    """Who hears of the accounts; each method returns at once."""

    def figure_seen(self, tag: str, figure: Figure) -> None:
        """One figure of an account summary, new or changed (message 63)."""

    def position_seen(self, position: Position) -> None:
        """One position, new or changed; 0 when it was closed (message 61)."""

    def portfolio_seen(self, item: PortfolioItem) -> None:
        """Market figures of one position (message 7)."""

    def complete(self, what: str) -> None:
        """All of `summary` or `positions` has been sent for the first time in this session."""

    def unreadable(self, what: str) -> None:
        """A row of `summary` or `positions` could not be read, so that what is known is not all of it."""


class PacketObserver(Protocol):
    """Who wants to know when all is told that one network packet has brought; both methods return at once and raise nothing.

    In the service that is the web's fan-out (`web/fanout.py`): it writes to the clients' sockets in `packet_ended`, and so in the task that
    reads from the gateway.
    """

    def packet_begins(self) -> None:
        """The listeners are about to be told."""

    def packet_ended(self) -> None:
        """All of them have been told, or one of them has failed."""


class Inbox:
    """What ib_async's decoder calls, by the names of IB's EWrapper: it routes each message to the line or request it belongs to."""

    def __init__(self, tally: GatewayTally, observer: PacketObserver) -> None:
        self._tally = tally
        self._observer = observer
        self.quotes: Subscriptions[QuoteLine] = Subscriptions()
        self.subscriptions: dict[type[Subscription[Any]], Subscriptions[Any]] = {QuoteLine: self.quotes}
        """By kind."""
        self.requests = Requests()
        self.account_listener: AccountListener | None = None
        self.heard_at = trio.current_time()
        self.lost = trio.Event()
        self.reason = "The gateway closed the connection."
        self.reason_code: int | None = None
        self._arrived = time.time()
        self._frame: trio.Event | None = None
        """Somebody waits for the next frame."""
        self.connectivity = Connectivity()
        self._changed = False
        """Whether what is degraded has changed in this packet."""
        self.on_change: Callable[[Effect], None] = _ignore
        """Called when a notice changed `connectivity`."""
        self.on_pacing: Callable[[], None] = _ignore
        """Called when the gateway complained about too many messages."""
        self.on_abandoned: Callable[[int, Subscription[Any]], None] = _ignore
        """Called with a subscription and its id that the gateway may hold although nobody listens to it any more."""

    def next_frame(self) -> trio.Event:
        """Set when the next frame is complete. Bytes alone are no answer: a length that was misread would swallow all that follow."""
        if self._frame is None:
            self._frame = trio.Event()
        return self._frame

    def end_all(self, error: GatewayDisconnected) -> None:
        """End every open request; subscriptions just stop, their owners hear of it as a change of the session."""
        self.requests.end_all(error)
        for subscriptions in self.subscriptions.values():
            subscriptions.open.clear()
        self.account_listener = None

    def connection_lost(self, reason: str | None) -> None:
        """The socket is closed; a reason given earlier, such as error 326, is the better one."""
        if not self.lost.is_set():
            self.reason = reason or self.reason
            self.lost.set()

    def set_silent(self, reason: str | None) -> None:
        """A probe waits for its answer, or has one."""
        self.connectivity.silent = reason
        self.on_change(Effect.NONE)

    def packet_arrived(self) -> None:
        self._arrived = time.time()

    def heard(self) -> None:
        self.heard_at = trio.current_time()
        if self._frame is not None:
            self._frame.set()
            self._frame = None

    def packet_done(self) -> None:
        self._observer.packet_begins()
        try:
            if self._changed:
                # Once a packet, however many notices it brings: each change is told to all symbols, all clients and the log.
                self._changed = False
                self.on_change(Effect.NONE)
            for subscriptions in self.subscriptions.values():
                subscriptions.packet_done(self._arrived)
        finally:
            self._observer.packet_ended()  # here the fan-out writes to the clients

    # market data; these five are by far the most frequent

    def price_tick(self, line_id: int, tick_type: int, price: float, size: float | None) -> None:
        line = self.quotes.open.get(line_id)
        if line is not None:
            self.quotes.touched[line_id] = line
            line.price(tick_type, price, size)

    def tickSize(self, line_id: int, tick_type: int, size: float) -> None:  # noqa: N802  # EWrapper's name
        line = self.quotes.open.get(line_id)
        if line is not None:
            self.quotes.touched[line_id] = line
            line.size(tick_type, size)

    def tickString(self, line_id: int, tick_type: int, text: str) -> None:  # noqa: N802
        line = self.quotes.open.get(line_id)
        if line is not None:
            self.quotes.touched[line_id] = line
            line.text(tick_type, text)

    def tickGeneric(self, line_id: int, tick_type: int, value: float) -> None:  # noqa: N802
        line = self.quotes.open.get(line_id)
        if line is not None:
            self.quotes.touched[line_id] = line
            line.generic(tick_type, value)

    def marketDataType(self, line_id: int, number: int) -> None:  # noqa: N802
        line = self.quotes.open.get(line_id)
        if line is not None:
            self.quotes.touched[line_id] = line
            line.data_type(number)

    def answered(self, answer: Answer, fields: list[str], decode: Callable[[list[str]], Calls]) -> None:
        self.requests.heard(answer, fields, decode)

    # accounts

    def accountSummary(self, _request_id: int, account: str, tag: str, value: str, currency: str) -> None:  # noqa: N802
        if self.account_listener:
            self.account_listener.figure_seen(tag, Figure(value=value, currency=currency, account=account))

    def accountSummaryEnd(self, _request_id: int) -> None:  # noqa: N802
        if self.account_listener:
            self.account_listener.complete("summary")

    def position(self, account: str, contract: Contract, position: float, average_cost: float) -> None:
        if self.account_listener:
            self.account_listener.position_seen(position_of(account, contract, position, average_cost))

    def positionEnd(self) -> None:  # noqa: N802
        if self.account_listener:
            self.account_listener.complete("positions")

    def updatePortfolio(  # noqa: N802
        self,
        contract: Contract,
        _position: float,
        market_price: float,
        market_value: float,
        _average_cost: float,
        unrealized_pnl: float,
        realized_pnl: float,
        account: str,
    ) -> None:
        if self.account_listener:
            self.account_listener.portfolio_seen(
                PortfolioItem(
                    account=account,
                    con_id=contract.conId,
                    market_price=float_or_none(market_price),
                    market_value=float_or_none(market_value),
                    unrealized_pnl=float_or_none(unrealized_pnl),
                    realized_pnl=float_or_none(realized_pnl),
                )
            )

    def unreadable(self, message_id: str) -> None:
        what = _ACCOUNT_ROWS.get(message_id)
        if what is not None and self.account_listener:
            self.account_listener.unreadable(what)

    # errors and notices

    def error(self, request_id: int, code: int, text: str, _advanced: str = "") -> None:
        self._tally.noticed(code, text)
        if code == codes.TOO_FAST:
            self._too_fast(text)
        elif self.requests.failed(request_id, code, text) or any(
            subscriptions.failed(request_id, code, text) for subscriptions in self.subscriptions.values()
        ):
            pass  # its owner has been told
        elif code == codes.CLIENT_ID_IN_USE:
            self.reason_code = code
            self.connection_lost(f"The client id is already in use by another program (326): {text.strip()}")
        else:
            log.info("ib_notice", ib_code=code, text=text.strip(), request_id=request_id)
            self._notice(code, text)

    def _notice(self, code: int, text: str) -> None:
        if code == SOCKET_RESET:
            self.reason = f"The gateway dropped the connection: {text.strip()} ({code})"
        before = self.connectivity.lost, self.connectivity.degraded
        effect, farm = self.connectivity.notice(code, text)
        reason = GatewayDisconnected(f"IB reported: {text.strip()} ({code})")
        for subscriptions in self.subscriptions.values():
            match effect:
                case Effect.INTERRUPT:
                    subscriptions.interrupt(farm, reason)
                case Effect.RESUME:
                    subscriptions.resume(farm)
                case Effect.DATA_LOST:
                    # A request that the gateway had not served by then is cancelled, so that nothing leaks there.
                    for request_id, subscription in subscriptions.abandon().items():
                        self.on_abandoned(request_id, subscription)
                case Effect.NONE:
                    pass
        if self.connectivity.lost:
            self.requests.end_all(reason)
        if effect is Effect.DATA_LOST or before[0] != self.connectivity.lost:
            self.on_change(effect)
        elif before[1] != self.connectivity.degraded:
            self._changed = True

    def _too_fast(self, text: str) -> None:
        """The gateway threw a message away and need not say which: everything that has no answer yet is asked again, by its owner."""
        log.warning("gateway_complains_of_pace", text=text.strip())
        self.on_pacing()
        self.requests.end_all(GatewayTimeout(f"The gateway dropped messages: {text.strip()} (100)"))
        for subscriptions in self.subscriptions.values():
            subscriptions.doubt()


def _ignore(*_arguments: object) -> None:
    """Nobody listens yet."""
