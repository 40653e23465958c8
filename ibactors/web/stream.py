"""The WebSocket /ws/stream: live quotes for any number of symbols, and the state of the session.

Each client has one place a symbol (`Newest`): a reader that is slow gets the newest quote and skips the rest, never delays anybody and
never grows memory. Answers to its own messages wait in the same place, and the next message is not read before they have been taken, so
that a client that only talks cannot grow memory either. Quotes are encoded once for all clients, by the symbol's actor.
"""

from collections.abc import Awaitable, Callable, Hashable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import NoReturn

import msgspec
import trio
from quart import websocket

from ibactors.actors.channels import Newest
from ibactors.actors.symbol import Failed, SymbolRef, Update
from ibactors.errors import IbactorsError, InvalidRequest
from ibactors.model import Encoded, Instrument, Quote, SessionStatus, now
from ibactors.system import System
from ibactors.web.market import instrument_of
from ibactors.web.operations import encode, validated
from ibactors.web.stream_messages import (
    Authenticated,
    Command,
    Listing,
    Message,
    MessageId,
    Pong,
    StatusChange,
    Subscribed,
    Unsubscribed,
    error_message,
    id_of,
    symbols_of,
)

GOING_AWAY, NOT_TEXT, TRY_AGAIN_LATER = 1001, 1003, 1013


@dataclass(slots=True, kw_only=True)
class _Subscription:
    """One symbol of one client."""

    listening: ExitStack
    id: MessageId
    interval: float
    next_due: float = 0.0
    """Before this `trio.current_time()` no further quote is sent."""


def view(system: System) -> Callable[[], Awaitable[None]]:
    """The handler of /ws/stream."""

    async def stream() -> None:
        if system.streams_open >= system.settings.max_streams:
            await websocket.accept()
            await websocket.close(TRY_AGAIN_LATER, "too many connections")
            return
        system.streams += 1
        system.streams_open += 1
        trio.lowlevel.current_task().name = f"ws:/ws/stream#{system.streams}"
        client = _Client(system, batch=websocket.args.get("batch") == "1")
        try:
            await client.run()
        finally:
            system.streams_open -= 1
            client.unsubscribe_all()

    return stream


