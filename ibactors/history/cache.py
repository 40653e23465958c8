"""Finished bars, kept so that IB is not asked for them again: the least recently used give way.

What is kept of a stretch is its beginning, up to a time; the rest is asked for when somebody needs it. IB adjusts the whole past for a
split on the day of it, so that nothing is kept for longer than `KEPT`.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from ibactors.history.rows import Rows

KEPT = 12 * 3600.0
"""Seconds."""
_OVERHEAD = 500
"""Octets that a stretch takes besides its bars."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The finished bars of a stretch that begin before `until`."""

    rows: Rows
    until: int
    since: float
    """When the first of them were asked for."""


class Cache:
    """Stretches by contract, exchange, size, kind, hours and begin; at most *octets* of them."""

    def __init__(self, octets: int) -> None:
        self._most = octets
        self._kept: OrderedDict[Hashable, Finished] = OrderedDict()
        self.octets = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable, now: float) -> Finished | None:
        """What is kept of a stretch."""
        found = self._kept.get(key)
        if found is None:
            return None
        if now - found.since >= KEPT:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return found

    def put(self, key: Hashable, finished: Finished) -> None:
        """Keep it, in place of what was kept of the stretch."""
        if key in self._kept:
            self._drop(key)
        self._kept[key] = finished
        self.octets += finished.rows.octets + _OVERHEAD
        while self.octets > self._most:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Hashable) -> None:
        self.octets -= self._kept.pop(key).rows.octets + _OVERHEAD
