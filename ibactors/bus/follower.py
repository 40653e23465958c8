"""When an edge may believe the feed: it is one unbroken stream, and a ping came back through it a moment ago.

As the feed keeps its order, an echo in it proves that all has arrived that was published before it. So what an edge knows is never older
than the moment in which it sent the newest ping that came back: no clock of another machine is asked, and every delay counts, wherever it
comes about.
"""

from collections.abc import Callable

from ibactors.bus.wire import Feed


class FeedBroken(Exception):
    """What comes over the bus is not to be believed any more; the message says why."""


class Follower:
    """What one edge knows of one stream of the feed."""

    def __init__(self, edge: str, *, lease: float, clock: Callable[[], float]) -> None:
        self._edge = edge
        self._lease = lease
        self._clock = clock
        self._sent: dict[int, float] = {}
        """When pings were sent that are not back yet."""
        self._nonce = 0
        self.stream = ""
        self.sequence = 0
        self.proven_at = clock()
        """All that was published before this moment has arrived."""

    def begin(self, stream: str, sequence: int, asked_at: float) -> None:
        """Follow *stream* after *sequence*, as the holder has said when it was asked at that moment."""
        self.stream, self.sequence, self.proven_at = stream, sequence, asked_at

    @property
    def age(self) -> float:
        """Seconds since the moment up to which all is known to have arrived."""
        return self._clock() - self.proven_at

    @property
    def fresh(self) -> bool:
        """Whether what is known may be shown now."""
        return self.age < self._lease

    @property
    def overdue(self) -> str:
        """Why it may not."""
        return f"Nothing was heard of the session's holder for {self._lease:g} s."

    def ping(self) -> int:
        """The nonce of a ping that is sent now."""
        self._nonce += 1
        self._sent[self._nonce] = self._clock()
        return self._nonce

    def follows(self, feed: Feed) -> bool:
        """Whether a message is news; raises FeedBroken when what is known is not to be believed any more."""
        if feed.stream != self.stream:
            raise FeedBroken("The session's holder, its session or its connection to the bus is another one.")
        if feed.sequence <= self.sequence:
            return False
        if feed.sequence != self.sequence + 1:
            raise FeedBroken(f"{feed.sequence - self.sequence - 1} messages of the session's holder were lost.")
        self.sequence = feed.sequence
        self._echoed(feed.echoes.get(self._edge, 0))
        if not self.fresh:
            raise FeedBroken(self.overdue)
        return True

    def _echoed(self, nonce: int) -> None:
        sent = self._sent.get(nonce)
        if sent is not None:
            self.proven_at = max(self.proven_at, sent)
            self._sent = {later: at for later, at in self._sent.items() if later > nonce}
