"""One TCP connection: bytes in and out, with TLS or without, and its deadlines.

For a service with many streams and small answers:

- The head and the body of a response leave in one write, which needs no turn of the event loop where the socket takes it.
- An idle connection is a deadline, not a task that each request stops and starts again.
- A connection that is to be closed is closed. What the client still sends is read for a while, because closing a socket with unread data
  destroys the answer on its way.
- A write has a deadline, so that a client that takes nothing holds no task for ever.
- Frames of a WebSocket that are the same for many clients are encoded once and written as they are (`take_frames`).
- HTTP/2 is not spoken, and messages of WebSockets are not compressed: one small frame could unpack to a thousand times its size.
"""

import os
import ssl
from collections.abc import Sequence
from contextlib import suppress
from socket import SHUT_WR
from typing import Any

import h11
import trio

from ibactors.web.contract.asgi import App
from ibactors.web.edge.exchange import Exchange
from ibactors.web.edge.heads import Ends
from ibactors.web.edge.protocol import Http1
from ibactors.web.edge.short_way import Places, ShortWay
from ibactors.web.edge.timeouts import TIMEOUTS, Timeouts
from ibactors.web.edge.websocket import WebSocket, wants_websocket

LINGER_OCTETS = 8 * 1024 * 1024
"""Octets that are read at most after closing our side: a client that sends more is not about to read its answer."""
_MAX_RECEIVE = 64 * 1024
_AT_ONCE = 64 * 1024
"""Octets that are written at once where that takes waiting: TLS keeps a second, encrypted text of all that it is given."""


