"""A client of octets: it sends what no library would, and reads until the service has closed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trio

from tests.conftest import DEADLINE, Service


@asynccontextmanager
async def connected(service: Service) -> AsyncIterator[trio.SocketStream]:
    """A connection."""
    stream = await trio.open_tcp_stream("127.0.0.1", int(service.url.rsplit(":", 1)[1]))
    async with stream:
        yield stream


async def until_closed(stream: trio.SocketStream, *, within: float = DEADLINE) -> bytes:
    """All that comes, until the service ends the connection. Raises TooSlowError when it does not."""
    received = bytearray()
    with trio.fail_after(within), suppress(trio.BrokenResourceError):
        async for data in stream:
            received += data
    return bytes(received)


async def said(service: Service, *data: bytes, within: float = DEADLINE) -> bytes:
    """What the service says to *data* before it closes; each is sent by itself, and what it does not take is not sent."""
    async with connected(service) as stream:
        for part in data:
            with suppress(trio.BrokenResourceError):
                await stream.send_all(part)
                await trio.sleep(0.02)  # so that it comes by itself
        return await until_closed(stream, within=within)


def statuses(received: bytes) -> list[int]:
    """Of the responses in what a server sent."""
    return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]
