"""Faults of the bus, of the holder and of an edge, each a process: what an edge shows, seen from its client.

The rule is the same for all: what is asked for later than a lease after the fault began is refused until it is over, however busy the
machine is, as no ping that was sent in the fault has come back. When it is over there are new quotes.
"""

import math
import os
import signal
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import httpx2 as httpx
import pytest
import trio

from ibactors.bus import wire
from ibactors.bus.link import Bus, open_link
from ibactors.sim import SimulatorOptions
from tests.cluster.busses import Server, needs_server, running_bus
from tests.cluster.proxy import Proxy, running_proxy
from tests.conftest import DEADLINE, POLL, Gateway, Service, eventually, running_gateway
from tests.service.test_commands import Process, command

pytestmark = [needs_server, pytest.mark.cluster]

LEASE = 1.0
FAULT = 2.5
"""Seconds that a fault lasts."""


@dataclass(frozen=True)
class Look:
    """One request for a quote, in Unix time."""

    sent: float
    answered: float
    status: int
    quoted: float
    """When the quote arrived at the holder."""


@dataclass
class Watched:
    """A session and an edge in processes of their own, and a client that asks the edge all the time."""

    bus: Server
    gateway: Gateway
    proxy: Proxy
    session: Process
    edge: Process
    service: Service
    looks: list[Look] = field(default_factory=list)

    async def look(self) -> None:
        while True:
            sent = time.time()
            response = await self.service.http.get("/market/quote/AAPL")
            told = response.json().get("timestamp")
            quoted = datetime.fromisoformat(told).timestamp() if told else -math.inf
            self.looks.append(Look(sent, time.time(), response.status_code, quoted))
            await trio.sleep(POLL)

    async def until_quoted_after(self, moment: float) -> None:
        async def quoted() -> bool:
            return any(look.status == 200 and look.quoted > moment for look in self.looks[-20:])

        await eventually(quoted)

    def refused_between(self, begun: float, over: float) -> None:
        late = [look for look in self.looks if look.sent > begun + LEASE and look.answered < over]
        assert late
        assert {look.status for look in late} == {503}


async def serving_process(stack: AsyncExitStack, role: str, bus: str, **settings: str) -> tuple[Process, str]:
    process = await stack.enter_async_context(command("serve", "--port", "0", IBACTORS_ROLE=role, IBACTORS_BUS=bus, **settings))
    return process, (await process.until(r'"url": "(http://[^"]+)"'))[1]


@asynccontextmanager
async def watched(*arguments: str) -> AsyncIterator[Watched]:
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(running_bus(*arguments))
        proxy = await stack.enter_async_context(running_proxy(bus.port))
        gateway = await stack.enter_async_context(running_gateway(SimulatorOptions(rate=20.0)))
        port = {"IBACTORS_GATEWAY_PORT": str(gateway.ports.port)}
        session, _ = await serving_process(stack, "session", bus.url, **port)
        edge, url = await serving_process(stack, "edge", f"nats://127.0.0.1:{proxy.port}")
        nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=DEADLINE, verify=nobody))
        there = Watched(bus, gateway, proxy, session, edge, Service(url=url, http=http, gateway=gateway, stop=trio.Event()))
        nursery = await stack.enter_async_context(trio.open_nursery())
        nursery.start_soon(there.look)
        await there.until_quoted_after(0)
        yield there
        nursery.cancel_scope.cancel(reason="the test is over")


async def stopped(process: Process) -> float:
    """Freeze it; when it is frozen."""
    process.process.send_signal(signal.SIGSTOP)
    stat = trio.Path(f"/proc/{process.process.pid}/stat")

    async def frozen() -> bool:
        return (await stat.read_text()).rpartition(")")[2].split()[0] == "T"

    await eventually(frozen)
    return time.time()


async def test_a_holder_that_is_frozen() -> None:
    async with watched() as there:
        begun = await stopped(there.session)
        await trio.sleep(FAULT)
        over = time.time()
        there.session.process.send_signal(signal.SIGCONT)
        there.refused_between(begun, over)
        await there.until_quoted_after(over)


async def test_a_holder_that_is_killed_and_started_again() -> None:
    async with watched() as there, AsyncExitStack() as stack:
        there.session.process.send_signal(signal.SIGKILL)
        await there.session.process.wait()
        begun = time.time()
        await trio.sleep(FAULT)
        over = time.time()
        there.refused_between(begun, over)
        await serving_process(stack, "session", there.bus.url, IBACTORS_GATEWAY_PORT=str(there.gateway.ports.port))
        await there.until_quoted_after(over)


async def test_an_edge_that_is_frozen_shows_nothing_old_when_it_wakes_up() -> None:
    async with watched() as there, there.service.stream() as stream:
        await stream.send(action="subscribe", symbols=["AAPL"])
        await stream.expect("quote", symbol="AAPL")
        begun = await stopped(there.edge)
        await trio.sleep(FAULT)
        over = time.time()
        there.edge.process.send_signal(signal.SIGCONT)
        await there.until_quoted_after(over)
        shown = [look for look in there.looks if look.answered > begun + LEASE and look.status == 200]
        assert min(look.quoted for look in shown) > over - LEASE
        await stream.expect("stale", symbol="AAPL")
        after = await stream.expect("quote", symbol="AAPL")
        assert datetime.fromisoformat(after["timestamp"]).timestamp() > over - LEASE


async def test_a_network_that_swallows_everything_and_gives_it_back() -> None:
    async with watched() as there:
        there.proxy.hold()
        begun = time.time()
        await trio.sleep(FAULT)
        over = time.time()
        there.proxy.release()
        there.refused_between(begun, over)
        await there.until_quoted_after(over)


async def test_a_bus_that_is_frozen() -> None:
    async with watched() as there:
        os.kill(there.bus.process.pid, signal.SIGSTOP)
        begun = time.time() + 0.2
        await trio.sleep(FAULT)
        over = time.time()
        os.kill(there.bus.process.pid, signal.SIGCONT)
        there.refused_between(begun, over)
        await there.until_quoted_after(over)


async def test_an_edge_that_does_not_read_is_cut_off_by_the_bus_and_comes_back(tmp_path: Path) -> None:
    configuration, log = tmp_path / "nats.conf", tmp_path / "nats.log"
    configuration.write_text('max_pending: 1MB\nwrite_deadline: "1s"\n')
    async with watched("-c", str(configuration), "-l", str(log)) as there:
        begun = await stopped(there.edge)
        async with open_link(Bus(url=there.bus.url), "flood") as flood:
            with trio.fail_after(2 * DEADLINE):
                while "Slow Consumer" not in log.read_text():
                    # Of another stream: for an edge it is noise, whatever it believes.
                    flood.publish("ibactors.main.feed", wire.encode(wire.Feed("noise", 1, items=[(1, b"x" * 500_000)])))
                    await flood.drained()
                    await trio.sleep(POLL)
        over = time.time()
        there.edge.process.send_signal(signal.SIGCONT)
        await there.until_quoted_after(over)
        shown = [look for look in there.looks if look.answered > begun + LEASE and look.status == 200]
        assert min(look.quoted for look in shown) > over - LEASE
