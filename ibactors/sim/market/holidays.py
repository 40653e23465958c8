"""Days on which exchanges close, or close early, computed from the rules that they publish; good for any year.

`hours` asks for each day; nothing here knows clocks or zones. Unscheduled closings (funerals, storms) are not known.
"""

import datetime as dt
import enum
import functools
from collections.abc import Mapping

_MONDAY, _THURSDAY, _SATURDAY, _SUNDAY = 0, 3, 5, 6
_JUNETEENTH_SINCE = 2022
CLOSED = ""


class Calendar(enum.Enum):
    """Whose holidays an instrument has."""

    NYSE = "nyse"
    CME = "cme"
    FOREX = "forex"
    ALWAYS = "always"


def is_trading_day(calendar: Calendar, day: dt.date) -> bool:
    """Whether there is a session on `day`; one that begins on the evening before belongs to the day it ends on."""
    if calendar is Calendar.ALWAYS:
        return True
    return day.weekday() not in (_SATURDAY, _SUNDAY) and early_close(calendar, day) != CLOSED


def early_close(calendar: Calendar, day: dt.date) -> str | None:
    """When regular trading ends on `day`, `HHMM` of the exchange; CLOSED for a holiday, None on an ordinary day."""
    return _year(calendar, day.year).get(day)


@functools.lru_cache(maxsize=256)
def _year(calendar: Calendar, year: int) -> Mapping[dt.date, str]:
    if calendar is Calendar.ALWAYS:
        return {}
    if calendar is Calendar.FOREX:
        return {dt.date(year, 1, 1): CLOSED, dt.date(year, 12, 25): CLOSED}
    closed = _closed(year)
    halves = _half_days(year, closed)
    if calendar is Calendar.NYSE:
        return dict.fromkeys(halves, "1300") | dict.fromkeys(closed, CLOSED)
    # Futures on indexes trade until noon on all holidays but Good Friday, Christmas and New Year.
    always = {_easter(year) - dt.timedelta(days=2), _observed(dt.date(year, 1, 1)), _observed(dt.date(year, 12, 25))}
    return dict.fromkeys(halves, "1215") | dict.fromkeys(closed, "1200") | dict.fromkeys(always & closed, CLOSED)


def _closed(year: int) -> set[dt.date]:
    days = {
        _nth(year, 1, _MONDAY, 3),
        _nth(year, 2, _MONDAY, 3),
        _easter(year) - dt.timedelta(days=2),
        _nth(year, 6, _MONDAY, 1) - dt.timedelta(days=7),
        _nth(year, 9, _MONDAY, 1),
        _nth(year, 11, _THURSDAY, 4),
        _observed(dt.date(year, 7, 4)),
        _observed(dt.date(year, 12, 25)),
    }
    if year >= _JUNETEENTH_SINCE:
        days.add(_observed(dt.date(year, 6, 19)))
    new_year = dt.date(year, 1, 1)
    # A New Year's Day on a Saturday is not made up for, so that a year's books close on its last day.
    if new_year.weekday() != _SATURDAY:
        days.add(_observed(new_year))
    return days


def _half_days(year: int, closed: set[dt.date]) -> set[dt.date]:
    days = {_nth(year, 11, _THURSDAY, 4) + dt.timedelta(days=1), dt.date(year, 7, 3), dt.date(year, 12, 24)}
    return {d for d in days if d.weekday() < _SATURDAY} - closed


def _nth(year: int, month: int, weekday: int, count: int) -> dt.date:
    first = dt.date(year, month, 1)
    return first + dt.timedelta(days=(weekday - first.weekday()) % 7 + 7 * (count - 1))


def _observed(day: dt.date) -> dt.date:
    """The Friday before for a Saturday, the Monday after for a Sunday."""
    return day + dt.timedelta(days={_SATURDAY: -1, _SUNDAY: 1}.get(day.weekday(), 0))


def _easter(year: int) -> dt.date:
    """Easter Sunday by the anonymous Gregorian algorithm."""
    a, b, c = year % 19, year // 100, year % 100
    d = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    e = (32 + 2 * (b % 4) + 2 * (c // 4) - d - c % 4) % 7
    f = d + e - 7 * ((a + 11 * d + 22 * e) // 451) + 114
    return dt.date(year, f // 31, f % 31 + 1)
