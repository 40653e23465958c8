"""What a row of the table of channels is good for, and what one client is subscribed to."""

from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Never

import msgspec
import pytest
import trio
import trio.testing

from ibactors.actors.symbol import Failed
from ibactors.errors import NoMarketData, TooManySubscriptions
from ibactors.kernel.topic import Topic
from ibactors.keys import Scope
from ibactors.model.encoded import Encoded
from ibactors.web.contract.caller import Caller
from ibactors.web.contract.messages import Message
from ibactors.web.gate.refusals import ScopeMissing
from ibactors.web.stream.channel import Channel
from ibactors.web.stream.channels import CHANNELS, command_type
from ibactors.web.stream.slot import Slot
from ibactors.web.stream.source import Source
from ibactors.web.stream.subscription import Subscription
from ibactors.web.stream.subscriptions import Subscriptions
from ibactors.web.system import System


class DepthParameters(msgspec.Struct, frozen=True, kw_only=True):
    levels: int = 5
    account: str | None = None


class Book(msgspec.Struct, frozen=True, tag_field="type", tag="book"):
    bids: int


def no_sources(_system: System, _parameters: DepthParameters) -> list[Source]:
    return []


def row(parameters: type[DepthParameters] = DepthParameters, *, conflated: bool = True) -> Channel[Any]:
    return Channel(
        name="tower",
        summary="the book",
        scope=Scope.READ,
        parameters=parameters,
        sources=no_sources,
        messages={"book": (Book, "The book.")},
        conflated=conflated,
    )


class Tray:
    """An outlet that keeps what it is given."""

    def __init__(self) -> None:
        self.values: dict[Hashable, Any] = {}
        self.feeds: list[Callable[[], Awaitable[Never]]] = []

    def follow(self, topic: Topic[Any], slot: Hashable) -> AbstractContextManager[object]:
        return topic.listening(partial(self.put, slot))

    def put(self, slot: Hashable, value: Any) -> None:
        self.values[slot] = value

    def forget(self, slot: Slot) -> None:
        self.values.pop(slot, None)

    @contextmanager
    def feeding(self, feed: Callable[[], Awaitable[Never]]) -> Iterator[None]:
        self.feeds.append(feed)
        try:
            yield
        finally:
            self.feeds.remove(feed)

    @property
    def shown(self) -> list[int]:
        return [value.value.bids for value in self.values.values()]


def nothing_to_say(_subscription: Subscription, _failed: Failed) -> Sequence[Message]:
    return []


def source(topic: Topic[Any], key: str = "AAPL", *, ready: trio.Event | None = None) -> Source:
    async def open_topic(_holder: str, _until_stopped: ExitStack) -> Topic[Any]:
        if ready is not None:
            await ready.wait()
        if topic.value == "broken":
            raise NoMarketData("There is none.")
        return topic

    return Source(key=key, symbol=key, open=open_topic)


@pytest.fixture
def caller() -> Caller:
    return Caller(name="desk", scopes=frozenset({Scope.READ, Scope.STREAM}), most_subscriptions=2)


@pytest.fixture
def tray() -> Tray:
    return Tray()


def book(bids: int) -> Encoded[Book]:
    return Encoded(Book(bids))


def test_a_row_makes_the_commands_know_its_channel_and_its_parameters() -> None:
    kind = command_type((*CHANNELS.values(), row(msgspec.defstruct("Rows", [("levels", int, 5)]))))  # type: ignore[arg-type]
    command = msgspec.json.decode('{"action":"subscribe","channel":"tower","levels":9}', type=kind)
    assert msgspec.to_builtins(command)["levels"] == 9
    for wrong in ('"channel":"quotes"', '"channel":"towers"', '"levels":"many"', '"columns":1'):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(f'{{"action":"subscribe",{wrong}}}', type=kind)


def test_channels_agree_on_what_a_member_is() -> None:
    with pytest.raises(TypeError, match="'account'"):
        command_type((*CHANNELS.values(), row()))


async def test_values_come_after_the_start_and_what_is_known_when_it_is_shown(caller: Caller, tray: Tray) -> None:
    topic, subscriptions = Topic[Any](book(1)), Subscriptions(caller, tray)
    subscription = await subscriptions.open(row(), source(topic), on_failed=nothing_to_say)
    topic.publish(book(2))
    assert (tray.shown, list(subscriptions), caller.subscriptions) == ([], [], 1)
    subscriptions.start(subscription)
    subscriptions.show(subscription)
    assert tray.shown == [2]
    topic.publish(book(3))
    assert tray.shown == [3]
    subscriptions.close()
    topic.publish(book(4))
    assert (tray.shown, topic.listeners, caller.subscriptions) == ([], 0, 0)


