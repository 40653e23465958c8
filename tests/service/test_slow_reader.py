"""A client that pauses: whole frames, in order, and the newest values as soon as it reads on; plain and over TLS."""

import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import trio

from chaos.wire import StreamClient
from ibactors.sim import SimulatorOptions
from tests.conftest import DEADLINE, Service, eventually, running_service
from tests.service.test_tls import Authority

NAMES = [f"S{number:03}" for number in range(1, 41)]
LAST = 4242.0


def messages_in(texts: list[str]) -> Iterator[Any]:
    """The messages, those of a batch one by one."""
    for text in texts:
        found = json.loads(text)
        yield from found if isinstance(found, list) else [found]


@pytest.mark.parametrize("query", ["", "?batch=1"])
@pytest.mark.parametrize("secure", [False, True])
async def test_pause_costs_the_client_nothing_but_old_values(
    tmp_path: Path,
    secure: bool,
    query: str,
) -> None:
    authority = Authority(tmp_path) if secure else None
    files: dict[str, Any] = {"tls_certificate": str(authority.chain), "tls_key": str(authority.key)} if authority else {}
    options = SimulatorOptions(rate=50, extra_symbols=len(NAMES))
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(running_service(options=options, wait=False, **files))
        tls = authority.context() if authority else None
        client = await StreamClient.open(int(service.url.rsplit(":", 1)[1]), f"/ws/stream{query}", receive_buffer=4096, tls=tls)
        stack.push_async_callback(client.vanish)
        await client.send(json.dumps({"action": "subscribe", "symbols": NAMES}))
        seen: dict[str, str] = {}

        async def read_until_all(fits: str, value: object) -> None:
            """Read until the newest quote of each symbol has the value; each is newer than the one before."""
            left = set(NAMES)
            with trio.fail_after(DEADLINE):
                while left:
                    for message in messages_in(await client.receive()):
                        if message["type"] == "quote":
                            name = message["symbol"]
                            assert message["timestamp"] > seen.get(name, "")
                            seen[name] = message["timestamp"]
                            if message[fits] == value:
                                left.discard(name)
                            else:
                                left.add(name)

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
