"""For which span IB has told all executions of our orders. It tells those since midnight, or of more days where it is set to.

"Midnight" is nobody's word in particular: the later one of the gateway's and New York's is believed. An execution that is older than
that shows that IB keeps more, at least since then.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from ibactors.orders.fences import NEW_YORK, zone_named
from ibactors.orders.verdicts import Pass


def told_since(present: Pass, gateway_zone: str, *, unbroken_since: float | None) -> float | None:
    """From when on the list of a pass is whole, up to its beginning; None when it proves nothing.

    *unbroken_since*: when an earlier whole list was asked for, if the session has not been broken since. What happened in between IB has
    told by itself.
    """
    if not present.has_all_executions:
        return None
    midnights = [_midnight(present.began, name) for name in (gateway_zone, NEW_YORK)]
    known = [midnight for midnight in midnights if midnight is not None]
    oldest = min([row.time for row in present.executions or ()], default=present.began)
    since = min(max(known, default=present.began), oldest)
    return since if unbroken_since is None else min(since, unbroken_since)


def _midnight(at: float, name: str) -> float | None:
    zone = zone_named(name)
    if not isinstance(zone, ZoneInfo):
        return None
    return datetime.fromtimestamp(at, zone).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
