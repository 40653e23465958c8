"""What is on its way to one client, bounded: a slow client costs itself ticks and then its socket.

Handlers and the market post bytes without waiting; the session's writer task sends them. Above the soft limit ticks are refused, and the
refused lines get their newest values once there is room. Above the hard limit, or when the client takes nothing for too long, the session
ends.
"""

from collections.abc import Callable
from typing import NoReturn

import trio

from ibactors.sim.wire.delivery import Delivery

SOFT_LIMIT = 256 * 1024
HARD_LIMIT = 8 * 1024 * 1024
STALL_S = 30.0
_CHUNK = 64 * 1024


class ClientTooSlow(Exception):
    """The client does not take what it asked for; the session ends."""


class Outbox:
    """Outgoing bytes of one session; `muted` tells whether to discard everything instead, `delivery` how to send."""

    def __init__(self, muted: Callable[[], bool], delivery: Delivery) -> None:
        self._muted = muted
        self._delivery = delivery
        self._data = bytearray()
        self._news = trio.Event()
        self._drained = trio.Event()
        self._drained.set()
        self._overflowed = False
        self._sending = trio.CancelScope()

    def post(self, data: bytes) -> None:
        """Queue an answer; above the hard limit it is lost and the session ends.

        Never raises: the caller (the market, a control command) must not suffer for one client.
        """
        if self._muted() or self._overflowed:
            return
        if len(self._data) + len(data) > HARD_LIMIT:
            self._overflowed = True
            self._sending.cancel(reason="the client's outbox is over its limit")
            self._news.set()
            return
        self._data += data
        self._drained = trio.Event() if self._drained.is_set() else self._drained
        self._news.set()

    def post_ticks(self, data: bytes) -> bool:
        """Queue ticks; False when there is no room and the caller has to come back with newer ones."""
        if self._muted():
            return True
        if len(self._data) > SOFT_LIMIT:
            return False
        self.post(data)
        return True

    @property
    def has_room(self) -> bool:
        """Whether the client keeps up; a session reads no further request while it does not."""
        return len(self._data) <= SOFT_LIMIT

    async def drained(self) -> None:
        """Wait until everything that was posted has gone to the socket."""
        await self._drained.wait()

    async def send_forever(self, stream: trio.abc.SendStream, refill: Callable[[], None]) -> NoReturn:
        """Send what is posted; `refill` is called whenever the outbox has run low after it was full."""
        full = False
        while True:
            await self._news.wait()
            await self._delivery.gather()
            full = full or not self.has_room
            chunk = bytes(self._data[:_CHUNK])
            del self._data[: len(chunk)]
            with trio.move_on_after(STALL_S) as self._sending:
                await self._delivery.send(stream, chunk)
            if self._overflowed:
                raise ClientTooSlow(f"more than {HARD_LIMIT} bytes would wait for the client")
            if self._sending.cancelled_caught:
                raise ClientTooSlow(f"the client took nothing for {STALL_S:.0f} s")
            if full and len(self._data) <= SOFT_LIMIT // 2:
                full = False
                refill()
            if not self._data:
                self._news = trio.Event()
                self._drained.set()
