"""When an instrument trades: the hours that contractData (10) prints, and the sessions behind history and halts.

A session is a pair of moments. One that opens later on the clock than it closes began on the evening before,
so Monday's session of a future opens on Sunday. Holidays and early closes are those of the instrument's calendar.
"""

import datetime as dt
import functools
from collections.abc import Iterator

from ibactors.sim.market.holidays import Calendar, early_close, is_trading_day
from ibactors.sim.market.instruments import TradingHours
from ibactors.sim.wire.datetimes import zone

_DAYS = 6
_SUNDAY = 6
# No session lies further back than a long weekend.
_LOOK_DAYS = 6
_CALENDARS = {TradingHours.CME_INDEX: Calendar.CME, TradingHours.FOREX: Calendar.FOREX, TradingHours.CRYPTO: Calendar.ALWAYS}
# A half day of New York on the clocks of Chicago.
_HALF_DAYS = {TradingHours.US_INDEX: "1200"}
# When the long hours of a stock end on a day on which the regular ones end at 1300.
_LATE_CLOSE = "1700"

Span = tuple[dt.datetime, dt.datetime]


@functools.lru_cache(maxsize=256)
def trading_and_liquid_hours(hours: TradingHours, today: dt.date, last: dt.date | None = None) -> tuple[str, str]:
    """The two hour fields of contractData for six days from `today`; `last` is the day on which a contract expires."""
    return _week(hours, today, last, regular=False), _week(hours, today, last, regular=True)


@functools.lru_cache(maxsize=16384)
def span(hours: TradingHours, zone_name: str, day: dt.date, *, regular: bool) -> Span | None:
    """The session that ends on `day`, None on a weekend or a holiday."""
    clocks = _clocks(hours, day, regular=regular)
    if clocks is None:
        return None
    opens, closes = clocks
    opening_day = day - dt.timedelta(days=1) if opens > closes else day
    return _at(opening_day, opens, zone_name), _at(day, closes, zone_name)


def spans(hours: TradingHours, zone_name: str, start: dt.datetime, end: dt.datetime, *, regular: bool) -> Iterator[tuple[dt.date, Span]]:
    """Every session that has any time in common with [start, end), with the day it belongs to, oldest first."""
    day, last = start.date() - dt.timedelta(days=1), end.date() + dt.timedelta(days=1)
    while day <= last:
        found = span(hours, zone_name, day, regular=regular)
        if found is not None and found[0] < end and found[1] > start:
            yield day, found
        day += dt.timedelta(days=1)


def is_open(hours: TradingHours, zone_name: str, now: dt.datetime) -> bool:
    """Whether the instrument trades at a moment, the hours before and after the regular ones included."""
    return any(True for _ in spans(hours, zone_name, now, now + dt.timedelta(microseconds=1), regular=False))


def last_open(hours: TradingHours, zone_name: str, now: dt.datetime) -> dt.datetime:
    """The last moment at which the instrument traded: now, or the end of its last session."""
    [(_, (_, closed))] = days_back(hours, zone_name, now, 1, regular=False)
    return min(now, closed)


def days_back(hours: TradingHours, zone_name: str, end: dt.datetime, count: int, *, regular: bool) -> list[tuple[dt.date, Span]]:
    """The last `count` sessions that began before `end`, oldest first."""
    # A year has about 252 sessions; the calendar of a year is known to the last holiday, so one look suffices.
    start = end - dt.timedelta(days=_LOOK_DAYS + count * 1.5)
    return list(spans(hours, zone_name, start, end, regular=regular))[-count:]


def _at(day: dt.date, clock: str, zone_name: str) -> dt.datetime:
    time = dt.time(int(clock[:2]), int(clock[2:]))
    return dt.datetime.combine(day, time, zone(zone_name)).astimezone(dt.UTC)


def _clocks(hours: TradingHours, day: dt.date, *, regular: bool) -> tuple[str, str] | None:
    """When the session of a day opens and closes on the exchange's clock; None when it does not."""
    calendar = _CALENDARS.get(hours, Calendar.NYSE)
    if not is_trading_day(calendar, day):
        return None
    opens, closes = hours.value[:2] if regular else hours.value[2:]
    early = early_close(calendar, day)
    if early is None:
        return opens, closes
    # After a half day there are still some hours of late trading in what has such hours.
    return opens, _LATE_CLOSE if closes > hours.value[1] else min(_HALF_DAYS.get(hours, early), closes)


def _week(hours: TradingHours, today: dt.date, last: dt.date | None, *, regular: bool) -> str:
    opens, closes = hours.value[:2] if regular else hours.value[2:]
    days = [today + dt.timedelta(days=n) for n in range(_DAYS)]
    if opens > closes:
        # Monday's session opens on Sunday evening, so Sunday is no closed day.
        days = [d for d in days if d.weekday() != _SUNDAY]
    return ";".join(_day(hours, day, regular=regular) for day in days if last is None or day <= last)


def _day(hours: TradingHours, day: dt.date, *, regular: bool) -> str:
    clocks = _clocks(hours, day, regular=regular)
    if clocks is None:
        return f"{day:%Y%m%d}:CLOSED"
    opens, closes = clocks
    opening_day = day - dt.timedelta(days=1) if opens > closes else day
    return f"{opening_day:%Y%m%d}:{opens}-{day:%Y%m%d}:{closes}"
