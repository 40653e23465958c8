"""The sending side of a stream, on trio's clock, over a wire that is an object."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.actors.symbol import Failed
from ibactors.errors import ContractNotFound
from ibactors.model.encoded import Encoded, text_frame
from ibactors.model.quotes import MarketDataType, Quote, Stale
from ibactors.model.times import now
from ibactors.web.contract.messages import Pong, error_message
from ibactors.web.fanout import Fanout
from ibactors.web.meters import Meters
from ibactors.web.stream.sender import CHUNK, DEAD_AFTER, PING, PING_INTERVAL, Sender
from ibactors.web.stream.slot import Slot


class FakeWire:
    """Takes `room` octets; after that it is blocked until somebody sets more."""

    def __init__(self, clock: MockClock) -> None:
        self.heard_at = clock.current_time()
        self.writes: list[bytes] = []
        self.room = 10**9
        self.news = trio.Event()

    @property
    def blocked(self) -> bool:
        return self.room < 0

    def take_frames(self, frames: Sequence[bytes]) -> int:
        assert not self.blocked
        taken: list[bytes] = []
        while len(taken) < len(frames) and not self.blocked:
            taken.append(frames[len(taken)])
            self.room -= len(taken[-1])
        self.writes.append(b"".join(taken))
        return len(taken)

    async def unblocked(self) -> None:
        await trio.lowlevel.checkpoint()
        while self.blocked:
            await self.news.wait()

    def make_room(self, octets: int = 10**9) -> None:
        self.room += octets
        self.news.set()
        self.news = trio.Event()

    async def send_frames(self, frames: bytes) -> None:
        self.writes.append(frames)
        await self.unblocked()

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


@asynccontextmanager
async def sender_on(wire: FakeWire, *, batch: bool = False) -> AsyncIterator[Sender]:
    meters = Meters()
    fanout = Fanout(meters)
    sender = Sender(meters, wire, fanout, batch=batch)
    async with fanout.running(), trio.open_nursery() as nursery:
        nursery.start_soon(sender.run)
        yield sender
        nursery.cancel_scope.cancel(reason="the test is over")


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
    async with sender_on(wire) as sender:
        for symbol in ("A", "B", "C"):
            sender.put(Slot(interval=0.0), quote(1.0, symbol))
        sender.answer(Pong(timestamp=now()))
        await sender.answered()
        assert len(wire.writes) == 1
        assert [message.get("symbol", message["type"]) for message in wire.messages] == ["A", "B", "C", "pong"]


async def test_batch_is_one_array_in_one_frame(autojump_clock: MockClock) -> None:
    wire = FakeWire(autojump_clock)
    async with sender_on(wire, batch=True) as sender:
        for symbol in ("A", "B"):
            sender.put(Slot(interval=0.0), quote(1.0, symbol))
        await wait_all_tasks_blocked()
        (array,) = wire.messages
        assert [message["symbol"] for message in array] == ["A", "B"]


@pytest.mark.parametrize("batch", [False, True])
async def test_more_than_a_chunk_leaves_in_order(autojump_clock: MockClock, batch: bool) -> None:
    wire = FakeWire(autojump_clock)
    names = [f"S{number}" for number in range(3 * CHUNK // 200)]
    async with sender_on(wire, batch=batch) as sender:
        for symbol in names:
            sender.put(Slot(interval=0.0), quote(1.0, symbol))
        await wait_all_tasks_blocked()
        found = [message for array in wire.messages for message in array] if batch else wire.messages
        assert [message["symbol"] for message in found] == names
        assert 1 < len(wire.writes) < len(names) / 10


@pytest.mark.parametrize("room", [0, 1000, CHUNK + 1])
async def test_stuck_reader_gets_only_the_newest_and_nothing_that_has_a_successor(autojump_clock: MockClock, room: int) -> None:
    wire = FakeWire(autojump_clock)
    many = {f"S{number}": Slot(interval=0.0) for number in range(2 * CHUNK // 200)}
    async with sender_on(wire) as sender:
        wire.room = room
        for symbol, one in many.items():
            sender.put(one, quote(1.0, symbol))
        await wait_all_tasks_blocked()
        begun = len(wire.messages)
        assert 1 <= begun <= 1 + room / 150
        for bid in (2.0, 3.0):
            for symbol, one in many.items():
                sender.put(one, quote(bid, symbol))
            await wait_all_tasks_blocked()
        sender.put(one, stale())
        assert len(wire.messages) == begun
        wire.make_room()
        await wait_all_tasks_blocked()
        after = wire.messages[begun:]
        assert {message.get("bid") for message in after} == {3.0, None}
        assert len(after) == len(many)
        assert {message["type"] for message in after if "bid" not in message} == {"stale"}


async def test_answers_keep_their_order_through_a_stuck_wire(autojump_clock: MockClock) -> None:
    wire = FakeWire(autojump_clock)
    async with sender_on(wire) as sender:
        wire.room = 0
        for number in range(5):
            sender.answer(Pong(timestamp=now(), id=number))
        await wait_all_tasks_blocked()
        with trio.move_on_after(60) as patience:
            await sender.answered()
        assert patience.cancelled_caught
        sender.answer(Pong(timestamp=now(), id=5))
        wire.make_room(1)
        await wait_all_tasks_blocked()
        wire.make_room()
        await sender.answered()
        assert [message["id"] for message in wire.messages] == list(range(6))


async def test_interval_holds_quotes_but_not_what_ends_them(autojump_clock: MockClock) -> None:
    wire = FakeWire(autojump_clock)
    slow = Slot(interval=5.0)
    async with sender_on(wire) as sender:
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


async def test_shorter_interval_does_not_wait_for_a_longer_one(autojump_clock: MockClock) -> None:
    wire = FakeWire(autojump_clock)
    long, short = Slot(interval=50.0), Slot(interval=5.0)
    async with sender_on(wire) as sender:
        for bid in (1.0, 2.0):
            sender.put(long, quote(bid, "LONG"))
            await wait_all_tasks_blocked()
            sender.put(short, quote(bid, "SHORT"))
            await wait_all_tasks_blocked()
        await trio.sleep(5.1)
        assert [(message["symbol"], message["bid"]) for message in wire.messages] == [("LONG", 1.0), ("SHORT", 1.0), ("SHORT", 2.0)]
        await trio.sleep(45)
        assert wire.messages[-1]["symbol"] == "LONG"


async def test_nothing_of_an_unsubscribed_symbol_is_sent(autojump_clock: MockClock) -> None:
    wire = FakeWire(autojump_clock)
    kept, dropped = Slot(interval=0.0), Slot(interval=0.0)
    async with sender_on(wire) as sender:
        wire.room = 0
        for one, symbol in ((kept, "KEPT"), (dropped, "DROPPED")):
            sender.put(one, quote(1.0, symbol))
        await wait_all_tasks_blocked()
        sender.forget(dropped)
        wire.make_room()
        await wait_all_tasks_blocked()
        assert [message["symbol"] for message in wire.messages] == ["KEPT"]


async def test_failure_is_told_in_place_of_the_value(autojump_clock: MockClock) -> None:
    wire = FakeWire(autojump_clock)
    failing = Slot(interval=0.0, on_failed=lambda failed: [error_message(failed.error)])
    async with sender_on(wire) as sender:
        sender.put(failing, Failed(error=ContractNotFound("no such contract")))
        await sender.answered()
        await wait_all_tasks_blocked()
        assert [message["code"] for message in wire.messages] == ["contract_not_found"]


async def test_error_in_one_stream_ends_that_stream_alone(autojump_clock: MockClock) -> None:
    def crash(_failed: Failed) -> list[Any]:
        raise ZeroDivisionError

    fanout, wire = Fanout(Meters()), FakeWire(autojump_clock)
    broken, sound = (Sender(Meters(), wire, fanout, batch=False) for _ in range(2))
    async with fanout.running():
        broken.put(Slot(interval=0.0, on_failed=crash), Failed(error=ContractNotFound("no such contract")))
        with pytest.raises(ZeroDivisionError):
            await broken.run()
        sound.answer(Pong(timestamp=now()))
        await sound.answered()
    assert [message["type"] for message in wire.messages] == ["pong"]


async def test_client_that_says_something_is_alive_and_one_that_does_not_is_not(autojump_clock: MockClock) -> None:
    wire = FakeWire(autojump_clock)
    async with sender_on(wire) as sender:
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
    wire.room = -1
    async with sender_on(wire) as sender:
        assert await sender.ping()
    assert trio.current_time() - wire.heard_at < PING_INTERVAL
