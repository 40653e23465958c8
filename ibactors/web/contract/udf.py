"""TradingView's Universal Data Feed, UDF: its words. Its charts read it, and those of OpenBB Workspace do.

Source: "UDF" in the documentation of TradingView's Advanced Charts. Names and forms are theirs, errors too: `{"s": "error", "errmsg": …}`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from ibactors.model.instruments import SecType
from ibactors.model.times import Value

RESOLUTIONS: Mapping[str, str] = MappingProxyType(
    {f"{seconds}S": f"{seconds}s" for seconds in (1, 5, 10, 15, 30)}
    | {f"{minutes}": f"{minutes}m" for minutes in (1, 2, 3, 5, 10, 15, 20, 30)}
    | {f"{hours * 60}": f"{hours}h" for hours in (1, 2, 3, 4, 8)}
    | {"1D": "1d", "1W": "1w", "1M": "1mo"}
)
"""The length of a bar by its name there: minutes, or a number and a unit."""
KINDS: Mapping[str, str] = MappingProxyType(
    {
        SecType.STK: "stock",
        SecType.IND: "index",
        SecType.FUT: "futures",
        SecType.CONTFUT: "futures",
        SecType.CASH: "forex",
        SecType.CRYPTO: "crypto",
        SecType.BOND: "bond",
        SecType.CFD: "cfd",
        SecType.FUND: "fund",
        SecType.CMDTY: "commodity",
        SecType.OPT: "option",
        SecType.FOP: "option",
        SecType.WAR: "warrant",
    }
)


class ChartExchange(Value, frozen=True, kw_only=True):
    """One choice of the search window's filter of exchanges."""

    value: str
    name: str
    desc: str


class ChartSymbolType(Value, frozen=True, kw_only=True):
    """One choice of its filter of kinds; an empty value stands for all."""

    name: str
    value: str


class ChartConfig(Value, frozen=True, kw_only=True):
    """What this feed can do."""

    supported_resolutions: tuple[str, ...] = tuple(RESOLUTIONS)
    supports_search: bool = True
    supports_group_request: bool = False
    supports_marks: bool = False
    supports_timescale_marks: bool = False
    supports_time: bool = True
    exchanges: tuple[ChartExchange, ...] = (ChartExchange(value="", name="All", desc=""),)
    symbols_types: tuple[ChartSymbolType, ...] = (
        ChartSymbolType(name="All", value=""),
        *(ChartSymbolType(name=name.capitalize(), value=name) for name in dict.fromkeys(KINDS.values())),
    )


class ChartFailure(Value, frozen=True, kw_only=True, tag_field="s", tag="error"):
    """That something is wrong, and what."""

    errmsg: str


class FoundSymbol(Value, frozen=True, kw_only=True):
    """One match of a search."""

    symbol: str
    full_name: str
    description: str
    exchange: str
    ticker: str
    """What the chart asks for from then on: the contract id, which is never ambiguous."""
    type: str


class ChartSymbol(Value, frozen=True, kw_only=True, tag_field="s", tag="ok"):
    """What a chart must know of an instrument."""

    name: str
    ticker: str
    description: str
    type: str
    exchange: str
    listed_exchange: str
    timezone: str
    session: str
    session_holidays: str
    corrections: str
    pricescale: int
    minmov: int
    currency_code: str
    format: Literal["price"] = "price"
    has_intraday: bool = True
    has_seconds: bool = True
    seconds_multipliers: tuple[str, ...] = ("1", "5", "10", "15", "30")
    has_daily: bool = True
    has_weekly_and_monthly: bool = True
    supported_resolutions: tuple[str, ...] = tuple(RESOLUTIONS)
    volume_precision: int = 0
    data_status: Literal["streaming"] = "streaming"


class ChartHistory(Value, frozen=True, kw_only=True, tag_field="s", tag="ok", omit_defaults=True):
    """Bars by column, oldest first; times in Unix seconds, of a day and longer at midnight UTC of its date."""

    t: tuple[int, ...]
    o: tuple[float, ...]
    h: tuple[float, ...]
    l: tuple[float, ...]  # noqa: E741  # their name
    c: tuple[float, ...]
    v: tuple[float | int, ...] | msgspec.UnsetType = msgspec.UNSET
    """Left out where the kind has no volume, such as currencies."""


class NoChartData(Value, frozen=True, kw_only=True, tag_field="s", tag="no_data"):
    """No bars in the range."""

    next_time: int | msgspec.UnsetType = msgspec.field(name="nextTime", default=msgspec.UNSET)
    """When the newest bar before it begins; left out if there is none."""


class ChartQuoteValues(Value, frozen=True, kw_only=True):
    """The values of a quote, by their names there; null for what is not known."""

    ch: float | None
    """Change since the close before."""
    chp: float | None
    """The same in percent."""
    short_name: str
    exchange: str
    description: str
    lp: float | None
    """The last price."""
    ask: float | None
    bid: float | None
    spread: float | None
    open_price: float | None
    high_price: float | None
    low_price: float | None
    prev_close_price: float | None
    volume: float | int | None


class ChartQuoteRow(Value, frozen=True, kw_only=True, omit_defaults=True):
    """One symbol of several: its values, or what is wrong."""

    s: Literal["ok", "error"]
    n: str
    v: ChartQuoteValues | None = None
    errmsg: str = ""


class ChartQuotes(msgspec.Struct, frozen=True, tag_field="s", tag="ok"):
    """Quotes of several symbols, in the order in which they were asked for."""

    d: tuple[ChartQuoteRow, ...]
