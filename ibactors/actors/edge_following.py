"""Channels other than quotes in an edge's session: who follows which line of the feed, from which of its messages on.

Answers to calls and the feed are not in one order. So what the feed brings while a question is under way is kept until it is answered.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any, NamedTuple

import msgspec

from ibactors.actors.edge_errors import error_of
from ibactors.actors.edge_relay import Relay
from ibactors.bus import wire
from ibactors.errors import GatewayDisconnected, IbactorsError
from ibactors.model.encoded import Encoded

MOST_OCTETS = 16 * 1024 * 1024
"""Of messages that are kept while questions are under way."""

Ask = Callable[[wire.Question], Awaitable[tuple[wire.Answer, list[bytes]]]]
Message = Encoded[Any] | IbactorsError


class _Kept(NamedTuple):
    number: int
    sequence: int
    told: wire.Told


class Following:
    """Of one session. *end* ends it."""

    def __init__(self, ask: Ask, tell: Callable[[wire.Question], None], end: Callable[[str], None]) -> None:
        self._ask = ask
        self._tell = tell
        self._end = end
        self._lines: dict[int, dict[Relay, int]] = {}
        """By line: who follows it, after which message of the feed."""
        self._seats: dict[Relay, tuple[int, int]] = {}
        """With the line."""
        self._numbers = count(1)
        self._asking: dict[int, int] = {}
        """By seat: what was the number of the next message when it was asked for."""
        self._heard = 0
        self._kept: deque[_Kept] = deque()
        self._octets = 0

    def __len__(self) -> int:
        """Lines that are followed."""
        return len(self._lines)

    async def follow(self, relay: Relay) -> None:
        """Have the relay told; its first messages come in this step. Raises what subscribing does at the holder."""
        seat = next(self._numbers)
        self._asking[seat] = self._heard
        try:
            answer, body = await self._ask(relay.question(seat))
            followed = msgspec.msgpack.decode(answer.result, type=wire.Followed)
            first = wire.read_messages(b"".join(body))
            missed = [kept for kept in self._kept if kept.number >= self._asking[seat] and kept.told.line == followed.line]
            messages = [(told.about, self._message(relay, told)) for told in first]
            messages += [(kept.told.about, self._message(relay, kept.told)) for kept in missed if kept.sequence > answer.sequence]
        except msgspec.MsgspecError as exc:
            self._tell(wire.Leave(seat))
            self._end(f"An answer of the bus cannot be read: {exc}")
            raise GatewayDisconnected("An answer of the session's holder cannot be read.") from None
        except BaseException:
            self._tell(wire.Leave(seat))
            raise
        finally:
            del self._asking[seat]
            self._forget()
        relay.names = followed.names
        self._seats[relay] = seat, followed.line
        self._lines.setdefault(followed.line, {})[relay] = answer.sequence
        for about, message in messages:
            relay.heard(about, message)

    def leave(self, relay: Relay) -> None:
        """It is told nothing more."""
        if relay not in self._seats:
            return
        seat, number = self._seats.pop(relay)
        line = self._lines[number]
        del line[relay]
        if not line:
            del self._lines[number]
        self._tell(wire.Leave(seat))

    def take(self, feed: wire.Feed) -> None:
        """What the feed brings. Raises MsgspecError when it cannot be read."""
        for told in feed.messages:
            if self._asking:
                self._kept.append(_Kept(self._heard, feed.sequence, told))
                self._octets += len(told.json)
            self._heard += 1
            if line := self._lines.get(told.line):
                message = self._message(next(iter(line)), told)
                for relay, since in tuple(line.items()):
                    if feed.sequence > since:
                        relay.heard(told.about, message)
        if self._octets > MOST_OCTETS:  # not dropped: it would be missing
            self._end("The session's holder sends more than an edge can keep while it asks for more.")

    def _message(self, relay: Relay, told: wire.Told) -> Message:
        value = relay.decode(told.json)
        return error_of(value) if isinstance(value, wire.Refusal) else Encoded(value, told.json)

    def _forget(self) -> None:
        """What no question that is under way can need."""
        oldest = min(self._asking.values(), default=self._heard)
        while self._kept and self._kept[0].number < oldest:
            self._octets -= len(self._kept.popleft().told.json)
