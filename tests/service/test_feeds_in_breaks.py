"""Ticks and books through what gateways do: no lost tick untold, no old book shown as new, nothing left open."""

from dataclasses import dataclass
from typing import Any

import pytest
import trio

from ibactors.sim import SimulatorOptions
from tests.conftest import Service, Stream, eventually, running_service
from tests.service.test_stream_depth import is_a_book
from tests.service.test_stream_ticks import follow_on


@dataclass(frozen=True, kw_only=True)
class Fault:
    begin: str
    end: str | None = None
    told: bool = True
    """Whether the book is told as stale."""


FAULTS = {
    "connectivity": Fault(begin="1100", end="1102"),
    "data lost": Fault(begin="1100", end="1101"),
    "farm": Fault(begin="farm-down usfarm", end="farm-up usfarm"),
    "dead farm": Fault(begin="dead-farm usfarm"),
    "dropped": Fault(begin="drop"),
    "restart": Fault(begin="restart 1"),
    "mute": Fault(begin="mute", end="unmute"),
    "reset": Fault(begin="reset-depth AAPL", told=False),
}


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize("name", FAULTS)
async def test_feeds_come_through_a_fault(name: str) -> None:
    fault = FAULTS[name]
    async with (
        running_service(options=SimulatorOptions(rate=10), probe_idle=0.5, probe_timeout=10.0) as service,
        service.stream() as stream,
    ):
        await stream.send(action="subscribe", channel="ticks", symbol="AAPL", kind="bid_ask")
        await stream.send(action="subscribe", channel="depth", symbol="AAPL")
        found: list[Any] = []
        await collect(stream, found, until=lambda: len(ticks_of(found)) > 15 and books_of(found))
        await service.gateway.do(fault.begin)
        if fault.end:
            with trio.move_on_after(3):
                await collect(stream, found, until=lambda: False)
            await service.gateway.do(fault.end)
        mark = len(found)
        await collect(stream, found, until=lambda: len(ticks_of(found[mark:])) > 40 and len(books_of(found[mark:])) > 5)
        judge(found, told=fault.told)
        await compare(service, found)
        assert all(count == 1 for count in (await service.gateway.stats())["streams"].values())


async def collect(stream: Stream, found: list[Any], until: Any) -> None:
    with trio.fail_after(60):
        while not until():
            found.append(await stream.receive(60))


def ticks_of(found: list[Any]) -> list[Any]:
    return [message for message in found if message["type"] in {"tick", "gap"}]


def books_of(found: list[Any]) -> list[Any]:
    return [message for message in found if message["type"] == "depth"]


def judge(found: list[Any], *, told: bool) -> None:
    follow_on(ticks_of(found))
    for book in books_of(found):
        is_a_book(book, 5)
    numbers = [book["sequence"] for book in books_of(found)]
    assert numbers == sorted(set(numbers))
    assert told == any(message["type"] == "stale" and message.get("channel") == "depth" for message in found)


async def compare(service: Service, found: list[Any]) -> None:
    """Between the first and the last second all that IB knows of has come, once, or a gap says that it may not have."""
    messages = ticks_of(found)
    if any(message["type"] == "gap" for message in messages):
        return
    first, last = messages[0]["t"], messages[-1]["t"]
    inner = [message for message in messages if first < message["t"] < last]

    async def past() -> list[Any]:
        query = f"start={inner[0]['t']}&end={last}&rth=false&limit=1000&what=bid_ask"
        return [(tick["t"], tick["bid"], tick["ask"]) for tick in (await service.get(f"/history/ticks/AAPL?{query}"))["ticks"]]

    assert await past() == [(message["t"], message["bid"], message["ask"]) for message in inner]


@pytest.mark.slow
@pytest.mark.alone
async def test_nothing_of_them_is_left_at_the_gateway_after_the_clients_have_gone() -> None:
    async with running_service(options=SimulatorOptions(rate=10)) as service:
        async with service.stream() as stream:
            await stream.send(action="subscribe", channel="ticks", symbols=["AAPL", "MSFT"])
            await stream.send(action="subscribe", channel="depth", symbols=["AAPL", "MSFT"])
            for symbol in ("AAPL", "MSFT"):
                await stream.expect("depth", symbol=symbol)
            await service.gateway.do("drop")
            await stream.expect("depth")

        async def gone() -> bool:
            return not (await service.gateway.stats())["streams"]

        await eventually(gone, within=90)
