"""What the session with a gateway was in the last day, for whoever asks afterwards when it was that prices stood still."""

import time
from collections import deque
from collections.abc import Callable

from ibactors.model.sessions import SessionPhase, SessionStatus
from ibactors.model.times import Value, rfc3339, seconds_of

KEPT = 86_400.0
"""Seconds for which changes are kept."""
MOST = 2_000
"""Changes that are kept: a day in which there are more loses its beginning, and says so."""


class SessionChange(Value, frozen=True, kw_only=True):
    """What the session was from a moment on."""

    at: str
    """When that began."""
    phase: SessionPhase
    """What the session was doing."""
    epoch: int
    """Counts sessions."""
    reason: str | None
    """What was wrong, in words; null while nothing was."""


class Timeline:
    """The changes of one session's state, oldest first."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        """Unix time."""
        self._changes: deque[SessionChange] = deque()
        self._known_since = clock()

    def note(self, status: SessionStatus) -> None:
        """Take note of what it is now; what says nothing new is no change."""
        if self._changes:
            last = self._changes[-1]
            if (last.phase, last.epoch, last.reason) == (status.phase, status.epoch, status.reason):
                return
        present = self._clock()
        self._changes.append(SessionChange(at=rfc3339(present), phase=status.phase, epoch=status.epoch, reason=status.reason))
        # What was in force when the day began belongs to it.
        while len(self._changes) > MOST or (len(self._changes) > 1 and seconds_of(self._changes[1].at) <= present - KEPT):
            self._changes.popleft()
            self._known_since = max(self._known_since, seconds_of(self._changes[0].at))

    def since(self, moment: float) -> tuple[float, tuple[SessionChange, ...]]:
        """From when on it is known, at the earliest *moment* (Unix time), and the changes that were in force since then."""
        beginning = max(moment, self._known_since)
        changes = tuple(self._changes)
        later = [n for n, change in enumerate(changes) if seconds_of(change.at) > beginning]
        first = later[0] if later else len(changes)
        return beginning, changes[max(0, first - 1) :]
