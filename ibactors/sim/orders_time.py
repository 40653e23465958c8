"""Points in time as clients write them: date and clock, with a blank, a hyphen (UTC) or a zone's name."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo

_MOMENT = re.compile(r"(\d{8})(?:(-| {1,2})(\d{1,2}:\d{2}(?::\d{2})?)(?: ([A-Za-z0-9_+/-]+))?)?\Z")


def parse_moment(text: str) -> dt.datetime | None:
    """The moment that a text means, without a zone in the gateway's own, which is UTC; None for nonsense."""
    match = _MOMENT.match(text.strip())
    if match is None:
        return None
    date, _, clock, zone = match.groups()
    clock = clock or "00:00:00"
    clock = clock if clock.count(":") == 2 else f"{clock}:00"
    try:
        naive = dt.datetime.strptime(f"{date} {clock} +0000", "%Y%m%d %H:%M:%S %z")
        return naive.replace(tzinfo=zoneinfo.ZoneInfo(zone)) if zone else naive
    except (ValueError, zoneinfo.ZoneInfoNotFoundError):
        return None
