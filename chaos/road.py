"""The worst road between a client and the service: answers cut anywhere, 429 and what proxies say, and at times nobody at its end."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trio

_BUSY = b"HTTP/1.1 %b\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_ANSWERS = (b"429 Too Many Requests", b"502 Bad Gateway", b"503 Service Unavailable", b"504 Gateway Timeout")
_LENGTHS = (0, 0, 50, 700, 3000, 10_000, 20_000, 60_000)
"""After how many octets of answers a connection is cut, which may be before the first."""
_REFUSED = 0.15
"""The share of connections that get an answer of the road's own."""


class Road:
    """Leads to the port of the service, whether anybody listens there or not."""

    def __init__(self, port: int, seed: int) -> None:
        self.smooth = True
        """Whether it lets all pass that begins now."""
        self.refused = self.cut = 0
        self._port = port
        self._random = random.Random(seed)

    async def carry(self, client: trio.SocketStream) -> None:
        """One connection, until one side ends it or it is cut."""
        with suppress(OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            if not self.smooth and self._random.random() < _REFUSED:
                await client.receive_some()
                self.refused += 1
                await client.send_all(_BUSY % self._random.choice(_ANSWERS))
                return
            async with await trio.open_tcp_stream("127.0.0.1", self._port) as service, trio.open_nursery() as both:
                both.start_soon(self._copy, client, service, both.cancel_scope, None)
                both.start_soon(self._copy, service, client, both.cancel_scope, None if self.smooth else self._random.choice(_LENGTHS))

    async def _copy(self, source: trio.SocketStream, target: trio.SocketStream, scope: trio.CancelScope, most: int | None) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for chunk in source:
                if most is not None and len(chunk) >= most:
                    self.cut += 1
                    await target.send_all(chunk[:most])
                    break
                await target.send_all(chunk)
                most = None if most is None else most - len(chunk)
        scope.cancel(reason="one side has ended")


@asynccontextmanager
async def open_road(road: Road) -> AsyncIterator[str]:
    """The URL at which it begins."""
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, road.carry, 0)
        yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel(reason="the run is over")
