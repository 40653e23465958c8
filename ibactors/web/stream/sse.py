"""GET /stream and /market/stream: what WebSockets get, as server-sent events, for clients whose proxies cut those.

The events carry the same JSON as the messages of /ws/stream and come from the same channels, with the same outlets: a slow reader gets the
newest of each and skips the rest, or all up to a bound and a gap beyond it. An event's id is where the client is to go on: who comes again
with it as `Last-Event-ID` is sent what is newer.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
import trio
from quart import request

from ibactors.actors.symbol import Failed, Update
from ibactors.errors import (
    ContractAmbiguous,
    ContractNotFound,
    GatewayDisconnected,
    InvalidRequest,
    MarketDataNotSubscribed,
    NoFreeLine,
    TooManyStreams,
    UnknownAccount,
)
from ibactors.kernel.topic import Topic
from ibactors.keys import Scope
from ibactors.model.encoded import Encoded
from ibactors.model.quotes import Quote, Stale
from ibactors.validation import validated
from ibactors.web.contract.changes import StatusChange
from ibactors.web.contract.messages import StreamError
from ibactors.web.contract.queries import QuotesQuery, fields_of, instruments_of
from ibactors.web.gate.refusals import ScopeMissing
from ibactors.web.operation import EVENT_STREAM, Answer, Call, Nothing, Operation, Pieces
from ibactors.web.stream.channel import Channel
from ibactors.web.stream.channels import CHANNELS, COMMAND
from ibactors.web.stream.events import Events
from ibactors.web.stream.quotes import QUOTES, sources_of
from ibactors.web.stream.slot import Slot
from ibactors.web.stream.source import Source
from ibactors.web.stream.subscription import Subscription
from ibactors.web.stream.subscriptions import Subscriptions, showing_status

OVERLAP = timedelta(seconds=1)
"""A quote this much older than the last event may have been overtaken by it, and is sent again."""
FIRST_WORD_S = 2.0
"""For which a stream that has nothing to show yet waits, in case that nothing can come."""
_FOR_GOOD = (ContractNotFound, ContractAmbiguous, MarketDataNotSubscribed, InvalidRequest)
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_MOST_IDS = 100
"""Subscriptions of one stream whose place an event's id tells."""

Wanted = list[tuple[Channel[Any], Source]]
IdOf = Callable[[Slot | None, Encoded[Any]], str | None]


def _stream_query() -> type[msgspec.Struct]:
    """The members of `Command` as parameters of a query: lists are texts with commas there."""
    members: list[tuple[str, Any, Any]] = [
        (
            "channels",
            Annotated[
                str, msgspec.Meta(max_length=400, description="Channels, separated by commas; each takes the parameters that it has.")
            ],
            QUOTES.name,
        )
    ]
    for member in msgspec.structs.fields(COMMAND):
        if member.name in _LISTS:
            members.append((member.name, Annotated[str, msgspec.Meta(max_length=4000, description=_COMMAS)], ""))
        elif member.name not in {"action", "channel", "id", "api_key"}:
            members.append((member.name, member.type, member.default))
    return msgspec.defstruct(
        "StreamQuery", members, frozen=True, kw_only=True, forbid_unknown_fields=True, module=__name__, namespace={"__doc__": _WHAT}
    )


def _is_list(kind: Any) -> bool:
    inside = kind.types if isinstance(kind, msgspec.inspect.UnionType) else (kind,)
    return any(isinstance(part.type if isinstance(part, msgspec.inspect.Metadata) else part, msgspec.inspect.ListType) for part in inside)


_WHAT = "What a client wants: channels, and what they are about."
_COMMAS = "Several, separated by commas; as the list of the same name in a message of `/ws/stream`."
_LISTS = frozenset(member.name for member in msgspec.structs.fields(COMMAND) if _is_list(msgspec.inspect.type_info(member.type)))
StreamQuery: Any = _stream_query()


def _named(call: Call[Any, Nothing]) -> Wanted:
    """What the parameters of `/stream` name. Raises InvalidRequest."""
    given = {name: value for name, value in msgspec.structs.asdict(call.query).items() if value not in (None, "")}
    names = list(dict.fromkeys(name.strip() for name in given.pop("channels").split(",")))
    for name in _LISTS & given.keys():
        given[name] = [part.strip() for part in given[name].split(",")]
    command = validated(StreamQuery, lambda: msgspec.convert({"action": "subscribe"} | given, COMMAND, strict=False))
    wanted: Wanted = []
    for name in names:
        channel = CHANNELS.get(name)
        if channel is None:
            raise InvalidRequest(f"There is no such channel; there are {', '.join(CHANNELS)}.", field="channels")
        sources = channel.wanted(call.system, command)
        if not sources:
            raise InvalidRequest(f"The channel {name!r} needs symbol, symbols, con_id or con_ids.", field="symbols")
        wanted += [(channel, source) for source in sources]
    return wanted


async def stream_channels(call: Call[Any, Nothing]) -> Pieces | Answer:
    wanted = _named(call)
    # Of what is wanted alone: each event's id repeats them all, so that others would make each event as long as the client's header.
    positions = {source.position for _, source in wanted}
    places = {place: number for place, number in _places(request.headers.get("Last-Event-ID")).items() if place in positions}
    resumed = [
        (channel, source.resumed(places[source.position]) if source.resumed and source.position in places else source)
        for channel, source in wanted
    ]

    def id_of(slot: Slot | None, value: Encoded[Any]) -> str | None:
        if slot is None or not slot.position:
            return None
        places[slot.position] = value.value.sequence
        return ";".join(f"{position}:{number}" for position, number in places.items())

    return await serve(call, resumed, id_of, interval=call.query.interval_ms / 1000)


