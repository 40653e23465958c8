"""When an instrument trades: the hours that contractData (10) prints, and the sessions behind history and halts.

A session is a pair of moments. One that opens later on the clock than it closes began on the evening before, so Monday's session of a
future opens on Sunday. Holidays are not simulated: every weekday is a trading day.
"""

import datetime as dt
import functools
from collections.abc import Iterator

from ibactors.sim.market.instruments import TradingHours
from ibactors.sim.wire.datetimes import zone

_DAYS = 6
_SATURDAY = 5
_SUNDAY = 6
# No session lies further back than a long weekend.
_LOOK_DAYS = 5

Span = tuple[dt.datetime, dt.datetime]


@functools.lru_cache(maxsize=64)
def trading_and_liquid_hours(hours: TradingHours, today: dt.date) -> tuple[str, str]:
    """The two hour fields of contractData for the week that starts with `today`."""
    regular_open, regular_close, long_open, long_close = hours.value
    return _week(long_open, long_close, today), _week(regular_open, regular_close, today)


@functools.lru_cache(maxsize=4096)
def span(hours: TradingHours, zone_name: str, day: dt.date, *, regular: bool) -> Span | None:
    """The session that ends on `day`, None on a weekend."""
    if day.weekday() in (_SATURDAY, _SUNDAY):
        return None
    regular_open, regular_close, long_open, long_close = hours.value
    opens, closes = (regular_open, regular_close) if regular else (long_open, long_close)
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


def days_back(hours: TradingHours, zone_name: str, end: dt.datetime, count: int, *, regular: bool) -> list[tuple[dt.date, Span]]:
    """The last `count` sessions that began before `end`, oldest first."""
    start = end - dt.timedelta(days=_LOOK_DAYS + count * 7 / 5)
    return list(spans(hours, zone_name, start, end, regular=regular))[-count:]


def _at(day: dt.date, clock: str, zone_name: str) -> dt.datetime:
    time = dt.time(int(clock[:2]), int(clock[2:]))
    return dt.datetime.combine(day, time, zone(zone_name)).astimezone(dt.UTC)


def _week(opens: str, closes: str, today: dt.date) -> str:
    days = [today + dt.timedelta(days=n) for n in range(_DAYS)]
    if opens > closes:
        # Monday's session opens on Sunday evening, so Sunday is not a closed day.
        days = [d for d in days if d.weekday() != _SUNDAY]
    return ";".join(_day(opens, closes, day) for day in days)


def _day(opens: str, closes: str, day: dt.date) -> str:
    if day.weekday() in (_SATURDAY, _SUNDAY):
        return f"{day:%Y%m%d}:CLOSED"
    opening_day = day - dt.timedelta(days=1) if opens > closes else day
    return f"{opening_day:%Y%m%d}:{opens}-{day:%Y%m%d}:{closes}"
