"""TradingView's Universal Data Feed, UDF: how it says what we know. Its charts read it, and those of OpenBB Workspace do.

Source: "UDF" in the documentation of TradingView's Advanced Charts. Names and forms are theirs, errors too: `{"s": "error", "errmsg": …}`.
Pure: nothing is asked here.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

import msgspec

from ibactors.errors import IbactorsError
from ibactors.model.hours import Hours
from ibactors.model.instruments import SecType
from ibactors.model.quotes import Quote
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
_ALWAYS = "24x7"
_WORKDAYS = frozenset({0, 1, 2, 3, 4})
_ALL_DAY = "0000-0000"


class Exchange(Value, frozen=True, kw_only=True):
    """One choice of the search window's filter of exchanges."""

    value: str
    name: str
    desc: str


class SymbolType(Value, frozen=True, kw_only=True):
    """One choice of its filter of kinds; an empty value stands for all."""

    name: str
    value: str


class Config(Value, frozen=True, kw_only=True):
    """What this feed can do."""

    supported_resolutions: tuple[str, ...] = tuple(RESOLUTIONS)
    supports_search: bool = True
    supports_group_request: bool = False
    supports_marks: bool = False
    supports_timescale_marks: bool = False
    supports_time: bool = True
    exchanges: tuple[Exchange, ...] = (Exchange(value="", name="All", desc=""),)
    symbols_types: tuple[SymbolType, ...] = (
        SymbolType(name="All", value=""),
        *(SymbolType(name=name.capitalize(), value=name) for name in dict.fromkeys(KINDS.values())),
    )


class Failure(Value, frozen=True, kw_only=True, tag_field="s", tag="error"):
    """That something is wrong, and what."""

    errmsg: str


class QuoteValues(Value, frozen=True, kw_only=True):
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


class QuoteRow(Value, frozen=True, kw_only=True, omit_defaults=True):
    """One symbol of several: its values, or what is wrong."""

    s: Literal["ok", "error"]
    n: str
    v: QuoteValues | None = None
    errmsg: str = ""


class Quotes(msgspec.Struct, frozen=True, tag_field="s", tag="ok"):
    """Quotes of several symbols, in the order in which they were asked for."""

    d: tuple[QuoteRow, ...]


def failure(error: IbactorsError) -> Failure:
    """One of our errors in their form: the code, by which programs tell it, and what happened."""
    return Failure(errmsg=f"{error.code}: {error}")


def quote_row(name: str, quote: Quote) -> QuoteRow:
    """What a quote is there."""
    change = None if quote.last is None or quote.close is None else quote.last - quote.close
    return QuoteRow(
        s="ok",
        n=name,
        v=QuoteValues(
            ch=None if change is None else round(change, 10),
            chp=None if change is None or not quote.close else round(100 * change / quote.close, 4),
            short_name=quote.symbol,
            exchange=quote.exchange,
            description=quote.symbol,
            lp=quote.last,
            ask=quote.ask,
            bid=quote.bid,
            spread=None if quote.ask is None or quote.bid is None else round(quote.ask - quote.bid, 10),
            open_price=quote.open,
            high_price=quote.high,
            low_price=quote.low,
            prev_close_price=quote.close,
            volume=quote.volume,
        ),
    )


def price_scale(min_tick: float) -> tuple[int, int]:
    """`pricescale` and `minmov`, of which the latter over the former is the smallest step of a price; hundredths where there is none."""
    if not min_tick > 0:
        return 100, 1
    step = Decimal(repr(min_tick)).normalize()
    exponent = step.as_tuple().exponent
    places = max(0, -exponent) if isinstance(exponent, int) else 2
    return 10**places, int(step.scaleb(places))


def session_text(hours: Hours) -> tuple[str, str, str]:
    """`session`, `session_holidays` and `corrections` of the days that are known.

    The session is what most days have, on the days of the week on which something trades; Monday to Friday are taken for such days where
    nothing is known of them. Other days are corrections, days from Monday to Friday without a session are holidays.
    """
    days: dict[date, list[str]] = {}
    for span in hours.spans:
        days.setdefault(span.day, []).append(f"{_clock(span.opens)}-{_clock(span.closes)}")
    texts = {day: ",".join(spans) for day, spans in days.items()}
    if not texts:
        return _ALWAYS, "", ""
    usual = Counter(texts.values()).most_common(1)[0][0]
    weekdays = _WORKDAYS | {day.weekday() for day in texts}
    closed = sorted(day for day in hours.closed if day.weekday() in _WORKDAYS and day not in texts)
    corrections = _corrections((day, text) for day, text in texts.items() if text != usual)
    if usual == _ALL_DAY and len(weekdays) == 7:  # noqa: PLR2004  # days of a week
        return _ALWAYS, "", corrections
    return f"{usual}:{''.join(str(number) for number in sorted((day + 1) % 7 + 1 for day in weekdays))}", _dates(closed), corrections


def _corrections(others: Iterable[tuple[date, str]]) -> str:
    by_text: dict[str, list[date]] = {}
    for day, text in others:
        by_text.setdefault(text, []).append(day)
    return ";".join(f"{text}:{_dates(days)}" for text, days in by_text.items())


def _dates(days: Iterable[date]) -> str:
    return ",".join(f"{day:%Y%m%d}" for day in days)


def _clock(moment: datetime) -> str:
    return f"{moment:%H%M}"
