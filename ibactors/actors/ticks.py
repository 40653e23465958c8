"""Ticks of one instrument and kind: their address, and the last of them for who comes again. The actor is in `ticks_actor.py`."""

import time
from collections import deque
from typing import Any, ClassVar

from ibactors.actors.lookup import Found
from ibactors.actors.ordered import OrderedRef
from ibactors.kernel.topic import Topic
from ibactors.model.encoded import Encoded
from ibactors.model.gaps import Gap, GapCode
from ibactors.model.sessions import SessionStatus
from ibactors.model.ticks import LiveKind, LiveTick
from ibactors.model.times import now

KEPT = 5_000
"""Ticks that are kept for who comes again."""


class TicksRef(OrderedRef):
    """The ticks of one instrument and kind, as the web layer sees them."""

    sort: ClassVar[str] = "ticks"

    def __init__(self, key: Any, of: LiveKind, found: Found, sessions: Topic[SessionStatus]) -> None:
        super().__init__(key, f"{found[0].name},{of}", found, sessions)
        self.of = of
        # No number of an earlier tape is ever one of this.
        self.first = self.next = time.time_ns() // 1000
        """The number of the next message."""
        self.kept: deque[Encoded[LiveTick | Gap]] = deque(maxlen=KEPT)

    def publish(self, message: LiveTick | Gap) -> None:
        """Tell everybody, and keep it; its number is the next."""
        self.next = message.sequence + 1
        encoded: Encoded[LiveTick | Gap] = Encoded(message)
        self.kept.append(encoded)
        self.updates.publish(encoded)

    def gap(self, code: GapCode, begin: str, end: str, *, lost: int | None, sequence: int) -> Gap:
        """What tells of ticks that are not there."""
        return Gap(
            **self.names,
            channel="ticks",
            kind=self.of,
            lost=lost,
            begin=begin,
            end=end,
            sequence=sequence,
            timestamp=now(),
            code=code,
        )

    def since(self, number: int) -> list[Encoded[Any]]:
        """What came after the message of that number; a gap first, where that is not kept any more."""
        if number == self.next - 1:
            return []
        first = self.kept[0].value.sequence if self.kept else self.next
        if first - 1 <= number < self.next:
            return [message for message in self.kept if message.value.sequence > number]
        known = self.first <= number < first
        begin = self.kept[0].value.timestamp if self.kept else now()
        gap = self.gap("forgotten", begin, begin, lost=first - 1 - number if known else None, sequence=first - 1)
        return [Encoded(gap), *self.kept]
