"""Channels over the bus: lines that several share at the holder, and what a client of an edge gets over breaks and races."""

from contextlib import ExitStack
from typing import Any

import msgspec
import pytest
import trio

from ibactors.actors.edge_errors import error_of
from ibactors.actors.edge_following import Following
from ibactors.actors.edge_relay import Relay
from ibactors.actors.symbol import Failed
from ibactors.bus import wire
from ibactors.errors import GatewayDisconnected, InvalidRequest, NoFreeLine
from ibactors.holder.relaying import Relaying
from ibactors.kernel.topic import Topic
from ibactors.model.encoded import Encoded
from ibactors.web.stream.channel import Channel
from ibactors.web.stream.channels import CHANNELS
from ibactors.web.stream.relayed import _decoder, _voided
from ibactors.web.stream.source import Source

TICKS, DEPTH = CHANNELS["ticks"], CHANNELS["depth"]


class Message(msgspec.Struct, frozen=True, tag_field="type", tag="message"):
    sequence: int
    text: str = ""


class Holder(Relaying):
    """With one topic for each command, opened when the test says so."""

    def __init__(self, channel: Channel[Any] = TICKS) -> None:
        nothing: Any = None
        super().__init__(nothing, lambda: None)
        self.channel = channel
        self.topics: dict[bytes, Topic[Any]] = {}
        self.held: list[str] = []
        self.may_open = trio.Event()
        self.may_open.set()

    def _named(self, command: bytes) -> tuple[Channel[Any], Source]:
        async def opened(caller: str, until_stopped: ExitStack) -> Topic[Any]:
            await self.may_open.wait()
            self.held.append(caller)
            until_stopped.callback(self.held.remove, caller)
            return self.topics.setdefault(command, Topic(None))

        return self.channel, Source(key=command, open=opened)

    async def take_seat(self, edge: str, seat: int, command: bytes = b"AAPL") -> int:
        self.reserve(edge, seat)
        followed, _ = await self.follow(edge, wire.Follow(command, None, seat, f"{edge}-{seat}"))
        return followed.line


def said(sequence: int, text: str = "") -> Encoded[Any]:
    return Encoded(Message(sequence, text))


async def test_who_wants_the_same_shares_a_line_and_each_holds_it_until_it_leaves() -> None:
    holder = Holder()
    first, second, other = [await holder.take_seat(*who) for who in (("a", 1), ("b", 1), ("b", 2, b"MSFT"))]
    assert first == second != other
    holder.topics[b"AAPL"].publish(said(1))
    assert [told.line for told in holder.take()[0]] == [first]
    assert sorted(holder.held) == ["a-1", "b-1", "b-2"]
    holder.leave_all("b")
    assert (holder.held, len(holder)) == (["a-1"], 1)
    holder.leave("a", 1)
    holder.leave("a", 1)
    assert (holder.held, len(holder), holder.topics[b"AAPL"].listeners) == ([], 0, 0)