async def test_each_slot_of_a_value_has_the_newest_of_what_it_is_about(caller: Caller, tray: Tray) -> None:
    def split(value: Mapping[str, int]) -> Mapping[str, Encoded[Any]]:
        return {about: book(bids) for about, bids in value.items()}

    topic, subscriptions = Topic[Any]({"a": 1}), Subscriptions(caller, tray)

    async def open_topic(_holder: str, _until_stopped: ExitStack) -> Topic[Any]:
        return topic

    several = Source(key="all", open=open_topic, split=split, is_current=lambda value: "old" not in value)
    subscription = await subscriptions.open(row(), several, on_failed=nothing_to_say)
    subscriptions.start(subscription)
    topic.publish({"a": 2, "b": 5})
    topic.publish({"a": 3})
    assert tray.shown == [3, 5]
    topic.publish({"a": 4})
    subscriptions.show(subscription)
    assert tray.shown == [4, 5]


async def test_the_same_again_takes_the_place_of_the_first_and_needs_no_other(caller: Caller, tray: Tray) -> None:
    topic, subscriptions = Topic[Any](None), Subscriptions(caller, tray)
    for key in ("AAPL", "MSFT", "AAPL"):
        subscriptions.start(await subscriptions.open(row(), source(topic, key), on_failed=nothing_to_say))
    assert [subscription.source.symbol for subscription in subscriptions] == ["MSFT", "AAPL"]
    assert (topic.listeners, caller.subscriptions) == (2, 2)
    with pytest.raises(TooManySubscriptions):
        await subscriptions.open(row(), source(topic, "TSLA"), on_failed=nothing_to_say)
    subscriptions.stop_named(row(), [])
    assert len(list(subscriptions)) == 2


async def test_the_last_place_is_taken_before_the_wait_for_a_source(caller: Caller, tray: Tray) -> None:
    caller.most_subscriptions = 1
    ready, first, second = trio.Event(), Subscriptions(caller, tray), Subscriptions(caller, tray)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(first.open, row(), source(Topic[Any](None), ready=ready), on_failed=nothing_to_say))
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(TooManySubscriptions):
            await second.open(row(), source(Topic[Any](None)), on_failed=nothing_to_say)
        ready.set()
    assert caller.subscriptions == 1
    first.close()  # it was opened, but never started
    assert caller.subscriptions == 0


async def test_a_source_that_does_not_open_costs_no_place(caller: Caller, tray: Tray) -> None:
    subscriptions = Subscriptions(caller, tray)
    with pytest.raises(NoMarketData):
        await subscriptions.open(row(), source(Topic[Any]("broken")), on_failed=nothing_to_say)
    with trio.move_on_after(0):
        await subscriptions.open(row(), source(Topic[Any](None), ready=trio.Event()), on_failed=nothing_to_say)
    assert caller.subscriptions == 0


def test_a_channel_asks_for_its_scope(caller: Caller, tray: Tray) -> None:
    Subscriptions(caller, tray).check(row())
    stranger = Subscriptions(Caller(name="page", scopes=frozenset({Scope.STREAM})), tray)
    with pytest.raises(ScopeMissing, match="The tower channel needs the scope 'read'"):
        stranger.check(row())


async def test_what_replaces_another_counts_once(caller: Caller, tray: Tray) -> None:
    topic, subscriptions = Topic[Any](book(1)), Subscriptions(caller, tray)
    for key in ("AAPL", "AAPL", "AAPL"):
        subscription = await subscriptions.open(row(), source(topic, key), on_failed=nothing_to_say)
        assert caller.subscriptions == 1
        subscriptions.start(subscription)
        assert caller.subscriptions == 1
    failed = await subscriptions.open(row(), source(topic), on_failed=nothing_to_say)
    subscriptions.stop(*subscriptions)
    assert caller.subscriptions == 0
    subscriptions.start(failed)
    assert caller.subscriptions == 1, "it takes a place where there is none to be had from another"
    subscriptions.close()
    assert (topic.listeners, caller.subscriptions) == (0, 0)


async def test_what_is_pulled_is_asked_for_when_what_came_before_has_left(caller: Caller, tray: Tray) -> None:
    asked: list[int] = []

    async def pull() -> list[Encoded[Book]]:
        await trio.lowlevel.checkpoint()
        asked.append(len(asked))
        return [book(3 * asked[-1] + number) for number in range(3)]

    subscriptions = Subscriptions(caller, tray)
    pulled = replace(source(Topic[Any](None)), pull=pull)
    subscription = await subscriptions.open(row(conflated=False), pulled, on_failed=nothing_to_say)
    subscriptions.start(subscription)
    subscriptions.show(subscription)
    backlog = subscription.backlog
    assert backlog is not None
    taken: list[int] = []
    async with trio.open_nursery() as nursery:
        for begun_anew in range(4):
            scope = trio.CancelScope()

            async def feed(scope: trio.CancelScope = scope) -> None:
                with scope:
                    await tray.feeds[0]()

            nursery.start_soon(feed)
            await trio.testing.wait_all_tasks_blocked()
            assert (len(asked), len(backlog)) == (begun_anew + 1, 3), "a slow client has one answer in memory"
            taken += [message.value.bids for _, message in backlog.take(1)]
            await trio.testing.wait_all_tasks_blocked()
            assert len(asked) == begun_anew + 1, "not before all of it has left"
            scope.cancel(reason="it may begin anew at any time")
            taken += [message.value.bids for _, message in backlog.take(1000)]
        subscriptions.close()
    assert taken == list(range(12))
    assert tray.feeds == []
