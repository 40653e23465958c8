"""One API connection: its handshake, its requests in order, its pace and its end.

The connection reads whole frames and calls the handler of each request; handlers never block, they post their answers to the outbox and a
second task sends them. Whatever a client sends, the worst that happens is that its own connection ends with a log line.
"""

import collections
import functools
import socket
import struct
from collections.abc import Mapping

import structlog
import trio

from ibactors.sim import read_only
from ibactors.sim.gateway import HISTORY_FARM, MARKET_FARMS, Gateway
from ibactors.sim.late import Backlog
from ibactors.sim.messages import connection as messages
from ibactors.sim.orders.desk import Desk
from ibactors.sim.request import Request
from ibactors.sim.requests.orders import list_open_orders
from ibactors.sim.session import Session
from ibactors.sim.wire.frames import (
    BadField,
    BadFrame,
    FieldReader,
    FrameBuffer,
    frame,
    parse_versions,
)
from ibactors.sim.wire.outbox import ClientTooSlow, Outbox

MIN_VERSION = 157
MAX_VERSION = 178
MAX_CLIENTS = 32
MAX_VIOLATIONS = 3
_START_API = 71
# What has left the client reaches the broker, whatever becomes of the socket.
_OUTLIVE_THEIR_SESSION = ("placeOrder", "cancelOrder", "reqGlobalCancel")
_RECEIVE_BYTES = 64 * 1024
_LINGER_S = 1.0

log = structlog.get_logger(__name__)


class SessionEnded(Exception):
    """The server ends the session; what was posted before still goes out."""


