"""What one connection of the holder to the bus is used for: quotes and channels go into the feed, questions are answered.

The bus is one more client of the fan-out. What is published is never kept: an edge that begins asks for what there is now, and gets it from
the living holder alone. Each connection to the bus is another stream with lines of its own, and so is each session with the gateway.
"""

import secrets
from collections.abc import Hashable
from contextlib import ExitStack
from typing import Any, NoReturn

import msgspec
import structlog
import trio

from ibactors.actors import lookup
from ibactors.actors.symbol import Failed, Moved, SymbolRef
from ibactors.bus import wire
from ibactors.bus.link import Arrived, Link
from ibactors.errors import GatewayDisconnected, IbactorsError, MailboxFull
from ibactors.holder.lines import Beats, Line, Room
from ibactors.holder.relaying import Relaying, refusal_of
from ibactors.holder.ticks import Ticks
from ibactors.model.encoded import Encoded
from ibactors.model.sessions import SessionStatus
from ibactors.web.answering import Answering
from ibactors.web.fanout import News, Subject
from ibactors.web.system import System

log = structlog.get_logger(__name__)

BEAT = 0.25
"""Seconds between two messages with echoes."""
EDGE_GONE = 3.0
"""Seconds without a ping after which an edge's lines are nobody's."""
MOST_EDGES = 256
MOST_CALLS = 256
"""That are answered at once; more are refused."""
MOST_PULLS = 256
"""The same for those that wait for what comes next."""
ROUND = 256
"""Lines in one message of the feed, at most."""


