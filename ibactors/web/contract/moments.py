"""How callers write a moment: a time with its zone, or a day, which begins at midnight UTC."""

import math
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from ibactors.errors import InvalidRequest
from ibactors.model.times import whole

_REMEDY = "Write 2026-11-27T14:30:00Z, 2026-11-27T09:30:00-05:00 or 2026-11-27."
_EARLIEST, _LATEST = 0.0, 4102444800.0

Moment = Annotated[
    str,
    msgspec.Meta(
        pattern=whole(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+ -][0-9]{2}:[0-9]{2}))?"),
        description="A time with its zone, `2026-11-27T14:30:00Z`, or a day, `2026-11-27`, which begins at midnight UTC.",
        examples=["2026-11-27T14:30:00Z"],
    ),
]


def seconds_of(moment: str | None, field: str) -> int | None:
    """Unix time, rounded up; None for none. Raises InvalidRequest for a moment that is none, or is before 1970 or after 2099."""
    if moment is None:
        return None
    try:
        # A plus sign that was not escaped is a blank by now.
        parsed = datetime.fromisoformat(moment.replace(" ", "+"))
    except ValueError as exc:
        raise InvalidRequest(f"{field} is not a date or time: {exc}.", field=field, remedy=_REMEDY) from None
    seconds = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    if not _EARLIEST <= seconds <= _LATEST:
        raise InvalidRequest(f"{field} is not between 1970 and 2099.", field=field, remedy=_REMEDY)
    return math.ceil(seconds)
