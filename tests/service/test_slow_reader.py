"""A client that pauses: whole frames, in order, and the newest values as soon as it reads on; plain and over TLS."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Event, Ping, Request, TextMessage

from ibactors.sim import SimulatorOptions
from tests.conftest import DEADLINE, Service, eventually, running_service
from tests.service.test_tls import Authority

NAMES = [f"S{number:03}" for number in range(1, 41)]
LAST = 4242.0


class Reader:
    """A WebSocket that reads only when it is told to."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._text = ""

    async def shake_hands(self, query: str) -> None:
        await self._stream.send_all(self._protocol.send(Request(host="127.0.0.1", target=f"/ws/stream{query}")))
        while not any([isinstance(event, AcceptConnection) async for event in self._events()]):
            pass

    async def send(self, **message: Any) -> None:
        await self._stream.send_all(self._protocol.send(TextMessage(data=json.dumps(message))))

    async def read(self) -> list[Any]:
        """The messages that one read completes; those of a batch one by one."""
        messages: list[Any] = []
        async for event in self._events():
            if isinstance(event, Ping):
                await self._stream.send_all(self._protocol.send(event.response()))
                continue
            assert isinstance(event, TextMessage), event
            self._text += event.data
            if event.message_finished:
                found = json.loads(self._text)
                messages += found if isinstance(found, list) else [found]
                self._text = ""
        return messages

    async def _events(self) -> AsyncIterator[Event]:
        self._protocol.receive_data(await self._stream.receive_some(4096) or None)
        for event in self._protocol.events():
            yield event


@asynccontextmanager
async def reader(service: Service, authority: Authority | None, query: str) -> AsyncIterator[Reader]:
    socket = trio.socket.socket()
    socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 4096)
    await socket.connect(("127.0.0.1", int(service.url.rsplit(":", 1)[1])))
    plain = trio.SocketStream(socket)
    link = trio.SSLStream(plain, authority.context(), server_hostname="localhost") if authority else plain
    try:
        found = Reader(link)
        await found.shake_hands(query)
        yield found
    finally:
        await trio.aclose_forcefully(link)


@pytest.mark.parametrize("query", ["", "?batch=1"])
@pytest.mark.parametrize("secure", [False, True])
async def test_pause_costs_the_client_nothing_but_old_values(
    tmp_path: Path,
    secure: bool,  # noqa: FBT001
    query: str,
) -> None:
    authority = Authority(tmp_path) if secure else None
    files = {"tls_certificate": str(authority.chain), "tls_key": str(authority.key)} if authority else {}
    options = SimulatorOptions(rate=50, extra_symbols=len(NAMES))
    async with running_service(options=options, wait=False, **files) as service, reader(service, authority, query) as client:
        await client.send(action="subscribe", symbols=NAMES)
        seen: dict[str, str] = {}

        async def read_until_all(fits: str, value: object) -> None:
            """Read until the newest quote of each symbol has the value; each is newer than the one before."""
            left = set(NAMES)
            with trio.fail_after(DEADLINE):
                while left:
                    for message in await client.read():
                        if message["type"] == "quote":
                            name = message["symbol"]
                            assert message["timestamp"] > seen.get(name, "")
                            seen[name] = message["timestamp"]
                            (left.discard if message[fits] == value else left.add)(name)

        await read_until_all("market_data_type", "live")
        # It pauses until there is no more room on the way and values are skipped for it.
        enough = await _skips(service, authority) + 10 * len(NAMES)

        async def is_full() -> bool:
            return await _skips(service, authority) >= enough

        await eventually(is_full)
        await service.gateway.do("rate 0.01")
        for name in NAMES:
            await service.gateway.do(f"set {name} {LAST} {LAST + 1} {LAST}")
        await read_until_all("bid", LAST)


async def _skips(service: Service, authority: Authority | None) -> float:
    async with httpx.AsyncClient(base_url=service.url, verify=authority.context() if authority else True) as http:
        text = (await http.get("/metrics")).text
    return float(text.partition("\nibactors_slow_reader_skips_total ")[2].partition("\n")[0])
