"""How much the machine itself is late: the harness's own loop, and programs that could run but had to wait for a processor.

Every limit of a run is longer by that, so that a busy machine is not blamed on the service; what was allowed is printed. Time in which the
service itself computes, or sleeps, is no such time.
"""

import bisect
import collections
from collections.abc import Callable
from pathlib import Path

STEP_S = 0.02
_RECENT_MS = 1000.0
_PAUSES = 20
"""Pauses that are remembered."""
_REMEMBERED = 6000
"""Samples: two minutes, longer than any fault and its consequences."""


class Machine:
    """Samples of lateness, one each `STEP_S`; times are milliseconds of the clock that the caller keeps to."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._times: list[float] = []
        self._waited: list[float] = []
        self._late = collections.deque[float](maxlen=int(_RECENT_MS / 1000 / STEP_S))
        self._pauses: list[tuple[float, float]] = []
        self.longest_ms = 0.0
        """The largest allowance for a second."""

    @property
    def waited_ms(self) -> float:
        """How long the programs have waited for a processor since they started."""
        return self._waited[-1] if self._waited else 0.0

    def note(self, late: float, waited: float) -> None:
        """Take note of how late the harness is, and how long the programs have waited in all."""
        now = self._clock()
        if len(self._times) >= 2 * _REMEMBERED:
            del self._times[:_REMEMBERED], self._waited[:_REMEMBERED]
        self._times.append(now)
        self._waited.append(waited)
        self._late.append(late)
        self.longest_ms = max(self.longest_ms, self.allowance(now))

    def paused(self, begun: float, ended: float) -> None:
        """Take note that the service was stopped from outside: it cannot answer meanwhile."""
        self._pauses = [*self._pauses[-_PAUSES:], (begun, ended)]

    def paused_ms(self, since: float) -> float:
        """How long it was since then."""
        return sum(ended - max(begun, since) for begun, ended in self._pauses if ended > since)

    def allowance(self, since: float) -> float:
        """By how much something that began at `since` may be late, in milliseconds; at least what the last second demands.

        A sample that is overdue counts as it stands: when a machine has stood still, whoever judges may run before the next one is taken.
        """
        if not self._times:
            return 0.0
        overdue = self._clock() - self._times[-1] - STEP_S * 1000
        first = bisect.bisect_left(self._times, min(since, self._times[-1] - _RECENT_MS))
        return max(overdue, *self._late) + self._waited[-1] - self._waited[first]


def waited_ms(pid: int) -> float:
    """How long the main thread of a process could have run but had no processor; 0 where the kernel does not tell."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e6
    except (OSError, IndexError):
        return 0.0
