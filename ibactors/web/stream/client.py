"""The WebSocket /ws/stream: live quotes for any number of symbols, and the state of the session.

It is an ASGI application of its own, below Quart, whose path costs a signal, a channel and two tasks a message. A task reads what the
client wants; another sends what there is for it (`stream_sender.py`). The next message is not read before the answers to the last one have
been sent, so that a client that only talks cannot grow memory.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import parse_qs

import msgspec
import trio

from ibactors.actors.symbol import Failed, Moved
from ibactors.errors import IbactorsError, InvalidRequest, TooManyStreams
from ibactors.model.times import now
from ibactors.validation import validated
from ibactors.web.contract.asgi import ASGIReceiveCallable, ASGISendCallable, Handover, WebsocketScope, handover
from ibactors.web.contract.messages import (
    GOING_AWAY,
    INTERNAL_ERROR,
    LONGEST_REASON,
    NOT_TEXT,
    TRY_AGAIN_LATER,
    Authenticated,
    Command,
    Listing,
    Message,
    Pong,
    Subscribed,
    SubscribedInstrument,
    Unsubscribed,
    error_message,
    id_of,
)
from ibactors.web.gate.refusals import RateLimited
from ibactors.web.stream.channel import Channel
from ibactors.web.stream.channels import COMMAND, channel_of
from ibactors.web.stream.quotes import QUOTES
from ibactors.web.stream.sender import PING_INTERVAL, Sender
from ibactors.web.stream.source import Source
from ibactors.web.stream.subscription import Subscription
from ibactors.web.stream.subscriptions import Subscriptions, showing_status
from ibactors.web.streams import WEBSOCKETS
from ibactors.web.system import System

RATE_TIMEOUT = 5.0
"""Seconds that a client waits at most, unread, for its rate to allow what it subscribes to."""


async def serve_stream(system: System, scope: WebsocketScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Serve one client, as an ASGI application."""
    along = handover(scope)
    if along.wire is None or along.caller is None:
        raise AssertionError("edge and gate hand over the connection and the caller of each WebSocket")
    await receive()
    await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
    try:
        with system.streams.place(along.caller, WEBSOCKETS) as stream:
            host, port = scope["client"] or ("?", 0)
            name = f"ws:/ws/stream#{stream.number}"
            # With the name of its key and its address, for whoever looks for the client that is slow.
            trio.lowlevel.current_task().name = f"{name} {along.caller.name} at {host}:{port}"
            batch = parse_qs(scope["query_string"]).get(b"batch") == [b"1"]
            sender = Sender(system.meters, along.wire, system.fanout, batch=batch)
            subscriptions = Subscriptions(along.caller, sender, holder=along.holder, moves=system.moves)
            stream.ending.callback(subscriptions.close)
            await _Client(system, along, sender, subscriptions, receive, send).run(name)
    except TooManyStreams as exc:
        await send({"type": "websocket.close", "code": TRY_AGAIN_LATER, "reason": str(exc)[:LONGEST_REASON]})


