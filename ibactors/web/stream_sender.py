"""The sending side of one client of /ws/stream: one place a symbol, and what is new there written as soon as the socket takes it.

A reader that is slow gets the newest quote and skips the rest, never delays anybody and never grows memory: a newer value takes the place
of an unsent one. All that is new for a client leaves in one write, as frames that were made once for all clients. The writing is the
`Flusher`'s, one task for all clients, as long as sockets take what they are given; a client whose socket is full, or that wants its quotes
at intervals, is served by a task of its own until there is nothing left to wait for.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

import trio

from ibactors.actors.channels import Newest
from ibactors.actors.symbol import Failed
from ibactors.encoded import Encoded, text_frame
from ibactors.meters import Meters
from ibactors.model import AccountStale, Stale
from ibactors.web.flusher import Flusher
from ibactors.web.stream_messages import Message

CHUNK = 32 * 1024
"""Octets that are written at once; what has a successor by then is left out of the next chunk."""
PING = b"\x89\x00"
PING_INTERVAL = 20.0
"""Seconds between two pings; below the idle timeouts of proxies, 30 to 60 s."""
DEAD_AFTER = 100.0
"""Seconds without a word from a client, so without an answer to five pings, after which it is taken for gone."""


class Wire(Protocol):
    """What is used of the `Connection` below ASGI."""

    heard_at: float
    """When the client last sent anything, in `trio.current_time()` seconds."""

    @property
    def blocked(self) -> bool:
        """Whether something is being written, or waits to be: nothing more can be taken now."""

    def take_frames(self, frames: Sequence[bytes]) -> int:
        """Take whole WebSocket frames without waiting, while not `blocked`; how many were taken, in part or whole."""

    async def unblocked(self) -> None:
        """Wait until all that was taken is written."""

    async def send_frames(self, frames: bytes) -> None:
        """Send whole WebSocket frames."""


@dataclass(slots=True, kw_only=True, eq=False)
class Subscription:
    """One symbol, or one account, of one client."""

    interval: float
    """Seconds between two values, at least."""
    next_due: float = 0.0
    """Before this `trio.current_time()` no further value is sent."""
    listening: ExitStack = field(default_factory=ExitStack)
    active: bool = True
    """False once the client has unsubscribed."""
    on_failed: Callable[[Failed], Sequence[Message]] = lambda _: ()
    """Called when it is over; says what to tell the client."""


_Message = Encoded[object]
_Item = _Message | Failed | None


@dataclass(slots=True)
class _Chunk:
    """What is written at once."""

    keys: list[Hashable] = field(default_factory=list)
    messages: list[_Message] = field(default_factory=list)
    size: int = 0
    special: bool = False
    """Whether there are answers in it, or quotes that are wanted at intervals."""
    left: dict[Hashable, _Item] = field(default_factory=dict)
    """Items for which there was no room."""

    def add(self, key: Hashable, message: _Message) -> None:
        self.keys.append(key)
        self.messages.append(message)
        self.size += len(message.frame)


class Sender:
    """What is on its way to one client."""

    def __init__(self, meters: Meters, wire: Wire, flusher: Flusher, *, batch: bool) -> None:
        self._meters = meters
        self._wire = wire
        self._flusher = flusher
        self._batch = batch
        self._outbox: Newest[Hashable, _Item] = Newest(on_skip=meters.skipped, on_filled=self._filled)
        self._held: dict[Subscription, _Message] = {}
        self._answers = 0
        self._unsent_answers = 0
        self._answered = trio.Event()
        self._awaited = False
        """Whether somebody, flusher or own task, is going to look at the outbox anyway."""
        self._called = trio.Event()
        """Set to have the own task look."""
        self._looks_at = math.inf
        """When the own task looks without being called."""
        self._error: Exception | None = None
        self.put = self._outbox.put
        """Take a value of a key, usually a `Subscription`, in place of an unsent older one."""

    def answer(self, message: Message) -> None:
        """Take a message that no other replaces."""
        self.put(self._answer_key(), Encoded(message))

    async def answered(self) -> None:
        """Wait until no answer is unsent; for a reader that must not run ahead."""
        if self._unsent_answers:
            self._answered = trio.Event()
            await self._answered.wait()

    def forget(self, subscription: Subscription) -> None:
        """Send nothing more of it."""
        subscription.active = False
        self._outbox.discard(subscription)
        self._held.pop(subscription, None)

    async def ping(self) -> bool:
        """Ping the client, to be called every PING_INTERVAL; tells whether it has answered those before."""
        with trio.move_on_after(PING_INTERVAL / 2):
            await self._wire.send_frames(PING)
        return trio.current_time() < self._wire.heard_at + DEAD_AFTER

    async def run(self) -> NoReturn:
        """Send what the flusher cannot: what a full socket does not take, and what is due later. Raises what `fail` was given."""
        while True:
            self._looks_at = min([subscription.next_due for subscription in self._held], default=math.inf)
            with trio.move_on_at(self._looks_at):
                await self._called.wait()
            self._called = trio.Event()
            if self._error is not None:
                raise self._error
            self._awaited = True
            self._release_due()
            while not self._write():
                await self._wire.unblocked()
            self._awaited = False

    def flush(self) -> None:
        """Write what is new, as far as that takes no waiting; for the flusher."""
        if self._write():
            self._awaited = False
        else:
            self._called.set()

    def fail(self, error: Exception) -> None:
        """End the client's stream: its `flush` has failed."""
        self._error = error
        self._called.set()

    def _filled(self) -> None:
        if not self._awaited:
            self._awaited = True
            self._flusher.call(self)

    def _write(self) -> bool:
        """Write what the socket takes; tells whether there is nothing left to write."""
        while self._outbox and not self._wire.blocked:
            chunk = self._next_chunk()
            if chunk.messages:
                frames = [text_frame(_array(chunk))] if self._batch else [message.frame for message in chunk.messages]
                taken = self._wire.take_frames(frames)
                self._note(chunk, len(chunk.messages) if self._batch else taken)
            if chunk.left:
                self._outbox.put_back(chunk.left)
        return not self._wire.blocked

    def _next_chunk(self) -> _Chunk:
        chunk = _Chunk()
        for key, item in self._outbox.drain().items():
            if chunk.size > CHUNK:
                chunk.left[key] = item
            elif isinstance(item, Encoded):
                if not isinstance(key, Subscription):
                    chunk.special = True
                elif not key.active or (key.interval and not self._is_due(chunk, key, item)):
                    continue
                chunk.add(key, item)
            elif isinstance(item, Failed) and isinstance(key, Subscription) and key.active:
                chunk.special = True
                for message in key.on_failed(item):
                    chunk.add(self._answer_key(), Encoded(message))
        return chunk

    def _is_due(self, chunk: _Chunk, subscription: Subscription, message: _Message) -> bool:
        """Whether a message that is wanted at intervals may go out; if not, it is held until it may."""
        chunk.special = True
        self._held.pop(subscription, None)
        if trio.current_time() >= subscription.next_due or isinstance(message.value, Stale | AccountStale):
            return True
        self._held[subscription] = message
        if subscription.next_due < self._looks_at:
            self._called.set()
        return False

    def _release_due(self) -> None:
        present = trio.current_time()
        due = [subscription for subscription in self._held if subscription.next_due <= present]
        self._outbox.put_back({subscription: self._held.pop(subscription) for subscription in due})

    def _note(self, chunk: _Chunk, sent: int) -> None:
        """The first *sent* messages are sent, the others wait on."""
        delayed = False
        if chunk.special:
            present = trio.current_time()
            for key, message in zip(chunk.keys[:sent], chunk.messages, strict=False):
                if isinstance(key, Subscription):
                    delayed |= key.interval > 0
                    key.next_due = present + key.interval if not isinstance(message.value, Stale | AccountStale) else key.next_due
                elif isinstance(key, int):
                    self._unsent_answers -= 1
            if not self._unsent_answers:
                self._answered.set()
        if sent < len(chunk.messages):
            chunk.left = {**dict(zip(chunk.keys[sent:], chunk.messages[sent:], strict=True)), **chunk.left}
        self._meters.streamed(chunk.messages[:sent], delayed=delayed)

    def _answer_key(self) -> int:
        self._answers += 1
        self._unsent_answers += 1
        return self._answers


def _array(chunk: _Chunk) -> bytes:
    return b"[%b]" % b",".join([message.json for message in chunk.messages])
