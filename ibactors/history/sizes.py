"""The sizes of bars: IB's name of each, and into which stretches of time a question about it is cut.

A stretch is what one request may ask for. Stretches of a size lie on a grid, so that equal ones are asked for once, whoever needs them, and
no two share a bar. Which durations IB takes for which size is not documented; those here are what a paper gateway answered, see
docs/history.md. A stretch of a minute and longer is cut in the night to Sunday, New York's, when the fewest markets are open.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from ibactors.model.bars import BarSize

DAY = 86_400
WEEK = 7 * DAY
_MONTHS = 216
_WEEKEND = 2 * DAY + DAY // 2
"""Noon UTC of the first Saturday since 1970."""
_MONDAY = 4 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """One size of bar; times in seconds."""

    text: str
    """IB's name."""
    seconds: int
    stretch: int
    """Length of a stretch; 0 for months, which have none."""
    origin: int = 0
    """Where a stretch begins, in Unix time."""

    @property
    def is_small(self) -> bool:
        """Whether IB rations requests for it."""
        return self.seconds <= 30  # noqa: PLR2004  # IB's "small bars"

    @property
    def is_dated(self) -> bool:
        """Whether its bars have a date and no time."""
        return self.seconds >= DAY

    def bucket(self, at: int) -> int:
        """Where the time of a bar begins by the calendar. IB stamps weeks and months with their last session."""
        if self.seconds == WEEK:
            return (at - _MONDAY) // WEEK * WEEK + _MONDAY
        return _month_start(_month(at)) if self.seconds > WEEK else at

    def stretch_of(self, at: int) -> tuple[int, int]:
        """Begin and end of the stretch that has the bar of *at*."""
        if not self.stretch:
            first = _month(at) // _MONTHS * _MONTHS
            return _month_start(first), _month_start(first + _MONTHS)
        begin = (at - self.origin) // self.stretch * self.stretch + self.origin
        return begin, begin + self.stretch

    def over(self, at: int) -> int:
        """When the bar of *at* is over for certain, wherever the exchange is: later than it really is, never earlier."""
        if not self.is_dated:
            return at + self.seconds
        begin = self.bucket(at)
        end = begin + self.seconds if self.seconds <= WEEK else _month_start(_month(begin) + 1)
        return end + DAY // 2


def _month(at: int) -> int:
    day = dt.datetime.fromtimestamp(at, dt.UTC)
    return day.year * 12 + day.month - 1


def _month_start(month: int) -> int:
    return int(dt.datetime(month // 12, month % 12 + 1, 1, tzinfo=dt.UTC).timestamp())


def _sizes(text: str, seconds: int, stretch: int, *numbers: int, origin: int = 0) -> dict[int, Size]:
    return {n * seconds: Size(text=text.format(n), seconds=n * seconds, stretch=stretch, origin=origin) for n in numbers}


_ALL = (
    _sizes("{} secs", 1, 1800, 1)
    | _sizes("{} secs", 1, 7200, 5)
    | _sizes("{} secs", 1, 28_800, 10, 15)
    | _sizes("{} secs", 1, 57_600, 30)
    | _sizes("{} min", 60, WEEK, 1, origin=_WEEKEND)
    | _sizes("{} mins", 60, 2 * WEEK, 2, 3, origin=_WEEKEND)
    | _sizes("{} mins", 60, 4 * WEEK, 5, 10, 15, 20, origin=_WEEKEND)
    | _sizes("{} mins", 60, 8 * WEEK, 30, origin=_WEEKEND)
    | _sizes("{} hour", 3600, 16 * WEEK, 1, origin=_WEEKEND)
    | _sizes("{} hours", 3600, 48 * WEEK, 2, 3, 4, 8, origin=_WEEKEND)
    | _sizes("{} day", DAY, 48 * WEEK, 1)
    | _sizes("{} week", WEEK, 416 * WEEK, 1, origin=_MONDAY)
    | _sizes("{} month", 30 * DAY, 0, 1)
)

SIZES: Mapping[BarSize, Size] = dict(zip(BarSize, _ALL.values(), strict=True))
