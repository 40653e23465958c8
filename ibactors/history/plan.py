"""What to ask IB for, to have all bars of a stretch of time.

IB answers back from an end, over a duration that counts sessions (`N D`), seconds of sessions (`N S`) or calendar years (`N Y`). A bar in
which the end lies is cut, weeks and months are cut at both ends, and `N D` counts today from its midnight. So a request always reaches
further than the stretch, at both ends, and what is outside is dropped: no bar of a stretch is ever cut, whatever the sessions are.
"""

import datetime as dt
import math
from dataclasses import dataclass

from ibactors.history.calendar import Calendar
from ibactors.history.sizes import DAY, WEEK, Size

_MOST_SECONDS = DAY // 2
_FEWEST_SECONDS = 60
_MOST_DAYS = 365
"""More than that IB wants in years."""
_AHEAD = 300
"""Seconds by which the gateway's clock may differ from ours where a request ends now."""
_YEAR = 365 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What one request asks for, in IB's words."""

    end: str
    """`yyyymmdd-hh:mm:ss` in UTC; empty for now."""
    duration: str


def utc(at: int) -> str:
    """A time as IB takes it without a zone of its own."""
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y%m%d-%H:%M:%S")


def wanted(size: Size, begin: int, end: int, *, now: float, calendar: Calendar | None = None) -> Wanted:
    """The request that brings all bars of *size* that begin within [begin, end), as far as there are any by *now*."""
    present = math.ceil(now)
    until = end + _margin(size)
    if until >= present:
        # Small bars have an end even so: without one, two requests within 15 s would be the same one to IB, which refuses that.
        if size.is_small:
            return Wanted(end=utc(present), duration=_seconds(size, present - begin))
        return Wanted(end="", duration=_duration(size, begin, present + _AHEAD, calendar))
    return Wanted(end=utc(until), duration=_duration(size, begin, until, calendar))


def _margin(size: Size) -> int:
    if size.is_dated:
        return DAY  # the day after the last one, at midnight UTC, is over nowhere before
    return 0 if size.is_small else size.seconds  # these lie on the grid that stretches are cut by


def _duration(size: Size, begin: int, until: int, calendar: Calendar | None) -> str:
    span = until - begin
    if size.seconds >= WEEK:
        return f"{math.ceil(span / _YEAR) + 1} Y"
    if size.is_small or (span <= _MOST_SECONDS and not size.is_dated):
        return _seconds(size, span)
    counted = calendar.count(begin, until) if calendar is not None else None
    days = (math.ceil(span / DAY) + 1 if counted is None else counted) + 1
    return f"{days} D" if days <= _MOST_DAYS else f"{math.ceil(span / _YEAR) + 1} Y"


def _seconds(size: Size, span: int) -> str:
    return f"{max(span, 2 * size.seconds if not size.is_small else 0, _FEWEST_SECONDS)} S"
