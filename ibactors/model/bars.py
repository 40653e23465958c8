"""The past of an instrument as values: bars, ticks, sessions; and the words by which callers ask for them."""

import enum
from typing import Literal

from ibactors.model.instruments import Named
from ibactors.model.times import Value, rfc3339

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


QUOTED = frozenset({"CASH", "CMDTY", "CFD"})
"""Kinds of instrument that have quotes alone: IB keeps no trades of them."""


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
    """Of a trade or a midpoint."""
    size: Number | None = None
    """Of a trade: shares, contracts or units."""
    bid: float | None = None
    ask: float | None = None
    bid_size: Number | None = None
    ask_size: Number | None = None
    exchange: str | None = None
    conditions: str | None = None
    """IB's letters, such as `I` for an odd lot."""
    past_limit: bool | None = None
    """IB's pastLimit of a trade."""
    unreported: bool | None = None
    """Of a trade that is not reported to the tape, such as an odd lot (IB's unreported)."""
    bid_past_low: bool | None = None
    """Whether the bid is below the day's low."""
    ask_past_high: bool | None = None
    """Whether the ask is above the day's high."""


class Session(Value, frozen=True, kw_only=True):
    """One session of an exchange, in Unix seconds."""

    date: str
    """The day that it belongs to, `2026-11-27`; it may have begun the evening before."""
    opens: int
    closes: int


class PriceLevel(Value, frozen=True, kw_only=True):
    """How much was traded at a price."""

    price: float
    """At which it was traded."""
    size: Number
    """How much was traded there, by IB's count."""


class LiveBar(Named, frozen=True, kw_only=True, tag_field="type", tag="bar"):
    """A bar of a series as it is now, or for good."""

    bar: BarSize
    what: What
    rth: bool
    t: str
    """When it begins, in UTC; a date for bars of a day and longer."""
    o: float
    """The first price."""
    h: float
    """The highest price."""
    l: float  # noqa: E741  # as every chart has it
    """The lowest price."""
    c: float
    """The last price: so far, unless the bar is final."""
    v: Number | None
    """Null, as the next two, where there is none: quotes, midpoints and currencies."""
    vwap: float | None
    """The average price, weighted by volume."""
    n: int | None
    """Trades."""
    final: bool
    """Whether it is over. Each bar is told as final once, and not at all after that."""
    backfill: bool
    """Whether it came from history, because IB's updates did not show its end: then later ones may have been told before it."""
    sequence: int
    """Counts the messages of the series."""
    timestamp: str
    """When it arrived from the gateway."""


class BarsStale(Named, frozen=True, kw_only=True, tag_field="type", tag="stale"):
    """A series of bars stopped: the forming bar must not be taken for current. What is missed comes as `backfill`, or is a `gap`."""

    channel: Literal["bars"] = "bars"
    bar: BarSize
    what: What
    rth: bool
    code: str
    """Why its data stopped, for programs."""
    reason: str
    """The same in words."""
    since: str
    """From when on what was shown is not current."""
    sequence: int
    """Counts the messages of the series."""
    timestamp: str
    """When it was told."""


def bar_time(at: int, size: BarSize) -> str:
    """When a bar begins, as text: a date for those of a day and longer."""
    return rfc3339(at)[:10] if size in DATED else rfc3339(at)


DATED = frozenset({BarSize.D1, BarSize.W1, BarSize.MO1})
"""Sizes whose bars have a date and no time."""
