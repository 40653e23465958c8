"""Channels other than quotes, for edges: each line of a channel is in the feed once, however many edges and clients follow it.

Each follower has a seat, which is what one client of the service has: it counts among those of its caller, and holds what is listened to.
What an edge's client gets is made here, but for what depends on that client alone: its pace, its gaps, changes instead of whole values.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from itertools import count
from typing import Any

import msgspec
import trio

from ibactors.actors.symbol import Failed
from ibactors.bus import wire
from ibactors.errors import GatewayDisconnected, GatewayRefused, IbactorsError, InvalidRequest, MailboxFull
from ibactors.kernel.topic import Topic
from ibactors.keys import Scope
from ibactors.model.encoded import Encoded
from ibactors.web.contract.codec import read_json
from ibactors.web.contract.messages import Command
from ibactors.web.stream.channel import Channel
from ibactors.web.stream.channels import COMMAND, channel_of
from ibactors.web.stream.source import Source
from ibactors.web.system import System

MOST_SEATS = 65_536
"""Of all edges together."""
PULL = 10.0
"""Seconds that a question for what comes next waits, before it is answered with nothing."""


class _Line:
    """What is listened to once for all seats that want the same."""

    def __init__(self, number: int, key: bytes, source: Source, topic: Topic[Any]) -> None:
        self.number = number
        self.key = key
        self.source = source
        self.topic = topic
        self.seats: set[_Seat] = set()
        self.told: dict[str, object] = {}
        """The last message about each, where a value is several of them."""
        self.listening = ExitStack()


class _Seat:
    """One follower of an edge's."""

    def __init__(self) -> None:
        self.held = ExitStack()
        self.line: _Line | None = None
        self.left = False


