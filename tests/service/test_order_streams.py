"""What happens to orders, as WebSocket, server-sent events and long poll tell it: the same, each event once, and none skipped."""

import gc
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import h11
import pytest
import trio

from chaos.wire import StreamClient
from ibactors.actors.order_following import PAGE
from ibactors.config import Settings
from ibactors.kernel.topic import Topic
from ibactors.keys import read_keys
from ibactors.web.contract.order_events import EventShown
from tests.conftest import DEADLINE, Service, Stream, running_gateway, serving
from tests.service.keyed import LINES, bearer, settings_with
from tests.service.test_events import EventSource, events_at
from tests.service.test_stream import close_code
from tests.service.trading import configured, place, trading_service

ENDS = {"cancelled", "filled", "rejected"}


async def place_and_cancel(service: Service, name: str) -> None:
    placed = await place(service, name)
    assert placed.status_code == 201, placed.text
    gone = await service.http.delete(f"/orders/{placed.json()['order_id']}?wait=5")
    assert gone.json()["status"] == "cancelled", gone.text


async def until_end(source: Stream | EventSource, name: str) -> list[dict[str, Any]]:
    """The events until an order has ended."""
    found: list[dict[str, Any]] = []
    with trio.fail_after(DEADLINE):
        while not (found and found[-1]["client_order_id"] == name and found[-1]["status"] in ENDS):
            found.append(await source.expect("order"))
    return found


def check_chain(events: list[dict[str, Any]], after: int) -> None:
    """No event is missing, doubled or out of order."""
    for event in events:
        assert (event["previous"], event["sequence"]) == (after, after + 1)
        after += 1


