"""One market-data line: raw ticks in, the newest quote out.

The bridge makes a `Line` for each request it sends and feeds it by request id, so that a late tick of a cancelled request, or a value from
before a reconnect, has nowhere to go. All ticks of one network packet become one quote.
"""

import math
from typing import Protocol

from ibactors.errors import IbactorsError
from ibactors.model import ContractInfo, Instrument, MarketDataType, Quote, rfc3339

_UNSET = 1.7e308
"""IB writes DBL_MAX for "no value"."""
_UNSET_SIZES = frozenset({float(2**31 - 1), float(2**63 - 1), float(2**127 - 1)})
"""The same for sizes: the largest int, long and decimal."""
_LAST_SECOND = 253402300799
"""The end of the year 9999."""

_PRICES = {1: "bid", 2: "ask", 4: "last", 6: "high", 7: "low", 9: "close", 14: "open"}
_SIZES = {0: "bid_size", 3: "ask_size", 5: "last_size", 8: "volume"}
_DELAYED = {66: 1, 67: 2, 68: 4, 72: 6, 73: 7, 75: 9, 76: 14, 69: 0, 70: 3, 71: 5, 74: 8, 88: 45, 90: 49}
"""Tick ids of delayed data and the live ids that mean the same."""

_SIZE_OF_PRICE = {1: "bid_size", 2: "ask_size", 4: "last_size"}
_LAST_TIMESTAMP = 45
_HALTED = 49

Number = float | int


class LineListener(Protocol):
    """Who hears of a line; both methods return at once."""

    def ticked(self, quote: Quote) -> None:
        """The line has a new newest quote."""

    def failed(self, error: IbactorsError) -> None:
        """IB sent an error for the line."""

    def interrupted(self, error: IbactorsError) -> None:
        """Data stopped behind the line, which stays open; what came before is not current any more."""

    def resumed(self) -> None:
        """Data should come again on a line that was interrupted."""


def float_or_none(value: float) -> float | None:
    """None for the numbers that IB sends in place of a missing one."""
    return None if math.isnan(value) or abs(value) > _UNSET else value


def number_or_none(value: float) -> Number | None:
    """A size: never negative, and an int where it is whole."""
    if not math.isfinite(value) or not 0 <= value < _UNSET or value in _UNSET_SIZES:
        return None
    return int(value) if value.is_integer() else value


class Line:
    """Collects the ticks of one request and tells its listener of changes when a packet is done."""

    def __init__(self, instrument: Instrument, contract: ContractInfo, listener: LineListener) -> None:
        self.listener = listener
        self.instrument = instrument
        self.ticked = False
        """True once a tick has come: the gateway has served the request."""
        self._interrupted = False
        self._contract = contract
        self._data_type = MarketDataType.LIVE
        self._delayed = False
        self._prices: dict[str, float | None] = {}
        self._sizes: dict[str, Number | None] = {}
        self._halted: bool | None = None
        self._last_timestamp: str | None = None
        self._changed = False

    def price(self, tick_type: int, price: float, size: float | None) -> None:
        """A price tick (message 1); *size* is None where IB left the field empty."""
        live_id = self._live_id(tick_type)
        field = _PRICES.get(live_id or 0)
        if live_id is None or field is None:
            return
        value = float_or_none(price)
        # -1 (and 0) without a size is IB's way to say that there is no such price now, for example outside trading hours.
        if value in {-1.0, 0.0} and not number_or_none(float(size or 0)):
            value = None
        self._set(self._prices, field, value)
        if size is not None and live_id in _SIZE_OF_PRICE:
            self._set(self._sizes, _SIZE_OF_PRICE[live_id], number_or_none(size))

    def size(self, tick_type: int, size: float) -> None:
        """A size tick (message 2)."""
        live_id = self._live_id(tick_type)
        field = None if live_id is None else _SIZES.get(live_id)
        if field is not None:
            self._set(self._sizes, field, number_or_none(size))

    def text(self, tick_type: int, text: str) -> None:
        """A string tick (message 46); only the time of the last trade is of use here."""
        if self._live_id(tick_type) == _LAST_TIMESTAMP and text.isascii() and text.isdigit() and 0 < int(text) <= _LAST_SECOND:
            timestamp = rfc3339(int(text))
            self._changed |= timestamp != self._last_timestamp
            self._last_timestamp = timestamp

    def generic(self, tick_type: int, value: float) -> None:
        """A generic tick (message 45): 0 not halted, 1 or 2 halted, -1 unknown."""
        if self._live_id(tick_type) == _HALTED:
            halted = None if value < 0 else value > 0
            self._changed |= halted != self._halted
            self._halted = halted

    def data_type(self, number: int) -> None:
        """The kind of data changed (message 58). Live and delayed values are never mixed in one quote."""
        kinds = list(MarketDataType)
        if not 1 <= number <= len(kinds) or kinds[number - 1] is self._data_type:
            return
        if kinds[number - 1].is_delayed != self._delayed:
            self._prices.clear()
            self._sizes.clear()
            self._last_timestamp = None
        self._data_type = kinds[number - 1]
        self._delayed = self._data_type.is_delayed
        self._changed |= bool(self._prices or self._sizes)

    def interrupt(self, error: IbactorsError) -> None:
        """Forget all values: they are from before a break."""
        self.forget()
        self._interrupted = True
        self.listener.interrupted(error)

    def doubt(self) -> None:
        """The request may have been thrown away; have its owner look whether ticks come."""
        if not self.ticked:
            self.listener.resumed()

    def resume(self) -> None:
        """The break is over, says IB."""
        if self._interrupted:
            self._interrupted = False
            self.listener.resumed()

    def forget(self) -> None:
        """Show no value again that has not come anew."""
        self._prices.clear()
        self._sizes.clear()
        self._halted = self._last_timestamp = None
        self._changed = False

    def packet_done(self, arrived: float) -> None:
        """Tell the listener, if the packet that arrived at Unix time *arrived* changed anything."""
        self.ticked = True
        if self._changed:
            self._changed = False
            self.listener.ticked(self._quote(arrived))

    def _set(self, values: "dict[str, float | None] | dict[str, Number | None]", field: str, value: Number | None) -> None:
        if field not in values or values[field] != value:
            values[field] = value
            self._changed = True

    def _live_id(self, tick_type: int) -> int | None:
        """The live id that means the same; None for a live tick on a line that delivers delayed data."""
        live = _DELAYED.get(tick_type)
        if live is None:
            return None if self._delayed else tick_type
        if not self._delayed:
            # A gateway need not announce the kind before the first delayed tick; the tick's own id says it.
            self.data_type(MarketDataType.DELAYED.ib_number)
        return live

    def _quote(self, arrived: float) -> Quote:
        prices, sizes = self._prices, self._sizes
        return Quote(
            symbol=self.instrument.symbol,
            exchange=self.instrument.exchange,
            currency=self.instrument.currency,
            sec_type=self._contract.sec_type,
            con_id=self._contract.con_id,
            bid=prices.get("bid"),
            ask=prices.get("ask"),
            last=prices.get("last"),
            close=prices.get("close"),
            open=prices.get("open"),
            high=prices.get("high"),
            low=prices.get("low"),
            volume=sizes.get("volume"),
            bid_size=sizes.get("bid_size"),
            ask_size=sizes.get("ask_size"),
            last_size=sizes.get("last_size"),
            last_timestamp=self._last_timestamp,
            halted=self._halted,
            market_data_type=self._data_type,
            timestamp=rfc3339(arrived),
        )
