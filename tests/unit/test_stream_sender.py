"""The sending side of a stream, on trio's clock, over a wire that is an object."""

import json
from typing import Any, cast

import pytest
import trio
from hypercorn.typing import WebsocketScope
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.actors.symbol import Failed
from ibactors.encoded import Encoded, text_frame
from ibactors.errors import ContractNotFound
from ibactors.meters import Meters
from ibactors.model import MarketDataType, Quote, Stale, now
from ibactors.web.stream_messages import Pong, error_message
from ibactors.web.stream_sender import CHUNK, DEAD_AFTER, PING, PING_INTERVAL, Sender, Subscription


class FakeWire:
    """Takes frames; while it is `stuck`, a write does not return."""

    def __init__(self, clock: MockClock) -> None:
        self.heard_at = clock.current_time()
        self.writes: list[bytes] = []
        self.stuck: trio.Event | None = None

    async def send_frames(self, frames: bytes) -> None:
        self.writes.append(frames)
        if self.stuck is not None:
            await self.stuck.wait()
        await trio.lowlevel.checkpoint()

    @property
    def messages(self) -> list[Any]:
        return [message for write in self.writes if write != PING for message in messages_of(write)]


def messages_of(frames: bytes) -> list[Any]:
    """Cut frames as a client does."""
    found = []
    while frames:
        assert frames[0] == 0x81
        length, start = frames[1], 2
        if length == 126:
            length, start = int.from_bytes(frames[2:4], "big"), 4
        elif length == 127:
            length, start = int.from_bytes(frames[2:10], "big"), 10
        found.append(json.loads(frames[start : start + length]))
        frames = frames[start + length :]
    return found


def sender_on(wire: FakeWire, query: bytes = b"") -> Sender:
    scope = cast("WebsocketScope", {"extensions": {"ibactors.connection": wire}, "query_string": query})

    async def send(_message: object) -> None:
        raise AssertionError("there is a wire")

    return Sender(Meters(), scope, send)


def quote(bid: float, symbol: str = "AAPL") -> Encoded[Quote]:
    return Encoded(
        Quote(
            symbol=symbol,
            exchange="SMART",
            currency="USD",
            bid=bid,
            timestamp=now(),
            market_data_type=MarketDataType.LIVE,
            con_id=1,
            sec_type="STK",
        )
    )


def stale() -> Encoded[Stale]:
    return Encoded(Stale(symbol="AAPL", code="gateway_disconnected", reason="gone", since=now()))


@pytest.mark.parametrize("length", [0, 125, 126, 65535, 65536])
def test_frames_have_the_length_that_their_head_says(length: int) -> None:
    payload = json.dumps("x" * (length - 2)).encode() if length > 1 else b"0"
    assert messages_of(text_frame(payload) * 2) == [json.loads(payload)] * 2


async def test_all_that_is_new_leaves_in_one_write(autojump_clock: MockClock) -> None:
    wire = FakeWire(autojump_clock)
    sender = sender_on(wire)
    for symbol in ("A", "B", "C"):
        sender.put(Subscription(interval=0.0), quote(1.0, symbol))
    sender.answer(Pong(timestamp=now()))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender.run)
        await wait_all_tasks_blocked()
        assert len(wire.writes) == 1
        assert [message.get("symbol", message["type"]) for message in wire.messages] == ["A", "B", "C", "pong"]
        nursery.cancel_scope.cancel(reason="the test is over")


async def test_batch_is_one_array_in_one_frame(autojump_clock: MockClock) -> None:
    wire = FakeWire(autojump_clock)
    sender = sender_on(wire, b"batch=1")
    for symbol in ("A", "B"):
        sender.put(Subscription(interval=0.0), quote(1.0, symbol))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender.run)
        await wait_all_tasks_blocked()
        (array,) = wire.messages
        assert [message["symbol"] for message in array] == ["A", "B"]
        nursery.cancel_scope.cancel(reason="the test is over")