async def stream_quotes(call: Call[QuotesQuery, Nothing]) -> Pieces | Answer:
    since = _since(request.headers.get("Last-Event-ID"))
    instruments = instruments_of(call.query)
    wanted: Wanted = [(QUOTES, source) for source in sources_of(call.system, instruments, fields_of(call.query.fields))]

    def is_new(subscription: Subscription) -> bool:
        return not _has_seen(since, subscription.topic.value)

    return await serve(call, wanted, _time_of, is_new=is_new)


async def serve(
    call: Call[Any, Nothing],
    wanted: Wanted,
    id_of: IdOf,
    *,
    interval: float = 0.0,
    is_new: Callable[[Subscription], bool] = lambda _: True,
) -> Pieces | Answer:
    """Send events of *wanted* until the client leaves, its key ends or the service stops. Raises what subscribing does."""
    if request.method == "HEAD":  # it asks for no events, and would wait for their end
        return Answer(body=b"", content_type=EVENT_STREAM)
    stream = call.along.stream
    if stream is None:
        raise AssertionError("the front gives a place to each stream")
    call.count_symbols(len(wanted))
    events = Events(call.system.stop, call.caller, call.along.holder, id_of, call.system.moves)
    subscriptions = events.subscriptions
    stream.ending.callback(subscriptions.close)
    for channel, _ in wanted:
        subscriptions.check(channel)
    opened = [await subscriptions.open(channel, source, on_failed=events.failed, interval=interval) for channel, source in wanted]
    await _first_word(subscriptions, [subscription for subscription in opened if subscription.source.pull is None])
    stream.ending.enter_context(showing_status(call.system, events))
    for subscription in opened:
        subscriptions.start(subscription)
        if is_new(subscription):
            subscriptions.show(subscription)
    return Pieces(body=events, content_type=EVENT_STREAM, headers=_HEADERS)


async def _first_word(subscriptions: Subscriptions, opened: Sequence[Subscription]) -> None:
    """Wait a moment for a first value. Raises what is wrong with all symbols for good: EventSource comes again after a stream, for ever."""
    topics = [subscription.topic for subscription in opened]
    if not topics:
        return
    with trio.move_on_after(FIRST_WORD_S):
        async with trio.open_nursery() as nursery:
            for topic in topics:
                nursery.start_soon(_until_alive, topic, nursery.cancel_scope)
    failed = [(one, one.topic.value.error) for one in opened if isinstance(one.topic.value, Failed)]
    errors = [error for one, error in failed if not subscriptions.elsewhere(one, error)]
    if len(errors) == len(topics) and all(isinstance(error, _FOR_GOOD) for error in errors):
        raise errors[0]


async def _until_alive(topic: Topic[Any], scope: trio.CancelScope) -> None:
    if not isinstance(await topic.until(lambda value: value is not None), Failed):
        scope.cancel(reason="one of them has something to show")


def _not_an_id() -> InvalidRequest:
    remedy = "Send the id of the last event as it came, or none."
    return InvalidRequest("Last-Event-ID is not the id of an event.", field="Last-Event-ID", remedy=remedy)


def _since(last_event_id: str | None) -> datetime | None:
    if not last_event_id:
        return None
    try:
        return datetime.fromisoformat(last_event_id).astimezone(UTC) - OVERLAP
    except (ValueError, OverflowError):
        raise _not_an_id() from None


def _places(last_event_id: str | None) -> dict[str, int]:
    """Which number the client has got last, by what has numbers."""
    parts = [part.rpartition(":") for part in last_event_id.split(";")] if last_event_id else []
    if len(parts) > _MOST_IDS or not all(place and len(number) < 20 and number.isdecimal() for place, _, number in parts):  # noqa: PLR2004
        raise _not_an_id()
    return {place: int(number) for place, _, number in parts}


def _has_seen(since: datetime | None, update: Update | None) -> bool:
    if since is None or update is None or isinstance(update, Failed) or not isinstance(update.value, Quote):
        return False
    return datetime.fromisoformat(update.value.timestamp) < since


def _time_of(_slot: Slot | None, value: Encoded[Any]) -> str | None:
    return value.value.timestamp if isinstance(value.value, Quote) else None


OPERATIONS = (
    Operation(
        method="GET",
        path="/stream",
        handle=stream_channels,
        summary="Any channels of the stream as server-sent events",
        tag="Market data",
        scope=Scope.STREAM,
        query=StreamQuery,
        body=Nothing,
        returns=dict[str, Any],
        media_type=EVENT_STREAM,
        problems=(
            ContractNotFound,
            ContractAmbiguous,
            MarketDataNotSubscribed,
            InvalidRequest,
            NoFreeLine,
            ScopeMissing,
            UnknownAccount,
            TooManyStreams,
            GatewayDisconnected,
        ),
        description=(
            "The events carry the same JSON as the messages of `/ws/stream`, which `/asyncapi.json` describes; the parameters are the "
            "members of its commands. Where the messages of a channel have a `sequence`, an event's id is the place of the client in all "
            "of those; with it as `Last-Event-ID` a client that comes again gets what it has missed, or a `gap` in its place."
        ),
    ),
    Operation(
        method="GET",
        path="/market/stream",
        handle=stream_quotes,
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