class Publication:
    """What one connection to the bus is used for. A `fanout.Client`."""

    def __init__(self, system: System, answering: Answering, link: Link, subjects: wire.Subjects) -> None:
        self.wanted: dict[Subject, Hashable] = {}
        self._system = system
        self._answering = answering
        self._link = link
        self._subjects = subjects
        self._takes_orders = system.settings.bus_orders
        self._incarnation = secrets.token_hex(8)
        self._sequence = 0
        self._numbers = 0
        self._lines: dict[SymbolRef, Line] = {}
        self._echoes: dict[str, int] = {}
        self._beats = Beats()
        self._heard_at: dict[str, float] = {}
        """By edge."""
        self._calls, self._pulls = Room(MOST_CALLS), Room(MOST_PULLS)
        self._relaying = Relaying(system, lambda: system.fanout.call(self))
        self._ticks = Ticks(system, link, subjects)
        self._nursery: trio.Nursery

    @property
    def _session(self) -> SessionStatus:
        return self._system.site.connection.sessions.value

    @property
    def _stream(self) -> str:
        return f"{self._incarnation}.{self._session.epoch}"

    def flush(self, news: News) -> None:
        """Publish what is new. What waited while the session was doubted is not told: its end, or a newer value, follows."""
        if not self._session.current:
            self._relaying.take()
            return
        self._publish_messages()
        items = [(number, news[subject].json) for subject, number in self.wanted.items() if subject in news and isinstance(number, int)]
        for at in range(0, len(items), ROUND):
            self._publish(items=items[at : at + ROUND])

    def put(self, key: Hashable, value: Failed) -> None:
        """A symbol is over, or has another name."""
        line = next((line for line in self._lines.values() if line.number == key), None)
        if line is None:
            return
        del self._lines[line.ref]
        had = line.close()
        if isinstance(value, Moved) and value.to not in self._lines:
            self._listen(line, value.to)
            for edge, callers in had.items():
                for caller in callers:
                    line.hold(edge, caller)
            self._tell(line)
        else:
            self._publish(items=[(line.number, msgspec.json.encode(refusal_of(value.error)))])

    def fail(self, error: Exception) -> None:
        """What cannot be published ends the connection, and all that edges know with it."""
        self._link.end(f"A round could not be published: {error}")

    async def run(self) -> None:
        """Serve edges until the link is over."""
        sessions = self._system.site.connection.sessions
        async with trio.open_nursery() as self._nursery:
            with sessions.listening(lambda _status: self._publish(state=self._state())), ExitStack() as lines:
                lines.callback(self._close_all)
                lines.callback(self._ticks.close)
                await self._link.subscribe(self._subjects.ping, self._pinged)
                await self._link.subscribe(self._subjects.call, self._called)
                if self._takes_orders:
                    await self._link.subscribe(self._subjects.order, self._called)
                self._nursery.start_soon(self._beat, name="bus/beat")
                await self._link.over.wait()
            self._nursery.cancel_scope.cancel(reason=self._link.lost)

    def _publish(self, **what: Any) -> None:
        self._sequence += 1
        self._link.publish(self._subjects.feed, wire.encode(wire.Feed(self._stream, self._sequence, **what)))

    def _publish_messages(self) -> None:
        for messages in self._relaying.take():
            self._publish(messages=messages)

    def _state(self) -> wire.State:
        session = self._session
        return wire.State(session.phase.value, session.reason, session.current)

    async def _beat(self) -> NoReturn:
        while True:
            self._publish(echoes=self._echoes)
            self._beats.note(self._sequence)
            self._ticks.look()
            gone = [edge for edge, at in self._heard_at.items() if at < trio.current_time() - EDGE_GONE]
            self._system.meters.bus_edges = len(self._heard_at) - len(gone)
            for edge in gone:
                del self._heard_at[edge]
                self._echoes.pop(edge, None)
                self._relaying.leave_all(edge)
                for line in list(self._lines.values()):
                    self._leave(edge, line)
            await trio.sleep(BEAT)

    def _pinged(self, message: Arrived) -> None:
        try:
            ping = wire.read_ping(message.data)
        except msgspec.MsgspecError as exc:
            log.warning("ping_unreadable", subject=message.subject, error=str(exc))
            return
        if self._has_room_for(ping.edge):
            self._echoes[ping.edge] = ping.nonce
            self._heard_at[ping.edge] = trio.current_time()

    def _has_room_for(self, edge: str) -> bool:
        return edge in self._heard_at or len(self._heard_at) < MOST_EDGES

    def _called(self, message: Arrived) -> None:
        try:
            call = wire.read_call(message.data)
        except msgspec.MsgspecError as exc:
            log.warning("call_unreadable", subject=message.subject, error=str(exc))
            return
        if isinstance(call.question, wire.Act) and message.subject != self._subjects.order:
            log.warning("order_misplaced", subject=message.subject)  # the bus may forbid the other one to this edge
            return
        if isinstance(call.question, wire.Leave):
            self._relaying.leave(call.edge, call.question.seat)
            return
        room = self._pulls if isinstance(call.question, wire.Next) else self._calls
        try:
            room.check()
            if isinstance(call.question, wire.Follow):
                self._reserve(call.edge, call.question.seat)
        except MailboxFull as exc:
            self._answer(message.reply, refusal=refusal_of(exc))
            return
        room.taken += 1
        self._nursery.start_soon(self._serve, call, message.reply, room, name=f"bus/{type(call.question).__name__.lower()}")

    def _reserve(self, edge: str, seat: int) -> None:
        """In the order of the calls, so that no seat is left before it is taken."""
        if not self._has_room_for(edge):
            raise MailboxFull("bus", MOST_EDGES)
        self._heard_at.setdefault(edge, trio.current_time())
        self._relaying.reserve(edge, seat)

    async def _serve(self, call: wire.Call, reply: str, room: Room) -> None:
        try:
            with trio.move_on_after(call.seconds):
                if call.stream != self._stream and not isinstance(call.question, wire.Hello):
                    raise GatewayDisconnected("The question was meant for an earlier session.")
                await self._reply_to(call, reply)
        except IbactorsError as exc:
            self._answer(reply, refusal=refusal_of(exc))
        finally:
            room.taken -= 1
            if isinstance(call.question, wire.Follow):
                self._relaying.release(call.edge, call.question.seat)

    async def _reply_to(self, call: wire.Call, reply: str) -> None:
        match call.question:
            case wire.Hello():
                session = self._session
                self._answer(reply, wire.Welcome(wire.VERSION, self._state(), session.accounts, session.server_version, self._takes_orders))
            case wire.Find(instrument, caller):
                self._answer(reply, await lookup.find(self._system.site.connection, instrument, caller=caller))
            case wire.Open():
                self._answer(reply, await self._open(call.edge, call.question))
            case wire.Close(number):
                for line in [line for line in self._lines.values() if line.number == number]:
                    self._leave(call.edge, line)
            case wire.Follow():
                followed, first = await self._relaying.follow(call.edge, call.question)
                if not self._session.current:
                    raise GatewayDisconnected(self._session.reason or "The session's holder has none with its gateway.")
                self._publish_messages()  # what the answer includes already comes before it
                await self._answer_in_pieces(reply, followed, wire.encode(first))
            case wire.Next():
                await self._answer_in_pieces(reply, None, wire.encode(await self._relaying.next(call.question)))
            case wire.Act():
                if not self._takes_orders:
                    raise GatewayDisconnected("The session takes no orders from edges.")
                self._beats.check(call.question.seen)
                response, body = await self._answering.act(call.question)
                await self._answer_in_pieces(reply, response, body)
            case wire.Read():
                response, body = await self._answering(call.question)
                await self._answer_in_pieces(reply, response, body)

    async def _answer_in_pieces(self, reply: str, result: object, body: bytes) -> None:
        """As of this step, however long the bus takes."""
        sequence = self._sequence
        for at in range(0, max(len(body), 1), wire.MOST_OCTETS):
            more = at + wire.MOST_OCTETS < len(body)
            self._answer(reply, result, sequence=sequence, body=body[at : at + wire.MOST_OCTETS], more=more)
            if more:
                await self._link.drained()

    def _answer(self, reply: str, result: object = None, **more: Any) -> None:
        if reply:
            more.setdefault("sequence", self._sequence)
            answer = wire.Answer(self._stream, result=msgspec.Raw(wire.encode(result)), **more)
            self._link.publish(reply, wire.encode(answer))

    async def _open(self, edge: str, question: wire.Open) -> wire.Line:
        ref = await self._system.site.market.open(question.instrument, caller=question.caller, stream=True)
        ref.want(question.fields)
        ref = ref.successor or ref
        if isinstance(ref.updates.value, Failed):
            raise ref.updates.value.error
        if not self._has_room_for(edge):
            raise MailboxFull("bus", MOST_EDGES)
        line = self._lines.get(ref)
        if line is None:
            self._numbers += 1
            line = Line(self._numbers)
            self._listen(line, ref)
        line.hold(edge, question.caller)
        self._heard_at.setdefault(edge, trio.current_time())
        return wire.Line(line.number, self._newest(line))

    def _listen(self, line: Line, ref: SymbolRef) -> None:
        line.ref = ref
        line.listening = ExitStack()
        line.listening.enter_context(self._system.fanout.listening(ref.updates, self, line.number))
        self._lines[ref] = line

    def _tell(self, line: Line) -> None:
        if (newest := self._newest(line)) is not None:
            self._publish(items=[(line.number, newest)])

    def _newest(self, line: Line) -> bytes | None:
        newest = line.ref.updates.value
        return newest.json if isinstance(newest, Encoded) and self._session.current else None

    def _leave(self, edge: str, line: Line) -> None:
        line.let_go(edge)
        if not line.edges and self._lines.get(line.ref) is line:
            del self._lines[line.ref]
            line.close()

    def _close_all(self) -> None:
        for line in self._lines.values():
            line.close()
        self._lines.clear()
        self._relaying.leave_all()
