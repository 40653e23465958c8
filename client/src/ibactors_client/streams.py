"""A stream, without a socket: what to ask for, what the bytes say, and what is not current any more when they end."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from ibactors_client.core import PASSING, Param, Reply, Request, backoff, parameters, refusal
from ibactors_client.models import Gap, LiveBar, Message, Quote, Stale, Status, StreamError
from ibactors_client.orders import OpenOrders, OrderEvent
from ibactors_client.problems import NotTheService

Event = Quote | Stale | Status | StreamError | Gap | LiveBar | OrderEvent | OpenOrders | Message

QUIET = 35.0
"""Seconds without a byte after which a stream is dead; the service sends a comment every 15."""
_LONGEST_EVENT = 16 * 1024 * 1024
_TYPED = msgspec.json.Decoder(Quote | Stale | Status | StreamError | Gap | LiveBar | OrderEvent | OpenOrders)
_KNOWN = frozenset("quote stale status error gap bar order orders".split())


class _Kind(msgspec.Struct, frozen=True):
    type: str


_KIND = msgspec.json.Decoder(_Kind)


class Follower:
    """One stream over all its connections.

    Invariant: a quote that was given out is followed by a `Stale`, of the service or of this client, before the stream waits for a new
    connection; a new value of it comes only from the new connection.
    """

    def __init__(self, where: str, params: Mapping[str, Param], *, last_event_id: str | None = None) -> None:
        self.where = where
        self.params = parameters(params)
        self.last_event_id = last_event_id
        """How far it is, for another stream to go on from."""
        self._buffer = bytearray()
        self._current: dict[tuple[Any, ...], Quote] = {}
        self._attempt = 0

    def request(self) -> tuple[Request, dict[str, str]]:
        """What to send, with its headers; what a broken connection left half said is dropped."""
        self._buffer.clear()
        headers = {"Accept": "text/event-stream"}
        if self.last_event_id is not None:
            headers["Last-Event-ID"] = self.last_event_id
        return Request(method="GET", path=self.where, params=self.params), headers

    def refused(self, answer: Reply) -> float:
        """Seconds before another attempt. Raises what is not worth one."""
        trouble = refusal(answer) or NotTheService("The answer is not a stream of events.")
        if answer.status not in PASSING:
            raise trouble
        return max(answer.retry_after or 0.0, self.pause())

    def pause(self) -> float:
        """Seconds before another attempt, with jitter, longer each time until a stream has said something."""
        self._attempt += 1
        return backoff(self._attempt - 1)

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that are complete with these bytes. Split at line feeds alone: JSON may hold other ends of lines."""
        self._buffer += chunk
        while (end := self._buffer.find(b"\n\n")) >= 0:
            block = bytes(self._buffer[:end])
            del self._buffer[: end + 2]
            event = self._event(block)
            if event is not None:
                yield event
        if len(self._buffer) > _LONGEST_EVENT:
            raise NotTheService("An event of the stream has no end.")

    def broke(self, why: str) -> Iterator[Event]:
        """What must not be taken for current any more, said by the client itself: each quote, and the stream as a whole."""
        now = datetime.now(UTC)
        for quote in self._current.values():
            yield Stale(
                code="client_disconnected",
                reason=why,
                since=now,
                symbol=quote.symbol,
                con_id=quote.con_id,
                sec_type=quote.sec_type,
                exchange=quote.exchange,
                currency=quote.currency,
                local_symbol=quote.local_symbol,
            )
        self._current.clear()
        yield Stale(code="client_disconnected", reason=why, since=now)

    def _event(self, block: bytes) -> Event | None:
        data, place = [], None
        for line in block.replace(b"\r\n", b"\n").split(b"\n"):
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if name == b"data":
                data.append(value)
            elif name == b"id":
                place = value.decode()
        if not data:
            return None
        event = _message(b"\n".join(data))
        self._attempt = 0
        if place is not None:
            self.last_event_id = place or None
        match event:
            case Quote():
                self._current[_line(event)] = event
            case Stale(con_id=int()) if event.channel in {None, "quotes"}:
                self._current.pop(_line(event), None)
            case Message() | Stale() | Status() | StreamError() | Gap() | LiveBar() | OrderEvent() | OpenOrders():
                pass
        return event


def _line(event: Quote | Stale) -> tuple[Any, ...]:
    return (event.con_id, event.exchange, event.symbol)


def _message(data: bytes) -> Event:
    try:
        kind = _KIND.decode(data).type
        return _TYPED.decode(data) if kind in _KNOWN else Message(type=kind, data=msgspec.json.decode(data))
    except msgspec.DecodeError as exc:
        raise NotTheService(f"An event cannot be read: {exc}. See whether client and service are of one version.") from exc
