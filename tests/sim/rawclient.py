"""A TWS API client of a few lines for protocol tests: it sends fields and shows frames as they come."""

import datetime as dt
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import trio

from ibactors.sim import SimulatorPorts

LIMIT_S = 10.0


def pack(*fields: str | float) -> bytes:
    """One request frame."""
    body = b"".join(str(f).encode() + b"\0" for f in fields)
    return struct.pack(">I", len(body)) + body


def hello(versions: str = "v157..178") -> bytes:
    """What a client sends first."""
    return b"API\0" + struct.pack(">I", len(versions)) + versions.encode()


def contract(
    symbol: str = "",
    sec_type: str = "STK",
    exchange: str = "SMART",
    currency: str = "USD",
    *,
    con_id: int = 0,
    expiry: str = "",
    strike: str = "",
    right: str = "",
    primary: str = "",
    local_symbol: str = "",
) -> tuple[str | int, ...]:
    """The contract block of a request."""
    head = (con_id, symbol, sec_type, expiry, strike, right, "")
    return (*head, exchange, primary, currency, local_symbol, "")


def market_data(request_id: int, block: tuple[str | int, ...], *, generic: str = "", snapshot: bool = False) -> bytes:
    """A reqMktData request."""
    return pack(1, 11, request_id, *block, 0, generic, int(snapshot), 0, "")


def contract_details(request_id: int, block: tuple[str | int, ...], *, version: int = 178) -> bytes:
    """A reqContractDetails request."""
    issuer = ("",) if version >= 176 else ()
    return pack(9, 8, request_id, *block, 0, "", "", *issuer)


@dataclass
class RawClient:
    """One API connection."""

    stream: trio.SocketStream
    version: int = 0
    startup: list[list[str]] = field(default_factory=list)
    _data: bytearray = field(default_factory=bytearray)

    @classmethod
    async def dial(cls, port: int) -> "RawClient":
        return cls(await trio.open_tcp_stream("127.0.0.1", port))

    async def shake_hands(self, versions: str = "v157..178") -> list[str]:
        await self.stream.send_all(hello(versions))
        answer = await self.frame()
        self.version = int(answer[0])
        return answer

    async def start(self, client_id: int = 1, versions: str = "v157..178") -> "RawClient":
        """Connect as a well-behaved client does, up to the last startup notice."""
        await self.shake_hands(versions)
        await self.send(71, 2, client_id, "")
        self.startup = await self.until("4", "2", "-1", "2158")
        return self

    async def send(self, *fields: str | float) -> None:
        await self.stream.send_all(pack(*fields))

    async def frame(self) -> list[str]:
        """The next frame's fields."""
        with trio.fail_after(LIMIT_S):
            while len(self._data) < 4 or len(self._data) < 4 + int.from_bytes(self._data[:4], "big"):
                data = await self.stream.receive_some()
                if not data:
                    raise EOFError
                self._data += data
        length = int.from_bytes(self._data[:4], "big")
        body = bytes(self._data[4 : 4 + length])
        del self._data[: 4 + length]
        assert body.endswith(b"\0")
        return body[:-1].decode("ascii").split("\0")

    async def until(self, *head: str) -> list[list[str]]:
        """All frames up to the first that begins with `head`."""
        frames = [await self.frame()]
        while frames[-1][: len(head)] != list(head):
            frames.append(await self.frame())
        return frames

    async def find(self, *head: str) -> list[str]:
        """The first frame that begins with `head`."""
        return (await self.until(*head))[-1]

    async def error(self, request_id: int) -> tuple[int, str]:
        """Code and text of the next error for a request."""
        _, _, _, code, text, *_ = await self.find("4", "2", str(request_id))
        return int(code), text

    async def synchronise(self) -> list[list[str]]:
        """Everything the server had to say before it answered a request for the time."""
        await self.send(49, 1)
        return (await self.until("49"))[:-1]

    async def ended(self) -> list[list[str]]:
        """The frames before the server closes or resets the connection."""
        frames = []
        try:
            while True:
                frames.append(await self.frame())
        except (EOFError, trio.BrokenResourceError):
            return frames


class Clock:
    """What the simulator takes for the time: a Tuesday in New York, an hour before the closing bell."""

    def __init__(self) -> None:
        self.now = dt.datetime(2026, 11, 24, 20, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.now


@dataclass
class Bench:
    """A running simulator, its control port, and clients that are closed at the end."""

    ports: SimulatorPorts
    clients: list[RawClient] = field(default_factory=list)
    _control: trio.SocketStream | None = None

    async def dial(self) -> RawClient:
        client = await RawClient.dial(self.ports.port)
        self.clients.append(client)
        return client

    async def client(self, client_id: int = 1, versions: str = "v157..178") -> RawClient:
        return await (await self.dial()).start(client_id, versions)

    async def returning(self) -> RawClient:
        """A client that connects as soon as it is let in."""
        with trio.fail_after(LIMIT_S):
            while True:
                try:
                    return await self.client()
                except OSError:
                    # Its answer gives the server a turn to open the port.
                    await self.control("stats")

    async def watching(self, client_id: int = 1) -> RawClient:
        """A client with line 5, which has got its first complete set of ticks."""
        client = await self.client(client_id)
        await client.stream.send_all(market_data(5, contract("AAPL")))
        await client.find("45", "6", "5", "49")
        return client

    async def until(self, settled: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Look at `stats` until they are as wanted."""
        with trio.fail_after(LIMIT_S):
            while True:
                stats: dict[str, Any] = json.loads(await self.control("stats"))
                if settled(stats):
                    return stats

    async def control(self, line: str) -> str:
        """The answer of the control port to one command."""
        assert self.ports.control_port is not None
        with trio.fail_after(LIMIT_S):
            if self._control is None:
                self._control = await trio.open_tcp_stream("127.0.0.1", self.ports.control_port)
            await self._control.send_all(line.encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                answer += await self._control.receive_some()
        return answer.decode().rstrip("\n")

    def close(self) -> None:
        for client in self.clients:
            client.stream.socket.close()
        if self._control is not None:
            self._control.socket.close()


async def assault(port: int, data: bytes) -> None:
    """Send bytes, say that there are no more, and read to the end."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        try:
            await stream.send_all(data)
            await stream.send_eof()
            while await stream.receive_some():
                pass
        except trio.BrokenResourceError:
            # A reset is as good an end as any.
            return
