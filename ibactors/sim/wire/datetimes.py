"""Dates on the wire: the three dialects of a gateway's settings, and every form that clients send.

A gateway writes times without a zone, with the zone's name, or in UTC; which one is a setting of its login screen, so `Dialect` belongs to
the gateway. Clients send any form whatever the gateway is set to.
"""

import datetime as dt
import enum
import functools
import re
import zoneinfo

_FORM = re.compile(r"(\d{8})(?:(-)|\s+)(\d{1,2}:\d{2}(?::\d{2})?)(?:\s+(\S.*))?\Z")
# Names that Java and TWS know and the zone database does not.
_ZONES = {"EST": "US/Eastern", "EST5EDT": "US/Eastern", "CST": "US/Central", "PST": "US/Pacific", "GMT": "UTC", "JST": "Asia/Tokyo"}


class Dialect(enum.Enum):
    """How a gateway writes a date with a time."""

    PLAIN = "plain"
    ZONED = "zoned"
    UTC = "utc"


@functools.lru_cache(maxsize=64)
def zone(name: str) -> zoneinfo.ZoneInfo:
    """A time zone by the name an instrument or a client has for it; ValueError for an unknown zone."""
    try:
        return zoneinfo.ZoneInfo(_ZONES.get(name, name))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name[:40]!r} is not a time zone") from error


def moment(when: dt.datetime, zone_name: str, dialect: Dialect) -> str:
    """A date with a time as the gateway writes it."""
    if dialect is Dialect.UTC:
        return f"{when.astimezone(dt.UTC):%Y%m%d-%H:%M:%S}"
    local = when.astimezone(zone(zone_name))
    if dialect is Dialect.PLAIN:
        return f"{local:%Y%m%d  %H:%M:%S}"
    return f"{local:%Y%m%d %H:%M:%S} {zone_name}"


def parse(text: str, zone_name: str) -> dt.datetime:
    """A date with a time as any client writes it; `zone_name` applies if it names none. ValueError for anything else."""
    match = _FORM.match(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a date with a time")
    date, dash, clock, named = match.groups()
    if len(clock.split(":")[0]) == 1:
        clock = "0" + clock
    naive = dt.datetime.strptime(f"{date} {clock}{':00' if len(clock) == 5 else ''}", "%Y%m%d %H:%M:%S")  # noqa: DTZ007 - zone follows
    try:
        return naive.replace(tzinfo=dt.UTC if dash else zone(named or zone_name)).astimezone(dt.UTC)
    except OverflowError as error:
        raise ValueError(f"{text[:40]!r} is not in UTC's calendar") from error


def names_a_zone(text: str) -> bool:
    """Whether a date with a time says of which zone it is: by name, or by the dash that means UTC."""
    match = _FORM.match(text.strip())
    return match is not None and (match[2] is not None or match[4] is not None)