class Connection:
    """The server's side of one API connection; `session` is None until the client has started the API."""

    def __init__(self, gateway: Gateway, orders: Desk, requests: Mapping[int, Request], stream: trio.SocketStream) -> None:
        self.session: Session | None = None
        self._gateway = gateway
        self._orders = orders
        self._requests = requests
        self._stream = stream
        self._version = 0
        self._input = FrameBuffer()
        self._outbox = Outbox(lambda: gateway.faults.muted, gateway.delivery)
        self._serving = trio.CancelScope()
        self._writing = trio.CancelScope()
        self._written = trio.Event()
        self._recent: collections.deque[float] = collections.deque()
        self._violations = 0

    def reset(self) -> None:
        """Drop the connection with a TCP reset, as a dying gateway does."""
        reset_stream(self._stream)

    def hang_up(self) -> None:
        """Close the connection after what was posted has gone out."""
        self._serving.cancel(reason="the gateway hangs up")

    @property
    def _client_id(self) -> int | None:
        """The client's id for the log; None before startApi."""
        return None if self.session is None else self.session.client_id

    async def run(self) -> None:
        """Serve the client until either side ends; nothing that a client does raises here."""
        try:
            async with trio.open_nursery() as tasks:
                tasks.start_soon(self._write, name="sim:client writer")
                await self._read(tasks)
                tasks.cancel_scope.cancel(reason="the API client's session has ended")
        except* Exception:
            log.exception("client_crashed", client_id=self._client_id)
        finally:
            self._forget()

    async def _read(self, tasks: trio.Nursery) -> None:
        try:
            with self._serving:
                await self._serve(tasks)
            # Only a hang-up gets here, or a client to whom nothing can be written.
            if not self._written.is_set():
                await self._close_politely()
        except (SessionEnded, BadFrame) as ended:
            log.info("client_ended", client_id=self._client_id, reason=str(ended))
            await self._close_politely()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            log.debug("client_lost", client_id=self._client_id, during="reading")

    async def _write(self) -> None:
        try:
            with self._writing:
                await self._outbox.send_forever(self._stream, self._catch_up)
        except ClientTooSlow as slow:
            log.warning("slow_client_dropped", client_id=self._client_id, reason=str(slow))
            self.reset()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            # The reader notices the same and ends the session.
            log.debug("client_lost", client_id=self._client_id, during="writing")
        finally:
            self._written.set()
            self._serving.cancel(reason="nothing is written any more")  # the reader may wait for room in the outbox

    async def _serve(self, tasks: trio.Nursery) -> None:
        await self._gateway.delivery.alive()
        with trio.move_on_after(self._gateway.handshake_s) as scope:
            await self._shake_hands()
            start = await self._start_request()
        if scope.cancelled_caught:
            # A half-open gateway does not close what it does not answer.
            await self._gateway.delivery.alive()
            raise SessionEnded(f"no handshake within {self._gateway.handshake_s:g} s")
        session = self.session = self._start_api(start, tasks)
        self._gateway.clients[session.client_id] = session
        log.info("client_connected", client_id=session.client_id, server_version=session.version)
        backlog = Backlog(lambda: self._gateway.faults.late_s, functools.partial(self._handle, session))
        tasks.start_soon(backlog.run, name=f"sim:client {session.client_id} late requests")
        while True:
            body = await self._next_frame()
            if self._within_pace(session):
                await backlog.take(body)
            # A client that asks faster than it reads waits here, so that answers cannot pile up.
            while not self._outbox.has_room:
                await self._outbox.drained()
            await trio.lowlevel.checkpoint()

    async def _shake_hands(self) -> None:
        while not self._input.take_prefix():
            await self._receive()
        lowest, highest = parse_versions(await self._next_frame())
        self._version = min(MAX_VERSION, highest)
        if self._version < MIN_VERSION or lowest > MAX_VERSION:
            raise SessionEnded(f"it speaks {lowest} to {highest}, not {MIN_VERSION} to {MAX_VERSION}")
        self._outbox.post(frame(self._version, f"{self._gateway.now():%Y%m%d %H:%M:%S} GMT"))

    async def _start_request(self) -> FieldReader:
        while True:
            fields = FieldReader(await self._next_frame())
            # A real gateway does not talk before startApi, and early requests vanish.
            if fields.remaining and fields.text() == str(_START_API):
                return fields

    def _start_api(self, fields: FieldReader, tasks: trio.Nursery) -> Session:
        self._count("startApi")
        try:
            fields.version()
            client_id = fields.integer()
        except BadField as bad:
            raise SessionEnded(f"its startApi cannot be read: {bad}") from bad
        session = Session(
            self._gateway, self._orders, self._outbox, tasks, self.hang_up, self.reset, version=self._version, client_id=client_id
        )
        if self._gateway.has_client(client_id):
            session.error(-1, 326, "Unable to connect as the client id is already in use. Retry with a unique client id.")
            raise SessionEnded(f"client id {client_id} is in use")
        if len(self._gateway.clients) >= MAX_CLIENTS:
            raise SessionEnded(f"{MAX_CLIENTS} clients are connected already")
        if self._gateway.quirks.open_at_connect:
            list_open_orders(session, self._orders.book.register.alive(client_id))
        session.send(messages.managed_accounts(self._gateway.account_names))
        session.send(messages.next_valid_id(self._orders.next_id(client_id)))
        for code, text in self._farms():
            session.error(-1, code, text)
        return session

    def _farms(self) -> list[tuple[int, str]]:
        """The notices about data farms that a client gets on connecting."""
        notices = [self._gateway.farm_notice(farm) for farm in (*MARKET_FARMS, HISTORY_FARM)]
        notices.append((2107, "HMDS data farm connection is inactive but should be available upon demand.euhmds"))
        notices.append((2158, "Sec-def data farm connection is OK:secdefil"))
        return notices

    def _handle(self, session: Session, body: bytes) -> None:
        fields = FieldReader(body)
        try:
            message = fields.integer(-1)
        except BadField as bad:
            session.error(fields.request_id, 320, f"Error reading request. {bad}")
            return
        request = self._requests.get(message)
        if request is None:
            self._count("unknown")
            session.error(-1, 320, f"Error reading request. Unknown message id {message}.")
            return
        self._count(request.name)
        # Before anything can go wrong with it: a placeOrder that is lost below did come.
        record = self._orders.chronicle.witness(session.client_id, session.version, body) if request.name == "placeOrder" else None
        # What came in the same packet behind a request that cut the connection is lost with it.
        arrived = not session.is_severed and self._gateway.script.incoming(
            session, request.name, body, lambda: _carry_out(session, request, body)
        )
        if record is not None and not arrived:
            record.lost += 1

    def _within_pace(self, session: Session) -> bool:
        now = trio.current_time()
        self._recent.append(now)
        while now - self._recent[0] > 1:
            self._recent.popleft()
        limit = self._gateway.limits.messages_per_s
        if len(self._recent) <= limit:
            return True
        self._recent.pop()
        self._violations += 1
        text = f"Max rate of messages per second has been exceeded. max={limit} rec={len(self._recent) + 1}"
        session.error(-1, 100, text)
        if self._violations >= MAX_VIOLATIONS:
            raise SessionEnded("it sent too many messages a second for the third time")
        return False

    def _count(self, name: str) -> None:
        self._gateway.counters.received += 1
        self._gateway.counters.requests[name] += 1

    def _catch_up(self) -> None:
        if self.session is not None:
            self.session.catch_up()

    async def _next_frame(self) -> bytes:
        while (body := self._input.next_frame()) is None:
            await self._receive()
        return body

    async def _receive(self) -> None:
        await self._gateway.delivery.alive()
        data = await self._stream.receive_some(_RECEIVE_BYTES)
        await self._gateway.delivery.alive()
        if not data:
            raise trio.BrokenResourceError("the client closed the connection")
        self._input.feed(data)

    async def _close_politely(self) -> None:
        # Closing with unread input resets the connection, and the client would never see the last error.
        with trio.move_on_after(_LINGER_S):
            try:
                await self._outbox.drained()
                # Ticks may be posted at any time, and a socket cannot end while somebody writes to it.
                self._writing.cancel(reason="the last word has been said")
                await self._written.wait()
                await self._stream.send_eof()
                while await self._stream.receive_some(_RECEIVE_BYTES):
                    pass
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                log.debug("client_lost", client_id=self._client_id, during="closing")

    def _forget(self) -> None:
        session, self.session = self.session, None
        if session is not None:
            del self._gateway.clients[session.client_id]
            session.is_severed = True
            session.lose_data()


def _carry_out(session: Session, request: Request, body: bytes) -> None:
    if session.is_severed and request.name not in _OUTLIVE_THEIR_SESSION:
        return
    fields = FieldReader(body)
    fields.skip()
    try:
        if not read_only.refuses(session, request.name, body):
            request.handle(session, fields)
    except BadField as bad:
        session.error(fields.request_id, 320, f"Error reading request. {bad}")


def reset_stream(stream: trio.SocketStream) -> None:
    """Close a stream so that the peer gets a TCP reset."""
    if stream.socket.fileno() == -1:
        return
    # SO_LINGER with zero seconds: the kernel discards what is queued and sends RST instead of FIN.
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()
