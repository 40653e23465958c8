"""An edge's session: what the connection with a gateway is elsewhere, with the session's holder behind the bus in its place.

It begins with a question to the holder, and ends for good with the first doubt: another stream, a gap, a lease that is over, or the
holder's own word. Nothing is patched up and nothing is replayed; whoever had a line opens it anew in the next session.
"""

import secrets
from collections.abc import Hashable
from typing import TypeVar

import msgspec
import structlog
import trio

from ibactors.actors.edge_calls import READ_TIMEOUT, Calls
from ibactors.actors.edge_errors import error_of
from ibactors.actors.edge_following import Following
from ibactors.actors.lookup import Found
from ibactors.bridge.incoming import PacketObserver
from ibactors.bridge.quote_line import QuoteListener
from ibactors.bridge.vigil import boot_time
from ibactors.bus import wire
from ibactors.bus.follower import FeedBroken, Follower
from ibactors.bus.link import Arrived, Link
from ibactors.errors import GatewayDisconnected, GatewayTimeout
from ibactors.model.instruments import ContractInfo, Instrument
from ibactors.model.quotes import Quote, Stale

log = structlog.get_logger(__name__)

T = TypeVar("T")

PING = 0.25
"""Seconds between two pings."""
HELLO_TIMEOUT = 1.0
MOST_EARLY = 4096
"""Messages and lines of the feed that are kept while it is not known what they belong to."""

_update = msgspec.json.Decoder(Quote | Stale | wire.Refusal).decode


class _Line:
    """One that is opened, or about to be."""

    def __init__(self, listener: QuoteListener) -> None:
        self.listener = listener
        self.number: int | None = None
        self.since = 0
        """What the feed had come to when it was opened; what comes of before is older than the answer to that."""


