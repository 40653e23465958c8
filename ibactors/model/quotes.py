"""Quotes, and what stands in a quote's place while there is none."""

import enum

import msgspec

from ibactors.model.instruments import Named
from ibactors.model.markets import Market
from ibactors.model.quote_fields import QuoteFields


class MarketDataType(enum.StrEnum):
    """What kind of data a line delivers (TWS message 58); the order is IB's numbering from 1."""

    LIVE = "live"
    FROZEN = "frozen"
    DELAYED = "delayed"
    DELAYED_FROZEN = "delayed_frozen"

    @property
    def ib_number(self) -> int:
        """1 to 4, as in reqMarketDataType."""
        return list(MarketDataType).index(self) + 1

    @property
    def is_delayed(self) -> bool:
        """True for data 10 to 20 minutes old."""
        return self in {MarketDataType.DELAYED, MarketDataType.DELAYED_FROZEN}


class Quote(Named, frozen=True, kw_only=True, tag_field="type", tag="quote"):
    """The newest values of one market-data line. Every one of them came in the present session, after any break."""

    symbol: str
    exchange: str
    currency: str
    bid: float | None = None
    ask: float | None = None
    last: float | None = None
    """The last traded price."""
    close: float | None = None
    """The close of the day before."""
    volume: float | int | None = None
    """How much was traded on the day: shares, contracts or units."""
    timestamp: str
    """When the newest of these values arrived from the gateway."""
    open: float | None = None
    """The first price of the day."""
    high: float | None = None
    """The highest price of the day."""
    low: float | None = None
    """The lowest price of the day."""
    bid_size: float | int | None = None
    ask_size: float | int | None = None
    last_size: float | int | None = None
    """How much was traded at `last`."""
    last_timestamp: str | None = None
    """Time of the last trade, to the second, as IB reports it."""
    halted: bool | None = None
    """Whether trading is halted; null where IB does not say."""
    market_data_type: MarketDataType
    con_id: int
    sec_type: str
    market: Market | None = None
    """What the contract's market is doing, by the hours that IB tells of it; null where that is unknown."""
    as_of: str | None = None
    """Up to when the values are known to be current; where they are of the past (closed market, frozen or delayed data), when they were
    last traded. Null where nobody can tell."""
    fields: QuoteFields | msgspec.UnsetType = msgspec.UNSET
    """What was asked for by `fields`; not there if nobody has asked."""

    @property
    def complete(self) -> bool:
        """True when all five values of the first set are there."""
        return None not in (self.bid, self.ask, self.last, self.close, self.volume)


class Stale(Named, frozen=True, kw_only=True, tag_field="type", tag="stale"):
    """An instrument's data stopped; what was shown before must not be taken for current."""

    symbol: str
    code: str
    """Why its data stopped, for programs."""
    reason: str
    """The same in words."""
    since: str
    """From when on what was shown is not current."""
