"""When the absence of an order in IB's lists proves anything: the lists are of a day, and nobody says which day; and of one program."""

import zoneinfo
from datetime import UTC, date, datetime, time, timedelta, tzinfo

NEW_YORK = "America/New_York"
_ROLLS = ((time(16, 55), time(18, 15)), (time(23, 40), time(0, 50)))
"""New York's hours in which a trade date ends, and in which IB resets its servers. The second goes past midnight."""
STARTING = 10.0
"""Seconds that a gateway takes at the very least to end, start, log in and take a session. Its port refuses for minutes as a rule."""


def one_stretch(start: float, end: float, gateway_zone: str) -> bool:
    """True when no day of any kind ends between two instants (Unix seconds): not UTC's, not the gateway's, not IB's.

    A zone that is not known proves nothing.
    """
    zones = [UTC, zone_named(gateway_zone)]
    york = zone_named(NEW_YORK)
    if end < start or york is None:
        return False
    if any(zone is None or _day(start, zone) != _day(end, zone) for zone in zones):
        return False
    day = _day(start, york) - timedelta(days=1)
    while day <= _day(end, york):
        for first, last in _ROLLS:
            begins = datetime.combine(day, first, york).timestamp()
            ends = datetime.combine(day + timedelta(days=last < first), last, york).timestamp()
            if start < ends and end > begins:
                return False
        day += timedelta(days=1)
    return True


def running_since(up: float, before: float, heard: float | None, *, fell: bool) -> float:
    """Since when (Unix seconds) the gateway of a session that came *up* is known to be one and the same program.

    A restart leaves no trace in the API: what an earlier program was given and did not pass on is gone with it, and no list says so. So
    it is known by time alone: for as long as no program takes to start. The gateway of the session before, which ran since *before*, is
    this one if it was *heard* within that time. IB's next order id that *fell* says that it is not, or that its numbers began anew.
    """
    if fell:
        return up
    return before if heard is not None and 0 <= up - heard < STARTING else up - STARTING


def _day(at: float, zone: tzinfo | None) -> date:
    return datetime.fromtimestamp(at, zone or UTC).date()


def zone_named(name: str) -> tzinfo | None:
    """The zone of a name, or None."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None
