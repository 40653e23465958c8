"""Where values wait for one client: the newest of something in a `Slot`, or all of a channel, up to a bound, in a `Backlog`.

A channel that skips nothing has one backlog for each client. Its writers never wait, and it never grows beyond its bound: what finds no
room is counted, and told in its place, once and exactly.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import trio

from ibactors.actors.symbol import Failed
from ibactors.model.encoded import Encoded
from ibactors.web.contract.messages import Message

MOST_WAITING = 10_000
"""Values of one channel that wait for one client at most."""


@dataclass(slots=True, kw_only=True, eq=False)
class Lost:
    """Values of one slot that found no room, one after the other."""

    count: int = 1
    first: Encoded[Any]
    last: Encoded[Any]


@dataclass(slots=True, kw_only=True, eq=False)
class Slot:
    """Where the newest of one symbol, or one account, waits for one client."""

    interval: float
    """Seconds between two values, at least."""
    next_due: float = 0.0
    """Before this `trio.current_time()` no further value is sent."""
    active: bool = True
    """False once the client has unsubscribed."""
    members: bytes = b""
    """JSON members that each value gets for this client, such as the id of its subscription."""
    position: str = ""
    """Names it among those of its client whose values have numbers to go on from; empty where they have none."""
    change: Callable[[Encoded[Any] | None, Encoded[Any]], Encoded[Any]] | None = None
    """What is sent in place of a value, by what was sent last; see `Source.change`."""
    sent: Encoded[Any] | None = None
    """The value that the client has, where there is `change`."""
    on_failed: Callable[[Failed], Sequence[Message]] = lambda _: ()
    """Called when it is over; says what to tell the client."""
    on_lost: Callable[[Lost], Sequence[Any]] = lambda _: ()
    """Called when values that found no room are to be told of; says what to tell the client."""
    lost: Lost | None = None
    """The newest of it that found no room, as long as it counts on."""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One value on its way out of a backlog, which no other replaces."""

    slot: Slot | None
    """None for the last word on one that is over."""

    @property
    def active(self) -> bool:
        """False once the client has unsubscribed."""
        return self.slot is None or self.slot.active

    @property
    def members(self) -> bytes:
        """As those of its slot."""
        return b"" if self.slot is None else self.slot.members


class Backlog:
    """All that waits of one channel for one client, in order.

    It lies in the client's outbox while there is something in it; whoever takes something out puts it back there while there is more.
    """

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._waiting: deque[tuple[Slot, Encoded[Any] | Failed | Lost]] = deque()
        self._emptied = trio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def has_room(self) -> bool:
        """Whether one more value would be kept."""
        return len(self._waiting) < self._most

    def add(self, slot: Slot, value: Encoded[Any] | Failed) -> bool:
        """Take a value; tells whether it is the first, so that the backlog belongs into the outbox."""
        was_empty = not self._waiting
        if was_empty:
            self._emptied = trio.Event()
        # After a loss half of the room must be free first: a gap is told for many values, not one for each.
        if slot.lost is not None and len(self._waiting) <= self._most // 2:
            slot.lost = None
        if isinstance(value, Failed) or (slot.lost is None and self.has_room):
            self._waiting.append((slot, value))
        elif slot.lost is not None:
            slot.lost.count += 1
            slot.lost.last = value
        else:
            slot.lost = Lost(first=value, last=value)
            self._waiting.append((slot, slot.lost))
        return was_empty

    def take(self, octets: int) -> list[tuple[Entry, Encoded[Any]]]:
        """The oldest, about so many octets of JSON."""
        taken: list[tuple[Entry, Encoded[Any]]] = []
        while self._waiting and octets > 0:
            slot, value = self._waiting.popleft()
            if slot.active:
                told = list(self._told(slot, value))
                taken += told
                octets -= sum(len(message.json) for _, message in told)
        if not self._waiting:
            self._emptied.set()
        return taken

    async def emptied(self) -> None:
        """Wait until all that waits has been taken."""
        if self._waiting:
            await self._emptied.wait()

    def _told(self, slot: Slot, value: Encoded[Any] | Failed | Lost) -> list[tuple[Entry, Encoded[Any]]]:
        if isinstance(value, Encoded):
            return [(Entry(slot), value)]
        if isinstance(value, Failed):
            return [(Entry(None), Encoded(message)) for message in slot.on_failed(value)]
        if slot.lost is value:
            slot.lost = None
        return [(Entry(slot), Encoded(message)) for message in slot.on_lost(value)]


def said(key: object, message: Encoded[Any]) -> Encoded[Any]:
    """What is to be sent for a message: to be asked when it is sent, and `note_sent` told when it has been."""
    return key.change(key.sent, message) if isinstance(key, Slot) and key.change is not None else message


def note_sent(slot: Slot, message: Encoded[Any]) -> None:
    """From here on the client has it."""
    if slot.change is not None:
        slot.sent = message


def voids(message: Encoded[Any]) -> bool:
    """Whether it says that what was sent before must not be taken for current; that is never held back."""
    return isinstance(message.value, msgspec.Struct) and message.value.__struct_config__.tag == "stale"


def is_due(slot: Slot, message: Encoded[Any]) -> bool:
    """Whether a message that may be wanted at intervals may go out now."""
    return not slot.interval or trio.current_time() >= slot.next_due or voids(message)
