"""When a contract trades, as a gateway writes it: `tradingHours`, `liquidHours` and the zone that their clocks are in (TWS message 10).

A text has one entry a day, six of them as a rule: `20261005:0930-20261005:1600;20261006:CLOSED`. A day may have several spans, with commas
between them, and the second date of a span may be missing, as older gateways leave it out. Nothing here knows a calendar: what the text
does not say is not known.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

_CLOSED = re.compile(r"(\d{8}):CLOSED")
_SPAN = re.compile(r"(?:(\d{8}):)?(\d{4})-(?:(\d{8}):)?(\d{4})")
_DAY = timedelta(days=1)

# The name of a zone in Windows, which TWS passes on there, and short names of Java's. `EST` alone would be a zone without summer time.
_ZONES: Mapping[str, str] = MappingProxyType(
    {
        "EST": "America/New_York",
        "EST5EDT": "America/New_York",
        "CST": "America/Chicago",
        "CST6CDT": "America/Chicago",
        "MST": "America/Denver",
        "PST": "America/Los_Angeles",
        "BST": "Europe/London",
        "CET": "Europe/Berlin",
        "MET": "Europe/Berlin",
        "JST": "Asia/Tokyo",
        "KST": "Asia/Seoul",
        "HKT": "Asia/Hong_Kong",
        "SGT": "Asia/Singapore",
        "IST": "Asia/Kolkata",
        "AET": "Australia/Sydney",
        "AEST": "Australia/Sydney",
        "EASTERN STANDARD TIME": "America/New_York",
        "CENTRAL STANDARD TIME": "America/Chicago",
        "MOUNTAIN STANDARD TIME": "America/Denver",
        "PACIFIC STANDARD TIME": "America/Los_Angeles",
        "ATLANTIC STANDARD TIME": "America/Halifax",
        "CENTRAL STANDARD TIME (MEXICO)": "America/Mexico_City",
        "E. SOUTH AMERICA STANDARD TIME": "America/Sao_Paulo",
        "GMT STANDARD TIME": "Europe/London",
        "GREENWICH MEAN TIME": "Europe/London",
        "W. EUROPE STANDARD TIME": "Europe/Berlin",
        "CENTRAL EUROPE STANDARD TIME": "Europe/Budapest",
        "CENTRAL EUROPEAN STANDARD TIME": "Europe/Warsaw",
        "CENTRAL EUROPEAN TIME": "Europe/Berlin",
        "MIDDLE EUROPE TIME": "Europe/Berlin",
        "ROMANCE STANDARD TIME": "Europe/Paris",
        "FLE STANDARD TIME": "Europe/Helsinki",
        "RUSSIAN STANDARD TIME": "Europe/Moscow",
        "TURKEY STANDARD TIME": "Europe/Istanbul",
        "ISRAEL STANDARD TIME": "Asia/Jerusalem",
        "ARAB STANDARD TIME": "Asia/Riyadh",
        "ARABIAN STANDARD TIME": "Asia/Dubai",
        "SOUTH AFRICA STANDARD TIME": "Africa/Johannesburg",
        "INDIA STANDARD TIME": "Asia/Kolkata",
        "CHINA STANDARD TIME": "Asia/Shanghai",
        "HONG KONG STANDARD TIME": "Asia/Hong_Kong",
        "SINGAPORE STANDARD TIME": "Asia/Singapore",
        "TAIPEI STANDARD TIME": "Asia/Taipei",
        "KOREA STANDARD TIME": "Asia/Seoul",
        "TOKYO STANDARD TIME": "Asia/Tokyo",
        "JAPAN STANDARD TIME": "Asia/Tokyo",
        "AUS EASTERN STANDARD TIME": "Australia/Sydney",
        "NEW ZEALAND STANDARD TIME": "Pacific/Auckland",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One stretch of trading without a break."""

    day: date
    """The trading day: where a session begins on the evening before, the day on which it ends."""
    opens: datetime
    closes: datetime

    def __contains__(self, moment: datetime) -> bool:
        return self.opens <= moment < self.closes


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """What one text says: its spans in the order of time, and the days on which there is none."""

    zone: ZoneInfo
    spans: tuple[Span, ...]
    closed: tuple[date, ...]

    @property
    def first(self) -> date | None:
        """The first day of which anything is known."""
        return min(self._days(), default=None)

    @property
    def last(self) -> date | None:
        """The last day of which anything is known."""
        return max(self._days(), default=None)

    def is_open(self, moment: datetime) -> bool | None:
        """Whether a moment is in one of the spans; None where the text says nothing of it."""
        if any(moment in span for span in self.spans):
            return True
        day, first, last = moment.astimezone(self.zone).date(), self.first, self.last
        if first is None or last is None:
            return None
        # Between two spans, or on a day that is told to be closed: the text of a Saturday begins with two of them, that of a long holiday
        # has no others. What follows the last span is known for the rest of its day.
        begun = first <= day or any(span.opens - _DAY <= moment for span in self.spans[:1])
        return False if begun and (day <= last or any(moment < span.closes for span in self.spans[-1:])) else None

    def _days(self) -> Iterable[date]:
        return (*(span.day for span in self.spans), *self.closed)


