"""Hypercorn's HTTP/1 and WebSocket protocols, with what they do not do."""

from collections.abc import Generator
from http import HTTPStatus

import h11
from hypercorn.events import RawData
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.events import Response, StreamClosed
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.ws_stream import WSStream
from hypercorn.typing import H11SendableEvent
from wsproto.connection import Connection as WebSocketFrames
from wsproto.connection import ConnectionState as WebSocketState
from wsproto.connection import ConnectionType
from wsproto.events import CloseConnection
from wsproto.events import Event as FrameEvent


class Http1(H11Protocol):
    """Hypercorn's HTTP/1, with the head of a response held back until its body comes."""

    _held = b""

    async def _check_protocol(self, event: h11.Request) -> None:
        """Hypercorn would go over to HTTP/2 here, where the client asks for it; not to is always allowed."""

    async def _create_stream(self, request: h11.Request) -> None:
        # Without the offer of the client, Hypercorn does not agree to compression.
        kept = [header for header in request.headers if header[0] != b"sec-websocket-extensions"]
        if len(kept) < len(request.headers):
            request = h11.Request(method=request.method, target=request.target, headers=kept, http_version=request.http_version)
        await super()._create_stream(request)

    async def stream_send(self, event: StreamEvent) -> None:
        websocket = self.stream
        if isinstance(websocket, WSStream):
            if isinstance(event, Response) and event.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
                websocket.connection = _Frames(ConnectionType.SERVER)
            elif isinstance(event, StreamClosed) and websocket.handshake.accepted and isinstance(websocket.connection, _Frames):
                await self._name_broken_rule(websocket.connection)
        elif isinstance(event, Response) and self.connection.their_state is h11.SEND_BODY:
            event.headers.append((b"connection", b"close"))
        await super().stream_send(event)

    async def _name_broken_rule(self, frames: "_Frames") -> None:
        """Close with the code of the rule that the client broke, where Hypercorn would just hang up."""
        if frames.broken is not None and frames.state is WebSocketState.OPEN:
            await self.send(RawData(frames.send(frames.broken)))

    async def _send_h11_event(self, event: H11SendableEvent) -> None:
        try:
            data = self.connection.send(event)
        except h11.LocalProtocolError:
            if self.connection.their_state is not h11.ERROR:
                raise
            return
        self._held += data
        if self._held and not isinstance(event, h11.Response):
            data, self._held = self._held, b""
            await self.send(RawData(data))


class _Frames(WebSocketFrames):
    """The frames of one WebSocket; remembers how a client broke their rules (RFC 6455, section 7.4.1)."""

    broken: CloseConnection | None = None

    def events(self) -> Generator[FrameEvent, None, None]:
        for event in super().events():
            if isinstance(event, CloseConnection) and self.state is WebSocketState.OPEN:
                self.broken = event
            yield event