class Relaying:
    """The lines of one connection to the bus; *wake* asks for `take` soon."""

    def __init__(self, system: System, wake: Callable[[], None]) -> None:
        self._system = system
        self._wake = wake
        self._lines: dict[bytes, _Line] = {}
        self._seats: dict[tuple[str, int], _Seat] = {}
        self._numbers = count(1)
        self._waiting: dict[Hashable, wire.Told] = {}
        """Not published yet; of what is conflated the newest only."""
        self._unique = count()

    def __len__(self) -> int:
        """Lines in the feed."""
        return len(self._lines)

    def take(self) -> list[list[wire.Told]]:
        """What waits to be published, in messages of the feed."""
        waiting, self._waiting = list(self._waiting.values()), {}
        rounds: list[list[wire.Told]] = []
        room = 0
        for told in waiting:
            if room < len(told.json):
                rounds.append([])
                room = wire.MOST_OCTETS
            rounds[-1].append(told)
            room -= len(told.json)
        return rounds

    def reserve(self, edge: str, seat: int) -> None:
        """In the step in which the question arrives, so that leaving never comes before. Raises MailboxFull."""
        if len(self._seats) >= MOST_SEATS:
            raise MailboxFull("bus", MOST_SEATS)
        self.leave(edge, seat)
        self._seats[edge, seat] = _Seat()

    async def follow(self, edge: str, question: wire.Follow) -> tuple[wire.Followed, list[wire.Told]]:
        """The line of a seat that is reserved, with what it begins with. Raises what subscribing does."""
        seat = self._seats.get((edge, question.seat))
        if seat is None:
            raise GatewayDisconnected("The edge has left.")
        try:
            channel, source = self._named(question.command)
            if question.after is not None and source.resumed is not None:
                source = source.resumed(question.after)
            topic = await source.open(question.caller, seat.held)
            if isinstance(topic.value, Failed):
                raise topic.value.error
            if seat.left:
                raise GatewayDisconnected("The edge has left.")
            if source.pull is not None:
                return wire.Followed(0, {}), []
            line = self._sit(seat, channel, source, topic, question.command)
            return wire.Followed(line.number, dict(source.names())), self._first(line, channel, source)
        finally:
            if seat.line is None:
                seat.held.close()  # also what was opened after the edge had left

    async def next(self, question: wire.Next) -> list[wire.Told]:
        """What comes next of a channel that is pulled. Raises what subscribing does."""
        _, source = self._named(question.command)
        if source.pull is None:
            raise InvalidRequest("This channel is followed, not pulled.", field="channel")
        messages: Iterable[Encoded[Any]] = ()
        with ExitStack() as held:
            await source.open(question.caller, held)
            with trio.move_on_after(PULL):
                messages = await source.pull()
        return [wire.Told(0, "", message.json) for message in messages]

    def leave(self, edge: str, number: int) -> None:
        """Nobody is in that seat any more."""
        seat = self._seats.pop((edge, number), None)
        if seat is None:
            return
        seat.left = True
        if (line := seat.line) is not None:
            line.seats.discard(seat)
            if not line.seats:
                self._close(line)
        seat.held.close()

    def release(self, edge: str, number: int) -> None:
        """A question was answered; where nobody was seated, the seat is free."""
        seat = self._seats.get((edge, number))
        if seat is not None and seat.line is None:
            self.leave(edge, number)

    def leave_all(self, gone: str | None = None) -> None:
        """An edge has gone, or all have."""
        for edge, number in [key for key in self._seats if gone in {None, key[0]}]:
            self.leave(edge, number)

    def _named(self, command: bytes) -> tuple[Channel[Any], Source]:
        try:
            wanted: Command = read_json(command, COMMAND)
        except msgspec.MsgspecError as exc:
            raise InvalidRequest(f"An edge wants what this session does not know: {exc}.") from None
        channel = channel_of(wanted)
        sources = channel.wanted(self._system, wanted)
        if channel.kept_on_edges or channel.scope is Scope.ADMIN or len(sources) != 1:
            raise InvalidRequest(f"The channel {channel.name!r} is not relayed so.", field="channel")
        return channel, sources[0]

    def _sit(self, seat: _Seat, channel: Channel[Any], source: Source, topic: Topic[Any], key: bytes) -> _Line:
        line = self._lines.get(key)
        if line is None or line.topic is not topic:
            line = self._lines[key] = _Line(next(self._numbers), key, source, topic)
            line.listening.enter_context(topic.listening(partial(self._heard, line, channel)))
        line.seats.add(seat)
        seat.line = line
        return line

    def _close(self, line: _Line) -> None:
        line.listening.close()
        if self._lines.get(line.key) is line:
            del self._lines[line.key]

    def _first(self, line: _Line, channel: Channel[Any], source: Source) -> list[wire.Told]:
        if not channel.conflated:
            return [wire.Told(line.number, "", message.json) for message in source.first(line.topic)]
        newest = line.topic.value
        if newest is None or not source.is_current(newest):
            return []
        return [wire.Told(line.number, about, message.json) for about, message in _messages(source, newest).items()]

    def _heard(self, line: _Line, channel: Channel[Any], value: Any) -> None:
        if isinstance(value, Failed):
            self._refuse(line, value.error)
        elif value is not None:
            for about, message in _messages(line.source, value).items():
                if line.told.get(about) is not message:
                    line.told[about] = message
                    self._tell(line, channel, about, message)

    def _tell(self, line: _Line, channel: Channel[Any], about: str, message: Encoded[Any]) -> None:
        if len(message.json) > wire.MOST_OCTETS:
            self._refuse(line, GatewayRefused(f"A message of the channel {channel.name!r} is too long for the bus."))
            return
        key: Hashable = (line.number, about) if channel.conflated else next(self._unique)
        self._waiting.pop(key, None)
        self._waiting[key] = wire.Told(line.number, about, message.json)
        self._wake()

    def _refuse(self, line: _Line, error: IbactorsError) -> None:
        """It is over for all who follow it; their seats go when their edges say so."""
        self._close(line)
        self._waiting[next(self._unique)] = wire.Told(line.number, "", msgspec.json.encode(refusal_of(error)))
        self._wake()


def _messages(source: Source, value: Any) -> Mapping[str, Encoded[Any]]:
    return {"": value} if source.split is None else source.split(value)


def refusal_of(error: IbactorsError) -> wire.Refusal:
    """An error, for an edge to raise."""
    return wire.Refusal(error.code, str(error), error.ib_code, msgspec.to_builtins(error.extra, enc_hook=str))
