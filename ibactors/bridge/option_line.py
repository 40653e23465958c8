"""A market-data line that is opened for one look at an option: its quote, what the model makes of it, its open interest.

IB has two ways. A snapshot takes one message and ends by itself, but brings no open interest. A stream brings it, with the generic tick
101, and must be cancelled: twice the messages, which is what a chain of hundreds of options waits for.
"""

from collections.abc import Set as AbstractSet
from typing import Protocol

import msgspec

from ibactors.bridge.computations import DELAYED_MODEL, LIVE_MODEL, calculation
from ibactors.bridge.contracts import to_ib
from ibactors.bridge.quote_line import Number, QuoteLine, number_or_none
from ibactors.bridge.subscriptions import Subscription, SubscriptionListener
from ibactors.bridge.wire import GatewayClient
from ibactors.errors import IbactorsError
from ibactors.model.contracts import OptionCalculation, OptionLeg
from ibactors.model.instruments import ContractInfo, Instrument
from ibactors.model.quotes import Quote
from ibactors.model.times import rfc3339

_OPEN_INTEREST_TICK = "101"
_OPEN_CALLS, _OPEN_PUTS = 27, 28
OPEN_INTEREST = "open interest"
_BID, _ASK, _MODEL = "bid", "ask", "model"
_ANSWERS = {1: _BID, 66: _BID, 2: _ASK, 67: _ASK}
_SHOWN = ("bid", "ask", "last", "close", "bid_size", "ask_size", "volume")


class LegListener(SubscriptionListener, Protocol):
    """Who hears of one look; each method returns at once."""

    def looked(self, leg: OptionLeg, missing: AbstractSet[str]) -> None:
        """What there is by now, and what may still come."""

    def ended(self) -> None:
        """IB has ended it, so that nothing is to be cancelled."""


class _Newest:
    """Keeps the newest quote of the line inside."""

    def __init__(self) -> None:
        self.quote: Quote | None = None

    def ticked(self, quote: Quote) -> None:
        self.quote = quote

    def failed(self, _error: IbactorsError) -> None:
        """The line outside hears of it."""

    def interrupted(self, _error: IbactorsError) -> None:
        """It is not known any more of what kind the data are."""
        self.quote = None

    def resumed(self) -> None:
        """The line outside hears of it."""


class OptionLine(Subscription[LegListener]):
    """One look at one option (messages 1, 2, 21, 45, 46, 57, 58). That there is no such price is an answer too."""

    kind = "chains"

    def __init__(self, contract: ContractInfo, listener: LegListener, *, greeks: bool, open_interest: bool, caller: str = "") -> None:
        instrument = Instrument.of_id(contract.con_id, contract.exchange)
        self._newest = _Newest()
        self._quotes = QuoteLine(instrument, contract, self._newest)
        super().__init__(self._quotes.origin, listener, caller=caller)
        self._contract = to_ib(instrument)
        self._blank = OptionLeg(con_id=contract.con_id, local_symbol=contract.local_symbol)
        self._interest_type = _OPEN_CALLS if contract.right == "C" else _OPEN_PUTS
        self._streams = open_interest
        self._awaited = {_BID, _ASK} | ({_MODEL} if greeks else set()) | ({OPEN_INTEREST} if open_interest else set())
        self._computed: dict[bool, OptionCalculation] = {}
        """What the model says, by whether it is from delayed data."""
        self._open_interest: Number | None = None
        self._ended = False

    def price(self, tick_type: int, price: float, size: float | None) -> None:
        """A price tick (message 1)."""
        self._quotes.price(tick_type, price, size)
        self._awaited.discard(_ANSWERS.get(tick_type, ""))

    def size(self, tick_type: int, size: float) -> None:
        """A size tick (message 2)."""
        if tick_type == self._interest_type:
            self._open_interest = number_or_none(size)
            self._awaited.discard(OPEN_INTEREST)
        else:
            self._quotes.size(tick_type, size)

    def text(self, tick_type: int, text: str) -> None:
        """A string tick (message 46)."""
        self._quotes.text(tick_type, text)

    def generic(self, tick_type: int, value: float) -> None:
        """A generic tick (message 45)."""
        self._quotes.generic(tick_type, value)

    def data_type(self, number: int) -> None:
        """The kind of data (message 58)."""
        self._quotes.data_type(number)

    def computation(self, tick_type: int, values: list[float]) -> None:
        """An option computation (message 21); only the model's counts."""
        if tick_type in (LIVE_MODEL, DELAYED_MODEL):
            self._computed[tick_type == DELAYED_MODEL] = calculation(values)
            self._awaited.discard(_MODEL)

    def turn(self, present: float) -> None:
        """Its market may open or close; a look is over by then."""

    def ended(self) -> None:
        """The snapshot is over (message 57)."""
        self._ended = True

    def request(self, client: GatewayClient, request_id: int) -> None:
        generic = _OPEN_INTEREST_TICK if self._streams else ""
        client.reqMktData(request_id, self._contract, generic, snapshot=not self._streams, regulatorySnapshot=False, mktDataOptions=[])

    def cancel(self, client: GatewayClient, request_id: int) -> None:
        client.cancelMktData(request_id)

    @property
    def ends_by_itself(self) -> bool:
        """Whether IB ends it when it has sent all, or after 11 s."""
        return not self._streams

    def forget(self) -> None:
        self._quotes.forget()
        self._newest.quote, self._computed, self._open_interest = None, {}, None

    def packet_done(self, arrived: float) -> None:
        self._served = True
        self._quotes.packet_done(arrived)
        self.listener.looked(self._leg(arrived), frozenset() if self._ended else self._awaited)
        if self._ended:
            self.listener.ended()

    def _leg(self, arrived: float) -> OptionLeg:
        """What is known; live and delayed values are never mixed."""
        quote = self._newest.quote
        shown = {} if quote is None else {name: getattr(quote, name) for name in _SHOWN}
        found = self._computed.get(quote.market_data_type.is_delayed) if quote else next(iter(self._computed.values()), None)
        if found is not None:
            shown |= {name: getattr(found, name) for name in ("implied_volatility", "delta", "gamma", "theta", "vega", "underlying_price")}
            shown["model_price"] = found.option_price
        if self._open_interest is not None:
            shown["open_interest"] = self._open_interest
        if all(value is None for value in shown.values()):
            return self._blank
        kind = quote.market_data_type.value if quote else None
        return msgspec.structs.replace(self._blank, market_data_type=kind, timestamp=rfc3339(arrived), **shown)
