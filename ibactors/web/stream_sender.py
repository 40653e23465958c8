"""The sending side of one client of /ws/stream: one place a symbol, and a task that writes what is new.

A reader that is slow gets the newest quote and skips the rest, never delays anybody and never grows memory: a newer value takes the place
of an unsent one. All that is new for a client leaves in one write, as frames that were made once for all clients, through the
`Connection` below ASGI; without one (HTTP/2) messages are sent the ASGI way.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import NoReturn, Protocol
from urllib.parse import parse_qs

import trio
from hypercorn.typing import ASGISendCallable, WebsocketScope

from ibactors.actors.channels import Newest
from ibactors.actors.symbol import Failed
from ibactors.encoded import Encoded, text_frame
from ibactors.meters import Meters
from ibactors.model import AccountStale, Stale
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

    messages: list[_Message] = field(default_factory=list)
    size: int = 0
    delayed: bool = False


class Sender:
    """What is on its way to one client."""

    def __init__(self, meters: Meters, scope: WebsocketScope, send: ASGISendCallable) -> None:
        self._meters = meters
        self._send = send
        self._wire: Wire | None = scope["extensions"].get("ibactors.connection")  # type: ignore[assignment]
        self._batch = parse_qs(scope["query_string"]).get(b"batch") == [b"1"]
        self._outbox: Newest[Hashable, _Item] = Newest(on_skip=meters.skipped)
        self._held: dict[Subscription, _Message] = {}
        self._answers = 0
        self.put = self._outbox.put
        """Take a value of a key, usually a `Subscription`, in place of an unsent older one."""
        self.taken = self._outbox.taken
        """Wait until what is unsent now is being sent."""

    def answer(self, message: Message) -> None:
        """Take a message that no other replaces."""
        self._answers += 1
        self.put(self._answers, Encoded(message))

    def forget(self, subscription: Subscription) -> None:
        """Send nothing more of it."""
        subscription.active = False
        self._outbox.discard(subscription)
        self._held.pop(subscription, None)

    async def run(self) -> NoReturn:
        """Send what comes."""
        while True:
            chunk = _Chunk()
            for key, item in (await self._next_items()).items():
                # A write may take a while: what has a successor by now, such as `stale`, must not be shown any more.
                if key in self._outbox:
                    self._meters.skipped()
                    continue
                for message in self._messages(key, item):
                    chunk.messages.append(message)
                    chunk.size += len(message.frame)
                    chunk.delayed |= isinstance(key, Subscription) and key.interval > 0
                if chunk.size > CHUNK:
                    await self._write(chunk)
                    chunk = _Chunk()
            if chunk.messages:
                await self._write(chunk)

    async def ping(self) -> bool:
        """Ping the client, to be called every PING_INTERVAL; tells whether it has answered those before."""
        if self._wire is None:
            return True
        with trio.move_on_after(PING_INTERVAL / 2):
            await self._wire.send_frames(PING)
        return trio.current_time() < self._wire.heard_at + DEAD_AFTER

    async def _next_items(self) -> dict[Hashable, _Item]:
        """What is new, or due after an interval."""
        if not self._held:
            return await self._outbox.take()
        items: dict[Hashable, _Item] = {}
        with trio.move_on_at(min(subscription.next_due for subscription in self._held)):
            items = await self._outbox.take()
        present = trio.current_time()
        for subscription in [held for held in self._held if held.next_due <= present]:
            items.setdefault(subscription, self._held.pop(subscription))
        return items

    def _messages(self, key: Hashable, item: _Item) -> Iterable[_Message]:
        if not isinstance(key, Subscription):
            return (item,) if isinstance(item, Encoded) else ()
        if not key.active or item is None:
            return ()  # unsubscribed while the items were waiting
        if isinstance(item, Failed):
            return [Encoded(message) for message in key.on_failed(item)]
        return (item,) if not key.interval or self._is_due(key, item) else ()

    def _is_due(self, subscription: Subscription, update: _Message) -> bool:
        """Whether an update may go out now; if not, it is held until it may."""
        self._held.pop(subscription, None)
        if isinstance(update.value, Stale | AccountStale):
            return True
        present = trio.current_time()
        if present < subscription.next_due:
            self._held[subscription] = update
            return False
        subscription.next_due = present + subscription.interval
        return True

    async def _write(self, chunk: _Chunk) -> None:
        if self._wire is None:
            for text in [_array(chunk)] if self._batch else [message.json for message in chunk.messages]:
                await self._send({"type": "websocket.send", "bytes": None, "text": text.decode()})
        elif self._batch:
            await self._wire.send_frames(text_frame(_array(chunk)))
        else:
            await self._wire.send_frames(b"".join([message.frame for message in chunk.messages]))
        self._meters.streamed(chunk.messages, delayed=chunk.delayed)


def _array(chunk: _Chunk) -> bytes:
    return b"[%b]" % b",".join([message.json for message in chunk.messages])
