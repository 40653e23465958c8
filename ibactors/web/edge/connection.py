"""One TCP connection: Hypercorn's HTTP/1 protocol over a trio stream, with TLS or without.

It stands in place of Hypercorn's `TCPServer`, for what a service with many streams and small answers needs done differently:

- The head and the body of an HTTP/1 response leave in one write.
- An idle connection is a deadline, not a task that each request stops and starts again; what is answered from memory takes no task either.
- A connection that is to be closed is closed, also when the task that answered is cancelled in this moment, as Quart-Trio's is. What the
  client still sends is read for a while, because closing a socket with unread data destroys the answer on its way.
- An answer that comes before the end of its request says that the connection closes; else the client would send the next one into it.
- A write has a deadline, so that a client that takes nothing holds no task for ever.
- Frames of a WebSocket that are the same for many clients are encoded once and written as they are (`take_frames`).
- HTTP/2 is not spoken, and messages of WebSockets are not compressed: one small frame could unpack to a thousand times its size.
"""

import os
import ssl
from collections.abc import Sequence
from contextlib import suppress
from socket import SHUT_WR
from typing import Protocol

import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.ws_stream import WSStream
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, ConnectionState, HTTPScope
from hypercorn.utils import parse_socket_addr
from wsproto.connection import ConnectionState as WebSocketState

from ibactors.web.edge.protocol import Http1
from ibactors.web.edge.receiving import Tasks

PATIENCE = 100.0
"""Seconds in which a client must take what is written to it; one that pauses for a minute is kept."""
HANDSHAKE_PATIENCE = 10.0
"""Seconds in which a client must do its part of the TLS handshake."""
LINGER, LONGEST_LINGER = 2.0, 30.0
"""Seconds for which a closed connection is read on, so that the client gets the last answer: of silence, and in all."""
_MAX_RECEIVE = 64 * 1024


class Application(AppWrapper, Protocol):
    """What is served."""

    def runs_in_step(self, scope: HTTPScope) -> bool:
        """Whether the task that has read a request runs the application itself."""


class Connection:
    """One connection, from accept to close."""

    def __init__(
        self, app: Application, config: Config, context: WorkerContext, stream: trio.SocketStream, tls: ssl.SSLContext | None = None
    ) -> None:
        self.heard_at = trio.current_time()
        """When the client last sent anything."""
        self._app = app
        self._config = config
        self._context = context
        self._socket = stream.socket
        self._stream = stream if tls is None else trio.SSLStream(stream, tls, server_side=True, https_compatible=True)
        self._reading = trio.CancelScope()
        self._sending = trio.Lock()
        self._unwritten = b""
        """The rest of a frame of which the socket has taken a part."""
        self._write_scope = trio.CancelScope()
        self._last_write = float("inf")
        self._idle = True
        self._closing = False
        self._last_read = float("inf")
        self._protocol: Http1

    async def serve(self) -> None:
        """Serve until either side closes."""
        socket = self._socket
        try:
            secure = await self._handshake()
            client = parse_socket_addr(socket.family, socket.getpeername())
            server = parse_socket_addr(socket.family, socket.getsockname())
            async with Tasks(self, self._app.runs_in_step) as tasks:
                self._protocol = Http1(
                    self._app, self._config, self._context, tasks, ConnectionState({}), secure, client, server, self._on_event
                )
                await self._protocol.initiate()
                self._set_idle(idle=True)
                await self._read()
        except (OSError, trio.BrokenResourceError):
            return  # it broke
        finally:
            socket.close()

    def finish(self, by: float) -> None:
        """Take no further request; a write still going on at *by*, in `trio.current_time()` seconds, fails."""
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

    async def _send(self, data: bytes) -> None:
        """Write what the socket takes at once, without a turn of the event loop, and wait for the rest."""
        if isinstance(self._stream, trio.SocketStream) and not self.blocked:
            data = data[self._write_at_once(data) :]
            if not data:
                return
            self._unwritten = data
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
        websocket = self._protocol.stream
        return isinstance(websocket, WSStream) and websocket.connection.state is WebSocketState.OPEN

    async def _handshake(self) -> bool:
        """Agree on keys, where there is TLS; tells whether there is. Raises BrokenResourceError."""
        if not isinstance(self._stream, trio.SSLStream):
            return False
        with trio.move_on_after(HANDSHAKE_PATIENCE):
            await self._stream.do_handshake()
            return True
        raise trio.BrokenResourceError("the TLS handshake took too long")

    async def _read(self) -> None:
        with self._reading, suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while True:
                data = await self._stream.receive_some(_MAX_RECEIVE)
                self.heard_at = trio.current_time()
                if self._closing:
                    self._linger()
                else:
                    await self._protocol.handle(RawData(bytes(data)))
                if not data:
                    break
        await self._protocol.handle(Closed())

    async def _on_event(self, event: Event) -> None:
        """What the protocol wants done."""
        if isinstance(event, RawData):
            await self._send(event.data)
        elif isinstance(event, Updated):
            self._set_idle(idle=event.idle)
        elif isinstance(event, Closed):
            self._close()

    def _set_idle(self, *, idle: bool) -> None:
        self._idle = idle
        self._reading.deadline = trio.current_time() + self._config.keep_alive_timeout if idle else float("inf")

    def _close(self) -> None:
        if not self._closing:
            self._closing = True
            self._last_read = trio.current_time() + LONGEST_LINGER
            self._linger()
            with suppress(OSError):
                self._socket.shutdown(SHUT_WR)

    def _linger(self) -> None:
        self._reading.deadline = min(trio.current_time() + LINGER, self._last_read)

    async def _write(self, data: bytes) -> None:
        """Write all of it, after what is unwritten, whoever is cancelled meanwhile: half a frame would garble all that follows."""
        data, self._unwritten = self._unwritten + data, b""
        deadline = min(trio.current_time() + PATIENCE, self._last_write)
        with trio.CancelScope(deadline=deadline, shield=True) as self._write_scope:
            try:
                await self._stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._reading.cancel(reason="the client is gone")
        if self._write_scope.cancelled_caught:
            self._reading.cancel(reason="the client takes nothing")
            self._socket.close()
