"""A channel that skips nothing: every value in order, and what finds no room told exactly, on a WebSocket and as events."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.actors.symbol import Failed
from ibactors.errors import InvalidRequest, NoMarketData
from ibactors.kernel.topic import Topic
from ibactors.keys import Scope
from ibactors.model.encoded import Encoded
from ibactors.web.contract.caller import Caller
from ibactors.web.contract.messages import Command, Message, error_message
from ibactors.web.stream.channel import Channel
from ibactors.web.stream.events import Events
from ibactors.web.stream.slot import MOST_WAITING, Backlog, Slot
from ibactors.web.stream.source import Source
from ibactors.web.stream.subscription import Subscription
from ibactors.web.stream.subscriptions import Subscriptions
from ibactors.web.system import System
from tests.unit.test_stream_sender import FakeWire, sender_on


class Print(msgspec.Struct, frozen=True, tag_field="type", tag="print"):
    sequence: int
    timestamp: str = "2026-11-27T15:00:00.000000Z"


class Nothing(msgspec.Struct, frozen=True):
    """No parameters."""


def no_sources(_system: System, _parameters: Nothing) -> list[Source]:
    return []


PRINTS: Channel[Any] = Channel(
    name="prints",
    summary="all prints",
    scope=Scope.STREAM,
    parameters=Nothing,
    sources=no_sources,
    messages={"print": (Print, "One.")},
    conflated=False,
)


def caller() -> Caller:
    return Caller(name="bot", scopes=frozenset({Scope.STREAM}))


def source(topic: Topic[Any], symbol: str = "AAPL") -> Source:
    async def open_topic(_holder: str, _until_stopped: ExitStack) -> Topic[Any]:
        return topic

    return Source(key=symbol, symbol=symbol, open=open_topic, kind="last", position=f"prints/{symbol}")


def failed(subscription: Subscription, error: Failed) -> Sequence[Message]:
    return [error_message(error.error, names=subscription.names)]


async def subscribed(subscriptions: Subscriptions, topic: Topic[Any], symbol: str = "AAPL") -> Subscription:
    subscription = await subscriptions.open(PRINTS, source(topic, symbol), on_failed=failed, message_id=symbol)
    subscriptions.start(subscription)
    subscriptions.show(subscription)
    return subscription


def publish(topic: Topic[Any], numbers: range) -> None:
    for number in numbers:
        topic.publish(Encoded(Print(number)))


def account_for(messages: Sequence[Any], symbol: str = "AAPL") -> int:
    """The number up to which all is either there, in order, or told as lost; in between nothing is missing or double."""
    done = 0
    for message in messages:
        if message["type"] == "gap":
            assert message["symbol"] == symbol
            assert (message["channel"], message["kind"], message["code"]) == ("prints", "last", "slow_reader")
            assert message["sequence"] == done + message["lost"]
            done += message["lost"]
        else:
            assert message["sequence"] == done + 1
            done += 1
    return done


@pytest.mark.parametrize("batch", [False, True])
async def test_every_value_leaves_in_order_with_the_id_of_its_subscription(autojump_clock: MockClock, *, batch: bool) -> None:
    wire, topic = FakeWire(autojump_clock), Topic[Any](None)
    async with sender_on(wire, batch=batch) as sender:
        await subscribed(Subscriptions(caller(), sender), topic)
        publish(topic, range(1, 2001))
        await wait_all_tasks_blocked()
        found = [one for message in wire.messages for one in (message if batch else [message])]
        assert account_for(found) == 2000
        assert {message["id"] for message in found} == {"AAPL"}


async def test_losses_of_a_client_that_stops_add_up_exactly(autojump_clock: MockClock) -> None:
    wire, topic = FakeWire(autojump_clock), Topic[Any](None)
    async with sender_on(wire) as sender:
        await subscribed(Subscriptions(caller(), sender), topic)
        wire.room = 5_000
        at = 1
        for _ in range(6):
            publish(topic, range(at, at + MOST_WAITING))  # more than there is room for, while the client takes a little
            at += MOST_WAITING
            wire.make_room(30_000)
            await wait_all_tasks_blocked()
        wire.make_room()
        await wait_all_tasks_blocked()
        publish(topic, range(at, at + 10))
        await wait_all_tasks_blocked()
        assert account_for(wire.messages) == at + 9
        gaps = [message for message in wire.messages if message["type"] == "gap"]
        assert 1 <= len(gaps) <= 3
        assert sum(gap["lost"] for gap in gaps) > 4 * MOST_WAITING


async def test_a_slow_client_gets_a_gap_and_goes_on_before_it_has_caught_up(autojump_clock: MockClock) -> None:
    wire, topic = FakeWire(autojump_clock), Topic[Any](None)
    async with sender_on(wire) as sender:
        await subscribed(Subscriptions(caller(), sender), topic)
        wire.room = 0
        at = 1
        while at < 6 * MOST_WAITING:
            publish(topic, range(at, at + 1000))
            at += 1000
            await wait_all_tasks_blocked()
            wire.make_room(40_000)  # about 400 values for each 1000
            await wait_all_tasks_blocked()
        wire.make_room()
        await wait_all_tasks_blocked()
        assert account_for(wire.messages) == at - 1
        assert 2 <= sum(message["type"] == "gap" for message in wire.messages) <= 10


async def test_subscriptions_of_a_channel_share_the_room_and_each_is_told_its_own_losses(autojump_clock: MockClock) -> None:
    wire, apples, pears = FakeWire(autojump_clock), Topic[Any](None), Topic[Any](None)
    async with sender_on(wire) as sender:
        subscriptions = Subscriptions(caller(), sender)
        await subscribed(subscriptions, apples)
        await subscribed(subscriptions, pears, "PEAR")
        wire.room = -1
        for number in range(1, MOST_WAITING + 1):
            publish(apples, range(number, number + 1))
            publish(pears, range(number, number + 1))
        wire.make_room()
        await wait_all_tasks_blocked()
        for symbol in ("AAPL", "PEAR"):
            mine = [message for message in wire.messages if message["id" if message["type"] == "print" else "symbol"] == symbol]
            assert account_for(mine, symbol) == MOST_WAITING
        assert sum(message["type"] == "print" for message in wire.messages) == MOST_WAITING


async def test_an_end_comes_after_all_that_came_before_it(autojump_clock: MockClock) -> None:
    wire, topic = FakeWire(autojump_clock), Topic[Any](None)
    async with sender_on(wire) as sender:
        await subscribed(Subscriptions(caller(), sender), topic)
        wire.room = -1
        publish(topic, range(1, 4))
        topic.publish(Failed(error=NoMarketData("It is over.")))
        wire.make_room()
        await wait_all_tasks_blocked()
        assert [message["type"] for message in wire.messages] == ["print", "print", "print", "error"]


async def test_nothing_leaves_after_unsubscribing(autojump_clock: MockClock) -> None:
    wire, topic = FakeWire(autojump_clock), Topic[Any](None)
    async with sender_on(wire) as sender:
        subscriptions = Subscriptions(caller(), sender)
        subscription = await subscribed(subscriptions, topic)
        wire.room = -1
        publish(topic, range(1, 4))
        subscriptions.stop(subscription)
        wire.make_room()
        await wait_all_tasks_blocked()
        assert (wire.messages, topic.listeners) == ([], 0)


async def test_events_carry_every_value_tell_losses_and_number_their_ids(autojump_clock: MockClock) -> None:
    topic, numbers = Topic[Any](None), list[str]()

    def id_of(slot: Any, value: Encoded[Any]) -> str:
        numbers.append(f"{slot.position}:{value.value.sequence}")
        return numbers[-1]

    events = Events(trio.Event(), caller(), "bot", id_of)
    await subscribed(events.subscriptions, topic)
    publish(topic, range(1, MOST_WAITING + 501))
    await anext(events)
    blocks: list[str] = []
    while len(numbers) < MOST_WAITING + 1:
        blocks += (await anext(events)).decode().split("\n\n")[:-1]
    publish(topic, range(MOST_WAITING + 501, MOST_WAITING + 511))
    blocks += (await anext(events)).decode().split("\n\n")[:-1]
    found = [json.loads(line.removeprefix("data: ")) for block in blocks for line in block.splitlines() if line.startswith("data: ")]
    assert account_for(found) == MOST_WAITING + 510
    assert numbers[-1] == f"prints/AAPL:{MOST_WAITING + 510}"
    events.subscriptions.close()


async def test_events_wait_for_their_interval_and_keep_the_newest(autojump_clock: MockClock) -> None:
    topic: Topic[Any] = Topic(None)
    events = Events(trio.Event(), caller(), "bot", lambda _slot, _value: None)
    conflated = replace(PRINTS, conflated=True)
    subscription = await events.subscriptions.open(conflated, source(topic), on_failed=failed, interval=5.0)
    events.subscriptions.start(subscription)
    await anext(events)
    begun = autojump_clock.current_time()
    seen = []
    for number in (1, 2, 3):
        publish(topic, range(10 * number, 10 * number + 5))
        seen.append((json.loads((await anext(events)).removeprefix(b"data: "))["sequence"], autojump_clock.current_time() - begun))
    assert seen == [(14, 0.0), (24, 5.0), (34, 10.0)]
    events.subscriptions.close()


def test_what_skips_nothing_has_no_interval() -> None:
    with pytest.raises(InvalidRequest, match="interval"):
        PRINTS.wanted(None, Command(action="subscribe", interval_ms=100))  # type: ignore[arg-type]


def test_a_backlog_never_grows_beyond_its_bound() -> None:
    backlog = Backlog(most=10)
    slots = [Slot(interval=0.0) for _ in range(3)]
    for number in range(1000):
        backlog.add(slots[number % 3], Encoded(Print(number)))
    assert len(backlog) == 10 + len(slots)
    assert [slot.lost.count for slot in slots if slot.lost] == [330, 330, 330]
