"""Durations counted in buckets."""

from bisect import bisect_left

BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets of a duration, in seconds."""


class Histogram:
    """How often a duration fell into each bucket; times in seconds."""

    __slots__ = ("_counts", "highest", "sum")

    def __init__(self) -> None:
        self._counts: list[int] = []
        """As far as there was anything to count: each symbol has several of these, and most durations are short."""
        self.sum = 0.0
        self.highest = 0.0

    def add(self, seconds: float) -> None:
        """Count one observation."""
        bucket = bisect_left(BOUNDS, seconds)
        if bucket >= len(self._counts):
            self._counts.extend([0] * (bucket + 1 - len(self._counts)))
        self._counts[bucket] += 1
        self.sum += seconds
        self.highest = max(self.highest, seconds)

    @property
    def counts(self) -> list[int]:
        """The observations in each bucket, last those above all bounds."""
        return self._counts + [0] * (len(BOUNDS) + 1 - len(self._counts))

    @property
    def count(self) -> int:
        """How many observations there were."""
        return sum(self._counts)

    def percentile(self, share: float) -> float | None:
        """The duration that *share* (0 to 1) of the observations stay within, as exact as the buckets; None without observations."""
        wanted = share * self.count
        if not wanted:
            return None
        below = 0
        for index, count in enumerate(self._counts):
            if below + count >= wanted:
                low = BOUNDS[index - 1] if index else 0.0
                high = min(BOUNDS[index] if index < len(BOUNDS) else self.highest, self.highest)
                return min(low + (max(high, low) - low) * (wanted - below) / count, self.highest)
            below += count
        return self.highest
