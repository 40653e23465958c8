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
    """What a search takes."""
    name: str
    """What is shown."""
    desc: str
    """Shown with it."""


class ChartSymbolType(Value, frozen=True, kw_only=True):
    """One choice of its filter of kinds; an empty value stands for all."""

    name: str
    """What is shown."""
    value: str
    """What a search takes."""


class ChartConfig(Value, frozen=True, kw_only=True):
    """What this feed can do."""

    supported_resolutions: tuple[str, ...] = tuple(RESOLUTIONS)
    """Lengths of bars, by TradingView's names."""
    supports_search: bool = True
    """Whether symbols can be searched."""
    supports_group_request: bool = False
    """Whether symbols come in groups."""
    supports_marks: bool = False
    """Whether there are marks on bars."""
    supports_timescale_marks: bool = False
    """Whether there are marks on the time axis."""
    supports_time: bool = True
    """Whether the feed tells its time."""
    exchanges: tuple[ChartExchange, ...] = (ChartExchange(value="", name="All", desc=""),)
    """Choices of the search."""
    symbols_types: tuple[ChartSymbolType, ...] = (
        ChartSymbolType(name="All", value=""),
        *(ChartSymbolType(name=name.capitalize(), value=name) for name in dict.fromkeys(KINDS.values())),
    )
    """Choices of the search."""


class ChartFailure(Value, frozen=True, kw_only=True, tag_field="s", tag="error"):
    """That something is wrong, and what."""

    errmsg: str
    """In words."""


class FoundSymbol(Value, frozen=True, kw_only=True):
    """One match of a search."""

    symbol: str
    full_name: str
    """With the exchange before it, if that is known."""
    description: str
    """The name of the company, or the symbol."""
    exchange: str
    """IB's name; empty where it is not known."""
    ticker: str
    """What the chart asks for from then on: the contract id, which is never ambiguous."""
    type: str
    """TradingView's kind, such as stock."""


class ChartSymbol(Value, frozen=True, kw_only=True, tag_field="s", tag="ok"):
    """What a chart must know of an instrument."""

    name: str
    """The exchange's symbol, else IB's."""
    ticker: str
    """The contract id."""
    description: str
    """The name of the company, else the symbol."""
    type: str
    """TradingView's kind, such as stock."""
    exchange: str
    """Where it is listed."""
    listed_exchange: str
    """The same."""
    timezone: str
    """Of the session, by TradingView's name."""
    session: str
    """Usual hours, such as 0930-1600:23456, where 1 is Sunday."""
    session_holidays: str
    """Days without hours, yyyymmdd, separated by commas."""
    corrections: str
    """Days with other hours."""
    pricescale: int
    """`minmov` over it is the smallest step of prices."""
    minmov: int
    """See `pricescale`."""
    currency_code: str
    """Three letters, such as USD."""
    format: Literal["price"] = "price"
    """Prices are decimals."""
    has_intraday: bool = True
    """Bars of minutes."""
    has_seconds: bool = True
    """Bars of seconds."""
    seconds_multipliers: tuple[str, ...] = ("1", "5", "10", "15", "30")
    """Those that there are."""
    has_daily: bool = True
    """Bars of days."""
    has_weekly_and_monthly: bool = True
    """Bars of weeks and months."""
    supported_resolutions: tuple[str, ...] = tuple(RESOLUTIONS)
    """Lengths of bars, by TradingView's names."""
    volume_precision: int = 0
    """Decimals of volumes."""
    data_status: Literal["streaming"] = "streaming"
    """TradingView's word for data that go on coming."""


class ChartHistory(Value, frozen=True, kw_only=True, tag_field="s", tag="ok", omit_defaults=True):
    """Bars by column, oldest first; times in Unix seconds, of a day and longer at midnight UTC of its date."""

    t: tuple[int, ...]
    """When each begins."""
    o: tuple[float, ...]
    """First prices."""
    h: tuple[float, ...]
    """Highest prices."""
    l: tuple[float, ...]  # noqa: E741  # their name
    """Lowest prices."""
    c: tuple[float, ...]
    """Last prices."""
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
    """The symbol."""
    exchange: str
    description: str
    """The symbol again."""
    lp: float | None
    """The last price."""
    ask: float | None
    bid: float | None
    spread: float | None
    """`ask` less `bid`."""
    open_price: float | None
    """First of the day."""
    high_price: float | None
    """Highest of the day."""
    low_price: float | None
    """Lowest of the day."""
    prev_close_price: float | None
    """The close of the day before."""
    volume: float | int | None
    """Traded on the day."""


class ChartQuoteRow(Value, frozen=True, kw_only=True, omit_defaults=True):
    """One symbol of several: its values, or what is wrong."""

    s: Literal["ok", "error"]
    """Whether there are values."""
    n: str
    """The symbol as it was asked for."""
    v: ChartQuoteValues | None = None
    """The values; left out with an error."""
    errmsg: str = ""
    """What is wrong, in words."""


class ChartQuotes(msgspec.Struct, frozen=True, tag_field="s", tag="ok"):
    """Quotes of several symbols, in the order in which they were asked for."""

    d: tuple[ChartQuoteRow, ...]
    """One for each symbol."""