async def test_who_leaves_while_a_line_is_opened_holds_nothing(autojump_clock: trio.testing.MockClock) -> None:
    holder = Holder()
    holder.may_open = trio.Event()
    holder.reserve("a", 1)

    async def follow() -> None:
        with pytest.raises(GatewayDisconnected):
            await holder.follow("a", wire.Follow(b"AAPL", None, 1, "a-1"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow)
        await trio.testing.wait_all_tasks_blocked()
        holder.leave("a", 1)
        holder.may_open.set()
    await follow()  # the question is begun after the edge has left
    assert (holder.held, len(holder)) == ([], 0)


async def test_all_of_a_channel_that_skips_nothing_waits_and_of_others_the_newest() -> None:
    for channel, left in ((TICKS, [1, 2, 3]), (DEPTH, [3])):
        holder = Holder(channel)
        await holder.take_seat("a", 1)
        for number in (1, 2, 3):
            holder.topics[b"AAPL"].publish(said(number))
        assert [msgspec.json.decode(told.json)["sequence"] for told in holder.take()[0]] == left


async def test_what_is_too_long_or_over_ends_its_line_with_the_error_and_the_feed_is_cut_into_messages() -> None:
    holder = Holder()
    await holder.take_seat("a", 1)
    for number in (1, 2, 3):
        holder.topics[b"AAPL"].publish(said(number, "x" * (wire.MOST_OCTETS // 2)))
    assert [len(told) for told in holder.take()] == [1, 1, 1]
    holder.topics[b"AAPL"].publish(said(4, "x" * wire.MOST_OCTETS))
    assert b"too long" in holder.take()[0][0].json
    assert holder.topics[b"AAPL"].listeners == 0
    await holder.take_seat("b", 1)
    holder.topics[b"AAPL"].publish(Failed(error=NoFreeLine("all are in use")))
    refusal = msgspec.json.decode(holder.take()[0][0].json, type=wire.Refusal)
    assert isinstance(error_of(refusal), NoFreeLine)


def test_errors_with_arguments_of_their_own_are_made_again() -> None:
    error = error_of(wire.Refusal("invalid_request", "no", None, {"field": "symbol"}))
    assert (type(error), error.extra) == (InvalidRequest, {"field": "symbol"})


class Session:
    """An edge's, whose questions the test answers."""

    def __init__(self) -> None:
        self.answer = trio.Event()
        self.sequence, self.first = 0, [wire.Told(7, "", said(1).json)]
        self.told: list[Any] = []
        self.ended: list[str] = []
        self.following = Following(self.ask, self.told.append, self.ended.append)

    async def ask(self, _question: wire.Question) -> tuple[wire.Answer, list[bytes]]:
        await self.answer.wait()
        body = wire.encode(self.first)
        return wire.Answer("s", self.sequence, result=msgspec.Raw(wire.encode(wire.Followed(7, {})))), [body[:3], body[3:]]

    def feed(self, sequence: int, *numbers: int) -> None:
        self.following.take(wire.Feed("s", sequence, messages=[wire.Told(7, "", said(number).json) for number in numbers]))


def relay_of() -> tuple[Relay, list[int]]:
    relay = Relay(b"", None, "c", conflated=False, decode=msgspec.json.Decoder(Message).decode, void=lambda _last, _reason: None)
    heard: list[int] = []
    relay.first(current=True)
    relay.updates.listening(lambda message: heard.append(message.value.sequence)).__enter__()
    return relay, heard


async def test_an_answer_that_comes_before_or_after_the_feed_leaves_nothing_out_and_doubles_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    for late in (False, True):
        session, (relay, heard), (second, heard_too) = Session(), relay_of(), relay_of()
        async with trio.open_nursery() as nursery:
            session.sequence = 10
            session.first = [wire.Told(7, "", said(number).json) for number in (1, 2)]
            nursery.start_soon(session.following.follow, relay)
            await trio.testing.wait_all_tasks_blocked()
            if late:  # the feed overtakes the answer: 10 is in it already, 11 is not
                session.feed(10, 2)
                session.feed(11, 3)
            session.answer.set()
            await trio.testing.wait_all_tasks_blocked()
        if not late:
            session.feed(10, 2)
            session.feed(11, 3)
        session.sequence, session.first = 11, []
        await session.following.follow(second)
        session.feed(12, 4)
        assert (heard, heard_too) == ([1, 2, 3, 4], [4])
        session.following.leave(relay)
        session.feed(13, 5)
        assert (heard[-1], heard_too) == (4, [4, 5])
        session.following.leave(second)
        assert [type(told) for told in session.told] == [wire.Leave, wire.Leave]
        assert not len(session.following)


async def test_a_question_that_is_given_up_leaves_its_seat(autojump_clock: trio.testing.MockClock) -> None:
    session, (relay, _) = Session(), relay_of()
    with trio.move_on_after(1):
        await session.following.follow(relay)
    assert session.told == [wire.Leave(1)]


async def test_what_was_heard_of_a_session_that_is_over_is_asked_for_again() -> None:
    relay, _ = relay_of()
    early = Relay(b"", 5, "c", conflated=False, decode=relay.decode, void=lambda _last, _reason: None)
    early.heard("", said(6))
    assert early.question(1).after == 6
    assert list(early.first(current=False)) == []
    assert early.question(2).after == 5


@pytest.mark.parametrize("channel", ["account", "pnl", "portfolio", "depth", "bars", "scanner"])
def test_every_message_that_may_become_void_says_all_that_is_said_of_it_then(channel: str) -> None:
    kinds = [kind for kind, _ in CHANNELS[channel].messages.values()]
    void = next(kind for kind in kinds if kind.__struct_config__.tag == "stale")
    needed = {field.name for field in msgspec.structs.fields(void) if field.required} - {"code", "reason", "since", "timestamp"}
    for kind in kinds:
        assert needed - {"scan"} <= set(kind.__struct_fields__)


def test_a_message_is_voided_once_and_a_gap_not_at_all() -> None:
    kinds = [kind for kind, _ in CHANNELS["depth"].messages.values()]
    decode = _decoder(kinds)
    book = decode(
        b'{"type":"depth","channel":"depth","symbol":"AAPL","con_id":1,"smart":true,"sequence":1,"bids":[],"asks":[],"timestamp":"t"}'
    )
    void = next(kind for kind in kinds if kind.__struct_config__.tag == "stale")
    stale = _voided("depth", void, book, "gone")
    assert (stale.symbol, stale.smart, stale.reason, stale.code) == ("AAPL", True, "gone", "gateway_disconnected")
    assert _voided("depth", void, stale, "gone") is None
    assert _voided("ticks", None, book, "gone") is None
