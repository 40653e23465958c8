"""GET /market/stream: live quotes as server-sent events, for clients whose proxies cut WebSockets.

The events carry the same JSON as the messages of /ws/stream and come from the same listeners: one place a symbol, so that a slow reader
gets the newest value of each and skips the rest. An event's id is the time of its quote; who comes again with it as `Last-Event-ID`
is sent what is newer.
"""

from collections.abc import AsyncIterator, Hashable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial

import trio
from quart import request

from ibactors.actors.symbol import Failed, SymbolRef, Update
from ibactors.errors import GatewayDisconnected, InvalidRequest, NoFreeLine, TooManyStreams
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
from ibactors.web.system import System

PING_S = 15.0
"""Below the idle timeouts of proxies, 30 to 60 s."""
OVERLAP = timedelta(seconds=1)
"""A quote this much older than the last event may have been overtaken by it, and is sent again."""
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_PING = b": nothing new\n\n"
_START = b"retry: 2000\n\n"


async def get_events(call: Call[QuotesQuery, Nothing]) -> Pieces | Answer:
    since = _since(request.headers.get("Last-Event-ID"))
    system, caller = call.system, call.caller
    if request.method == "HEAD":  # it asks for no events, and would wait for their end
        return Answer(body=b"", content_type=EVENT_STREAM)
    refs: list[SymbolRef] = []
    for instrument in instruments_of(call.query):
        caller.check_subscriptions(len(refs))
        refs.append(await system.market.open(instrument, stream=True))
    return Pieces(body=Events(system, caller, refs, since), content_type=EVENT_STREAM, headers=_HEADERS)


def _since(last_event_id: str | None) -> datetime | None:
    if not last_event_id:
        return None
    try:
        return datetime.fromisoformat(last_event_id).astimezone(UTC) - OVERLAP
    except (ValueError, OverflowError):
        remedy = "Send the id of the last event as it came, or none."
        raise InvalidRequest("Last-Event-ID is not the id of an event.", field="Last-Event-ID", remedy=remedy) from None


class Events(AsyncIterator[bytes]):
    """What one client gets, as pieces of its response; `aclose` ends the listening."""

    def __init__(self, system: System, caller: Caller, refs: list[SymbolRef], since: datetime | None) -> None:
        self._system = system
        self._caller = caller
        self._refs = refs
        self._since = since
        self._pending: Newest[Hashable, Update | Message | Encoded[StatusChange]] = Newest()
        self._listening = ExitStack()
        self._started = False
        self._left = set(refs)

    async def __anext__(self) -> bytes:
        if not self._started:
            self._started = True
            self._listen()
            return _START
        if self._system.stop.is_set() or not self._left:
            raise StopAsyncIteration
        pending: dict[Hashable, Update | Message | Encoded[StatusChange]] = {}
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._end_with_service, nursery.cancel_scope)
            nursery.cancel_scope.deadline = trio.current_time() + PING_S
            pending = await self._pending.take()
            nursery.cancel_scope.cancel(reason="there is something to send")
        return b"".join(self._event(key, item) for key, item in pending.items()) or _PING

    async def aclose(self) -> None:
        """Stop listening."""
        self._listening.close()

    async def _end_with_service(self, scope: trio.CancelScope) -> None:
        await self._system.stop.wait()
        scope.cancel(reason="the service stops")

    def _listen(self) -> None:
        status = self._listening.enter_context(self._system.status.listening(partial(self._pending.put, "status")))
        if not status.value.connected:
            self._pending.put("status", status)
        for ref in self._refs:
            self._listening.enter_context(self._caller.subscribed())
            newest = self._listening.enter_context(ref.updates.listening(partial(self._put, ref)))
            if not self._has_seen(newest):
                self._put(ref, newest)

    def _has_seen(self, update: Update | None) -> bool:
        if self._since is None or update is None or isinstance(update, Failed) or not isinstance(update.value, Quote):
            return False
        return datetime.fromisoformat(update.value.timestamp) < self._since

    def _put(self, ref: SymbolRef, update: Update | None) -> None:
        if update is not None:
            self._pending.put(ref, update)

    def _event(self, key: Hashable, item: Update | Message | Encoded[StatusChange]) -> bytes:
        if isinstance(item, Failed) and isinstance(key, SymbolRef):
            self._left.discard(key)
            return _data(encode(error_message(item.error, symbol=key.instrument.symbol)))
        if isinstance(item, Encoded):
            return _data(item.json, item.value.timestamp if isinstance(item.value, Quote) else None)
        return _data(encode(item))


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
        problems=(InvalidRequest, NoFreeLine, TooManyStreams, GatewayDisconnected),
        description=(
            "For clients whose proxies cut WebSockets; the events carry the same JSON as the messages of `/ws/stream`. The id of an event "
            "is the time of its quote: with it as `Last-Event-ID` a client that comes again gets what is newer."
        ),
    ),
)
