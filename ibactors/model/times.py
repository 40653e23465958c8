"""The base of all frozen values, and the one form in which times are written."""

import time
from datetime import UTC, datetime
from functools import lru_cache

import msgspec


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the types below: immutable and built by keyword."""


def whole(pattern: str) -> str:
    """A regular expression that must match all of a text; `$` alone lets a final newline through."""
    return rf"^(?:{pattern})$(?!\n)"


@lru_cache(maxsize=64)  # all lines of one packet, and all trades of one second, have the same
def rfc3339(seconds: float) -> str:
    """Unix time as text, for example `2026-11-22T14:30:00.123456Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def seconds_of(text: str) -> float:
    """Unix time of what `rfc3339` has made."""
    return datetime.fromisoformat(text).timestamp()


def now() -> str:
    """The present time as text."""
    return rfc3339(time.time())


def next_round(present: float, interval: float) -> float:
    """The next whole multiple of an interval, in the seconds of any clock; one that is less than a hundredth of it away is left out.

    Who only looks now and then looks at such a time: then a process that has nothing to do is woken once for all of them.
    """
    return (int(present / interval + 0.01) + 1) * interval
