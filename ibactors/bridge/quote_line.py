"""One market-data line: raw ticks in, the newest quote out.

Each belongs to one request of one session. All ticks of one network packet become one quote.
"""

import math
import time
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Protocol, TypeVar

import msgspec

from ibactors.bridge.contracts import UNSET, float_or_none, to_ib
from ibactors.bridge.generic_ticks import GenericTicks, is_live_only
from ibactors.bridge.subscriptions import Subscription, SubscriptionListener
from ibactors.bridge.wire import GatewayClient
from ibactors.errors import GatewayRefused
from ibactors.model.instruments import ContractInfo, Instrument, SecType, names_of
from ibactors.model.markets import Market, known_until, market_hours
from ibactors.model.quotes import MarketDataType, Quote
from ibactors.model.times import rfc3339

_UNSET_SIZES = frozenset({float(2**31 - 1), float(2**63 - 1), float(2**127 - 1)})
"""The same for sizes: the largest int, long and decimal."""
_LAST_SECOND = 253402300799
"""The end of the year 9999."""

_LIVE_ID = {66: 1, 67: 2, 68: 4, 72: 6, 73: 7, 75: 9, 76: 14, 69: 0, 70: 3, 71: 5, 74: 8, 88: 45, 90: 49}
"""Tick ids of delayed data and the live ids that mean the same."""

Number = float | int
T = TypeVar("T")


def _with_delayed(fields: Mapping[int, T]) -> dict[int, tuple[T, bool]]:
    """What a tick means by its id, and whether the id is one of delayed data; *fields* are by live id."""
    live = {tick_type: (field, False) for tick_type, field in fields.items()}
    return live | {delayed: (fields[tick_type], True) for delayed, tick_type in _LIVE_ID.items() if tick_type in fields}


_PRICES = _with_delayed(
    {1: ("bid", "bid_size"), 2: ("ask", "ask_size"), 4: ("last", "last_size")}
    | {tick_type: (field, None) for tick_type, field in {6: "high", 7: "low", 9: "close", 14: "open"}.items()}
)
"""With each price the size that comes in the same message."""
_SIZES = _with_delayed({0: "bid_size", 3: "ask_size", 5: "last_size", 8: "volume"})
_TEXTS = _with_delayed({45: "last_timestamp"})
_GENERICS = _with_delayed({49: "halted"})
_BLANK = {"halted": None, "last_timestamp": None}
_MISSING = object()
_PROOF_OF_TRADE = 60.0
"""Seconds for which a live bid and ask show that a market trades, whatever its hours."""


class QuoteListener(SubscriptionListener, Protocol):
    """Who hears of a quote line; each method returns at once."""

    def ticked(self, quote: Quote) -> None:
        """The line has a new newest quote."""


def number_or_none(value: float) -> Number | None:
    """A size: never negative, and an int where it is whole."""
    if not math.isfinite(value) or not 0 <= value < UNSET or value in _UNSET_SIZES:
        return None
    return int(value) if value.is_integer() else value


