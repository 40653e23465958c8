"""The WebSocket /ws/stream: live quotes for any number of symbols, and the state of the session.

It is an ASGI application of its own, below Quart, whose path costs a signal, a channel and two tasks a message. A task reads what the
client wants; another sends what there is for it (`stream_sender.py`). The next message is not read before the answers to the last one have
been sent, so that a client that only talks cannot grow memory.
"""

from collections.abc import Sequence
from functools import partial
from urllib.parse import parse_qs

import msgspec
import trio

from ibactors.actors.symbol import Failed, SymbolRef, Update
from ibactors.errors import IbactorsError, InvalidRequest, TooManyStreams
from ibactors.model.instruments import Instrument
from ibactors.model.times import now
from ibactors.web.contract.asgi import ASGIReceiveCallable, ASGISendCallable, WebsocketScope, handover
from ibactors.web.contract.caller import Caller
from ibactors.web.contract.codec import validated
from ibactors.web.contract.messages import (
    GOING_AWAY,
    INTERNAL_ERROR,
    LONGEST_REASON,
    NOT_AUTHORISED,
    NOT_TEXT,
    TRY_AGAIN_LATER,
    Authenticated,
    Command,
    Listing,
    Message,
    MessageId,
    Pong,
    Subscribed,
    Unsubscribed,
    error_message,
    id_of,
    symbols_of,
)
from ibactors.web.contract.queries import instrument_of
from ibactors.web.stream.account import AccountChannel
from ibactors.web.stream.sender import PING_INTERVAL, Sender, Subscription
from ibactors.web.streams import WEBSOCKETS
from ibactors.web.system import System


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
            await _Client(system, along.caller, sender, receive, send).run(name)
    except TooManyStreams as exc:
        await send({"type": "websocket.close", "code": TRY_AGAIN_LATER, "reason": str(exc)[:LONGEST_REASON]})
        return
    if stream.revoked.cancelled_caught:
        await send({"type": "websocket.close", "code": NOT_AUTHORISED, "reason": "the API key was revoked"})


class _Client:
    """One connection: a reader and a writer."""

    def __init__(self, system: System, caller: Caller, sender: Sender, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        self._system = system
        self._caller = caller
        self._sender = sender
        self._receive = receive
        self._send = send
        self._subscriptions: dict[Instrument, Subscription] = {}
        self._account = AccountChannel(system, caller, sender)

    async def run(self, name: str) -> None:
        """Serve until the client leaves or the service stops; *name* is the task's."""
        try:
            await self._serve(name)
        finally:
            self._unsubscribe_all()

    async def _serve(self, name: str) -> None:
        async with trio.open_nursery() as nursery:
            system = self._system
            with system.fanout.listening(system.status, self._sender, "status") as status:
                if not status.value.connected:
                    self._sender.put("status", status)
                nursery.start_soon(self._watch, nursery.cancel_scope, name=f"{name}/watch")
                nursery.start_soon(self._sender.run, name=f"{name}/sender")
                await self._read()
                nursery.cancel_scope.cancel(reason="the client left")

    def _unsubscribe_all(self) -> None:
        """Stop listening to everything."""
        for subscription in self._subscriptions.values():
            subscription.listening.close()
        self._subscriptions.clear()
        self._account.close()

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
                await self._act(validated(Command, lambda text=text: msgspec.json.decode(text, type=Command)))  # type: ignore[misc]
            except InvalidRequest as exc:
                self._sender.answer(error_message(exc, message_id=id_of(text)))
            await self._sender.answered()

    async def _act(self, command: Command) -> None:
        match command.action:
            case "subscribe":
                await self._subscribe(command)
            case "unsubscribe":
                self._unsubscribe(command)
            case "list":
                self._sender.answer(Listing(symbols=self._symbols(), channels=self._channels(), id=command.id))
            case "ping":
                self._sender.answer(Pong(timestamp=now(), id=command.id))
            case "auth":
                self._sender.answer(Authenticated(id=command.id))

    async def _subscribe(self, command: Command) -> None:
        if command.channel is not None:
            self._open_account(command)
            return
        opened: dict[Instrument, SymbolRef] = {}
        for symbol in symbols_of(command):
            instrument = instrument_of(symbol, command)
            try:
                self._caller.check_subscriptions(len(opened))
                opened[instrument] = await self._system.market.open(instrument, stream=True)
            except IbactorsError as exc:
                self._sender.answer(error_message(exc, symbol=instrument.symbol, message_id=command.id))
        newest = [self._start_listening(instrument, ref, command) for instrument, ref in opened.items()]
        if opened:
            self._sender.answer(Subscribed(symbols=self._symbols(), channels=self._channels(), id=command.id))
        for subscription, update in newest:
            if update is not None:
                self._sender.put(subscription, update)

    def _start_listening(self, instrument: Instrument, ref: SymbolRef, command: Command) -> tuple[Subscription, Update | None]:
        if instrument in self._subscriptions:
            self._stop_listening(instrument)
        on_failed = partial(self._drop, instrument, command.id)
        subscription = Subscription(interval=command.interval_ms / 1000, on_failed=on_failed)
        subscription.listening.enter_context(self._caller.subscribed())
        if command.interval_ms:
            newest = subscription.listening.enter_context(ref.updates.listening(partial(self._sender.put, subscription)))
        else:
            newest = subscription.listening.enter_context(self._system.fanout.listening(ref.updates, self._sender, subscription))
        self._subscriptions[instrument] = subscription
        return subscription, newest

    def _open_account(self, command: Command) -> None:
        try:
            self._account.check(command)
        except IbactorsError as exc:
            self._sender.answer(error_message(exc, message_id=command.id))
            return
        self._sender.answer(Subscribed(symbols=self._symbols(), channels=["account"], id=command.id))
        self._account.open(command)

    def _unsubscribe(self, command: Command) -> None:
        if command.channel is not None:
            self._account.close()
        wanted = [] if command.channel else [instrument_of(symbol, command) for symbol in symbols_of(command)]
        for instrument in wanted:
            exact = instrument in self._subscriptions
            for known in list(self._subscriptions):
                if known == instrument or (not exact and known.symbol == instrument.symbol):
                    self._stop_listening(known)
        self._sender.answer(Unsubscribed(symbols=self._symbols(), channels=self._channels(), id=command.id))

    def _stop_listening(self, instrument: Instrument) -> None:
        subscription = self._subscriptions.pop(instrument)
        subscription.listening.close()
        self._sender.forget(subscription)

    def _drop(self, instrument: Instrument, message_id: MessageId, failed: Failed) -> Sequence[Message]:
        """What to say of a symbol that failed; it is subscribed no more."""
        self._stop_listening(instrument)
        error = error_message(failed.error, symbol=instrument.symbol, message_id=message_id)
        return error, Unsubscribed(symbols=self._symbols(), channels=self._channels(), id=message_id)

    def _symbols(self) -> list[str]:
        return [instrument.symbol for instrument in self._subscriptions]

    def _channels(self) -> list[str] | msgspec.UnsetType:
        return ["account"] if self._account.is_open else msgspec.UNSET
