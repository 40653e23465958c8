"""A request for historical bars as the client wrote it, checked and turned into the times of its bars.

Everything here is about the question, nothing about prices: which bar sizes and durations exist, which combination is too much,
which pieces of which sessions a bar is made of. Bars lie on the grid of UTC (which is New York's up to an hour), begin anew with
each session and are cut where it closes, and by the end of the request.
"""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ibactors.sim.market import hours
from ibactors.sim.market.instruments import Instrument
from ibactors.sim.wire.datetimes import zone

# Bars up to this size are rationed by a gateway.
SMALL_BAR_S = 30
DAY_S = 86_400
WEEK_S = 7 * DAY_S
MONTH_S = 30 * DAY_S
_SIZES = {
    **{f"{n} secs": n for n in (1, 5, 10, 15, 30)},
    "1 min": 60,
    **{f"{n} mins": 60 * n for n in (2, 3, 5, 10, 15, 20, 30)},
    "1 hour": 3600,
    **{f"{n} hours": 3600 * n for n in (2, 3, 4, 8)},
    "1 day": DAY_S,
    "1 week": WEEK_S,
    "1 month": MONTH_S,
}
_ALIASES = {"1 sec": "1 secs", "1W": "1 week", "1M": "1 month", "1 W": "1 week", "1 M": "1 month", "1D": "1 day", "1 D": "1 day"}
# Bar size and the longest duration that a gateway takes for it, in seconds.
_LONGEST = {
    1: 2000,
    **dict.fromkeys((5, 10, 15), DAY_S),
    30: 2 * DAY_S,
    **dict.fromkeys((60, 120, 180), 31 * DAY_S),
    **dict.fromkeys((300, 600, 900, 1200), 62 * DAY_S),
    **dict.fromkeys((1800, 3600), 366 * DAY_S),
    **dict.fromkeys((7200, 10_800, 14_400, 28_800), 2 * 366 * DAY_S),
}
_LONGEST_DAYS_S = 68 * 366 * DAY_S
_DURATION = re.compile(r"(\d{1,6}) ?([SDWMY])\Z")
_UNIT_S = {"S": 1, "D": DAY_S, "W": WEEK_S, "M": 30 * DAY_S, "Y": 365 * DAY_S}
_MOST_DAYS = 365
_NEVER = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
# No duration in seconds reaches over more sessions than there are to search.
_SEARCH_SESSIONS = 10
WHAT = (
    "TRADES MIDPOINT BID ASK BID_ASK HISTORICAL_VOLATILITY OPTION_IMPLIED_VOLATILITY ADJUSTED_LAST FEE_RATE "
    "YIELD_ASK YIELD_BID YIELD_BID_ASK YIELD_LAST SCHEDULE AGGTRADES"
).split()

Sessions = list[tuple[dt.date, hours.Span]]


