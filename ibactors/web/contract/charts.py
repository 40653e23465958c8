"""What we know, as charts are told it in the words of `udf.py`: symbols, sessions, price steps, bars, quotes. Nothing is asked here."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType

import msgspec

from ibactors.errors import IbactorsError
from ibactors.model.bars import Bar
from ibactors.model.contracts import ContractDetails, FoundContract
from ibactors.model.hours import Hours, parse_hours, zone_of
from ibactors.model.quotes import Quote
from ibactors.web.contract.udf import KINDS, ChartFailure, ChartHistory, ChartQuoteRow, ChartQuoteValues, ChartSymbol, FoundSymbol

_AROUND_THE_CLOCK = frozenset({"FUT", "CONTFUT", "FOP", "CASH", "CRYPTO", "CMDTY"})
_TIMEZONES: Mapping[str, str] = MappingProxyType(
    {
        "US/Eastern": "America/New_York",
        "US/Central": "America/Chicago",
        "US/Mountain": "America/Denver",
        "US/Pacific": "America/Los_Angeles",
        "Canada/Eastern": "America/Toronto",
        "GB": "Europe/London",
        "GB-Eire": "Europe/London",
        "Japan": "Asia/Tokyo",
        "Hongkong": "Asia/Hong_Kong",
        "PRC": "Asia/Shanghai",
        "Israel": "Asia/Jerusalem",
        "UTC": "Etc/UTC",
    }
)
"""Zones by old names, which charts do not know."""
_ALWAYS = "24x7"
_WORKDAYS = frozenset({0, 1, 2, 3, 4})
_ALL_DAY = "0000-0000"


def failure(error: IbactorsError) -> ChartFailure:
    """One of our errors in their form: the code, by which programs tell it, and what happened."""
    return ChartFailure(errmsg=f"{error.code}: {error}")


def quote_row(name: str, quote: Quote) -> ChartQuoteRow:
    """What a quote is there."""
    change = None if quote.last is None or quote.close is None else quote.last - quote.close
    return ChartQuoteRow(
        s="ok",
        n=name,
        v=ChartQuoteValues(
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


def symbol_info(contract: ContractDetails) -> ChartSymbol:
    """What a contract is there. Raises ValueError for hours that cannot be read."""
    zone = contract.time_zone or "UTC"
    session, holidays, corrections = session_text(parse_hours(hours_text(contract), zone))
    pricescale, minmov = price_scale(contract.min_tick)
    listed = contract.primary_exchange or contract.exchange
    return ChartSymbol(
        name=contract.local_symbol or contract.symbol,
        ticker=str(contract.con_id),
        description=contract.long_name or contract.local_symbol or contract.symbol,
        type=KINDS.get(contract.sec_type, ""),
        exchange=listed,
        listed_exchange=listed,
        timezone=_TIMEZONES.get(key := zone_of(zone).key, key),
        session=session,
        session_holidays=holidays,
        corrections=corrections,
        pricescale=pricescale,
        minmov=minmov,
        currency_code=contract.currency,
    )


def search_row(found: FoundContract) -> FoundSymbol:
    """One row of a search there."""
    symbol, exchange = found.symbol or "", found.primary_exchange or ""
    return FoundSymbol(
        symbol=symbol,
        full_name=f"{exchange}:{symbol}" if exchange else symbol,
        description=found.description or symbol,
        exchange=exchange,
        ticker=str(found.con_id),
        type=KINDS.get(found.sec_type, ""),
    )


def has_regular_hours(sec_type: str) -> bool:
    """Whether charts of a kind show regular hours alone; the others trade around the clock and are shown so."""
    return sec_type not in _AROUND_THE_CLOCK


def hours_text(contract: ContractDetails) -> str:
    """The hours that its charts show."""
    return contract.liquid_hours if has_regular_hours(contract.sec_type) else contract.trading_hours


def history(bars: Iterable[Bar]) -> ChartHistory:
    """Bars there, which must come oldest first."""
    rows = tuple(bars)
    has_volume = any(bar.volume is not None for bar in rows)
    return ChartHistory(
        t=tuple(bar.at for bar in rows),
        o=tuple(bar.open for bar in rows),
        h=tuple(bar.high for bar in rows),
        l=tuple(bar.low for bar in rows),
        c=tuple(bar.close for bar in rows),
        v=tuple(bar.volume or 0 for bar in rows) if has_volume else msgspec.UNSET,
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
