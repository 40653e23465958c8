"""What one client of server-sent events gets: the pieces of its response, made of the same values as the messages of a WebSocket."""

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, Never

import trio

from ibactors.actors.symbol import Failed, Moved
from ibactors.kernel.topic import Topic
from ibactors.model.encoded import Encoded
from ibactors.web.contract.caller import Caller
from ibactors.web.contract.codec import encode
from ibactors.web.contract.messages import Message, error_message
from ibactors.web.moving import Moves
from ibactors.web.newest import Newest
from ibactors.web.stream.slot import Backlog, Entry, Slot, is_due, note_sent, said, voids
from ibactors.web.stream.subscription import Subscription
from ibactors.web.stream.subscriptions import Subscriptions

PING_S = 15.0
"""Below the idle timeouts of proxies, 30 to 60 s."""
CHUNK = 32 * 1024
"""Octets of one channel, about, that are written at once."""
_PING = b": nothing new\n\n"
_START = b"retry: 2000\n\n"
_Item = Encoded[Any] | Failed | Backlog


class Events(AsyncIterator[bytes]):
    """What one client gets, as pieces of its response."""

    def __init__(
        self,
        stop: trio.Event,
        caller: Caller,
        holder: str,
        id_of: Callable[[Slot | None, Encoded[Any]], str | None],
        moves: Moves | None = None,
    ) -> None:
        self.subscriptions = Subscriptions(caller, self, holder=holder, moves=moves)
        """What it wants; the stream ends when there is nothing left of it."""
        self._stop = stop
        self._id_of = id_of
        """What an event is known by when the client comes again."""
        self._pending: Newest[Hashable, _Item] = Newest()
        self._held: dict[Slot, Encoded[Any]] = {}
        """Values that are wanted at intervals and not due yet."""
        self._feeds: list[Callable[[], Awaitable[Never]]] = []
        self._started = False

    def follow(self, topic: Topic[Any], slot: Hashable) -> AbstractContextManager[object]:
        """Send each new value of *topic* inside the block."""
        return topic.listening(partial(self.put, slot))

    def put(self, slot: Hashable, value: Any) -> None:
        """Send a value, in place of an unsent older one of the slot."""
        if value is not None:
            self._pending.put(slot, value)

    def forget(self, slot: Slot) -> None:
        """Send nothing more of it."""
        slot.active = False
        self._pending.discard(slot)
        self._held.pop(slot, None)

    @contextmanager
    def feeding(self, feed: Callable[[], Awaitable[Never]]) -> Iterator[None]:
        """Have *feed* run inside the block, as long as the client waits for something."""
        self._feeds.append(feed)
        try:
            yield
        finally:
            self._feeds.remove(feed)

    def failed(self, subscription: Subscription, failed: Failed) -> Sequence[Message]:
        """What to say of a subscription that failed; it is one no more, unless its instrument goes on under another name."""
        if isinstance(failed, Moved):
            self.subscriptions.move(subscription, failed.to.updates)
            return ()
        if self.subscriptions.goes_on(subscription, failed):
            return ()
        error = error_message(failed.error, names=subscription.names)
        self.subscriptions.stop(subscription)
        return [error]

    async def __anext__(self) -> bytes:
        if not self._started:
            self._started = True
            return _START
        ping_at = trio.current_time() + PING_S
        while True:
            if self._stop.is_set() or not list(self.subscriptions):
                raise StopAsyncIteration
            pending = await self._take(min([ping_at, *(slot.next_due for slot in self._held)], default=math.inf))
            piece = b"".join([self._event(slot, value) for slot, value in pending.items()]) + self._due()
            if piece or trio.current_time() >= ping_at:
                return piece or _PING

    async def _take(self, until: float) -> dict[Hashable, _Item]:
        pending: dict[Hashable, _Item] = {}
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._end_with_service, nursery.cancel_scope)
            nursery.cancel_scope.deadline = until
            for feed in self._feeds:
                nursery.start_soon(feed)
            pending = await self._pending.take()
            nursery.cancel_scope.cancel(reason="there is something to send")
        return pending

    async def _end_with_service(self, scope: trio.CancelScope) -> None:
        await self._stop.wait()
        scope.cancel(reason="the service stops")

    def _event(self, slot: Hashable, value: _Item) -> bytes:
        if isinstance(value, Backlog):
            taken = value.take(CHUNK)
            if value:
                self._pending.put(value, value)
            return b"".join([self._data(entry, message) for entry, message in taken])
        if isinstance(value, Failed):
            told = slot.on_failed(value) if isinstance(slot, Slot) and slot.active else ()
            return b"".join([_data(encode(message)) for message in told])
        if isinstance(slot, Slot):
            self._held.pop(slot, None)
            if not is_due(slot, value):
                self._held[slot] = value
                return b""
        return self._data(slot, value)

    def _due(self) -> bytes:
        due = [slot for slot in self._held if is_due(slot, self._held[slot])]
        return b"".join([self._data(slot, self._held.pop(slot)) for slot in due])

    def _data(self, key: Hashable, value: Encoded[Any]) -> bytes:
        slot = key.slot if isinstance(key, Entry) else key if isinstance(key, Slot) else None
        if slot is not None and slot.interval and not voids(value):
            slot.next_due = trio.current_time() + slot.interval
        told = said(slot, value)
        if slot is not None:
            note_sent(slot, value)
        return _data(told.json, self._id_of(slot, value))


def _data(json: bytes, event_id: str | None = None) -> bytes:
    return (f"id: {event_id}\n".encode() if event_id else b"") + b"data: " + json + b"\n\n"
