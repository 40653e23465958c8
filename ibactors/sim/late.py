"""Requests that a slow gateway looks at late: in their order, each after the same delay, while the market's ticks go on."""

from collections.abc import Callable

import trio

# A client that asks on and on while the gateway is slow waits with its next request.
_MOST_WAITING = 1000


class Backlog:
    """The requests of one connection on their way to `handle`; `delay_s` tells how late the gateway is at the moment."""

    def __init__(self, delay_s: Callable[[], float], handle: Callable[[bytes], None]) -> None:
        self._delay_s = delay_s
        self._handle = handle
        self._waiting = 0
        self._send, self._receive = trio.open_memory_channel[tuple[float, bytes]](_MOST_WAITING)

    async def take(self, body: bytes) -> None:
        """Handle a request now, or later; never before one that came earlier."""
        delay_s = self._delay_s()
        if delay_s == 0 and self._waiting == 0:
            self._handle(body)
            return
        self._waiting += 1
        await self._send.send((trio.current_time() + delay_s, body))

    async def run(self) -> None:
        """Handle what waits when it is due, until cancelled."""
        async for due, body in self._receive:
            await trio.sleep_until(due)
            # Handled first: what comes in this very step still has to queue behind it.
            self._handle(body)
            self._waiting -= 1
