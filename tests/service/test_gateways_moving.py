"""Streams of several gateways: they go on at another one when theirs breaks or refuses, told as stale, and never mixed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from ibactors.sim import SimulatorOptions
from tests.conftest import Service, running_service
from tests.service.test_events import events

SECOND = SimulatorOptions(accounts=("DU7654321",))


@asynccontextmanager
async def both(**settings: Any) -> AsyncIterator[Service]:
    """Two gateways, both up; AAPL is at 50 at the first, and at 70 at the second."""
    async with running_service(further={"second": SECOND}, **settings) as service:
        await service.until("/health", lambda response: response.json()["status"] == "healthy")
        await service.gateway.do("set AAPL 50 51 50")
        await service.further["second"].do("set AAPL 70 71 70")
        yield service


async def test_quotes_move_to_the_other_gateway_within_a_second_and_stay_there() -> None:
    async with both() as service, service.stream() as stream:
        await stream.send(action="subscribe", symbol="AAPL", id=7)
        assert (await stream.expect("quote", id=7))["bid"] == 50
        await service.gateway.do("refuse 3")
        stale = await stream.expect("stale", symbol="AAPL", id=7)
        at = trio.current_time()
        quote = await stream.expect("quote", id=7)
        took = trio.current_time() - at
        assert quote["bid"] == 70
        assert quote["timestamp"] > stale["since"]
        assert quote["as_of"] is None or quote["as_of"] > stale["since"]
        assert took < 1.0
        await service.until("/health", lambda response: response.json()["status"] == "healthy")
        await service.gateway.do("set AAPL 52 53 52")
        await service.further["second"].do("set AAPL 72 73 72")
        assert (await stream.expect("quote", id=7))["bid"] == 72  # back at the first it would be 52
        await stream.send(action="unsubscribe", symbol="AAPL")
        await stream.expect("unsubscribed")
        await service.until("/debug/actors?format=json", lambda response: not _listened(response.json()))


def _listened(report: Any) -> bool:
    """Whether a client holds a line."""
    budgets = [budget for use in report["gateways"] for budget in use["budgets"] if budget["name"] == "lines"]
    return any(budget["used"] > 1 for budget in budgets)


async def test_server_sent_events_move_as_well() -> None:
    async with both() as service, events(service, "AAPL") as source:
        assert (await source.expect("quote"))["bid"] == 50
        await service.gateway.do("refuse 600")
        await source.expect("stale")
        assert (await source.expect("quote"))["bid"] == 70


async def test_books_move_and_begin_with_a_whole_one() -> None:
    async with both() as service, service.stream() as stream:
        await stream.send(action="subscribe", channel="depth", symbol="AAPL", exchange="ISLAND", delta=True)
        await stream.expect("depth")
        await service.gateway.do("refuse 600")
        await stream.expect("stale", symbol="AAPL")
        while (message := await stream.receive())["type"] in {"stale", "status"}:
            pass
        assert message["type"] == "depth"
        assert 60 < message["bids"][0]["price"] < 80


async def test_what_one_gateway_may_not_see_comes_from_the_other_and_is_not_asked_for_again() -> None:
    async with both() as service:
        await service.gateway.do("outage AAPL 354")
        assert (await service.get("/market/quote/AAPL"))["bid"] == 70
        async with service.stream() as stream:
            await stream.send(action="subscribe", symbol="AAPL")
            assert (await stream.expect("quote"))["bid"] == 70


async def test_lines_of_both_are_used_before_one_is_refused_and_the_refusal_adds_them_up() -> None:
    async with both(max_lines=1) as service, service.stream() as stream:
        await stream.send(action="subscribe", symbols=["AAPL", "MSFT"])
        got = {(await stream.expect("quote"))["symbol"] for _ in range(2)}
        assert got == {"AAPL", "MSFT"}
        assert [one["lines"] for one in (await service.get("/gateways"))["gateways"]] == [1, 1]
        refused = await service.get("/market/quote/TSLA", status=429)
        assert refused["code"] == "no_free_line"
        assert (refused["budget"]["limit"], refused["budget"]["used"]) == (2, 2)
        debug = await service.get("/debug/actors?format=json")
        assert (debug["lines"], debug["max_lines"]) == (2, 2)
        assert [(one["limit"], one["used"]) for one in debug["budgets"] if one["name"] == "lines"] == [(2, 2)]
        assert "main: " in refused["detail"]
        assert "second: " in refused["detail"]


async def test_the_past_is_had_of_the_gateway_that_may_see_it() -> None:
    async with both() as service:
        await service.gateway.do("outage AAPL 354")
        assert (await service.get("/history/bars/AAPL?bar=1d&limit=3"))["bars"]
        assert (await service.get("/health"))["ib_connected"]


async def test_ticks_move_and_a_gap_tells_what_was_missed() -> None:
    async with both() as service, service.stream() as stream:
        await stream.send(action="subscribe", channel="ticks", symbol="MSFT", kind="bid_ask")
        before = await stream.expect("tick")
        await service.gateway.do("refuse 600")
        gap = await stream.expect("gap")
        assert (gap["code"], gap["lost"], gap["channel"], gap["symbol"]) == ("interrupted", None, "ticks", "MSFT")
        after = await stream.expect("tick")  # the first gateway is still away
        assert after["sequence"] == gap["sequence"] + 1
        assert gap["sequence"] > before["sequence"]


async def test_bars_move_and_a_gap_tells_what_was_missed() -> None:
    async with both() as service, service.stream() as stream:
        await stream.send(action="subscribe", channel="bars", symbol="MSFT", bar="1m")
        await stream.expect("bar")
        await service.gateway.do("refuse 600")
        await stream.expect("stale", bar="1m")
        gap = await stream.expect("gap")
        assert (gap["code"], gap["channel"], gap["kind"]) == ("interrupted", "bars", "1m")
        bar = await stream.expect("bar")  # the first gateway is still away
        assert bar["sequence"] > gap["sequence"]
