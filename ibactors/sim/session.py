"""One API client: its handshake, its requests in order, and everything it is subscribed to.

The session reads whole frames and calls the handler of each request; handlers never block, they post their
answers to the outbox and a second task sends them. Whatever a client sends, the worst that happens is that
its own session ends with a log line.
"""

from __future__ import annotations

import collections
import logging
import socket
import struct
from typing import TYPE_CHECKING, Protocol

import trio

from ibactors.sim.gateway import MARKET_FARMS, MAX_CLIENTS, MAX_VERSION, MIN_VERSION
from ibactors.sim.messages import connection as messages
from ibactors.sim.wire.frames import (
    FieldError,
    FieldReader,
    FrameBuffer,
    FrameError,
    frame,
    parse_versions,
)
from ibactors.sim.wire.outbox import Outbox, SlowClientError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from ibactors.sim.gateway import Gateway
    from ibactors.sim.live.lines import Line
    from ibactors.sim.request import Request

MAX_VIOLATIONS = 3
_START_API = 71
_RECEIVE_BYTES = 64 * 1024
_LINGER_S = 1.0

logger = logging.getLogger(__name__)


class SessionEndedError(Exception):
    """The server ends the session; what was posted before still goes out."""


class Repeating(Protocol):
    """A subscription that sends again, every few seconds, what has changed."""

    def repeat(self) -> None:
        """Send the changes since the last time."""


class Stream(Protocol):
    """A subscription that sends on its own until it is ended: bars, ticks by tick, depth, a scanner."""

    def end(self) -> None:
        """Stop for good; called once, when the client cancels or has gone."""