class BadQuery(Exception):
    """The request is not acceptable; the text is the cause that error 321 gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """The time of one bar: what it is stamped with, and the pieces of trading that it sums up.

    `until` is where it ends by itself; the last piece may end before, at the end of the request.
    """

    start: dt.datetime
    day: dt.date
    pieces: tuple[hours.Span, ...]
    until: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BarQuery:
    """Which bars are wanted: their size in seconds, back from `end` over `count` of `unit` (S, D, W, M, Y), not before `head`."""

    size_s: int
    end: dt.datetime
    count: int
    unit: str
    regular: bool
    head: dt.datetime = _NEVER

    @property
    def daily(self) -> bool:
        """Whether a bar is a day or longer, and dated by the day alone."""
        return self.size_s >= DAY_S

    @property
    def begin(self) -> dt.datetime:
        """The duration before the end by the calendar, as the answer's start field has it."""
        if self.unit in ("M", "Y"):
            return _months_before(self.end, self.count * (12 if self.unit == "Y" else 1))
        return self.end - dt.timedelta(seconds=self.count * _UNIT_S[self.unit])

    def sessions(self, instrument: Instrument) -> Sessions:
        """The sessions that the request is about, oldest first; the running one is the last."""
        i = instrument
        if self.unit in ("S", "D"):
            count = self.count if self.unit == "D" else _SEARCH_SESSIONS
            # For bars within a day, today counts from its midnight on and is empty until the opening.
            end = self.end if self.daily else _end_of_day(self.end, i)
            found = hours.days_back(i.trading_hours, i.time_zone, end, count, regular=self.regular)
        else:
            # Weeks and months are whole sessions, whatever the start field says; a year of days begins with its first day.
            begin = self.begin.replace(hour=0, minute=0) if self.unit == "Y" and self.daily else self.begin
            found = [s for s in hours.spans(i.trading_hours, i.time_zone, begin, self.end, regular=self.regular) if s[1][0] >= begin]
        return [s for s in found if s[1][0] < self.end and s[1][0] >= self.head]

    def buckets(self, instrument: Instrument) -> Iterator[Bucket]:
        """The bars that have begun by the end of the request, oldest first."""
        found = self.sessions(instrument)
        if self.daily:
            yield from self._long(found)
            return
        begin = self._first_second(found) if self.unit == "S" else None
        for day, (opens, closes) in found:
            start = opens
            while start < min(closes, self.end):
                until = min(closes, self.grid_after(start))
                if begin is None or until > begin:
                    yield Bucket(start=start, day=day, pieces=((start, min(until, self.end)),), until=until)
                start = until

    def bucket_at(self, instrument: Instrument, now: dt.datetime) -> tuple[dt.datetime, dt.date]:
        """The stamp and the day of the bar that a moment is in, even when there is no session."""
        i = instrument
        running = list(hours.spans(i.trading_hours, i.time_zone, now, now + dt.timedelta(microseconds=1), regular=self.regular))
        start = dt.datetime.fromtimestamp(now.timestamp() // min(self.size_s, DAY_S) * min(self.size_s, DAY_S), dt.UTC)
        if not running:
            return start, now.date()
        [(day, (opens, _))] = running
        return (opens if self.daily else max(opens, start)), day

    def grid_after(self, moment: dt.datetime) -> dt.datetime:
        """The next multiple of the bar size in UTC."""
        return dt.datetime.fromtimestamp((moment.timestamp() // self.size_s + 1) * self.size_s, dt.UTC)

    def _first_second(self, found: Sessions) -> dt.datetime:
        """Where a duration in seconds begins: it counts backwards through sessions only."""
        left = dt.timedelta(seconds=self.count)
        for _, (opens, closes) in reversed(found):
            length = min(closes, self.end) - opens
            if length >= left:
                return min(closes, self.end) - left
            left -= length
        return self.end - dt.timedelta(seconds=self.count)

    def _long(self, found: Sessions) -> Iterator[Bucket]:
        """Days, or weeks and months of which the first and the last are in part; these are stamped with their last session."""
        groups: dict[tuple[int, ...], Sessions] = {}
        for row in found:
            groups.setdefault(self._group(row[0]), []).append(row)
        for rows in groups.values():
            day, (opens, closes) = rows[-1]
            pieces = tuple((o, min(c, self.end)) for _, (o, c) in rows)
            yield Bucket(start=opens, day=day, pieces=pieces, until=closes)

    def _group(self, day: dt.date) -> tuple[int, ...]:
        if self.size_s == DAY_S:
            return (day.toordinal(),)
        return day.isocalendar()[:2] if self.size_s == WEEK_S else (day.year, day.month)


def read_query(*, end: dt.datetime, size: str, duration: str, regular: bool) -> BarQuery:
    """Check bar size and duration; BadQuery says what is wrong with them."""
    size_s = _SIZES.get(_ALIASES.get(size, size))
    if size_s is None:
        raise BadQuery(f"Historical data bar size setting is invalid. Legal ones are: {', '.join(_SIZES)}")
    match = _DURATION.match(duration.strip().upper())
    if match is None or int(match[1]) == 0:
        raise BadQuery("Invalid format for duration. Legal format: {integer}{SPACE}{unit (S|D|W|M|Y)}")
    count, unit = int(match[1]), match[2]
    if unit == "D" and count > _MOST_DAYS:
        raise BadQuery("Historical data request for durations longer than 365 days must be made in years.")
    if unit == "S" and count > DAY_S:
        raise BadQuery("Historical data request for durations longer than 86400 seconds must be made in days.")
    return BarQuery(size_s=size_s, end=end, count=count, unit=unit, regular=regular)


def too_long(query: BarQuery) -> str | None:
    """Why a gateway's data service takes the query as too much at once; None when it does not."""
    seconds = query.count * _UNIT_S[query.unit]
    if seconds > _LONGEST_DAYS_S:
        return "Time length exceed max."
    return f"invalid step: {query.size_s}" if seconds > _LONGEST.get(query.size_s, _LONGEST_DAYS_S) else None


def other_trades(instrument: Instrument, what: str) -> str | None:
    """Why bars of an instrument's trades are not to be had under that name; None where it is the right one."""
    pair = ("AGGTRADES", "TRADES") if instrument.sec_type == "CRYPTO" else ("TRADES", "AGGTRADES")
    return f"Expected what to show is {pair[0]}, please use that instead of {pair[1]}." if what == pair[1] else None


def _months_before(end: dt.datetime, months: int) -> dt.datetime:
    year, month = divmod(end.year * 12 + end.month - 1 - months, 12)
    first = end.replace(year=max(year, 1), month=month + 1, day=1)
    length = ((first + dt.timedelta(days=31)).replace(day=1) - first).days
    return first + dt.timedelta(days=min(end.day, length) - 1)


def _end_of_day(end: dt.datetime, instrument: Instrument) -> dt.datetime:
    """The end of the calendar day of the instrument's zone, unless its sessions begin on the evening before."""
    opens, closes = instrument.trading_hours.value[2:]
    if opens > closes:
        return end
    local = end.astimezone(zone(instrument.time_zone))
    return dt.datetime.combine(local.date(), dt.time(23, 59, 59), local.tzinfo).astimezone(dt.UTC)