async def test_open_orders_come_first_and_then_each_event_with_the_order_after_it(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service, service.stream() as stream, events_at(service, "/orders/stream") as source:
        resting = (await place(service, "resting")).json()
        await stream.send(action="subscribe", channel="orders", id="o")
        await stream.expect("subscribed", channels=["orders"], id="o")
        snapshot = await stream.expect("orders", id="o", more=False, reset=False)
        assert [order["order_id"] for order in snapshot["orders"]] == [resting["order_id"]]
        await place(service, "filled", limit_price=100.02)
        events = await until_end(stream, "filled")
        check_chain(events, snapshot["sequence"])
        assert [event["event"] for event in events][:2] == ["accepted", "sent"]
        last = events[-1]["order"]
        assert (last["status"], last["filled_quantity"], last["average_price"]) == ("filled", 10, 100.02)
        fill = next(event for event in events if event["event"] == "fill")
        assert fill["order"]["filled_quantity"] == fill["execution"]["quantity"]
        assert (fill["execution"]["symbol"], fill["execution"]["side"]) == ("AAPL", "buy")
        # Server-sent events and the long poll tell the very same.
        assert (await source.expect("orders"))["orders"] == []
        await until_end(source, "filled")
        polled = (await service.get(f"/orders/events?after={snapshot['cursor']}&limit=500"))["events"]
        assert [{**event, "id": "o"} for event in polled][: len(events)] == events


async def test_both_go_on_without_a_gap_over_a_restart_of_either_side(tmp_path: Path) -> None:
    async with running_gateway() as gateway:
        await gateway.do("set AAPL 100.00 100.02 100.01")
        async with serving(configured(gateway, tmp_path), gateway) as service:
            await service.until("/trading", lambda response: response.json()["reconciled"] is not None)
            async with service.stream() as stream, events_at(service, "/orders/stream") as source:
                await stream.send(action="subscribe", channel="orders")
                snapshot = await stream.expect("orders")
                await place(service, "a")
                await stream.expect("order", event="sent")
                seen = await source.expect("order", event="accepted")
                last_id = source.last_id
            assert last_id == seen["cursor"]
            await place_and_cancel(service, "b")
        async with serving(configured(gateway, tmp_path), gateway) as service:
            await service.until("/trading", lambda response: response.json()["reconciled"] is not None)
            async with service.stream() as stream, events_at(service, "/orders/stream", **{"Last-Event-ID": last_id}) as source:
                await stream.send(action="subscribe", channel="orders", after=seen["cursor"])
                await place_and_cancel(service, "c")
                for end in (stream, source):
                    events = await until_end(end, "c")
                    check_chain(events, seen["sequence"])
                    assert events[0]["event"] == "sent"
                    assert {event["client_order_id"] for event in events} == {"a", "b", "c"}
            assert snapshot["sequence"] < seen["sequence"]


async def test_an_order_says_where_its_events_can_be_taken_up(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        placed = (await place(service, "followed")).json()
        path = f"/orders/{placed['order_id']}"
        await place(service, "another")
        changed = (await service.http.patch(path, json={"limit_price": 99.4, "change_id": "c-1"})).json()
        await service.http.delete(f"{path}?wait=5")
        told = (await service.http.get("/orders/events")).json()["events"]
        mine = [event for event in told if event["order_id"] == placed["order_id"]]
        assert all((event["order"]["sequence"], event["order"]["cursor"]) == (event["sequence"], event["cursor"]) for event in mine)
        for seen in (placed, changed):
            assert next(event for event in mine if event["cursor"] == seen["cursor"])["status"] == seen["status"]
            later = (await service.http.get("/orders/events", params={"after": seen["cursor"]})).json()["events"]
            assert later == [event for event in told if event["sequence"] > seen["sequence"]]
        last = mine[-1]["order"]
        for other in (path, "/orders/by-client-id/followed?account=DU1234567"):
            assert (await service.http.get(other)).json()["cursor"] == last["cursor"]
    async with trading_service(tmp_path) as service:
        found = (await service.http.get("/orders?status=closed")).json()["orders"]
        assert [(order["sequence"], order["cursor"]) for order in found] == [(last["sequence"], last["cursor"])], "read from the journal"


@pytest.mark.parametrize("after", ["0123456789ab-1", "nonsense", "x" * 40])
async def test_a_place_that_is_gone_is_answered_by_the_open_orders(tmp_path: Path, after: str) -> None:
    async with trading_service(tmp_path) as service, service.stream() as stream:
        await place(service)
        await stream.send(action="subscribe", channel="orders", after=after)
        snapshot = await stream.expect("orders", reset=True)
        assert len(snapshot["orders"]) == 1
        async with events_at(service, "/orders/stream", **{"Last-Event-ID": after * 2}) as source:
            assert (await source.expect("orders", reset=True))["cursor"] == snapshot["cursor"] == source.last_id
        gone = await service.http.get(f"/orders/events?after={after}")
        assert (gone.status_code, gone.json()["cursor"]) == (410, snapshot["cursor"])


async def test_one_account_is_told_of_its_own_orders_and_what_came_before(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service, service.stream() as stream:
        await stream.send(action="subscribe", channel="orders", account="DU1234567")
        before = await stream.expect("orders")
        await service.http.post("/trading/halt", json={"cancel": "none"})  # an event without an account
        await service.http.post("/trading/resume")
        await place(service)
        event = await stream.expect("order")
        assert event["previous"] == 0, "the first of this account"
        assert event["sequence"] == before["sequence"] + 3
        assert (await stream.expect("order"))["previous"] == event["sequence"]


async def test_quotes_and_orders_share_a_socket_and_each_ends_alone(tmp_path: Path) -> None:
    async with trading_service(tmp_path, still=False) as service, service.stream("?batch=0") as stream:
        await stream.send(action="subscribe", symbol="MSFT")
        await stream.send(action="subscribe", channel="orders", id=7)
        snapshot = await stream.expect("orders", id=7)
        await stream.expect("quote", symbol="MSFT")
        await place_and_cancel(service, "a")
        check_chain(await until_end(stream, "a"), snapshot["sequence"])
        await stream.expect("quote", symbol="MSFT")
        await stream.send(action="unsubscribe", channel="orders")
        await stream.expect("unsubscribed", symbols=["MSFT"])
        await place(service, "b")
        await stream.send(action="ping", id="end")
        while (message := await stream.receive()).get("id") != "end":
            assert message["type"] == "quote"


async def test_any_channels_as_events_have_orders_too_and_go_on_by_number(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        async with events_at(service, "/stream?channels=quotes,orders&symbol=MSFT") as source:
            await source.expect("orders")
            await place_and_cancel(service, "a")
            events = await until_end(source, "a")
        await place_and_cancel(service, "b")
        headers = {"Last-Event-ID": source.last_id}
        async with events_at(service, "/stream?channels=orders", **headers) as source:
            check_chain(await until_end(source, "b"), events[-1]["sequence"])


async def test_halts_and_comparisons_are_told_by_the_channel_of_trading(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service, service.stream() as stream, service.stream() as late:
        await stream.send(action="subscribe", channel="trading", id="t")
        first = await stream.expect("trading", id="t")
        assert {**await service.get("/trading"), "id": "t"} == first
        await service.http.post("/trading/halt", json={"cancel": "none", "reason": "lunch"})
        while (halted := await stream.expect("trading", halted="lunch"))["halt"] is None:
            pass
        assert (halted["halt"]["by"], halted["halt"]["reason"], halted["halt"]["cancel"]) == ("key:anonymous", "lunch", "none")
        await late.send(action="subscribe", channel="trading")
        await late.expect("trading", halted="lunch")
        await service.http.post("/trading/resume")
        await stream.expect("trading", halted=None, halt=None)
        await service.gateway.do("refuse 1")
        await stream.expect("trading", reconciled=None)
        while (await stream.expect("trading"))["reconciled"] is None:
            pass


async def test_trading_that_is_off_has_no_stream_of_orders(service: Service) -> None:
    assert (await service.get("/orders/stream", 403))["code"] == "trading_off"
    async with service.stream() as stream:
        await stream.send(action="subscribe", channel="orders", id=1)
        await stream.expect("error", code="trading_off", id=1)
        await stream.send(action="subscribe", channel="trading")
        await stream.expect("trading", mode="off", halted=None)
        await stream.send(action="subscribe", channel="orders", interval_ms=5, id=2)
        await stream.expect("error", code="invalid_request", field="interval_ms", id=2)


async def test_streams_of_orders_end_with_their_key(tmp_path: Path) -> None:
    both = LINES["stream"].replace(":stream:", ":read+stream:")
    updates = Topic(Settings(api_keys=read_keys("\n".join([both, LINES["read"], LINES["admin"]]))))
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(running_gateway())
        settings = configured(gateway, tmp_path, api_keys=updates.value.api_keys)
        service = await stack.enter_async_context(serving(settings, gateway, updates=updates))
        stream = await stack.enter_async_context(service.stream(headers=bearer("stream")))
        source = await stack.enter_async_context(events_at(service, "/orders/stream", **bearer("read")))
        await stream.send(action="subscribe", channel="orders")
        await stream.expect("orders")
        await source.expect("orders")
        updates.publish(settings_with(updates, "admin"))
        assert await close_code(stream) == 1008
        with trio.fail_after(DEADLINE), pytest.raises((EOFError, h11.RemoteProtocolError)):
            while True:
                await source.receive()


async def test_reader_that_stops_gets_every_event_when_it_reads_on_and_costs_no_memory(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(trading_service(tmp_path, orders_per_minute=1000))
        client = await StreamClient.open(int(service.url.rsplit(":", 1)[1]), "/ws/stream", receive_buffer=4096)
        stack.push_async_callback(client.vanish)
        await client.send(json.dumps({"action": "subscribe", "channel": "orders"}))
        for number in range(40):
            await place_and_cancel(service, f"o-{number}")
        last = (await service.get("/trading"))["sequence"]
        numbers: list[int] = []
        with trio.fail_after(3 * DEADLINE):
            while not numbers or numbers[-1] < last:
                messages = [json.loads(text) for text in await client.receive()]
                numbers += [message["sequence"] for message in messages if message["type"] == "order"]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert len(numbers) == 200


@pytest.mark.slow
async def test_half_a_minute_without_reading_costs_one_page_of_memory_and_no_event(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(trading_service(tmp_path, orders_per_minute=10_000))
        client = await StreamClient.open(int(service.url.rsplit(":", 1)[1]), "/ws/stream", receive_buffer=4096)
        stack.push_async_callback(client.vanish)
        await client.send(json.dumps({"action": "subscribe", "channel": "orders"}))
        until, count = trio.current_time() + 30, 0
        while trio.current_time() < until:
            placed = (await place(service, f"o-{count}", quantity=1)).json()
            await service.http.delete(f"/orders/{placed['order_id']}?wait=5")
            count += 1
        gc.collect()
        assert sum(isinstance(each, EventShown) for each in gc.get_objects()) <= 2 * PAGE
        last = (await service.get("/trading"))["sequence"]
        numbers: list[int] = []
        with trio.fail_after(3 * DEADLINE):
            while not numbers or numbers[-1] < last:
                messages = [json.loads(text) for text in await client.receive()]
                numbers += [message["sequence"] for message in messages if message["type"] == "order"]
        assert numbers == list(range(numbers[0], last + 1))
        assert len(numbers) >= 5 * count