async def test_stuck_reader_gets_only_the_newest_and_nothing_that_has_a_successor(autojump_clock: MockClock) -> None:
    wire = FakeWire(autojump_clock)
    sender = sender_on(wire)
    many = {f"S{number}": Subscription(interval=0.0) for number in range(CHUNK // 200)}
    wire.stuck = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender.run)
        for symbol, one in many.items():
            sender.put(one, quote(1.0, symbol))
        await wait_all_tasks_blocked()
        sent = len(wire.messages)
        assert sent < len(many)
        for bid in (2.0, 3.0):
            for symbol, one in many.items():
                sender.put(one, quote(bid, symbol))
        sender.put(one, stale())
        wire.stuck.set()
        await wait_all_tasks_blocked()
        after = wire.messages[sent:]
        assert {message.get("bid") for message in after} == {3.0, None}
        assert len(after) == len(many)
        assert after[-1]["type"] == "stale"
        nursery.cancel_scope.cancel(reason="the test is over")


async def test_interval_holds_quotes_but_not_what_ends_them(autojump_clock: MockClock) -> None:
    wire = FakeWire(autojump_clock)
    sender = sender_on(wire)
    slow = Subscription(interval=5.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender.run)
        for bid in (1.0, 2.0, 3.0):
            sender.put(slow, quote(bid))
            await wait_all_tasks_blocked()
        assert [message["bid"] for message in wire.messages] == [1.0]
        await trio.sleep(5.1)
        assert [message["bid"] for message in wire.messages] == [1.0, 3.0]
        sender.put(slow, quote(4.0))
        await wait_all_tasks_blocked()
        sender.put(slow, stale())
        await trio.sleep(20)
        assert [message.get("bid") for message in wire.messages] == [1.0, 3.0, None]
        nursery.cancel_scope.cancel(reason="the test is over")


async def test_nothing_of_an_unsubscribed_symbol_is_sent(autojump_clock: MockClock) -> None:
    wire = FakeWire(autojump_clock)
    sender = sender_on(wire)
    kept, dropped = Subscription(interval=0.0), Subscription(interval=0.0)
    sender.put(kept, quote(1.0, "KEPT"))
    sender.put(dropped, quote(1.0, "DROPPED"))
    sender.forget(dropped)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender.run)
        await wait_all_tasks_blocked()
        assert [message["symbol"] for message in wire.messages] == ["KEPT"]
        nursery.cancel_scope.cancel(reason="the test is over")


async def test_failure_is_told_in_place_of_the_value(autojump_clock: MockClock) -> None:
    wire = FakeWire(autojump_clock)
    sender = sender_on(wire)
    failing = Subscription(interval=0.0, on_failed=lambda failed: [error_message(failed.error)])
    sender.put(failing, Failed(error=ContractNotFound("no such contract")))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender.run)
        await wait_all_tasks_blocked()
        assert [message["code"] for message in wire.messages] == ["contract_not_found"]
        nursery.cancel_scope.cancel(reason="the test is over")


async def test_client_that_says_something_is_alive_and_one_that_does_not_is_not(autojump_clock: MockClock) -> None:
    wire = FakeWire(autojump_clock)
    sender = sender_on(wire)
    for _ in range(20):
        await trio.sleep(PING_INTERVAL)
        assert await sender.ping()
        wire.heard_at = trio.current_time()
    alive = 0
    while await sender.ping():
        await trio.sleep(PING_INTERVAL)
        alive += 1
    assert alive == DEAD_AFTER / PING_INTERVAL
    assert set(wire.writes) == {PING}


async def test_ping_does_not_wait_for_a_client_that_takes_nothing(autojump_clock: MockClock) -> None:
    wire = FakeWire(autojump_clock)
    wire.stuck = trio.Event()
    assert await sender_on(wire).ping()
    assert trio.current_time() - wire.heard_at < PING_INTERVAL
