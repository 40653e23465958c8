"""The clients that do no good: a crowd that comes at once, streams that say nothing, and requests that come octet by octet."""

from collections import Counter
from contextlib import suppress

import trio

from chaos.wire import HungUpError, StreamClient

MANNERS = {
    "asks": b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "silent": b"",
    "half": b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n",
}
"""What a client of the crowd says, before it waits to be turned out."""
_DUE = {"asks": b"HTTP/1.1 200 ", "silent": b"", "half": b"HTTP/1.1 408 "}
_AT_THE_DOOR = 500
_PATIENCE_S = 60.0
_OCTET_S = 0.25
_SLOW = (
    b"GET /market/quote/AAPL HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"a" * 1000,
    MANNERS["half"].replace(b" 10", b" 1000") + b" " * 1000,
)


class Crowd:
    """Connections that all come at once and stay for as long as they may."""

    def __init__(self, port: int) -> None:
        self.fates: Counter[str] = Counter()
        """How they ended: `served`, `refused`, or what nobody may be: `hung`, or another answer than was due."""
        self._port = port
        self._door = trio.CapacityLimiter(_AT_THE_DOOR)

    async def come(self, number: int, manners: tuple[str, ...]) -> None:
        """All come; until the last is turned out."""
        async with trio.open_nursery() as nursery:
            for place in range(number):
                nursery.start_soon(self._come, manners[place % len(manners)])

    async def _come(self, manner: str) -> None:
        answer = bytearray()
        fate = "hung"
        with trio.move_on_after(_PATIENCE_S):
            try:
                async with self._door:
                    stream = await trio.open_tcp_stream("127.0.0.1", self._port)
                async with stream:
                    await stream.send_all(MANNERS[manner])
                    async for data in stream:
                        answer += data
            except (OSError, trio.BrokenResourceError):
                fate = "refused"
            else:
                fate = _fate(bytes(answer), _DUE[manner])
        self.fates[fate] += 1


def _fate(answer: bytes, due: bytes) -> str:
    if answer.startswith(b"HTTP/1.1 503 ") and b"too_many_connections" in answer:
        return "refused"
    return "served" if answer.startswith(due) and bool(answer) == bool(due) else answer[:40].decode(errors="replace")


class Sitters:
    """WebSockets that say nothing."""

    def __init__(self) -> None:
        self.clients: list[StreamClient] = []
        self.dropped: list[str] = []
        """Why the service ended one of them."""
        self.pongs = 0
        self._all_told = trio.Event()

    async def sit(self, port: int, *, task_status: trio.TaskStatus[None]) -> None:
        """One more of them; `started` once it is let in."""
        client = await StreamClient.open(port, "/ws/stream")
        self.clients.append(client)
        task_status.started()
        try:
            while True:
                texts = await client.receive()
                self.pongs += sum('"pong"' in text for text in texts)
                self._look()
        except HungUpError as exc:
            self.dropped.append(str(exc))
            self._look()
        finally:
            with trio.move_on_after(2, shield=True):
                await client.vanish()

    async def answered(self) -> None:
        """Each asks whether the service is there, and gets an answer."""
        for client in self.clients:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # in `dropped`
                await client.send('{"action":"ping"}')
        await self._all_told.wait()

    def _look(self) -> None:
        if self.pongs + len(self.dropped) >= len(self.clients):
            self._all_told.set()


class Lorises:
    """Requests that come octet by octet: half of them slow with the head, half with the body."""

    def __init__(self) -> None:
        self.turned_out = 0

    async def drip(self, port: int, number: int) -> None:
        """One of them, which comes again when it is turned out."""
        while True:
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            with suppress(trio.BrokenResourceError):
                async with stream:
                    for octet in _SLOW[number % len(_SLOW)]:
                        await stream.send_all(bytes([octet]))
                        await trio.sleep(_OCTET_S)
            self.turned_out += 1
