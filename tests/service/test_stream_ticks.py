"""The channel of ticks: every one in order, and after a break what was missed, or that nobody knows."""

from itertools import pairwise
from typing import Any

import trio

from ibactors.sim import SimulatorOptions
from tests.conftest import DEADLINE, Service, Stream, running_service
from tests.service.test_events import events_at


async def receive_ticks(stream: Stream, number: int, kind: str = "last") -> list[Any]:
    """Ticks and gaps, in which each has the number after the one before."""
    found: list[Any] = []
    with trio.fail_after(4 * DEADLINE):
        while sum(message["type"] == "tick" for message in found) < number:
            message = await stream.receive()
            if message["type"] in {"tick", "gap"}:
                assert message["kind"] == kind
                found.append(message)
    follow_on(found)
    return found


def follow_on(found: list[Any]) -> None:
    for before, after in pairwise(found):
        step = after.get("lost") or 1 if after["type"] == "gap" else 1
        assert after["sequence"] == before["sequence"] + step


async def test_every_trade_comes_with_a_number_of_its_own() -> None:
    async with running_service(options=SimulatorOptions(rate=50)) as service, service.stream() as stream:
        await stream.send(action="subscribe", channel="ticks", symbol="AAPL", id="t")
        assert (await stream.expect("subscribed"))["channels"] == ["ticks"]
        found = await receive_ticks(stream, 20)
        assert all(tick["price"] > 0 and tick["size"] > 0 and tick["id"] == "t" and "backfill" not in tick for tick in found)
        await stream.send(action="unsubscribe", channel="ticks", symbol="AAPL")
        assert "channels" not in await stream.expect("unsubscribed")


async def test_each_kind_has_its_own_members(service: Service) -> None:
    async with service.stream() as stream:
        for kind, members in (
            ("all_last", {"price", "size", "exchange"}),
            ("bid_ask", {"bid", "ask", "bid_size"}),
            ("midpoint", {"price"}),
        ):
            await stream.send(action="subscribe", channel="ticks", symbol="AAPL", kind=kind)
            while (tick := await stream.expect("tick"))["kind"] != kind:
                pass
            assert members <= tick.keys()


async def test_what_was_missed_in_a_break_is_filled_in_once_and_marked() -> None:
    async with running_service(options=SimulatorOptions(rate=20)) as service, service.stream() as stream:
        await stream.send(action="subscribe", channel="ticks", symbol="AAPL")
        await receive_ticks(stream, 30)
        await service.gateway.do("farm-down usfarm")
        await trio.sleep(2.2)
        await service.gateway.do("farm-up usfarm")
        found = await receive_ticks(stream, 60)
        backfilled = [message for message in found if message.get("backfill")]
        assert len(backfilled) > 5
        assert not [message for message in found if message["type"] == "gap"]
        times = [message["t"] for message in found]
        assert times == sorted(times)
        await same_as_ibs(service, found)


async def same_as_ibs(service: Service, found: list[Any]) -> None:
    """Of the whole seconds among them IB's own past has the very same ticks."""
    inner = [message for message in found if found[0]["t"] < message["t"] < found[-1]["t"]]
    start, end = inner[0]["t"], found[-1]["t"]
    past = await service.get(f"/history/ticks/AAPL?start={start}&end={end}&rth=false&limit=1000")
    assert [(tick["t"], tick["price"], tick["size"]) for tick in past["ticks"]] == [(m["t"], m["price"], m["size"]) for m in inner]


async def test_a_new_session_goes_on_where_the_last_one_broke() -> None:
    async with running_service(options=SimulatorOptions(rate=20)) as service, service.stream() as stream:
        await stream.send(action="subscribe", channel="ticks", symbol="AAPL")
        await receive_ticks(stream, 30)
        await service.gateway.do("refuse 1")
        await stream.expect("status", connected=True)
        found = await receive_ticks(stream, 60)
        assert any(message.get("backfill") for message in found)
        assert not [message for message in found if message["type"] == "gap"]
        await same_as_ibs(service, found)


async def test_refusals_are_told_and_leave_the_socket_open(service: Service) -> None:
    async with service.stream() as stream:
        for symbol, code in (("NOSUB", "market_data_not_subscribed"), ("BADSYM", "contract_not_found")):
            await stream.send(action="subscribe", channel="ticks", symbol=symbol, id=symbol)
            assert (await stream.expect("error", id=symbol))["code"] == code
        await stream.send(action="subscribe", channel="ticks", symbol="AAPL", interval_ms=100)
        assert (await stream.expect("error"))["field"] == "interval_ms"


async def test_the_login_has_few_of_them_and_a_refusal_names_the_budget() -> None:
    async with running_service(max_tick_streams=1) as service, service.stream() as stream:
        await stream.send(action="subscribe", channel="ticks", symbol="AAPL")
        await stream.expect("tick")
        await stream.send(action="subscribe", channel="ticks", symbol="MSFT")
        error = await stream.expect("error")
        assert error["code"] == "ticks_limit"
        assert {"name": "tickers", "limit": 1, "used": 1}.items() <= error["budget"].items()


async def test_ibs_own_limit_is_told(service: Service) -> None:
    await service.gateway.do("limit ticks 1")
    async with service.stream() as stream:
        await stream.send(action="subscribe", channel="ticks", symbols=["AAPL", "MSFT"])
        error = await stream.expect("error")
        assert (error["code"], error["ib_code"]) == ("ticks_limit", 10190)


async def test_events_go_on_after_the_last_tick_that_was_got() -> None:
    async with running_service(options=SimulatorOptions(rate=50)) as service:
        target = "/stream?channels=ticks&symbols=AAPL&kind=all_last"
        async with events_at(service, target) as source:
            first = [await source.expect("tick") for _ in range(10)]
            last = source.last_id
        follow_on(first)
        async with events_at(service, target, **{"Last-Event-ID": last}) as source:
            again = [await source.expect("tick") for _ in range(10)]
        follow_on([first[-1], *again])
        async with events_at(service, target, **{"Last-Event-ID": f"{'x' * 5000}:1;ticks/AAPL/all_last:5"}) as source:
            assert (await source.expect("gap"))["lost"] is None
            tick = await source.expect("tick")
            assert source.last_id == f"ticks/AAPL/all_last:{tick['sequence']}"  # no place of what is not wanted, however many come
