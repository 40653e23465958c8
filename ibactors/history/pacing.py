"""How often IB may be asked for small bars, of up to 30 seconds: a set of rules without a clock.

Not the same question within 15 seconds; not six for one contract, exchange and kind within two; not more than 60 in ten minutes; bid and
ask together count twice. Source: "Historical Data Limitations" of the TWS API documentation. IB counts when a request reaches it, which is
some time between our sending it and its answer. So one that has no answer yet counts as if it were made now, one that has counts from its
answer on, and no window is broken however long a request takes. All programs of a user count together; those beside us we do not see.
"""

import math
from collections.abc import Hashable
from dataclasses import dataclass

from ibactors.errors import HistoryPacing

SAME = 15.5
BURST, BURST_MOST = 2.2, 5
LONG, LONG_MOST = 600.5, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Ration:
    """What a request for small bars counts as."""

    question: Hashable
    """All that makes two requests the same to IB."""
    subject: Hashable
    """Contract, exchange and kind of data."""
    weight: int = 1


@dataclass(slots=True, eq=False)
class Counted:
    """A request that counts."""

    ration: Ration
    ended: float | None = None
    """When its answer came; None before."""

    def age(self, now: float) -> float:
        """Seconds since it was made, at least."""
        return 0.0 if self.ended is None else now - self.ended


class Pacing:
    """The requests of the last ten minutes. Times in seconds of any one clock."""

    def __init__(self) -> None:
        self._counted: list[Counted] = []
        self._rest_until = 0.0

    @property
    def used(self) -> int:
        """How many of the sixty are used, as of the last look."""
        return sum(counted.ration.weight for counted in self._counted)

    def wait(self, now: float, ration: Ration) -> float:
        """Seconds until such a request may be made; 0 for now. A guess where it depends on the answer to another one."""
        self._forget(now)
        waits = [self._rest_until - now]
        waits += [SAME - counted.age(now) for counted in self._counted if counted.ration.question == ration.question]
        waits.append(self._until_room(now, [c for c in self._counted if c.ration.subject == ration.subject], BURST, BURST_MOST, ration))
        waits.append(self._until_room(now, self._counted, LONG, LONG_MOST, ration))
        return max(0.0, *waits)

    def begin(self, ration: Ration) -> Counted:
        """Count a request, in the step in which `wait` was 0."""
        counted = Counted(ration)
        self._counted.append(counted)
        return counted

    def end(self, now: float, counted: Counted) -> None:
        """It is over: answered, refused or given up."""
        counted.ended = now

    def drop(self, counted: Counted) -> None:
        """It was never asked: it counts no longer."""
        self._counted = [each for each in self._counted if each is not counted]

    def rest(self, until: float) -> None:
        """IB says that it was too much: ask nothing before *until*."""
        self._rest_until = max(self._rest_until, until)

    def forecast(self, now: float, weight: int) -> float:
        """Seconds until the last of requests that together count *weight* may be made, by the rule of sixty."""
        self._forget(now)
        frees = sorted(LONG - counted.age(now) for counted in self._counted for _ in range(counted.ration.weight))
        over = len(frees) + weight - LONG_MOST
        if over <= 0:
            return max(0.0, self._rest_until - now)
        # Each place is free again a window after it was taken.
        rounds, place = divmod(over - 1, LONG_MOST)
        free = frees[place] if place < len(frees) else LONG
        return max(free + rounds * LONG, self._rest_until - now)

    def refusal(self, what: str, seconds: float) -> HistoryPacing:
        """Why *what* has to wait."""
        wait = max(1, math.ceil(seconds))
        return HistoryPacing(
            f"{self.used} of the 60 requests that IB allows for bars of up to 30 seconds in 10 minutes are used; "
            f"the next one for {what} can be made in {wait} s.",
            retry_after=wait,
        )

    def _forget(self, now: float) -> None:
        self._counted = [counted for counted in self._counted if counted.age(now) < LONG]

    @staticmethod
    def _until_room(now: float, among: list[Counted], window: float, most: int, ration: Ration) -> float:
        """Seconds until one more fits into a window."""
        ages = sorted((counted.age(now) for counted in among for _ in range(counted.ration.weight)), reverse=True)
        ages = [age for age in ages if age < window]
        over = len(ages) + ration.weight - most
        return window - ages[over - 1] if over > 0 else 0.0
