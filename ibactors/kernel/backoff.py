"""How long to wait before the next attempt, after some that have failed."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Waits that grow, in seconds; the defaults are for attempts that cost nobody anything."""

    initial: float = 0.1
    factor: float = 1.5
    ceiling: float = 1.0
    jitter: float = 0.1
    """Up to this share is added at random, so that what fell together does not rise together."""

    def delay(self, failures: int) -> float:
        """Seconds to wait after the given number of failures."""
        base = min(self.initial * self.factor ** min(failures - 1, 50), self.ceiling)
        return base * (1 + random.uniform(0, self.jitter))
