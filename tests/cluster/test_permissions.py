"""The bus with `deploy/nats/nats.conf`: TLS, who gets in, and what each role may do there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio_asyncio
import trustme

from ibactors.bus.link import Arrived, Bus, Link, open_link
from ibactors.config import Settings
from tests.cluster.busses import Server, connected, needs_server, running_bus, running_edge
from tests.conftest import running_gateway, serving
from tests.service.trading import place

pytestmark = [needs_server, pytest.mark.cluster]

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nats" / "nats.conf"
ROLES = ("session", "edge", "trader", "recorder")
PUBLISH = {
    "feed": {"session"},
    "reply.e1.1": {"session"},
    "tick.STK.265598": {"session"},
    "call": {"edge", "trader"},
    "ping": {"edge", "trader"},
    "order": {"trader"},
}
"""By subject, who may."""
SUBSCRIBE = {
    "feed": {"edge", "trader"},
    "reply.e1.*": {"edge", "trader"},
    "tick.>": {"recorder"},
    "call": {"session"},
    "ping": {"session"},
    "order": {"session"},
    ">": set[str](),
}


@asynccontextmanager
async def guarded_bus(folder: Path) -> AsyncIterator[tuple[Server, Bus]]:
    """A server with the configuration, and what a client needs for it, but for a user."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    files = {name: folder / name for name in ("ca.pem", "tls.crt", "tls.key")}
    authority.cert_pem.write_to_path(files["ca.pem"])
    certificate.cert_chain_pems[0].write_to_path(files["tls.crt"])
    certificate.private_key_pem.write_to_path(files["tls.key"])
    environment = {f"{role.upper()}_PASSWORD": f"secret-of-{role}" for role in ROLES}
    environment |= {"TLS_CERTIFICATE": str(files["tls.crt"]), "TLS_KEY": str(files["tls.key"])}
    async with running_bus("-c", str(CONFIGURATION), environment=environment, scheme="tls") as server:
        yield server, Bus(url=server.url, ca=str(files["ca.pem"]))


def as_role(bus: Bus, role: str) -> Bus:
    return replace(bus, user=role, password=f"secret-of-{role}")


def ignore(_message: Arrived) -> None:
    """Nothing is expected."""


async def refused(link: Link) -> bool:
    """Whether the bus has objected, after it has answered all that was sent."""
    await link.drained()
    for _ in range(2):  # signs of life, which come after what it has against the rest
        await trio_asyncio.aio_as_trio(link._client.flush)()  # noqa: SLF001
    return link.lost is not None and "permissions violation" in link.lost.lower()


async def test_every_role_may_do_what_it_needs_and_nothing_else(tmp_path: Path) -> None:
    async with guarded_bus(tmp_path) as (_, bus):
        for role in ROLES:
            for subject, allowed in PUBLISH.items():
                async with open_link(as_role(bus, role), "test") as link:
                    link.publish(f"ibactors.main.{subject}", b"")
                    assert await refused(link) is (role not in allowed), (role, "publishes", subject)
            for subject, allowed in SUBSCRIBE.items():
                async with open_link(as_role(bus, role), "test") as link:
                    await link.subscribe(f"ibactors.main.{subject}", ignore)
                    assert await refused(link) is (role not in allowed), (role, "subscribes to", subject)


async def test_a_session_and_edges_work_over_tls_with_their_roles(tmp_path: Path) -> None:
    async with guarded_bus(tmp_path) as (server, bus), running_gateway() as gateway:
        common: dict[str, Any] = {"bus_ca": bus.ca, "bus_orders": True}
        held = Settings(
            port=0, gateway_port=gateway.ports.port, role="session", bus=server.url, bus_user="session", bus_password="secret-of-session",
            trading="paper", state_path=str(tmp_path), journal_ephemeral=True, **common,
        )  # fmt: skip
        async with serving(held, gateway) as session:
            await gateway.do("set AAPL 100.00 100.02 100.01")
            await session.until("/trading", lambda response: response.json()["reconciled"] is not None)
            edge = partial(running_edge, server.url, gateway, **common)
            async with edge(bus_user="trader", bus_password="secret-of-trader") as trader, trader.stream() as stream:
                await connected(trader)
                await stream.send(action="subscribe", channel="depth", symbol="AAPL")
                await stream.expect("depth")
                assert (await place(trader, "o-1")).status_code == 201
            async with edge(bus_user="edge", bus_password="secret-of-edge") as reader:
                await connected(reader)
                assert (await reader.get("/market/quote/AAPL"))["symbol"] == "AAPL"
                assert (await place(reader, "o-2")).json()["code"] == "answer_lost"  # the bus ends who does what it may not
                await connected(reader)
            assert (await session.get("/orders/by-client-id/o-2", 404))["code"] == "order_not_found"
