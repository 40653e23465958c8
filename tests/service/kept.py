"""A client that keeps its connection and sends heads octet by octet as they are given; and who counts the answers of the short way."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from ibactors.web.edge.short_way import ShortWay
from tests.conftest import DEADLINE, Service

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def head(path: str, *lines: str, method: str = "GET") -> bytes:
    """A request without a body."""
    return "".join(f"{line}\r\n" for line in (f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "")).encode("latin-1")


class Answer:
    """One response as it came."""

    def __init__(self, octets: bytes, body: bytes) -> None:
        lines = octets.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1])
        self.lines = lines[1:]
        self.body = body

    def __getitem__(self, name: str) -> str:
        """A header, in small letters."""
        (value,) = (line.partition(": ")[2] for line in self.lines if line.lower().startswith(f"{name}: "))
        return value


class Kept:
    """The connection."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._data = b""

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def answer(self) -> Answer:
        """The next one. Raises EOFError when the service closes instead."""
        with trio.fail_after(DEADLINE):
            while True:
                octets, found, rest = self._data.partition(b"\r\n\r\n")
                length = _LENGTH.search(octets) if found else None
                size = int(length[1]) if length else 0
                if found and len(rest) >= size:
                    self._data = rest[size:]
                    return Answer(octets, rest[:size])
                await self.more()

    async def more(self) -> None:
        data = await self.stream.receive_some()
        if not data:
            raise EOFError
        self._data += data

    async def ask(self, request: bytes, times: int = 1) -> Answer:
        """The last of so many answers."""
        for _ in range(times):
            await self.send(request)
            answer = await self.answer()
        return answer


@asynccontextmanager
async def kept(service: Service) -> AsyncIterator[Kept]:
    """A connection that is kept."""
    stream = await trio.open_tcp_stream("127.0.0.1", int(service.url.rsplit(":", 1)[1]))
    async with stream:
        yield Kept(stream)


class Ways:
    """Which way requests went."""

    def __init__(self) -> None:
        self.open = True
        """Whether the short way may be taken."""
        self.short = 0
        """Requests that it answered."""
        self.known: list[ShortWay] = []
        """Those of the connections that have asked for anything."""

    @classmethod
    def watched(cls, monkeypatch: pytest.MonkeyPatch) -> "Ways":
        """From now on."""
        ways, answer = cls(), ShortWay.answer

        def watched(self: ShortWay, octets: bytes) -> bytes | None:
            if self not in ways.known:
                ways.known.append(self)
            found = answer(self, octets) if ways.open else None
            ways.short += found is not None
            return found

        monkeypatch.setattr(ShortWay, "answer", watched)
        return ways