@lru_cache(maxsize=128)
def zone_of(name: str) -> ZoneInfo:
    """The zone by whatever name a gateway gives it: `US/Eastern`, `EST (Eastern Standard Time)`, a Windows name.

    Raises ValueError for one that is not known.
    """
    short, _, long = name.strip().partition(" (")
    for text in (name.strip(), short, long.rstrip(")")):
        known = _ZONES.get(text.upper(), text)
        try:
            return ZoneInfo(known)
        except (KeyError, ValueError, OSError):
            continue
    raise ValueError(f"{name[:50]!r} is no time zone")


@lru_cache(maxsize=1024)
def parse_hours(text: str, zone_name: str) -> Hours:
    """Read `tradingHours` or `liquidHours` of a contract; an empty text says nothing. Raises ValueError for what cannot be read."""
    zone = zone_of(zone_name) if text.strip() else ZoneInfo("UTC")
    spans: list[Span] = []
    closed: list[date] = []
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        if found := _CLOSED.fullmatch(entry):
            closed.append(_date(found[1]))
            continue
        day = _date(entry[:8])
        spans += [_span(part.strip(), day, zone) for part in entry.split(",")]
    return Hours(zone=zone, spans=tuple(sorted(spans, key=lambda span: span.opens)), closed=tuple(sorted(closed)))


def _span(text: str, day: date, zone: ZoneInfo) -> Span:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:40]!r} is no span of trading hours")
    first = _date(found[1]) if found[1] else day
    if found[3]:
        last = _date(found[3])
    else:
        # The older form has one date. A session that opens later on the clock than it closes began on the evening before.
        last = first
        first -= _DAY if found[2] >= found[4] else timedelta()
    opens, closes = _moment(first, found[2], zone), _moment(last, found[4], zone)
    if closes <= opens:
        raise ValueError(f"{text[:40]!r} ends before it begins")
    # A session that ends at midnight belongs to the day that ends then.
    return Span(day=(closes.replace(tzinfo=None) - timedelta(microseconds=1)).date(), opens=opens, closes=closes)


def _moment(day: date, clock: str, zone: ZoneInfo) -> datetime:
    """On the clock of the zone, which jumps when summer time begins and ends; 2400 is the end of the day."""
    hour, minute = int(clock[:2]), int(clock[2:])
    if clock == "2400":
        day, hour = day + _DAY, 0
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)


def _date(text: str) -> date:
    if not re.fullmatch(r"[0-9]{8}", text):
        raise ValueError(f"{text[:20]!r} is no date")
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


def utc(moment: datetime) -> str:
    """A moment as all times are written, for example `2026-11-27T14:30:00.000000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