class QuoteLine(Subscription[QuoteListener]):
    """Collects the ticks of one request and tells its listener of changes when a packet is done (messages 1, 2, 45, 46, 58)."""

    __slots__ = (
        *"_arrived _asked _changed _data_type _delayed _generics _hours _identity _is_known".split(),
        *"_lot _no_price _scheduled _span _told _values instrument".split(),
    )

    kind = "quotes"

    def __init__(
        self,
        instrument: Instrument,
        contract: ContractInfo,
        listener: QuoteListener,
        *,
        proven: bool = False,
        caller: str = "",
        fields: AbstractSet[str] = frozenset(),
        plain: bool = False,
    ) -> None:
        exchange = instrument.exchange or contract.exchange
        self.instrument = described(instrument, contract, exchange)
        super().__init__(self.instrument, listener, proven=proven, caller=caller)
        self.origin = origin_of(instrument, contract)
        self._identity = names_of(contract) | {"exchange": exchange, "con_id": contract.con_id, "symbol": contract.symbol}
        self._no_price = (-1.0, 0.0, -contract.price_magnifier)
        """IB's marker is scaled like any other price."""
        self._lot = float(contract.size_multiplier)
        self._hours = market_hours(contract.trading_hours, contract.liquid_hours, contract.time_zone)
        self._scheduled: Market | None = None
        """What the market should be doing, for Unix times in the span; the session calls `turn` when it may be over."""
        self._span = (math.inf, 0.0)
        self._arrived: float | None = None
        """When the values came that the listener knows."""
        self._told: Market | None = None
        self._data_type = MarketDataType.LIVE
        self._is_known = True
        """Whether the gateway has said of what kind the data are in a way that is understood, or nothing yet."""
        self._delayed = False
        self._values: dict[str, object] = dict(_BLANK)
        """By field of `Quote`."""
        self._changed = False
        self._generics = GenericTicks(fields, contract.sec_type, contract.right)
        """What is shown besides."""
        self._asked = "" if plain else self._generics.asked
        """*plain*: IB has refused to send it."""

    def price(self, tick_type: int, price: float, size: float | None) -> None:
        """A price tick (message 1); *size* is None where IB left the field empty."""
        known = _PRICES.get(tick_type)
        if known is None:
            self._changed |= self._shows(tick_type) and self._generics.price(tick_type, price)
            return
        if not self._takes(delayed=known[1]):
            return
        field, size_field = known[0]
        value = float_or_none(price)
        # -1 (and 0) without a size is IB's way to say that there is no such price now, for example outside trading hours.
        if value in self._no_price and not number_or_none(float(size or 0)):
            value = None
        self._set(field, value)
        if size_field is not None and size is not None:
            self._set(size_field, self._shares(size))

    def size(self, tick_type: int, size: float) -> None:
        """A size tick (message 2)."""
        known = _SIZES.get(tick_type)
        if known is None:
            self._changed |= self._shows(tick_type) and self._generics.size(tick_type, size)
        elif self._takes(delayed=known[1]):
            self._set(known[0], self._shares(size))

    def text(self, tick_type: int, text: str) -> None:
        """A string tick (message 46)."""
        known = _TEXTS.get(tick_type)
        if known is None:
            self._changed |= self._shows(tick_type) and self._generics.text(tick_type, text)
        elif text.isascii() and text.isdigit() and 0 < int(text) <= _LAST_SECOND and self._takes(delayed=known[1]):
            self._set(known[0], rfc3339(int(text)))

    def generic(self, tick_type: int, value: float) -> None:
        """A generic tick (message 45): 0 not halted, 1 or 2 halted, -1 or NaN unknown."""
        known = _GENERICS.get(tick_type)
        if known is None:
            self._changed |= self._shows(tick_type) and self._generics.generic(tick_type, value)
        elif self._takes(delayed=known[1]):
            self._set(known[0], value > 0 if value >= 0 else None)
            self._changed |= self._generics.halted(value)

    def data_type(self, number: int) -> None:
        """The kind of data changed (message 58). Live and delayed values are never mixed in one quote.

        A number that stands for no kind, as an unreadable one does, leaves nothing that may be shown until the kind is known.
        """
        kinds = list(MarketDataType)
        if not 1 <= number <= len(kinds):
            self._lose_kind()
            return
        if self._is_known and kinds[number - 1] is self._data_type:
            return
        self._is_known = True
        if kinds[number - 1].is_delayed != self._delayed:
            self._values = {**_BLANK, "halted": self._values["halted"]}
            self._generics.forget()
        self._data_type = kinds[number - 1]
        self._delayed = self._data_type.is_delayed
        self._changed |= len(self._values) > len(_BLANK)

    def _lose_kind(self) -> None:
        self._is_known = False
        self.forget()
        self.listener.interrupted(GatewayRefused("The gateway has said of what kind the data are, in a way that is not understood."))
        self.listener.resumed()  # after a moment its owner opens it anew, and the gateway says it again

    def computation(self, tick_type: int, values: list[float]) -> None:
        """An option computation (message 21)."""
        self._changed |= self._shows(tick_type) and self._generics.computation(tick_type, values)

    def ended(self) -> None:
        """A snapshot is over (message 57); this is none."""

    def request(self, client: GatewayClient, request_id: int) -> None:
        contract = to_ib(self.elsewhere or self.instrument)
        client.reqMktData(request_id, contract, self._asked, snapshot=False, regulatorySnapshot=False, mktDataOptions=[])

    def cancel(self, client: GatewayClient, request_id: int) -> None:
        client.cancelMktData(request_id)

    def forget(self) -> None:
        self._values = dict(_BLANK)
        self._generics.forget()
        self._changed = False
        self._arrived = None

    def packet_done(self, arrived: float) -> None:
        self._served = True
        if self._changed:
            self._changed = False
            self._arrived = arrived
            self._tell(arrived)

    def turn(self, present: float) -> None:
        """Tell the listener if the market has opened or closed by Unix time *present*, though no tick came."""
        begin, end = self._span
        if not begin <= present < end:
            self._scheduled, end = self._hours.at(present) if self._hours else (None, math.inf)
            self._span = (present if self._hours else 0.0, end)
        if self._arrived is not None and self._market(self._arrived) is not self._told:
            self._tell(self._arrived)

    def _market(self, arrived: float) -> Market | None:
        """As scheduled, unless it is seen to trade when it should not: then nobody knows."""
        closed = self._scheduled is Market.CLOSED
        if closed and self._data_type is MarketDataType.LIVE and self._is_quoted and time.time() - arrived < _PROOF_OF_TRADE:
            return None
        return self._scheduled

    @property
    def _is_quoted(self) -> bool:
        return self._values.get("bid") is not None and self._values.get("ask") is not None

    def _tell(self, arrived: float) -> None:
        timestamp = rfc3339(arrived)
        self._told = self._market(arrived)
        self.listener.ticked(
            Quote(
                **self._identity,
                **self._values,  # type: ignore[arg-type]
                market_data_type=self._data_type,
                timestamp=timestamp,
                market=self._told,
                as_of=self._known_until(timestamp),
                fields=self._generics.shown if self._generics else msgspec.UNSET,
            )
        )

    def _known_until(self, arrived: str) -> str | None:
        unquoted = self._values.get("bid") is None and self._values.get("ask") is None
        is_past = self._data_type is not MarketDataType.LIVE or (self._told is None and unquoted)
        if not is_past and self._told is not Market.CLOSED:
            return arrived
        last_trade, last_close = self._values["last_timestamp"], self._hours.last_close(self._span[0]) if self._hours else None
        traded = last_trade if isinstance(last_trade, str) else None
        return known_until(self._told, arrived=arrived, is_past=is_past, last_trade=traded, last_close=last_close)

    def _shares(self, size: float) -> Number | None:
        return number_or_none(size if size in _UNSET_SIZES else size * self._lot)

    def _shows(self, tick_type: int) -> bool:
        """Whether a tick may be one that was asked for besides. Most lines ask for none."""
        return bool(self._generics) and not (self._delayed and is_live_only(tick_type))

    def _set(self, field: str, value: object) -> None:
        if self._values.get(field, _MISSING) != value:
            self._values[field] = value
            self._changed = True

    def _takes(self, *, delayed: bool) -> bool:
        """Whether a tick counts: a live one does not on a line that delivers delayed data."""
        if delayed and not (self._delayed and self._is_known):
            # A gateway need not announce the kind before the first delayed tick; the tick's own id says it.
            self.data_type(MarketDataType.DELAYED.ib_number)
        return self._is_known and (delayed or not self._delayed)


def origin_of(instrument: Instrument, contract: ContractInfo) -> Instrument:
    """Where the data of what was asked for come from: its exchange, and the one that lists it."""
    line = described(instrument, contract, instrument.exchange or contract.exchange)
    return msgspec.structs.replace(line, primary_exchange=contract.primary_exchange or instrument.primary_exchange)


def described(instrument: Instrument, contract: ContractInfo, exchange: str) -> Instrument:
    """What a line is requested with, in IB's own words, so that nothing contradicts the contract id."""
    kinds = {kind.value: kind for kind in SecType}
    return Instrument(
        con_id=contract.con_id,
        symbol=contract.symbol,
        sec_type=kinds.get(contract.sec_type, instrument.sec_type),
        exchange=exchange,
        currency=contract.currency,
        primary_exchange=instrument.primary_exchange,
        expiry="" if contract.sec_type == SecType.BOND else contract.expiry,
        strike=contract.strike,
        right=contract.right,
        legs=instrument.legs,
    )
