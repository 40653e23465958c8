"""A request for historical bars as the client wrote it, checked and turned into bar times.

Everything here is about the question, nothing about prices: which bar sizes and durations exist, which combination is too much, which
moments the bars begin at.
"""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ibactors.sim.market import hours
from ibactors.sim.market.instruments import Instrument

MAX_BARS = 20_000
# Bars up to this size are rationed by a gateway.
SMALL_BAR_S = 30
DAY_S = 86_400
_SIZES = {
    **{f"{n} secs": n for n in (1, 5, 10, 15, 30)},
    "1 min": 60,
    **{f"{n} mins": 60 * n for n in (2, 3, 5, 10, 15, 20, 30)},
    "1 hour": 3600,
    **{f"{n} hours": 3600 * n for n in (2, 3, 4, 8)},
    "1 day": DAY_S,
    "1 week": 7 * DAY_S,
    "1 month": 30 * DAY_S,
}
_ALIASES = {"1 sec": "1 secs", "1W": "1 week", "1M": "1 month", "1 W": "1 week", "1 M": "1 month", "1D": "1 day", "1 D": "1 day"}
_DURATION = re.compile(r"(\d{1,6}) ?([SDWMY])\Z")
_UNIT_DAYS = {"D": 1, "W": 5, "M": 21, "Y": 252}
WHAT = (
    "TRADES MIDPOINT BID ASK BID_ASK HISTORICAL_VOLATILITY OPTION_IMPLIED_VOLATILITY ADJUSTED_LAST FEE_RATE "
    "YIELD_ASK YIELD_BID YIELD_BID_ASK YIELD_LAST SCHEDULE AGGTRADES"
).split()


class BadQuery(Exception):
    """The request is not acceptable; the text is the cause that error 321 gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarQuery:
    """Which bars are wanted: their size in seconds, and how many trading days or seconds back from `end`."""

    size_s: int
    end: dt.datetime
    days: int
    seconds: int
    regular: bool

    @property
    def daily(self) -> bool:
        """Whether a bar is a day or longer, and dated by the day alone."""
        return self.size_s >= DAY_S

    def starts(self, instrument: Instrument) -> Iterator[tuple[dt.datetime, int]]:
        """Begin and length in seconds of every bar that has begun by `end`, oldest first."""
        begin, found = self.sessions(instrument)
        for day, (opens, closes) in found:
            if self.daily:
                if self._begins_a_bar(day):
                    yield opens, int((closes - opens).total_seconds())
                continue
            # Bars lie on round times, so the first of a session may begin before its opening.
            start = dt.datetime.fromtimestamp(opens.timestamp() // self.size_s * self.size_s, dt.UTC)
            while start < min(closes, self.end):
                if start.timestamp() + self.size_s > begin.timestamp():
                    yield start, self.size_s
                start += dt.timedelta(seconds=self.size_s)

    def sessions(self, instrument: Instrument) -> tuple[dt.datetime, list[tuple[dt.date, hours.Span]]]:
        """The beginning, and the sessions from then on."""
        i = instrument
        if self.days:
            found = hours.days_back(i.trading_hours, i.time_zone, self.end, self.days, regular=self.regular)
            return (found[0][1][0] if found else self.end), found
        days = hours.days_back(i.trading_hours, i.time_zone, self.end, 2 + self.seconds // 20_000, regular=self.regular)
        left, begin = float(self.seconds), self.end
        # Seconds count backwards through open hours only.
        for _, (opens, closes) in reversed(days):
            length = (min(closes, self.end) - opens).total_seconds()
            begin = max(opens, min(closes, self.end) - dt.timedelta(seconds=left))
            left -= length
            if left <= 0:
                break
        return begin, [d for d in days if d[1][1] > begin]

    def _begins_a_bar(self, day: dt.date) -> bool:
        if self.size_s == DAY_S:
            return True
        return day.weekday() == 0 if self.size_s < 30 * DAY_S else day.day <= 7 and day.weekday() == 0


def read_query(*, end: dt.datetime, size: str, duration: str, regular: bool) -> BarQuery:
    """Check bar size and duration; BadQuery says what is wrong with them."""
    size_s = _SIZES.get(_ALIASES.get(size, size))
    if size_s is None:
        raise BadQuery(f"Historical data bar size setting is invalid. Legal ones are: {', '.join(_SIZES)}")
    match = _DURATION.match(duration.strip().upper())
    if match is None or int(match[1]) == 0:
        raise BadQuery("Invalid format for duration. Legal format: {integer}{SPACE}{unit (S|D|W|M|Y)}")
    count, unit = int(match[1]), match[2]
    if unit == "D" and count > 365:
        raise BadQuery("Historical data request for durations longer than 365 days must be made in years.")
    if unit == "S":
        return BarQuery(size_s=size_s, end=end, days=0, seconds=count, regular=regular)
    return BarQuery(size_s=size_s, end=end, days=count * _UNIT_DAYS[unit], seconds=0, regular=regular)


def too_long(query: BarQuery) -> bool:
    """Whether the query would give more bars than a gateway hands out at once."""
    seconds = query.seconds or query.days * DAY_S
    return query.days > 252 * 40 or seconds / query.size_s > MAX_BARS * 3
