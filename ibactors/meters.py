"""What the service counts as it goes: cheap adds on the way, read by `/metrics` and `/debug` when somebody looks.

A place that handles many things a second calls one method here, once a thing; none of them waits, fails or allocates more than a number.
Everything that can be read off the actors at the time of asking is not counted at all.
"""

import math
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import time

from ibactors.encoded import Encoded
from ibactors.login.model import LoginPhase, LoginStatus
from ibactors.model import Quote, Value, now

BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets of a duration, in seconds."""
NOTICES = 50
"""How many of IB's errors and notices are kept to be shown."""


_LOGIN_ENDS = tuple(phase for phase in LoginPhase if phase.failed or phase is LoginPhase.API_READY)


class Histogram:
    """How often a duration fell into each bucket; times in seconds."""

    __slots__ = ("counts", "highest", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.sum = 0.0
        self.highest = 0.0

    def add(self, seconds: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.sum += seconds
        self.highest = max(self.highest, seconds)

    @property
    def count(self) -> int:
        """How many observations there were."""
        return sum(self.counts)

    def percentile(self, share: float) -> float | None:
        """The duration that *share* (0 to 1) of the observations stay within, as exact as the buckets; None without observations."""
        wanted = share * self.count
        if not wanted:
            return None
        below = 0
        for index, count in enumerate(self.counts):
            if below + count >= wanted:
                low = BOUNDS[index - 1] if index else 0.0
                high = min(BOUNDS[index] if index < len(BOUNDS) else self.highest, self.highest)
                return min(low + (max(high, low) - low) * (wanted - below) / count, self.highest)
            below += count
        return self.highest


class Notice(Value, frozen=True, kw_only=True):
    """An error or notice of IB's (message 4), of whatever request."""

    timestamp: str
    code: int
    text: str


@dataclass(slots=True)
class GatewayTally:
    """The traffic with the gateway over all sessions; the bridge adds to it."""

    received: int = 0
    """Messages from the gateway."""
    sent: int = 0
    errors: Counter[int] = field(default_factory=Counter)
    """IB's errors and notices (message 4) by code."""
    notices: deque[Notice] = field(default_factory=lambda: deque(maxlen=NOTICES))
    """The last of them, oldest first."""

    def noticed(self, code: int, text: str) -> None:
        """IB sent an error or a notice."""
        self.errors[code] += 1
        self.notices.append(Notice(timestamp=now(), code=code, text=text.strip()))


@dataclass(slots=True)
class Meters:
    """Counters of the web layer; one set for each service."""

    requests: dict[tuple[str, str, int], Histogram] = field(default_factory=dict)
    """Handling time by method, route as in the OpenAPI document, and status."""
    served: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Quotes by way (`rest`, `stream`) and freshness: the kind of market data, or `stale` for what stands in a quote's place."""
    quote_age: Histogram = field(default_factory=Histogram)
    """Time from a tick's arrival to its quote being served by REST: how old what was asked for was."""
    tick_to_client: Histogram = field(default_factory=Histogram)
    """Time from a tick's arrival to its being written to one WebSocket client, for the oldest of the updates that leave in one write."""
    stream_received: int = 0
    stream_sent: int = 0
    logins: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(_LOGIN_ENDS, 0)))
    """Logins by how they ended: `api_ready`, or the phase of a failure."""
    _last_login: tuple[int, LoginPhase] | None = None
    skips: int = 0
    """Updates that a slow reader did not get, because a newer one of the symbol took their place."""

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        key = method, route, status
        histogram = self.requests.get(key)
        if histogram is None:
            histogram = self.requests[key] = Histogram()
        histogram.add(seconds)

    def quoted(self, quote: Encoded[Quote]) -> None:
        """A quote was served by REST."""
        self.served["rest", quote.freshness or ""] += 1
        self.quote_age.add(time() - quote.arrived)

    def login_changed(self, status: LoginStatus) -> None:
        """Where the gateway's login is has changed. An end of a login counts once; somebody else's logins, which have no number, do not."""
        end = status.attempt, status.phase
        if status.attempt and status.phase in _LOGIN_ENDS and end != self._last_login:
            self._last_login = end
            self.logins[status.phase.value] += 1

    def skipped(self) -> None:
        """An update was not sent to a WebSocket client, because there is a newer one."""
        self.skips += 1

    def streamed(self, messages: Sequence[Encoded[object]], *, delayed: bool) -> None:
        """Messages were written to a WebSocket client at once; *delayed* when some were held back because it wants them at intervals."""
        self.stream_sent += len(messages)
        kinds = [message.freshness for message in messages]
        for freshness in set(kinds):
            if freshness is not None:
                self.served["stream", freshness] += kinds.count(freshness)
        oldest = min([message.arrived for message in messages])  # a list, as a generator costs three times as much
        if oldest < math.inf and not delayed:
            self.tick_to_client.add(time() - oldest)