class _Client:
    """One connection: a reader, a writer and a watch for the end of the service."""

    def __init__(self, system: System, *, batch: bool) -> None:
        self._system = system
        self._meters = system.meters
        self._batch = batch
        self._subscriptions: dict[Instrument, _Subscription] = {}
        self._outbox: Newest[Hashable, Update | Message] = Newest()
        self._held: dict[Instrument, Update] = {}
        self._answers = 0

    async def run(self) -> None:
        """Serve until the client leaves (then Quart-Trio cancels us) or the service stops."""
        async with trio.open_nursery() as nursery:
            with self._system.connection.sessions.listening(self._session_changed) as session:
                if not session.up:
                    self._session_changed(session)
                nursery.start_soon(self._close_on_stop, nursery.cancel_scope)
                nursery.start_soon(self._write)
                await self._read()
                nursery.cancel_scope.cancel(reason="the connection was closed")

    def unsubscribe_all(self) -> None:
        """Stop listening to everything."""
        for subscription in self._subscriptions.values():
            subscription.listening.close()
        self._subscriptions.clear()

    async def _close_on_stop(self, scope: trio.CancelScope) -> None:
        await self._system.stop.wait()
        await websocket.close(GOING_AWAY, "the service stops")
        scope.cancel(reason="the service stops")

    def _session_changed(self, session: SessionStatus) -> None:
        self._outbox.put(
            "status",
            StatusChange(connected=session.up, phase=session.phase.value, epoch=session.epoch, since=session.since, reason=session.reason),
        )

    # reading

    async def _read(self) -> None:
        while True:
            data = await websocket.receive()
            self._meters.stream_received += 1
            if not isinstance(data, str):
                await websocket.close(NOT_TEXT, "send JSON as text")
                return
            try:
                await self._act(validated(Command, lambda text=data: msgspec.json.decode(text, type=Command)))  # type: ignore[misc]
            except InvalidRequest as exc:
                self._answer(error_message(exc, message_id=id_of(data)))
            await self._outbox.taken()

    async def _act(self, command: Command) -> None:
        match command.action:
            case "subscribe":
                await self._subscribe(command)
            case "unsubscribe":
                self._unsubscribe(command)
            case "list":
                self._answer(Listing(symbols=self._symbols(), id=command.id))
            case "ping":
                self._answer(Pong(timestamp=now(), id=command.id))
            case "auth":
                self._answer(Authenticated(id=command.id))

    async def _subscribe(self, command: Command) -> None:
        opened: dict[Instrument, SymbolRef] = {}
        for symbol in symbols_of(command):
            instrument = instrument_of(symbol, command)
            try:
                opened[instrument] = await self._system.market.open(instrument, stream=True)
            except IbactorsError as exc:
                self._answer(error_message(exc, symbol=instrument.symbol, message_id=command.id))
        newest = {instrument: self._start_listening(instrument, ref, command) for instrument, ref in opened.items()}
        if opened:
            self._answer(Subscribed(symbols=self._symbols(), id=command.id))
        for instrument, update in newest.items():
            if update is not None:
                self._outbox.put(instrument, update)

    def _start_listening(self, instrument: Instrument, ref: SymbolRef, command: Command) -> Update | None:
        if instrument in self._subscriptions:
            self._stop_listening(instrument)
        listening = ExitStack()
        newest = listening.enter_context(ref.updates.listening(lambda update: self._put(instrument, update)))
        self._subscriptions[instrument] = _Subscription(listening=listening, id=command.id, interval=command.interval_ms / 1000)
        return newest

    def _put(self, instrument: Instrument, update: Update | None) -> None:
        if update is not None:
            self._meters.skips += instrument in self._outbox
            self._outbox.put(instrument, update)

    def _unsubscribe(self, command: Command) -> None:
        wanted = [instrument_of(symbol, command) for symbol in symbols_of(command)]
        for instrument in wanted:
            exact = instrument in self._subscriptions
            for known in list(self._subscriptions):
                if known == instrument or (not exact and known.symbol == instrument.symbol):
                    self._stop_listening(known)
        self._answer(Unsubscribed(symbols=self._symbols(), id=command.id))

    def _stop_listening(self, instrument: Instrument) -> None:
        self._subscriptions.pop(instrument).listening.close()
        self._outbox.discard(instrument)
        self._held.pop(instrument, None)

    def _symbols(self) -> list[str]:
        return [instrument.symbol for instrument in self._subscriptions]

    def _answer(self, message: Message) -> None:
        self._answers += 1
        self._outbox.put(self._answers, message)

    # writing

    async def _write(self) -> NoReturn:
        while True:
            batch = await self._next_batch()
            if self._batch:
                texts = {key: self._texts(key, item) for key, item in batch.items()}
                if any(texts.values()):
                    await websocket.send(f"[{','.join(text for several in texts.values() for text in several)}]")
                    for key, several in texts.items():
                        self._count(key, batch[key], several)
                continue
            for key, item in batch.items():
                # Sending may take a while: what has a successor by now, such as `stale`, must not be shown any more.
                if key not in self._outbox:
                    sent = self._texts(key, item)
                    for text in sent:
                        await websocket.send(text)
                    self._count(key, item, sent)
                else:
                    self._meters.skips += 1

    def _count(self, key: Hashable, item: Update | Message, sent: list[str]) -> None:
        self._meters.stream_sent += len(sent)
        if sent and isinstance(item, Encoded) and isinstance(key, Instrument):
            subscription = self._subscriptions.get(key)
            self._meters.streamed(item, delayed=subscription is not None and subscription.interval > 0)

    async def _next_batch(self) -> dict[Hashable, Update | Message]:
        """What is new, or due after an interval."""
        due = min((self._subscriptions[instrument].next_due for instrument in self._held), default=float("inf"))
        batch: dict[Hashable, Update | Message] = {}
        with trio.move_on_at(due):
            batch = await self._outbox.take()
        present = trio.current_time()
        for instrument in [held for held in self._held if self._subscriptions[held].next_due <= present]:
            batch.setdefault(instrument, self._held.pop(instrument))
        return batch

    def _texts(self, key: Hashable, item: Update | Message) -> list[str]:
        if isinstance(key, Instrument):
            # A value of a symbol that was unsubscribed while the batch was waiting is not sent any more.
            return self._update_texts(key, item) if key in self._subscriptions else []
        return [] if isinstance(item, Encoded | Failed) else [encode(item).decode()]

    def _update_texts(self, instrument: Instrument, update: Update | Message) -> list[str]:
        subscription = self._subscriptions[instrument]
        if isinstance(update, Failed):
            error = error_message(update.error, symbol=instrument.symbol, message_id=subscription.id)
            self._stop_listening(instrument)
            return [encode(error).decode(), encode(Unsubscribed(symbols=self._symbols(), id=subscription.id)).decode()]
        if not isinstance(update, Encoded):
            return []
        self._held.pop(instrument, None)
        if subscription.interval and isinstance(update.value, Quote):
            present = trio.current_time()
            if present < subscription.next_due:
                self._held[instrument] = update
                return []
            subscription.next_due = present + subscription.interval
        return [update.text]
