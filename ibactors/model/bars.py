"""The past of an instrument as values: bars, ticks, sessions; and the words by which callers ask for them."""

import enum

from ibactors.model.times import Value

Number = float | int


class BarSize(enum.StrEnum):
    """How long a bar is."""

    S1 = "1s"
    S5 = "5s"
    S10 = "10s"
    S15 = "15s"
    S30 = "30s"
    M1 = "1m"
    M2 = "2m"
    M3 = "3m"
    M5 = "5m"
    M10 = "10m"
    M15 = "15m"
    M20 = "20m"
    M30 = "30m"
    H1 = "1h"
    H2 = "2h"
    H3 = "3h"
    H4 = "4h"
    H8 = "8h"
    D1 = "1d"
    W1 = "1w"
    MO1 = "1mo"


class What(enum.StrEnum):
    """What a bar is made of; IB's whatToShow in lower case."""

    TRADES = "trades"
    MIDPOINT = "midpoint"
    BID = "bid"
    ASK = "ask"
    BID_ASK = "bid_ask"
    ADJUSTED_LAST = "adjusted_last"
    HISTORICAL_VOLATILITY = "historical_volatility"
    OPTION_IMPLIED_VOLATILITY = "option_implied_volatility"


class TickKind(enum.StrEnum):
    """What a past tick is."""

    TRADES = "trades"
    BID_ASK = "bid_ask"
    MIDPOINT = "midpoint"


class Bar(Value, frozen=True, kw_only=True, gc=False):
    """One bar as IB sent it."""

    at: int
    """When it begins, in Unix seconds; midnight UTC of its date for one of a day and longer."""
    open: float
    high: float
    low: float
    close: float
    volume: Number | None
    """None, like the two that follow, where its kind has none."""
    vwap: float | None
    count: int | None


class Tick(Value, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One past tick; it has the members of its kind."""

    t: str
    """The second in which it was."""
    price: float | None = None
    size: Number | None = None
    bid: float | None = None
    ask: float | None = None
    bid_size: Number | None = None
    ask_size: Number | None = None
    exchange: str | None = None
    conditions: str | None = None
    """IB's letters, such as `I` for an odd lot."""
    past_limit: bool | None = None
    unreported: bool | None = None
    bid_past_low: bool | None = None
    ask_past_high: bool | None = None


class Session(Value, frozen=True, kw_only=True):
    """One session of an exchange, in Unix seconds."""

    date: str
    """The day that it belongs to, `2026-11-27`; it may have begun the evening before."""
    opens: int
    closes: int


class PriceLevel(Value, frozen=True, kw_only=True):
    """How much was traded at a price."""

    price: float
    size: Number