class Connection:
    """One connection, from accept to close."""

    def __init__(
        self, app: App, stream: trio.SocketStream, places: Places, tls: ssl.SSLContext | None = None, timeouts: Timeouts = TIMEOUTS
    ) -> None:
        self.heard_at = trio.current_time()
        """When the client last sent anything."""
        self.stopping = False
        """Whether no further request is to be taken."""
        self._app = app
        self._places = places
        self._timeouts = timeouts
        self._socket = stream.socket
        self._stream = stream if tls is None else trio.SSLStream(stream, tls, server_side=True, https_compatible=True)
        self._reading = trio.CancelScope()
        self._sending = trio.Lock()
        self._unwritten: bytes | memoryview = b""
        """The rest of what the socket has taken a part of."""
        self._write_scope = trio.CancelScope()
        self._last_write = float("inf")
        self._idle = False
        self._idle_since = 0.0
        self._websocket: WebSocket | None = None

    async def serve(self) -> None:
        """Serve until either side closes."""
        try:
            ends = Ends(secure=await self._handshake(), client=_end(self._socket.getpeername()), server=_end(self._socket.getsockname()))
            with ShortWay.of(self._app, ends, self._places) as short_way:
                async with trio.open_nursery() as nursery:
                    with self._reading:
                        await self._serve(Http1(self, ends, short_way), nursery)
                        await self._linger()
                    nursery.cancel_scope.cancel(reason="the connection ends")
        except (OSError, trio.BrokenResourceError):
            return  # it broke
        finally:
            self._socket.close()

    async def _serve(self, http: Http1, nursery: trio.Nursery) -> None:
        """Serve requests until no further one can come."""
        try:
            while (request := await http.next_request()) is not None:
                if wants_websocket(request):
                    self._websocket = WebSocket(self._app, http, request, self)
                    await self._websocket.serve()
                    return
                await Exchange(self._app, http, request, nursery).serve()
        except h11.RemoteProtocolError as error:
            await http.refuse(error)

    def finish(self, by: float) -> None:
        """Take no further request; a write still going on at *by*, in `trio.current_time()` seconds, fails."""
        self.stopping = True
        self._last_write = self._write_scope.deadline = by
        if self._idle:
            self._reading.cancel(reason="the service stops")

    @property
    def blocked(self) -> bool:
        """Whether something is being written, or waits to be: no frames can be taken now."""
        return bool(self._unwritten) or self._sending.locked()

    def take_frames(self, frames: Sequence[bytes]) -> int:
        """Take whole WebSocket frames without waiting, while not `blocked`; how many, at least one.

        A frame that the socket took a part of is completed before anything else is written; those after it are not taken. Once the closing
        handshake has begun all are taken, and none is written.
        """
        if not self._websocket_is_open():
            return len(frames)
        data = b"".join(frames)
        if not isinstance(self._stream, trio.SocketStream):
            self._unwritten = data  # TLS: what a socket will take is not known before it is encrypted
            return len(frames)
        written = self._write_at_once(data)
        if written == len(data):
            return len(frames)
        end = 0
        for count, frame in enumerate(frames, 1):
            end += len(frame)
            if end > written:
                self._unwritten = data[written:end]
                return count
        raise AssertionError("the socket took more than it was given")

    async def unblocked(self) -> None:
        """Wait until all that was taken is written, or the connection ends."""
        async with self._sending:
            await self._write(b"")

    async def send_frames(self, frames: bytes) -> None:
        """Send whole WebSocket frames; without effect once the closing handshake has begun."""
        async with self._sending:
            if self._websocket_is_open():
                await self._write(frames)

    async def receive(self, most: int) -> bytes:
        """What has come, up to *most* octets; nothing once the client has left."""
        most = min(most, _MAX_RECEIVE)
        try:
            if isinstance(self._stream, trio.SocketStream):
                data = await self._read(most)
            else:
                data = bytes(await self._stream.receive_some(most))
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            return b""
        self.heard_at = trio.current_time()
        return data

    async def _read(self, most: int) -> bytes:
        """What has come, without a look before it has: a client that waits for its answer has sent nothing. Raises OSError."""
        while True:
            await trio.lowlevel.wait_readable(self._socket.fileno())
            with suppress(BlockingIOError):
                return os.read(self._socket.fileno(), most)

    def set_idle(self, *, idle: bool, anew: bool = False) -> None:
        """Whether it is the client who is waited for; that it sends a part of what it is to send gives it no further time.

        When it has sent a whole request it has its time *anew*. Its deadline is moved seldom, so that it may have a tenth of it more.
        """
        present, head = trio.current_time(), self._timeouts.head
        if idle is self._idle and not (anew and present - self._idle_since > head / 10):
            return
        self._idle, self._idle_since = idle, present
        self._reading.deadline = present + head * 1.1 if idle else float("inf")

    async def send(self, data: bytes) -> None:
        """Write what the socket takes at once, without a turn of the event loop, and wait for the rest."""
        if isinstance(self._stream, trio.SocketStream) and not self.blocked:
            written = self._write_at_once(data)
            if written == len(data):
                return
            self._unwritten = memoryview(data)[written:]
            data = b""
        async with self._sending:
            await self._write(data)

    def _write_at_once(self, data: bytes) -> int:
        """Write what the socket takes without waiting; how many octets that were. An error shows in the next write that waits."""
        try:
            return os.write(self._socket.fileno(), data)
        except OSError:
            return 0

    def _websocket_is_open(self) -> bool:
        return self._websocket is not None and self._websocket.is_open

    async def _handshake(self) -> bool:
        """Agree on keys, where there is TLS; tells whether there is. Raises BrokenResourceError."""
        if not isinstance(self._stream, trio.SSLStream):
            return False
        with trio.move_on_after(self._timeouts.handshake):
            await self._stream.do_handshake()
            return True
        raise trio.BrokenResourceError("the TLS handshake took too long")

    async def _linger(self) -> None:
        """Tell the client that nothing more comes, and read on until it has closed as well, or for a while."""
        last = trio.current_time() + self._timeouts.linger
        with suppress(OSError):
            self._socket.shutdown(SHUT_WR)
        left = LINGER_OCTETS
        while left > 0:
            self._reading.deadline = min(trio.current_time() + self._timeouts.silence, last)
            data = await self.receive(_MAX_RECEIVE)
            left -= len(data) or left

    async def _write(self, data: bytes) -> None:
        """Write all of it, after what is unwritten, whoever is cancelled meanwhile: half a frame would garble all that follows."""
        pieces, self._unwritten = (self._unwritten, data), b""
        deadline = min(trio.current_time() + self._timeouts.write, self._last_write)
        with trio.CancelScope(deadline=deadline, shield=True) as self._write_scope:
            try:
                for piece in pieces:
                    view = memoryview(piece)
                    for start in range(0, len(view), _AT_ONCE):
                        await self._stream.send_all(view[start : start + _AT_ONCE])
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._reading.cancel(reason="the client is gone")
        if self._write_scope.cancelled_caught:
            self._reading.cancel(reason="the client takes nothing")
            self._socket.close()


def _end(address: Any) -> tuple[str, int]:
    """Host and port, without what IPv6 adds."""
    return address[0], address[1]
