"""Where answers of the gateway arrive: each is routed to the subscription, the request or the listener it belongs to.

The methods have the names and parameters of IB's EWrapper, because ib_async's decoder calls them by name. They run in the step that has
read a network packet, and none of them waits.
"""

import math
import time
from collections.abc import Callable
from typing import Any, Protocol

import structlog
import trio

from ibactors.bridge import codes
from ibactors.bridge.accounts import AccountInbox
from ibactors.bridge.answers import ANSWERS, OPEN_ORDERS, Answer
from ibactors.bridge.connectivity import SOCKET_RESET, Connectivity, Effect
from ibactors.bridge.decoder import NO_KIND
from ibactors.bridge.evidence_log import EvidenceLog
from ibactors.bridge.listener import Calls
from ibactors.bridge.option_line import OptionLine
from ibactors.bridge.quote_line import QuoteLine
from ibactors.bridge.requests import Requests
from ibactors.bridge.subscriptions import FedSubscription, Subscription, Subscriptions
from ibactors.bridge.tally import GatewayTally
from ibactors.bridge.texts import LONGEST_NAME, shown
from ibactors.bridge.vigil import Vigil
from ibactors.errors import ContractNotFound, GatewayDisconnected, GatewayTimeout, IbactorsError
from ibactors.orders.codes import is_read_only
from ibactors.orders.placing import is_order_id

log = structlog.get_logger(__name__)