class Session:
    """The server's side of one API connection."""

    def __init__(
        self,
        gateway: Gateway,
        requests: Mapping[int, Request],
        stream: trio.SocketStream,
    ) -> None:
        self.gateway = gateway
        self._requests = requests
        self.version = 0
        self.client_id: int | None = None
        self.market_data_type = 1
        self.lines: dict[int, Line] = {}
        self.repeating: dict[tuple[str, int], Repeating] = {}
        self.streams: dict[tuple[str, int], Stream] = {}
        self.wants_bulletins = False
        self.small_bar_requests: collections.deque[float] = collections.deque()
        self._stream = stream
        self._nursery: trio.Nursery | None = None
        self._input = FrameBuffer()
        self._outbox = Outbox(lambda: gateway.faults.muted, gateway.delivery)
        self._serving = trio.CancelScope()
        self._stale: dict[int, Line] = {}
        self._recent: collections.deque[float] = collections.deque()
        self._violations = 0

    def send(self, data: bytes) -> None:
        """Post one answer frame."""
        self.gateway.counters.sent += 1
        self._outbox.post(data)

    def error(self, request_id: int, code: int, text: str) -> None:
        """Post an errMsg; request id -1 is a notice about the connection."""
        self.send(messages.error(self.version, request_id, code, text))

    def send_ticks(self, line: Line, data: bytes, *, count: int) -> None:
        """Post `count` ticks of a line, or note that the line is behind when the client is slow."""
        if line.request_id in self._stale or not self._outbox.post_ticks(data):
            self._stale[line.request_id] = line
        else:
            self.gateway.counters.sent += count

    def repeat(self) -> None:
        """Let every account subscription send what has changed, unless the client is behind already."""
        if self._outbox.has_room:
            for subscription in tuple(self.repeating.values()):
                subscription.repeat()

    def later(self, delay_s: float, act: Callable[[], None]) -> None:
        """Call `act` after a delay unless the session has ended by then."""

        async def wait() -> None:
            await trio.sleep(delay_s)
            act()

        if self._nursery is not None:
            self._nursery.start_soon(wait, name=f"sim:client {self.client_id} delayed answer")

    def send_if_room(self, data: bytes) -> None:
        """Post a frame of a stream, or leave it out when the client is behind: a newer one will follow."""
        if self._outbox.post_ticks(data):
            self.gateway.counters.sent += 1

    def start(self, task: Callable[[], Awaitable[None]], *, name: str) -> None:
        """Run a task until it returns or the session ends."""
        if self._nursery is not None:
            self._nursery.start_soon(task, name=name)

    def end_stream(self, kind: str, request_id: int) -> bool:
        """End a stream; whether there was one, as far as the client is told."""
        stream = self.streams.pop((kind, request_id), None)
        if stream is not None:
            stream.end()
        return stream is not None and not self.gateway.faults.cancels_too_late

    def reset(self) -> None:
        """Drop the connection with a TCP reset, as a dying gateway does."""
        reset_stream(self._stream)

    def hang_up(self) -> None:
        """Close the connection after what was posted has gone out."""
        self._serving.cancel(reason="the gateway hangs up")

    async def run(self) -> None:
        """Serve the client until either side ends; nothing a client does gets out of here."""
        try:
            async with trio.open_nursery() as self._nursery:
                self._nursery.start_soon(self._write, name="sim:client writer")
                await self._read()
                self._nursery.cancel_scope.cancel(reason="the API client's session has ended")
        except* Exception:
            logger.exception("api client %s ended by a bug of the simulator", self.client_id)
        finally:
            self._forget()

    async def _read(self) -> None:
        try:
            with self._serving:
                await self._serve()
            # Only a hang-up gets here.
            await self._close_politely()
        except (SessionEndedError, FrameError) as ended:
            logger.info("api client %s ended: %s", self.client_id, ended)
            await self._close_politely()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            logger.debug("api client %s lost its connection", self.client_id)

    async def _write(self) -> None:
        try:
            await self._outbox.send_forever(self._stream, self._catch_up)
        except SlowClientError as slow:
            logger.warning("api client %s is too slow: %s", self.client_id, slow)
            self.reset()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            # The reader notices the same and ends the session.
            logger.debug("api client %s takes no more", self.client_id)

    async def _serve(self) -> None:
        await self.gateway.delivery.alive()
        with trio.move_on_after(self.gateway.handshake_s) as scope:
            await self._shake_hands()
            start = await self._start_request()
        if scope.cancelled_caught:
            # A half-open gateway does not close what it does not answer.
            await self.gateway.delivery.alive()
            raise SessionEndedError(f"no handshake within {self.gateway.handshake_s:g} s")
        self._start_api(start)
        while True:
            body = await self._next_frame()
            if self._within_pace():
                self._handle(body)
            # A client that asks faster than it reads waits here, so that answers cannot pile up.
            while not self._outbox.has_room:
                await self._outbox.drained()
            await trio.lowlevel.checkpoint()

    async def _shake_hands(self) -> None:
        while not self._input.take_prefix():
            await self._receive()
        lowest, highest = parse_versions(await self._next_frame())
        self.version = min(MAX_VERSION, highest)
        if self.version < MIN_VERSION or lowest > MAX_VERSION:
            raise SessionEndedError(f"it speaks {lowest} to {highest}, not {MIN_VERSION} to {MAX_VERSION}")
        self._outbox.post(frame(self.version, f"{self.gateway.now():%Y%m%d %H:%M:%S} GMT"))

    async def _start_request(self) -> FieldReader:
        while True:
            fields = FieldReader(await self._next_frame())
            # A real gateway does not talk before startApi, and early requests vanish.
            if fields.remaining and fields.text() == str(_START_API):
                return fields

    def _start_api(self, fields: FieldReader) -> None:
        self._count("startApi")
        try:
            fields.version()
            client_id = fields.integer()
        except FieldError as bad:
            raise SessionEndedError(f"its startApi cannot be read: {bad}") from bad
        if self.gateway.has_client(client_id):
            text = "Unable to connect as the client id is already in use. Retry with a unique client id."
            self.error(-1, 326, text)
            raise SessionEndedError(f"client id {client_id} is in use")
        if len(self.gateway.ready_sessions()) >= MAX_CLIENTS:
            raise SessionEndedError(f"{MAX_CLIENTS} clients are connected already")
        self.client_id = client_id
        self.send(messages.managed_accounts(self.gateway.account_names))
        self.send(messages.next_valid_id(self.gateway.next_order_id(client_id)))
        self._tell_farms()
        logger.info("api client %d connected at server version %d", client_id, self.version)

    def _tell_farms(self) -> None:
        for farm in MARKET_FARMS:
            if farm in self.gateway.faults.farms_down:
                self.error(-1, 2103, f"Market data farm connection is broken:{farm}")
            else:
                self.error(-1, 2104, f"Market data farm connection is OK:{farm}")
        self.error(-1, 2106, "HMDS data farm connection is OK:ushmds")
        text = "HMDS data farm connection is inactive but should be available upon demand.euhmds"
        self.error(-1, 2107, text)
        self.error(-1, 2158, "Sec-def data farm connection is OK:secdefil")

    def _handle(self, body: bytes) -> None:
        fields = FieldReader(body)
        try:
            message = fields.integer(-1)
            request = self._requests.get(message)
            if request is None:
                self._count("unknown")
                self.error(-1, 320, f"Error reading request. Unknown message id {message}.")
                return
            self._count(request.name)
            request.handle(self, fields)
        except FieldError as bad:
            self.error(fields.request_id, 320, f"Error reading request. {bad}")

    def _within_pace(self) -> bool:
        now = trio.current_time()
        self._recent.append(now)
        while now - self._recent[0] > 1:
            self._recent.popleft()
        limit = self.gateway.limits.messages_per_s
        if len(self._recent) <= limit:
            return True
        self._recent.pop()
        self._violations += 1
        text = f"Max rate of messages per second has been exceeded. max={limit} rec={len(self._recent) + 1}"
        self.error(-1, 100, text)
        if self._violations >= MAX_VIOLATIONS:
            raise SessionEndedError("it sent too many messages a second for the third time")
        return False

    def _count(self, name: str) -> None:
        self.gateway.counters.received += 1
        self.gateway.counters.requests[name] += 1

    def _catch_up(self) -> None:
        stale, self._stale = self._stale, {}
        for line in stale.values():
            line.refresh()

    async def _next_frame(self) -> bytes:
        while (body := self._input.next_frame()) is None:
            await self._receive()
        return body

    async def _receive(self) -> None:
        await self.gateway.delivery.alive()
        data = await self._stream.receive_some(_RECEIVE_BYTES)
        await self.gateway.delivery.alive()
        if not data:
            raise trio.BrokenResourceError("the client closed the connection")
        self._input.feed(data)

    async def _close_politely(self) -> None:
        # Closing with unread input resets the connection, and the client would never see the last error.
        with trio.move_on_after(_LINGER_S):
            try:
                await self._outbox.drained()
                await self._stream.send_eof()
                while await self._stream.receive_some(_RECEIVE_BYTES):
                    pass
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                logger.debug("api client %s was gone before the close", self.client_id)

    def _forget(self) -> None:
        for line in tuple(self.lines.values()):
            line.end()
        self.repeating.clear()
        for stream in tuple(self.streams.values()):
            stream.end()
        self.streams.clear()
        self.client_id = None


def reset_stream(stream: trio.SocketStream) -> None:
    """Close a stream so that the peer gets a TCP reset."""
    if stream.socket.fileno() == -1:
        return
    # SO_LINGER with zero seconds: the kernel discards what is queued and sends RST instead of FIN.
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()
