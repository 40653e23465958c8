"""Channels other than quotes, and what happens to orders, as clients of an edge get them."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import trio

from ibactors.sim import SimulatorOptions
from tests.cluster.busses import connected, needs_server, running_cluster, running_edge
from tests.conftest import DEADLINE, Stream
from tests.following import Follower
from tests.service.test_events import events_at
from tests.service.test_order_streams import place_and_cancel

pytestmark = [needs_server, pytest.mark.cluster]

CHANNELS: dict[str, tuple[str, dict[str, Any]]] = {
    "account": ("account", {}),
    "pnl": ("pnl", {}),
    "portfolio": ("portfolio", {}),
    "trading": ("trading", {}),
    "ticks": ("tick", {"symbol": "AAPL"}),
    "depth": ("depth", {"symbol": "AAPL", "rows": 3}),
    "bars": ("bar", {"symbols": ["MSFT"], "bar": "1m"}),
    "scanner": ("scan", {"code": "TOP_PERC_GAIN"}),
}
VOIDED = {"account", "pnl", "portfolio", "depth", "bars", "scanner"}
"""Those that say so when their data stop."""


async def subscribed_to_all(stream: Stream) -> None:
    """To each channel, until each has shown something."""
    for channel, (_, named) in CHANNELS.items():
        await stream.send(action="subscribe", channel=channel, id=channel, **named)
    await shown_by(stream, dict.fromkeys(CHANNELS))


async def shown_by(stream: Stream, wanted: dict[str, Any], kinds: set[str] | None = None) -> dict[str, Any]:
    """The first message of each of the channels, by the id of its subscription."""
    seen: dict[str, Any] = {}
    with trio.fail_after(3 * DEADLINE):
        while wanted.keys() - seen.keys():
            message = await stream.receive(3 * DEADLINE)
            assert message["type"] != "error", message
            channel = message.get("id")
            if channel in wanted and message["type"] in (kinds or {CHANNELS[channel][0]}):
                seen.setdefault(channel, message)
    return seen


async def test_every_channel_is_the_holders_stops_with_the_bus_and_comes_back() -> None:
    async with running_cluster() as cluster, cluster.edge.stream() as stream:
        await subscribed_to_all(stream)
        assert (await cluster.gateway.stats())["streams"]["depth"] == 1
        await cluster.bus.kill()
        stale = await shown_by(stream, dict.fromkeys(VOIDED), {"stale"})
        assert {channel: message["channel"] for channel, message in stale.items()} == {channel: channel for channel in VOIDED}
        assert {message["code"] for message in stale.values()} == {"gateway_disconnected"}
        await cluster.bus.start()
        await shown_by(stream, dict.fromkeys(CHANNELS))


async def test_ticks_of_a_break_are_not_missing_afterwards() -> None:
    async with running_cluster(options=SimulatorOptions(rate=20)) as cluster, cluster.edge.stream() as stream:
        await stream.send(action="subscribe", channel="ticks", symbol="AAPL")
        numbers = [(await stream.expect("tick"))["sequence"] for _ in range(3)]
        await cluster.bus.kill()
        await stream.expect("status", connected=False)
        await cluster.bus.start()
        await stream.expect("status", connected=True)
        numbers += [(await stream.expect("tick"))["sequence"] for _ in range(20)]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_who_comes_again_to_another_edge_goes_on_with_the_next_tick() -> None:
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(running_cluster(options=SimulatorOptions(rate=20)))
        second = await stack.enter_async_context(running_edge(cluster.bus.url, cluster.gateway))
        await connected(second)
        async with cluster.edge.stream() as stream:
            await stream.send(action="subscribe", channel="ticks", symbol="AAPL")
            last = (await stream.expect("tick"))["sequence"]
        async with second.stream() as stream:
            await stream.send(action="subscribe", channel="ticks", symbol="AAPL", after_sequence=last)
            assert [(await stream.expect("tick"))["sequence"] for _ in range(10)] == list(range(last + 1, last + 11))


async def test_changes_of_a_book_are_made_at_the_edge() -> None:
    async with running_cluster(options=SimulatorOptions(rate=50)) as cluster, cluster.edge.stream() as stream:
        await stream.send(action="subscribe", channel="depth", symbol="AAPL", rows=10, delta=True)
        follower = Follower()
        with trio.fail_after(2 * DEADLINE):
            while follower.deltas < 10:
                follower.take(await stream.receive())


async def test_what_the_holder_refuses_is_refused_at_the_edge_in_its_words() -> None:
    async with running_cluster() as cluster:
        said: list[Any] = []
        for service in (cluster.session, cluster.edge):
            async with service.stream() as stream:
                for named in ({"channel": "depth", "symbol": "NOSUCH"}, {"channel": "pnl", "account": "DU9"}, {"channel": "orders"}):
                    await stream.send(action="subscribe", **named)
                    said.append(await stream.expect("error"))
        there, here = said[:3], said[3:]
        assert [error["code"] for error in here] == ["contract_not_found", "account_not_found", "trading_off"]
        assert here == there


async def test_order_events_go_on_over_edges_that_come_and_go(tmp_path: Path) -> None:
    trading: dict[str, Any] = {"trading": "paper", "state_path": str(tmp_path), "journal_ephemeral": True, "orders_per_minute": 1000}
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(running_cluster(**trading))
        await cluster.gateway.do("set AAPL 100.00 100.02 100.01")
        await cluster.session.until("/trading", lambda response: response.json()["reconciled"] is not None)
        numbers: list[int] = []
        async with cluster.edge.stream() as stream:
            await stream.send(action="subscribe", channel="orders")
            cursor = (await stream.expect("orders", orders=[]))["cursor"]
            await place_and_cancel(cluster.session, "first")
            while (event := await stream.expect("order"))["event"] != "cancelled":
                numbers.append(event["sequence"])
            numbers.append(event["sequence"])
            seen = event["cursor"]
        await place_and_cancel(cluster.session, "second")
        other = await stack.enter_async_context(running_edge(cluster.bus.url, cluster.gateway))
        await connected(other)
        source = await stack.enter_async_context(events_at(other, f"/orders/stream?after={seen}"))
        while (event := await source.expect("order"))["event"] != "cancelled":
            numbers.append(event["sequence"])
        numbers.append(event["sequence"])
        page = await cluster.session.get(f"/orders/events?after={cursor}&limit=100")
        assert numbers == [event["sequence"] for event in page["events"]]
        assert (await other.get(f"/orders/events?after={cursor}&limit=100"))["events"] == page["events"]