class _Client:
    """One connection: a reader and a writer."""

    def __init__(
        self,
        system: System,
        along: Handover,
        sender: Sender,
        subscriptions: Subscriptions,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
    ) -> None:
        self._system = system
        self._along = along
        self._sender = sender
        self._subscriptions = subscriptions
        self._receive = receive
        self._send = send

    async def run(self, name: str) -> None:
        """Serve until the client leaves or the service stops; *name* is the task's."""
        async with trio.open_nursery() as self._sender.nursery:
            nursery = self._sender.nursery
            with showing_status(self._system, self._sender):
                nursery.start_soon(self._watch, nursery.cancel_scope, name=f"{name}/watch")
                nursery.start_soon(self._sender.run, name=f"{name}/sender")
                await self._read()
                nursery.cancel_scope.cancel(reason="the client left")

    async def _watch(self, scope: trio.CancelScope) -> None:
        """Ping the client; close when it does not answer, or the service stops."""
        alive = True
        while alive and not self._system.stop.is_set():
            with trio.move_on_after(PING_INTERVAL):
                await self._system.stop.wait()
                break
            alive = await self._sender.ping()
        code, reason = (GOING_AWAY, "the service stops") if alive else (INTERNAL_ERROR, "no answer to pings")
        with trio.move_on_after(1):
            await self._close(code, reason)
        scope.cancel(reason=reason)

    async def _close(self, code: int, reason: str) -> None:
        await self._send({"type": "websocket.close", "code": code, "reason": reason})

    # reading

    async def _read(self) -> None:
        while True:
            event = await self._receive()
            if event["type"] != "websocket.receive":
                return
            self._system.meters.stream_received += 1
            text = event.get("text")
            if text is None:
                await self._close(NOT_TEXT, "send JSON as text")
                return
            try:
                await self._act(_command(text))
            except (InvalidRequest, RateLimited) as exc:
                self._sender.answer(error_message(exc, message_id=id_of(text)))
            # The next message waits until the answers to this one have left, or a client that only talks would grow memory.
            await self._sender.answered()

    async def _act(self, command: Command) -> None:
        match command.action:
            case "subscribe":
                await self._subscribe(command)
            case "unsubscribe":
                channel = channel_of(command)
                stopped = self._subscriptions.stop_named(channel, self._wanted(channel, command))
                self._sender.answer(
                    Unsubscribed(symbols=self._symbols(), instruments=_named(stopped), channels=self._channels(), id=command.id)
                )
            case "list":
                self._sender.answer(
                    Listing(symbols=self._symbols(), instruments=_named(self._subscriptions), channels=self._channels(), id=command.id)
                )
            case "ping":
                self._sender.answer(Pong(timestamp=now(), id=command.id))
            case "auth":
                self._sender.answer(Authenticated(id=command.id))

    def _wanted(self, channel: Channel[Any], command: Command) -> list[Source]:
        sources = channel.wanted(self._system, command)
        if not sources:
            raise InvalidRequest(
                f"The action {command.action!r} needs 'symbol', 'symbols', 'con_id', 'con_ids' or 'channel'.", field="symbol"
            )
        return sources

    async def _subscribe(self, command: Command) -> None:
        channel = channel_of(command)
        opened: list[Subscription] = []
        wanted = self._wanted(channel, command)
        await self._keep_rate(len(wanted))
        for source in wanted:
            try:
                self._subscriptions.check(channel)
                opened.append(await self._open(channel, source, command))
            except IbactorsError as exc:
                self._sender.answer(error_message(exc, names={"symbol": source.symbol, **source.names()}, message_id=command.id))
        # All in one step, or a value could come before the answer that says what it is for.
        for subscription in opened:
            self._subscriptions.start(subscription)
        if opened:
            self._sender.answer(Subscribed(symbols=self._symbols(), instruments=_named(opened), channels=self._channels(), id=command.id))
        for subscription in opened:
            self._subscriptions.show(subscription)

    async def _keep_rate(self, number: int) -> None:
        """What is subscribed to counts as much as what is requested; the client waits a little rather than be refused."""
        wait = self._along.charge(number, timeout=RATE_TIMEOUT)
        if wait > RATE_TIMEOUT:
            raise RateLimited(f"So many subscriptions are allowed in {wait:.0f} s.", retry_after=math.ceil(wait))
        await trio.sleep(wait)

    async def _open(self, channel: Channel[Any], source: Source, command: Command) -> Subscription:
        interval = command.interval_ms / 1000
        return await self._subscriptions.open(channel, source, on_failed=self._drop, interval=interval, message_id=command.id)

    def _drop(self, subscription: Subscription, failed: Failed) -> Sequence[Message]:
        """What to say of a subscription that failed; it is one no more, unless its instrument goes on under another name."""
        if isinstance(failed, Moved):
            self._subscriptions.move(subscription, failed.to.updates)
            return ()
        if self._subscriptions.goes_on(subscription, failed):
            return ()
        error = error_message(failed.error, names=subscription.names, message_id=subscription.id)
        ended = _named([subscription])
        self._subscriptions.stop(subscription)
        return error, Unsubscribed(symbols=self._symbols(), instruments=ended, channels=self._channels(), id=subscription.id)

    def _symbols(self) -> list[str]:
        return [known.source.symbol for known in self._subscriptions if known.channel is QUOTES and known.source.symbol is not None]

    def _channels(self) -> list[str] | msgspec.UnsetType:
        return list(dict.fromkeys(known.channel.name for known in self._subscriptions if known.channel is not QUOTES)) or msgspec.UNSET


def _named(subscriptions: Iterable[Subscription]) -> list[SubscribedInstrument] | msgspec.UnsetType:
    return [SubscribedInstrument(**known.names, id=known.id) for known in subscriptions if known.source.symbol is not None] or msgspec.UNSET


def _command(text: str) -> Command:
    """Raises InvalidRequest."""
    return validated(COMMAND, lambda: msgspec.json.decode(text, type=COMMAND))