class EdgeSession:
    """One session, over one link."""

    def __init__(self, link: Link, subjects: wire.Subjects, observer: PacketObserver, *, lease: float) -> None:
        self._link = link
        self._subjects = subjects
        self._observer = observer
        self._edge = secrets.token_hex(8)
        self.follower = Follower(self._edge, lease=lease, clock=boot_time)
        self.lost: str | None = None
        """Why it is over."""
        self.over = trio.Event()
        self.state_changed = trio.Event()
        self.state: wire.State
        self.accounts: tuple[str, ...] = ()
        self.server_version: int | None = None
        self._early: list[wire.Feed] = []
        """What came before it was known where to begin."""
        self._lines: dict[Hashable, _Line] = {}
        self._by_number: dict[int, _Line] = {}
        self._unclaimed: dict[int, tuple[int, bytes]] = {}
        """What came of lines whose number nobody knows yet, while some are being opened."""
        self._opening = 0
        self.calls = Calls(self._edge, subjects, self.follower, link.publish)
        self.following = Following(self.calls.ask, self.calls.send, self.end)
        """Channels other than quotes."""
        self.takes_orders = False
        """Whether the holder takes them from edges."""

    @property
    def lines(self) -> int:
        """Those that are open."""
        return len(self._lines) + len(self.following)

    def end(self, reason: str) -> None:
        """It is over; the first reason counts."""
        if self.lost is None:
            self.lost = reason
            self.over.set()
            self.calls.end(reason)

    async def begin(self) -> None:
        """Ask the holder where to begin. Raises GatewayDisconnected."""
        await self._link.subscribe(self.calls.replies, self.calls.answered)
        await self._link.subscribe(self._subjects.feed, self._fed)
        asked_at = boot_time()
        try:
            answer, _ = await self.calls.ask(wire.Hello(), HELLO_TIMEOUT)
        except GatewayTimeout as exc:
            raise GatewayDisconnected(str(exc)) from None
        welcome = msgspec.msgpack.decode(answer.result, type=wire.Welcome)
        if welcome.version != wire.VERSION:
            raise GatewayDisconnected(f"The session's holder speaks version {welcome.version} of the bus, this edge {wire.VERSION}.")
        if not welcome.state.current:
            raise GatewayDisconnected(welcome.state.reason or f"The holder's session is {welcome.state.phase}.")
        self.state, self.accounts, self.server_version = welcome.state, welcome.accounts, welcome.server_version
        self.takes_orders = welcome.takes_orders
        self.follower.begin(answer.stream, answer.sequence, asked_at)
        early, self._early = self._early, []
        for feed in early:
            self._take(feed)

    async def keep_lease(self) -> None:
        """Ping until it is over."""
        while self.lost is None:
            if not self.follower.fresh:
                self.end(self.follower.overdue)
            self._link.publish(self._subjects.ping, wire.encode(wire.Ping(self._edge, self.follower.ping())))
            with trio.move_on_after(PING):
                await self._link.over.wait()
                self.end(self._link.lost or "The bus was lost.")

    async def find(self, instrument: Instrument, *, caller: str) -> Found:
        """The reading and the contract that the holder finds; raises what it raises there."""
        answer, _ = await self.calls.ask(wire.Find(instrument, caller[:200]))
        reading, contract = wire.read_found(answer.result)
        return reading, msgspec.msgpack.decode(contract, type=ContractInfo)

    async def open(self, owner: Hashable, question: wire.Open, listener: QuoteListener) -> None:
        """Have *listener* told of an instrument's quotes, in place of what the owner had before; raises what it raises at the holder."""
        self.close(owner)
        line = self._lines[owner] = _Line(listener)
        self._opening += 1
        try:
            answer, _ = await self.calls.ask(question)
        except BaseException:
            if self._lines.get(owner) is line:
                del self._lines[owner]
            raise
        finally:
            self._opening -= 1
            unclaimed = self._unclaimed
            if not self._opening:
                self._unclaimed = {}
        opened = msgspec.msgpack.decode(answer.result, type=wire.Line)
        if self._lines.get(owner) is not line:
            return
        line.number, line.since = opened.number, answer.sequence
        self._by_number[opened.number] = line
        sequence, newest = unclaimed.get(opened.number, (0, opened.newest))
        newest = newest if sequence > answer.sequence else opened.newest
        if newest is not None:
            self._tell(line, newest)

    def close(self, owner: Hashable) -> None:
        """The owner wants nothing more."""
        line = self._lines.pop(owner, None)
        if line is not None and line.number is not None and self._by_number.get(line.number) is line:
            del self._by_number[line.number]
            self.calls.send(wire.Close(line.number))

    async def read(self, question: wire.Read) -> tuple[wire.Response, list[bytes]]:
        """How the holder answers a client's GET. Raises GatewayDisconnected, GatewayTimeout or MailboxFull."""
        answer, body = await self.calls.ask(question, READ_TIMEOUT)
        return msgspec.msgpack.decode(answer.result, type=wire.Response), body

    async def act(self, question: wire.Act) -> tuple[wire.Response, list[bytes]]:
        """How the holder answers what changes orders. Raises AnswerLost where nobody knows whether it was done."""
        seen = msgspec.structs.replace(question, seen=self.follower.sequence)
        answer, body = await self.calls.act(seen)
        return msgspec.msgpack.decode(answer.result, type=wire.Response), body

    async def next(self, question: wire.Next) -> list[wire.Told]:
        """What comes next of a channel that is pulled; nothing, when nothing does for a while. Raises what `read` does."""
        _, body = await self.calls.ask(question, READ_TIMEOUT)
        try:
            return wire.read_messages(b"".join(body))
        except msgspec.MsgspecError as exc:
            self.end(f"An answer of the bus cannot be read: {exc}")
            raise GatewayDisconnected("An answer of the session's holder cannot be read.") from None

    def _fed(self, message: Arrived) -> None:
        feed = wire.read_feed(message.data)
        if self.follower.stream:
            self._take(feed)
        elif len(self._early) < MOST_EARLY:
            self._early.append(feed)
        else:
            self.end("The session's holder sends more than an edge can begin with.")

    def _take(self, feed: wire.Feed) -> None:
        if self.lost is not None:
            return
        try:
            if not self.follower.follows(feed):
                return
        except FeedBroken as exc:
            self.end(str(exc))
            return
        if feed.state is not None:
            self.state = feed.state
            self.state_changed.set()
            if not feed.state.current:
                self.end(feed.state.reason or f"The holder's session is {feed.state.phase}.")
                return
        if feed.items or feed.messages:
            self._observer.packet_begins()
            try:
                self.following.take(feed)
                for number, json in feed.items:
                    self._heard(number, json, feed.sequence)
            finally:
                self._observer.packet_ended()

    def _heard(self, number: int, json: bytes, sequence: int) -> None:
        line = self._by_number.get(number)
        if line is None and self._opening:
            self._unclaimed[number] = (sequence, json)
            if len(self._unclaimed) > MOST_EARLY:  # not dropped: an older value would be shown for the newest
                self.end("The session's holder sends more than an edge can keep while it opens a line.")
        elif line is not None and sequence > line.since:
            self._tell(line, json)

    def _tell(self, line: _Line, json: bytes) -> None:
        update = _update(json)
        match update:
            case Quote():
                line.listener.ticked(update)
            case Stale():
                line.listener.interrupted(error_of(wire.Refusal(update.code, update.reason)))
            case wire.Refusal():
                line.listener.failed(error_of(update))
