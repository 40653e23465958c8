"""Answers put together: what belongs to a stretch, what of it is finished, and which bar still forms."""

from ibactors.history.cache import Finished
from ibactors.history.calendar import Calendar
from ibactors.history.rows import Fields, Rows
from ibactors.history.sizes import DAY, Size
from ibactors.model.bars import Bar

LATE = 1800
"""Seconds after which a bar is not expected to change or to come: delayed data are up to 20 minutes late."""
_LATE_DATED = DAY


def within(size: Size, fields: list[Fields], begin: int, end: int) -> Rows:
    """The bars whose time begins within [begin, end), from an answer that reaches further."""
    return Rows(row for row in fields if begin <= size.bucket(int(row[0])) < end)


def finished(size: Size, rows: Rows, end: int, *, now: float, since: float) -> Finished:
    """What of a stretch will not change any more."""
    late = _LATE_DATED if size.is_dated else LATE
    if size.over(end) + late <= now:
        return Finished(rows=rows, until=end, since=since)
    count = len(rows)
    while count and size.over(rows.at(count - 1)) + late > now:
        count -= 1
    # From the last one that is finished on: its nominal end may lie beyond the next one's beginning, where a session cuts it.
    until = size.bucket(rows.at(count - 1)) + 1 if count else 0
    return Finished(rows=rows.part(0, count), until=until, since=since)


def forms(size: Size, bar: Bar, *, now: float, calendar: Calendar | None) -> bool:
    """Whether the last bar of an answer may still change; any other one is followed by a bar, and so over."""
    over, late = size.over(bar.at), LATE
    if calendar is not None and size.seconds <= DAY:
        closes = calendar.close_of(bar.at) if size.is_dated else calendar.close_after(bar.at)
        over = over if closes is None else min(over, closes)
    return over + late > now
