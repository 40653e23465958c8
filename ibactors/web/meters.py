"""What the web layer counts as it goes: cheap adds, read by `/metrics` and `/debug` when somebody looks.

A place that handles many things a second calls one method here per thing; none of them waits, fails or allocates more than a number.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import time

from ibactors.inside.histogram import Histogram
from ibactors.model.encoded import Encoded
from ibactors.model.logins import LoginPhase, LoginStatus
from ibactors.model.quotes import Quote

_LOGIN_ENDS = tuple(phase for phase in LoginPhase if phase.failed or phase is LoginPhase.API_READY)


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
    bus_edges: int = 0
    """Edges that are heard at the bus, where the session is."""
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
