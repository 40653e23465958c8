"""When an instrument trades: the sessions that IB lists in a schedule, and how much of time that list covers."""

import datetime as dt
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ibactors.model.bars import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Sessions, oldest first, of all the time within [since, until)."""

    since: int
    until: int
    sessions: tuple[Session, ...]

    def count(self, begin: int, end: int) -> int | None:
        """How many sessions have any time in [begin, end); None where the list does not cover it."""
        if begin < self.since or end > self.until:
            return None
        closes = [session.closes for session in self.sessions]
        first = bisect_left(closes, begin + 1)
        return sum(session.opens < end for session in self.sessions[first:])

    def close_of(self, date: int) -> int | None:
        """When the session of a date, midnight UTC, closes; None if it is not listed."""
        text = dt.datetime.fromtimestamp(date, dt.UTC).strftime("%Y-%m-%d")
        return next((session.closes for session in reversed(self.sessions) if session.date == text), None)

    def close_after(self, at: int) -> int | None:
        """When the session that is open at *at* closes; None if none is listed."""
        return next((session.closes for session in reversed(self.sessions) if session.opens <= at < session.closes), None)


def read_sessions(zone: str, rows: Iterable[Sequence[str]]) -> tuple[Session, ...]:
    """Sessions from a schedule's rows of opening, closing and date, in exchange time (message 106).

    Raises ValueError for a zone or a time that cannot be read.
    """
    try:
        where = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as exc:
        raise ValueError(f"unknown time zone {zone!r}") from exc

    def seconds(text: str) -> int:
        # Of `20261127-09:30:00`. strptime takes five times as long, and a year has five hundred of them.
        numbers = int(text[:4]), int(text[4:6]), int(text[6:8]), int(text[9:11]), int(text[12:14]), int(text[15:17])
        return int(dt.datetime(*numbers, tzinfo=where).timestamp())

    found = [
        Session(date=f"{date[:4]}-{date[4:6]}-{date[6:8]}", opens=seconds(opens), closes=seconds(closes)) for opens, closes, date in rows
    ]
    return tuple(sorted(found, key=lambda session: session.opens))
