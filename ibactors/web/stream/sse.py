"""GET /market/stream: live quotes as server-sent events, for clients whose proxies cut WebSockets.

The events carry the same JSON as the messages of /ws/stream and come from the same listeners: one place a symbol, so that a slow reader
gets the newest value of each and skips the rest. An event's id is the time of its quote; who comes again with it as `Last-Event-ID`
is sent what is newer.
"""

from collections.abc import AsyncIterator, Hashable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import trio
from quart import request

from ibactors.actors.symbol import Failed, Moved, Update
from ibactors.errors import (
    ContractAmbiguous,
    ContractNotFound,
    GatewayDisconnected,
    InvalidRequest,
    MarketDataNotSubscribed,
    NoFreeLine,
    TooManyStreams,
)
from ibactors.kernel.topic import Topic
from ibactors.keys import Scope
from ibactors.model.encoded import Encoded
from ibactors.model.quotes import Quote, Stale
from ibactors.web.contract.caller import Caller
from ibactors.web.contract.changes import StatusChange
from ibactors.web.contract.codec import encode
from ibactors.web.contract.messages import Message, StreamError, error_message
from ibactors.web.contract.queries import QuotesQuery, instruments_of
from ibactors.web.newest import Newest
from ibactors.web.operation import EVENT_STREAM, Answer, Call, Nothing, Operation, Pieces
from ibactors.web.stream.quotes import QUOTES, sources_of
from ibactors.web.stream.sender import Slot
from ibactors.web.stream.subscriptions import Subscription, Subscriptions, showing_status

PING_S = 15.0
"""Below the idle timeouts of proxies, 30 to 60 s."""
OVERLAP = timedelta(seconds=1)
"""A quote this much older than the last event may have been overtaken by it, and is sent again."""
FIRST_WORD_S = 2.0
"""For which a stream that has nothing to show yet waits, in case that nothing can come."""
_FOR_GOOD = (ContractNotFound, ContractAmbiguous, MarketDataNotSubscribed, InvalidRequest)
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_PING = b": nothing new\n\n"
_START = b"retry: 2000\n\n"


async def get_events(call: Call[QuotesQuery, Nothing]) -> Pieces | Answer:
    since = _since(request.headers.get("Last-Event-ID"))
    if request.method == "HEAD":  # it asks for no events, and would wait for their end
        return Answer(body=b"", content_type=EVENT_STREAM)
    stream = call.along.stream
    if stream is None:
        raise AssertionError("the front gives a place to each stream")
    instruments = instruments_of(call.query)
    call.count_symbols(len(instruments))
    events = Events(call.system.stop, call.caller, call.along.holder)
    subscriptions = events.subscriptions
    stream.ending.callback(subscriptions.close)
    sources = sources_of(call.system, instruments)
    opened = [await subscriptions.open(QUOTES, source, on_failed=events.failed) for source in sources]
    await _first_word([subscription.topic for subscription in opened])
    stream.ending.enter_context(showing_status(call.system, events))
    for subscription in opened:
        subscriptions.start(subscription)
        if not _has_seen(since, subscription.topic.value):
            subscriptions.show(subscription)
    return Pieces(body=events, content_type=EVENT_STREAM, headers=_HEADERS)


async def _first_word(topics: Sequence[Topic[Any]]) -> None:
    """Wait a moment for a first value. Raises what is wrong with all symbols for good: EventSource comes again after a stream, for ever."""
    with trio.move_on_after(FIRST_WORD_S):
        async with trio.open_nursery() as nursery:
            for topic in topics:
                nursery.start_soon(_until_alive, topic, nursery.cancel_scope)
    errors = [topic.value.error for topic in topics if isinstance(topic.value, Failed)]
    if len(errors) == len(topics) and all(isinstance(error, _FOR_GOOD) for error in errors):
        raise errors[0]


async def _until_alive(topic: Topic[Any], scope: trio.CancelScope) -> None:
    if not isinstance(await topic.until(lambda value: value is not None), Failed):
        scope.cancel(reason="one of them has something to show")


