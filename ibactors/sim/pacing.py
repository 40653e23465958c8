"""How often a user may ask for the past, counted as Interactive Brokers does for bars of up to 30 seconds.

Not the same question within 15 seconds; not six for one contract, exchange and kind of data within two; not more than 60 in ten
minutes, where bid and ask together count twice. All clients of a gateway are one user. What breaks a rule is always counted for
`stats`; it is refused only while the rules are enforced. Source: "Historical Data Limitations" of the TWS API documentation.
"""

import collections
from collections.abc import Hashable

SAME_S = 15.0
BURST_S = 2.0
BURST = 5
LONG_S = 600.0
LONG = 60


class Pacing:
    """The requests of the last ten minutes; `enforced` tells whether to refuse what breaks a rule."""

    def __init__(self) -> None:
        self.enforced = True
        self.requests = 0
        self.violations: collections.Counter[str] = collections.Counter()
        self._recent: collections.deque[tuple[float, Hashable, Hashable]] = collections.deque()

    def breaks(self, now: float, *, question: Hashable, subject: Hashable, weight: int = 1) -> bool:
        """Count a request; whether it breaks a rule and has to be refused.

        `question` is everything that makes requests identical, `subject` the contract, the exchange and the kind of data.
        """
        recent = self._recent
        while recent and now - recent[0][0] >= LONG_S:
            recent.popleft()
        rule = self._broken(now, question, subject, weight)
        self.requests += 1
        if rule is not None:
            self.violations[rule] += 1
            if self.enforced:
                # What is refused does not count; a gateway would have to be left alone for ten minutes otherwise.
                return True
        recent.extend([(now, question, subject)] * weight)
        return False

    def _broken(self, now: float, question: Hashable, subject: Hashable, weight: int) -> str | None:
        if any(q == question and now - at < SAME_S for at, q, _ in self._recent):
            return "same within 15 s"
        if sum(s == subject and now - at < BURST_S for at, _, s in self._recent) + weight > BURST:
            return "six within 2 s"
        return "60 within 10 min" if len(self._recent) + weight > LONG else None
