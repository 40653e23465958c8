"""Trading hours as contractData (10) prints them: six days from a date, in the instrument's own zone."""

from __future__ import annotations

import datetime as dt
import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ibactors.sim.instruments import Session

_DAYS = 6
_SATURDAY = 5
_SUNDAY = 6


@functools.lru_cache(maxsize=64)
def trading_and_liquid_hours(session: Session, today: dt.date) -> tuple[str, str]:
    """The two hour fields of contractData for the week that starts with `today`."""
    regular_open, regular_close, long_open, long_close = session.value
    return _week(long_open, long_close, today), _week(regular_open, regular_close, today)


def _week(opens: str, closes: str, today: dt.date) -> str:
    days = [today + dt.timedelta(days=n) for n in range(_DAYS)]
    if opens > closes:
        # Monday's session opens on Sunday evening, so Sunday is no closed day.
        days = [d for d in days if d.weekday() != _SUNDAY]
    return ";".join(_day(opens, closes, day) for day in days)


def _day(opens: str, closes: str, day: dt.date) -> str:
    if day.weekday() in (_SATURDAY, _SUNDAY):
        return f"{day:%Y%m%d}:CLOSED"
    # A session that opens later than it closes began on the evening before.
    opening_day = day - dt.timedelta(days=1) if opens > closes else day
    return f"{opening_day:%Y%m%d}:{opens}-{day:%Y%m%d}:{closes}"