CLOSED = "The gateway closed the connection."
"""The same for every way to find that out: the end of the stream, a reset, a broken pipe."""
SETTLING = 5.0
"""Seconds from the beginning of a session, or from a notice in bad times, in which a gateway may refuse what it will have again."""
_CURRENT_TIME = 49
_DATA_TYPE = "58"


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
        self.quotes: Subscriptions[QuoteLine | OptionLine] = Subscriptions()
        self.feeds: Subscriptions[FedSubscription[Any]] = Subscriptions()
        self.subscriptions: dict[type[Subscription[Any]], Subscriptions[Any]] = {QuoteLine: self.quotes, FedSubscription: self.feeds}
        """By kind."""
        self.requests = Requests()
        self.orders = EvidenceLog(self.connection_lost)
        self._grown_at = trio.current_time() + SETTLING
        """Until then a refusal of what was had in a session before is not believed."""
        self._settled_at = -math.inf
        """Nor until then, one of what was had in this one."""
        self.lost = trio.Event()
        self.reason = CLOSED
        self.reason_code: int | None = None
        self.client_id: int | None = None
        self.connectivity = Connectivity()
        self._changed = False
        """Whether what is degraded has changed in this packet."""
        self.vigil = Vigil(self.connectivity)
        self.vigil.changed = lambda: self.on_change(Effect.NONE)
        self.accounts = AccountInbox(self.vigil)
        # ib_async's decoder looks these up here, by name.
        self.accountSummary = self.accounts.accountSummary
        self.accountSummaryEnd = self.accounts.accountSummaryEnd
        self.position = self.accounts.position
        self.positionEnd = self.accounts.positionEnd
        self.accountDownloadEnd = self.accounts.accountDownloadEnd
        self.updatePortfolio = self.accounts.updatePortfolio
        self.on_change: Callable[[Effect], None] = _ignore
        """Called when a notice changed `connectivity`."""
        self.on_pacing: Callable[[], None] = _ignore
        """Called when the gateway complained about too many messages."""
        self.on_abandoned: Callable[[int, Subscription[Any]], None] = _ignore
        """Called with a subscription and its id that the gateway may hold although nobody listens to it any more."""
        self.on_rerouted: Callable[[int, Subscription[Any]], None] = _ignore
        """Called with a subscription and its id that is to be requested elsewhere."""

    def of_kind(self, subscription: Subscription[Any]) -> Subscriptions[Any]:
        """The open ones of its kind. All market-data lines are in one table, as a tick does not say what kind of line it is for."""
        if isinstance(subscription, OptionLine):
            return self.quotes
        return next(opened for kind, opened in self.subscriptions.items() if isinstance(subscription, kind))

    def end_all(self, error: GatewayDisconnected) -> None:
        """End every open request; subscriptions just stop, their owners hear of it as a change of the session."""
        self.requests.end_all(error)
        for subscriptions in self.subscriptions.values():
            subscriptions.open.clear()
        self.accounts.listener = None

    def connection_lost(self, reason: str | None) -> None:
        """The socket is closed; a reason given earlier, such as error 326, is the better one."""
        if not self.lost.is_set():
            self.reason = reason or self.reason
            self.lost.set()

    def packet_arrived(self) -> None:
        self.vigil.packet_arrived()

    def heard(self) -> None:
        self.vigil.heard()

    def beat(self) -> None:
        """A moment has passed, whether or not anything came."""
        self.turn_markets()
        self.feeds.beat()

    def turn_markets(self) -> None:
        """Markets open and close, though no tick tells it."""
        present = time.time() + self.vigil.clock_ahead
        for line in tuple(self.quotes.open.values()):
            line.turn(present)

    def time_asked(self) -> None:
        self.vigil.asked()

    def packet_done(self) -> None:
        self._observer.packet_begins()
        try:
            if self._changed:
                # Once a packet, however many notices it brings: each change is told to all symbols, all clients and the log.
                self._changed = False
                self.on_change(Effect.NONE)
            for subscriptions in self.subscriptions.values():
                subscriptions.packet_done(self.vigil.arrival)
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

    def computation(self, line_id: int, tick_type: int, values: list[float]) -> None:
        line = self.quotes.open.get(line_id)
        if line is not None:
            self.quotes.touched[line_id] = line
            line.computation(tick_type, values)

    def rerouteMktDataReq(self, line_id: int, con_id: int, exchange: str) -> None:  # noqa: N802
        self._reroute(self.quotes, line_id, con_id, exchange)

    def rerouteMktDepthReq(self, line_id: int, con_id: int, exchange: str) -> None:  # noqa: N802
        self._reroute(self.feeds, line_id, con_id, exchange)

    def _reroute(self, subscriptions: Subscriptions[Any], line_id: int, con_id: int, exchange: str) -> None:
        """The gateway has not taken the request; its id is used again, so that whoever closes it knows it."""
        subscription = subscriptions.open.get(line_id)
        if subscription is None or subscription.closing is not None:
            return
        if 0 < con_id < 2**31 and subscription.reroute(con_id, shown(exchange, LONGEST_NAME)):
            self.on_rerouted(line_id, subscription)

    def tickSnapshotEnd(self, line_id: int) -> None:  # noqa: N802
        """The gateway has ended the line, so that nothing is to be cancelled."""
        line = self.quotes.open.pop(line_id, None)
        if line is not None:
            self.quotes.touched[line_id] = line
            line.ended()

    def answered(self, answer: Answer, fields: list[str], decode: Callable[[list[str]], Calls]) -> None:
        self.requests.heard(answer, fields, decode)
        if answer is ANSWERS[_CURRENT_TIME]:
            self.vigil.answered(fields[-1])

    def order_frame(self, fields: list[str], decode: Callable[[list[str]], Calls]) -> None:
        self.orders.heard(fields, decode, listed=self.requests.is_open(OPEN_ORDERS))

    def feed(self, request_id: int, fields: list[str]) -> bool:
        feed = self.feeds.open.get(request_id)
        if feed is not None:
            self.feeds.touched[request_id] = feed
            feed.feed(fields)
        return feed is not None

    def feed_all(self, fields: list[str]) -> None:
        for request_id, feed in tuple(self.feeds.open.items()):
            if feed.unnumbered == fields[0]:
                self.feed(request_id, fields)

    def unreadable(self, message_id: str) -> None:
        self.accounts.unreadable(message_id)
        if message_id == _DATA_TYPE:
            for line_id in tuple(self.quotes.open):  # of whichever it was said
                self.marketDataType(line_id, NO_KIND)

    # errors and notices

    def error(self, request_id: int, code: int, text: str, _advanced: str = "") -> None:
        is_news = self._tally.noticed(code, text)
        if is_read_only(code, text):
            self.orders.read_only = shown(text)
        if is_order_id(request_id):
            self.orders.error(request_id, self.client_id or 0, code, text)
        if code == codes.TOO_FAST:
            self._too_fast(text)
        elif is_order_id(request_id):
            log.info("ib_order_notice", ib_code=code, text=text.strip(), ib_order_id=request_id)
        elif self.requests.failed(request_id, code, text, self.connectivity.trouble) or any(
            subscriptions.failed(request_id, code, text, self._trouble_of) for subscriptions in self.subscriptions.values()
        ):
            pass  # its owner has been told
        elif self.accounts.refuses(request_id, code, text, self.connectivity.trouble):
            pass
        elif code == codes.CLIENT_ID_IN_USE:
            self.reason_code = code
            self.connection_lost(
                f"The client id {self.client_id} is already in use by another program (326): {text.strip()} Set IBACTORS_CLIENT_ID to a "
                "number that no other program has, or IBACTORS_CLIENT_IDS above 1 to have the next ones tried."
            )
        else:
            if is_news:
                log.info("ib_notice", ib_code=code, text=text.strip(), request_id=request_id)
            self._notice(code, text)

    def _notice(self, code: int, text: str) -> None:
        if code == SOCKET_RESET:
            self.reason = f"The gateway dropped the connection: {text.strip()} ({code})"
        before = self.connectivity.lost, self.connectivity.degraded
        if self.connectivity.trouble:
            self._settled_at = trio.current_time() + SETTLING
        effect, farm = self.connectivity.notice(code, text)
        reason = GatewayDisconnected(f"IB reported: {text.strip()} ({code})")
        for subscriptions in self.subscriptions.values():
            match effect:
                case Effect.INTERRUPT:
                    subscriptions.interrupt(farm, reason)
                case Effect.RESUME:
                    subscriptions.resume(farm, self.connectivity.interrupts)
                case Effect.DATA_LOST:
                    # What the gateway may hold, such as a request that it had not served by then, is cancelled: nothing leaks there.
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

    def _trouble_of(self, subscription: Subscription[Any], error: IbactorsError) -> str | None:
        """Why IB's refusal of a subscription is not believed; None if it is."""
        present = trio.current_time()
        if (subscription.inherited and present < self._grown_at) or (subscription.proven and present < self._settled_at):
            return f"IB had it before, and the session is younger than {SETTLING:g} s, or was interrupted since."
        if isinstance(error, ContractNotFound):
            return self.connectivity.trouble  # it was found before, and a search would not be believed now either
        return self.connectivity.trouble_for(subscription.origin)

    def _too_fast(self, text: str) -> None:
        """The gateway threw a message away and need not say which: everything that has no answer yet is asked again, by its owner."""
        log.warning("gateway_complains_of_pace", text=text.strip())
        self.on_pacing()
        self.requests.end_all(GatewayTimeout(f"The gateway dropped messages: {text.strip()} (100)"))
        for subscriptions in self.subscriptions.values():
            subscriptions.doubt()


def _ignore(*_arguments: object) -> None:
    """Nobody listens yet."""
