"""What was told last of something that skips nothing, by number: for who comes again, and for who must be told that something is lost."""

import time
from bisect import insort
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from ibactors.model.encoded import Encoded
from ibactors.model.gaps import Gap, GapCode
from ibactors.model.times import now


class Tape:
    """The messages of one thing, numbered. It lies on a ref, so that it outlives a crash of the actor that writes it.

    Invariant: each message that was told after the number `_forgotten` is kept, but for those that were passed over.
    """

    def __init__(self, channel: str, names: Callable[[], Mapping[str, Any]], *, most: int, kind: str | None = None) -> None:
        self._channel = channel
        self._names = names
        self._kind = kind
        # No number of an earlier tape is ever one of this.
        self.next = time.time_ns() // 1000
        """The number of the next message."""
        self._first = self.next
        self._forgotten = self.next - 1
        """The number of the last message that is not kept any more."""
        self._most = most
        self._kept: deque[Encoded[Any]] = deque()

    def keep(self, message: Any) -> Encoded[Any]:
        """Write a message that has the next number, or a gap that ends with it."""
        self.next = message.sequence + 1
        encoded = Encoded(message)
        if len(self._kept) == self._most:
            self._forgotten = self._kept.popleft().value.sequence
        self._kept.append(encoded)
        return encoded

    def pass_over(self, message: Any) -> Encoded[Any]:
        """Number a message that is of no use to who comes again: a later one says more."""
        self.next = message.sequence + 1
        return Encoded(message)

    def gap(self, code: GapCode, begin: str, end: str, *, lost: int | None = None) -> Gap:
        """What tells of messages that come no more, to be written next."""
        return self._gap(code, begin, end, lost=lost, sequence=self.next if lost is None else self.next + lost - 1)

    def newest(self) -> list[Encoded[Any]]:
        """All that is kept, the oldest first."""
        return list(self._kept)

    def since(self, number: int, present: Encoded[Any] | None = None) -> list[Encoded[Any]]:
        """What came after the message of that number; a gap first, where that is not kept any more.

        *present*: what holds at the moment, if that was passed over.
        """
        told = list(self._kept)
        if present is not None and present not in told:
            insort(told, present, key=lambda message: message.value.sequence)
        if self._forgotten <= number < self.next:
            return [message for message in told if message.value.sequence > number]
        lost = self._forgotten - number if self._first <= number < self.next else None
        at = told[0].value.timestamp if told else now()
        return [Encoded(self._gap("forgotten", at, at, lost=lost, sequence=self._forgotten)), *told]

    def taken_up(self, since: str) -> Encoded[Gap]:
        """What tells who has followed another tape until then that what came meanwhile is lost; this one is followed from here on."""
        return Encoded(self._gap("interrupted", since, now(), lost=None, sequence=self.next - 1))

    def _gap(self, code: GapCode, begin: str, end: str, *, lost: int | None, sequence: int) -> Gap:
        return Gap(
            **self._names(),
            channel=self._channel,
            kind=self._kind,
            lost=lost,
            begin=begin,
            end=end,
            sequence=sequence,
            timestamp=now(),
            code=code,
        )