def _since(last_event_id: str | None) -> datetime | None:
    if not last_event_id:
        return None
    try:
        return datetime.fromisoformat(last_event_id).astimezone(UTC) - OVERLAP
    except (ValueError, OverflowError):
        remedy = "Send the id of the last event as it came, or none."
        raise InvalidRequest("Last-Event-ID is not the id of an event.", field="Last-Event-ID", remedy=remedy) from None


def _has_seen(since: datetime | None, update: Update | None) -> bool:
    if since is None or update is None or isinstance(update, Failed) or not isinstance(update.value, Quote):
        return False
    return datetime.fromisoformat(update.value.timestamp) < since


class Events(AsyncIterator[bytes]):
    """What one client gets, as pieces of its response."""

    def __init__(self, stop: trio.Event, caller: Caller, holder: str) -> None:
        self.subscriptions = Subscriptions(caller, self, holder=holder)
        """What it wants; the stream ends when there is nothing left of it."""
        self._stop = stop
        self._pending: Newest[Hashable, Encoded[Any] | Failed] = Newest()
        self._started = False

    def follow(self, topic: Topic[Any], slot: Hashable) -> AbstractContextManager[object]:
        """Send each new value of *topic* inside the block."""
        return topic.listening(partial(self.put, slot))

    def put(self, slot: Hashable, value: Any) -> None:
        """Send a value, in place of an unsent older one of the slot."""
        if value is not None:
            self._pending.put(slot, value)

    def forget(self, slot: Slot) -> None:
        """Send nothing more of it."""
        self._pending.discard(slot)

    def failed(self, subscription: Subscription, failed: Failed) -> Sequence[Message]:
        """What to say of a subscription that failed; it is one no more, unless its instrument goes on under another name."""
        if isinstance(failed, Moved):
            self.subscriptions.move(subscription, failed.to.updates)
            return ()
        error = error_message(failed.error, names=subscription.names)
        self.subscriptions.stop(subscription)
        return [error]

    async def __anext__(self) -> bytes:
        if not self._started:
            self._started = True
            return _START
        if self._stop.is_set() or not list(self.subscriptions):
            raise StopAsyncIteration
        pending: dict[Hashable, Encoded[Any] | Failed] = {}
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._end_with_service, nursery.cancel_scope)
            nursery.cancel_scope.deadline = trio.current_time() + PING_S
            pending = await self._pending.take()
            nursery.cancel_scope.cancel(reason="there is something to send")
        return b"".join(_event(slot, value) for slot, value in pending.items()) or _PING

    async def _end_with_service(self, scope: trio.CancelScope) -> None:
        await self._stop.wait()
        scope.cancel(reason="the service stops")


def _event(slot: Hashable, value: Encoded[Any] | Failed) -> bytes:
    if isinstance(value, Encoded):
        return _data(value.json, value.value.timestamp if isinstance(value.value, Quote) else None)
    return b"".join(_data(encode(message)) for message in slot.on_failed(value)) if isinstance(slot, Slot) else b""


def _data(json: bytes, event_id: str | None = None) -> bytes:
    return (f"id: {event_id}\n".encode() if event_id else b"") + b"data: " + json + b"\n\n"


OPERATIONS = (
    Operation(
        method="GET",
        path="/market/stream",
        handle=get_events,
        summary="Live quotes as server-sent events",
        tag="Market data",
        scope=Scope.STREAM,
        query=QuotesQuery,
        body=Nothing,
        returns=Quote | Stale | StatusChange | StreamError,
        media_type=EVENT_STREAM,
        problems=(
            ContractNotFound,
            ContractAmbiguous,
            MarketDataNotSubscribed,
            InvalidRequest,
            NoFreeLine,
            TooManyStreams,
            GatewayDisconnected,
        ),
        description=(
            "For clients whose proxies cut WebSockets; the events carry the same JSON as the messages of `/ws/stream`. The id of an event "
            "is the time of its quote: with it as `Last-Event-ID` a client that comes again gets what is newer. Where nothing can come "
            "for any of the symbols the answer is a problem, so that an EventSource does not come again."
        ),
    ),
)
