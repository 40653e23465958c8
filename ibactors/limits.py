"""Rate limits with bursts, and attempts per window. Nothing here waits, and nothing grows without bound."""

import math
import re
from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass

MOST_CALLERS = 10_000
"""Callers that a limit remembers; one more makes it forget the caller that it saw longest ago."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests per second on average, and `burst` of them at once."""

    per_second: float
    burst: int

    def __str__(self) -> str:
        return f"{self.per_second:g}:{self.burst}"


def read_rate(text: str) -> Rate | None:
    """Read `50` (per second; twice as many at once), `50:200` (200 at once) or `off`. Raises ValueError."""
    if text.lower() == "off":
        return None
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)(?::(\d{1,6}))?", text, re.ASCII)
    if found is None:
        raise ValueError(text)
    per_second = float(found[1])
    rate = Rate(per_second, int(found[2]) if found[2] else max(1, math.ceil(2 * per_second)))
    if rate.per_second <= 0 or rate.burst < 1:
        raise ValueError(text)
    return rate


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one more request is allowed, and what is left."""

    allowed: bool
    limit: int
    """Requests allowed at once, the burst."""
    remaining: int
    """Requests that are still allowed now."""
    reset: int
    """Seconds, rounded up, until the full burst is available again; at least 1 when none is left."""
    retry_after: int
    """Seconds, rounded up, until the next request is allowed; 0 when one is allowed now."""


class RateLimit:
    """One rate per caller, by the generic cell rate algorithm: it keeps one number per caller, the time at which the full burst is back."""

    def __init__(self, rate: Rate) -> None:
        self._burst = rate.burst
        self._interval = 1.0 / rate.per_second
        self._until: OrderedDict[Hashable, float] = OrderedDict()

    def take(self, caller: Hashable, present: float) -> Verdict:
        """Count one request of *caller* at the time *present*, in seconds. A refused one is not counted."""
        until, room = self._room(caller, present)
        allowed = room >= 1
        if allowed:
            until += self._interval
            self._count(caller, until)
        return Verdict(
            allowed=allowed,
            limit=self._burst,
            remaining=room - 1 if allowed else 0,
            reset=math.ceil(until - present),
            retry_after=0 if allowed else max(1, math.ceil(until - present - (self._burst - 1) * self._interval)),
        )

    def allows(self, caller: Hashable, present: float) -> bool:
        """Whether `take` would allow one more request; counts nothing."""
        return self._room(caller, present)[1] >= 1

    def charge(self, caller: Hashable, present: float, *, number: int, timeout: float) -> float:
        """Count *number* requests at once, which may be more than the burst: what comes next waits the longer.

        Returns the seconds until the first of them is allowed; if that is more than *timeout*, none is counted.
        """
        until = max(self._until.get(caller, present), present)
        wait = max(0.0, until - present - (self._burst - 1) * self._interval)
        if wait <= timeout:
            self._count(caller, until + number * self._interval)
        return wait

    def _room(self, caller: Hashable, present: float) -> tuple[float, int]:
        """When the full burst is back, and how many requests are allowed now."""
        until = max(self._until.get(caller, present), present)
        return until, int((present - until) / self._interval + self._burst + 1e-9)

    def _count(self, caller: Hashable, until: float) -> None:
        self._until[caller] = until
        self._until.move_to_end(caller)
        if len(self._until) > MOST_CALLERS:
            self._until.popitem(last=False)


class Attempts:
    """At most `most` attempts per caller in any `window` seconds."""

    def __init__(self, most: int, window: float) -> None:
        self._most = most
        self._window = window
        self._made: OrderedDict[Hashable, deque[float]] = OrderedDict()

    def wait(self, caller: Hashable, present: float) -> int:
        """Seconds, rounded up, until *caller* may make another attempt; 0 when it may now."""
        made = self._made.get(caller)
        if made is None:
            return 0
        while made and made[0] <= present - self._window:
            made.popleft()
        if not made:
            del self._made[caller]
        return 0 if len(made) < self._most else max(1, math.ceil(made[0] + self._window - present))

    def add(self, caller: Hashable, present: float) -> None:
        """Count one attempt."""
        self._made.setdefault(caller, deque()).append(present)
        self._made.move_to_end(caller)
        if len(self._made) > MOST_CALLERS:
            self._made.popitem(last=False)

    def take_back(self, caller: Hashable, made: float) -> None:
        """Count one no more that was made at *made*; nothing happens if that has been forgotten."""
        if made in self._made.get(caller, ()):
            self._made[caller].remove(made)
